"""The main flow: sign in, submit, watch, open a card, take its file; and what goes wrong on the way."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import FilePayload, Page, expect
from tavern_card import parse_png_card

from tests.engine.processes import free_port, web
from tests.web.studio import NAMES, SOURCES, User, card

SECONDS = 40_000  # of patience with work, in milliseconds


def test_two_sources_become_two_cards_that_can_be_taken_along(user: User, page: Page, tmp_path: Path) -> None:
    user.forge(*SOURCES)
    page.get_by_label("Name of the batch").fill("Keepers")
    expect(page.get_by_label("Estimate")).to_contain_text("2 cards")
    expect(page.get_by_label("Estimate")).to_contain_text("Free")
    user.deal()
    expect(page.get_by_role("heading", name="Keepers")).to_be_visible()
    expect(user.figure("Written")).to_have_text("2 of 2", timeout=SECONDS)
    expect(page.locator(".head .badge")).to_contain_text("Completed")
    expect(page.locator(".deal.has-face")).to_have_count(2)

    page.locator(".deal a").first.click()
    expect(page.get_by_role("heading", level=1, name=NAMES[0])).to_be_visible()
    expect(user.part("Description")).to_contain_text("chapel in the Silverwood")
    with page.expect_download() as started:
        page.get_by_role("button", name="PNG card").click()
    started.value.save_as(tmp_path / "card.png")
    assert parse_png_card((tmp_path / "card.png").read_bytes())["data"]["name"] == NAMES[0]
    expect(page.locator(".files li").filter(has_text="PNG card")).to_contain_text("loses nothing")
    expect(page.locator(".files li").filter(has_text="JSON V1")).to_contain_text(re.compile(r"loses \d"))


def test_a_batch_that_is_opened_again_shows_its_cards(user: User, page: Page) -> None:
    user.forge(*SOURCES)
    user.deal()
    expect(page.locator(".deal.has-face")).to_have_count(2, timeout=SECONDS)
    page.reload()
    expect(page.locator(".deal.has-face img[src^='blob:']")).to_have_count(2)
    expect(page.get_by_role("link", name=f"Card 1, {NAMES[0]}: completed")).to_be_visible()


def test_files_are_cut_into_cards_and_faults_stand_beside_them(user: User, page: Page, tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("\n---\n".join(SOURCES))
    user.go("new", "Forge cards")
    page.locator("input[type=file]").set_input_files(tmp_path / "two.txt")
    page.get_by_role("button", name="Cut into 2 cards").click()
    expect(page.get_by_label("two.txt, part 2")).to_have_value(SOURCES[1])
    page.get_by_label("two.txt, part 2").fill("…!")
    fault = page.locator(".slip").nth(1).locator(".wrong")
    expect(fault).to_contain_text("Holds no words")
    page.get_by_label("two.txt, part 2").fill(SOURCES[1])
    expect(fault).to_be_hidden()
    page.get_by_label("Budget, in dollars").fill("-1")
    expect(page.locator(".field").filter(has_text="Budget").locator(".wrong")).not_to_be_empty()


def test_what_is_said_does_not_cover_the_button_that_deals(user: User, page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    user.forge(SOURCES[0])
    (tmp_path / "a.txt").write_bytes(b"no\0text")
    page.locator("input[type=file]").set_input_files(tmp_path / "a.txt")
    expect(page.locator(".toast")).to_contain_text("no text in UTF-8")
    page.get_by_role("button", name="Deal the cards").click(trial=True, timeout=5_000)
    expect(page.locator(".toast")).to_be_visible()


def test_options_are_found_by_a_word_and_sent(user: User, page: Page) -> None:
    user.forge(SOURCES[1])
    page.get_by_role("button", name="All options").click()
    page.get_by_label("Search the options").fill("lorebook write")
    page.get_by_label("Include book").select_option("no")
    page.get_by_role("button", name="Use these").click()
    expect(page.locator(".options-line")).to_contain_text("Include book: no")
    batch = user.deal()
    expect(user.figure("Written")).to_have_text("1 of 1", timeout=SECONDS)
    job = user.ask("GET", f"/batch-generations/{batch}").json()["items"][0]["job_id"]
    assert user.ask("GET", f"/jobs/{job}/result").json()["book"] is None
    user.go(f"jobs/{job}", "Job")
    expect(page.locator(".steps")).to_contain_text("2 of 3")
    expect(page.locator(".log")).to_contain_text("Wrote Tam Fisher")


def test_a_key_that_expires_is_asked_for_again_and_nothing_typed_is_lost(
    user: User, page: Page, database: Any, owner: str
) -> None:
    from models.services import keys

    user.forge(SOURCES[0])
    with database.transaction() as session:
        keys.revoke_all(session, owner)
        fresh = keys.create_key(session, owner, "another", keys.SCOPES)[1]
    page.get_by_role("button", name="Deal the cards").click()
    dialog = page.get_by_role("dialog", name="Your key no longer works")
    expect(dialog).to_contain_text("expired or revoked")
    dialog.get_by_label("API key").fill("cf_nonsense")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_contain_text("unknown")
    dialog.get_by_label("API key").fill(fresh)
    dialog.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/#/batches/batch_*")
    expect(user.figure("Written")).to_have_text("1 of 1", timeout=SECONDS)


def test_a_lost_connection_is_said_and_taken_up_where_it_broke(
    context: Any, database: Any, key: str, workers: Path, surroundings: dict[str, str]
) -> None:
    port, page = free_port(), context.new_page()
    seen = []
    page.on("request", lambda request: seen.append(request) if request.url.endswith("/events") else None)
    with web(surroundings, workers, port) as url:
        user = User(url, key, page)
        user.sign_in()
        generations = [{"source_material": SOURCES[n % 2]} for n in range(60)]
        body = {"generations": generations, "batch_options": {"max_concurrent": 1, "name": "Slow"}}
        batch = user.ask("POST", "/batch-generations", json=body).json()["batch_id"]
        user.go(f"batches/{batch}", "Slow")
        expect(page.locator(".deal.is-completed").first).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text("Connection lost, trying again.")).to_be_visible()
    before = page.locator(".deal.is-completed").count()
    with web(surroundings, workers, port):
        expect(page.get_by_text("Connection lost, trying again.")).to_be_hidden(timeout=SECONDS)
        expect(page.locator(".deal.is-completed").nth(before)).to_be_visible(timeout=SECONDS)
        page.get_by_role("button", name="Cancel the rest").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the rest").click()
        expect(page.locator(".head .badge")).to_contain_text("Cancelled", timeout=SECONDS)
    assert "last-event-id" not in seen[0].all_headers()
    assert int(seen[-1].all_headers()["last-event-id"]) > 0


def test_a_field_is_edited_and_written_anew(user: User, page: Page) -> None:
    character = user.import_card(card())
    user.go(f"cards/{character}", "Ondine Marsh")
    page.get_by_role("button", name="Edit: Scenario").click()
    page.get_by_role("textbox", name="Scenario").fill("A morning without wind.")
    user.ask("PATCH", f"/characters/{character}", json={"personality": "Restless."}, headers={"If-Match": '"v1"'})
    page.get_by_role("button", name="Save").click()
    conflict = page.get_by_role("dialog", name="This card was changed meanwhile")
    conflict.get_by_role("button", name="Overwrite with mine").click()
    expect(user.part("Scenario")).to_contain_text("A morning without wind.")
    expect(user.part("Personality")).to_contain_text("Restless.")
    page.get_by_role("button", name="Write anew: First message").click()
    page.get_by_role("button", name="Write it anew").click()
    expect(page.get_by_text("First message was written anew.")).to_be_visible(timeout=SECONDS)
    now = user.ask("GET", f"/characters/{character}").json()["card"]["data"]
    assert now["first_mes"] != card()["data"]["first_mes"]
    assert now["scenario"] == "A morning without wind."


def test_many_cards_are_tagged_and_archived_at_once(user: User, page: Page) -> None:
    for name in ("Ada", "Bea", "Cleo"):
        user.import_card(card(name=name))
    user.go("cards")
    page.reload()
    page.get_by_label("Choose Ada").check(force=True)
    page.get_by_label("Choose Bea").check(force=True)
    page.get_by_role("button", name="Tag…").click()
    page.get_by_label("Tags").fill("crew, harbour")
    page.get_by_role("button", name="Tag them").click()
    expect(page.get_by_text("2 cards changed")).to_be_visible()
    page.get_by_role("button", name="crew", exact=True).click()
    expect(page.locator(".tile")).to_have_count(2)
    page.get_by_label("Choose Bea").check(force=True)
    page.get_by_role("button", name="Archive").click()
    expect(page.locator(".tile h2")).to_have_text(["Ada"])
    page.get_by_label("Show").select_option("Archived")
    expect(page.locator(".tile h2")).to_have_text(["Bea"])


def test_a_lorebook_is_searched_and_tried_on_a_chat(user: User, page: Page) -> None:
    character = user.import_card(card())
    book = user.ask("GET", f"/characters/{character}").json()["book_id"]
    user.go(f"books/{book}", "Lamps")
    expect(page.locator(".key.is-shared")).to_have_count(2)
    page.get_by_label("Search the entries").fill('"gull rock"')
    expect(page.locator(".entry h3")).to_have_text(["Gull Rock"])
    expect(page.locator(".entry mark").first).to_have_text(re.compile("Gull"))
    page.get_by_label("Search the entries").fill("")
    page.get_by_label("Chat, one message a line").fill("Who lit the lamp?")
    expect(page.locator(".outcome")).to_contain_text("2 entries would fire")
    page.get_by_label("Budget").fill("15")
    expect(page.locator(".outcome")).to_contain_text("cut by the budget")


def test_the_theme_and_the_draft_outlive_a_reload(user: User, page: Page) -> None:
    user.forge(SOURCES[0])
    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()
    expect(page.get_by_label("Card 1", exact=True)).to_have_value(SOURCES[0])
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert json.loads(page.evaluate("sessionStorage.getItem('cardforge.draft')"))["slips"][0]["text"] == SOURCES[0]


def test_an_import_says_which_files_came_in(user: User, page: Page) -> None:
    user.go("cards", "Cards")
    files: list[FilePayload] = [
        {"name": "ondine.json", "mimeType": "application/json", "buffer": json.dumps(card()).encode()},
        {"name": "shopping.txt", "mimeType": "text/plain", "buffer": b"eggs"},
    ]
    page.locator("input[type=file]").set_input_files(files)
    dialog = page.get_by_role("dialog", name="1 of 2 files imported")
    expect(dialog.get_by_role("listitem").filter(has_text="Ondine Marsh")).to_contain_text(
        "Imported: ondine.json, JSON V2"
    )
    expect(dialog.locator(".wrong").filter(has_text="Not imported")).to_have_count(1)
