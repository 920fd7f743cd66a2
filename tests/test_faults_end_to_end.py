"""Real workers against a model server that fails in every way: all cards are made, to the cent, and no key leaks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text

from models import db
from models.calls import FAULTED, Call
from models.tables import Base
from tests.engine.processes import EXPORT, GENERATION, beat, web, worker
from tests.model_faults import mixed
from tests.model_server import ModelServer, Say
from tests.test_end_to_end import User

ITEMS = int(os.environ.get("FAULTS_CARDS", "24"))  # 60 by hand: `FAULTS_CARDS=60`
SECRET = "sk-or-v1-a-secret-that-is-nowhere"
NAMES = ("Gull Rock", "Captain Voss", "Old Pell", "Saint Brannoc", "Candle Stair", "Harrow Mole")
FORMATS = ["json", "v2", "tavernai", "charx", "worldinfo", "yaml", "markdown"]


def sources() -> list[dict[str, Any]]:
    """Sources that name enough to fill a lorebook."""
    told = " ".join(f"{one} lies an hour from {other}." for one in NAMES for other in NAMES if one != other)
    return [
        {"source_material": f"Ondine Marsh keeps lamp {n}. {told}", "options": {"format": FORMATS}}
        for n in range(1, ITEMS + 1)
    ]


def test_with_forty_percent_faults_every_card_is_made_and_every_cent_is_booked(
    database: Any, key: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with ModelServer() as model:
        env = environment | {"LLM_BASE_URL": model.base_url, "LLM_MODEL": "test/model", "LLM_API_KEY": SECRET}
        env |= {"REDIS_URL": env["REDIS_URL"].removesuffix("/0") + "/3", "UPKEEP_SECONDS": "1"}
        model.chance = quoting_the_key(mixed(0.4, seed=5))
        with (
            worker("generation", GENERATION, env, tmp_path),
            worker("export", EXPORT, env, tmp_path),
            beat(env, tmp_path),
            web(env, tmp_path) as url,
        ):
            user = User(url, key)
            batch = user.finish(user.submit(sources(), max_concurrent=20), seconds=420)
            answers = everything_that_is_answered(user, batch)
        asked = len(model.ledger.requests)
    failed = [item["error"] for item in batch["items"] if item["error"]]
    assert batch["progress"]["completed"] == ITEMS, failed
    with db.transaction() as session:
        booked = session.scalar(select(func.sum(Call.cost_usd)))
        calls = session.scalar(select(func.count()).select_from(Call))
        faults = session.scalar(select(func.count()).where(Call.status == FAULTED))
        tables = [table.name for table in Base.metadata.sorted_tables]
        rows = [str(row) for name in tables for row in session.execute(text(f'SELECT t::text FROM "{name}" t'))]
    charged = model.ledger.total
    assert abs(booked - charged) <= charged / 100, (booked, charged)
    assert calls == asked
    assert faults > asked * 0.25, "the server failed as often as it was told to"
    logs = "\n".join(log.read_text() for log in tmp_path.glob("*.log"))
    assert "call_retried" in logs, "the log is where faults are told"
    for place, said in (("the logs", logs), ("the database", "\n".join(rows)), ("answers and files", answers)):
        assert SECRET not in said, place


def quoting_the_key(chance: Any) -> Any:
    """The same faults, with the key quoted in each of their messages."""

    def say(body: dict[str, Any]) -> Say | None:
        said = chance(body)
        if said is not None and isinstance(said.body, dict) and isinstance(said.body.get("error"), dict):
            error = said.body["error"] | {"message": f"{said.body['error'].get('message')} Bearer {SECRET}"}
            return Say(**(vars(said) | {"body": said.body | {"error": error}}))
        return said

    return say


def everything_that_is_answered(user: User, batch: dict[str, Any]) -> str:
    """All that a client can read of a batch, files included."""
    found = [str(batch), str(user.get(batch["items_url"], limit=200)), str(user.get("/api/v2/user/usage"))]
    for item in batch["items"]:
        job = f"/api/v2/jobs/{item['job_id']}"
        found += [str(user.get(path)) for path in (job, f"{job}/logs", f"{job}/result")]
        found += [user.download(path).content.decode("latin-1") for path in item["downloads"].values()]
    return "\n".join(found)
