"""The step `expand_lorebook`: find subjects, have entries written, check and arrange them into a book.

find      subjects in code: what source and card name; further ones from the model where these are too few
write     a few to a call; each answer is in the ledger before the next question
mend      near-duplicates made one; what breaks a rule sent back once, then cut or dropped, with a line in the log
arrange   every setting by rule, then tried in a chat: what does not fire, or not within the budget, is dropped
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cards.card import Book
from cards.entry import OWN
from models import db
from models.db import Session
from models.services import characters
from providers.base import BadOutput, Filtered, Truncated
from tasks.lore import check, questions
from tasks.lore.arrange import arrange
from tasks.lore.candidates import OFTEN, Candidate, chosen, find_candidates, premise_of
from tasks.lore.check import Loss
from tasks.lore.draft import Draft, draft_of
from tasks.lore.same import Named, covers, is_person
from tasks.lore.task import Task
from tasks.lore.write import BEGUN, WRITTEN, propose, write
from tasks.work import Work
from tasks.writing.mend import thresholds

MOST_WITHOUT = 50  # names that are noted as having no entry


def work(work: Work) -> Book | None:
    """Write the lorebook; None when it was not asked for or the source gives it nothing to hold."""
    if work.option("include_book") is False or not int(work.option("lorebook_entries") or 0):
        return None
    with db.transaction() as session:
        character = work.find_character(session)
        card = characters.load_card(session, character)
    task = Task.of(work, card)
    if not task.left:
        work.log("info", f"The lorebook has {task.existing} entries already, and {task.most} are wanted at most.")
        return card.book
    work.show(0.0, "finding what the source names")
    found, subjects = find_subjects(work, task)
    if not subjects and not task.whole:
        work.log("info", "The source names nothing that a lorebook could hold.")
        return card.book
    work.show(BEGUN, f"0 of {len(subjects)} entries" if subjects else "writing entries")
    drafts = mend(work, task, _of_kinds(work, task, write(work, task, subjects)))
    book = accept(work, task, _without_own(work, task, drafts))
    book = _noted(work, _marked(work, task, book), found)
    added = (len(book.entries) if book else 0) - task.existing
    work.log("info", f"Wrote {added} lorebook {'entry' if added == 1 else 'entries'}.", shared=task.shared)
    return book


def save(session: Session, work: Work, book: Book | None) -> Mapping[str, Any]:
    """Store the book with its character; the checkpoint names it."""
    if book is None:
        return {"book_id": None, "entries": 0}
    character = work.find_character(session)
    return {"book_id": characters.save_book(session, character, book).id, "entries": len(book.entries)}


def find_subjects(work: Work, task: Task) -> tuple[list[Candidate], list[Candidate]]:
    """Return all names that were found, and the subjects to write about, most important first, the premise ahead.

    Of a shared book they come from the source alone and leave nobody out: each card drops its own character later.
    """
    found, subjects = known_subjects(task)
    return found, [*subjects, *propose(work, task, subjects)]


def known_subjects(task: Task) -> tuple[list[Candidate], list[Candidate]]:
    """Return all names that code finds, and those of them that get an entry, the premise ahead."""
    card = None if task.shared else task.card
    found = find_candidates(task.source, card, own=() if task.shared else task.own, known=_there(task))
    has_constant = any(entry.constant for entry in task.card.book.entries) if task.card.book else False
    constants = 0 if has_constant or task.whole else task.constants
    premise = premise_of(task.source, task.left, constants, task.categories)
    return found, [*premise, *chosen(found, task.left - len(premise), task.categories)]


def _there(task: Task) -> list[Named]:
    """Return the subjects that the book of an existing card has entries for."""
    entries = task.card.book.entries if task.card.book and not task.shared else ()
    return [
        Named(entry.name or entry.comment or entry.keys[0], entry.keys) for entry in entries if entry.keys or entry.name
    ]


def _of_kinds(work: Work, task: Task, drafts: Sequence[Draft]) -> list[Draft]:
    """Return the drafts of the kinds that were asked for."""
    lost = [draft for draft in drafts if draft.category not in task.categories]
    _tell(work, [Loss(draft.name, f"it is of the kind {draft.category}, which was not asked for") for draft in lost])
    return [draft for draft in drafts if draft not in lost]


def _without_own(work: Work, task: Task, drafts: Sequence[Draft]) -> list[Draft]:
    """Return the drafts without the character's own: only here, behind all questions, cards that share them differ."""
    if not task.shared:
        return list(drafts)
    own = [draft for draft in drafts if is_person(draft.subject, task.own)]
    for draft in own:
        work.log("info", f"{draft.name} is in the card, and has no entry.")
    return [draft for draft in drafts if draft not in own]


