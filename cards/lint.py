"""Mechanical checks of a card: the table of rules, run over a card, gives findings."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from cards.card import Card
from cards.rules import Check, Severity, entry, messages, whole


@dataclass(frozen=True)
class Finding:
    """One thing wrong: ``field`` is a path as "alternate_greetings[0]", ``fix`` also the order for a repair.

    Severity E: not to be delivered so; W: lowers the score; I: good to know.
    """

    rule: str
    severity: Severity
    field: str
    message: str
    fix: str

    def to_dict(self) -> dict[str, str]:
        """The finding as JSON."""
        return asdict(self)


# id: (severity unless the finding says otherwise, check)
RULES: dict[str, tuple[Severity, Check]] = {
    "C01": ("E", whole.name),
    "C02": ("E", whole.required),
    "C05": ("E", whole.leaks),
    "C06": ("E", whole.macros),
    "C07": ("W", whole.endings),
    "C13": ("W", whole.tags),
    "G02": ("W", messages.beats),
    "G03": ("W", messages.addresses_user),
    "G06": ("W", messages.opener),
    "X01": ("E", messages.start_marker),
    "X02": ("E", messages.speakers),
    "L01": ("E", entry.usable),
    "L02": ("W", entry.key_count),
    "L03": ("E", entry.key_form),
    "L05": ("E", entry.own_name),
    "L11": ("E", entry.ranges),
}


def lint_card(card: Card) -> list[Finding]:
    """All findings on the card and its book, in the order of the rules."""
    return [
        Finding(rule, fault.severity or severity, fault.field, fault.message, fault.fix)
        for rule, (severity, check) in RULES.items()
        for fault in check(card)
    ]
