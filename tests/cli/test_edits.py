"""`cardforge profiles edit` and `characters edit`: what they ask for, and that they overwrite nobody's edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_commands import Run, api, run
from tests.client.server import Answer, Script, say

__all__ = ["api", "run"]
PROFILE, CHARACTER = "/api/v2/profiles/profile_1", "/api/v2/characters/char_1"
OPTIONS = {"options": [{"name": "temperature", "type": "number", "group": "sampling", "choices": []}]}


def test_a_profile_is_edited_from_the_version_that_it_has(api: Script, run: Run, tmp_path: Path) -> None:
    api["GET /api/v2/options"] = say(OPTIONS)
    api[f"GET {PROFILE}"] = say({"id": "profile_1", "version": 3})
    api[f"PATCH {PROFILE}"] = say({"id": "profile_1", "version": 4})
    (tmp_path / "style.txt").write_text("Short.\nIt rains.\n")
    words = ("-o", "temperature=0.9", "--prompt", f"style=@{tmp_path}/style.txt", "--unset", "genre")
    result = run("profiles", "edit", "profile_1", *words, "--unset", "prompts.system")
    assert (result.exit_code, result.stdout) == (0, "profile_1 is version 4 now.\n"), result.output
    assert api.requests[-1].headers["if-match"] == '"v3"'
    assert api.requests[-1].json == {
        "config": {"temperature": 0.9, "genre": None},
        "prompts": {"style": "Short.\nIt rains.", "system": None},
    }


def test_a_character_is_edited_only_if_it_is_still_what_was_seen(api: Script, run: Run) -> None:
    conflict = {
        "error": "CHARACTER_VERSION_CONFLICT",
        "message": "Modified.",
        "details": {"current_version": 5, "updated_by": None},
    }
    api[f"PATCH {CHARACTER}"] = say(conflict, 412)
    words = ("--set", "first_mes=Hello = you", "--tag", "noir", "--tag", "rain", "--greeting", "Again.")
    result = run("characters", "edit", "char_1", *words, "--version", "2")
    assert (result.exit_code, "current_version: 5" in result.stderr) == (4, True)
    assert "updated_by" not in result.stderr, "who it was is not known"
    assert api.requests[-1].headers["if-match"] == '"v2"'
    assert api.requests[-1].json == {
        "first_mes": "Hello = you",
        "tags": ["noir", "rain"],
        "alternate_greetings": ["Again."],
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("profiles", "edit", "profile_1"), "an editor needs a terminal"),
        (("profiles", "edit", "profile_1"), "cardforge profiles push FILE"),
        (("characters", "edit", "char_1"), "Nothing to change"),
        (("characters", "edit", "char_1", "--set", "first_mes"), "NAME=@FILE"),
        (("characters", "edit", "char_1", "--set", "first_mes=@/nowhere.txt"), "/nowhere.txt"),
    ],
)
def test_what_edits_nothing_is_refused_before_anything_is_asked(
    api: Script, run: Run, words: tuple[str, ...], said: str
) -> None:
    result = run(*words)
    assert (result.exit_code, said in result.stderr, api.requests) == (2, True, [])


def test_a_character_lands_in_the_folder_that_was_named(api: Script, run: Run, tmp_path: Path) -> None:
    named = {"Content-Disposition": 'attachment; filename="Mara.png"'}
    api[f"GET {CHARACTER}/download/tavernai"] = Answer(200, named, b"PNG")
    outs = ("new-folder", "new-folder", "one.png")
    ends = [run("characters", "download", "char_1", "--out", tmp_path / out).exit_code for out in outs]
    assert ends == [0, 1, 0], "in a folder, nothing is overwritten"
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")) == [
        "new-folder/Mara.png",
        "one.png",
    ]


@pytest.mark.parametrize(
    ("words", "format_name"),
    [(["a.charx"], "charx"), (["a.json"], "v3"), (["a.v2.json"], "v2"), (["a.charx", "--format", "yaml"], "yaml")],
)
def test_the_name_of_a_file_says_the_format_of_a_character(
    api: Script, run: Run, tmp_path: Path, words: list[str], format_name: str
) -> None:
    api[f"GET {CHARACTER}/download/{format_name}"] = Answer(200, {}, b"CARD")
    result = run("characters", "download", "char_1", "--out", tmp_path / words[0], *words[1:])
    assert (result.exit_code, (tmp_path / words[0]).read_bytes()) == (0, b"CARD"), result.stderr


def test_a_file_whose_name_says_no_format_is_not_guessed(api: Script, run: Run, tmp_path: Path) -> None:
    result = run("characters", "download", "char_1", "--out", tmp_path / "a.xyz")
    assert (result.exit_code, "name one with --format" in result.stderr, api.requests) == (2, True, [])


@pytest.mark.parametrize("group", ["characters", "jobs", "keys", "profiles"])
def test_no_line_of_help_is_cut_at_80_columns(run: Run, group: str) -> None:
    lines = run(group, "--help").stdout.partition("Commands:")[2].splitlines()
    assert lines
    assert [line for line in lines if line.endswith("...")] == []


def test_a_character_is_checked_with_what_to_do(api: Script, run: Run) -> None:
    finding = {"severity": "W", "rule": "C13", "field": "tags", "message": "there are 2 tags", "fix": "give 4 to 12"}
    body = {"findings": [finding], "score": {"overall": 80}, "counts": {"E": 0}}
    api[f"GET {CHARACTER}/lint"] = say(body)
    result = run("characters", "lint", "char_1")
    assert result.exit_code == 0
    assert " ".join(result.stdout.splitlines()[1].split()) == "W C13 tags there are 2 tags give 4 to 12"


def test_files_that_were_imported_before_are_left_out_if_asked(api: Script, run: Run, tmp_path: Path) -> None:
    (tmp_path / "mara.png").write_bytes(b"PNG")
    known = {"file": "mara.png", "status": "skipped", "character_id": "char_1", "book_id": None, "error": None}
    known |= {"warnings": ["this very file was imported before, as char_1"], "deviations": []}
    api["POST /api/v2/characters/import"] = say({"results": [known], "imported": 0, "skipped": 1, "failed": 0}, 201)
    result = run("characters", "import", tmp_path / "mara.png", "--skip-duplicates")
    assert (result.exit_code, api.requests[0].query) == (0, {"if_duplicate": ["skip"]})
    assert "imported before, as char_1" in result.stdout