def mend(work: Work, task: Task, drafts: Sequence[Draft]) -> list[Draft]:
    """Return the drafts that can be arranged: merged, sent back once where they break a rule, the rest cut in code."""
    work.show(WRITTEN, "checking the entries")
    kept, lost = check.merged(drafts, "" if task.shared else task.card.name)
    _tell(work, lost)
    limits, known = thresholds(work), check.given(task)
    for place, faults in check.problems(task, kept, limits, known).items() if task.repairs else ():
        work.show(WRITTEN, f"mending {kept[place].name}")
        mended = _ask_again(work, task, kept[place], faults, place)
        if mended is not None:
            kept[place] = mended
    kept, lost, notes = check.settled(task, kept, limits, known)
    for note in notes:
        work.log("warning", f"Mended in code: {note}.")
    _tell(work, lost)
    return kept


def _ask_again(work: Work, task: Task, draft: Draft, faults: Sequence[str], index: int) -> Draft | None:
    """Return an entry anew; None, with a line in the log, when no answer could be had."""
    work.log("warning", f"The entry {draft.name} is sent back: {faults[0]}", faults=list(faults))
    prompt = questions.repair_prompt(work.claim.prompts, task, draft, faults)
    try:
        answer = work.ask_for(prompt, task.sampling(work), index, shared=task.shared)
    except (BadOutput, Truncated, Filtered) as fault:
        work.log("warning", f"The mended entry {draft.name} cannot be had.", reason=str(fault))
        return None
    again = draft_of(answer.value, draft.subject)
    return replace(again, premise=draft.premise, category=draft.category, keys=(*draft.keys, *again.keys))


def accept(work: Work, task: Task, drafts: Sequence[Draft]) -> Book | None:
    """Return the arranged book once nothing of it fails; what does is dropped, with a line in the log."""
    kept = list(drafts)[: task.left]
    _tell(work, [Loss(draft.name, f"{task.left} entries are wanted at most") for draft in drafts[task.left :]])
    limits = thresholds(work)
    while True:
        book, lost = arrange(task, kept, task.card.book)
        _tell(work, [Loss(draft.name, "no key of its own is left for it") for draft in lost])
        if book is None:
            return None
        kept = [draft for draft in kept if draft not in lost]
        failed = check.failures(task, book, {draft.name for draft in kept}, limits)
        if not failed:
            return book
        _tell(work, failed)
        names = {loss.name for loss in failed}
        kept = [draft for draft in kept if draft.name not in names]


def _tell(work: Work, lost: Sequence[Loss]) -> None:
    for loss in lost:
        work.log("warning", f"The entry {loss.name} is left out: {loss.why}.")


def _marked(work: Work, task: Task, book: Book | None) -> Book | None:
    """Return the book with a mark where cards of a batch share it: that each has a copy is then no fault (S05)."""
    if book is None or not task.shared:
        return book
    shared = {"shared": work.claim.request["roster"]["key"]}
    return replace(book, extensions={**book.extensions, OWN: {**own_of(book), **shared}})


def own_of(book: Book) -> dict[str, Any]:
    """Return what we keep about a book in its extensions."""
    own = book.extensions.get(OWN)
    return dict(own) if isinstance(own, Mapping) else {}


def _noted(work: Work, book: Book | None, found: Sequence[Candidate]) -> Book | None:
    """Return the book with the names that come up often and have no entry noted in it (B08), and tell the job's log."""
    if book is None:
        return None
    entries = [Named(entry.name, entry.keys) for entry in book.entries]
    names = [one.name for one in found if one.mentions >= OFTEN and not covers(entries, one)][:MOST_WITHOUT]
    if not names:
        return book
    work.log("info", f"Named often, and without an entry: {', '.join(names[:8])}.", names=names)
    kept = own_of(book)
    noted = list(dict.fromkeys([*kept.get("no_entry", ()), *names]))
    return replace(book, extensions={**book.extensions, OWN: {**kept, "no_entry": noted}})
