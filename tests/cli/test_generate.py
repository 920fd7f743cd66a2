"""`cardforge generate`, and the options of the catalogue as flags."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from cli import catalogue
from cli.catalogue import known
from cli.generate import is_text
from cli.main import main
from schemas.generations import SingleSchema
from schemas.options import OPTIONS
from schemas.options_page import copy
from tests.cli.test_commands import Run, api, run, source
from tests.client.server import Answer, Script, events, say

__all__ = ["api", "run", "source"]
JOB = "/api/v2/jobs/job_1"
ENDED: dict[str, Any] = {
    "job_id": "job_1",
    "status": "completed",
    "progress": 100,
    "error": None,
    "cost_usd": 0.0123,
    "current_step": None,
    "links": {"downloads": {"json": "/d"}},
}
RESULT = {"name": "Mära", "character_id": "char_1", "card": {"data": {"name": "Mära"}}, "score": {"overall": 97}}


@pytest.fixture
def forge(api: Script) -> Script:
    """Answers of a job that writes one card."""
    options = json.loads((Path(catalogue.__file__).parent / "options.json").read_text())
    api["GET /api/v2/options"] = say({"options": options, "total": len(options)})
    api["POST /api/v2/generation/generate"] = say({"job_id": "job_1", "status": "queued"}, 202)
    api[f"GET {JOB}"] = say(ENDED)
    api[f"GET {JOB}/events"] = events(
        (1, "step", {"name": "generate", "index": 1, "total": 3, "status": "processing"}),
        (2, "progress", {"step": "generate", "detail": "writing\x1b the greetings", "progress": 40, "cost_usd": 0.01}),
        (3, "step", {"name": "export", "index": 3, "total": 3, "status": "processing", "progress": 90}),
        (4, "done", {"status": "completed", "progress": 100, "cost_usd": 0.0123}),
    )
    api[f"GET {JOB}/result"] = say(RESULT)
    api[f"GET {JOB}/download/json"] = Answer(200, {"Content-Disposition": 'attachment; filename="Mara.json"'}, b"{}")
    return api


def sent(api: Script) -> Any:
    (body,) = [request.json for request in api.requests if request.path.endswith("/generate")]
    SingleSchema().load(body)  # the service takes what we send
    return body


def test_the_copy_that_came_along_is_the_catalogue_of_the_service() -> None:
    shipped = (Path(catalogue.__file__).parent / "options.json").read_text("utf-8")
    assert shipped == copy(), "python -m schemas.options_page --json > cli/options.json"


def test_every_option_of_the_catalogue_is_a_flag_of_generate(run: Run) -> None:
    told = run("generate", "--help").stdout
    assert [o.name for o in OPTIONS if f"  --{o.name.replace('_', '-')} " not in told] == []


@pytest.mark.parametrize("words", [("batch", "submit"), ("estimate",), ("preview",)])
def test_batches_and_estimates_take_the_same_flags(run: Run, words: tuple[str, ...]) -> None:
    told = run(*words, "--help").stdout
    assert [o.name for o in OPTIONS if f"  --{o.name.replace('_', '-')} " not in told] in ([], ["name"])


def test_help_asks_nobody(forge: Script, run: Run) -> None:
    assert run("generate", "--help").exit_code == 0
    assert forge.requests == []


def test_flags_are_sent_in_their_types(forge: Script, run: Run, source: Path, tmp_path: Path) -> None:
    flags = ("--genre", "cosy = fantasy", "--variants", "2", "--temperature", ".5", "--no-include-book", "--plan")
    lists = ("--avoid", "spiders, clowns", "--avoid", "mirrors", "--format", "v2,tavernai", "--rating", "mature")
    result = run("generate", source, *flags, *lists, "-o", "seed=7", "--out", tmp_path / "out", "--priority", "high")
    assert result.exit_code == 0, result.output
    body = sent(forge)
    assert body["options"] == {
        "genre": "cosy = fantasy",
        "variants": 2,
        "temperature": 0.5,
        "include_book": False,
        "plan": True,
        "avoid": ["spiders", "clowns", "mirrors"],
        "format": ["v2", "tavernai"],
        "rating": "mature",
        "seed": 7,
    }
    assert (body["priority"], body["metadata"]) == ("high", {"source_file": "a.md"})


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--variants", "9"), "9 is not in the range 1-4."),
        (("--variants", "two"), "'two' is no integer."),
        (("--rating", "pg"), "'pg' is none of sfw, mature."),
        (("--format", "v2,word"), "'word' is none of json"),
        (("--gener", "noir"), "--genre"),
    ],
)
def test_a_value_that_no_option_takes_is_refused_before_anything_is_sent(
    forge: Script, run: Run, source: Path, flags: tuple[str, ...], said: str
) -> None:
    result = run("generate", source, *flags)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert not [request for request in forge.requests if request.method == "POST"]


def test_steps_are_lines_when_not_on_a_terminal(forge: Script, run: Run, source: Path, tmp_path: Path) -> None:
    result = run("generate", source, "--out", tmp_path / "out")
    assert (result.exit_code, "\x1b" in result.stdout) == (0, False)
    lines = [line.rpartition(", 0 s")[0] or line for line in result.stdout.splitlines()]
    assert lines[:4] == [
        "job job_1",
        "  0 %  step 1 of 3: writing the card",
        " 40 %  step 1 of 3: writing the greetings",
        " 90 %  step 3 of 3: making the files",
    ]
    assert "card      Mära (char_1)" in lines
    assert "cost      $0.0123" in lines
    assert lines[-1] == f"saved     {tmp_path}/out/Mara.json"


def test_the_outcome_as_json_is_nothing_but_json(forge: Script, run: Run, source: Path, tmp_path: Path) -> None:
    result = run("generate", source, "--json", "--out", tmp_path)
    assert json.loads(result.stdout) == {
        "job_id": "job_1",
        "status": "completed",
        "cost_usd": 0.0123,
        "error": None,
        "character": "Mära",
        "entries": 0,
        "files": [f"{tmp_path}/Mara.json"],
    }


def test_a_card_that_failed_says_why_and_ends_with_1(forge: Script, run: Run, source: Path) -> None:
    forge[f"GET {JOB}"] = say(ENDED | {"status": "failed", "error": {"code": "MODEL_REFUSED", "message": "No."}})
    result = run("generate", source)
    assert (result.exit_code, "MODEL_REFUSED: No." in result.stdout) == (1, True)


def test_ctrl_c_leaves_the_job_running_and_says_how_to_go_on(
    forge: Script, run: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.generate.Now.hear", interrupted)
    result = run("generate", source)
    assert (result.exit_code, "cardforge jobs cancel job_1" in result.stderr) == (130, True)


def test_without_events_the_job_is_looked_at(forge: Script, run: Run, source: Path, tmp_path: Path) -> None:
    forge[f"GET {JOB}/events"] = say({"error": "TOO_MANY_STREAMS", "message": "Full."}, 404)
    assert run("generate", source, "--out", tmp_path).exit_code == 0


def test_the_source_comes_from_a_text_or_from_standard_input(forge: Script, run: Run) -> None:
    assert run("generate", "Mara Voss smuggles tea.", "--no-wait").stdout == "job_1\n"
    assert run("generate", "--text", "tea.md", "--no-wait").exit_code == 0
    piped = CliRunner().invoke(main, ["generate", "-", "--no-wait"], input="Ada keeps bees.")
    assert piped.exit_code == 0, piped.output
    sources = [request.json["source_material"] for request in forge.requests if request.method == "POST"]
    assert sources == ["Mara Voss smuggles tea.", "tea.md", "Ada keeps bees."]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mara.md",), "there is no such file"),
        (("my notes.md",), "there is no such file"),
        (("a.md", "--text", "Two"), "Give one source"),
        (("--text", " "), "--text is empty."),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused(forge: Script, run: Run, words: tuple[str, ...], said: str) -> None:
    result = run("generate", *words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert not [request for request in forge.requests if request.method == "POST"]


def test_a_text_is_told_from_the_name_of_a_file() -> None:
    assert is_text("Mara Voss smuggles tea.")
    assert not any(map(is_text, ("mara", "mara.md", "my notes.txt", "/tmp/a b.md")))


def test_a_card_to_bring_up_to_date_goes_along(forge: Script, run: Run, source: Path, tmp_path: Path) -> None:
    card = tmp_path / "old.json"
    card.write_text(json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Mara"}}))
    assert run("generate", source, "--card", card, "--keep", "description", "--no-wait").exit_code == 0
    assert sent(forge)["character_card"]["data"]["name"] == "Mara"


def test_an_estimate_is_only_shown_where_nobody_can_agree(forge: Script, run: Run, source: Path) -> None:
    counts = {"low": 1, "expected": 2, "max": 3000}
    cost = {"low": 0.01, "expected": 0.5, "max": None, "basis": "history", "reason": None}
    takes = dict.fromkeys(("calls", "prompt_tokens", "completion_tokens", "tokens"), counts)
    forge["POST /api/v2/generation/estimate"] = say({**takes, "cost_usd": cost, "estimated_seconds": 75})
    result = run("generate", source, "--estimate")
    assert (result.exit_code, "1:15" in result.stdout) == (0, True)
    assert "POST /api/v2/generation/generate" not in forge.asked()


# --- the copy of the catalogue ------------------------------------------------------------------------------------

NEW = {"name": "mood", "group": "content", "type": "string", "description": "Mood.", "default": None, "choices": []}


def test_a_flag_that_only_the_server_knows_is_found_by_asking(forge: Script, run: Run, source: Path) -> None:
    forge["GET /api/v2/options"] = say({"options": [NEW], "total": 1})
    catalogue.keep(known())  # a fresh copy, of before the server was upgraded
    assert run("generate", source, "--mood", "grim", "--no-wait").exit_code == 0
    assert next(r.json["options"]["mood"] for r in forge.requests if r.method == "POST") == "grim"
    assert "--mood TEXT" in run("generate", "--help").stdout  # from the copy
    assert forge.asked().count("GET /api/v2/options") == 1


def test_a_copy_is_asked_for_again_when_it_is_an_hour_old(forge: Script, run: Run, source: Path) -> None:
    catalogue.keep(known())
    for hours, times in ((0, 0), (2, 1), (0, 1)):
        if hours:
            os.utime(catalogue.copy_of(forge.url), (time.time() - hours * 3600,) * 2)
        assert run("generate", source, "--no-wait").exit_code == 0
        assert forge.asked().count("GET /api/v2/options") == times


def test_a_damaged_copy_does_no_harm(forge: Script, run: Run) -> None:
    catalogue.keep([])
    for text in ("{", "[]", '{"options": [{"name": 1}]}'):
        catalogue.copy_of(forge.url).write_text(text)
        assert "--genre" in run("generate", "--help").stdout


def test_flags_and_their_values_are_completed_without_a_server(forge: Script, run: Run) -> None:
    run("generate", "--help")

    def completed(words: list[str], start: str) -> list[str]:
        return [item.value for item in ShellComplete(main, {}, "cardforge", "_X").get_completions(words, start)]

    assert completed(["generate"], "--gen") == ["--genre"]
    assert completed(["generate", "--rating"], "") == ["sfw", "mature"]
    assert completed(["generate", "--format"], "v2,ch") == ["v2,charx"]
    assert forge.requests == []


def test_flags_of_the_command_go_before_those_of_the_catalogue() -> None:
    submit: Any = main.commands["batch"].commands["submit"]  # type: ignore[attr-defined]
    (names,) = [p for p in submit.get_params(click.Context(submit)) if "--name" in p.opts]
    assert names.help == "A name to know the batch by."
