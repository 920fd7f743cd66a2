"""The last look at what was written: the rules that a card must not break, kept by leaving sentences out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cards.card import Card
from cards.lint import Finding, lint_card
from cards.rules.wording import sentences

TEXTS = (
    "description",
    "personality",
    "scenario",
    "first_mes",
    "mes_example",
    "system_prompt",
    "post_history_instructions",
)
LISTS = ("alternate_greetings", "group_only_greetings")
ROUNDS = 4
INDEXED = re.compile(r"(\w+)\[(\d+)\]$")

Table = dict[str, Any]


def card_of(written: Mapping[str, Any]) -> Card:
    """The card that a table of fields makes; fields that the table lacks are empty."""
    texts = {field: str(written.get(field) or "") for field in (*TEXTS, "name", "creator_notes")}
    lists = {field: tuple(map(str, written.get(field) or ())) for field in (*LISTS, "tags")}
    return Card(**texts, **lists)  # type: ignore[arg-type]


def errors_in(written: Mapping[str, Any], field: str | None = None) -> list[Finding]:
    """The E-findings on a table of fields; with ``field`` (a path as "alternate_greetings[0]") on that one only."""
    found = [finding for finding in lint_card(card_of(written)) if finding.severity == "E"]
    return [finding for finding in found if field in (None, finding.field)]


def mended(written: Table, bare: Callable[[str], str]) -> Table:
    """The fields without errors: faulty sentences are left out, and ``bare(field)`` stands in where nothing is left.

    ``bare`` gives a text of the writer's own for a field (a path), free of the source's words.
    """
    result = dict(written)
    for round_ in range(ROUNDS):
        faults = errors_in(result)
        if not faults:
            break
        for field in dict.fromkeys(fault.field for fault in faults):
            text = _at(result, field)
            if text is None:
                continue
            spans = [fault.span for fault in faults if fault.field == field and fault.span]
            shorter = without(text, spans) if round_ < ROUNDS - 1 and spans and not _is_voice(field) else ""
            _put(result, field, shorter or bare(field))
    return result


def usable(entries: Sequence[Table]) -> list[Table]:
    """The lore entries without errors: faulty sentences are left out, and with nothing left the entry."""
    kept: list[Table] = []
    for entry in entries:
        content = entry["content"]
        for _ in range(ROUNDS):
            faults = _entry_faults(content)
            if not faults or not content:
                break
            content = without(content, [fault.span for fault in faults if fault.span])
        if content.strip() and not _entry_faults(content):
            kept.append({**entry, "content": content})
    return kept


def _entry_faults(content: str) -> list[Finding]:
    # As the description of a card, since that is held to the same rules for running text.
    return errors_in({"name": "x", "description": content, "first_mes": "x"}, "description")


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text without the sentences that ``spans`` lie in."""
    bad = [(start, end) for start, end in sentences(text) if any(start < right and left < end for left, right in spans)]
    for start, end in reversed(bad):
        text = text[:start].rstrip(" ") + " " * bool(text[:start].strip(" ")) + text[end:].lstrip(" ")
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _is_voice(field: str) -> bool:
    """Greetings and examples are made of parts that lean on each other: they are written anew as a whole."""
    return field.startswith(("first_mes", "mes_example", *LISTS))


def _at(written: Table, field: str) -> str | None:
    if match := INDEXED.match(field):
        rows = written.get(match[1]) or ()
        return str(rows[int(match[2])]) if int(match[2]) < len(rows) else None
    return str(written.get(field) or "") if field in TEXTS else None


def _put(written: Table, field: str, text: str) -> None:
    if match := INDEXED.match(field):
        rows = list(written[match[1]])
        rows[int(match[2])] = text
        written[match[1]] = rows
    else:
        written[field] = text
