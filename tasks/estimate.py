"""What a generation will take, before it runs: which calls, how many tokens, what they cost. Pure.

options, source -> stages (the table `STAGES`) -> questions, tokens read and written -> at a price: dollars

``low`` lies below every run that ends well, ``max`` above every run that the options allow: each question asked again
as often as it may be, each answer as long as its cap. Whoever changes the pipeline changes the table, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from cards.rules import LIMITS
from models.rates import Rates
from tasks.remedy import MOST_CAP, RAISES
from tasks.writing.read import CONTEXT
from tasks.writing.read import PROMPT as ROOM_FOR_RULES

# Beside the times that the option `reasks` allows: an answer that ran into its cap is asked for once more, with twice
# the cap. What other failed tries are charged for is less than that.
RAISED = 1
QUOTED_TOKENS = 4000  # of a wrong answer and its faults, shown to the model when it is asked again
REPAIRED = 1  # fields that are sent back, as a rule
MOST_REPAIRED = 6  # fields that can be faulty beside greetings
FACT_TOKENS = 130  # of the longest fact
FEWEST_A_WORD, USUAL_A_WORD = 0.3, 1.4  # tokens; the fewest, since writers keep short of what they were asked for
STEP = 1.05  # of lengths that are taken for the same
SCHEMA_TOKENS = 700  # of the shape of an answer, where a server counts it or it stands in the prompt
# The share of an answer's cap that reasoning takes by its effort (OpenRouter's reference).
REASONING = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8}


class Range(NamedTuple):
    """At least, expected, at most; whole numbers."""

    low: int
    expected: int
    max: int

    def plus(self, other: Range) -> Range:
        """Return the sum."""
        return Range(self.low + other.low, self.expected + other.expected, self.max + other.max)

    def times(self, other: Range) -> Range:
        """Return the product."""
        return Range(self.low * other.low, self.expected * other.expected, self.max * other.max)


NONE = Range(0, 0, 0)
ONE = Range(1, 1, 1)


@dataclass(frozen=True)
class Asked:
    """One generation as its plan sees it. ``shared``: an item before it in the batch puts the same questions.

    ``rules`` are the tokens of system text, template and wishes in a prompt; ``context`` is what the model can read,
    ``output_cap`` what it can write, where that is known. ``size`` is that of the roster; 1: none.
    """

    option: Callable[[str], Any] = field(repr=False)
    source: Range
    rules: Range
    existing: Range = NONE
    size: int = 1
    shared: bool = False
    whole: bool = False
    context: int | None = None
    output_cap: int | None = None

    def number(self, name: str) -> int:
        """Return an option that is a count; 0 where it is not set."""
        return int(self.option(name) or 0)

    @property
    def staged(self) -> bool:
        """Whether the card is written part by part."""
        return not self.whole and self.option("passes") != "one"

    @cached_property
    def parts(self) -> Range:
        """In how many parts the source is read for facts; none where facts are not gathered."""
        wanted, chunk = self.option("facts"), self.number("chunk_tokens") or 6000
        if self.whole or wanted == "never":
            return NONE
        low, expected, most = (math.ceil(tokens / chunk) for tokens in self.source)
        if wanted != "always":
            low, expected, most = (parts if parts > 1 else 0 for parts in (low, expected, 2 * most - 1))
        return Range(low, expected, max(most, expected) * 2)  # parts end between paragraphs, and may be shorter

    @cached_property
    def shown(self) -> Range:
        """How much of the source stands in a prompt, facts from it included."""
        if self.whole:
            return self.source
        context = self.number("context_tokens") or self.context or CONTEXT
        room = context - self.number("max_tokens") - ROOM_FOR_RULES
        room = max(500, min(room, self.number("chunk_tokens") or 6000))
        facts = self.number("most_facts") if self.parts.max else 0
        low, expected, most = self.source
        usual = min(facts, 40) * 30 if self.parts.expected else 0
        return Range(min(low, room // 2), min(expected, room) + usual, min(most, 2 * room) + facts * FACT_TOKENS)


@dataclass(frozen=True)
class Stage:
    """One kind of question: how many, what each reads beside the rules, what each answers, under which cap."""

    purpose: str
    questions: Callable[[Asked], Range]
    reads: Callable[[Asked], Range]
    writes: Callable[[Asked], Range]
    cap: str = "max_tokens"
    analysis: bool = False
    once: Callable[[Asked], bool] = lambda asked: False  # asked once for all cards of a batch from one source
    reasked: bool = True


def _variants(asked: Asked) -> Range:
    count = max(1, asked.number("variants"))
    return Range(count, count, count)


def _staged(asked: Asked) -> Range:
    return _variants(asked) if asked.staged else NONE


def _planned(asked: Asked) -> Range:
    return _staged(asked) if asked.option("plan") else NONE


def _not_kept(*names: str) -> Callable[[Asked], Range]:
    """Return the questions of a stage that is left out when all of its fields stay as they are."""

    def questions(asked: Asked) -> Range:
        kept = set(asked.option("keep") or ()) if asked.existing.max else set()
        return NONE if kept >= set(names) else _staged(asked)

    return questions


def _at_one_go(asked: Asked) -> Range:
    return NONE if asked.staged else _variants(asked)


def _roster(asked: Asked) -> Range:
    return Range(1, 1, 2) if asked.size > 1 and not asked.whole else NONE


def _repairs(asked: Asked) -> Range:
    rounds = asked.number("repairs")
    greetings = asked.number("alternate_greetings") + asked.number("group_greetings")
    expected = REPAIRED if rounds else 0
    return Range(0, expected, rounds * (MOST_REPAIRED + greetings)).times(_variants(asked))


def _entries(asked: Asked) -> Range:
    """Return how many entries the lorebook gets: no more than the source has to tell of."""
    if asked.option("include_book") is False:
        return NONE
    most = asked.number("lorebook_entries")
    return Range(0, min(most, 2 + asked.source.expected // 60), most)


def _groups(asked: Asked) -> Range:
    """Return the calls for entries; a group whose answer is cut short is asked for in halves."""
    entries = _entries(asked)
    size = max(1, entries.max if asked.whole else asked.number("entries_per_call"))
    return Range(0, math.ceil(entries.expected / size), 2 * math.ceil(entries.max / size))


def _subjects(asked: Asked) -> Range:
    entries = _entries(asked)
    return Range(0, int(entries.expected < entries.max), min(1, entries.max)) if not asked.whole else NONE


def _entry_repairs(asked: Asked) -> Range:
    most = _entries(asked).max if asked.number("repairs") and not asked.whole else 0
    return Range(0, min(1, most), most)


def _source(asked: Asked) -> Range:
    return asked.shown.plus(asked.existing)


def _behind(expected: int, most: int) -> Callable[[Asked], Range]:
    """Return what a stage reads that is told what was written before it: so many tokens more."""
    return lambda asked: _source(asked).plus(Range(0, expected, most))


def _part(asked: Asked) -> Range:
    chunk = asked.number("chunk_tokens") or 6000
    return Range(min(asked.source.low, chunk // 4), min(asked.source.expected, chunk), min(asked.source.max, 2 * chunk))


def _passages(asked: Asked) -> Range:
    """Return what the questions for entries read: the passages that name the subjects, and the card."""
    return Range(0, min(asked.source.expected, 1500) + 600, asked.shown.max + asked.existing.max + 4000)


def _words(asked: Asked, name: str, by: str) -> Range:
    """Return the tokens of a field by its length in words: as asked for, by preset, or as the profile has it."""
    length = asked.option("length")
    preset = asked.option("words") or {} if length in (None, "any") else LIMITS["lengths"][length]
    words = asked.option(by)
    low, high = (words, words) if words else preset.get(name, (60, 200))
    return Range(int(low * FEWEST_A_WORD), int((low + high) / 2 * USUAL_A_WORD), 0)


def _core(asked: Asked) -> Range:
    extra = 100 * bool(asked.option("system_prompt")) + 60 * bool(asked.option("post_history_instructions"))
    fields = (("description", "description_words"), ("personality", "personality_words"))
    tokens = Range(10, 140 + 3 * asked.number("tag_count") + extra, 0)
    for name, by in (*fields, ("scenario", "scenario_words")):
        tokens = tokens.plus(_words(asked, name, by))
    return tokens if not asked.existing.max else tokens._replace(low=5)


def _greetings(asked: Asked) -> Range:
    count = 1 + asked.number("alternate_greetings") + asked.number("group_greetings")
    each = _words(asked, "first_mes", "greeting_words")
    return Range(each.low, each.expected * count + 20, 0)


def _examples(asked: Asked) -> Range:
    blocks = asked.number("example_blocks") or 2
    return Range(15, 110 * blocks, 0)


def _all_fields(asked: Asked) -> Range:
    return _core(asked).plus(_greetings(asked)).plus(_examples(asked))


def _answer_entries(asked: Asked) -> Range:
    count = min(max(1, asked.number("entries_per_call")), max(1, _entries(asked).expected))
    return Range(10, int(count * ((asked.number("entry_words") or 80) * USUAL_A_WORD + 45)), 0)


def _always(_: Asked) -> bool:
    return True


def _one_book(asked: Asked) -> bool:
    return asked.size > 1 and bool(asked.option("shared_book"))


def _about(low: int, expected: int) -> Callable[[Asked], Range]:
    return lambda asked: Range(low, expected, 0)


# In the order of the pipeline. ``writes`` says nothing of the most: that is the cap.
STAGES = (
    Stage("extract_facts", lambda a: a.parts, _part, _about(10, 900), analysis=True, once=_always),
    Stage("plan_roster", _roster, _source, lambda a: Range(10, 70 * a.size, 0), analysis=True, once=_always),
    Stage("plan_card", _planned, _source, _about(30, 420)),
    Stage("write_core", _not_kept("description", "personality", "scenario"), _behind(350, 2000), _core),
    Stage("write_greetings", _not_kept("first_mes", "alternate_greetings"), _behind(1000, 6000), _greetings),
    Stage("write_examples", _not_kept("mes_example"), _behind(1600, 10_000), _examples),
    Stage("write_card", _at_one_go, _source, _all_fields),
    Stage("repair_field", _repairs, _behind(1800, 12_000), _about(10, 350)),
    Stage(
        "propose_subjects",
        _subjects,
        _passages,
        _about(0, 200),
        cap="lorebook_max_tokens",
        analysis=True,
        once=_one_book,
        reasked=False,
    ),
    Stage("write_entries", _groups, _passages, _answer_entries, cap="lorebook_max_tokens", once=_one_book),
    Stage("repair_entry", _entry_repairs, _passages, _about(10, 180), cap="lorebook_max_tokens", once=_one_book),
)


@dataclass(frozen=True)
class Learned:
    """What the ledger knows of one kind of call: tokens of an answer, and how many calls a job makes, on average."""

    writes: float
    calls: float


@dataclass(frozen=True)
class Take:
    """What one stage of a generation takes: calls, and tokens in all of them. ``call``: the most of a single call."""

    purpose: str
    analysis: bool
    calls: Range
    prompt: Range
    completion: Range
    call: tuple[int, int]

    @property
    def tokens(self) -> Range:
        """Read and written."""
        return self.prompt.plus(self.completion)


def plan(asked: Asked, learned: Mapping[str, Learned] | None = None) -> list[Take]:
    """Return what each stage of a generation takes; stages that it has not are left out."""
    takes = (_take(stage, asked, (learned or {}).get(stage.purpose)) for stage in STAGES)
    return [take for take in takes if take is not None]


def _take(stage: Stage, asked: Asked, learned: Learned | None) -> Take | None:
    questions = stage.questions(asked)
    if not questions.max:
        return None
    if asked.shared and stage.once(asked):
        questions = Range(0, 0, questions.max)
    cap = min(asked.number(stage.cap) or 4000, asked.output_cap or 10**9)
    reads, writes = stage.reads(asked).plus(asked.rules), stage.writes(asked)
    again = asked.number("reasks") if stage.reasked else 0
    asks = 1 + again + RAISED
    expected = int(min(cap, (writes.expected + cap * REASONING.get(asked.option("reasoning_effort"), 0.0))))
    calls = questions.expected
    if learned is not None:
        expected = min(cap, math.ceil(learned.writes))
        if not questions.low and not asked.shared:  # how many there are depends on what is written
            calls = min(questions.max, math.ceil(learned.calls))
    most_read = reads.max + SCHEMA_TOKENS
    # A raised cap is counted as one answer more.
    return Take(
        stage.purpose,
        stage.analysis,
        Range(questions.low, calls, questions.max * asks),
        Range(
            questions.low * reads.low,
            calls * reads.expected,
            questions.max * (asks * most_read + again * QUOTED_TOKENS),
        ),
        Range(questions.low * min(writes.low, cap), calls * expected, questions.max * (asks + RAISED) * cap),
        (most_read + QUOTED_TOKENS, min(cap * 2**RAISES, max(cap, MOST_CAP), asked.output_cap or MOST_CAP)),
    )


@dataclass(frozen=True)
class Priced:
    """What tokens cost: at least, expected, at most; ``basis`` says by what is known."""

    low: Rates
    expected: Rates
    most: Rates
    basis: str


@dataclass(frozen=True)
class Cost:
    """Dollars. None where nobody knows a price; ``reason`` says of what."""

    low: Decimal | None
    expected: Decimal | None
    max: Decimal | None
    basis: str
    reason: str | None = None


def cost_of(takes: Sequence[Take], writer: Priced | str, reader: Priced | str) -> Cost:
    """Return what the stages cost, at the prices of the model that writes and of the one that reads for it.

    A price that is a text is none: it says why.
    """
    low, expected, most = Decimal(0), Decimal(0), Decimal(0)
    bases: list[str] = []
    for take in takes:
        price = reader if take.analysis else writer
        if isinstance(price, str):
            return Cost(None, None, None, "none", price)
        low += _at(price.low, take.calls.low, take.prompt.low, take.completion.low)
        expected += _at(price.expected, take.calls.expected, take.prompt.expected, take.completion.expected)
        most += _at(price.most, take.calls.max, take.prompt.max, take.completion.max)
        bases.append(price.basis)
    return Cost(low, max(low, expected), most, weakest(bases))


def _at(rates: Rates, calls: int, prompt: int, completion: int) -> Decimal:
    return rates.most(prompt, completion) + (calls - 1) * rates.request if calls else Decimal(0)


def limited(cost: Cost, limit: Decimal | None, one_call: Decimal) -> Cost:
    """Return a cost under a budget: when it is used up, one call more may have begun, and the last may not have."""
    if limit is None or cost.max is None or cost.low is None or cost.expected is None:
        return cost
    return Cost(
        min(cost.low, max(limit - one_call, Decimal(0))),
        min(cost.expected, limit),
        min(cost.max, limit + one_call),
        cost.basis,
    )


def dearest_call(takes: Iterable[Take], writer: Priced | str, reader: Priced | str) -> Decimal:
    """Return what the dearest single call may cost; 0 where nobody knows."""
    prices = ((reader if take.analysis else writer, take.call) for take in takes)
    return max((price.most.most(*call) for price, call in prices if isinstance(price, Priced)), default=Decimal(0))


WEAKNESS = ("local", "price_table", "history", "none")


def weakest(bases: Iterable[str]) -> str:
    """Return the least certain of these bases."""
    return max(bases, key=WEAKNESS.index, default="local")


def total(costs: Sequence[Cost]) -> Cost:
    """Return the sum of costs; nothing where one of them is not known."""
    unknown = [cost for cost in costs if cost.max is None]
    if unknown:
        return Cost(None, None, None, "none", unknown[0].reason)
    low, expected, most = (
        sum((getattr(cost, name) for cost in costs), Decimal(0)) for name in ("low", "expected", "max")
    )
    return Cost(low, expected, most, weakest(cost.basis for cost in costs))


def add_up(ranges: Iterable[Range]) -> Range:
    """Return the sum of ranges."""
    low = expected = most = 0
    for each in ranges:
        low, expected, most = low + each.low, expected + each.expected, most + each.max
    return Range(low, expected, most)


def tokens_of(text: str) -> Range:
    """Return how many tokens a text has, whatever the tokenizer: a quarter of its letters, more of other scripts."""
    letters, size = len(text), len(text.encode("utf-8", "replace"))
    if size <= letters * 1.2:
        return Range(letters // 6, math.ceil(letters / 4), math.ceil(letters / 2.5))
    return Range(letters // 6, math.ceil(size / 3.5), math.ceil(size / 2))


def coarse(tokens: Range) -> Range:
    """Return a range in steps of a twentieth: no higher at its low end, no lower at its high end."""
    return Range(
        int(STEP ** math.floor(math.log(max(tokens.low, 1), STEP))) if tokens.low else 0,
        round(STEP ** round(math.log(max(tokens.expected, 1), STEP))),
        math.ceil(STEP ** math.ceil(math.log(max(tokens.max, 1), STEP))),
    )
