"""The texts that keys are looked for in: the last messages, texts of the card, and what has fired so far.

Source: SillyTavern, ``public/scripts/world-info.js`` (``WorldInfoBuffer``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from cards.card import Card
from cards.key_index import KeyIndex
from cards.keys import STEPS, Key, Pattern, Span, clean, search
from cards.simulate.record import KeyUse, Record
from cards.simulate.settings import MOST_DEPTH, Message, Settings, expand

_MARK = "\x01"  # stands before each message, so that patterns can tell where one begins
_JOINER = "\n" + _MARK
_ALL_STEPS = 200_000_000  # of all patterns in one scan
_ALL_LETTERS = 20_000_000  # that patterns look at in a whole simulation


@dataclass(frozen=True)
class Match:
    """Where a key fired. ``key`` is as written, ``field`` keys or secondary_keys.

    ``place`` "message" and "name" (of the speaker): ``index`` is that of the message, oldest first; "entry": that of
    the entry in the book whose content it is; "card": ``source`` names the text. ``span`` is [start, end) in that text
    in NFC; None where the match is not within one text.
    """

    key: str
    place: Literal["message", "name", "entry", "card"]
    index: int | None = None
    source: str = ""
    span: Span | None = None
    field: str = "keys"

    def to_dict(self) -> dict[str, Any]:
        """The match as JSON; the span as a list."""
        return asdict(self) | {"span": list(self.span) if self.span else None}


class _Piece(NamedTuple):
    """One text as it is scanned: what it is, and where its own text begins in it (after a name)."""

    text: str
    place: Literal["message", "entry", "card"]
    number: int | None
    source: str = ""
    lead: int = 0
    joiner: str = _JOINER  # what stands between it and the piece before


class _Joined:
    """Pieces as one text, with the way back from a place in it."""

    def __init__(self, pieces: Sequence[_Piece]) -> None:
        self.pieces = pieces
        joined = [f"{piece.joiner if place else _MARK}{piece.text}" for place, piece in enumerate(pieces)]
        self.text = "".join(joined) or _MARK
        self._starts = [len(_MARK)]
        for before, piece in pairwise(pieces):
            self._starts.append(self._starts[-1] + len(before.text) + len(piece.joiner))

    def match(self, written: str, span: Span) -> Match:
        """What the span in the joined text is a match in."""
        if not self.pieces:
            return Match(written, "message")
        start, end = span
        number = max(0, bisect_right(self._starts, max(start, len(_MARK))) - 1)
        piece, offset = self.pieces[number], self._starts[number]
        inner = (start - offset, end - offset)
        if piece.lead and inner[0] < piece.lead and inner[1] <= piece.lead and start >= offset:
            return Match(written, "name", piece.number)
        within = start >= offset + piece.lead and inner[1] <= len(piece.text) and end > start
        own = (inner[0] - piece.lead, inner[1] - piece.lead) if within else None
        return Match(written, piece.place, piece.number, piece.source, own)

    def depth_of(self, start: int) -> int:
        """The number of the piece that a place is in, from 0."""
        return max(0, bisect_right(self._starts, max(start, len(_MARK))) - 1)


class Scan:
    """All that can be scanned, and what was found in it; it grows as entries fire."""

    def __init__(
        self, messages: Sequence[Message], card: Card | None, settings: Settings, records: Sequence[Record], char: str
    ) -> None:
        newest = list(enumerate(messages))[: -MOST_DEPTH - 1 : -1]
        self._messages = [_message_piece(index, message, settings) for index, message in newest]
        self._card = {name: piece for name, piece in _card_pieces(card, settings, char) if piece.text}
        uses = [use for record in records for use in (*record.primary, *record.secondary)]
        keys = {key for use in uses for key in (use.key, use.bare) if key}
        self._index = KeyIndex(keys)
        patterns = len({key.pattern for key in keys if key.pattern})
        self._steps = min(STEPS, _ALL_STEPS / max(1, patterns))
        self._letters_left = _ALL_LETTERS
        self._whole = settings.min_activations > 0  # windows grow step by step: search all messages once
        self._joined: dict[tuple[Any, ...], _Joined] = {}
        self._hits: dict[tuple[Any, ...], Mapping[Key, Span]] = {}
        self._by_depth: defaultdict[int, set[Key]] | None = None
        self._entries: list[_Piece] = []
        self._entry_hits: dict[Key, Match] = {}
        self._found: dict[tuple[Any, ...], Match | None] = {}
        self.cut_short: dict[str, int] = {}  # patterns (as written) that saw only the newest characters: how many

    @property
    def has_entries(self) -> bool:
        """Whether anything that fired is scanned too."""
        return bool(self._entries)

    def add(self, fired: Iterable[Record]) -> set[Key]:
        """Scan what these entries say from now on too; the plain keys that fire there for the first time."""
        fresh: set[Key] = set()
        pieces = [_Piece(clean(record.content), "entry", record.index) for record in fired if record.content]
        for piece in pieces:
            for key, span in self._index.find(piece.text).items():
                if key not in self._entry_hits:
                    fresh.add(key)
                    self._entry_hits[key] = Match(key.text, "entry", piece.number, span=span)
        # SillyTavern joins what one step adds by line ends alone, without a mark.
        self._entries.extend([*pieces[:1], *(piece._replace(joiner="\n") for piece in pieces[1:])])
        if pieces:  # what was joined before is out of date
            self._joined = {place: joined for place, joined in self._joined.items() if not place[2]}
            self._found = {place: match for place, match in self._found.items() if not place[3]}
        return fresh

    def first_at(self, depth: int) -> set[Key]:
        """The plain keys that a scan of so many messages finds and one of fewer does not."""
        if self._by_depth is None:
            shown = len(self._messages)
            self._by_depth = defaultdict(set)
            for key, span in self._hits_in(shown).items():
                self._by_depth[self._window(shown).depth_of(span[0]) + 1].add(key)
        return self._by_depth[depth]

    def find(self, use: KeyUse, record: Record, depth: int, *, entries: bool, bare: bool = False) -> Match | None:
        """Where a key of the entry fires in the last ``depth`` messages and, with ``entries``, in what has fired."""
        key = use.bare if bare else use.key
        depth = depth if record.scan_depth is None else record.scan_depth
        if key is None or depth < 0:
            return None
        depth = min(depth, MOST_DEPTH)
        if key.pattern:
            return self._find_pattern(key.pattern, use.written, record.sources if depth else (), depth, entries)
        match = self._in_messages(key, depth) or self._in_card(key, record.sources if depth else ())
        if match is None and entries:
            match = self._entry_hits.get(key)
        return match and replace(match, key=use.written)

    def _in_messages(self, key: Key, depth: int) -> Match | None:
        shown = len(self._messages) if self._whole else min(depth, len(self._messages))
        joined = self._window(shown)
        span = self._hits_in(shown).get(key)
        if span is None or (joined.depth_of(span[0]) >= depth and key.text):
            return None
        return joined.match(key.text, span)

    def _hits_in(self, depth: int) -> Mapping[Key, Span]:
        if ("window", depth) not in self._hits:
            self._hits["window", depth] = self._index.find(self._window(depth).text)
        return self._hits["window", depth]

    def _in_card(self, key: Key, sources: Sequence[str]) -> Match | None:
        for source in sources:
            if source not in self._card:
                continue
            if ("card", source) not in self._hits:
                self._hits["card", source] = self._index.find(self._card[source].text)
            if span := self._hits["card", source].get(key):
                return Match(key.text, "card", None, source, span)
        return None

    def _window(self, depth: int, sources: Sequence[str] = (), entries: int = 0) -> _Joined:
        place = (depth, tuple(sources), entries)
        if place not in self._joined:
            card = [self._card[source] for source in sources if source in self._card]
            self._joined[place] = _Joined([*self._messages[:depth], *card, *self._entries[:entries]])
        return self._joined[place]

    def _find_pattern(
        self, pattern: Pattern, written: str, sources: Sequence[str], depth: int, entries: bool
    ) -> Match | None:
        place = (pattern.key, depth, tuple(sources), len(self._entries) if entries else 0)
        if place not in self._found:
            joined = self._window(min(depth, len(self._messages)), sources, place[3])
            text = joined.text[: max(0, self._letters_left)]
            found = search(pattern, text, most=self._steps)
            self._letters_left -= found.searched
            if found.searched < len(joined.text) and pattern.compiled:
                self.cut_short[written] = min(found.searched, self.cut_short.get(written, found.searched))
            self._found[place] = joined.match(written, found.span) if found.span else None
        match = self._found[place]
        return match and replace(match, key=written)


def _message_piece(index: int, message: Message, settings: Settings) -> _Piece:
    """A message as it is scanned: with the name of the speaker before it, without blanks around it."""
    name = clean(message.name) if settings.include_names else ""
    text = clean(message.text)
    whole = f"{name}: {text}" if name else text
    lead = len(whole) - len(whole.lstrip())
    own = len(name) + 2 if name else 0
    return _Piece(whole.strip(), "message", index, lead=own - lead)


def _card_pieces(card: Card | None, settings: Settings, char: str) -> Iterable[tuple[str, _Piece]]:
    """The texts beside the chat that entries may be matched with."""
    texts = {"persona": settings.persona}
    if card is not None:
        prompt = card.extensions.get("depth_prompt")
        note = prompt.get("prompt") if isinstance(prompt, Mapping) else ""
        texts |= {"description": card.description, "personality": card.personality, "scenario": card.scenario}
        texts |= {"depth_prompt": note if isinstance(note, str) else "", "creator_notes": card.creator_notes}
    for name, text in texts.items():
        yield name, _Piece(clean(expand(text, char, settings.user)), "card", None, name)
