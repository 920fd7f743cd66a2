"""Subjects for a lorebook, found in code: what source and card name, without the character itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from cards.card import Card
from cards.rules import LIMITS
from cards.rules.keys import common_words
from cards.rules.wording import count_words
from cards.simulate.settings import expand
from cards.text import ProperNoun, language, proper_nouns
from cards.text_blocks import stop_words, word_list
from tasks.lore.passages import Span, find_mentions
from tasks.lore.same import Named, covers, groups, is_person
from tasks.lore.shapes import CATEGORIES

OFTEN = int(LIMITS["book"]["mentions"])  # mentions from which a name ought to have an entry (B08)
MOST_COMPARED = 200  # names that are looked at for being the same, most important first
LONGEST_NAME = 60  # characters
READ = 1_000_000  # characters of the source that names are looked for in
PREMISE = "Premise"
PREMISE_WORDS = 40  # of a source that says enough for one
PREMISE_FROM = 3  # entries of a book that is to have one
CATEGORY_OF = {"person": "person", "place": "place", "faction": "faction", "thing": "thing"}
_TWO_SENTENCES = re.compile(r"[.!?]\s")
_PARTICLES = re.compile(r"^[\u3041-\u309f]{2,}(?=[\u30a0-\u9fff])")  # hiragana that leads up to a Japanese name
_SHOWN = ("description", "personality", "scenario", "first_mes", "alternate_greetings", "mes_example")


@dataclass(frozen=True)
class Candidate(Named):
    """A subject that may get an entry. ``spans`` are its mentions in the source, [start, end) in characters.

    ``fields`` are those of the card that name it. ``premise``: what the world is, the one entry that is always on.
    """

    spans: tuple[Span, ...] = ()
    fields: tuple[str, ...] = ()
    premise: bool = False

    @property
    def category(self) -> str:
        """What its kind makes it, "" where that is not told."""
        return "world" if self.premise else CATEGORY_OF.get(self.kind, "")


def find_candidates(
    source: str, card: Card | None, *, own: Sequence[str] = (), known: Collection[Named] = ()
) -> list[Candidate]:
    """Return what source and card name, most important first: named often (B08), then by mentions and place.

    Without a card only the source counts, so that all cards of one source get the same. Left out: the person of the
    ``own`` names, and subjects ``known`` to have an entry.
    """
    told = shown(card) if card else {}
    nouns = _nouns(source[:READ]) + _nouns("\n\n".join(told.values()))
    named = [Named(noun.name, noun.aliases, noun.kind, noun.count) for noun in nouns][:MOST_COMPARED]
    found = [_merged([named[place] for place in group], source, told) for group in groups(named)]
    kept = [one for one in found if one.mentions and not is_person(one, own) and not covers(known, one)]
    order = {one.name: place for place, one in enumerate(kept)}
    return sorted(kept, key=lambda one: (one.mentions < OFTEN, -one.mentions, order[one.name]))


def shown(card: Card) -> dict[str, str]:
    """Return the texts of a card that can name something, the character's name put in."""
    texts: dict[str, str] = {}
    for field in _SHOWN:
        value = getattr(card, field)
        text = "\n\n".join(value) if isinstance(value, tuple) else value
        texts[field] = expand(text, card.name, "")
    return {field: text for field, text in texts.items() if text.strip()}


def _nouns(text: str) -> list[ProperNoun]:
    """Return the names of a text that are surely names. German writes every noun like one."""
    code = language(text)
    common = common_words(code) | word_list("titles")
    small = stop_words().get(code, frozenset()) - word_list("titles")
    found = (replace(noun, name=_without_lead(noun.name, small)) for noun in proper_nouns(text))
    return [
        noun
        for noun in found
        if len(noun.name) <= LONGEST_NAME
        and not _TWO_SENTENCES.search(noun.name)
        and noun.name.casefold().rstrip(".") not in common
        and (code != "de" or noun.kind in ("person", "place"))
    ]


def _without_lead(name: str, small: Collection[str]) -> str:
    """Return a name without the small words that opened its sentence: "Did the Halloran Combine" is that Combine."""
    first, _, rest = name.partition(" ")
    return _without_lead(rest, small) if rest and first.casefold() in small else _PARTICLES.sub("", name)


def _merged(group: Sequence[Named], source: str, told: dict[str, str]) -> Candidate:
    """Return one subject of several that mean the same: the fullest name, all others as aliases."""
    main = max(group, key=lambda one: (len(one.name.split()), one.mentions))
    forms = dict.fromkeys(form for one in (main, *group) for form in one.forms)
    kind = next((one.kind for one in (main, *group) if one.kind != "unknown"), "unknown")
    one = Candidate(main.name, tuple(form for form in forms if form != main.name), kind)
    return located(one, source, told)


def located(one: Candidate, source: str, told: dict[str, str]) -> Candidate:
    """Return the subject with its mentions in the source and in the texts of a card."""
    spans = find_mentions(source, one.forms)
    counts = {field: len(find_mentions(text, one.forms)) for field, text in told.items()}
    fields = tuple(field for field, count in counts.items() if count)
    return replace(one, mentions=len(spans) + sum(counts.values()), spans=tuple(spans), fields=fields)


def chosen(found: Sequence[Candidate], most: int, categories: Sequence[str] | None) -> list[Candidate]:
    """Return the subjects to write about, at most so many: those of the kinds that are asked for first.

    What kind a name is of is a guess from the words around it: the others fill what is left, and the writer, who reads
    the passages, leaves out what is of another kind.
    """
    allowed = set(categories or CATEGORIES)
    fitting = sorted(found, key=lambda one: bool(one.category) and one.category not in allowed)
    return fitting[: max(0, most)]


def premise_of(source: str, most: int, constants: int, categories: Sequence[str] | None) -> list[Candidate]:
    """Return the subject for what the world is, where the book is to have one and the source says enough for it."""
    wanted = constants > 0 and most >= PREMISE_FROM and (not categories or "world" in categories)
    enough = count_words(source[:READ]) >= PREMISE_WORDS
    return [Candidate(PREMISE, premise=True)] if wanted and enough else []
