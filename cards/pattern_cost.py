"""How many steps a backtracking search with a pattern may take in a text: an upper bound, found without searching.

Python cannot interrupt a running search, and a hostile pattern can take longer than anyone waits. So each pattern is
measured first. A repetition that can trade letters with what follows has many *ways*, each of which tries the rest
anew; one that cannot (``\\w+`` before ``\\W``) has one. How far a repetition runs, and how often a literal lets a
search go on, is read off the text, in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, reduce
from itertools import pairwise
from math import inf
from typing import NamedTuple

from cards.pattern_tree import Chars, Choice, Letter, Look, Node, Place, Repeat, Run, parts_of, python_source

_SHORT = 3  # repetitions so short are not worth measuring
_CEILING = 1e18  # steps: more is never run, and would overflow
_LETTERS = frozenset(map(chr, (9, 10, *range(32, 127), 0xE4, 0xC4, 0x3042, 0x6F22)))  # some of all kinds


class Cost(NamedTuple):
    """One attempt: ``work`` steps, and in how many ``ways`` it can succeed.

    An attempt that begins with a literal takes ``entry`` steps to find it, and the rest at ``gate`` places only.
    """

    work: float
    ways: float
    gate: float = inf
    entry: float = 0


class First(NamedTuple):
    """What a part can begin with, and whether it can be nothing at all."""

    chars: frozenset[str]
    empty: bool


_NOTHING = First(frozenset(), empty=True)
_END = First(frozenset(), empty=False)  # nothing that could fail follows


def steps(tree: Node, text: str, *, ignore_case: bool) -> float:
    """How many steps a search of the whole text takes at most; infinite for what may grow exponentially."""
    return _measure(text, ignore_case).search(tree)


@lru_cache(maxsize=4)
def _measure(text: str, ignore_case: bool) -> _Measure:
    """Patterns come in numbers, for the same text."""
    return _Measure(text, frozenset(text), len(text), ignore_case=ignore_case)


def required(tree: Node) -> str:
    """The longest text that every match holds; "" where none is sure."""
    return max((part for part in _joined(tree) if isinstance(part, str)), key=len, default="")


def worst_steps(tree: Node, pattern: str, size: int, *, ignore_case: bool) -> float:
    """How many steps a search may take in any text of so many characters; infinite for exponential growth."""
    alphabet = _LETTERS | frozenset(pattern)
    return _Measure(None, alphabet, size, ignore_case=ignore_case).search(tree)


class _Measure:
    """Bounds for one text; without one, for any text of ``size`` characters of the alphabet."""

    def __init__(self, text: str | None, alphabet: frozenset[str], size: int, *, ignore_case: bool) -> None:
        self.text = text.lower() if text and ignore_case else text
        self.alphabet, self.size, self.ignore_case = alphabet, size, ignore_case
        self.sets: dict[str, frozenset[str]] = {}
        self.runs: dict[str, float] = {}

    def search(self, tree: Node) -> float:
        """Steps for all places to begin at."""
        parts = _joined(tree)
        cost = self._run(parts, _END)
        starts = 1 if parts and parts[0] == Place(r"\A") else self.size + 1
        work = starts * (1 + cost.entry) + min(starts, cost.gate) * (cost.work - cost.entry)
        return inf if work >= _CEILING else work

    def _run(self, parts: Sequence[Node | str], follow: First) -> Cost:
        """Parts one after another, from the last to the first."""
        rest, after = Cost(1, 1), follow
        for part in reversed(parts):
            if isinstance(part, str):
                rest = Cost(1 + rest.work, rest.ways, gate=self._hits(part), entry=1)
            elif isinstance(part, Place):
                rest = Cost(1 + rest.work, rest.ways, rest.gate, 1 + rest.entry)
            else:
                rest = _then(self._cost(part, after), rest, gated=_is_distinct(part))
            after = _followed(self._first(part), after)
        return rest

    def _cost(self, node: Node, after: First) -> Cost:
        match node:
            case Look(_, body):
                return Cost(1 + self._run(_joined(body), _END).work, 1)
            case Run():
                return self._run(_joined(node), after)
            case Choice(options):
                costs = [self._run(_joined(option), after) for option in options]
                ways = [cost.ways for cost in costs]
                work, gate = 1 + sum(cost.work for cost in costs), sum(cost.gate for cost in costs)
                entry = 1 + sum(cost.entry for cost in costs) if gate < inf else 0
                return Cost(work, max(ways) if self._exclude_each_other(options) else sum(ways), gate, entry)
            case Repeat():
                return self._repeated(node, after)
            case _:
                return Cost(1, 1)

    def _repeated(self, node: Repeat, after: First) -> Cost:
        own = self._first(node.body)
        trades = bool(own.chars & after.chars) or after.empty
        most: float = self.size if node.most is None else node.most
        if isinstance(node.body, Letter | Chars):
            run = most if most <= _SHORT else min(self._longest_run(python_source(node.body)), most)
            return Cost(1 + run, max(1, run - node.least + 1) if trades else 1)
        follow = after if node.most == 1 else First(own.chars | after.chars, own.empty or after.empty)
        once = self._run(_joined(node.body), follow)
        if once.ways > 1:  # each further time multiplies
            if node.most is None or (many := _power(once.ways, most)) >= _CEILING:
                return Cost(_CEILING, _CEILING)
            return Cost(min(1 + most * many * once.work, _CEILING), many + (node.least == 0))
        return Cost(min(1 + most * once.work, _CEILING), most - node.least + 1 if trades else 1)

    def _first(self, part: Node | str) -> First:
        match part:
            case str():
                return First(self._set(re.escape(part[0])), empty=False)
            case Letter() | Chars():
                return First(self._set(python_source(part)), empty=False)
            case Place() | Look():  # what looks may fail anywhere, so that what stands before it tries again
                return First(self.alphabet if isinstance(part, Look) else frozenset(), empty=True)
            case Repeat(body, least, _, _):
                own = self._first(body)
                return First(own.chars, own.empty or least == 0)
            case Choice(options):
                firsts = [self._first(option) for option in options]
                return First(_all(firsts), any(first.empty for first in firsts))
            case Run(parts):
                return reduce(lambda after, each: _followed(self._first(each), after), reversed(parts), _NOTHING)

    def _exclude_each_other(self, options: Sequence[Node]) -> bool:
        """Whether no two options can match at the same place."""
        firsts = [self._first(option) for option in options]
        if any(first.empty for first in firsts):
            return False
        if sum(len(first.chars) for first in firsts) == len(_all(firsts)):
            return True
        runs = [_joined(option) for option in options]
        words = sorted("".join(map(str, run)).lower() for run in runs if len(run) == 1 and isinstance(run[0], str))
        return len(words) == len(options) and not any(later.startswith(word) for word, later in pairwise(words))

    def _set(self, source: str) -> frozenset[str]:
        """The letters of the alphabet that one character of a pattern stands for."""
        if source not in self.sets:
            matches = re.compile(source, self._flags).match
            self.sets[source] = frozenset(filter(matches, self.alphabet))
        return self.sets[source]

    def _hits(self, literal: str) -> float:
        if self.text is None:
            return self.size
        count = self.text.count(literal.lower() if self.ignore_case else literal)
        return min(self.size, count * len(literal))  # occurrences may overlap

    def _longest_run(self, source: str) -> float:
        if source not in self.runs:
            if self.text is None:
                self.runs[source] = self.size if self._set(source) else 0
            else:
                runs = re.compile(f"(?:{source})+", self._flags).findall(self.text)
                self.runs[source] = max(map(len, runs), default=0)
        return self.runs[source]

    @property
    def _flags(self) -> re.RegexFlag:
        return re.IGNORECASE if self.ignore_case else re.NOFLAG


def _joined(node: Node) -> list[Node | str]:
    """The parts of a run, letters in a row as one text."""
    found: list[Node | str] = []
    for part in parts_of(node):
        if not isinstance(part, Letter):
            found.append(part)
        elif found and isinstance(found[-1], str):
            found[-1] += part.char
        else:
            found.append(part.char)
    return found


def _then(own: Cost, rest: Cost, *, gated: bool) -> Cost:
    """A part and the rest behind it, which each way of the part tries anew."""
    ways = min(own.ways, rest.gate) if gated and own.ways > 1 else own.ways
    work = own.work + own.ways * rest.entry + ways * (rest.work - rest.entry)
    return Cost(min(work, _CEILING), min(max(1, ways * rest.ways), _CEILING), own.gate, own.entry)


def _is_distinct(part: Node) -> bool:
    """Whether its ways end at different places, so that a literal behind it lets few of them on."""
    return isinstance(part, Repeat) and isinstance(part.body, Letter | Chars)


def _followed(first: First, after: First) -> First:
    return First(first.chars | after.chars, after.empty) if first.empty else first


def _all(firsts: Sequence[First]) -> frozenset[str]:
    return frozenset().union(*(first.chars for first in firsts))


def _power(base: float, exponent: float) -> float:
    return inf if exponent > 60 else base**exponent  # 2**60 is beyond the ceiling
