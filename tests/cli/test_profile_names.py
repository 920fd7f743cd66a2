"""A profile is named by its id or by its name, wherever a command takes one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import Run, api, run
from tests.client.server import Answer, Script, say

__all__ = ["api", "run"]
PROFILES = "/api/v2/profiles"
BOG: dict[str, Any] = {"id": "profile_1", "name": "Peat bog", "description": "", "version": 3, "is_builtin": False}
BOG |= {"config": {}, "prompts": {}}
LIKE = BOG | {"id": "profile_2", "name": "Peat bog, copy"}


@pytest.fixture
def listed(api: Script) -> Script:
    """An API with two profiles whose names begin alike."""
    api[f"GET {PROFILES}"] = say({"profiles": [LIKE, BOG], "next_cursor": None})
    api[f"GET {PROFILES}/profile_1"] = say(BOG)
    api[f"PATCH {PROFILES}/profile_1"] = say(BOG | {"version": 4})
    api[f"POST {PROFILES}/profile_1/clone"] = say(BOG | {"id": "profile_3"}, 201)
    api[f"DELETE {PROFILES}/profile_1"] = Answer(204)
    return api


@pytest.mark.parametrize("name", ["Peat bog", "pEAT BOG", "profile_1"])
@pytest.mark.parametrize(
    "words",
    [
        ("show", "{}"),
        ("clone", "{}", "Mine"),
        ("edit", "{}", "--description", "It rains."),
        ("delete", "{}", "--yes"),
        ("pull", "{}", "-"),
    ],
)
def test_commands_of_profiles_take_names(listed: Script, run: Run, words: tuple[str, ...], name: str) -> None:
    result = run("profiles", *(word.format(name) for word in words))
    assert result.exit_code == 0, result.output
    assert (f"GET {PROFILES}" in listed.asked()) == (name != "profile_1"), "an id is not looked up"
    assert listed.requests[-1].path.startswith(f"{PROFILES}/profile_1")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("generate", "--text", "A keeper of lamps.", "--no-wait"), "POST /api/v2/generation/generate"),
        (("batch", "submit", "mara.md", "--no-wait"), "POST /api/v2/batch-generations"),
        (("estimate", "mara.md", "--json"), "POST /api/v2/batch-generations/estimate"),
        (("characters", "regenerate", "char_1", "first_mes"), "POST /api/v2/characters/char_1/regenerate"),
    ],
)
def test_work_is_written_by_a_profile_of_this_name(
    listed: Script, run: Run, tmp_path: Path, words: tuple[str, ...], asked: str
) -> None:
    (tmp_path / "mara.md").write_text("Mara keeps the lamp.")
    listed[asked] = say({"job_id": "job_1", "batch_id": "batch_1"}, 202)
    result = run(*words, "--profile", "peat bog")
    assert result.exit_code == 0, result.output
    sent = listed.requests[-1].json
    assert (sent.get("generations") or [sent])[0]["profile_id"] == "profile_1"


def test_jobs_are_listed_by_the_name_of_their_profile(listed: Script, run: Run) -> None:
    listed["GET /api/v2/jobs"] = say({"jobs": [], "next_cursor": None})
    assert run("jobs", "list", "--profile", "Peat Bog").exit_code == 0
    assert listed.requests[-1].query["profile_id"] == ["profile_1"]


def test_a_name_that_several_have_is_refused_with_their_ids(listed: Script, run: Run) -> None:
    twin = LIKE | {"name": "PEAT BOG"}
    listed[f"GET {PROFILES}"] = say({"profiles": [BOG, twin], "next_cursor": None})
    result = run("profiles", "edit", "peat bog", "--name", "x")
    assert result.exit_code == 2
    assert "profile_1 (Peat bog), profile_2 (PEAT BOG)" in result.stderr


def test_a_name_that_nobody_has_is_left_to_the_api(listed: Script, run: Run) -> None:
    message = "There is no profile 'nobody' here."
    listed[f"GET {PROFILES}/nobody"] = say({"error": "NOT_FOUND", "message": message}, 404)
    result = run("profiles", "show", "nobody")
    assert (result.exit_code, message in result.stderr) == (4, True)
