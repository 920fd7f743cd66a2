"""The built-in profiles: data that holds together, and each its own way of writing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cards.lint import merge_limits
from models.services import profiles
from schemas.generations import CharacterCardSchema
from tests.engine import jobs as work
from tests.writing.conftest import Studio

NAMES = {"default", "fantasy", "modern", "scifi", "historical", "villain", "ensemble", "concise", "novel"}
BUILTINS = {builtin["name"]: builtin for builtin in profiles.read_builtins()}
OF_THE_PROFILE = {"words", "repair_rules", "lint"}


def test_the_built_in_profiles_are_these() -> None:
    assert set(BUILTINS) == NAMES
    assert {builtin["id"] for builtin in BUILTINS.values()} == {f"profile_{name}" for name in NAMES}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_profile_has_values_that_options_take_and_thresholds_that_lint_takes(name: str) -> None:
    config = BUILTINS[name]["config"]
    options = {option: v for option, v in config.items() if v is not None and option not in OF_THE_PROFILE}
    assert CharacterCardSchema().load({"source_material": "x", "options": options})["options"] == options
    merge_limits(config["lint"])
    assert all(low < high for low, high in config["words"].values())
    assert set(config) == set(BUILTINS["default"]["config"])
    assert set(BUILTINS[name]["prompts"]) == set(BUILTINS["default"]["prompts"])


@pytest.mark.parametrize("name", sorted(NAMES - {"default"}))
def test_each_profile_writes_in_its_own_way(name: str, studio: Studio) -> None:
    said = {wanted: _told(studio, wanted) for wanted in (name, "default")}
    assert BUILTINS[name]["prompts"]["style"] in said[name]
    assert BUILTINS[name]["prompts"]["style"] not in said["default"]


def _told(studio: Studio, profile: str) -> str:
    studio.asked.clear()
    request: Mapping[str, Any] = CharacterCardSchema().load(
        {"source_material": "Ondine keeps a lamp.", "options": {"on_errors": "deliver", "repairs": 0}}
    )
    job = work.open_job(studio.owner, request=request, profile_id=f"profile_{profile}")
    made = studio.run(job.job_id)
    assert made.card is not None, made.error
    return json.dumps([body["messages"] for body in studio.asked], ensure_ascii=False)


def test_a_prompt_of_a_profile_runs_no_code_and_names_its_slots(studio: Studio) -> None:
    from models import db
    from models.profiles import ProfileVersion

    with db.transaction() as session:
        version = session.get_one(ProfileVersion, (profiles.DEFAULT_PROFILE, 1))
        version.prompts = {**version.prompts, "write_core": "{0.__class__} ${nothing} $source"}
    made = studio.make("Ondine keeps a lamp.")
    assert made.error is not None
    assert made.error["code"] == "VALIDATION_ERROR"
    assert "write_core" in made.error["message"]
    assert "Its slots are: fields" in made.error["message"]
