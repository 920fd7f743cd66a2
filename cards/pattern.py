"""JavaScript regular expressions read into a tree.

Only what is needed to tell whether a pattern matches: groups capture nothing. ``NotPattern``: JavaScript would refuse
it too. ``NotKnown``: JavaScript takes it, this module does not (backward references, ``\\p{...}`` of rare names).

Source: ECMAScript 2024, section 22.2 and annex B.1.2 (what is read leniently without the flag u).
"""

from __future__ import annotations

import re

from cards.pattern_chars import ANY, CLASSES, NotKnown, Ranges, class_source, property_ranges, source_of
from cards.pattern_tree import Chars, Choice, Letter, Look, Node, Place, Repeat, Run

FLAGS = "gimsuy"
_QUANTIFIER = re.compile(r"\{(\d{1,9})(,(\d{1,9})?)?\}")
_DEEPEST = 50  # groups within groups: more would only strain the stack
_MOST_COUNT = 1_000
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_SYNTAX = "^$\\.*+?()[]{}|/"  # all that may be escaped with the flag u, and - within a class
_GROUP_KINDS = ("(?:", "(?=", "(?!", "(?<=", "(?<!")


class NotPattern(ValueError):
    """JavaScript refuses it."""


def parse(pattern: str, flags: str = "") -> Node:
    """The tree of a pattern without its slashes. NotPattern and NotKnown say what is wrong."""
    if len(set(flags)) < len(flags) or set(flags) - set(FLAGS):
        raise NotPattern(f"the flags {flags!r:.20} are not of {FLAGS}, each once")
    return _Reader(pattern, flags).whole()


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str, flags: str) -> None:
        self.text, self.place, self.depth = pattern, 0, 0
        self.unicode = "u" in flags
        lines, newline = "m" in flags, source_of(CLASSES["newline"])
        self.special: dict[str, Node] = {
            ".": Chars(ANY if "s" in flags else source_of(CLASSES["newline"], negated=True)),
            "^": Place(rf"(?:(?<={newline})|\A)" if lines else r"\A"),
            "$": Place(rf"(?={newline}|\Z)" if lines else r"\Z"),
        }
        self.named = bool(re.search(r"\(\?<(?![=!])", pattern))

    def whole(self) -> Node:
        tree = self._choice()
        if self.place < len(self.text):
            raise NotPattern("a ) closes no group")
        return tree

    def _choice(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise NotKnown(f"groups stand more than {_DEEPEST} deep in each other")
        options = [self._run()]
        while self._take("|"):
            options.append(self._run())
        self.depth -= 1
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _run(self) -> Node:
        parts: list[Node] = []
        while self.place < len(self.text) and self.text[self.place] not in "|)":
            parts.append(self._quantified(self._atom()))
        return parts[0] if len(parts) == 1 else Run(tuple(parts))

    def _take(self, token: str) -> bool:
        if self.text.startswith(token, self.place):
            self.place += len(token)
            return True
        return False

    def _quantified(self, atom: Node) -> Node:
        counts = self._counts()
        if counts is None:
            return atom
        if isinstance(atom, Place) or (isinstance(atom, Look) and (self.unicode or "<" in atom.opening)):
            raise NotPattern("a repetition stands where there is nothing to repeat")
        least, most = counts
        if most is not None and most < least:
            raise NotPattern("a repetition has its figures in the wrong order")
        if max(least, most or 0) > _MOST_COUNT:
            raise NotKnown(f"it repeats more than {_MOST_COUNT} times")
        lazy = self._take("?")
        if self._counts() is not None:
            raise NotPattern("a repetition follows a repetition")
        return Repeat(atom, least, most, lazy)

    def _counts(self) -> tuple[int, int | None] | None:
        for mark, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(mark):
                return counts
        found = _QUANTIFIER.match(self.text, self.place)
        if found is None:
            return None
        self.place = found.end()
        least = int(found[1])
        return least, least if not found[2] else int(found[3]) if found[3] else None

    def _atom(self) -> Node:
        char = self.text[self.place]
        if char == "(":
            return self._group()
        self.place += 1
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        if char in "*+?" or (char == "{" and _QUANTIFIER.match(self.text, self.place - 1)):
            raise NotPattern("a repetition stands where there is nothing to repeat")
        if char in "{}]" and self.unicode:
            raise NotPattern(f"with the flag u {char} needs a backslash before it")
        return self.special.get(char) or Letter(char)

    def _group(self) -> Node:
        opening = next((kind for kind in _GROUP_KINDS if self._take(kind)), "")
        if not opening:
            named = re.compile(r"\(\?<[^\W\d]\w*>").match(self.text, self.place)
            self.place += len(named.group()) if named else 1
            if named is None and self.text.startswith("?", self.place):
                raise NotPattern("a group opens with a ? that says nothing")
        body = self._choice()
        if not self._take(")"):
            raise NotPattern("a group is not closed")
        return Look(opening, body) if opening and opening != "(?:" else _grouped(body)

    def _escape(self) -> Node:
        if self.place >= len(self.text):
            raise NotPattern("it ends with a backslash")
        char = self.text[self.place]
        if char in "bB":
            self.place += 1
            return Place(r"(?a:\b)" if char == "b" else r"(?!(?a:\b))")
        if char in "123456789" or (char == "k" and (self.named or self.unicode)):
            raise NotKnown("it refers back to a group")
        found = self._set_escape()
        return Letter(self._char_escape()) if found is None else Chars(source_of(found[0], negated=found[1]))

    def _set_escape(self) -> tuple[Ranges, bool] | None:
        """The ranges of ``\\d``, ``\\p{...}`` and so on at this place, and whether all others are meant."""
        char = self.text[self.place]
        if char in "dwsDWS":
            self.place += 1
            return CLASSES[char.lower()], char.isupper()
        if char in "pP" and self.unicode:
            found = re.compile(r"[pP]\{([\w=]+)\}").match(self.text, self.place)
            if found is None:
                raise NotPattern("with the flag u \\p needs a {name}")
            self.place = found.end()
            return property_ranges(found[1]), char == "P"
        return None

    def _char_escape(self) -> str:
        char = self.text[self.place]
        self.place += 1
        coded = {"x": r"[0-9a-fA-F]{2}", "u": r"[0-9a-fA-F]{4}", "c": r"[a-zA-Z]"}.get(char)
        if found := re.compile(coded).match(self.text, self.place) if coded else None:
            self.place = found.end()
            return chr(ord(found.group()) % 32) if char == "c" else chr(int(found.group(), 16))
        braced = re.compile(r"\{([0-9a-fA-F]{1,6})\}").match(self.text, self.place)
        if char == "u" and self.unicode and (found := braced):
            self.place = found.end()
            if int(found[1], 16) > 0x10FFFF:
                raise NotPattern("there is no character of that number")
            return chr(int(found[1], 16))
        if self.unicode and char not in _CONTROLS and char not in _SYNTAX:
            raise NotPattern(f"with the flag u there is no \\{char}")
        return _CONTROLS.get(char, char)

    def _class(self) -> Node:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        others: list[Ranges] = []  # of \\W and the like
        while not self._take("]"):
            first = self._member()
            last = first
            if self.text.startswith("-", self.place) and not self.text.startswith("-]", self.place):
                self.place += 1
                last = self._member()
            if isinstance(first, str) and isinstance(last, str):
                if last < first:
                    raise NotPattern(f"the range {first}-{last} runs backwards")
                ranges.append((ord(first), ord(last)))
                continue
            for member in {first, last}:
                if isinstance(member, str):
                    ranges.append((ord(member), ord(member)))
                elif member[1]:
                    others.append(member[0])
                else:
                    ranges.extend(member[0])
            if last is not first:
                ranges.append((ord("-"), ord("-")))
        return Chars(class_source(tuple(sorted(ranges)), others, negated=negated))

    def _member(self) -> str | tuple[Ranges, bool]:
        """One member of a class: a character, or a set and whether all others are meant."""
        char = self._next_in_class()
        if char != "\\":
            return char
        self._next_in_class()
        self.place -= 1
        for escape, meant in (("b", "\b"), ("-", "-")):
            if self._take(escape):
                return meant
        return self._set_escape() or self._char_escape()

    def _next_in_class(self) -> str:
        if self.place >= len(self.text):
            raise NotPattern("a [ is not closed")
        self.place += 1
        return self.text[self.place - 1]


def _grouped(body: Node) -> Node:
    """The body of a group: a place within one may be repeated, unlike a bare one."""
    return Run((body,)) if isinstance(body, Place | Look) else body
