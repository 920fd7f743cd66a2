"""What somebody does at the Studio, and the same person's requests from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests
from playwright.sync_api import Locator, Page, expect

SOURCES = (
    "Sir Galahad keeps watch at the chapel in the Silverwood. He fears only mirrors.",
    "Tam Fisher mends nets in the harbour of Wick. He sings at night and never learned to swim.",
)
NAMES = ("Sir Galahad", "Tam Fisher")


@dataclass
class User:
    """Somebody with a key, a page and an HTTP library."""

    url: str
    key: str
    page: Page

    def sign_in(self) -> None:
        self.page.goto(self.url)
        self.page.get_by_label("API key").fill(self.key)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Cards", exact=True)).to_be_visible()

    def go(self, place: str, heading: str | None = None) -> None:
        """Go to a view, and wait until it is there."""
        self.page.goto(f"{self.url}/#/{place}")
        if heading is not None:
            expect(self.page.get_by_role("heading", level=1, name=heading)).to_be_visible()

    def forge(self, *sources: str) -> None:
        """Fill the forge with sources, one card each."""
        self.go("new", "Forge cards")
        for at, source in enumerate(sources):
            if at:
                self.page.get_by_role("button", name="Another card").click()
            self.page.get_by_label(f"Card {at + 1}", exact=True).fill(source)

    def deal(self) -> str:
        """Submit what is in the forge, and return the batch's id."""
        self.page.get_by_role("button", name="Deal the cards").click()
        self.page.wait_for_url("**/#/batches/batch_*")
        return self.page.url.rpartition("/")[2]

    def part(self, title: str) -> Locator:
        """Return a field of the card page."""
        return self.page.get_by_role("region", name=title, exact=True)

    def figure(self, name: str) -> Locator:
        return self.page.locator(".figure").filter(has=self.page.locator("dt", has_text=name)).locator("dd")

    def ask(self, method: str, path: str, **how: Any) -> requests.Response:
        """Ask the API, from outside the page."""
        headers = {"Authorization": f"Bearer {self.key}", **how.pop("headers", {})}
        answer = requests.request(method, f"{self.url}/api/v2{path}", headers=headers, timeout=10, **how)
        answer.raise_for_status()
        return answer

    def import_card(self, card: dict[str, Any]) -> str:
        """Import a card from outside the page, and return the character's id."""
        done = self.ask("POST", "/characters/import", json=card).json()
        return str(done["results"][0]["character_id"])


def card(**fields: Any) -> dict[str, Any]:
    """A card as V2, with a lorebook of two entries that share a key."""
    entries = [entry(1, "Gull Rock", ["rock", "lamp"]), entry(2, "The lamp", ["lamp"])]
    data: dict[str, Any] = {
        "name": "Ondine Marsh",
        "description": "{{char}} keeps the lamp on Gull Rock.",
        "personality": "Patient.",
        "scenario": "A night of fog.",
        "first_mes": '*The lamp turns.* "Who goes there?"',
        "mes_example": "<START>\n{{user}}: Hello.\n{{char}}: *She looks up.* You came by boat?",
        "creator_notes": "",
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": ['"You again?"', '"Mind the step."'],
        "tags": ["harbour", "keeper"],
        "creator": "",
        "character_version": "1",
        "extensions": {},
        "character_book": {"name": "Lamps", "extensions": {}, "entries": entries},
    }
    return {"spec": "chara_card_v2", "spec_version": "2.0", "data": data | fields}


def entry(number: int, name: str, keys: list[str]) -> dict[str, Any]:
    """An entry of a lorebook."""
    content = f"{name} stands off the coast and warns ships of the reef."
    return {"id": number, "name": name, "keys": keys, "content": content, "enabled": True} | {
        "insertion_order": 10 * number,
        "extensions": {},
    }
