"""Searching a lorebook: PostgreSQL's full text, and the keys and letters that full text does not see."""

from __future__ import annotations

import html
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Text, case, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, REGCONFIG, TSQUERY
from sqlalchemy.orm import Session

from models.books import Entry

BEGIN, END = "\x01", "\x02"  # around words found, while the text is escaped: it may hold markup of its own
HEADLINE = f'StartSel="{BEGIN}", StopSel="{END}", MaxFragments=2, MinWords=8, MaxWords=30, FragmentDelimiter=" … "'
KEY_BONUS, PART_BONUS = 1.0, 0.1  # a key that is the query counts like a hit in the name; a mere part of a word little


@dataclass(frozen=True)
class SearchFilter:
    """What to look for, and among which entries (None: all)."""

    query: str
    category: str | None = None
    enabled: bool | None = None
    constant: bool | None = None


@dataclass(frozen=True)
class Hit:
    """An entry that was found.

    ``matched_keys`` occur in the query or hold it; ``highlight`` is HTML: the text escaped, words found in <mark>.
    """

    entry: Entry
    rank: float
    matched_keys: list[str]
    highlight: str


def search_entries(session: Session, book_id: str, wanted: SearchFilter, limit: int) -> tuple[list[Hit], int]:
    """Return the best entries of a book for a query, best first, and how many there are in all."""
    asked = _query(wanted.query)
    keys = _matching_keys(wanted.query)
    part = or_(
        Entry.name.icontains(wanted.query, autoescape=True), Entry.content.icontains(wanted.query, autoescape=True)
    )
    rank = (
        func.ts_rank_cd(Entry.words, asked, 32)
        + case((func.cardinality(keys) > 0, KEY_BONUS), else_=0.0)
        + case((part, PART_BONUS), else_=0.0)
    )
    found = (
        select(Entry.id, rank.label("rank"), keys.label("matched"))
        .where(Entry.book_id == book_id, *_filters(wanted))
        .where(or_(Entry.words.op("@@")(asked), func.cardinality(keys) > 0, part))
        .subquery()
    )
    total = session.scalar(select(func.count()).select_from(found)) or 0
    headline = func.ts_headline(cast(literal("english"), REGCONFIG), func.left(Entry.content, 20_000), asked, HEADLINE)
    rows = session.execute(
        select(Entry, found.c.rank, found.c.matched, headline)
        .join(found, found.c.id == Entry.id)
        .order_by(found.c.rank.desc(), Entry.index)
        .limit(limit)
    )
    return [Hit(entry, float(rank), list(matched), _marked(text)) for entry, rank, matched, text in rows], total


def _marked(headline: str) -> str:
    return html.escape(headline, quote=False).replace(BEGIN, "<mark>").replace(END, "</mark>")


def _query(text: str) -> ColumnElement[str]:
    """The query as people type it into a search box, in English and letter by letter."""
    parsed = [func.websearch_to_tsquery(cast(literal(name), REGCONFIG), text) for name in ("simple", "english")]
    return cast(parsed[0].op("||")(parsed[1]), TSQUERY)


def _matching_keys(text: str) -> ColumnElement[list[str]]:
    """The keys that occur in the query, or in which the query occurs, whatever their case."""
    asked = func.lower(literal(text))
    key = func.unnest(Entry.keys).column_valued("key")
    lower = func.lower(cast(key, Text))
    matching = select(key).where(lower != "", or_(func.strpos(asked, lower) > 0, func.strpos(lower, asked) > 0))
    return func.array(matching.scalar_subquery(), type_=ARRAY(Text))


def _filters(wanted: SearchFilter) -> list[ColumnElement[bool]]:
    chosen = {Entry.category: wanted.category, Entry.enabled: wanted.enabled, Entry.constant: wanted.constant}
    return [column == value for column, value in chosen.items() if value is not None]
