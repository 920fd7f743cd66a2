"""The names in a text: who and what it speaks of, under which forms, and how often."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cards.text_blocks import blocks, split_sentences, stop_words, word_list
from cards.text_caseless import caseless_names
from cards.text_scripts import language

NameKind = Literal["person", "place", "thing", "faction", "unknown"]

TOKEN = re.compile(r"[^\W\d_]+s['’](?=\s[A-Z])|[^\W\d_]+(?:['’][^\W\d_]+)*(?:-[^\W\d_]+)*\.?|\d+|[^\w\s]")
SUBJECT = re.compile(r"(?:She|He|Sie|Er|Elle|Il|Ella|Él)\b")
POSSESSIVE = re.compile(r"['’]s?$")
GERMAN_NOUN = re.compile(
    r"(?:ung|heit|keit|schaft|tion|tät|chen|lein|nis|tum|ling|ismus|ungen|heiten|keiten|er innen)$"
)
ROMANCE = {"fr", "es", "it", "pt"}
CASELESS = {"ja", "zh", "ko", "th", "ar", "he"}


@dataclass(frozen=True)
class ProperNoun:
    """Something named: ``count`` mentions under all ``aliases``, and the ``sentences`` that hold them, in order."""

    name: str
    count: int
    aliases: tuple[str, ...]
    kind: NameKind
    sentences: tuple[str, ...]


@dataclass
class _Form:
    """One spelling of a name while counting: where it stood and what stood around it."""

    tokens: tuple[str, ...]
    count: int = 0
    sure: int = 0  # mentions where the capital was not owed to the start of a sentence
    articles: int = 0
    votes: Counter[str] = field(default_factory=Counter)
    places: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(self.tokens)


def proper_nouns(text: str) -> list[ProperNoun]:
    """The names in ``text``, most important first (mentions, then how early). Forms of one name are merged.

    Texts in scripts without capitals give fewer names: only what honorifics, labels and repetition show.
    """
    code = language(text)
    lines = list(_lines(text))
    if code in CASELESS:
        return [_noun(names, "person", lines, count) for names, count in caseless_names(text, lines, code)]
    forms = _count_forms(lines, code)
    groups = _merge([form for form in forms.values() if _is_name(form, code)], forms)
    ranked = sorted(groups, key=lambda group: (-sum(form.count for form in group), group[0].places[0]))
    return [_proper_noun(group, lines) for group in ranked]


def _lines(text: str) -> Iterator[str]:
    for block in blocks(text):
        if block.kind == "heading":
            continue
        if block.kind == "label" and re.match(r"(?:[A-ZÀ-Þ][\w.'’-]+\s){1,3}[A-ZÀ-Þ][\w'’-]+$", block.label):
            yield f"{block.label}: {block.text}"
        else:
            yield from ([block.text] if block.kind != "prose" else split_sentences(block.text))


def _noun(names: Sequence[str], kind: NameKind, lines: list[str], count: int) -> ProperNoun:
    holding = tuple(line for line in lines if any(name in line for name in names))
    return ProperNoun(names[0], count, tuple(names[1:]), kind, holding)


# --- counting ---------------------------------------------------------------------------------------------------


def _count_forms(lines: list[str], code: str) -> dict[tuple[str, ...], _Form]:
    """Every capitalised run of words, with the evidence that it is a name."""
    lower = Counter(word for line in lines for word in re.findall(r"[^\W\d_]+", line) if word.islower())
    forms: dict[tuple[str, ...], _Form] = {}
    for place, line in enumerate(lines):
        tokens = TOKEN.findall(line)
        shouting = _mostly_capitals(tokens)
        goes_on = SUBJECT.match(lines[place + 1]) if place + 1 < len(lines) else None
        for start, end in _runs(tokens, code, shouting):
            for left, right in _parts(tokens, start, end, lower, code):
                form = _note(forms, tokens, left, right, place, code)
                if form and left == 0 and goes_on:  # "Ada Hill runs a pub. She hates rain."
                    form.votes["person"] += 2
    return forms


def _mostly_capitals(tokens: list[str]) -> bool:
    words = [token for token in tokens if token[0].isalpha() and len(token) > 1]
    return len(words) > 3 and sum(word.isupper() for word in words) > len(words) / 2


def _runs(tokens: list[str], code: str, shouting: bool) -> Iterator[tuple[int, int]]:
    """[from, to) of runs of capitalised words, particles between them included."""
    place = 0
    while place < len(tokens):
        if not _capital(tokens[place], shouting):
            place += 1
            continue
        end = _run_end(tokens, place, code, shouting)
        yield place, end
        place = end


def _run_end(tokens: list[str], start: int, code: str, shouting: bool) -> int:
    end = start + 1
    while end < len(tokens) and not _owns(tokens, end):
        if tokens[end - 1].endswith(".") and not _is_title(tokens[end - 1]) and len(tokens[end - 1]) > 2:
            break
        if _capital(tokens[end], shouting):
            end += 1
            continue
        if _is_sign(tokens, start, end):
            end += 2
            continue
        reach = end
        while reach < len(tokens) and reach - end < 3 and _joins(tokens[reach], code):
            reach += 1
        if reach == end or reach >= len(tokens) or not _capital(tokens[reach], shouting):
            break
        end = reach + 1
    return end


def _owns(tokens: list[str], end: int) -> bool:
    """ "Galahad's" ends a name, but "Molloy's Diner" is one."""
    if not tokens[end - 1].endswith(("'s", "’s")):
        return False
    heads = word_list("places_are") | word_list("factions_are")
    return not (tokens[end][0].isupper() and tokens[end].lower() in heads)


def _is_sign(tokens: list[str], start: int, end: int) -> bool:
    """ "the Sparrow and Spoon": two single words with a capital each, under one article."""
    if end - start != 1 or tokens[end].lower() not in {"and", "&"} or not start or tokens[start - 1].lower() != "the":
        return False
    return tokens[end + 1 : end + 2] != [] and tokens[end + 1][0].isupper()


def _joins(token: str, code: str) -> bool:
    """Whether a lower-case word may stand inside a name."""
    if code == "de":
        return token in {"der", "des", "von", "zu", "zur", "zum", "vom"}
    if code == "en":
        return token in {"of", "the", "de", "la", "von", "van", "der", "du", "del", "ibn", "al"}
    return token in word_list("particles") and token not in {"y", "e"}


def _capital(token: str, shouting: bool) -> bool:
    if not token[0].isupper() or (shouting and token.rstrip(".").isupper()):
        return False
    return POSSESSIVE.sub("", token).rstrip(".").lower() not in {"i", "i'm", "i'll", "i've", "i'd", "i’m", "i’ll"}


def _is_title(token: str) -> bool:
    return token.rstrip(".").lower() in word_list("titles")


def _parts(tokens: list[str], start: int, end: int, lower: Counter[str], code: str) -> Iterator[tuple[int, int]]:
    """The run without what is no part of a name: an ordinary opening word, a leading particle, days and months."""
    opening = _opens_sentence(tokens, start)
    while start < end and (
        tokens[start].lower() in word_list("articles")
        or _ordinary(tokens[start], lower, code, opening and end - start > 1)
        or (tokens[start].lower() in word_list("particles") and start + 1 < end)
    ):
        start += 1
        while start < end and _joins(tokens[start], code):
            start += 1
        opening = False
    while end > start and _ordinary(tokens[end - 1], lower, code, False):
        end -= 1
    if start < end:
        yield from _split_of(tokens, _with_head(tokens, start, code), end)


def _with_head(tokens: list[str], start: int, code: str) -> int:
    """Where "rue des Granges" begins: Romance languages write the kind of place small."""
    reach = start
    while reach and start - reach < 2 and code in ROMANCE and tokens[reach - 1] in word_list("particles"):
        reach -= 1
    heads = word_list("places_are") | word_list("factions_are")
    return reach - 1 if 0 < reach < start and tokens[reach - 1] in heads else start


def _split_of(tokens: list[str], start: int, end: int) -> Iterator[tuple[int, int]]:
    """ "Captain Voss of the Meridian" is two names; "Order of the Ashen Vow" and "Elaine of Corbenic" are one."""
    words = [token.lower() for token in tokens[start:end]]
    if "of" in words[1:] and _is_title(tokens[start]) and "the" in words:
        cut = start + words.index("of")
        yield start, cut
        after = cut + 2 if tokens[cut + 1] == "the" else cut + 1
        yield after, end
        return
    yield start, end


def _ordinary(token: str, lower: Counter[str], code: str, opening: bool) -> bool:
    word = POSSESSIVE.sub("", token).rstrip(".").lower()
    if word in word_list("not_names") or (word in stop_words().get(code, ()) and word not in word_list("titles")):
        return True
    return opening and (word in word_list("starters") or lower[word] > 0) and not _is_title(token)


def _opens_sentence(tokens: list[str], place: int) -> bool:
    return place == 0 or (
        tokens[place - 1] in set("\"'“„«»‘([*—–-:;!?…¿¡.|/")
        and not (place > 1 and tokens[place - 1] in "'‘" and tokens[place - 2][0].isalpha())
    )


def _note(
    forms: dict[tuple[str, ...], _Form], tokens: list[str], start: int, end: int, place: int, code: str
) -> _Form | None:
    words = [*tokens[start : end - 1], POSSESSIVE.sub("", tokens[end - 1])]
    if not _is_title(words[-1]):
        words[-1] = words[-1].rstrip(".")
    if not any(len(word) > 1 for word in words):
        return None
    form = forms.setdefault(tuple(words), _Form(tuple(words)))
    form.count += 1
    form.places.append(place)
    opening = _opens_sentence(tokens, start)
    form.sure += not opening
    before = tokens[start - 1].lower() if start else ""
    form.articles += before in (
        (word_list("german_determiners") | word_list("articles")) if code == "de" else word_list("articles")
    )
    _vote(form, tokens, start, end)
    return form


def _vote(form: _Form, tokens: list[str], start: int, end: int) -> None:
    """What the words around say: a verb of speech makes a person, a preposition of place a place."""
    before = [token.lower() for token in tokens[max(0, start - 2) : start]]
    after = [token.lower() for token in tokens[end : end + 2]]
    if after and (after[0] in word_list("persons_do") or after[-1] in word_list("persons_do")):
        form.votes["person"] += 2
    if POSSESSIVE.search(tokens[end - 1]) and not before:
        form.votes["person"] += 1
    if len(after) == 2 and after[0] in word_list("copulas") and (after[1] in word_list("articles") or after[0] == "—"):
        form.votes[_predicate(tokens[end + 1 : end + 7])] += 2
    if after and after[0] in word_list("objects"):
        form.votes["order"] += 1
    if after and after[0] in word_list("factions_are"):
        form.votes["faction"] += 2
    if before and any(
        word in {"he", "she", "his", "her", "him", "er", "sie", "il", "elle", "él", "ella"}
        for word in tokens[end : end + 8]
    ):
        form.votes["person"] += 1
    if before and before[-1] in word_list("places_are"):
        form.votes["place"] += 3
    if before and before[-1] in word_list("kin"):
        form.votes["person"] += 2
    if len(before) > 1 and before[-1] in {"of", "de", "von", "di"} and before[-2] in word_list("places_are"):
        form.votes["place"] += 4
    if not before and after and re.fullmatch(r"[a-z]{3,}(?:s|ed)", after[0]):
        form.votes["person"] += 1
    near = before[-1:] if before and before[-1] not in word_list("articles") else before[:1]
    if near and near[0] in word_list("place_prepositions"):
        form.votes["place"] += 1 + (near[0] in {"in", "en", "à", "nach", "at", "near"})


def _predicate(tokens: list[str]) -> str:
    """What "is a ..." makes of its subject: "is a harbour city" a place, "is a knight" a person."""
    words = [token.lower() for token in tokens]
    if any(word in word_list("places_are") for word in words[1:4]):
        return "place"
    if any(word in word_list("things_are") for word in words[1:4]):
        return "thing"
    return "faction" if any(word in word_list("factions_are") for word in words[1:4]) else "person"


# --- deciding ---------------------------------------------------------------------------------------------------


def _is_name(form: _Form, code: str) -> bool:
    first = form.tokens[0].rstrip(".").lower()
    if len(form.tokens) == 1 and (first in word_list("starters") or first in word_list("titles")):
        return form.sure > 1 and first not in word_list("starters") and code != "de" and not form.articles
    if code == "de":
        return _is_german_name(form)
    return _is_plain_name(form, first)


def _is_plain_name(form: _Form, first: str) -> bool:
    if len(form.tokens) == 1 and form.count == 1 and not form.articles and _kind_by_head(first):
        return False
    if form.sure or len(form.tokens) > 1 or form.votes["order"] > form.votes["person"]:
        return bool(form.sure or len(form.tokens) > 1)
    # A single word that only ever opens sentences: somebody who does something, or something met again and again.
    return bool(form.votes["person"]) or form.count > 2 or (form.count > 1 and not first.endswith(("ing", "ly", "s")))


def _is_german_name(form: _Form) -> bool:
    """German writes every noun with a capital: ask for more than that."""
    words = [word.lower() for word in form.tokens]
    heads = word_list("factions_are") | word_list("places_are") | word_list("things_are") | word_list("events_are")
    titled = len(words) > 1 and words[0] in word_list("titles")
    # "Orden der Stillen Hand"
    if titled or (len(words) > 2 and words[0] in heads and words[1] in {"der", "des", "von", "vom"}):
        return True
    if form.articles * 3 > form.count or any(GERMAN_NOUN.search(word) for word in words):
        return False
    shown = form.votes["person"] > 0 or form.votes["place"] > 0 or form.count > 2
    return len(words) > 1 or (shown and words[-1] not in heads)


def _merge(names: list[_Form], forms: dict[tuple[str, ...], _Form]) -> list[list[_Form]]:
    """Groups of forms that name the same: "Captain Mara Voss", "Mara", "Voss". The fullest form stands first."""
    ordered = sorted(names, key=lambda form: (-len(_core(form.tokens)), -len(form.tokens), -form.count, form.places[0]))
    groups = _Groups()
    shared: list[_Form] = []
    for form in ordered:
        homes = groups.homes(form)
        if len(homes) > 1:
            shared.append(form)
        else:
            groups.add(form, homes[0] if homes else None)
    # "Miss Corvane" of two who are called so is the one who is named more often, once all their names are known.
    for form in shared:
        groups.add(form, max(groups.homes(form), key=lambda group: sum(other.count for other in group)))
    _adopt_bare(groups.all, forms)
    return groups.all


class _Groups:
    """Groups of forms, found by their words: a short form shares at least one with the full one."""

    def __init__(self) -> None:
        self.all: list[list[_Form]] = []
        self._by_word: dict[str, dict[int, list[_Form]]] = defaultdict(dict)

    def add(self, form: _Form, group: list[_Form] | None) -> None:
        """Put a form into a group, or into one of its own."""
        if group is None:
            group = []
            self.all.append(group)
        group.append(form)
        for word in _folded(_core(form.tokens)):
            self._by_word[word][id(group)] = group

    def homes(self, form: _Form) -> list[list[_Form]]:
        """Return the groups that the form may belong to."""
        words = _folded(_core(form.tokens))
        near = {place: group for word in words for place, group in self._by_word.get(word, {}).items()}
        fitting = [group for group in near.values() if any(_is_short_for(form.tokens, each.tokens) for each in group)]
        return [group for group in fitting if form.tokens[0] in group[0].tokens] or fitting


def _adopt_bare(groups: list[list[_Form]], forms: dict[tuple[str, ...], _Form]) -> None:
    """A first or last name that alone would not have passed for a name ("Rose") belongs to its full form."""
    known = {form.tokens for group in groups for form in group}
    for group in groups:
        core = _core(group[0].tokens)
        if len(core) < 2 or "of" in core or _kind(group) not in {"person", "unknown"}:
            continue
        for word in (core[0], core[-1]):
            form = forms.get((word,))
            if form and form.tokens not in known and word.lower() not in word_list("particles"):
                group.append(form)
                known.add(form.tokens)


def _core(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The tokens behind the titles: "Mara", "Voss" of "Captain Mara Voss"."""
    start = 0
    while start < len(tokens) - 1 and _is_title(tokens[start]) and not _joins(tokens[start + 1], "en"):
        start += 1
    return tokens[start:]


