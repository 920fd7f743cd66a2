"""Keys that are patterns: which ones are, and which of these would hang a front end.

Python cannot interrupt a running search, so no doubtful pattern is ever run here. What can take exponential time is
refused by its shape: a repetition within a repetition, alternatives that may match alike within one, a backward
reference, and more than a few open repetitions, each of which multiplies the time by the length of the text. What is
left is tried on a few characters, and on a whole sample only where that foretells a short run. JavaScript's spelling
(named groups, ``\\p{...}``) is understood; SillyTavern takes what does not compile as a plain text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from time import thread_time

SAMPLE = 10_000  # characters
SLOW = 0.05  # seconds of CPU for a whole sample
_TRIAL = 80  # characters that are tried first: three open repetitions take some milliseconds there
_LETTERS = 1_000  # of one letter in a row: the worst text for most patterns, and longer than any in a chat
_MOST_OPEN = 3  # open repetitions: those without an end, or with one beyond _FEW
_FEW = 10
_MOST_COUNT = 1_000  # of {n,m}
_ENDLESS = 1 << 30
_MOST_LENGTH = 2_000  # characters
_DELIMITED = re.compile(r"/(?P<pattern>.+)/(?P<flags>[a-zA-Z]*)", re.DOTALL)
_QUANTIFIER = re.compile(r"[*+?]|\{(\d{1,9})?(,)?(\d{1,9})?\}")
_PROSE = 'The old captain, 34, asked again: "Who keeps the lamp?" Nobody knows; rain falls on Harbour Street.\n'


def pattern_of(key: str, use_regex: bool) -> str | None:
    """The pattern of a key, without slashes and flags; None for a plain key."""
    if delimited := _DELIMITED.fullmatch(key):
        return delimited["pattern"]
    return key if use_regex else None


@lru_cache(maxsize=4096)
def pattern_fault(pattern: str, *, run: bool = True) -> str:
    """Why a front end should not be given the pattern, or "" for a sound one; its shape alone without ``run``."""
    if len(pattern) > _MOST_LENGTH:
        return f"it has {len(pattern)} characters"
    if re.search(r"(?<!\\)(?:\\\\)*/", pattern):
        return "a / within it needs a backslash before it"
    if fault := _shape_fault(pattern):
        return fault
    try:
        compiled = re.compile(in_python(pattern), re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    quick = not run or _is_quick(compiled, pattern)
    return "" if quick else f"it is slow: over {SLOW * 1000:.0f} ms on {SAMPLE} characters"


def in_python(pattern: str) -> str:
    """A JavaScript pattern in Python's spelling."""
    text = re.sub(r"\(\?<(?![=!])", "(?P<", pattern)
    text = re.sub(r"\\k<(\w+)>", r"(?P=\1)", text)
    return re.sub(r"\\[pP]\{[^{}]*\}|\\u\{[0-9a-fA-F]+\}", r"\\w", text)


def _shape_fault(pattern: str) -> str:
    """What makes the time of a search grow faster than the text, seen from the shape alone."""
    stack: list[_Group] = [_Group()]
    place = 0
    while place < len(pattern):
        group, char = stack[-1], pattern[place]
        end = _atom_end(pattern, place)
        if char == "(":
            stack.append(_Group())
            place += len(_opening(pattern, place))
            continue
        if char == "|":
            group.branch()
            place += 1
            continue
        inner = stack.pop() if char == ")" and len(stack) > 1 else None
        if char == "\\" and re.match(r"\\(?:[1-9]|k<)", pattern[place:]):
            return "it refers back to a group"
        quantifier = _QUANTIFIER.match(pattern, end)
        least, most = _reach(quantifier)
        if _MOST_COUNT < most < _ENDLESS:
            return f"it repeats more than {_MOST_COUNT} times"
        if inner and most > _FEW and (inner.varies or inner.may_match_alike):
            return "a repetition stands within a repetition"
        home = stack[-1]
        home.starts[-1] = home.starts[-1] or ("(" if inner or least == 0 else pattern[place:end])
        home.varies = home.varies or least != most or bool(inner and inner.varies)
        home.open += (least != most and most > _FEW) + (inner.open * min(most, _FEW) if inner else 0)
        if home.open > _MOST_OPEN:
            return f"it has more than {_MOST_OPEN} repetitions without an end"
        place = quantifier.end() if quantifier else end
        if quantifier and pattern[place : place + 1] in ("?", "+"):
            place += 1
    return ""


class _Group:
    """What is known of a group while its end is not reached."""

    def __init__(self) -> None:
        self.open = 0  # repetitions without an end
        self.varies = False  # whether anything in it may be there once or several times
        self.starts: list[str] = [""]  # what each alternative begins with

    def branch(self) -> None:
        self.starts.append("")

    @property
    def may_match_alike(self) -> bool:
        """Whether two alternatives could begin with the same letter."""
        plain = [start.casefold() for start in self.starts if re.fullmatch(r"[^\W_]|\\[^\w]", start)]
        return len(self.starts) > 1 and (len(plain) < len(self.starts) or len(set(plain)) < len(plain))


def _opening(pattern: str, place: int) -> str:
    """The opening of a group with what says its kind: ``(``, ``(?:``, ``(?<name>``."""
    found = re.compile(r"\((?:\?(?:P?<\w+>|<?[=!]|[:>]))?").match(pattern, place)
    return found.group() if found else "("


def _atom_end(pattern: str, place: int) -> int:
    """Where the character, the escape or the class that begins at ``place`` ends."""
    if pattern[place] == "\\":
        found = re.compile(r"\\(?:[pPu]\{[^{}]*\}|k<\w*>|.)", re.DOTALL).match(pattern, place)
        return found.end() if found else place + 1
    if pattern[place] == "[":
        found = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL).match(pattern, place)
        return found.end() if found else place + 1
    return place + 1


def _reach(quantifier: re.Match[str] | None) -> tuple[int, int]:
    """How often at least and at most."""
    if quantifier is None or quantifier.group() in ("{}", "{,}"):
        return 1, 1
    if quantifier.group() in ("*", "+", "?"):
        return int(quantifier.group() == "+"), 1 if quantifier.group() == "?" else _ENDLESS
    least = int(quantifier[1] or 0)
    return least, int(quantifier[3]) if quantifier[3] else _ENDLESS if quantifier[2] else least


def _is_quick(compiled: re.Pattern[str], pattern: str) -> bool:
    """Whether searches of prose and of one letter in a row stay quick."""
    letter = next(iter(re.findall(r"[^\W_]", re.sub(r"\\.", "", pattern))), "a")
    for unit, size in ((_PROSE, SAMPLE), (letter, _LETTERS)):
        trial = _spent(compiled, unit, _TRIAL)
        # The time of n open repetitions grows with the power n + 1 of the length at most; two are a fair guess.
        if trial > SLOW or trial * (size / _TRIAL) ** 2 > 40 * SLOW or _spent(compiled, unit, size) > SLOW:
            return False
    return True


def _spent(compiled: re.Pattern[str], unit: str, size: int) -> float:
    """Seconds of CPU that finding all matches takes in ``size`` characters."""
    sample = (unit * (size // len(unit) + 1))[:size]
    started = thread_time()
    for _ in compiled.finditer(sample):
        pass
    return thread_time() - started
