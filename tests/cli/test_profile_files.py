"""`cardforge profiles pull`, `push` and `edit`: files of profiles, and edits that meet."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import documents
from cli.ends import Refused
from cli.merging import MISSING, compare, merge, told
from schemas.profiles import ProfileBodySchema
from tests.cli.test_commands import Run, api, run
from tests.cli.test_init import converse
from tests.client.server import Request, Script, say

__all__ = ["api", "run"]
PROFILES = "/api/v2/profiles"
PATH = f"{PROFILES}/profile_1"
PROFILE: dict[str, Any] = {
    "id": "profile_1",
    "name": "Peat bog",
    "description": "It rains.",
    "version": 3,
    "is_builtin": False,
    "updated_by": "key_1",
    "updated_at": "2026-01-01T00:00:00Z",
    "config": {"variants": 1, "temperature": 0.8, "words": {"scenario": [30, 60]}},
    "prompts": {"system": "You write.\nNo lists.", "style": "Short sentences."},
}
THEIRS = PROFILE | {"version": 4, "config": PROFILE["config"] | {"temperature": 0.5, "genre": "noir"}}
STALE = say({"error": "PROFILE_VERSION_CONFLICT", "message": "Modified.", "current_version": 4, "your_version": 3}, 412)


def as_stored(request: Request) -> Any:
    ProfileBodySchema().load(request.json)  # the service takes what we send
    return request.json


@pytest.fixture
def conflict(api: Script) -> Script:
    """Somebody else has made version 4 of it."""
    api[f"GET {PATH}"] = say(THEIRS)
    api[f"GET {PATH}/versions/3"] = say({name: PROFILE[name] for name in ("version", "config", "prompts")})
    api[f"PUT {PATH}"] = [STALE, say(THEIRS | {"version": 5})]
    return api


@pytest.mark.parametrize("name", ["bog.yaml", "bog.json"])
def test_a_profile_comes_back_from_its_file_as_it_was(api: Script, run: Run, tmp_path: Path, name: str) -> None:
    api[f"GET {PATH}"] = say(PROFILE)
    path = tmp_path / name
    assert run("profiles", "pull", "profile_1", path).exit_code == 0
    assert run("profiles", "pull", "profile_1", path).exit_code == 2, "nothing is overwritten"
    assert list(documents.read(path).body["config"]) == ["temperature", "variants", "words"]  # as the catalogue has it
    api[f"PUT {PATH}"] = say(PROFILE | {"version": 4})
    result = run("profiles", "push", path)
    assert (result.exit_code, result.stdout) == (0, "profile_1 is version 4 now.\n"), result.output
    request = api.requests[-1]
    assert request.headers["if-match"] == '"v3"'
    assert as_stored(request) == {part: PROFILE[part] for part in documents.PARTS}
    assert documents.read(path).version == 4  # so that it can be pushed again


def test_comments_of_a_file_stay(api: Script, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bog.yaml"
    path.write_text("# mine\nname: Bog\nid: profile_1 # where\nversion: 3 # of\nconfig:\n  temperature: 1 # hot\n")
    api[f"PUT {PATH}"] = say(PROFILE | {"version": 4})
    assert run("profiles", "push", path).exit_code == 0
    assert "version: 4 # of\nconfig:\n  temperature: 1 # hot\n" in path.read_text()


@pytest.mark.parametrize(("name", "text"), [("new.yaml", "name: Bog # new\n"), ("new.json", '{"name": "Bog"}')])
def test_a_file_without_an_id_is_a_new_profile(api: Script, run: Run, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    api[f"POST {PROFILES}"] = say(PROFILE | {"version": 1}, 201)
    assert run("profiles", "push", tmp_path / name).exit_code == 0
    assert as_stored(api.requests[-1]) == {"name": "Bog"}
    found = documents.read(tmp_path / name)
    assert (found.profile_id, found.version) == ("profile_1", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "line 2, column 1"),
        ("- 1", "this is no profile"),
        ("nmae: x", "a profile has no nmae"),
        ("id: profile_1\nname: x", "version says"),
        ("config: {}", "needs a name"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(api: Script, run: Run, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    result = run("profiles", "push", tmp_path / "p.yaml")
    assert (result.exit_code, said in result.stderr, api.requests) == (2, True, []), result.stderr


def test_a_push_overwrites_nobody_and_shows_both_edits(conflict: Script, run: Run, tmp_path: Path) -> None:
    mine = PROFILE | {"config": PROFILE["config"] | {"temperature": 1.2}}
    documents.write(tmp_path / "bog.yaml", mine)
    result = run("profiles", "push", tmp_path / "bog.yaml")
    assert result.exit_code == 4
    assert "config.temperature  (changed by both)\n  was     0.8\n  theirs  0.5\n  yours   1.2\n" in result.stderr
    assert "config.genre  (changed by them)" in result.stderr
    assert "variants" not in result.stderr
    assert documents.read(tmp_path / "bog.yaml").version == 3
    assert run("profiles", "push", "--force", tmp_path / "bog.yaml").exit_code == 0
    assert conflict.requests[-1].headers["if-match"] == "*"


EDITOR = "import re, sys; p = sys.argv[1]; t = open(p).read(); open(p, 'w').write(re.sub(r{0!r}, {1!r}, t))"


@pytest.fixture
def terminal(api: Script, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Edit the profile on a terminal, by an editor that replaces one thing by another."""

    def edit(before: str, after: str, answers: list[tuple[str, str]], code: int = 0, editor: str = "") -> str:
        script = tmp_path / "editor.py"
        script.write_text(EDITOR.format(before, after))
        more = {"CARDFORGE_URL": api.url, "EDITOR": editor or f"{sys.executable} {script}", "TMPDIR": str(tmp_path)}
        words = ["profiles", "edit", "profile_1"]
        return converse(words, answers, tmp_path, tmp_path / "home", more, code)

    return edit


