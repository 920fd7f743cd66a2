"""Which entries make which others fire: what one says holds a key of the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cards.key_index import KeyIndex
from cards.keys import STEPS, Key, Pattern, Span, clean, fold, search
from cards.pattern_cost import steps
from cards.simulate.record import KeyUse, Record

MOST_EDGES = 200_000
_LETTERS = 20_000_000  # that costly patterns are searched in, all together


@dataclass(frozen=True)
class Edge:
    """The content of ``source`` fires ``key`` of ``target`` (places in the book), at ``span`` [start, end) in NFC.

    ``needs_more``: the target has secondary keys, which may be elsewhere in the chat.
    """

    source: int
    target: int
    key: str
    span: Span
    needs_more: bool

    def to_dict(self) -> dict[str, Any]:
        """The edge as JSON."""
        return asdict(self) | {"span": list(self.span)}


class Firing:
    """The keys of a book, and which of its entries fire on a text. Secondary keys are left out of account."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._users: defaultdict[Key, list[tuple[Record, KeyUse]]] = defaultdict(list)
        for record in records:
            for use in record.primary:
                if use.key:
                    self._users[use.key].append((record, use))
        self._index = KeyIndex(self._users)
        self._patterns = [(key, key.pattern) for key in self._users if key.pattern]
        self._left = _LETTERS

    def on(self, texts: Sequence[str]) -> list[dict[int, tuple[str, Span]]]:
        """For each text: the entries that fire, by place in the book, each with one key (as written) and where."""
        texts = [clean(text) for text in texts]
        found: list[dict[int, tuple[str, Span]]] = []
        for text in texts:
            firing: dict[int, tuple[str, Span]] = {}
            for key, span in self._index.find(text).items():
                self._note(firing, key, span)
            found.append(firing)
        if self._patterns:
            joined, folded = "\x01".join(texts), [fold(text) for text in texts]
            for key, pattern in self._patterns:
                forms = folded if pattern.ignore_case else texts
                likely = [number for number, form in enumerate(forms) if pattern.required in form]
                spans = self._spans(pattern, [texts[number] for number in likely], joined) if likely else []
                for number, match in zip(likely, spans, strict=True):
                    if match:
                        self._note(found[number], key, match)
        return found

    def _note(self, firing: dict[int, tuple[str, Span]], key: Key, span: Span) -> None:
        for record, use in self._users[key]:
            firing.setdefault(record.index, (use.written, span))

    def _spans(self, pattern: Pattern, texts: Sequence[str], joined: str) -> list[Span | None]:
        """Where the pattern first matches in each text. What is cheap in all texts together is cheap in each."""
        if pattern.tree is None or pattern.compiled is None:
            return [None] * len(texts)
        if not pattern.sticky and steps(pattern.tree, joined, ignore_case=pattern.ignore_case) <= STEPS:
            matches = map(pattern.compiled.search, texts)
            return [match.span() if match else None for match in matches]
        spans = []
        for text in texts:
            searched = search(pattern, text[: max(0, self._left)], most=STEPS / 100)
            self._left -= searched.searched
            spans.append(searched.span)
        return spans


def edges_of(records: Sequence[Record]) -> tuple[list[Edge], bool]:
    """All edges, by source, and whether there were too many to list.

    Nothing leads from entries that prevent further recursion, nor to those that recursion may not or need not fire.
    """
    sources = [record for record in records if is_used(record) and not record.prevent_recursion and record.content]
    targets = [record for record in records if is_used(record) and not is_always_on(record)]
    firing = Firing(record for record in targets if not record.exclude_recursion).on([one.content for one in sources])
    found: list[Edge] = []
    for source, fired in zip(sources, firing, strict=True):
        for target, (key, span) in sorted(fired.items()):
            if target != source.index:
                entry = records[target].entry
                found.append(Edge(source.index, target, key, span, entry.selective and bool(entry.secondary_keys)))
        if len(found) > MOST_EDGES:
            return found[:MOST_EDGES], False
    return found, True


def is_used(record: Record) -> bool:
    """Whether the entry can fire at all."""
    return record.entry.enabled and (record.activate or not record.dont_activate)


def is_always_on(record: Record) -> bool:
    """Whether it needs no key."""
    return record.entry.constant or record.activate
