"""The scan itself: step by step, which entries fire.

Source: SillyTavern, ``public/scripts/world-info.js`` (``checkWorldInfo``), as of 1.13. Its help says that constant
entries come first; in the program the insertion order alone decides who is first to the budget, and so it is here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import Enum

from cards.card import Book, Card
from cards.simulate.effects import Timed
from cards.simulate.groups import contest, roll
from cards.simulate.record import LOGICS, Record, in_scan_order, records_of
from cards.simulate.result import Reason
from cards.simulate.scan import Match, Scan
from cards.simulate.settings import Message, Settings
from cards.simulate.verdict import Tokens, Verdict, where

AND_ANY, NOT_ALL, NOT_ANY, AND_ALL = range(4)


class State(Enum):
    """What a step scans: the chat; what has fired too; further back in the chat."""

    INITIAL = 1
    RECURSION = 2
    FURTHER_BACK = 3


class Run:
    """One simulation; ``active`` are the entries in the prompt in the order in which they fired."""

    def __init__(self, book: Book, messages: Sequence[Message], settings: Settings, card: Card | None) -> None:
        self.settings = settings
        self.char = settings.char or (card.name if card else "")
        self.records = records_of(book, settings, self.char)
        self.order = in_scan_order(self.records)
        self.rank = {record.index: rank for rank, record in enumerate(self.order)}
        self.depth, self.budget = settings.depth_for(book), settings.budget_for(book)
        self.recursive = settings.recursive_for(book)
        self.count = len(messages)
        self.timed = Timed(settings.effects, self.count, self.records)
        self.scan = Scan(messages, card, settings, self.records, self.char)
        self.active: dict[int, Record] = {}
        self.failed: set[int] = set()
        self.verdicts: dict[int, Verdict] = {}
        self.overflowed = False
        self.steps = 0
        self._level: float = 0
        self._spent = Tokens()  # by what fired in earlier steps and may fire others
        self._waiting: dict[object, list[Record]] = defaultdict(list)  # by key: who hopes for it
        self._changeable: list[Record] = []  # entries with patterns: any new text may change them
        for record in self.order:
            keys = [use.key for use in (*record.primary, *record.secondary) if use.key]
            for key in keys:
                self._waiting[key].append(record)
            if any(key.pattern for key in keys):
                self._changeable.append(record)

    def go(self) -> None:
        """Scan until nothing new fires."""
        levels = sorted({record.delay_level for record in self.records if record.delay_level})
        self._level = levels.pop(0) if levels else 0
        state: State | None = State.INITIAL
        candidates: Iterable[Record] = self.order
        while state and not (0 < self.settings.max_recursion_steps <= self.steps):
            self.steps += 1
            fired = self._fired(candidates, state)
            tried = self._admit(fired, state)
            talking = [record for record in tried if not record.prevent_recursion]
            following = self._following(state, bool(talking))
            whole = following is not state
            if following is None and levels:
                following, self._level, whole = State.RECURSION, levels.pop(0), True
            if following:
                fresh = self.scan.add(talking)
                if len(talking) > 1 or any(record.content for record in talking):  # the line ends between count
                    self._spent.add(talking)
                if following is State.FURTHER_BACK:
                    fresh |= self.scan.first_at(self.depth)
                again = [record for record in fired if record.index not in self.active]
                candidates = self.order if whole else self._touched(fresh, again)
            state = following

    def _following(self, state: State, talking: bool) -> State | None:
        """What is scanned next, None to stop."""
        more = talking or (state is State.FURTHER_BACK and self.scan.has_entries)
        if self.recursive and not self.overflowed and more:
            return State.RECURSION
        settings = self.settings
        if self.overflowed or len(self.active) >= settings.min_activations:
            return None
        limit = settings.min_activations_depth
        if (limit and self.depth > limit) or self.depth > self.count:
            return None
        self.depth += 1
        return State.FURTHER_BACK

    def _touched(self, fresh: Iterable[object], again: Iterable[Record]) -> list[Record]:
        """The entries whose fate may be another one now; with the same text and step it would be the same."""
        touched = {record.index: record for record in (*again, *self._changeable)}
        for key in fresh:
            touched.update((record.index, record) for record in self._waiting[key])
        return sorted(touched.values(), key=lambda record: self.rank[record.index])

    def _fired(self, candidates: Iterable[Record], state: State) -> list[Record]:
        """The entries that would fire in this step, in the order in which the budget sees them."""
        fired = []
        for record in candidates:
            if record.index in self.active or record.index in self.failed:
                continue
            verdict = self._judge(record, state)
            self.verdicts[record.index] = verdict
            if verdict.fires:
                fired.append(record)
        return sorted(fired, key=lambda record: (record.index not in self.timed.sticky, self.rank[record.index]))

    def _judge(self, record: Record, state: State) -> Verdict:
        entry, settings, stays = record.entry, self.settings, record.index in self.timed.sticky
        if not entry.enabled:
            return Verdict("disabled", "it is disabled")
        if record.triggers and settings.trigger not in record.triggers:
            return Verdict("trigger", f"it fires on {', '.join(record.triggers)} only, not on {settings.trigger}")
        blocked = self._blocked(record, state) if not stays or record.delay > self.count else None
        if blocked is None:
            if record.activate:
                return Verdict("activate", "@@activate makes it fire", step=self.steps)
            if record.dont_activate:
                return Verdict("dont_activate", "@@dont_activate keeps it from firing")
        verdict = self._by_itself(record, stays) or self._by_keys(record, state)
        return blocked if blocked and verdict.fires else verdict

    def _blocked(self, record: Record, state: State) -> Verdict | None:
        """Why the entry may not fire in this step whatever its keys say."""
        if record.delay > self.count:
            return Verdict("delay", f"it waits until the chat has {record.delay} messages; it has {self.count}")
        if record.index in self.timed.cooldown:
            return Verdict("cooldown", "it has fired a short while ago and pauses")
        if record.delay_level and (state is not State.RECURSION or record.delay_level > self._level):
            return Verdict("waits_for_recursion", "it waits for a later step of the recursion, which did not come")
        if record.exclude_recursion and state is State.RECURSION and self.recursive:
            return Verdict("excluded_from_recursion", "other entries may not make it fire, and no message did")
        return None

    def _by_itself(self, record: Record, stays: bool) -> Verdict | None:
        if record.entry.constant:
            return Verdict("constant", "it is always on", step=self.steps)
        if stays:
            return Verdict("sticky", "it fired earlier and stays on", step=self.steps)
        return None if record.primary else Verdict("no_keys", "it has no keys")

    def _by_keys(self, record: Record, state: State) -> Verdict:
        entries = state is not State.FURTHER_BACK
        matches = (self.scan.find(use, record, self.depth, entries=entries) for use in record.primary)
        match = next((found for found in matches if found), None)
        if match is None:
            return Verdict("no_match", "none of its keys is in what is scanned")
        detail = f"the key {match.key!r:.60} fires in {where(match, self.records)}"
        if not record.entry.selective or not record.secondary:
            return Verdict("key", detail, match, step=self.steps)
        found = [self.scan.find(use, record, self.depth, entries=entries) for use in record.secondary]
        secondary = tuple(Match(**{**vars(one), "field": "secondary_keys"}) for one in found if one)
        satisfied = {
            AND_ANY: bool(secondary),
            NOT_ALL: len(secondary) < len(found),
            NOT_ANY: not secondary,
            AND_ALL: len(secondary) == len(found),
        }.get(record.logic, False)
        said = f"{len(secondary)} of {len(found)} secondary keys fire"
        logic = LOGICS[record.logic] if 0 <= record.logic < len(LOGICS) else f"unknown logic {record.logic}"
        if satisfied:
            return Verdict("key", f"{detail}, and {said} ({logic})", match, secondary, self.steps)
        return Verdict("secondary", f"{detail}, but {said} ({logic})", match, secondary)

    def _admit(self, fired: Sequence[Record], state: State) -> list[Record]:
        """Groups, dice and budget; those that were not refused by the first two, cut ones among them."""
        scores: dict[int, int] = {}

        def score(record: Record) -> int:
            if record.index not in scores:
                scores[record.index] = self._score(record, entries=state is not State.FURTHER_BACK)
            return scores[record.index]

        result = contest(fired, self.active.values(), self.settings, self.timed, score)
        for index, why in result.lost.items():
            self._set(index, "group", why)
        new, tried = Tokens(), []
        for record in result.left:
            if self.overflowed and not record.ignore_budget:
                self._set(record.index, "budget", f"the budget of {self.budget} tokens was used up before it")
                tried.append(record)
                continue
            if not self._is_lucky(record):
                self.failed.add(record.index)
                self._set(record.index, "probability", f"its chance of {record.probability:g} % failed")
                continue
            tried.append(record)
            new.add([record])
            spent = int(self._spent) + int(new)
            if not record.ignore_budget and spent >= self.budget:
                self.overflowed = True
                self._set(record.index, "budget", f"with it there would be {spent} of {self.budget} tokens")
                continue
            self.active[record.index] = record
            if record.index in result.chances:
                verdict = self.verdicts[record.index]
                self.verdicts[record.index] = Verdict(**{**vars(verdict), "chance": result.chances[record.index]})
        return tried

    def _set(self, index: int, reason: Reason, detail: str) -> None:
        old = self.verdicts[index]
        self.verdicts[index] = Verdict(reason, detail, old.match, old.secondary)

    def _is_lucky(self, record: Record) -> bool:
        if record.probability == 100 or record.index in self.timed.sticky:
            return True
        if record.probability <= 0 or self.settings.chances == "expected":
            return record.probability > 0
        return roll(self.settings.seed, "probability", record.index) * 100 <= record.probability

    def _score(self, record: Record, *, entries: bool) -> int:
        """How many keys fire; secondary ones count where they are wanted. Macros are not filled in here."""
        primary, secondary = (
            sum(bool(self.scan.find(use, record, self.depth, entries=entries, bare=True)) for use in uses)
            for uses in (record.primary, record.secondary)
        )
        if not record.primary:
            return 0
        all_count = record.logic == AND_ALL and secondary == len(record.secondary)
        return primary + (secondary if record.logic == AND_ANY or all_count else 0)
