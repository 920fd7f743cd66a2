"""Remedies through the ledger, with a real server and database: each try is booked, the question stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from sqlalchemy import select

from cli.embedded import Server
from models import db
from models.calls import ANSWERED, FAULTED, Call
from models.services import calls, prices
from providers import base
from providers.base import Completion, Prompt, Sampling
from providers.openai import OpenAIProvider
from tasks import pause, retry
from tasks.ask import Asker
from tasks.errors import Park
from tasks.heartbeat import Heart
from tasks.remedy import MOST_CAP
from tasks.work import Work
from tests.engine import jobs as work
from tests.model_faults import CAPPED, LASTING, mixed
from tests.model_server import CARD, ModelServer, Say

TEXT = {"type": "string", "minLength": 1}
SHAPE = {
    "type": "object",
    "properties": {"name": TEXT, "description": TEXT},
    "required": ["name", "description"],
    "additionalProperties": False,
}
PROMPT = Prompt("write_card", ({"role": "user", "content": "Write about the lamp."},), SHAPE)
SAMPLING = Sampling(model="test/model", max_tokens=500)
CUT = CAPPED["length"].say


@pytest.fixture(autouse=True)
def _no_waits(redis_server: Server, environment: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(retry, "LONGEST_SECONDS", 0.01)
    monkeypatch.setattr(retry, "PATIENT_SECONDS", 0.01)
    pause._client.cache_clear()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushdb()
        yield
    pause._client().close()
    pause._client.cache_clear()


@pytest.fixture
def asker(owner: str, model_server: ModelServer) -> Asker:
    claim = work.claim(work.open_job(owner).job_id)
    assert claim is not None
    return Asker.of(claim, OpenAIProvider(model_server.base_url, "test/model"), Heart([]))


def ask(asker: Asker, prompt: Prompt = PROMPT, **changes: Any) -> Completion:
    return asker.ask(prompt, replace(SAMPLING, **changes))


def caps(server: ModelServer) -> list[int]:
    return [body["max_tokens"] for body in server.ledger.requests]


def models(server: ModelServer) -> list[str]:
    return [body["model"] for body in server.ledger.requests]


def rows() -> list[Call]:
    with db.transaction() as session:
        return list(session.scalars(select(Call).order_by(Call.finished_at, Call.id)))


def told(asker: Asker) -> str:
    with db.transaction() as session:
        return "\n".join(work.log_lines(session, asker.claim.job_id))


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
def test_a_cut_answer_is_asked_for_with_a_larger_cap(asker: Asker, model_server: ModelServer, stream: bool) -> None:
    model_server.script = [CUT, CUT]
    first = ask(asker, stream=stream)
    assert caps(model_server) == [500, 1000, 2000]
    assert [row.status for row in rows()] == [FAULTED, FAULTED, ANSWERED]
    assert len({row.key for row in rows()}) == 1, "it stays one question"
    assert sum(row.cost_usd for row in rows()) == model_server.ledger.total
    assert "asked again with 2000 tokens" in told(asker)
    assert ask(asker, stream=stream).text == first.text
    assert len(model_server.ledger.requests) == 3, "and its answer is found again"


def test_a_cut_answer_is_given_up_after_three_raises(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [CUT] * 9
    with pytest.raises(base.Truncated, match="of 4000 tokens"):
        ask(asker)
    assert caps(model_server) == [500, 1000, 2000, 4000]


def test_the_largest_cap_is_not_asked_with_twice(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [CUT] * 9
    with pytest.raises(base.Truncated):
        ask(asker, max_tokens=MOST_CAP)
    assert caps(model_server) == [MOST_CAP]


def test_no_more_is_asked_for_than_the_price_table_says_the_model_writes(
    asker: Asker, model_server: ModelServer
) -> None:
    class Listed:
        model, context_tokens, output_cap, pricing, supported = "test/model", None, 800, None, ()

    with db.transaction() as session:
        prices.save_models(session, asker.provider.name, [Listed])
    model_server.script = [CUT, CUT]
    with pytest.raises(base.Truncated):
        ask(asker)
    ask(asker, max_tokens=900)
    assert caps(model_server) == [500, 800, 800]


def test_a_model_that_thought_all_its_cap_away_is_to_think_less(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [CAPPED["reasoning ate it"].say]
    ask(asker, max_tokens=900)
    first, second = model_server.ledger.requests
    assert "reasoning_effort" not in first
    assert (second["max_tokens"], second["reasoning_effort"]) == (1800, "low")
    assert "to think less" in told(asker)


def test_the_raised_cap_outlives_a_wait(asker: Asker, model_server: ModelServer) -> None:
    """The step is given back, and begun again: it knows from the ledger what it had tried."""
    model_server.script = [CUT, Say(429, {"error": {"message": "x"}}, headers={"Retry-After": "30"})]
    with pytest.raises(Park):
        ask(asker)
    pause._client().flushdb()
    ask(asker)
    assert caps(model_server) == [500, 1000, 1000]


def test_what_can_be_paid_is_asked_for(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [LASTING["402 preflight"].say]
    ask(asker, max_tokens=900)
    assert caps(model_server) == [900, 700]
    assert "can pay for 700 tokens" in told(asker)


def test_what_cannot_be_paid_is_asked_for_once(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [LASTING["402 preflight"].say] * 9
    with pytest.raises(base.OutOfCredits, match="Add credits"):
        ask(asker, max_tokens=900)
    assert caps(model_server) == [900, 700]


def test_a_refusal_is_asked_once_more(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [LASTING["refusal in words"].say]
    assert ask(asker).text
    model_server.script = [LASTING["refusal field"].say] * 9
    with pytest.raises(base.Refused) as raised:
        ask(asker, seed=1)
    assert raised.value.code == "CONTENT_FILTERED"
    assert len(model_server.ledger.requests) == 4


@pytest.mark.parametrize("name", ["404 no endpoints", "400 context", "filter", "403 moderation", "503 not retryable"])
def test_the_next_model_is_asked_where_the_first_cannot(name: str, asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [LASTING[name].say]
    completion = ask(asker, fallback_models=("b/two", "c/three"))
    assert models(model_server) == ["test/model", "b/two"]
    assert completion.model == "b/two"
    assert [row.model for row in rows()] == ["test/model", "b/two"]
    assert "b/two is asked instead" in told(asker)


def test_the_last_models_fault_is_the_jobs(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [LASTING["404 no endpoints"].say, LASTING["filter"].say, LASTING["401"].say]
    with pytest.raises(base.AuthRefused):
        ask(asker, fallback_models=("b/two", "c/three", "d/four"))
    assert models(model_server) == ["test/model", "b/two", "c/three"]


def test_who_served_is_in_the_ledger(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [Say(model="b/two")]
    assert ask(asker).model == "b/two"
    (row,) = rows()
    assert (row.model, row.asked_model) == ("b/two", "test/model")


def test_a_prompt_that_was_cut_in_silence_is_warned_of(asker: Asker, model_server: ModelServer) -> None:
    long = replace(PROMPT, messages=({"role": "user", "content": "The lamp turns. " * 1000},))
    model_server.script = [
        Say(usage={"prompt_tokens": 2048, "completion_tokens": 9}),
        Say(usage={"prompt_tokens": 900}),
    ]
    ask(asker, long)
    assert told(asker) == ""
    ask(asker, long, seed=1)
    assert "read 900 tokens of a prompt of about 4" in told(asker)
    assert "num_ctx" in told(asker)


def test_what_the_ledger_says_of_a_fault_is_enough_to_go_by(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [CAPPED["reasoning ate it"].say]
    ask(asker, max_tokens=900)
    with db.transaction() as session:
        _, (error,) = calls.find_tries(session, asker.claim, rows()[0].key)
    assert error["code"] == "OUTPUT_TRUNCATED"
    assert {name: error[name] for name in ("kind", "cap", "reasoning")} == {
        "kind": "Truncated",
        "cap": 900,
        "reasoning": True,
    }


def test_the_forms_that_were_not_taken_are_booked_too(asker: Asker, model_server: ModelServer) -> None:
    model_server.refuses = {"json_schema": Say(400, {"error": {"message": "no response_format here"}})}
    model_server.script = [Say(400, {"error": {"message": "min_p is not supported"}}), CUT]
    completion = ask(asker, min_p=0.1)
    assert completion.rung == "tool"
    assert len(completion.refusals) == 0, "they were met by the try before"
    assert len(rows()) == len(model_server.ledger.requests) == 4
    assert [row.status for row in rows()] == [FAULTED, FAULTED, FAULTED, ANSWERED]
    refused = [row.error["message"] for row in rows() if row.error and row.error["kind"] == "Refusal"]
    assert any("no response_format here" in message for message in refused), refused
    assert len(refused) == 2
    assert caps(model_server) == [500, 500, 500, 1000], "and are no tries"
    assert ask(asker, min_p=0.1).text == completion.text


# The shape


def put(asker: Asker, server: ModelServer, *texts: str, **changes: Any) -> Any:
    server.script = [Say(text=text) for text in texts]
    return Work(asker.claim, asker, lambda _: 0).ask_for(PROMPT, replace(SAMPLING, **changes))


def test_an_answer_of_the_wrong_shape_is_shown_and_then_asked_for_otherwise(
    asker: Asker, model_server: ModelServer
) -> None:
    answer = put(asker, model_server, '{"name": "x"}', "no", stream=False)
    assert answer.value == {"name": CARD["name"], "description": CARD["description"]}
    first, second, third = model_server.ledger.requests
    assert "description is missing" in second["messages"][-1]["content"]
    assert "response_format" in first
    assert "response_format" in second
    assert "tools" in third, "one rung lower"
    before = len(model_server.ledger.requests)
    assert put(asker, model_server, stream=False).value == answer.value
    assert len(model_server.ledger.requests) == before, "a step that is begun again finds all three"


def test_a_pinned_rung_is_kept(asker: Asker, model_server: ModelServer) -> None:
    put(asker, model_server, "no", "no", structured_output="json_schema")
    assert all("response_format" in body for body in model_server.ledger.requests)


def test_broken_json_is_mended_and_asked_for_once(asker: Asker, model_server: ModelServer) -> None:
    answer = put(asker, model_server, 'Sure: {"card": {"name": "Ondine" "description": "She said "no".", "mood": 1,}}')
    assert answer.value == {"name": "Ondine", "description": 'She said "no".'}
    assert len(model_server.ledger.requests) == 1


# All at once


def test_with_four_of_ten_calls_failing_every_question_is_answered(asker: Asker, model_server: ModelServer) -> None:
    model_server.chance = mixed(0.4, seed=5)
    step = Work(asker.claim, asker, lambda _: 0)
    for index in range(40):
        answer = step.ask_for(PROMPT, replace(SAMPLING, max_tokens=4000, stream=bool(index % 2)), index)
        assert answer.value["name"] == CARD["name"]
    assert len(model_server.ledger.requests) > 50
    assert sum(row.cost_usd for row in rows()) == model_server.ledger.total
