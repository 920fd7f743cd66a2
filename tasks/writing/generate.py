"""The step `generate`: write a card from the source, check it, have what is faulty mended.

read     source -> parts -> facts, where it is long; the roster of the batch, where cards share it
draft    plan -> core -> greetings -> example dialogue (or all at one go); once for each variant
mend     lint, grounding -> faulty fields are asked for again, one by one
choose   the best variant; a card that still breaks a rule of severity E fails, unless the profile delivers it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cards.card import Card
from cards.lint import Finding, score
from cards.text import estimate_tokens
from models.characters import Character
from models.db import Session
from models.errors import NotFound
from models.services import characters
from tasks.errors import StepFailed
from tasks.work import ROUTING, SAMPLED, Work
from tasks.writing import card as cards
from tasks.writing import draft, mend
from tasks.writing.brief import Brief
from tasks.writing.read import read

# Options that are words to a language model, or ways to ask one.
UNHEARD = {
    *("model", "analysis_model", "fallback_models", "structured_output", "temperature", "analysis_temperature"),
    *(*SAMPLED, *ROUTING, "stop", "max_tokens", "lorebook_max_tokens", "context_tokens", "chunk_tokens"),
    *("language", "rating", "genre", "tone", "setting", "user_role", "avoid", "point_of_view", "tense"),
    *("description_format", "greeting_ideas", "facts", "most_facts", "passes", "plan", "reasks", "variants"),
    *("entries_per_call", "shared_book"),
} - {"stream"}


@dataclass(frozen=True)
class Variant:
    """One version of the card: what is still found on it, and how many fields were sent back."""

    card: Card
    findings: tuple[Finding, ...] = field(repr=False)
    repaired: int

    @property
    def errors(self) -> list[Finding]:
        """What breaks a rule that no card may break."""
        return [finding for finding in self.findings if finding.severity == "E"]

    @property
    def score(self) -> Mapping[str, int]:
        """By group of rules; 100 is best."""
        return score(self.findings)

    @property
    def rank(self) -> tuple[int, int, int]:
        """The lower the better: errors, then the score, then warnings."""
        errors, warnings = mend.badness(self.findings)
        return errors, -self.score["overall"], warnings


@dataclass(frozen=True)
class Written:
    """The card that was chosen, all its variants, and what it was written from."""

    card: Card
    chosen: int
    variants: tuple[Variant, ...]
    source: Mapping[str, Any]


def work(work: Work) -> Written:
    """Write the card; raises what the provider's last answer ended in, or `StepFailed` when the card is not good."""
    work.show(0.0, "reading the source")
    tell_unheard(work)
    brief, report = read(work)
    variants = tuple(_write(work, brief, index) for index in range(int(work.option("variants") or 1)))
    chosen = min(range(len(variants)), key=lambda index: variants[index].rank)
    best = variants[chosen]
    refuse_faulty(work, best)
    for finding in best.errors:
        work.log("warning", f"Delivered with a fault in {finding.field}.", finding=finding.to_dict())
    work.log(
        "info",
        f"Wrote {best.card.name}.",
        provider=work.provider.name,
        score=best.score["overall"],
        variants=len(variants),
    )
    return Written(best.card, chosen, variants, report)


def tell_unheard(work: Work) -> None:
    """Tell which options of the request say nothing to a writer that is no language model."""
    unheard = sorted(UNHEARD & {name for name, value in work.claim.request.get("options", {}).items() if value})
    if work.provider.whole and unheard:
        work.log("warning", f"No model writes here, so these options change nothing: {', '.join(unheard)}.")


def _write(work: Work, brief: Brief, index: int) -> Variant:
    written = draft.write(work, brief, index)
    work.show(0.75, "checking the card")
    build = partial(cards.build, work, brief)
    card, findings, repaired = mend.mend(work, brief, written, build, index)
    return Variant(card, tuple(findings), repaired)


def refuse_faulty(work: Work, best: Variant) -> None:
    """Raise `StepFailed` (``LINT_FAILED``) for a card that is not good enough to be delivered."""
    details = {"findings": [finding.to_dict() for finding in best.findings if finding.severity != "I"]}
    if best.errors and work.option("on_errors") != "deliver":
        first = best.errors[0]
        raise StepFailed(
            "LINT_FAILED",
            f"The card still breaks rule {first.rule} in {first.field} ({first.message}) after {best.repaired} repairs:"
            " retry it with fresh, allow more repairs, use another model, or set on_errors to deliver.",
            details,
        )
    least = int(work.option("least_score") or 0)
    if best.score["overall"] < least:
        raise StepFailed(
            "LINT_FAILED",
            f"The card scores {best.score['overall']}, least_score is {least}: retry it with fresh, allow more repairs,"
            " or lower least_score.",
            details,
        )


def save(session: Session, work: Work, written: Written) -> Mapping[str, Any]:
    """Store the card as a character, with the book that an existing card brought; the checkpoint tells how it went."""
    card = written.card
    character = _store(session, work, card)
    return {
        "character_id": character.id,
        "name": card.name,
        "source": written.source,
        "repairs": sum(variant.repaired for variant in written.variants),
        "chosen": written.chosen,
        "variants": [_shown(variant, written.card) for variant in written.variants],
    }


def _store(session: Session, work: Work, card: Card) -> Character:
    """Write the card as a new character; of one that is regenerated, only the fields that were asked for."""
    claim = work.claim
    again = claim.request.get("regenerate")
    if again is None:
        character = characters.save_character(session, claim.owner_id, claim.job_id, card)
        if card.book is not None:
            characters.save_book(session, character, card.book)
        return character
    try:
        return characters.rewrite_character(session, claim.owner_id, again["character_id"], card, again["fields"])
    except NotFound as error:
        raise StepFailed("VALIDATION_ERROR", "The character was deleted while it was written anew.") from error


def _shown(variant: Variant, chosen: Card) -> dict[str, Any]:
    """Return a variant for comparing: its fields, score and size, and where it differs from the one that was taken."""
    fields = cards.fields_of(variant.card)
    return {
        "name": variant.card.name,
        "score": dict(variant.score),
        "errors": len(variant.errors),
        "warnings": mend.badness(variant.findings)[1],
        "repaired": variant.repaired,
        "tokens": sum(estimate_tokens(text) for text in fields.values() if isinstance(text, str)),
        "differs_in": cards.changed_fields(chosen, variant.card),
        "fields": fields,
    }
