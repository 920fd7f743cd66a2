"""Findings of lint for the wire."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cards.card import Card
from cards.lint import Finding, lint_card, score
from models.services.jobs import Origin
from tasks.writing.languages import code_of
from tasks.writing.limits import limits_of


def judge(card: Card, origin: Origin) -> list[Finding]:
    """Return the findings on a card, by the thresholds that it was written to: those of its profile and options."""
    language = code_of(origin.option("language"))
    limits = limits_of(origin.option, origin.config.get("lint"))
    return lint_card(card, source=origin.source, language=language, overrides=limits)


def show_lint(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return findings with the score of each group and how many there are of each severity."""
    counts = Counter(finding.severity for finding in findings)
    return {
        "score": score(findings),
        "counts": {severity: counts[severity] for severity in ("E", "W", "I")},
        "findings": [finding.to_dict() for finding in findings],
    }


def by_item(findings: Sequence[Finding], positions: Sequence[int]) -> list[Finding]:
    """Return findings on cards of a batch with their items' names in the fields: "cards[0].name" -> "item_3.name"."""

    def item(match: re.Match[str]) -> str:
        place = int(match[1])  # in a message it may be part of somebody's name
        return f"item_{positions[place]}" if place < len(positions) else match[0]

    return [
        replace(
            finding,
            field=re.sub(r"\bcards\[(\d+)\]", item, finding.field),
            message=re.sub(r"\bcard (\d+)\b", item, finding.message),
        )
        for finding in findings
    ]
