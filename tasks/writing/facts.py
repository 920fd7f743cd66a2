"""Facts: what a long source says, part by part, each with the place that says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from providers.base import Prompt
from tasks import prompts
from tasks.work import Work
from tasks.writing.shapes import FACTS
from tasks.writing.source import Span, locate, split

LONGEST_FACT = 400  # characters


def gather(work: Work, source: str) -> list[dict[str, Any]]:
    """Return what the source says: ``{about, fact, span}``, span in characters of the source, in its order.

    Facts whose quote does not stand in the source are made up, and left out; the log says how many.
    """
    parts = split(source, int(work.option("chunk_tokens")))
    found: list[dict[str, Any]] = []
    lost = 0
    for number, part in enumerate(parts):
        work.show(0.3 * number / len(parts), f"reading the source, part {number + 1} of {len(parts)}")
        prompt = facts_prompt(work.claim.prompts, source, part, number, len(parts))
        # The same for every character of a batch that is written from this source.
        answer = work.ask_for(prompt, work.sampling(analysis=True), number, shared=True)
        kept = list(supported(source, part, answer.value["facts"]))
        lost += len(answer.value["facts"]) - len(kept)
        found += kept
    work.log("info", f"Read {len(parts)} parts of the source: {len(found)} facts, {lost} without a place in it.")
    return found


def facts_prompt(templates: Mapping[str, str], source: str, part: Span, number: int, total: int) -> Prompt:
    """Return the question for the facts of one part of the source."""
    slots = {"source": source[slice(*part)], "part": number + 1, "parts": total}
    return prompts.render(templates, "extract_facts", slots, FACTS, {"source": source[slice(*part)]})


def supported(source: str, part: Span, facts: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield the facts whose quote stands in the part, each with its span."""
    for fact in facts:
        span = locate(source, fact["quote"], part)
        if span is not None:
            yield {"about": fact["about"].strip(), "fact": fact["fact"].strip()[:LONGEST_FACT], "span": list(span)}


def choose(facts: Sequence[Mapping[str, Any]], name: str, most: int) -> list[Mapping[str, Any]]:
    """Return the facts to write from, in the order of the source: those about the character before all others."""
    words = set(name.casefold().split())
    ranked = sorted(range(len(facts)), key=lambda n: (not words & set(str(facts[n]["about"]).casefold().split()), n))
    return [facts[n] for n in sorted(ranked[:most])]


def listed(facts: Iterable[Mapping[str, Any]]) -> str:
    """Return facts as the lines of a prompt."""
    return "\n".join(f"- {fact['about']}: {fact['fact']}" for fact in facts)
