"""From written fields to a card: cleaned, joined with what the request sets and an existing card holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

from cards.card import Card
from cards.names import safe_card_name
from cards.read import read_card
from tasks.work import Work
from tasks.writing.brief import Brief
from tasks.writing.draft import Draft
from tasks.writing.shapes import FIELDS, TEXTS

MOST_TAGS = 30
LONGEST_TAG = 60  # characters
FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.DOTALL)
MACRO = re.compile(r"(?<!\{)\{(char|user)\}(?!\})", re.IGNORECASE)
START = re.compile(r"^[ \t]*[<{\[]+\s*start\s*[>}\]]+[ \t]*$", re.IGNORECASE | re.MULTILINE)


def existing_card(work: Work) -> Card | None:
    """Return the card that the request wants updated, or None."""
    given = work.claim.request.get("character_card")
    return read_card(given) if given else None


def name_for(work: Work, otherwise: str = "") -> str:
    """Return the name that was asked for, else another, as a card can bear it: files and macros are made of it."""
    wanted = str(work.option("name") or "").strip() or otherwise.strip()
    return safe_card_name(wanted) if wanted else ""


def fields_of(card: Card) -> dict[str, Any]:
    """Return a card as the table of fields that writers know."""
    return {name: list(v) if isinstance(v := getattr(card, name), tuple) else v for name in FIELDS}


def build(work: Work, brief: Brief, draft: Draft) -> Card:
    """Return the card of a draft, marked with how it was made; what else an existing card held stays in it."""
    claim = work.claim
    base = existing_card(work) or Card(name="", creation_date=int(claim.created_at.timestamp()))
    fields = {**fields_of(base), **draft.fields}
    written = {name: _clean(name, fields[name]) for name in FIELDS if name not in brief.kept and name in fields}
    written["tags"] = _tags(work, base.tags, kept=True) if "tags" in brief.kept else _tags(work, fields["tags"])
    written["name"] = safe_card_name(brief.name or fields["name"])
    return replace(
        base,
        **written,
        creator=work.option("creator") or base.creator,
        character_version=work.option("character_version") or base.character_version,
        modification_date=int(claim.created_at.timestamp()),
        extensions=base.extensions | {"cardforge": _made(work, draft)},
    )


def _made(work: Work, draft: Draft) -> dict[str, Any]:
    """Return how the card was made, for whoever opens it. No host of the operator's is in it."""
    claim = work.claim
    return {
        "provider": work.provider.label,
        "model": draft.model,
        "profile": claim.profile_id,
        "profile_version": claim.profile_version,
        "prompt_sha256": draft.asked[0] if draft.asked else "",
        "created_at": claim.created_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "job_id": claim.job_id,
    }


def _clean(name: str, value: Any) -> Any:
    """Return a field as cards hold it: slips of form that every model makes now and then are put right here."""
    if FIELDS[name] is TEXTS:
        return tuple(text for each in value or () if (text := _text(name, each)))
    return _text(name, value)


def _text(name: str, value: Any) -> str:
    text = str(value or "").strip()
    if fenced := FENCE.match(text):
        text = fenced[1].strip()
    text = MACRO.sub(lambda match: f"{{{{{match[1].lower()}}}}}", text)
    if name == "mes_example" and text:
        text = START.sub("<START>", text)
        text = text if text.startswith("<START>") else f"<START>\n{text}"
    return text


def _tags(work: Work, tags: Iterable[Any], *, kept: bool = False) -> tuple[str, ...]:
    """Return the tags with those of the option behind them; ``kept``: they stay as they are."""
    own = [" ".join(tag.split()).lower()[:LONGEST_TAG] for tag in work.option("tags") or []]
    if kept:
        there = {str(tag).casefold() for tag in tags}
        return (*tags, *dict.fromkeys(tag for tag in own if tag not in there))
    plain = [" ".join(str(tag).split()).lower()[:LONGEST_TAG] for tag in tags]
    most = int(work.option("tag_count") or MOST_TAGS)
    return tuple(dict.fromkeys([*[*dict.fromkeys(filter(None, plain))][:most], *own]))[:MOST_TAGS]


def changed_fields(before: Card, after: Card) -> list[str]:
    """Return the written fields in which two cards differ."""
    old: Mapping[str, Any] = fields_of(before)
    return [name for name, value in fields_of(after).items() if value != old[name]]
