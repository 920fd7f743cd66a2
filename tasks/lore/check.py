"""Checking entries before they are accepted: merged, sent back once, cut to what was given, tried in a chat.

merge     entries that are nearly the same become one (B03)
problems  what a model is asked to mend: L08, L10, names and figures that nobody gave, errors of the rubric
settle    what is left of that is mended in code, or the entry goes
failures  of the arranged book: errors of the rubric, entries that do not fire, or not within the budget
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cards.card import Book, Card, Entry
from cards.graph import analyse
from cards.graph.twins import twins
from cards.lint import RULES, Finding, lint_card
from cards.rules import LIMITS
from cards.rules.wording import sentences, shingles
from cards.simulate import Settings, simulate
from cards.simulate.record import records_of
from tasks.lore.candidates import shown
from tasks.lore.draft import Draft
from tasks.lore.grounding import Given, strangers, without
from tasks.lore.keys import NOT_ANY
from tasks.lore.task import Task

MENDED = frozenset({"L07", "L08", "L09", "L10", "B12"})  # warnings that an entry is sent back for
MOST_TOKENS = int(LIMITS["entry"]["tokens_most"])
SHINGLE = int(LIMITS["overlap"]["shingle_words"])
# What can be an error of an entry, of the rubric's rules: the others look at the card, and would only take time.
_OF_ENTRIES = frozenset({"C05", "C06", "C08", "L01", "L03", "L05", "L11", "B05"})
_ENTRY = re.compile(r"^character_book\.entries\[(\d+)\](.*)$")
_CHAR = re.compile(r"\{\{char\}\}|<(?:bot|char)>", re.IGNORECASE)

Thresholds = Mapping[str, Any]


@dataclass(frozen=True)
class Loss:
    """An entry that is not in the book, and why."""

    name: str
    why: str


def merged(drafts: Sequence[Draft], char: str) -> tuple[list[Draft], list[Loss]]:
    """Return the drafts with those that are nearly the same made one: the richer text, the keys of all."""
    named = [replace(plain_entry(draft), keys=draft.subject.forms) for draft in drafts]  # not by what a writer proposes
    found = twins(records_of(Book(entries=tuple(named)), Settings(), char))
    gone: dict[int, Loss] = {}
    kept = dict(enumerate(drafts))
    for group in found:
        first = group.entries[0]
        members = [drafts[place] for place in group.entries]
        kept[first] = _one_of(members)
        for place in group.entries[1:]:
            gone[place] = Loss(drafts[place].name, f"it is made one with {kept[first].name!r}: {group.links[0][2]}")
            del kept[place]
    return list(kept.values()), list(gone.values())


def plain_entry(draft: Draft) -> Entry:
    """Return a draft as an entry with all its names for keys: for rules that look at what it says."""
    keys = dict.fromkeys(key for key in (draft.name, *draft.subject.aliases, *draft.keys) if key.strip())
    return Entry(name=draft.name, content=draft.content, keys=tuple(keys), constant=draft.premise)


def _one_of(members: Sequence[Draft]) -> Draft:
    fitting = [draft for draft in members if draft.tokens <= MOST_TOKENS] or list(members)
    best = max(fitting, key=lambda draft: draft.tokens)
    first = members[0]
    keys = dict.fromkeys(key for draft in members for key in (draft.name, *draft.keys) if key != first.name)
    aliases = dict.fromkeys(form for draft in members for form in draft.subject.forms if form != first.name)
    spans = tuple(sorted({span for draft in members for span in draft.subject.spans}))
    subject = replace(first.subject, aliases=tuple(aliases), spans=spans)
    premise = any(draft.premise for draft in members)
    return replace(first, subject=subject, content=best.content, keys=tuple(keys), premise=premise)


# What an entry says ---------------------------------------------------------------------------------------


def given(task: Task) -> Given:
    """Return what entries may draw on: the source and, unless the book is shared, the card."""
    texts = () if task.shared else (*shown(task.card).values(), task.card.name, task.card.nickname)
    return Given((task.source, *texts))


def problems(task: Task, drafts: Sequence[Draft], thresholds: Thresholds, known: Given) -> dict[int, list[str]]:
    """Return what is wrong with the text of each draft (place in the list), as orders to whoever writes it again."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for place, finding in _text_findings(task, drafts, thresholds):
        found[place].append(f"{finding.message}: {finding.fix}.")
    for place, draft in enumerate(drafts):
        if task.strict and (said := strangers(draft.content, known)):
            found[place].append(f"Neither source nor card has {', '.join(said[:8])}: leave it out.")
        if task.shared and _CHAR.search(draft.content):
            found[place].append("It says {{char}}, but belongs to several characters: call everybody by name.")
    return dict(sorted(found.items()))


def _text_findings(task: Task, drafts: Sequence[Draft], thresholds: Thresholds) -> list[tuple[int, Finding]]:
    """Return the findings on the texts; those of a shared book without a look at the card, which others do not have."""
    book = Book(entries=tuple(map(plain_entry, drafts)), token_budget=task.token_budget)
    card = replace(Card(name="") if task.shared else task.card, book=book)
    found = []
    for finding in lint_card(card, source=task.source, overrides=_narrowed(thresholds)):
        match = _ENTRY.match(finding.field)
        wanted = finding.severity == "E" or (finding.severity == "W" and finding.rule in MENDED)
        if match and match[2] == ".content" and wanted:
            found.append((int(match[1]), finding))
    return found


