"""The step `generate`: write a card from the source, check it, have it mended once where it has faults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

from cards.card import Card
from cards.errors import CardError
from cards.lint import Finding, lint_card
from cards.names import safe_card_name
from cards.read import read_card
from models.db import Session
from models.services import characters
from providers.base import BadOutput, Completion, Prompt
from tasks import prompts, replies
from tasks.errors import StepFailed
from tasks.work import Work
from tasks.writing.shapes import CARD

MOST_TAGS = 30
LONGEST_TAG = 60  # characters
WRITTEN = 0.6  # the card is there; what is left is checking it and having it mended


def work(work: Work) -> Card:
    """Write the card; raises what the provider's last answer ended in."""
    work.show(0.0, "writing the card")
    prompt = card_prompt(work)
    completion, reply = _ask_for_card(work, prompt)
    card = build_card(work, prompt, completion, reply)
    work.show(WRITTEN, "checking the card")
    findings = errors_of(work, card)
    for round_ in range(int(work.option("repairs") or 0)):
        if not findings:
            break
        work.log(
            "warning",
            "The card has faults and is sent back.",
            faults=[finding.to_dict() for finding in findings],
        )
        problems = [f"{finding.field}: {finding.message} {finding.fix}" for finding in findings]
        try:
            completion, reply = _repair(work, prompt, reply, problems, round_)
        except BadOutput as fault:
            work.log("warning", "The mended card cannot be read; the one before it is kept.", reason=str(fault))
            break
        card = build_card(work, prompt, completion, reply)
        findings = errors_of(work, card)
    work.log("info", f"Wrote {card.name}.", provider=work.provider.name, model=completion.model)
    return card


def save(session: Session, work: Work, card: Card) -> Mapping[str, Any]:
    """Store the card as a character, with the book that an existing card brought; the checkpoint names it."""
    character = characters.save_character(session, work.claim.owner_id, work.claim.job_id, card)
    if card.book is not None:
        characters.save_book(session, character, card.book)
    return {"character_id": character.id, "name": card.name}


def errors_of(work: Work, card: Card) -> list[Finding]:
    """Return the findings that a card is sent back for. What is left of them is shown with the result."""
    try:
        findings = lint_card(card, source=work.source, overrides=work.claim.config.get("lint"))
    except CardError as error:
        raise StepFailed("VALIDATION_ERROR", f"The profile's thresholds for lint cannot be used: {error}") from error
    return [finding for finding in findings if finding.severity == "E"]


def card_prompt(work: Work) -> Prompt:
    """Return the question for a whole card."""
    name = work.option("name")
    existing = shape_of(existing_card(work))
    greetings = int(work.option("alternate_greetings"))
    slots = {
        "source": work.source,
        "greetings": greetings,
        "name_rule": f" It is {name}." if name else "",
        "existing": f"\nKeep what is good of this card:\n{json.dumps(existing, ensure_ascii=False)}\n"
        if existing
        else "",
    }
    inputs = {"source": work.source, "name": name, "greetings": greetings, "card": existing}
    return prompts.render(work.claim.prompts, "write_card", slots, CARD, inputs)


def existing_card(work: Work) -> Card | None:
    """Return the card that the request wants updated, or None."""
    given = work.claim.request.get("character_card")
    return read_card(given) if given else None


def shape_of(card: Card | None) -> dict[str, Any] | None:
    """Return a card in the shape that writers know."""
    if card is None:
        return None
    fields = vars(card)
    return {
        name: list(fields[name]) if isinstance(fields[name], tuple) else fields[name] for name in CARD["properties"]
    }


def _ask_for_card(work: Work, prompt: Prompt) -> tuple[Completion, dict[str, Any]]:
    """Ask, and once more with what was wrong if the answer has not the shape of a card."""
    completion = work.ask(prompt, work.sampling())
    try:
        return completion, replies.read_reply(completion.text, CARD)
    except BadOutput as fault:
        work.log("warning", "The answer had the wrong shape and is asked for again.", reason=str(fault))
        return _repair(work, prompt, completion.text, [str(fault)], 0)


def _repair(work: Work, asked: Prompt, card: Any, problems: list[str], index: int) -> tuple[Completion, dict[str, Any]]:
    text = card if isinstance(card, str) else json.dumps(card, ensure_ascii=False)
    slots = {
        "problems": "\n".join(f"- {problem}" for problem in problems),
        "card": text,
        "source": work.source,
    }
    prompt = prompts.render(work.claim.prompts, "repair_card", slots, CARD, {**asked.inputs, "problems": problems})
    completion = work.ask(prompt, work.sampling(), index)
    return completion, replies.read_reply(completion.text, CARD)


def build_card(work: Work, prompt: Prompt, completion: Completion, reply: Mapping[str, Any]) -> Card:
    """Return the card of a reply, marked with how it was made; what else an existing card held stays in it."""
    claim = work.claim
    base = existing_card(work) or Card(name="", creation_date=int(claim.created_at.timestamp()))
    tags = [" ".join(tag.split()).lower()[:LONGEST_TAG] for tag in [*reply["tags"], *(work.option("tags") or [])]]
    return replace(
        base,
        name=safe_card_name(work.option("name") or reply["name"]),
        description=reply["description"].strip(),
        personality=reply["personality"].strip(),
        scenario=reply["scenario"].strip(),
        first_mes=reply["first_mes"].strip(),
        mes_example=reply["mes_example"].strip(),
        alternate_greetings=tuple(text.strip() for text in reply["alternate_greetings"] if text.strip()),
        creator_notes=reply["creator_notes"].strip(),
        creator=work.option("creator") or base.creator,
        tags=tuple(dict.fromkeys(tag for tag in tags if tag))[:MOST_TAGS],
        modification_date=int(claim.created_at.timestamp()),
        extensions=base.extensions
        | {
            "cardforge": {
                "provider": work.provider.label,
                "model": completion.model,
                "profile": claim.profile_id,
                "profile_version": claim.profile_version,
                "prompt_sha256": prompt.sha256,
                "created_at": claim.created_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                "job_id": claim.job_id,
            }
        },
    )
