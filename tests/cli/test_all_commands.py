"""What holds for every command: --json, help that is whole, exit codes, the page, completion; books and webhooks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from cli import ends, show
from cli.main import main
from cli.page import page
from tests.cli.test_commands import Run, api, run
from tests.cli.test_init import ROOT, converse
from tests.client.server import Answer, Script, say

__all__ = ["api", "run"]

# command -> why it has no --json
WITHOUT_JSON = {
    "up": "runs until Ctrl-C",
    "demo": "shows a new user what happens",
    "backup": "writes a file, or standard output",
    "restore": "reads a file",
    "completion": "prints a script",
    "batch results": "prints JSON Lines as it is",
    "jobs export": "prints a file of the format that was asked for",
}


def commands(group: Any = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_every_command_speaks_json_or_has_a_reason_not_to() -> None:
    silent = {" ".join(path) for path, one in commands() if all("--json" not in p.opts for p in one.params)}
    assert silent == set(WITHOUT_JSON)


def test_no_line_of_a_list_of_commands_is_cut() -> None:
    groups = {path[:-1] for path, _ in commands()}
    for words in sorted(groups):
        told = CliRunner().invoke(main, [*words, "--help"], terminal_width=80).stdout
        assert [line for line in told.splitlines() if line[:2] == "  " and line.endswith("...")] == []


def test_every_exit_code_is_told() -> None:
    codes = {value for name, value in vars(ends).items() if name.isupper() and isinstance(value, int)}
    codes -= {ends.MOST_DETAILS}
    told = CliRunner().invoke(main, ["--help"]).stdout
    for code in codes:
        assert f"    {code} " in told
        assert f"| {code} |" in page()


def test_the_page_of_the_documentation_is_that_of_the_commands() -> None:
    written = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert written == page(), "python -m cli.page > docs/cli.md"


def test_the_commands_start_without_what_they_do_not_need() -> None:
    heavy = ("cards.lint", "PIL", "yaml", "celery", "sqlalchemy", "flask", "marshmallow")
    code = f"import sys, cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_takes_its_script(shell: str) -> None:
    script = CliRunner().invoke(main, ["completion", shell]).stdout
    assert "_CARDFORGE_COMPLETE" in script
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script, text=True, check=False).returncode == 0


def test_commands_are_completed_as_bash_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", "cardforge profiles pu")
    monkeypatch.setenv("COMP_CWORD", "2")
    told = BashComplete(main, {}, "cardforge", "_X").complete()
    assert told.split() == ["plain,pull", "plain,push"]


def test_profiles_are_completed_by_the_server_or_not_at_all(api: Script, run: Run) -> None:
    found = [{"id": name, "name": name[8:]} for name in ("profile_noir", "profile_novel", "profile_1")]
    api["GET /api/v2/profiles"] = [say({"profiles": found, "next_cursor": None}), say({}, 500)]
    for words in (["generate", "--profile"], ["profiles", "edit"]):
        items = BashComplete(main, {}, "cardforge", "_X").get_completions(words, "profile_no")
        expected = ["profile_noir", "profile_novel"] if words[0] == "generate" else []
        assert [item.value for item in items] == expected


def test_no_color_leaves_colours_out(api: Script, run: Run, tmp_path: Path) -> None:
    job = {"job_id": "job_1", "status": "completed", "created_at": "2026-01-01T00:00:00Z", "error": None}
    api["GET /api/v2/jobs"] = say({"jobs": [job], "next_cursor": None})
    where = {"CARDFORGE_URL": api.url}
    coloured = converse(["jobs", "list"], [], tmp_path, tmp_path / "home", where)
    assert "\x1b[32mcompleted" in coloured
    plain = converse(["jobs", "list"], [], tmp_path, tmp_path / "home", {**where, "NO_COLOR": "1"})
    assert ("completed" in plain, "\x1b[32m" in plain) == (True, False)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_bar_leaves_room_for_its_words(width: int) -> None:
    words = "150/200 done, 8 in work, 5.0/s, 1:40, 10 s left, $1.50"
    assert show.bar_width(width) >= 10
    assert len("cards ") + show.bar_width(width) + 1 + len(words) <= max(width, 71)


# --- several things at once ---------------------------------------------------------------------------------------


def test_what_was_done_before_something_went_wrong_is_told_in_json_too(api: Script, run: Run) -> None:
    api["DELETE /api/v2/jobs/job_1"] = Answer(204)
    result = run("jobs", "delete", "job_1", "job_2", "job_3", "--yes", "--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout) == [{"id": "job_1", "deleted": True}]


# --- books --------------------------------------------------------------------------------------------------------

BOOK = "/api/v2/character-books/book_1"
ENTRY = {"id": "entry_1", "name": "Low\x1bmarsh", "content": "A marsh.", "keywords": ["marsh"], "category": "place"}
ENTRY |= {"constant": False, "enabled": False, "metadata": {"tokens": 12}}
SUMMARY = {"id": "book_1", "name": "Bog", "description": "", "version": 2, "character_id": None}
SUMMARY |= {"token_budget": 2048, "scan_depth": 4}
SUMMARY |= {"metadata": {"total_entries": 1, "total_tokens": 1234, "updated_at": "2026-01-01T00:00:00Z"}}


def test_books_are_listed_and_shown(api: Script, run: Run) -> None:
    api["GET /api/v2/character-books"] = say({"books": [SUMMARY], "next_cursor": None})
    api[f"GET {BOOK}"] = say({**SUMMARY, "entries": [ENTRY]})
    listed = run("books", "list", "-q", "bog", "--standalone")
    assert listed.stdout.splitlines()[1].split()[:3] == ["book_1", "1", "1,234"]
    assert (api.requests[0].query["q"], api.requests[0].query["standalone"]) == (["bog"], ["true"])
    assert "Lowmarsh  place     12      (off) marsh" in run("books", "show", "book_1").stdout
    assert "--- Lowmarsh: marsh\nA marsh." in run("books", "show", "book_1", "--texts").stdout


def test_a_book_is_searched_tried_checked_and_saved(api: Script, run: Run, tmp_path: Path) -> None:
    hits = [{"entry": ENTRY, "rank": 1.0, "matched_keywords": [], "highlight": "A <mark>marsh</mark>."}]
    api[f"POST {BOOK}/search"] = say({"results": hits, "total": 1})
    assert "A *marsh*." in run("books", "search", "book_1", "marsh").stdout
    outcome = {"title": "Lowmarsh", "position": "before_char", "tokens": 12, "detail": "the key 'marsh' fires"}
    sides = {"activated": [outcome | {"fired": True}], "cut": [], "skipped": [], "notes": ["No dice."]}
    api[f"POST {BOOK}/simulate"] = say({**sides, "tokens": 12, "budget": 2048})
    told = run("books", "simulate", "book_1", "To the marsh!", "--seed", "7", "--no-recursive").stdout
    assert "1 of 1 entries fire, 0 are cut: 12 of 2,048 tokens." in told
    expected = {"messages": ["To the marsh!"], "seed": 7, "recursive": False, "chances": "roll"}
    assert api.requests[-1].json == expected
    found = {"rule": "L01", "severity": "E", "field": "entries[0]", "message": "No key.", "fix": "Give one."}
    api[f"GET {BOOK}/lint"] = say({"score": {"lore": 10}, "counts": {"E": 1}, "findings": [found]})
    assert run("books", "lint", "book_1").exit_code == 1
    named = {"Content-Disposition": 'attachment; filename="Bog.json"'}
    api[f"GET {BOOK}/download/worldinfo"] = Answer(200, named, b"{}")
    saved = run("books", "download", "book_1", "--out", tmp_path / "lore", "--json")
    assert json.loads(saved.stdout) == [{"id": "book_1", "file": f"{tmp_path}/lore/Bog.json"}]


# --- webhooks -----------------------------------------------------------------------------------------------------

SENT = {"delivery_id": "hook_1", "event": "batch.completed", "url": "https://example.com/hook", "status": "failed"}
SENT |= {"attempts": 3, "last_error": "500", "created_at": "2026-01-01T00:00:00Z", "next_try_at": None}


def test_webhooks_are_listed_shown_and_sent_again(api: Script, run: Run) -> None:
    path = "/api/v2/webhook-deliveries"
    api[f"GET {path}"] = say({"deliveries": [SENT], "next_cursor": None})
    assert "500 https://example.com/hook" in run("webhooks", "list", "--status", "failed").stdout
    assert api.requests[-1].query["status"] == ["failed"]
    tried = {"at": "2026-01-01T00:00:00Z", "status": 500, "error": None, "milliseconds": 12}
    api[f"GET {path}/hook_1"] = say({**SENT, "delivered_at": None, "body": {"type": "batch"}, "tries": [tried]})
    assert '"type": "batch"' in run("webhooks", "show", "hook_1").stdout
    api[f"POST {path}/hook_1/redeliver"] = say(SENT, 202)
    assert "hook_1 is sent again." in run("webhooks", "redeliver", "hook_1").stdout
    api["GET /api/v2/user/webhook-secret"] = say({"secret": "whsec_x", "previous_secret": None})
    assert run("webhooks", "secret").stdout == "whsec_x\n"


# --- usage --------------------------------------------------------------------------------------------------------


def test_usage_tells_the_month_what_is_left_models_and_days(api: Script, run: Run) -> None:
    spent = {"tokens_used": 1234, "requests_count": 5, "total_cost": 0.25}
    model = {"requests": 5, "tokens": 1234, "cost": 0.25}
    month = {**spent, "wasted": 0.05, "unpriced_requests": 1, "by_model": {"maker/model": model}}
    today = {"used": 10, "used_usd": 0.01, "remaining": None, "remaining_usd": 4.5, "resets_at": "2026-01-02T00:00:00Z"}
    days = [{"day": "2026-01-01", **spent}, {"day": "2025-12-31", **dict.fromkeys(spent, 0)}]
    figures = {"current_month": month, "daily_limit": today, "all_time": spent, "days": days}
    api["GET /api/v2/user/usage"] = say({"usage": figures, "pricing": {}})
    told = run("usage").stdout
    assert "this month    5 calls, 1,234 tokens, $0.2500, $0.0500 of it wasted" in told
    assert "left today    $4.50 (until 2026-01-02" in told
    assert "cost unknown  1 calls" in told
    assert [line.split() for line in told.splitlines() if line.startswith(("maker", "202"))] == [
        ["maker/model", "5", "1,234", "$0.2500"],
        ["2026-01-01", "5", "1,234", "$0.2500"],
    ]
