"""What a step says is written with its next transaction: before it asks, and with its last words."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, update

from models import db
from models.calls import Call
from models.errors import StaleAttempt
from models.events import Event, Kind
from models.jobs import Job
from models.services import claims
from models.services.claims import Claim
from providers.base import Prompt, Sampling
from providers.openai import OpenAIProvider
from tasks.ask import Asker
from tasks.errors import Park, StepFailed
from tasks.heartbeat import Heart
from tasks.notes import Notes
from tests.engine import jobs as work
from tests.model_server import ModelServer

PROMPT = Prompt("write_card", ({"role": "user", "content": "Write about the lamp."},), {"type": "object"})
SAMPLING = Sampling(model="test/model", max_tokens=500)


@pytest.fixture
def claim(owner: str) -> Claim:
    claimed = work.claim(work.open_job(owner).job_id)
    assert claimed is not None
    return claimed


def told(kind: Kind) -> list[Any]:
    with db.transaction() as session:
        return list(session.scalars(select(Event).where(Event.kind == kind).order_by(Event.id)))


def test_of_how_far_a_step_is_the_last_word_counts() -> None:
    notes = Notes()
    assert not notes.take()
    notes.show(10, "reading")
    notes.line("info", "Read.", parts=2)
    notes.show(20, "writing")
    said = notes.take()
    assert (said.progress, said.detail) == (20, "writing")
    assert [(line.level, line.message, line.details) for line in said.lines] == [("info", "Read.", {"parts": 2})]
    assert not notes.take()


def test_what_is_done_now_is_told_before_the_model_is_asked(claim: Claim, model_server: ModelServer) -> None:
    asker = Asker.of(claim, OpenAIProvider(model_server.base_url, "test/model"), Heart([]))
    asker.notes.show(30, "writing the card")
    asker.notes.line("info", "Here goes.")
    asker.ask(PROMPT, SAMPLING)
    (progress,), (line,) = told(Kind.PROGRESS), told(Kind.LOG)
    assert progress.data | {"cost_usd": 0} == {
        "progress": 30,
        "step": "generate",
        "detail": "writing the card",
        "cost_usd": 0,
    }
    assert line.data["message"] == "Here goes."
    with db.transaction() as session:
        began = session.scalar(select(Call.started_at))
        job = session.get_one(Job, claim.job_id)
        assert (job.progress, job.detail) == (30, "writing the card")
    assert progress.at <= began
    assert line.at <= began


def test_a_step_that_says_nothing_writes_nothing(claim: Claim, model_server: ModelServer) -> None:
    asker = Asker.of(claim, OpenAIProvider(model_server.base_url, "test/model"), Heart([]))
    asker.ask(PROMPT, SAMPLING)
    assert told(Kind.PROGRESS) == []


def test_who_has_lost_its_claim_says_no_more(claim: Claim, database: Any) -> None:
    with database.transaction() as session:
        session.get_one(Job, claim.job_id).attempt = 2
    with pytest.raises(StaleAttempt), database.transaction() as session:
        claims.tell(session, claim, claims.Said(90, "late"))
    assert told(Kind.PROGRESS) == []


@pytest.mark.parametrize("error", [StepFailed("LINT_FAILED", "No card."), Park(30, "rate limited")])
def test_the_last_words_of_a_step_that_leaves_off_are_kept(claim: Claim, error: Exception) -> None:
    from tasks.run import leave_off

    notes = Notes()
    notes.line("warning", "The second field cannot be had.")
    db.patiently(leave_off(claim, error, notes.take()))
    assert told(Kind.LOG)[0].data["message"] == "The second field cannot be had."


def test_the_last_words_of_a_step_that_ends_well_come_before_its_end(claim: Claim) -> None:
    notes = Notes()
    notes.line("info", "The card scores 97.")
    with db.transaction() as session:
        claims.finish_step(session, claim, progress=55, said=notes.take())
        claims.write_checkpoint(session, claim, {})
    (line,) = told(Kind.LOG)
    ends = [event.id for event in told(Kind.STEP) if event.data["status"] == "completed"]
    assert line.id < ends[0]


def test_who_waits_has_said_what_it_waits_with(claim: Claim, model_server: ModelServer) -> None:
    asker = Asker.of(claim, OpenAIProvider(model_server.base_url, "test/model"), Heart([]))
    asker.notes.show(20, "planning the characters of the batch")
    asker.wait(0.01)
    assert [event.data["detail"] for event in told(Kind.PROGRESS)] == ["planning the characters of the batch"]


def test_an_empty_word_is_no_end(claim: Claim) -> None:
    with db.transaction() as session:
        claims.tell(session, claim, claims.Said(5, ""))
    assert [event.data["progress"] for event in told(Kind.PROGRESS)] == [5]


def test_the_last_words_of_a_step_that_is_cancelled_as_it_ends_are_kept(
    owner: str, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import run

    monkeypatch.setenv("LLM_BASE_URL", model_server.base_url)
    monkeypatch.setenv("LLM_MODEL", "test/model")
    run.provider.cache_clear()
    job_id = work.open_job(owner).job_id
    with db.transaction() as session:
        session.execute(update(Job).where(Job.id == job_id).values(cancel_requested_at=func.now()))
    assert not run.run_step("generate", job_id, 1, Heart([]))
    run.provider.cache_clear()
    with db.transaction() as session:
        assert session.get_one(Job, job_id).status == "cancelled"
    assert told(Kind.LOG), "how the card was written"
