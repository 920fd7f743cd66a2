"""For everybody, and quickly: no serious finding of axe on any view in light or dark; small, and soon there."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.web.studio import SOURCES, User, card

MOST_BYTES = 150_000
FIRST_RENDER = 500.0  # milliseconds
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# What came over the wire, by address: the page, its modules, its styles.
SIZES = """() => Object.fromEntries([...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource").filter((one) => one.name.includes("/studio/"))]
    .map((one) => [one.name.split("#")[0], one.encodedBodySize]))"""
FIRST_PAINT = """() => new Promise((tell) => new PerformanceObserver((list) => {
    for (const one of list.getEntriesByName("first-contentful-paint")) tell(one.startTime);
}).observe({ type: "paint", buffered: true }))"""
LISTS = {
    "cards": "Cards",
    "new": "Forge cards",
    "batches": "Batches",
    "books": "Lorebooks",
    "profiles": "Profiles",
    "jobs": "Jobs",
    "costs": "Costs",
}


@pytest.fixture
def places(user: User) -> dict[str, str]:
    """Every view with its heading, each with something in it."""
    character = user.import_card(card())
    book = user.ask("GET", f"/characters/{character}").json()["book_id"]
    profile = user.ask("POST", "/profiles/profile_default/clone", json={"name": "Harbour noir"}).json()["id"]
    body = {"generations": [{"source_material": SOURCES[1]}], "batch_options": {"name": "Keepers"}}
    batch = user.ask("POST", "/batch-generations", json=body).json()["batch_id"]
    job = user.ask("GET", f"/batch-generations/{batch}").json()["items"][0]["job_id"]
    single = {f"cards/{character}": "Ondine Marsh", f"books/{book}": "Lamps", f"profiles/{profile}": "Harbour noir"}
    return LISTS | single | {f"batches/{batch}": "Keepers", f"jobs/{job}": "Job"}


def both_ways(page: Page) -> list[str]:
    """What axe finds in light; and in dark, where only the colours are others."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    light = serious(page, RULES)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    return light + serious(page, {"runOnly": {"type": "rule", "values": ["color-contrast"]}})


def serious(page: Page, rules: dict[str, Any]) -> list[str]:
    """What axe finds that keeps people out: rule, and where."""
    if not page.evaluate("'axe' in window"):  # it is large, and views come and go without the page being loaded anew
        page.evaluate(Axe().axe_script)
    found = page.evaluate("rules => axe.run(rules)", rules)["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"][:3]
    ]


def test_axe_finds_nothing_serious_on_any_view(user: User, page: Page, places: dict[str, str]) -> None:
    faults = []
    for place, heading in places.items():
        user.go(place, heading)
        page.wait_for_load_state("networkidle")
        faults += [f"{place}: {fault}" for fault in both_ways(page)]
    assert not faults


def test_axe_finds_nothing_serious_in_dialogs_and_at_the_door(user: User, page: Page) -> None:
    user.forge(SOURCES[0])
    page.get_by_role("button", name="All options").click()
    page.get_by_label("Search the options").fill("words")
    faults = serious(page, RULES)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Cardforge Studio")).to_be_visible()
    assert not faults + both_ways(page)


def test_no_view_is_wider_than_a_phone(user: User, page: Page, places: dict[str, str]) -> None:
    page.set_viewport_size(NARROW)
    for place, heading in places.items():
        user.go(place, heading)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, place


def test_it_can_be_used_by_keyboard_alone(user: User, page: Page) -> None:
    page.keyboard.press("Tab")
    page.reload()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("link", name="Profiles").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Profiles")).to_be_focused()


def test_all_of_it_together_is_small(browser: Browser, url: str, key: str) -> None:
    page = browser.new_page()  # in a context of its own, with nothing kept
    page.goto(url)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    for place, heading in LISTS.items():
        User(url, key, page).go(place, heading)
    base = page.locator("script[type=module]").get_attribute("src").removesuffix("app.js")
    for name in ("batch", "card", "book", "profile", "job"):
        page.evaluate("name => import(name).then(() => null)", f"{base}views/{name}.js")
    sizes = page.evaluate(SIZES)
    page.close()
    sys.stdout.write(f"\nStudio: {len(sizes)} files, {sum(sizes.values()):,} bytes\n")
    assert {name.rpartition("/")[2] for name in sizes} >= {"", "app.js", "api.js", "style.css", "card.js", "icon.svg"}
    assert min(sizes.values()) > 0
    assert sum(sizes.values()) < MOST_BYTES


def test_the_first_render_comes_soon(browser: Browser, url: str, database: Any) -> None:
    times = []
    for _ in range(5):
        context = browser.new_context(viewport=WIDE)  # without anything kept
        page = context.new_page()
        page.goto(url)
        expect(page.get_by_role("heading", name="Cardforge Studio")).to_be_visible()
        times.append(page.evaluate(FIRST_PAINT))
        context.close()
    sys.stdout.write(f"\nStudio: first render after {', '.join(f'{time:.0f}' for time in times)} ms\n")
    assert min(times) < FIRST_RENDER
