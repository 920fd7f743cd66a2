"""The messages that a card would be written with, made without asking anybody.

What a later question is told of an earlier one's answer is not there yet: a line in its place says where it comes from.
Not shown are questions that depend on answers: repairs, further subjects of a lorebook, rosters of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cards.card import Card
from cards.text import estimate_tokens, main_character
from models.services.claims import Claim
from providers.base import Prompt, Provider, Sampling
from tasks.ask import Asker
from tasks.heartbeat import Heart
from tasks.lore.expand import known_subjects
from tasks.lore.questions import entries_prompt
from tasks.lore.task import Task
from tasks.lore.write import groups_of
from tasks.work import Work
from tasks.writing import card as cards
from tasks.writing import draft, facts
from tasks.writing.brief import Brief
from tasks.writing.draft import STAGES, Draft
from tasks.writing.read import is_gathering, room_for
from tasks.writing.source import Span, passages_about, quoted, split

LATER = "(what {purpose} answers)"


def preview(
    request: Mapping[str, Any], config: Mapping[str, Any], prompts: Mapping[str, str], provider: Provider, now: datetime
) -> list[dict[str, Any]]:
    """Return the questions of a card, in order: ``{purpose, messages, schema, sampling, tokens}``."""
    work = rehearsed(request, config, prompts, provider, now)
    return [_shown(prompt, sampling) for prompt, sampling in questions(work)]


def rehearsed(
    request: Mapping[str, Any], config: Mapping[str, Any], prompts: Mapping[str, str], provider: Provider, now: datetime
) -> Work:
    """Return the work of a job that there is not; it can be looked at, not asked through."""
    claim = _claim(request, config, prompts, now)
    return Work(claim, Asker.of(claim, provider, Heart([])), int)


def questions(work: Work) -> Iterator[tuple[Prompt, Sampling]]:
    """Yield each question and how it is asked."""
    brief = _brief(work, work.source)
    yield from _fact_questions(work, work.source)
    yield from _card_questions(work, brief)
    yield from _lore_questions(work, brief)


def _fact_questions(work: Work, source: str) -> Iterator[tuple[Prompt, Sampling]]:
    if is_gathering(work, source):
        parts = split(source, int(work.option("chunk_tokens")))
        for number, part in enumerate(parts):
            yield facts.facts_prompt(work.claim.prompts, source, part, number, len(parts)), work.sampling(analysis=True)


def _card_questions(work: Work, brief: Brief) -> Iterator[tuple[Prompt, Sampling]]:
    wanted = draft.wanted_fields(work, brief)
    if not wanted:
        return
    if work.provider.whole or work.option("passes") == "one":
        yield draft.stage_prompt(work, brief, "write_card", wanted, Draft(), ""), work.sampling()
        return
    plan = ""
    if work.option("plan"):
        yield draft.plan_prompt(work, brief), work.sampling()
        plan = LATER.format(purpose="plan_card")
    written = Draft(dict(brief.card or {}))
    for purpose, group in STAGES.items():
        names = [name for name in wanted if name in group]
        if names:
            yield draft.stage_prompt(work, brief, purpose, names, written, plan), work.sampling()
            written.fields |= {name: LATER.format(purpose=purpose) for name in names}


def _lore_questions(work: Work, brief: Brief) -> Iterator[tuple[Prompt, Sampling]]:
    """Yield the questions for entries, as far as code finds their subjects in the source."""
    if work.option("include_book") is False or not int(work.option("lorebook_entries") or 0):
        return
    later = LATER.format(purpose="write_card" if work.option("passes") == "one" else "write_core")
    written = cards.existing_card(work) or Card(name=brief.name or main_character(work.source), description=later)
    task = Task.of(work, written)
    if task.left:
        subjects = known_subjects(task)[1]
        for group in groups_of(task, subjects):
            yield entries_prompt(work.claim.prompts, task, group, subjects), task.sampling(work)


def _brief(work: Work, source: str) -> Brief:
    existing = cards.existing_card(work)
    name = cards.name_for(work, existing.name if existing else "")
    room = room_for(work, ())
    spans = [Span(0, len(source))]
    if estimate_tokens(source) > room:
        spans = passages_about(source, [name or main_character(source)], room)
    told = quoted(source, spans)
    if is_gathering(work, source):
        told = f"{LATER.format(purpose='extract_facts')}\n\n{told}"
    kept = frozenset(work.option("keep") or ()) if existing else frozenset[str]()
    return Brief(source=told, given=source, name=name, card=cards.fields_of(existing) if existing else None, kept=kept)


def _claim(request: Mapping[str, Any], config: Mapping[str, Any], prompts: Mapping[str, str], now: datetime) -> Claim:
    return Claim(
        job_id="",
        root_id="",
        batch_id=None,
        owner_id="",
        kind="character_card",
        attempt=0,
        worker="",
        step="generate",
        index=0,
        tries=0,
        done=False,
        steps=1,
        request=request,
        profile_id="",
        profile_version=0,
        config=config,
        prompts=prompts,
        request_id="",
        position=None,
        created_at=now,
    )


def _shown(prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    return {
        "purpose": prompt.purpose,
        "messages": [dict(message) for message in prompt.messages],
        "schema": dict(prompt.schema),
        "sampling": {name: value for name, value in vars(sampling).items() if value not in (None, (), {})},
        "tokens": sum(estimate_tokens(message["content"]) for message in prompt.messages),
    }