def _is_short_for(short: tuple[str, ...], full: tuple[str, ...]) -> bool:
    part, whole = _folded(_core(short)), _folded(_core(full))
    if part == whole or len(part) >= len(whole):
        return part == whole
    joints = [place for place, word in enumerate(whole) if word in word_list("particles")]
    if len(part) > 1:
        found = any(whole[place : place + len(part)] == part for place in range(len(whole)))
        if not joints and whole[-1] not in word_list("places_are") | word_list("factions_are"):
            # "Mara Voss" is Mara Ilse Voss; "Ilse Voss" may be her mother.
            return part[0] == whole[0] and (part[-1] == whole[-1] or whole[: len(part)] == part)
        # "Ashen Vow" is the Order of it; "Karst" in "Duke of Karst" is another thing.
        return found and (not joints or whole[: len(part)] == part or len(whole) - joints[-1] - 1 == len(part))
    if joints:
        return part[0] == whole[0]
    heads = word_list("places_are") | word_list("factions_are") | word_list("things_are") | word_list("events_are")
    if whole[-1] in heads:
        return part[0] == whole[-1]
    return part[0] in (whole[0], whole[-1])


def _folded(tokens: Iterable[str]) -> tuple[str, ...]:
    return tuple(token.rstrip(".").casefold() for token in tokens)


