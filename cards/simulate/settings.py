"""How a front end is set, and what was said: what a simulation starts from."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cards.card import Book, Number
from cards.errors import CardError

MOST_DEPTH = 1_000  # messages: SillyTavern looks no further back
MOST_NAME = 200  # characters
MOST_CHARACTERS = 4_000_000  # of all messages together
TRIGGERS = ("normal", "continue", "impersonate", "swipe", "regenerate", "quiet")

_HUGE = 1e15
_USER = re.compile(r"\{\{user\}\}|<USER>", re.IGNORECASE)
_CHAR = re.compile(r"\{\{char\}\}|<(?:BOT|CHAR)>", re.IGNORECASE)


@dataclass(frozen=True)
class Message:
    """One message of a chat: who speaks ("" for nobody named) and what."""

    name: str
    text: str


@dataclass(frozen=True)
class Effect:
    """An entry that stays on, or may not fire, until the chat has ``end`` messages; ``entry`` is its place in the book.

    ``protected`` is a cooldown that began when the entry's stay ended: it holds though the chat has not grown.
    """

    kind: Literal["sticky", "cooldown"]
    entry: int
    start: int
    end: int
    protected: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The effect as JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings that decide which entries fire; the defaults are those that SillyTavern is installed with.

    ``scan_depth`` (messages, 0: none), ``token_budget`` and ``recursive`` are what the caller wants. Where they are
    None, the book's own ``scan_depth``, ``token_budget`` and ``recursive_scanning`` count, and where it has none,
    SillyTavern's: 2 messages, ``budget_percent`` of ``context`` less ``reply`` (tokens), recursive. SillyTavern itself
    never reads these three from a card: with ``follow_book`` False they are left out of account here too.

    ``budget_cap`` (tokens), ``max_recursion_steps``, ``min_activations`` (entries) and ``min_activations_depth``
    (messages) are off at 0; steps and least activations exclude each other. ``chances`` "expected": every roll of an
    entry's probability succeeds unless that is 0, and the heaviest of an inclusion group wins; "roll": dice are thrown
    that depend on ``seed`` and the entry only. ``char`` "" is the card's name. ``persona`` is the user's description,
    ``trigger`` the kind of generation. ``effects`` are what an earlier simulation of the same chat left behind.
    """

    scan_depth: int | None = None
    token_budget: int | None = None
    recursive: bool | None = None
    context: int = 8_192
    reply: int = 350
    budget_percent: float = 25
    budget_cap: int = 0
    case_sensitive: bool = False
    match_whole_words: bool = True
    use_group_scoring: bool = False
    include_names: bool = True
    max_recursion_steps: int = 0
    min_activations: int = 0
    min_activations_depth: int = 0
    chances: Literal["expected", "roll"] = "expected"
    seed: int = 0
    user: str = "User"
    char: str = ""
    persona: str = ""
    trigger: str = "normal"
    follow_book: bool = True
    effects: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no front end could be set to. CardError names the setting."""
        amounts = ("scan_depth", "context", "reply", "budget_percent", "budget_cap")
        for name in (*amounts, "token_budget", "max_recursion_steps", "min_activations", "min_activations_depth"):
            if (getattr(self, name) or 0) < 0:
                raise CardError(f"{name} is below 0: give 0 or more")
        if self.max_recursion_steps and self.min_activations:
            raise CardError("max_recursion_steps and min_activations exclude each other: set one of them to 0")
        if self.chances not in ("expected", "roll"):
            raise CardError(f"chances {self.chances!r:.40} is not known: use expected or roll")
        if self.trigger not in TRIGGERS:
            raise CardError(f"trigger {self.trigger!r:.40} is not known: use one of {', '.join(TRIGGERS)}")

    def depth_for(self, book: Book) -> int:
        """How many messages are scanned."""
        own = _sane(book.scan_depth) if self.follow_book else None
        depth = self.scan_depth if self.scan_depth is not None else 2 if own is None else int(own)
        return max(0, min(depth, MOST_DEPTH))

    def budget_for(self, book: Book) -> int:
        """The budget in tokens; entries are cut where they reach it."""
        own = _sane(book.token_budget) if self.follow_book else None
        if self.token_budget is not None or own is not None:
            return int(self.token_budget if self.token_budget is not None else own or 0)
        budget = int(self.budget_percent * max(0, self.context - self.reply) / 100 + 0.5) or 1
        return min(budget, self.budget_cap) if self.budget_cap else budget

    def recursive_for(self, book: Book) -> bool:
        """Whether what fired is scanned too."""
        own = book.recursive_scanning if self.follow_book else None
        return self.recursive if self.recursive is not None else True if own is None else own


def _sane(value: Number | None) -> Number | None:
    """A book's own figure, None where it is none that can be meant."""
    return value if value is not None and 0 <= value < _HUGE else None


def expand(text: str, char: str, user: str) -> str:
    """The text with the names for ``{{char}}`` and ``{{user}}``; a name that is not known ("") leaves the macro.

    Of a name no more than 200 characters: a long one in a text of macros would take all memory.
    """
    if "{{" not in text and "<" not in text:
        return text
    char, user = char[:MOST_NAME], user[:MOST_NAME]
    if char:
        text = _CHAR.sub(lambda _: char, text)
    return _USER.sub(lambda _: user, text) if user else text
