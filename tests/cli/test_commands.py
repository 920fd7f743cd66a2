"""The commands, against a small real server: what they ask for, what they print, how they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cardforge_client import transport
from cli.embedded import free_port
from cli.main import main
from schemas.generations import BatchOptionsSchema
from tests.client.server import Answer, Script, events, say, scripted

BATCHES = "/api/v2/batch-generations"
BATCH = f"{BATCHES}/batch_1"
Run = Callable[..., Result]


@pytest.fixture
def api() -> Iterator[Script]:
    with scripted() as server:
        yield server


@pytest.fixture
def run(api: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `cardforge` with these words against the scripted API."""
    monkeypatch.setattr(transport, "PAUSES", (0.01, 0.01))
    monkeypatch.chdir(tmp_path)  # no .env of the developer's own
    for name in ("CARDFORGE_API_KEY", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CARDFORGE_URL", api.url)
    monkeypatch.setenv("CARDFORGE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "api-key").write_text("cf_secret\n")
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def test_the_key_of_the_home_goes_with_every_request(api: Script, run: Run) -> None:
    api["GET /api/v2/keys"] = say({"keys": []})
    assert run("keys", "list").exit_code == 0
    assert api.requests[0].headers["authorization"] == "Bearer cf_secret"


def test_errors_of_the_api_are_told_with_code_and_details(api: Script, run: Run) -> None:
    body = {"error": "VALIDATION_ERROR", "message": "Not valid.", "details": {"scopes.0": ["Unknown\x1b scope."]}}
    api["POST /api/v2/keys"] = say(body, 422)
    result = run("keys", "create", "ci")
    assert result.exit_code == 4
    assert result.stderr == "cardforge: VALIDATION_ERROR: Not valid.\n  --scope: Unknown scope.\n"


def test_a_fault_that_several_fields_have_is_told_once(api: Script, run: Run) -> None:
    details = {f"generations.{n}.profile_id": ["There is no such profile."] for n in range(5)}
    details |= {f"generations.{n}.options.zz": ["Unknown field."] for n in (5, 6)}
    message = "generations.0.profile_id: There is no such profile. (6 more in details)"
    api["POST /api/v2/keys"] = say({"error": "VALIDATION_ERROR", "message": message, "details": details}, 422)
    assert run("keys", "create", "ci").stderr.splitlines() == [
        "cardforge: VALIDATION_ERROR: generations.0.profile_id: There is no such profile.",
        "  the same of 4 more, generations.4.profile_id the last",
        "  generations.5.options.zz (and 1 more, generations.6.options.zz the last): Unknown field.",
    ]


def test_many_details_are_cut_and_counted(api: Script, run: Run) -> None:
    details = {f"generations.{n}.options": [f"Wrong {n}."] for n in range(25)}
    api["POST /api/v2/keys"] = say({"error": "VALIDATION_ERROR", "message": "Many.", "details": details}, 422)
    lines = run("keys", "create", "ci").stderr.splitlines()
    assert (len(lines), lines[-1]) == (12, "  ... and 15 more")


def test_a_fault_of_the_server_is_told_with_its_id(api: Script, run: Run) -> None:
    api["DELETE /api/v2/keys/k"] = say({"error": "INTERNAL", "message": "Broken.", "request_id": "r-1"}, 500)
    assert "request id: r-1" in run("keys", "revoke", "k").stderr


def test_no_server_is_one_line_with_the_remedy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("CARDFORGE_URL", url)
    result = run("jobs", "list")
    assert result.exit_code == 3
    remedy = "Start it with `cardforge up`, or set CARDFORGE_URL."
    assert result.stderr == f"cardforge: No Cardforge at {url}: connection refused. {remedy}\n"


def test_the_address_of_the_api_is_as_good_as_that_of_the_server(
    api: Script, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDFORGE_URL", f"{api.url}/api/v2/")
    api["GET /api/v2/jobs"] = say({"jobs": [], "next_cursor": None})
    assert run("jobs", "list").exit_code == 0


def test_another_program_on_the_port_is_told(api: Script, run: Run) -> None:
    api["GET /api/v2/jobs"] = Answer(200, {"Content-Type": "text/html"}, b"<h1>It works!</h1>")
    result = run("jobs", "list")
    assert result.exit_code == 3
    assert "does not answer like Cardforge" in result.stderr


def test_a_missing_key_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home" / "api-key").unlink()
    result = run("jobs", "list")
    assert result.exit_code == 2
    assert "set CARDFORGE_API_KEY" in result.stderr


JOB: dict[str, Any] = {
    "job_id": "job_1",
    "status": "completed",
    "created_at": "2026-01-01T00:00:00Z",
    "error": None,
    "progress": 100,
    "batch_id": None,
    "profile_id": "profile_default",
    "profile_version": 1,
    "retry_of": None,
    "retried_by": None,
    "finished_at": None,
    "cost_usd": 0.5,
    "wasted_usd": 0.25,
    "waiting_until": None,
    "current_step": None,
    "steps": [{"name": "generate", "status": "completed", "attempts": 1}],
    "links": {"downloads": {"v2": "/x"}},
}


def test_a_list_follows_its_cursor(api: Script, run: Run) -> None:
    api["GET /api/v2/jobs"] = [
        say({"jobs": [JOB], "next_cursor": "n"}),
        say({"jobs": [JOB | {"job_id": "job_2"}], "next_cursor": None}),
    ]
    result = run("jobs", "list")
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["job", "status"],
        ["job_1", "completed"],
        ["job_2", "completed"],
    ]
    assert api.requests[1].query["cursor"] == ["n"]


def test_a_job_tells_its_character_and_what_failed_tries_cost(api: Script, run: Run) -> None:
    api["GET /api/v2/jobs/job_1"] = say(JOB)
    api["GET /api/v2/jobs/job_1/result"] = say({"name": "Mära", "character_id": "char_1"})
    line = {"at": "2026-01-01T00:00:00Z", "level": "info", "message": "Written\x1b[31m."}
    api["GET /api/v2/jobs/job_1/logs"] = say({"logs": [line], "next_after": 1})
    said = run("jobs", "show", "job_1").stdout
    assert "Mära (char_1)" in said
    assert "$0.5000 ($0.2500 of it for failed tries)" in said
    assert "Written[31m." in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"status": "queued", "waiting_until": "2026-01-01T00:00:00Z"}, "for its model server, until 20"),
        ({"status": "queued"}, "for a free place"),
        ({"status": "processing", "cancel_requested_at": "2026-01-01T00:00:00Z"}, "it is being cancelled"),
        (
            {
                "status": "processing",
                "current_step": {"name": "generate", "index": 1, "total": 3, "detail": "greetings"},
            },
            "generate (1 of 3): greetings",
        ),
    ],
)
def test_a_job_tells_what_it_waits_for(api: Script, run: Run, more: dict[str, Any], said: str) -> None:
    api["GET /api/v2/jobs/job_1"] = say(JOB | more)
    api["GET /api/v2/jobs/job_1/logs"] = say({"logs": [], "next_after": 0})
    assert said in run("jobs", "show", "job_1").stdout


