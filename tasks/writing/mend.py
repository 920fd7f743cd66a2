"""Checking a card as it is written, and having each faulty field mended: the rule's message is the instruction."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cards.card import Card
from cards.errors import CardError
from cards.lint import Finding, lint_card
from providers.base import BadOutput, Prompt
from tasks import prompts
from tasks.errors import StepFailed
from tasks.work import Work
from tasks.writing import brief as briefs
from tasks.writing import draft as drafts
from tasks.writing.brief import Brief
from tasks.writing.draft import Draft
from tasks.writing.grounding import ungrounded
from tasks.writing.languages import code_of
from tasks.writing.limits import asked_lengths, limits_of
from tasks.writing.shapes import FIELDS, TEXT, TEXTS, object_of

LENGTH_RULES = {"C03", "G01"}
PLACE = re.compile(r"^(\w+)(?:\[(\d+)\])?$")
Build = Callable[[Draft], Card]


def check(work: Work, brief: Brief, card: Card) -> list[Finding]:
    """Return the findings on the fields that were written; raises `StepFailed` for a profile's unusable thresholds.

    What is not written of an existing card may be as it is.
    """
    try:
        found = lint_card(
            card,
            source=brief.given,
            name=brief.name,
            language=code_of(work.option("language")),
            overrides=thresholds(work),
        )
    except CardError as error:
        raise StepFailed("VALIDATION_ERROR", f"The profile's thresholds for lint cannot be used: {error}") from error
    if work.option("grounding") == "strict":
        found += ungrounded(card, brief.given, work.option("rules_off") or ())
    if brief.card is None:
        return found
    written = drafts.wanted_fields(work, brief)
    return [finding for finding in found if field_of(finding) in written]


def thresholds(work: Work) -> dict[str, Any]:
    """Return the profile's thresholds for lint with what the options ask for on top."""
    return limits_of(work.option, work.claim.config.get("lint"))


def rules_to_mend(work: Work) -> set[str]:
    """Return the rules whose warnings are sent back too: the profile's, and where lengths are asked for theirs."""
    rules = set(work.claim.config.get("repair_rules") or ())
    measured = asked_lengths(work.option) or work.option("length") not in (None, "any")
    return rules | LENGTH_RULES if measured else rules


def field_of(finding: Finding) -> str:
    """Return the field that a finding is about: "alternate_greetings" of "alternate_greetings[0]"."""
    return finding.field.partition("[")[0].partition(".")[0]


def mend(work: Work, brief: Brief, draft: Draft, build: Build, index: int) -> tuple[Card, list[Finding], int]:
    """Have the faulty fields of a draft mended, each at most as often as the option ``repairs`` says.

    Returns the card, what is still found on it, and how many fields were asked for again. A mended field is taken
    only if the card is better with it.
    """
    card = build(draft)
    findings = check(work, brief, card)
    asked = 0
    for round_ in range(int(work.option("repairs") or 0)):
        faulty = fields_to_mend(findings, rules_to_mend(work))
        for field, faults in faulty.items():
            work.show(0.8, f"mending {field}")
            asked += 1
            value = _ask(work, brief, draft, field, faults, index * 10 + round_)
            if value is None:
                continue
            trial = Draft(with_field(draft.fields, field, value), draft.asked, draft.model)
            mended = build(trial)
            left = check(work, brief, mended)
            if badness(left) < badness(findings):
                draft.fields, card, findings = trial.fields, mended, left
        if not faulty:
            break
    return card, findings, asked


def badness(findings: Iterable[Finding]) -> tuple[int, int]:
    """Return how bad findings are, errors before warnings."""
    severities = [finding.severity for finding in findings]
    return severities.count("E"), severities.count("W")


def fields_to_mend(findings: Sequence[Finding], rules: Iterable[str]) -> dict[str, list[Finding]]:
    """Return the fields to be sent back, each with all that was found on it.

    One is sent back for an error, or for a warning of one of the profile's ``repair_rules``; a field that no writer
    writes is not.
    """
    grave = [f for f in findings if f.severity == "E" or (f.severity == "W" and f.rule in set(rules))]
    wanted = {finding.field for finding in grave if field_of(finding) in FIELDS}
    order = {name: place for place, name in enumerate(FIELDS)}
    ordered = sorted(wanted, key=lambda field: (order[field.partition("[")[0]], field))
    return {field: [f for f in findings if f.field == field and f.severity != "I"] for field in ordered}


def repair_prompt(work: Work, brief: Brief, draft: Draft, field: str, faults: Sequence[Finding]) -> Prompt:
    """Return the question for one field anew, with what is wrong with it."""
    key = key_of(field)
    problems = [f"{fault.message}: {fault.fix}." for fault in faults]
    current = value_of(draft.fields, field)
    rest = {name: value for name, value in draft.fields.items() if name != field.partition("[")[0]}
    slots = {
        "field": key,
        "rule": _rule(work, field),
        "problems": "\n".join(f"- {problem}" for problem in problems),
        "current": current if isinstance(current, str) else drafts.shown({"value": current}),
        "written": drafts.shown(rest),
        "wishes": drafts.wishes(work, brief),
        "source": brief.source,
    }
    inputs = {**drafts.inputs_of(work, brief, draft), "card": draft.fields, "field": field, "problems": problems}
    return prompts.render(work.claim.prompts, "repair_field", slots, object_of(**{key: shape_of(field)}), inputs)


def _rule(work: Work, field: str) -> str:
    """Return what a field has to be; one of several greetings by itself has to be what the first one is."""
    name, place = _parts(field)
    return briefs.field_rules(work.claim.prompts, work.option, [name if place is None else "first_mes"])


def _ask(work: Work, brief: Brief, draft: Draft, field: str, faults: Sequence[Finding], index: int) -> Any:
    """Return the field anew; None, with a line in the log, when no answer could be read."""
    said = f"{field} is sent back: {faults[0].message}."
    work.log("warning", said, faults=[fault.to_dict() for fault in faults])
    prompt = repair_prompt(work, brief, draft, field, faults)
    try:
        answer = work.ask_for(prompt, work.sampling(), index)
    except BadOutput as fault:
        work.log("warning", f"The mended {field} cannot be read; the one before it is kept.", reason=str(fault))
        return None
    draft.note(answer)
    return answer.value[key_of(field)]


def key_of(field: str) -> str:
    """Return the property that the answer holds the field in: "alternate_greetings_0" of "alternate_greetings[0]"."""
    return re.sub(r"\[(\d+)\]", r"_\1", field)


def shape_of(field: str) -> Mapping[str, Any]:
    """Return the shape of one field, or of one text of a list of them."""
    name, place = _parts(field)
    return FIELDS[name] if place is None else TEXT if FIELDS[name] is TEXTS else FIELDS[name]


def value_of(fields: Mapping[str, Any], field: str) -> Any:
    """Return the value of a field path."""
    name, place = _parts(field)
    value = fields.get(name, "")
    return value if place is None else value[place] if place < len(value) else ""


def with_field(fields: Mapping[str, Any], field: str, value: Any) -> dict[str, Any]:
    """Return the fields with another value at a path."""
    name, place = _parts(field)
    if place is None:
        return {**fields, name: value}
    values = list(fields.get(name) or ())
    values[place : place + 1] = [value]
    return {**fields, name: values}


def _parts(field: str) -> tuple[str, int | None]:
    match = PLACE.match(field)
    if match is None:
        return field, None
    return match[1], int(match[2]) if match[2] else None
