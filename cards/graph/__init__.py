"""What a lorebook's entries do to each other: who fires whom, cycles, what it can cost, shared keys, duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cards.card import Book
from cards.graph.closure import Weights, components, reached, shortest_cycle
from cards.graph.edges import Edge, Firing, edges_of, is_always_on, is_used
from cards.graph.overlaps import Collision, Shadow, allowed_overlaps, collisions, shadows
from cards.graph.twins import Twins, twins
from cards.simulate.record import Record, records_of
from cards.simulate.settings import Settings
from cards.text import estimate_tokens

__all__ = ["Analysis", "Closure", "Collision", "Cycle", "Edge", "Shadow", "Twins", "analyse"]


@dataclass(frozen=True)
class Cycle:
    """Entries (places in the book) that all pull each other in; ``path`` is a shortest way round from the first."""

    entries: tuple[int, ...]
    path: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """The cycle as JSON."""
        return {"entries": list(self.entries), "path": list(self.path)}


@dataclass(frozen=True)
class Closure:
    """What firing ``seed`` (a place in the book) can bring into the prompt: so many entries and tokens, its own too."""

    seed: int
    entries: int
    tokens: int

    def to_dict(self) -> dict[str, Any]:
        """The closure as JSON."""
        return {"seed": self.seed, "entries": self.entries, "tokens": self.tokens}


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The whole result; entries are places in the book. Tokens are estimates.

    ``recursive`` False: the book turns recursion off, so that edges are what would be and closures are one entry each.
    ``complete`` False: there are more edges than are listed. ``hubs`` fire more than ``hub_degree`` others, most first.
    ``closures`` are of enabled entries with keys; ``always`` is what constants bring with each message, ``worst`` the
    most that one further entry can make of it. Of an inclusion group only the longest entry counts.
    ``dead`` fire on none of the given texts, on no other entry and not on their own title (without one: content);
    ``shares`` is the share of the given texts that each entry fires on. Both are empty without texts.
    """

    edges: tuple[Edge, ...]
    complete: bool
    recursive: bool
    cycles: tuple[Cycle, ...]
    hubs: tuple[tuple[int, int], ...]
    closures: tuple[Closure, ...]
    always: tuple[int, ...]
    always_tokens: int
    constant_tokens: int
    worst_tokens: int
    total_tokens: int
    collisions: tuple[Collision, ...]
    shadows: tuple[Shadow, ...]
    twins: tuple[Twins, ...]
    dead: tuple[int, ...] = ()
    shares: tuple[tuple[int, float], ...] = ()

    @property
    def worst(self) -> Closure | None:
        """The closure with the most tokens; None without any."""
        return max(self.closures, key=lambda closure: closure.tokens, default=None)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON."""
        listed = ("edges", "cycles", "closures", "collisions", "shadows", "twins")
        plain = ("complete", "recursive", "always_tokens", "constant_tokens", "worst_tokens", "total_tokens")
        return {
            **{name: [each.to_dict() for each in getattr(self, name)] for name in listed},
            **{name: getattr(self, name) for name in plain},
            "hubs": [{"entry": entry, "fires": degree} for entry, degree in self.hubs],
            "always": list(self.always),
            "worst": self.worst.to_dict() if self.worst else None,
            "dead": list(self.dead),
            "shares": [{"entry": entry, "share": share} for entry, share in self.shares],
        }


def analyse(
    book: Book, *, texts: Sequence[str] = (), settings: Settings | None = None, char: str = "", hub_degree: int = 5
) -> Analysis:
    """Analyse a book under a front end's settings; ``char`` fills ``{{char}}``.

    ``texts`` are what a chat may hold (messages, the fields of the card): with them dead entries are told.
    """
    settings = settings or Settings()
    records = records_of(book, settings, settings.char or char)
    edges, complete = edges_of(records)
    recursive = settings.recursive_for(book)
    neighbours: list[list[int]] = [[] for _ in records]
    for edge in edges:
        neighbours[edge.source].append(edge.target)
    groups = components(neighbours)
    degrees = Counter(edge.source for edge in edges)
    allowed = allowed_overlaps(book)
    firing = Firing(record for record in records if is_used(record) and not is_always_on(record))
    fired = Counter(index for found in firing.on(list(texts)) for index in found)
    return Analysis(
        edges=tuple(edges),
        complete=complete,
        recursive=recursive,
        cycles=tuple(
            Cycle(tuple(sorted(members)), shortest_cycle(neighbours, members))
            for members in sorted(groups, key=min)
            if len(members) > 1
        ),
        hubs=tuple((index, degree) for index, degree in degrees.most_common() if degree > hub_degree),
        collisions=tuple(collisions(records, allowed)),
        shadows=tuple(shadows(records, allowed)),
        twins=tuple(twins(records)),
        dead=tuple(_dead(records, edges, fired, firing)) if texts else (),
        shares=tuple((index, count / len(texts)) for index, count in sorted(fired.items())),
        **_costs(records, neighbours if recursive else [[] for _ in records], groups if recursive else None),
    )


def _costs(records: Sequence[Record], neighbours: list[list[int]], groups: list[list[int]] | None) -> dict[str, Any]:
    """The closures and what they cost."""
    tokens = [estimate_tokens(record.content) if is_used(record) else 0 for record in records]
    weights = Weights(tokens, [record.group if len(record.groups) == 1 else "" for record in records])
    masks = reached(neighbours, groups or [[index] for index in range(len(records))])
    always = constants = everything = 0
    for record in records:
        if is_used(record):
            everything |= 1 << record.index
            if is_always_on(record):
                always |= masks[record.index]
                constants |= 1 << record.index
    seeds = [record.index for record in records if is_used(record) and not is_always_on(record) and record.primary]
    closures = [Closure(seed, masks[seed].bit_count(), weights.of(masks[seed])) for seed in seeds]
    return {
        "closures": tuple(closures),
        "always": tuple(index for index in range(len(records)) if always >> index & 1),
        "always_tokens": weights.of(always),
        "constant_tokens": weights.of(constants),
        "worst_tokens": max((weights.of(always | masks[seed]) for seed in seeds), default=weights.of(always)),
        "total_tokens": weights.of(everything),
    }


def _dead(records: Sequence[Record], edges: Sequence[Edge], fired: Counter[int], firing: Firing) -> list[int]:
    """Entries that nothing makes fire, be it only their own title, or without one their content."""
    led_to = {edge.target for edge in edges}
    asked = [
        record
        for record in records
        if is_used(record) and not is_always_on(record) and not fired[record.index] and record.index not in led_to
    ]
    titles = firing.on([f"{record.entry.name}\n{record.entry.comment}".strip() or record.content for record in asked])
    return [record.index for record, found in zip(asked, titles, strict=True) if record.index not in found]