def test_a_log_is_followed_to_its_end(api: Script, run: Run) -> None:
    line = {"at": "2026-01-01T00:00:00Z", "level": "warning", "message": "Mended."}
    api["GET /api/v2/jobs/job_1/events"] = events((1, "status", {}), (2, "log", line), (3, "done", {}))
    result = run("jobs", "logs", "job_1", "--follow", "--json")
    assert [json.loads(each) for each in result.stdout.splitlines()] == [line]


def script_batch(api: Script, *, failed: bool = False) -> None:
    """Two items; the second fails if so said."""

    def state(completed: int, failed: int, status: str = "processing") -> dict[str, Any]:
        counts = {"total": 2, "queued": 0, "processing": 2 - completed - failed, "cancelled": 0}
        body = {"batch_id": "batch_1", "progress": counts | {"completed": completed, "failed": failed}}
        return {**body, "status": status, "cost_usd": 0.0123 * completed, "retried": 1}

    end = state(2 - failed, int(failed), "completed")
    error = {"code": "MODEL_REFUSED", "message": "The model\x1b[31m refused."}
    items: list[dict[str, Any]] = [
        {"item_id": "item_1", "job_id": "job_1", "status": "completed", "metadata": {"source_file": "a.md"}},
        {"item_id": "item_2", "job_id": "job_2", "status": "failed" if failed else "completed", "metadata": {}},
    ]
    items[0]["downloads"] = {"json": "/d/1/json", "tavernai": "/d/1/png"}
    items[1] |= {"error": error} if failed else {"downloads": {"json": "/d/2/json"}}
    named = {"Content-Disposition": "attachment; filename=\"Mara.json\"; filename*=UTF-8''M%C3%A4ra.json"}
    png = {"Content-Disposition": 'attachment; filename="../../Mara.png"'}
    api[f"POST {BATCHES}"] = say({"batch_id": "batch_1", "total_items": 2}, 202)
    api[f"GET {BATCH}"] = [say(state(0, 0)), say(end)]
    api[f"GET {BATCH}/events"] = events((1, "status", {"batch": state(1, 0)}), (2, "done", end))
    api[f"GET {BATCH}/items"] = say({"items": items, "next_cursor": None})
    api["GET /api/v2/jobs/job_1/download/json"] = Answer(200, named, b"{}")
    api["GET /api/v2/jobs/job_1/download/tavernai"] = Answer(200, png, b"PNG")
    api["GET /api/v2/jobs/job_2/download/json"] = Answer(200, named, b"{}")
    for job, book in (("job_1", {"entries": [1, 2]}), ("job_2", None)):
        api[f"GET /api/v2/jobs/{job}/result"] = say({"card": {"data": {"name": "Mära"}}, "book": book})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.md"
    path.write_bytes(b"\xef\xbb\xbfMara Voss is a smuggler.")
    return path