def _proper_noun(group: list[_Form], lines: list[str]) -> ProperNoun:
    main = _fullest(group)
    kind = _kind(group)
    places = sorted({place for form in group for place in form.places})
    aliases = tuple(dict.fromkeys(form.text for form in group if form.text != main.text))
    return ProperNoun(
        name=main.text,
        count=sum(form.count for form in group),
        aliases=aliases,
        kind=kind,
        sentences=tuple(lines[place] for place in places),
    )


def _fullest(group: list[_Form]) -> _Form:
    """The longest form, but "Elaine" rather than "Elaine of Corbenic" where the short one is the usual one."""
    full = group[0]
    if "of" in full.tokens and _kind(group) == "person":
        shorter = [form for form in group if form.count > full.count and "of" not in form.tokens]
        return max(shorter, key=lambda form: (len(form.tokens), form.count), default=full)
    same = [form for form in group if _core(form.tokens) == _core(full.tokens)]
    return max(same, key=lambda form: (len(form.tokens), form.count))


def _kind(group: list[_Form]) -> NameKind:
    votes: Counter[str] = Counter()
    for form in group:
        votes.update(form.votes)
    words = _folded(group[0].tokens)
    articles = sum(form.articles for form in group)
    titled = any(_is_title(form.tokens[0]) and len(form.tokens) > 1 for form in group)
    # "Ada Hill", who does what people do, and where nobody ever is.
    surname = len(words) == 2 and words[1] in word_list("surnames_too") and votes["person"] > 1 and not votes["place"]
    if (titled and votes["place"] < 3 and (votes["person"] or not articles)) or (surname and not articles):
        return "person"
    head = words[0] if len(words) > 1 and any(word in word_list("particles") for word in words) else words[-1]
    by_head = _kind_by_head(head) or (_kind_by_head(words[0]) if len(words) > 1 else None)
    if votes["faction"] > votes["person"]:
        by_head, articles = "faction", max(articles, 1)
    if by_head and (articles or len(words) > 1):
        return by_head
    count = sum(form.count for form in group)
    if votes["person"] and votes["person"] >= votes["place"] and articles * 2 <= count:
        return "person"
    if articles * 2 > count:
        return "faction" if words[-1].endswith("s") and not votes["place"] else _place_or(votes, 2, "thing")
    if len(_core(group[0].tokens)) == 2 and not articles and votes["place"] < 2 and "of" not in words:
        return "person"
    return _place_or(votes, 1, "unknown")


def _place_or(votes: Counter[str], enough: int, other: NameKind) -> NameKind:
    return "place" if votes["place"] >= enough else other


def _kind_by_head(head: str) -> NameKind | None:
    for listing, kind in _KINDS:
        if head in word_list(listing):
            return kind
    return None


_KINDS: tuple[tuple[str, NameKind], ...] = (
    ("factions_are", "faction"),
    ("places_are", "place"),
    ("things_are", "thing"),
    ("events_are", "thing"),
)
