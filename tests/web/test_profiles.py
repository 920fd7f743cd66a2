"""Two people edit one profile: the second is shown both, and chooses."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.studio import User


@pytest.fixture
def profile(user: User) -> str:
    return str(user.ask("POST", "/profiles/profile_default/clone", json={"name": "Harbour noir"}).json()["id"])


def saved(user: User, profile: str) -> dict[str, Any]:
    return dict(user.ask("GET", f"/profiles/{profile}").json())


def begin(user: User, profile: str, description: str) -> None:
    """Open a profile and change it, while somebody else saves another version."""
    user.go(f"profiles/{profile}", "Harbour noir")
    user.page.get_by_label("Description", exact=True).fill(description)
    theirs = {"description": "Theirs.", "config": {"temperature": 0.5}}
    user.ask("PATCH", f"/profiles/{profile}", json=theirs, headers={"If-Match": '"v1"'})
    user.page.get_by_role("button", name="Save").click()
    dialog = user.page.get_by_role("dialog", name="This profile was changed meanwhile")
    expect(dialog).to_contain_text("version 2")
    expect(dialog.locator(".mine").filter(has_text=description)).to_be_visible()
    expect(dialog.locator(".theirs").filter(has_text="Theirs.")).to_be_visible()


def test_mine_goes_on_top_of_theirs(user: User, page: Page, profile: str) -> None:
    begin(user, profile, "Mine.")
    page.get_by_role("button", name="Overwrite with mine").click()
    expect(page.get_by_text("Saved as version 3.")).to_be_visible()
    now = saved(user, profile)
    assert (now["description"], now["config"]["temperature"], now["version"]) == ("Mine.", 0.5, 3)


def test_mine_is_discarded(user: User, page: Page, profile: str) -> None:
    begin(user, profile, "Mine.")
    page.get_by_role("button", name="Discard mine").click()
    expect(page.get_by_label("Description", exact=True)).to_have_value("Theirs.")
    assert saved(user, profile)["version"] == 2


def test_values_are_tried_while_they_are_typed(user: User, page: Page, profile: str) -> None:
    user.ask("POST", "/profiles/profile_default/clone", json={"name": "Taken"})
    user.go(f"profiles/{profile}", "Harbour noir")
    name = page.get_by_label("Name", exact=True).first
    name.fill("Taken")
    expect(page.locator(".save-state")).to_contain_text("1 value to mend")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    name.fill("Harbour grey")
    expect(page.get_by_role("button", name="Save")).to_be_enabled()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Harbour grey")).to_be_visible()


def test_one_that_comes_along_is_copied_not_edited(user: User, page: Page) -> None:
    user.go("profiles/profile_fantasy", "fantasy")
    expect(page.get_by_label("Description", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Copy").click()
    page.get_by_label("Name", exact=True).last.fill("My fantasy")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name="My fantasy")).to_be_visible()
    expect(page.get_by_label("Description", exact=True)).to_be_enabled()


def test_enter_makes_the_copy_and_a_job_names_its_profile(user: User, page: Page) -> None:
    user.go("profiles", "Profiles")
    assert page.locator(".profile-row h3").first.inner_text() == "default"
    page.get_by_role("button", name="Copy villain").click()
    page.get_by_label("Name", exact=True).fill("My rogues")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="My rogues")).to_be_visible()
    user.forge("Sir Galahad keeps watch at the chapel in the Silverwood. He fears only mirrors.")
    expect(page.get_by_label("Profile").locator("option").first).to_have_text("My rogues (yours)")
    page.get_by_label("Profile").select_option("My rogues (yours)")
    expect(page.get_by_label("Estimate")).to_contain_text("the offline writer drafts from your text")
    user.deal()
    expect(page.locator(".head .badge")).to_contain_text("Completed")
    user.go("jobs", "Jobs")
    expect(page.locator(".job-row")).to_contain_text("My rogues")
    page.locator(".job-row").click()
    expect(user.figure("Profile")).to_contain_text("My rogues")