def test_submit_saves_every_file_under_a_safe_name_of_its_own(
    api: Script, run: Run, source: Path, tmp_path: Path
) -> None:
    script_batch(api)
    result = run("batch", "submit", source, source, "--out", tmp_path / "out", "--max-concurrent", 2, "--name", "n")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "Mara.png",
        "Mära.json",
        "Mära_item_2.json",
    ]
    sent = api.requests[0].json
    assert sent["batch_options"] == {"name": "n", "max_concurrent": 2}
    assert sent["generations"][0]["source_material"] == "Mara Voss is a smuggler."
    assert sent["generations"][0]["metadata"] == {"source_file": "a.md"}


def test_output_is_plain_lines_when_not_on_a_terminal(api: Script, run: Run, source: Path, tmp_path: Path) -> None:
    script_batch(api, failed=True)
    result = run("batch", "submit", source, source, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert "\r" not in result.stdout
    lines = result.stdout.splitlines()
    assert lines[0] == "batch batch_1"
    assert lines[1].startswith("cards: 0/2 done, 2 in work")
    assert any(line.startswith("cards: 2/2 done, 1 failed") and line.endswith("$0.0123") for line in lines)
    assert lines[-2].split() == ["Mära", "a.md", "completed", "2", "Mära.json,", "Mara.png"]
    assert "failed" in lines[-1]
    assert "MODEL_REFUSED: The model[31m refused." in lines[-1]


def test_submit_speaks_json_when_asked(api: Script, run: Run, source: Path, tmp_path: Path) -> None:
    script_batch(api, failed=True)
    result = run("batch", "submit", source, source, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1
    items = json.loads(result.stdout)["items"]
    assert [item["status"] for item in items] == ["completed", "failed"]
    assert [len(item["files"]) for item in items] == [2, 0]


def test_submit_says_all_that_a_batch_can_be_told(api: Script, run: Run, source: Path) -> None:
    script_batch(api)
    words = ("--max-cost", "2.50", "--stop-on-error", "--skip-invalid", "--priority", "low")
    result = run("batch", "submit", source, "--no-wait", *words, "--callback-url", "https://example.com/hook")
    assert (result.exit_code, result.stdout) == (0, "batch_1\n")
    assert api.requests[0].json["batch_options"] == {
        "max_cost_usd": 2.5,
        "continue_on_error": False,
        "skip_invalid": True,
        "priority": "low",
        "callback_url": "https://example.com/hook",
    }
    # The service takes what we send; whether it takes a callback_url depends on its settings.
    BatchOptionsSchema(exclude=["callback_url"]).load(
        {name: value for name, value in api.requests[0].json["batch_options"].items() if name != "callback_url"}
    )


@pytest.mark.parametrize("dollars", ["0", "-1", "five"])
def test_a_budget_that_is_none_is_refused_before_anything_is_sent(
    api: Script, run: Run, source: Path, dollars: str
) -> None:
    result = run("batch", "submit", source, "--no-wait", "--max-cost", dollars)
    assert (result.exit_code, "--max-cost" in result.stderr, api.requests) == (2, True, [])
    assert "range" in result.stderr or "is not a valid sum of dollars" in result.stderr


RANGE = {"low": 1, "expected": 2, "max": 3000}
ESTIMATE = {
    "total_items": 1,
    "total": {
        **dict.fromkeys(("calls", "prompt_tokens", "completion_tokens", "tokens"), RANGE),
        "cost_usd": {"low": 0.01, "expected": 0.5, "max": None, "basis": "history", "reason": None},
    },
    "items": [{"item_id": "item_1", "error": {"code": "VALIDATION_ERROR", "message": "options.genre: no."}}],
    "estimated_seconds": 75,
}


def test_an_estimate_is_shown_and_nothing_is_submitted_when_nobody_can_agree(
    api: Script, run: Run, source: Path
) -> None:
    api[f"POST {BATCHES}/estimate"] = say(ESTIMATE)
    result = run("batch", "submit", source, "--estimate")
    assert result.exit_code == 0
    assert api.asked() == [f"POST {BATCHES}/estimate"]
    assert ["cost", "$0.0100", "$0.5000", "?"] in [line.split() for line in result.stdout.splitlines()]
    for said in ("3,000", "what such calls have cost so far", "1:15", "options.genre: no."):
        assert said in result.stdout


def test_an_estimate_that_was_agreed_to_is_submitted(api: Script, run: Run, source: Path) -> None:
    script_batch(api)
    api[f"POST {BATCHES}/estimate"] = say(ESTIMATE)
    result = run("batch", "submit", source, "--estimate", "--yes", "--no-wait")
    assert result.exit_code == 0
    assert result.stdout.endswith("batch_1\n")


def test_ctrl_c_leaves_the_batch_running_and_says_how_to_go_on(
    api: Script, run: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_batch(api)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cardforge_client.waiting._updates", interrupted)
    result = run("batch", "submit", source, "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert "cardforge batch show batch_1" in result.stderr
    assert api.asked().count(f"POST {BATCHES}") == 1


def test_submit_needs_a_place_for_the_cards(run: Run, source: Path) -> None:
    result = run("batch", "submit", source)
    assert result.exit_code == 2
    assert "--out DIR" in result.stderr


def test_a_batch_is_taken_as_one_zip(api: Script, run: Run, tmp_path: Path) -> None:
    script_batch(api)
    api[f"GET {BATCH}/download"] = Answer(200, {}, b"ZIP")
    result = run("batch", "download", "batch_1", "--zip", tmp_path / "all.zip", "--format", "v2")
    assert result.exit_code == 0
    assert (tmp_path / "all.zip").read_bytes() == b"ZIP"
    assert api.requests[-1].query == {"format": ["v2"]}


def test_results_go_out_as_they_are(api: Script, run: Run) -> None:
    api[f"GET {BATCH}/results"] = Answer(200, {}, b'{"a": 1}\n{"a": 2}\n')
    assert run("batch", "results", "batch_1").stdout == '{"a": 1}\n{"a": 2}\n'


def test_what_cannot_be_taken_back_is_asked_about(api: Script, run: Run) -> None:
    for words in (("batch", "delete", "batch_1"), ("jobs", "delete", "--ended"), ("characters", "delete", "char_1")):
        result = run(*words)
        assert (result.exit_code, "say --yes" in result.stderr) == (2, True), words
    assert api.requests == []
    api["DELETE /api/v2/jobs/completed"] = [say({"deleted": 3, "more": True}), say({"deleted": 2, "more": False})]
    assert run("jobs", "delete", "--ended", "--yes").stdout == "5 jobs are deleted.\n"
    api["DELETE /api/v2/jobs/completed"] = say({"deleted": 1, "more": False})
    assert run("jobs", "delete", "--ended", "--yes").stdout == "1 job is deleted.\n"


def test_a_batch_is_retried_and_cancelled(api: Script, run: Run) -> None:
    script_batch(api)
    api[f"POST {BATCH}/retry"] = say({"retried": 2}, 202)
    api[f"POST {BATCH}/cancel"] = say({"error": "BATCH_NOT_CANCELLABLE", "message": "It has ended."}, 409)
    assert run("batch", "retry", "batch_1", "--fresh", "--max-cost", "3").stdout.startswith("2 items have a new job.")
    assert api.requests[0].json == {"include_cancelled": False, "fresh": True, "max_cost_usd": 3.0}
    cancelled = run("batch", "cancel", "batch_1")
    assert (cancelled.exit_code, cancelled.stderr) == (4, "cardforge: BATCH_NOT_CANCELLABLE: It has ended.\n")


def test_a_file_that_cannot_be_imported_ends_with_1(api: Script, run: Run, source: Path) -> None:
    nothing = {"character_id": None, "book_id": None, "warnings": [], "deviations": []}
    failed = {"file": "a.md", "status": "failed", "error": {"code": "UNREADABLE", "message": "No card."}, **nothing}
    api["POST /api/v2/characters/import"] = say({"results": [failed], "imported": 0, "failed": 1}, 201)
    result = run("characters", "import", source)
    assert (result.exit_code, "No card." in result.stdout) == (1, True)


def test_a_new_key_stands_alone_on_standard_output(api: Script, run: Run) -> None:
    api["POST /api/v2/keys"] = say({"key_id": "key_1", "key": "cf_new", "scopes": ["read"]}, 201)
    result = run("keys", "create", "--name", "ci", "--scope", "read")
    assert (result.stdout, api.requests[0].json) == ("cf_new\n", {"name": "ci", "scopes": ["read"]})
    assert "shown this once" in result.stderr


def test_every_command_says_what_it_does() -> None:
    """Of a group each command; a help without words is a defect."""

    def commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, command in group.commands.items():
            yield (*path, name)
            if hasattr(command, "commands"):
                yield from commands(command, (*path, name))

    for words in commands(main, ()):
        result = CliRunner().invoke(main, [*words, "--help"])
        assert (result.exit_code, len(result.stdout.splitlines()) > 3) == (0, True), words
