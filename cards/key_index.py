"""Plain keys of a lorebook, searched for all at once: the time grows with the text, hardly with the number of keys."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

from cards.keys import Key, Span, clean, fold, whole_place

_LONG = 64  # characters: longer words are searched one by one
_PREPARING = 12  # what it costs per letter of the words, in letters of text looked at
_TOKEN = re.compile(r"[A-Za-z0-9_]+")


class KeyIndex:
    """Plain keys (patterns are left out), each looked for as its own settings say; see `cards.keys`."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._tokens: dict[bool, dict[str, Key]] = {False: {}, True: {}}  # keys that can be nothing but a whole word
        self._by_word: dict[bool, dict[str, list[Key]]] = {False: {}, True: {}}
        for key in dict.fromkeys(keys):
            if key.pattern is not None:
                continue
            if key.whole_words and _TOKEN.fullmatch(key.text):
                self._tokens[key.case_sensitive][key.text] = key
            else:
                self._by_word[key.case_sensitive].setdefault(key.text, []).append(key)
        self._words = {exact: _Words(by_word) for exact, by_word in self._by_word.items()}

    def find(self, text: str) -> dict[Key, Span]:
        """The keys that fire on a text, and where first: [start, end) in its NFC form."""
        text = clean(text)
        found: dict[Key, Span] = {}
        for exact in (False, True):
            tokens, by_word = self._tokens[exact], self._by_word[exact]
            if not tokens and not by_word:
                continue
            form = text if exact else fold(text)
            if tokens:
                for word in sorted(tokens.keys() & set(_TOKEN.findall(form))):
                    start = whole_place(form, word)
                    found[tokens[word]] = (start, start + len(word))
            for word, start in self._words[exact].first_places(form):
                for key in by_word[word]:
                    place = whole_place(form, word, start) if key.whole_words else start
                    if place >= 0:
                        found[key] = (place, place + len(word))
        return found


class _Words:
    """Words found in one pass over a text, after Aho and Corasick (1975); few, long and empty ones by themselves."""

    def __init__(self, words: Iterable[str]) -> None:
        self._all = list(words)
        self._alone = [word for word in self._all if not 0 < len(word) <= _LONG]
        self._lost = 0.0  # by searching for each word alone, in letters of text looked at
        self._most = _PREPARING * sum(map(len, self._all))
        self._next: list[dict[str, int]] = [{}]
        self._word: list[str] = [""]

    def first_places(self, text: str) -> Iterator[tuple[str, int]]:
        """Each word that is in the text, and where it first begins."""
        lost = len(self._all) * (2 + len(text) / 500) - len(text)
        self._lost += max(0, lost)
        in_one_pass = lost > 0 and self._lost > self._most
        for word in self._alone if in_one_pass else self._all:
            if (start := text.find(word)) >= 0:
                yield word, start
        if in_one_pass:
            yield from self._in_one_pass(text)

    def _prepare(self) -> None:
        for word in self._all:
            if 0 < len(word) <= _LONG:
                self._add(word)
        self._link()

    def _add(self, word: str) -> None:
        node = 0
        for char in word:
            following = self._next[node].get(char)
            if following is None:
                following = self._next[node][char] = len(self._next)
                self._next.append({})
                self._word.append("")
            node = following
        self._word[node] = word

    def _link(self) -> None:
        """Where to go on when a letter does not fit, and which is the longest word that ends at a node."""
        self._fallback = [0] * len(self._next)
        self._ends = list(range(len(self._next)))
        self._ends[0] = 0
        waiting = deque(self._next[0].values())
        while waiting:
            node = waiting.popleft()
            if not self._word[node]:
                self._ends[node] = self._ends[self._fallback[node]]
            for char, child in self._next[node].items():
                waiting.append(child)
                fallback = self._fallback[node]
                while node and fallback and char not in self._next[fallback]:
                    fallback = self._fallback[fallback]
                self._fallback[child] = self._next[fallback].get(char, 0)

    def _in_one_pass(self, text: str) -> Iterator[tuple[str, int]]:
        if len(self._next) == 1:
            self._prepare()
        following, fallback, ends = self._next, self._fallback, self._ends
        node, seen = 0, {0}
        for place, char in enumerate(text):
            while node and char not in following[node]:
                node = fallback[node]
            node = following[node].get(char, 0)
            end = ends[node]
            while end not in seen:
                seen.add(end)
                word = self._word[end]
                yield word, place + 1 - len(word)
                end = ends[fallback[end]]
