"""Inclusion groups: of the entries of one group that fire together, one stays.

Source: SillyTavern, ``public/scripts/world-info.js`` (``filterByInclusionGroups`` and what it calls). One slip of it is
not repeated: an entry that two groups remove takes a bystander with it there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from cards.simulate.effects import Timed
from cards.simulate.record import Record
from cards.simulate.settings import Settings


@dataclass
class Contest:
    """Who is left, why the others lost (by place in the book), and the chance that each winner had, 0 to 1."""

    left: list[Record]
    lost: dict[int, str] = field(default_factory=dict)
    chances: dict[int, float] = field(default_factory=dict)

    def remove(self, record: Record, why: str) -> None:
        """Take one out; once is enough."""
        if any(each is record for each in self.left):
            self.left = [each for each in self.left if each is not record]
            self.lost[record.index] = why


def roll(seed: int, what: str, index: int) -> float:
    """A die of an entry's own, 0 to 1 (excluded): other entries do not change it."""
    digest = hashlib.blake2b(f"{seed}:{what}:{index}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 256**7


def contest(
    fired: Sequence[Record],
    active: Collection[Record],
    settings: Settings,
    timed: Timed,
    score: Callable[[Record], int],
) -> Contest:
    """Let the groups among ``fired`` decide; ``active`` are in the prompt already."""
    result = Contest(list(fired))
    groups: dict[str, list[Record]] = {}
    for record in fired:
        for name in record.groups:
            groups.setdefault(name, []).append(record)
    held = _keep_sticky(groups, timed, result)
    for name, members in groups.items():
        if name not in held:
            _keep_best_scores(name, members, settings, score, result)
    taken = {record.group for record in active}  # an entry of several groups does not hold one for later steps
    for name, members in groups.items():
        if name in held:
            continue
        if name in taken:
            for record in members:
                result.remove(record, f"group {name!r:.40} is already in the prompt")
        elif len(members) > 1:
            _keep_winner(name, members, settings, result)
    return result


def _keep_sticky(groups: dict[str, list[Record]], timed: Timed, result: Contest) -> set[str]:
    """Entries that stay on win their groups; the names of these.

    One that stays on while its cooldown runs already is lost all the same, as it is in SillyTavern.
    """
    held = {name for name, members in groups.items() if any(record.index in timed.sticky for record in members)}
    for name, members in groups.items():
        for record in members:
            if name in held and record.index not in timed.sticky:
                result.remove(record, f"an entry that stays on holds group {name!r:.40}")
            elif record.index in timed.cooldown:
                result.remove(record, f"it stays on, but pauses in group {name!r:.40}")
    return held


def _keep_best_scores(
    name: str, members: list[Record], settings: Settings, score: Callable[[Record], int], result: Contest
) -> None:
    """Where scores count, only those with the most keys stay in the group."""
    if not settings.use_group_scoring and not any(record.use_group_scoring for record in members):
        return
    scores = {record.index: score(record) for record in members}
    best = max(scores.values())
    for record in list(members):
        counts = settings.use_group_scoring if record.use_group_scoring is None else record.use_group_scoring
        if counts and scores[record.index] < best:
            why = f"{scores[record.index]} of its keys fired, {best} of another entry in group {name!r:.40}"
            result.remove(record, why)
            members.remove(record)


def _keep_winner(name: str, members: Sequence[Record], settings: Settings, result: Contest) -> None:
    """The prioritised entry of the highest order, else one by weight."""
    first = [record for record in members if record.group_override]
    if first:
        winner, how = max(first, key=lambda record: record.entry.insertion_order), "is prioritised"
    else:
        winner, how = _by_weight(name, members, settings, result), "was drawn"
    for record in members:
        if record is not winner:
            title = winner.title or f"no. {winner.index}"
            result.remove(record, f"{title!r:.40} {how} in group {name!r:.40}")


def _by_weight(name: str, members: Sequence[Record], settings: Settings, result: Contest) -> Record:
    total = sum(record.group_weight for record in members)
    winner = max(members, key=lambda record: record.group_weight)
    if settings.chances == "roll":
        left = roll(settings.seed, f"group {name}", min(record.index for record in members)) * total
        for record in members:
            left -= record.group_weight
            if left <= 0:
                winner = record
                break
    result.chances[winner.index] = winner.group_weight / total if total > 0 else 1.0
    return winner
