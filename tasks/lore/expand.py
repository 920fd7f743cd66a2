"""The step `expand_lorebook`: find what the source names, have entries written, arrange them into a book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from cards.card import Book, Card
from cards.text import proper_nouns
from models import db
from models.db import Session
from models.services import characters
from providers.base import BadOutput, Completion, Prompt
from tasks import prompts, replies
from tasks.lore.arrange import arrange
from tasks.work import Work
from tasks.writing.shapes import CARD, ENTRIES

WRITTEN = 0.8


def work(work: Work) -> Book | None:
    """Write the lorebook; None when it was not asked for or the source gives it nothing to hold."""
    most = int(work.option("lorebook_entries"))
    if work.option("include_book") is False or most == 0:
        return None
    with db.transaction() as session:
        character = characters.find_character(session, work.claim.owner_id, job_id=work.claim.job_id)
        card = characters.load_card(session, character)
    work.show(0.0, "finding what the source names")
    prompt = entries_prompt(work, card, find_candidates(work.source, card.name, most), most)
    work.show(0.1, "writing lorebook entries")
    reply = _ask_for_entries(work, prompt)
    work.show(WRITTEN, "arranging the lorebook")
    book = joined(card.book, arrange(card.name, reply["entries"], most))
    work.log("info", f"Wrote {len(book.entries) if book else 0} lorebook entries.")
    return book


def joined(there: Book | None, written: Book | None) -> Book | None:
    """Return the book that an existing card brought, with the new entries that it has none of yet."""
    if there is None or written is None:
        return written or there
    titles = {title.casefold() for entry in there.entries for title in (entry.name, entry.comment, *entry.keys)}
    new = [entry for entry in written.entries if entry.name.casefold() not in titles]
    return replace(there, entries=(*there.entries, *new))


def save(session: Session, work: Work, book: Book | None) -> Mapping[str, Any]:
    """Store the book with its character; the checkpoint names it."""
    if book is None:
        return {"book_id": None, "entries": 0}
    character = characters.find_character(session, work.claim.owner_id, job_id=work.claim.job_id)
    return {"book_id": characters.save_book(session, character, book).id, "entries": len(book.entries)}


def find_candidates(source: str, name: str, most: int) -> list[str]:
    """Return the subjects that the source names, most important first, the character itself left out."""
    own = name.casefold()
    found = [
        noun.name
        for noun in proper_nouns(source)
        if own not in {form.casefold() for form in (noun.name, *noun.aliases)} and noun.name.casefold() not in own
    ]
    return found[:most]


def entries_prompt(work: Work, card: Card, candidates: list[str], most: int) -> Prompt:
    """Return the question for the entries of a book."""
    slots = {
        "name": card.name,
        "source": work.source,
        "max_entries": most,
        "candidates": "\n".join(f"- {candidate}" for candidate in candidates) or "- (whatever it names)",
    }
    known = asdict(card)
    inputs = {
        "source": work.source,
        "card": {field: list(v) if isinstance(v := known[field], tuple) else v for field in CARD["properties"]},
        "candidates": candidates,
        "max_entries": most,
    }
    return prompts.render(work.claim.prompts, "write_entries", slots, ENTRIES, inputs)


def _ask_for_entries(work: Work, prompt: Prompt) -> dict[str, Any]:
    """Ask, and once more if the answer has not the shape of a list of entries."""
    sampling = work.sampling("lorebook_max_tokens")
    completion: Completion = work.ask(prompt, sampling)
    try:
        return replies.read_reply(completion.text, ENTRIES)
    except BadOutput as fault:
        work.log("warning", "The answer had the wrong shape and is asked for again.", reason=str(fault))
    return replies.read_reply(work.ask(prompt, sampling, 1).text, ENTRIES)
