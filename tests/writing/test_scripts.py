"""Sources in scripts without capitals, and of next to nothing: a card all the same, and no false alarm."""

from __future__ import annotations

import pytest

from tests.writing.conftest import Studio

SOURCES = (
    "דוד גר בירושלים. דוד אוהב את רחל. רחל גרה בחיפה.",
    "يعيش أحمد في القاهرة. أحمد يحب ليلى. ليلى تعيش في حلب.",
    "สมชายอาศัยอยู่ในกรุงเทพ สมชายรักมานี",
    "李明住在北京。李明喜欢王芳。",
    "राम दिल्ली में रहता है। राम सीता से प्यार करता है।",
    "x",
    "ש",
)


@pytest.mark.parametrize("source", SOURCES)
def test_any_script_becomes_a_card_with_its_files(studio: Studio, source: str) -> None:
    made = studio.make(source, steps=3)
    assert made.status == "completed", made.error


@pytest.mark.parametrize("source", SOURCES)
def test_the_offline_writer_is_not_said_to_have_cut_the_source(offline: Studio, source: str) -> None:
    made = offline.make(source, steps=3)
    assert made.status == "completed", made.error
    assert not any("cut the source" in line for line in made.logs)
