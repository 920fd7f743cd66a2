"""What a lorebook is written from, and what is asked of it: the card, the source, the options that matter here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cards.card import Card
from cards.text import estimate_tokens, language
from providers.base import Sampling
from tasks import prompts
from tasks.lore.shapes import CATEGORIES
from tasks.work import Work
from tasks.writing.languages import code_of
from tasks.writing.read import CONTEXT

# Options that the writer of entries is told, in the words of the profile (`say_<option>`, `say_<option>_<choice>`).
SAID = ("language", "genre", "setting", "avoid", "instructions")
CHOICES = ("rating", "grounding")
PROMPT = 900  # tokens of a prompt beside source and card: system text, rules, list of subjects
LEAST_ROOM = 200  # tokens of source that go into any prompt
QUOTED = re.compile(r"['\"‘’“”]([^'\"‘’“”]{2,})['\"‘’“”]")  # a name by which somebody goes, within the full one
CARD_SHARE = 4  # the card takes at most one part in so many of what is left beside the answer


@dataclass(frozen=True)
class Task:
    """One book to write. ``shared``: its questions are the same for all cards of the batch that have this source.

    ``existing`` is how many entries there are already, ``answer`` the cap of an answer in tokens, ``code`` the language
    that entries are written in (ISO 639-1). ``strict``: nothing that neither source nor card says. ``whole``: the
    writer is no language model and writes all entries at one go.
    """

    card: Card
    source: str = field(repr=False)
    shared: bool
    whole: bool
    existing: int
    most: int
    per_call: int
    words: int
    categories: tuple[str, ...]
    constants: int
    token_budget: int
    scan_depth: int
    recursive: bool
    strict: bool
    repairs: int
    context: int
    chunk: int
    answer: int
    wishes: str
    code: str

    @classmethod
    def of(cls, work: Work, card: Card) -> Task:
        """Return the task that a request sets."""
        whole = work.provider.whole
        existing = len(card.book.entries) if card.book else 0
        known = int(work.option("context_tokens") or work.context_tokens or 0)
        asked = int(work.option("lorebook_max_tokens"))
        return cls(
            card=card,
            source=work.source,
            shared=bool(work.claim.request.get("roster")) and work.option("shared_book") is not False and not whole,
            whole=whole,
            existing=existing,
            most=int(work.option("lorebook_entries") or 0),
            per_call=int(work.option("entries_per_call") or 4),
            words=int(work.option("entry_words") or 80),
            categories=tuple(work.option("categories") or CATEGORIES),
            constants=int(work.option("constants") or 0),
            token_budget=int(work.option("token_budget")),
            scan_depth=int(work.option("scan_depth")),
            recursive=bool(work.option("recursive_scanning")),
            strict=work.option("grounding") != "free",
            repairs=0 if whole else int(work.option("repairs") or 0),
            context=known or CONTEXT,
            chunk=int(work.option("chunk_tokens")),
            answer=min(asked, known // 2) if known else asked,
            wishes=wishes(work),
            code=code_of(work.option("language")) or language(work.source),
        )

    @property
    def left(self) -> int:
        """How many entries may be added."""
        return max(0, self.most - self.existing)

    @property
    def own(self) -> tuple[str, ...]:
        """What the character is called; "Leo" and "Leonora Castellane" too, of Leonora 'Leo' Castellane."""
        quoted = QUOTED.findall(self.card.name)
        plain = " ".join(QUOTED.sub(" ", self.card.name).split())
        return tuple(
            name for name in dict.fromkeys((self.card.name, plain, *quoted, self.card.nickname)) if name.strip()
        )

    def sampling(self, work: Work, *, analysis: bool = False) -> Sampling:
        """Return how to ask: as the options say, but with no larger cap than a small context has room for."""
        return replace(work.sampling("lorebook_max_tokens", analysis=analysis), max_tokens=self.answer)

    def room(self, shown: Sequence[str] = ()) -> int:
        """Return how many tokens of source a prompt may hold, beside the answer and what else it shows."""
        left = self.context - min(self.answer, self.context // 2) - PROMPT - sum(map(estimate_tokens, shown))
        return max(LEAST_ROOM, min(self.chunk, left))

    def card_room(self) -> int:
        """Return how many tokens of the card a prompt may hold."""
        return (self.context - min(self.answer, self.context // 2)) // CARD_SHARE


def wishes(work: Work) -> str:
    """Return the lines that tell the writer of entries what was asked for."""
    templates: Mapping[str, str] = work.claim.prompts
    lines = [
        prompts.fill(templates, f"say_{name}", {"value": _listed(value)})
        for name in SAID
        if (value := work.option(name))
    ]
    lines += [prompts.fill(templates, f"say_{name}_{value}", {}) for name in CHOICES if (value := work.option(name))]
    return "\n".join(f"- {line}" for line in lines)


def _listed(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
