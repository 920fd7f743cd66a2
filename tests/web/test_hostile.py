"""A card made to do harm: its text is shown as it is, and nothing of it runs."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.web.studio import User, card, entry

SCRIPTS = (
    "<script>window.harmed = 1</script>",
    "<img src=x onerror='window.harmed = 1'>",
    "<svg onload='window.harmed = 1'><a href='javascript:window.harmed = 1'>x</a></svg>",
    "[x](javascript:window.harmed=1) javascript:window.harmed=1",
    "<iframe srcdoc='<script>parent.harmed = 1</script>'></iframe>",
    "*<style>*{display:none}</style>* {{<b onmouseover='window.harmed = 1'>}} <mark onclick='window.harmed=1'>x</mark>",
)
NAME = "<b onmouseover='window.harmed=1'>Mallory</b>"


def hostile() -> dict[str, object]:
    text = "\n\n".join(SCRIPTS)
    made = card(
        **dict.fromkeys(("description", "personality", "scenario", "first_mes", "creator_notes"), text),
        name=NAME,
        mes_example=f"<START>\n{{{{user}}}}: {SCRIPTS[0]}\n{{{{char}}}}: {SCRIPTS[1]}",
        alternate_greetings=list(SCRIPTS),
        tags=["<i onclick='window.harmed=1'>", "javascript:window.harmed=1"],
        creator=SCRIPTS[1],
    )
    entries = [
        entry(1, NAME, ["<u onclick='window.harmed=1'>", "wave"]),
        entry(2, '"><script>harmed=1</script>', ["wave"]),
    ]
    made["data"]["character_book"] = {
        "name": NAME,
        "description": text,
        "extensions": {},
        "entries": [one | {"content": f"reef {text}"} for one in entries],
    }
    return made


def unharmed(page: Page) -> None:
    """Nothing ran, and nothing became an element."""
    assert page.evaluate("window.harmed") is None
    assert (
        page.locator("main :is(script, iframe, style, b, i[onclick], u, [onerror], [onclick], [onload])").count() == 0
    )
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.locator("main").is_visible()


def test_no_text_of_a_card_becomes_part_of_the_page(user: User, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "<img src=x onerror=alert(1)>.json"
    file.write_text(json.dumps(hostile()))
    page.on("dialog", lambda dialog: (_ for _ in ()).throw(AssertionError(dialog.message)))
    page.locator("input[type=file]").set_input_files(file)
    tile = page.locator(".tile h2")
    expect(tile).to_have_text(NAME)
    tile.hover()
    unharmed(page)
    tile.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(user.part("Description")).to_contain_text(SCRIPTS[0])
    for greeting in page.locator(".greetings summary").all()[1:]:
        greeting.click()
    page.get_by_role("button", name="Edit: Scenario").click()
    page.get_by_role("button", name="Cancel").click()
    unharmed(page)
    page.get_by_role("link", name="Lorebook").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    page.get_by_label("Search the entries").fill("reef")
    expect(page.locator(".entry mark").first).to_have_text("reef")
    page.get_by_label("Chat, one message a line").fill("a wave <img src=x onerror='window.harmed=1'>")
    expect(page.locator(".outcome")).to_contain_text("would fire")
    unharmed(page)


def test_markup_would_be_refused_even_if_a_module_took_it_in(user: User, page: Page) -> None:
    refused = page.evaluate(
        "() => { try { document.body.innerHTML = '<p>x</p>'; return false } catch { return true } }"
    )
    assert refused
