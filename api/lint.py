"""Findings of lint for the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from cards.lint import Finding, score


def show_lint(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return findings with the score of each group and how many there are of each severity."""
    counts = Counter(finding.severity for finding in findings)
    return {
        "score": score(findings),
        "counts": {severity: counts[severity] for severity in ("E", "W", "I")},
        "findings": [finding.to_dict() for finding in findings],
    }
