"""The main job as a user sees it: real web server, real workers, HTTP in, files out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select
from tavern_card import parse_card, parse_png_card

from models import db
from models.calls import Call
from models.characters import Character
from tests.engine.processes import EXPORT, GENERATION, wait_for, web, worker
from tests.model_server import CARD, ModelServer, Say

EXAMPLES = sorted(path for path in (Path(__file__).parent.parent / "examples").iterdir() if path.stem != "README")
ENDS = {"completed", "failed", "cancelled"}


class User:
    """Somebody with a key and an HTTP library."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(self.url + path, params=query, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def submit(self, generations: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
        body = {"generations": generations, "batch_options": options}
        answer = self.http.post(f"{self.url}/api/v2/batch-generations", json=body, timeout=30)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def finish(self, batch: dict[str, Any], seconds: float = 90.0) -> dict[str, Any]:
        """Poll until the batch has ended; its counts have to add up at every look."""
        seen: dict[str, Any] = {}

        def ended() -> bool:
            seen.update(self.get(batch["status_url"]))
            progress = dict(seen["progress"])
            total, _ = progress.pop("total"), progress.pop("percent")
            assert sum(progress.values()) == total
            return seen["status"] in ENDS

        wait_for(ended, "the batch has ended", seconds)
        return seen

    def download(self, path: str) -> requests.Response:
        answer = self.http.get(self.url + path, timeout=10)
        answer.raise_for_status()
        return answer


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def offline(environment: dict[str, str], schema: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The product without a model: its URL."""
    folder = tmp_path_factory.mktemp("offline")
    with (
        worker("generation", GENERATION, environment, folder),
        worker("export", EXPORT, environment, folder),
        web(environment, folder) as url,
    ):
        yield url


@pytest.fixture
def user(offline: str, key: str) -> User:
    return User(offline, key)


def test_every_example_becomes_a_card_that_front_ends_open(user: User) -> None:
    generations = [{"source_material": path.read_text("utf-8"), "metadata": {"file": path.name}} for path in EXAMPLES]
    batch = user.finish(user.submit(generations, max_concurrent=3))
    assert batch["progress"]["completed"] == len(EXAMPLES) >= 6, batch
    assert batch["status"] == "completed"
    for item in batch["items"]:
        result = user.get(item["result_url"])
        png = user.download(item["downloads"]["tavernai"])
        assert png.headers["Content-Disposition"].startswith("attachment")
        assert parse_png_card(png.content)["data"]["name"] == result["name"]
        assert parse_card(user.download(item["downloads"]["v2"]).json())["data"]["name"] == result["name"]
        plain = user.download(item["downloads"]["json"]).json()
        assert plain["extensions"]["cardforge"]["provider"] == "offline"
        assert not [finding for finding in result["lint"] if finding["severity"] == "E"], item["metadata"]
        assert len(result["artifacts"]) == 3


def test_the_lorebook_is_in_the_card_and_in_rows(user: User) -> None:
    source = next(path for path in EXAMPLES if path.stem == "sir-galahad").read_text("utf-8")
    batch = user.finish(user.submit([{"source_material": source}]))
    result = user.get(batch["items"][0]["result_url"])
    assert result["name"] == "Sir Galahad"
    entries = result["card"]["data"]["character_book"]["entries"]
    assert [entry["name"] for entry in entries] == [entry["name"] for entry in result["book"]["entries"]]
    assert len(entries) >= 3
    assert all(entry["keys"] and entry["content"] for entry in entries)


def test_options_do_what_they_say(user: User) -> None:
    options = {
        "name": "Ondine",
        "creator": "the tests",
        "tags": ["Added"],
        "alternate_greetings": 3,
        "include_book": False,
        "format": ["v1", "v3"],
        "filename_pattern": "{index}-{character_name}-{format}",
    }
    source = "The keeper of Gull Rock lives alone with a one-eyed cat called Bosun. She mends clocks."
    batch = user.finish(user.submit([{"source_material": source, "options": options}] * 10, max_concurrent=10))
    item = batch["items"][2]
    result = user.get(item["result_url"])
    card = result["card"]["data"]
    assert (card["name"], card["creator"], result["book"]) == ("Ondine", "the tests", None)
    assert "added" in card["tags"]
    assert len(card["alternate_greetings"]) == 3
    assert "character_book" not in card
    assert sorted(file["filename"] for file in result["artifacts"]) == ["03-Ondine-v1.json", "03-Ondine-v3.json"]


def test_a_card_is_updated(user: User) -> None:
    card = {
        "spec": "chara_card_v2",
        "spec_version": "2.0",
        "create_date": "2024-01-01",
        "data": {
            "name": "Bosun",
            "description": "A cat.",
            "tags": [],
            "creator": "Ada",
            "x_unknown": [1],
            "extensions": {"vendor/a": {"b": None}},
            "character_book": {"name": "Harbour", "entries": [{"keys": ["harbour"], "content": "Deep.", "x": 1}]},
        },
    }
    body = {"source_material": "Bosun sleeps on the lamp of Gull Rock.", "character_card": card}
    batch = user.finish(user.submit([body]))
    result = user.get(batch["items"][0]["result_url"])
    written = result["card"]["data"]
    assert (result["name"], written["creator"], written["x_unknown"]) == ("Bosun", "Ada", [1])
    assert result["card"]["create_date"] == "2024-01-01"
    assert written["extensions"]["vendor/a"] == {"b": None}
    made = written["extensions"]["cardforge"]
    assert {"provider", "model", "profile", "profile_version", "prompt_sha256", "created_at", "cost_usd"} <= set(made)
    assert written["character_book"]["name"] == "Harbour"
    assert written["character_book"]["entries"][0]["x"] == 1


def test_a_download_is_not_sent_twice(user: User) -> None:
    batch = user.finish(user.submit([{"source_material": "Ondine keeps the lamp."}]))
    path = batch["items"][0]["downloads"]["tavernai"]
    etag = user.download(path).headers["ETag"]
    again = user.http.get(user.url + path, headers={"If-None-Match": etag}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    missing = user.http.get(f"{user.url}/api/v2/jobs/{batch['items'][0]['job_id']}/download/charx", timeout=10)
    assert missing.status_code == 404
    assert "json, tavernai, v2" in missing.json()["message"]


def test_the_log_tells_what_was_done(user: User) -> None:
    batch = user.finish(user.submit([{"source_material": "Ondine keeps the lamp."}]))
    body = user.get(f"/api/v2/jobs/{batch['items'][0]['job_id']}/logs")
    assert [line["step"] for line in body["logs"]][:1] == ["generate"]
    assert user.get(f"/api/v2/jobs/{batch['items'][0]['job_id']}/logs", after=body["next_after"])["logs"] == []


def test_with_a_model_server_the_ledger_is_what_the_server_charged(
    database: Any, key: str, model: ModelServer, environment: dict[str, str], tmp_path: Path
) -> None:
    secret = "sk-a-secret-of-the-tests"
    env = environment | {"LLM_BASE_URL": model.base_url, "LLM_MODEL": "test/model", "LLM_API_KEY": secret}
    env["REDIS_URL"] = env["REDIS_URL"].removesuffix("/0") + "/1"  # the workers of `offline` take what is in 0
    faulty = json.dumps(CARD | {"name": ""})
    model.script = [Say(text="not a card"), Say(text=faulty), Say(503, {"error": {"message": "busy"}})]
    with (
        worker("generation", GENERATION, env, tmp_path),
        worker("export", EXPORT, env, tmp_path),
        web(env, tmp_path) as url,
    ):
        user = User(url, key)
        batch = user.finish(user.submit([{"source_material": f"Ondine keeps lamp {n}."} for n in range(20)]))
        refused = [item for item in batch["items"] if item["status"] == "failed"]
        done = [item for item in batch["items"] if item["status"] == "completed"]
        assert len(done) >= 18, refused
        assert {item["error"]["code"] for item in refused} <= {"PROVIDER_BAD_OUTPUT"}
        result = user.get(done[0]["result_url"])
    charged = model.ledger.total
    with db.transaction() as session:
        booked = session.scalar(select(func.sum(Call.cost_usd)))
        characters = session.scalar(select(func.count()).select_from(Character))
    assert booked == charged > 0
    assert Decimal(str(batch["cost_usd"])).quantize(Decimal("1e-9")) == charged.quantize(Decimal("1e-9"))
    assert characters == len(done)
    assert result["card"]["data"]["extensions"]["cardforge"]["model"] == "test/model"
    assert result["book"]["entries"][0]["keywords"] == ["Gull Rock", "the rock", "lighthouse"]
    assert len(result["usage"]["by_model"]) == 1
    for log in tmp_path.glob("*.log"):
        assert secret not in log.read_text(), log.name
