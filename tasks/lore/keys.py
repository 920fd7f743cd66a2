"""Keys of a whole book at once: what brings up one entry and no other. Pure.

Three rounds, so that no entry takes what is another's name: first all names, then the other names that source and card
use, then what the writer proposes. What is ambiguous is left out, and narrowed by secondary keys where there is
nothing else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cards.rules import LIMITS
from cards.rules.keys import common_words
from cards.rules.patterns import pattern_of
from cards.rules.wording import lists
from cards.text_blocks import word_list
from cards.text_scripts import WIDE
from tasks.lore.draft import Draft
from tasks.lore.same import bare, core

MOST = int(LIMITS["entry"]["keys"][1])
SHORTEST = int(LIMITS["entry"]["key_min_letters"])  # of scripts with blanks: shorter ones stand within other words
LONGEST = int(LIMITS["entry"]["key_max_characters"])
CURRENT = 3  # times that a word stands in source and card in lower case, from which it says nothing by itself
CURRENT_IN = 2000  # plain words of source and card, from which more times are needed
SECONDARY = 5  # most secondary keys
CALLED = 3  # other names that are taken from an entry's text
AND_ANY, NOT_ANY = 0, 2  # SillyTavern's figures for `selectiveLogic`
_SPLIT = re.compile(r"[,，、;；\n]")
_EDGES = " \t.'’\"“”„«»()[]{}*_:-"
_WORD = re.compile(r"[^\W\d_]+")


@dataclass
class Keys:
    """The keys of one entry. ``logic`` says what the secondary ones are for: `AND_ANY` or `NOT_ANY`."""

    primary: list[str] = field(default_factory=list)
    secondary: list[str] = field(default_factory=list)
    logic: int = AND_ANY
    case_sensitive: bool = False

    @property
    def is_wide(self) -> bool:
        """Whether they are in a script without blanks, where there are no whole words."""
        return any(WIDE.search(key) for key in self.primary)


@dataclass(frozen=True)
class World:
    """What keys are judged by: the character's names, keys of other entries, how often plain words are written.

    ``code`` is the language of the entries.
    """

    own: tuple[str, ...] = ()
    taken: frozenset[str] = frozenset()
    plain: Counter[str] = field(default_factory=Counter)
    code: str = "en"

    @cached_property
    def current(self) -> int:
        """How often a plain word must be written to be one that says nothing by itself; more in a long source."""
        return max(CURRENT, self.plain.total() // CURRENT_IN)


def plain_words(texts: Iterable[str]) -> Counter[str]:
    """Count the words that are written in lower case."""
    return Counter(word for text in texts for word in _WORD.findall(text) if word.islower())


def choose_keys(drafts: Sequence[Draft], world: World) -> list[Keys]:
    """Return the keys of each draft, in its place; those without any cannot fire."""
    taken = set(map(_folded, world.taken))
    bad = _refused(world)
    offered = [_offers(draft, drafts, world) for draft in drafts]
    chosen = [Keys() for _ in drafts]
    for round_ in range(3):
        for keys, offers in zip(chosen, offered, strict=True):
            for key in offers[round_]:
                folded = _folded(key)
                refused = folded in taken or key.casefold() in bad or " ".join(bare(key)) in bad
                if _fits(key) and not refused and len(keys.primary) < MOST:
                    keys.primary.append(key)
                    taken.add(folded)
    for draft, keys in zip(drafts, chosen, strict=True):
        others = [key for each in chosen if each is not keys for key in each.primary]
        _narrow(draft, keys, [*others, *world.taken], drafts, world)
    return chosen


def _refused(world: World) -> set[str]:
    """Return what no entry may hang on: common words, and the character's names, which front ends put everywhere."""
    own = {part for name in world.own for part in (name.casefold(), " ".join(core(name)), *bare(name))}
    return set(common_words(world.code)) | word_list("titles") | word_list("articles") | own


def _folded(key: str) -> str:
    """Return a key as it is compared with others: "the beacon" and "Beacon" fire on the same."""
    return " ".join(core(key)) or key.casefold()


def _fits(key: str) -> bool:
    """Whether a key is long enough, and not too long."""
    return len(key) <= LONGEST and (len(key) >= SHORTEST or bool(WIDE.search(key)))


def _offers(draft: Draft, drafts: Sequence[Draft], world: World) -> tuple[list[str], list[str], list[str]]:
    if draft.premise:
        return [], [], []
    names = _forms(draft.name, world)
    others = {word for each in drafts if each is not draft for word in core(each.name)}
    short = [form for form in _short_forms(draft) if form.casefold() not in others]
    told = [*draft.subject.aliases, *short, *_called(draft.content, world.code)]
    aliases = [form for alias in told for form in _forms(alias, world)]
    proposed = [form for key in draft.keys for form in _forms(key, world)]
    known = [*names, *aliases, *proposed]
    return names, aliases, [*proposed, *_other_numbers(known, draft, world)]


def _forms(key: str, world: World) -> list[str]:
    """Return a key as it can be used: in parts where it has commas, without edges, without a leading article.

    Nothing comes of a macro, nor of a pattern.
    """
    if "{" in key or pattern_of(key, use_regex=False) is not None:
        return []
    parts = (" ".join(part.split()).strip(_EDGES) for part in _SPLIT.split(key))
    return [_without_article(part, world) for part in parts if part]


