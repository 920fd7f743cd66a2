"""The HTTP client and what the commands make of its answers, against a small real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import client as client_module
from cli.client import ApiError, Client
from cli.embedded import free_port
from cli.main import main

Answer = tuple[int, dict[str, str], bytes]


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/json", **named}, json.dumps(body).encode()


@dataclass
class Api:
    """A scripted API: answers by ``METHOD path`` (the last one of a list stays), and the requests it got."""

    url: str
    script: dict[str, list[Answer | None]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    def next(self, what: str) -> Answer | None:
        answers = self.script.get(what.partition("?")[0], [answer({"error": "NOT_FOUND", "message": what}, 404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def api() -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what = f"{self.command} {self.path}"
            scripted.requests.append((self.command, self.path, dict(self.headers), json.loads(body or b"null")))
            given = scripted.next(what)
            if given is None:  # hang up without an answer
                self.close_connection = True
                return
            status, headers, content = given
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = reply

        def log_message(self, *arguments: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scripted = Api(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield scripted
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAUSES", (0.01, 0.01))


@pytest.fixture
def run(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `cardforge` with these words against the scripted API."""
    for name in ("CARDFORGE_API_KEY", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CARDFORGE_URL", api.url)
    monkeypatch.setenv("CARDFORGE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "api-key").write_text("cf_secret\n")
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def test_the_key_of_the_home_goes_with_every_request(api: Api, run: Callable[..., Result]) -> None:
    api.script["GET /api/v2/keys"] = [answer({"keys": []})]
    assert run("keys", "list").exit_code == 0
    assert api.requests[0][2]["Authorization"] == "Bearer cf_secret"


def test_a_get_is_tried_again_when_the_connection_breaks(api: Api) -> None:
    api.script["GET /api/v2/jobs/job_1"] = [None, None, answer({"job_id": "job_1"})]
    assert Client(api.url, "k").job("job_1") == {"job_id": "job_1"}


def test_a_post_is_sent_once(api: Api) -> None:
    api.script["POST /api/v2/batch-generations"] = [None]
    with pytest.raises(ApiError, match="the connection failed"):
        Client(api.url, "k").submit([], {})
    assert len(api.requests) == 1


def test_a_busy_server_is_given_the_time_it_asks_for(api: Api) -> None:
    refusal = answer({"error": "RATE_LIMITED", "message": "slow down"}, 429, Retry_After="0.1")
    api.script["GET /api/v2/jobs/job_1"] = [refusal, answer({"job_id": "job_1"})]
    assert Client(api.url, "k").job("job_1") == {"job_id": "job_1"}


def test_the_key_is_never_sent_to_another_server(api: Api) -> None:
    api.script["GET /files/a?b=c"] = api.script["GET /files/a"] = [(200, {}, b"content")]
    assert Client(api.url, "k").download("https://elsewhere.invalid/files/a?b=c")[1] == b"content"


def test_a_redirect_is_not_followed(api: Api) -> None:
    api.script["GET /api/v2/jobs/job_1"] = [answer({}, 302, Location="http://elsewhere.invalid/")]
    with pytest.raises(ApiError):
        Client(api.url, "k").job("job_1")


def test_errors_of_the_api_are_told_with_code_and_details(api: Api, run: Callable[..., Result]) -> None:
    body = {"error": "VALIDATION_ERROR", "message": "Not valid.", "details": {"scopes.0": ["Unknown scope."]}}
    api.script["POST /api/v2/keys"] = [answer(body, 422)]
    result = run("keys", "create", "ci")
    assert result.exit_code == 2
    assert result.stderr == "cardforge: VALIDATION_ERROR: Not valid.\n  scopes.0: Unknown scope.\n"


def test_no_server_is_one_line_with_the_remedy(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("CARDFORGE_URL", url)
    result = run("jobs", "list")
    assert result.exit_code == 2
    remedy = "Start it with `cardforge up`, or set CARDFORGE_URL."
    assert result.stderr == f"cardforge: No Cardforge at {url}: connection refused. {remedy}\n"


def test_another_program_on_the_port_is_told(api: Api, run: Callable[..., Result]) -> None:
    api.script["GET /api/v2/jobs"] = [(200, {"Content-Type": "text/html"}, b"<h1>It works!</h1>")]
    result = run("jobs", "list")
    assert result.exit_code == 2
    assert "does not answer like Cardforge" in result.stderr


def test_a_missing_key_is_told(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "home" / "api-key").unlink()
    result = run("jobs", "list")
    assert result.exit_code == 2
    assert "set CARDFORGE_API_KEY" in result.stderr


def test_a_list_follows_its_cursor(api: Api, run: Callable[..., Result]) -> None:
    job = {"status": "completed", "created_at": "2026-01-01T00:00:00Z", "error": None}
    pages = [
        answer({"jobs": [{"job_id": "job_1", **job}], "next_cursor": "n"}),
        answer({"jobs": [{"job_id": "job_2", **job}], "next_cursor": None}),
    ]
    api.script["GET /api/v2/jobs"] = list(pages)
    result = run("jobs", "list")
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["job", "status"],
        ["job_1", "completed"],
        ["job_2", "completed"],
    ]
    assert "cursor=n" in api.requests[1][1]


def script_batch(api: Api, *, failed: bool = False) -> None:
    """Two items; the second fails if so said."""

    def state(completed: int, failed: int) -> Answer:
        counts = {"total": 2, "queued": 0, "processing": 2 - completed - failed, "cancelled": 0}
        body = {"batch_id": "batch_1", "progress": counts | {"completed": completed, "failed": failed}}
        return answer({**body, "status": "processing", "cost_usd": 0.0123 * completed})

    error = {"code": "MODEL_REFUSED", "message": "The model\x1b[31m refused."}
    items = [
        {"item_id": "item_1", "job_id": "job_1", "status": "completed", "metadata": {"source_file": "a.md"}},
        {
            "item_id": "item_2",
            "job_id": "job_2",
            "status": "failed" if failed else "completed",
            "metadata": {},
        },
    ]
    items[0]["downloads"] = {"json": "/d/1/json", "tavernai": "/d/1/png"}
    items[1] |= {"error": error} if failed else {"downloads": {"json": "/d/2/json"}}
    named = "attachment; filename=\"Mara.json\"; filename*=UTF-8''M%C3%A4ra.json"
    api.script |= {
        "POST /api/v2/batch-generations": [answer({"batch_id": "batch_1", "total_items": 2}, 202)],
        "GET /api/v2/batch-generations/batch_1": [state(0, 0), state(1, 0), state(2 - failed, int(failed))],
        "GET /api/v2/batch-generations/batch_1/items": [answer({"items": items, "next_cursor": None})],
        "GET /d/1/json": [(200, {"Content-Disposition": named}, b"{}")],
        "GET /d/1/png": [(200, {"Content-Disposition": 'attachment; filename="../../Mara.png"'}, b"PNG")],
        "GET /d/2/json": [(200, {"Content-Disposition": named}, b"{}")],
        "GET /api/v2/jobs/job_1/result": [answer({"card": {"data": {"name": "Mära"}}, "book": {"entries": [1, 2]}})],
        "GET /api/v2/jobs/job_2/result": [answer({"card": {"data": {"name": "Mära"}}, "book": None})],
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.md"
    path.write_bytes(b"\xef\xbb\xbfMara Voss is a smuggler.")
    return path


def test_submit_saves_every_file_under_a_safe_name_of_its_own(
    api: Api, run: Callable[..., Result], source: Path, tmp_path: Path
) -> None:
    script_batch(api)
    result = run("batch", "submit", source, source, "--out", tmp_path / "out", "--max-concurrent", 2, "--name", "n")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "Mara.png",
        "Mära.json",
        "Mära_item_2.json",
    ]
    sent = api.requests[0][3]
    assert sent["batch_options"] == {"name": "n", "max_concurrent": 2}
    assert sent["generations"][0]["source_material"] == "Mara Voss is a smuggler."
    assert sent["generations"][0]["metadata"] == {"source_file": "a.md"}


def test_output_is_plain_lines_when_not_on_a_terminal(
    api: Api, run: Callable[..., Result], source: Path, tmp_path: Path
) -> None:
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


def test_submit_speaks_json_when_asked(api: Api, run: Callable[..., Result], source: Path, tmp_path: Path) -> None:
    script_batch(api, failed=True)
    result = run("batch", "submit", source, source, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1
    items = json.loads(result.stdout)["items"]
    assert [item["status"] for item in items] == ["completed", "failed"]
    assert [len(item["files"]) for item in items] == [2, 0]


def test_submit_without_waiting_prints_the_id(api: Api, run: Callable[..., Result], source: Path) -> None:
    script_batch(api)
    result = run("batch", "submit", source, "--no-wait")
    assert (result.exit_code, result.stdout) == (0, "batch_1\n")


def test_ctrl_c_leaves_the_batch_running_and_says_how_to_go_on(
    api: Api, run: Callable[..., Result], source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_batch(api)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.batches.time.sleep", interrupted)
    result = run("batch", "submit", source, "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert "cardforge batch show batch_1" in result.stderr
    assert [method for method, *_ in api.requests].count("POST") == 1


def test_submit_needs_a_place_for_the_cards(run: Callable[..., Result], source: Path) -> None:
    result = run("batch", "submit", source)
    assert result.exit_code == 2
    assert "--out DIR" in result.stderr
