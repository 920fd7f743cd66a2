"""What is done about each fault, as values: how to ask next, and when asking is no use."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from providers import base
from providers.base import Fault, Sampling
from tasks import retry
from tasks.remedy import MOST_CAP, Course, Tried
from tests.model_faults import BREAKING, CAPPED, PASSING

SAMPLING = Sampling(model="a", max_tokens=1000)
DOWN = base.Unavailable("x")


def course(*faults: Fault, caps: dict[str, int] | None = None, **changes: Any) -> Course | None:
    """Return the course after these faults, each of them a second long."""
    going: Course | None = Course.of(replace(SAMPLING, **changes), caps or {})
    for fault in faults:
        assert going is not None
        going = going.after(Tried.of(fault, 1.0))
    return going


def caps_of(*faults: Fault, **changes: Any) -> list[int]:
    """Return the caps that are asked with, to the end."""
    going: Course | None = Course.of(replace(SAMPLING, **changes), {})
    caps = []
    for fault in faults:
        if going is None:
            break
        caps.append(going.sampling.max_tokens)
        going = going.after(Tried.of(fault, 1.0))
    return caps


def cut(cap: int = 0, **told: Any) -> base.Truncated:
    return base.Truncated("x", cap=cap, **told)


def test_a_cut_answer_is_asked_for_with_twice_the_cap_three_times() -> None:
    assert caps_of(*[cut()] * 9) == [1000, 2000, 4000, 8000]


def test_no_cap_is_asked_with_twice() -> None:
    assert caps_of(*[cut()] * 9, max_tokens=40_000) == [40_000, MOST_CAP]
    assert caps_of(*[cut(most=1500)] * 9) == [1000, 1500]
    assert caps_of(*[cut(cap=800, most=800)] * 9) == [1000]


def test_the_cap_that_was_really_sent_is_doubled() -> None:
    assert caps_of(cut(cap=700), cut(cap=1400)) == [1000, 1400]


def test_no_more_is_asked_for_than_the_model_is_known_to_write() -> None:
    going = course(caps={"a": 600})
    assert going is not None
    assert going.sampling.max_tokens == 600
    assert going.after(Tried.of(cut(), 1.0)) is None


@pytest.mark.parametrize(
    ("before", "after"), [(None, "low"), ("high", "medium"), ("medium", "low"), ("low", "minimal"), ("none", "none")]
)
def test_a_model_that_thought_too_long_is_to_think_less(before: str | None, after: str) -> None:
    going = course(cut(reasoning=True), reasoning_effort=before)
    assert going is not None
    assert (going.sampling.max_tokens, going.sampling.reasoning_effort) == (2000, after)
    plain = course(cut(), reasoning_effort=before)
    assert plain is not None
    assert plain.sampling.reasoning_effort == before


def test_what_can_be_paid_is_asked_for_once() -> None:
    dear = base.Unaffordable("x", affordable=600)
    assert caps_of(dear, dear, dear) == [1000, 600]
    assert caps_of(dear, cut()) == [1000, 600], "and more than that cannot be paid"


@pytest.mark.parametrize("affordable", [0, 249, 255])
def test_too_little_is_not_worth_asking_for(affordable: int) -> None:
    assert course(base.Unaffordable("x", affordable=affordable)) is None


def test_a_refusal_is_asked_once_more_and_then_another_model() -> None:
    refusal = base.Refused("x")
    assert course(refusal) is not None
    assert course(refusal, refusal) is None
    going = course(refusal, refusal, fallback_models=("b", "c"))
    assert going is not None
    assert (going.sampling.model, going.sampling.fallback_models) == ("b", ("c",))


@pytest.mark.parametrize(
    "fault",
    [
        base.NoSuchModel("x"),
        base.ContextTooLong("x"),
        base.Filtered("x"),
        base.BadRequest("x"),
        base.NotServed("x"),
    ],
)
def test_what_this_model_cannot_do_the_next_may(fault: Fault) -> None:
    assert course(fault) is None
    going = course(cut(), fault, fallback_models=("b",), caps={"b": 900})
    assert going is not None
    assert going.sampling == replace(SAMPLING, model="b", fallback_models=(), max_tokens=900)
    assert (going.spent, going.raised) == (0, 0), "it begins anew"


@pytest.mark.parametrize(
    "fault",
    [
        base.AuthRefused("x"),
        base.RegionRefused("x"),
        base.OutOfCredits("x"),
        base.KeyLimitReached("x"),
        base.Cancelled("x"),
        base.BadOutput("x"),
        Fault("x"),
    ],
)
def test_where_somebody_has_to_act_nothing_is_asked_again(fault: Fault) -> None:
    assert course(fault, fallback_models=("b",)) is None


def test_a_server_that_asks_for_patience_gets_more_of_it() -> None:
    assert course(*[base.RateLimited("x")] * (retry.PATIENT_TRIES - 1)) is not None
    assert course(*[base.RateLimited("x")] * retry.PATIENT_TRIES) is None
    assert course(*[DOWN] * (retry.TRIES - 1)) is not None
    assert course(*[DOWN] * retry.TRIES) is None
    assert course(*[base.EmptyAnswer("x")] * (retry.TRIES - 1)) is not None
    mixed = [DOWN, base.RateLimited("x")] * (retry.TRIES - 1)
    assert course(*mixed) is not None, "they are counted apart"


def tries_until_given_up(fault: Fault, seconds: float) -> int:
    going: Course | None = Course.of(SAMPLING, {})
    tries = 0
    while going is not None:
        going = going.after(Tried.of(fault, seconds))
        tries += 1
    return tries


def test_a_call_that_was_waited_for_in_vain_counts_for_more() -> None:
    assert tries_until_given_up(base.TimedOut("x"), 10) == retry.TRIES
    assert tries_until_given_up(base.TimedOut("x"), 120) == 3
    assert tries_until_given_up(base.TimedOut("x"), 300) == 2
    assert tries_until_given_up(DOWN, 120) == retry.TRIES, "it wrote for so long, and was not silent"


def test_a_dead_server_is_given_up_within_minutes() -> None:
    waits = [[retry.delay(tried, dice) for tried in range(1, retry.TRIES)] for dice in (0.0, 1.0)]
    shortest, longest = (sum(seconds) / 60 for seconds in waits)
    assert 1 < shortest < longest < 5


def test_with_four_of_ten_calls_failing_hardly_a_question_is_given_up() -> None:
    """Less than one in a hundred thousand: sixty cards with ten questions each lose one in 600 runs."""
    assert 0.4**retry.TRIES < 1e-5
    rows = [
        row.kind for rows in (PASSING, CAPPED, BREAKING) for row in rows.values() if row.kind is not base.ContextTooLong
    ]
    made = {kind: kind("x") for kind in rows}
    dice, given_up = random.Random(1), 0
    for _ in range(100_000):
        going: Course | None = Course.of(replace(SAMPLING, max_tokens=4000), {})
        while going is not None and dice.random() < 0.4:
            going = going.after(Tried.of(made[dice.choice(rows)], 1.0))
        given_up += going is None
    assert given_up <= 1


def test_what_the_ledger_keeps_brings_the_same_course() -> None:
    """After a wait the step begins anew, and knows no more than the ledger."""
    faults = [cut(cap=1000, reasoning=True), DOWN, base.TimedOut("x"), base.NoSuchModel("x"), cut(cap=900, most=5000)]
    live = course(*faults, fallback_models=("b",))
    booked = [{"code": fault.code, "message": str(fault), **Tried.of(fault, 1.0).to_dict()} for fault in faults]
    again = Course.of(replace(SAMPLING, fallback_models=("b",)), {}, [Tried.read(error) for error in booked])
    assert again == live
    assert Tried.read({"code": "X", "message": "of an older version"}).fault is Fault


def test_what_was_no_use_is_asked_once_more_when_the_step_is_begun_again() -> None:
    tried = [Tried.of(DOWN, 1.0)] * (retry.TRIES + 3)
    going = Course.of(SAMPLING, {}, tried)
    assert going.after(tried[0]) is None
