"""Jobs of the first version of the default profile: queued before an update, or retried long after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from models import db
from models.profiles import ProfileVersion
from tests.writing.conftest import Studio

SOURCE = "Ondine Marsh keeps the lighthouse on Gull Rock. She is patient and dry, and her left hand is burnt."
VERSION = ("profile_default", 1)
CONFIG = {"model": None, "temperature": 0.8, "max_tokens": 4000, "lorebook_max_tokens": 4000, "lorebook_entries": 12}
PROMPTS = {
    "system": "You write role-play character cards from source material.",
    "write_card": "Write one card.\n- name: as the source gives it.$name_rule\n"
    "- alternate_greetings: exactly $greetings more.\n$existing\n<source>\n$source\n</source>",
    "write_entries": "Write entries for $name, at most $max_entries:\n$candidates\n\n<source>\n$source\n</source>",
    "repair_card": "Faults:\n$problems\n\n$card\n\n$source",
}


@pytest.fixture
def first(database: Any) -> Iterator[None]:
    with db.transaction() as session:
        version = session.get_one(ProfileVersion, VERSION)
        before = (version.config, version.prompts)
        version.config, version.prompts = CONFIG, PROMPTS
    yield
    with db.transaction() as session:
        version = session.get_one(ProfileVersion, VERSION)
        version.config, version.prompts = before


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("options", [{}, {"passes": "one"}, {"passes": "one", "name": "Ondine"}])
def test_they_become_cards(studio: Studio, options: dict[str, Any]) -> None:
    made = studio.make(SOURCE, steps=3, **options)
    assert made.status == "completed", made.error


@pytest.mark.usefixtures("first")
def test_they_become_cards_offline(offline: Studio) -> None:
    made = offline.make(SOURCE, steps=3)
    assert made.status == "completed", made.error