def _without_article(key: str, world: World) -> str:
    """Return a name without its article; "the rock" keeps it, which tells it from any rock."""
    first, _, rest = key.partition(" ")
    if not rest or first.casefold() not in word_list("articles") or not rest[:1].isupper():
        return key
    return rest if rest.casefold() not in _refused(world) else key


def _called(content: str, code: str) -> list[str]:
    """Return what an entry says that its subject is called too (L06)."""
    patterns = lists(code).get("aliases", ())
    return [match[1] for pattern in patterns for match in re.finditer(pattern, content)][:CALLED]


def _short_forms(draft: Draft) -> list[str]:
    """Return what people say for a longer name: a person's first and last name, "Ashen Vow" of the order of it."""
    words = [word.strip(_EDGES) for word in draft.name.split()]
    small = word_list("particles")
    joints = [place for place, word in enumerate(words) if word.casefold() in small]
    if len(words) < 2:
        return []
    if joints:
        tail = words[joints[-1] + 1 :]
        return [" ".join(tail)] if len(tail) > 1 and draft.category != "person" else []
    if draft.category != "person":
        return []
    plain = [word for word in words if word.casefold().rstrip(".") not in word_list("titles")]
    parts = (plain[0], plain[-1]) if len(plain) > 1 else plain
    return [part for part in dict.fromkeys(parts) if part[:1].isupper() or WIDE.search(part)]


def _other_numbers(keys: Sequence[str], draft: Draft, world: World) -> list[str]:
    """Return the other number of a key where the texts use it: "knight" does not fire on "knights"."""
    if world.code != "en":
        return []
    used = {word.casefold() for word in _WORD.findall(draft.content)} | set(world.plain)
    other = [key[:-1] if key.endswith("s") else f"{key}s" for key in keys if len(key) > SHORTEST and key.isalpha()]
    return [key for key in other if key.casefold() in used]


# Ambiguous keys -------------------------------------------------------------------------------------------


def _narrow(draft: Draft, keys: Keys, names: Sequence[str], drafts: Sequence[Draft], world: World) -> None:
    """Leave out ambiguous keys where others are left; else say what must, or must not, be there besides them."""
    plain = [key for key in keys.primary if is_plain(key, world)]
    hidden = {key: longer for key in keys.primary if (longer := hidden_in(key, names))}
    telling = [key for key in keys.primary if key not in plain and key not in hidden]
    if telling or not keys.primary:
        keys.primary = telling
    elif hidden and len(hidden) == len(keys.primary):
        keys.secondary = list(dict.fromkeys(longer for found in hidden.values() for longer in found))[:SECONDARY]
        keys.logic = NOT_ANY
    else:
        keys.secondary = companions(draft, drafts, world, keys.primary)
        keys.logic = AND_ANY
    keys.case_sensitive = bool(keys.primary) and _reads_as_word(keys.primary, world)


def is_plain(key: str, world: World) -> bool:
    """Whether a key is a word that source and card use all the time, for nothing in particular."""
    return " " not in key and key.islower() and world.plain[key.casefold()] >= world.current


def hidden_in(key: str, names: Collection[str]) -> list[str]:
    """Return the keys of others that hold this one as a word, where it means something else: "Rock" in "Gull Rock".

    Not what follows a joint: "Karst" in "Duke of Karst" is Karst. In scripts without blanks any part counts.
    """
    if WIDE.search(key):
        return [name for name in names if key in name and name != key]
    part = core(key)
    return [name for name in names if name != key and _is_part(part, core(name))]


def _is_part(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    size = len(part)
    if not part or size >= len(whole):
        return False
    places = [place for place in range(len(whole) - size + 1) if whole[place : place + size] == part]
    return any(not place or whole[place - 1] not in word_list("particles") for place in places)


def companions(draft: Draft, drafts: Sequence[Draft], world: World, primary: Sequence[str]) -> list[str]:
    """Return words that show that this entry is meant: names of other entries in its text, then its rarest words."""
    text = draft.content.casefold()
    own = {key.casefold() for key in primary}
    named = [each.name for each in drafts if each is not draft and not each.premise and each.name.casefold() in text]
    small = common_words(world.code)
    rare = sorted(
        dict.fromkeys(word.casefold() for word in _WORD.findall(draft.content) if len(word) > 4),
        key=lambda word: world.plain[word],
    )
    refused = _refused(world) | own
    found = [word for word in (*named, *(w for w in rare if w not in small)) if word.casefold() not in refused]
    found = [word for word in found if _fits(word) and not _SPLIT.search(word)]
    return list({word.casefold(): word for word in reversed(found)}.values())[::-1][:SECONDARY]


def _reads_as_word(primary: Sequence[str], world: World) -> bool:
    """Whether a name is also an ordinary word (Rose, Hope) that only its capital tells apart."""
    if not all(key[:1].isupper() for key in primary):
        return False
    return any(" " not in key and (world.plain[key.casefold()] > 0) for key in primary)
