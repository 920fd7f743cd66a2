"""Running a card's steps in this process, against the tests' own model server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer

from cards.card import Card
from models import db
from models.artifacts import Artifact
from models.jobs import Job, Step
from models.services import characters
from schemas.generations import CharacterCardSchema
from tests.engine import jobs as work
from tests.model_server import ModelServer
from tests.model_writer import read_request


@dataclass(frozen=True)
class Made:
    """What became of one job."""

    job_id: str
    status: str
    error: Mapping[str, Any] | None
    card: Card | None
    output: Mapping[str, Any]
    logs: list[str]


@dataclass
class Studio:
    """``make(source, **options)`` runs a job to its end, or through its first ``steps``."""

    owner: str
    server: ModelServer

    def make(self, source: str, *, steps: int = 1, request: Mapping[str, Any] | None = None, **options: Any) -> Made:
        given = {name: value for name, value in (request or {}).items() if name == "character_card"}
        body = CharacterCardSchema().load({"source_material": source, "options": options, **given})
        job = work.open_job(self.owner, request={**body, **(request or {})})
        return self.run(job.job_id, steps)

    def run(self, job_id: str, steps: int = 1) -> Made:
        from tasks import run
        from tasks.heartbeat import Heart

        for name in work.STEPS[:steps]:
            if not run.run_step(name, job_id, 1, Heart([])):
                break
        return self.made(job_id)

    def made(self, job_id: str) -> Made:
        with db.transaction() as session:
            job = session.get_one(Job, job_id)
            output = session.get_one(Step, (job_id, 0)).output
            card = None
            if output.get("character_id"):
                card = characters.load_card(session, characters.find_character(session, self.owner, job_id=job_id))
            logs = work.log_lines(session, job_id)
            return Made(job_id, job.status, job.error, card, output, logs)

    def files(self, job_id: str) -> dict[str, bytes]:
        with db.transaction() as session:
            rows = session.scalars(select(Artifact).where(Artifact.job_id == job_id).options(undefer(Artifact.content)))
            return {row.format: row.content for row in rows}

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The requests that the server got, in order."""
        return self.server.ledger.requests

    def prompts(self, purpose: str) -> list[str]:
        """What the server was told for one purpose: the last message of each request."""
        return [body["messages"][1]["content"] for body in self.asked if purpose_of(body) == purpose]


def purpose_of(body: Mapping[str, Any]) -> str:
    return read_request(body).purpose


@pytest.fixture
def studio(database: Any, owner: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    with ModelServer() as server:
        monkeypatch.setenv("LLM_BASE_URL", server.base_url)
        monkeypatch.setenv("LLM_MODEL", "test/model")
        yield from _fresh(Studio(owner, server))


@pytest.fixture
def offline(database: Any, owner: str, environment: dict[str, str], model_server: ModelServer) -> Iterator[Studio]:
    """A studio whose cards are written without a model server."""
    yield from _fresh(Studio(owner, model_server))


def _fresh(studio: Studio) -> Iterator[Studio]:
    """The provider is chosen once a process; here once a test."""
    from tasks import run

    run.provider.cache_clear()
    yield studio
    run.provider.cache_clear()