def test_a_profile_is_edited_in_the_editor(api: Script, terminal: Any, tmp_path: Path) -> None:
    api[f"GET {PATH}"] = say(PROFILE)
    api[f"PUT {PATH}"] = say(PROFILE | {"version": 4})
    assert "profile_1 is version 4 now." in terminal("No lists", "No tables", [])
    assert as_stored(api.requests[-1])["prompts"]["system"] == "You write.\nNo tables."
    assert not list(tmp_path.glob("cardforge-*"))


def test_an_editor_that_changes_nothing_stores_nothing(api: Script, terminal: Any) -> None:
    api[f"GET {PATH}"] = say(PROFILE)
    assert "Nothing was changed." in terminal("x", "x", [])
    assert api.asked() == [f"GET {PATH}"]


def test_an_editor_that_is_not_there_is_told_with_the_other_way(api: Script, terminal: Any, tmp_path: Path) -> None:
    api[f"GET {PATH}"] = say(PROFILE)
    told = terminal("x", "x", [], code=2, editor="/nowhere/ed")
    (kept,) = tmp_path.glob("cardforge-*/*.yaml")
    assert "Set EDITOR to one that is here" in told
    assert f"cardforge profiles push {kept}" in told.replace("\r\n", "")
    assert documents.read(kept).body == documents.body_of(PROFILE)


def test_what_is_not_valid_is_told_and_kept(api: Script, terminal: Any, tmp_path: Path) -> None:
    api[f"GET {PATH}"] = say(PROFILE)
    wrong = {"error": "VALIDATION_ERROR", "message": "Not valid.", "details": {"config.temperature": ["At most 2."]}}
    api[f"PUT {PATH}"] = say(wrong, 422)
    told = terminal("temperature: .*", "temperature: 3", [("Edit again?", "n")], code=2)
    assert "config.temperature: At most 2." in told
    (kept,) = tmp_path.glob("cardforge-*/*.yaml")
    assert documents.read(kept).body["config"]["temperature"] == 3


@pytest.mark.parametrize(("choice", "temperature", "genre"), [("m", 1.2, None), ("b", 1.2, "noir"), ("e", 1.2, "noir")])
def test_a_conflict_is_decided_by_the_person(
    conflict: Script, terminal: Any, choice: str, temperature: float, genre: str | None
) -> None:
    conflict[f"GET {PATH}"] = [say(PROFILE), say(THEIRS)]
    shown = terminal("temperature: .*", "temperature: 1.2", [("Which", choice)])
    assert "mine where we differ" in shown
    stored = conflict.requests[-1]
    assert stored.headers["if-match"] == '"v4"'
    config = as_stored(stored)["config"]
    assert (config["temperature"], config.get("genre")) == (temperature, genre)


def test_theirs_stays_where_the_person_gives_way(conflict: Script, terminal: Any) -> None:
    conflict[f"GET {PATH}"] = [say(PROFILE), say(THEIRS)]
    terminal("temperature: .*", "temperature: 1.2", [("Which", "t")])
    assert conflict.asked().count(f"PUT {PATH}") == 1


def test_a_built_in_profile_is_to_be_cloned(api: Script, terminal: Any) -> None:
    api[f"GET {PATH}"] = say(PROFILE | {"is_builtin": True})
    assert "cardforge profiles clone profile_1 NAME" in terminal("x", "y", [], code=2)


# --- merging ------------------------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(0, 3), st.text("ab\n", max_size=3), st.lists(st.integers(0, 1))
)
BODIES = st.dictionaries(st.sampled_from("abc"), st.one_of(VALUES, st.dictionaries(st.sampled_from("xy"), VALUES)))


@given(BODIES, BODIES)
def test_where_one_side_changed_nothing_the_other_wins(was: dict[str, Any], new: dict[str, Any]) -> None:
    assert merge(new, compare(was, new, was)) == new
    assert without_empty(merge(was, compare(was, was, new))) == without_empty(new)


@given(BODIES, BODIES, BODIES)
def test_a_conflict_is_a_field_that_both_changed_to_different_values(
    was: dict[str, Any], theirs: dict[str, Any], mine: dict[str, Any]
) -> None:
    for change in compare(was, theirs, mine):
        values = [json.dumps(None if v is MISSING else [v]) for v in (change.was, change.theirs, change.mine)]
        assert change.is_conflict == (len(set(values)) == 3)
        assert list(told(change))


def without_empty(value: dict[str, Any]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if inner != {}}


def test_a_long_text_is_told_by_its_lines() -> None:
    was = {"prompts": {"system": "One.\nTwo.\nThree."}}
    mine = {"prompts": {"system": "One.\nTwo!\nThree."}}
    (change,) = compare(was, was, mine)
    assert list(told(change)) == [
        "prompts.system  (changed by you)",
        "  yours:",
        "    @@ -1,3 +1,3 @@",
        "     One.",
        "    -Two.",
        "    +Two!",
        "     Three.",
    ]


def test_a_folder_is_no_file_of_a_profile(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=os.strerror(21)):
        documents.read(tmp_path)