def _narrowed(thresholds: Thresholds) -> dict[str, Any]:
    """Return the thresholds with all rules off that say nothing of an entry worth mending."""
    errors = {rule for rule, severity in thresholds.get("severity", {}).items() if severity == "E"}
    off = set(thresholds.get("off", ())) | (set(RULES) - MENDED - _OF_ENTRIES - errors)
    return {**thresholds, "off": sorted(off)}


def settled(
    task: Task, drafts: Sequence[Draft], thresholds: Thresholds, known: Given
) -> tuple[list[Draft], list[Loss], list[str]]:
    """Return the drafts with what is still wrong mended in code, those that could not be, and what was done."""
    kept: list[Draft] = []
    lost: list[Loss] = []
    notes: list[str] = []
    for draft in drafts:
        mended, done = _cut(task, draft, known)
        notes += [f"{draft.name}: {what}" for what in done]
        if mended.content:
            kept.append(mended)
        else:
            lost.append(Loss(draft.name, f"nothing of it could be kept: {'; '.join(done)}"))
    left = _text_findings(task, kept, thresholds)
    lead = {place for place, finding in left if finding.rule == "L08"}
    kept = [_named(draft) if place in lead else draft for place, draft in enumerate(kept)]
    notes += [f"{kept[place].name}: its subject was put before the first sentence" for place in sorted(lead)]
    errors = {place: finding for place, finding in left if finding.severity == "E"}
    lost += [Loss(kept[place].name, f"{finding.rule}: {finding.message}") for place, finding in errors.items()]
    return [draft for place, draft in enumerate(kept) if place not in errors], lost, notes


def _cut(task: Task, draft: Draft, known: Given) -> tuple[Draft, list[str]]:
    """Return a draft without the sentences that may not stand, and what was done."""
    done: list[str] = []
    content = draft.content
    if task.strict and (said := strangers(content, known)):
        content = without(content, said)
        done.append(f"sentences with {', '.join(said[:8])} were left out, which nobody gave")
    if task.shared and _CHAR.search(content):
        content = " ".join(part for part in _parts(content) if not _CHAR.search(part))
        done.append("sentences with {{char}} were left out")
    if not task.shared and not task.whole and (repeated := _repeated(content, task.card)):
        content = " ".join(part for part in _parts(content) if part not in repeated)
        done.append("sentences of the card were left out")
    return (replace(draft, content=content) if done else draft), done


def _parts(content: str) -> list[str]:
    return [content[start:end] for start, end in sentences(content)]


def _repeated(content: str, card: Card) -> list[str]:
    """Return the sentences that the card has word for word, where they are too much of the entry (L10)."""
    told = set().union(*(shingles(text, SHINGLE) for text in (card.description, card.personality, card.scenario)))
    own = shingles(content, SHINGLE)
    if not own or len(own & told) <= float(LIMITS["overlap"]["entry_most"]) * len(own):
        return []
    return [part for part in _parts(content) if shingles(part, SHINGLE) & told]


def _named(draft: Draft) -> Draft:
    return replace(draft, content=f"{draft.name}: {draft.content}")


# The arranged book ----------------------------------------------------------------------------------------


def failures(task: Task, book: Book, new: Collection[str], thresholds: Thresholds) -> list[Loss]:
    """Return the new entries of a book that cannot be accepted, and why; one reason each."""
    found: dict[str, str] = {}
    for name, why in (*_errors(task, book, thresholds), *_unfired(task, book), *_too_much(task, book)):
        if name in new:
            found.setdefault(name, why)
    return [Loss(name, why) for name, why in found.items()]


def _errors(task: Task, book: Book, thresholds: Thresholds) -> list[tuple[str, str]]:
    found = []
    card = replace(task.card, book=book)
    for finding in lint_card(card, source=task.source, overrides=_narrowed(thresholds)):
        match = _ENTRY.match(finding.field)
        if match and finding.severity == "E":
            found.append((book.entries[int(match[1])].name, f"{finding.rule}: {finding.message}"))
    return found


def _unfired(task: Task, book: Book) -> list[tuple[str, str]]:
    """Return the entries that a message with their title, or with their first key, does not bring up."""
    found = []
    for place, entry in enumerate(book.entries):
        if entry.constant or not entry.enabled or not entry.keys:
            continue
        for said in (entry.keys[0], entry.name):
            outcome = simulate(book, [trial(entry, said)], card=task.card).outcomes[place]
            if not outcome.fired:
                found.append((entry.name, f"a message with {said!r:.60} does not bring it up: {outcome.detail}"))
                break
    return found


def trial(entry: Entry, said: str) -> str:
    """Return a message that ought to bring the entry up."""
    needs = entry.secondary_keys[:1] if entry.selective and entry.extensions.get("selectiveLogic") != NOT_ANY else ()
    return f"Tell me of {said}{''.join(f' and {key}' for key in needs)}."


def _too_much(task: Task, book: Book) -> list[tuple[str, str]]:
    """Return the entry that costs most of what the budget does not hold: of the constants, else of what fires."""
    if book.token_budget is None:
        return []
    found = analyse(book, char=task.card.name)
    if found.always_tokens > book.token_budget and found.always:
        longest = max(found.always, key=lambda place: len(book.entries[place].content))
        return [
            (book.entries[longest].name, f"what is always on takes {found.always_tokens} of {book.token_budget} tokens")
        ]
    if found.worst_tokens > book.token_budget and found.worst is not None:
        name = book.entries[found.worst.seed].name
        return [(name, f"it can bring {found.worst_tokens} tokens into a budget of {book.token_budget}")]
    return []
