"""What is done to characters as they are: archived, starred, tagged, deleted; one at a time or many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, cast, column, delete, func, select, update, values
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from models.characters import Character
from models.errors import WrongState
from models.jobs import Job
from models.services.characters import MOST_TAGS, found_by, matching, missed
from models.states import OPEN

IN_USE = "The job that makes this character has not ended: wait for it, or cancel it."
CHANGED, UNCHANGED, NOT_FOUND, REFUSED = "changed", "unchanged", "not_found", "refused"
UNTOUCHED = {"synchronize_session": False}  # nobody in these transactions holds the rows as objects


@dataclass(frozen=True)
class Outcome:
    """What became of one character: changed, unchanged (it was so already), not_found, or refused with the reason."""

    status: str
    code: str | None = None
    message: str | None = None


# mark -> whom it changes, and what it sets. The card and so its version stay.
MARKS: Mapping[str, tuple[ColumnElement[bool], Mapping[str, Any]]] = {
    "archive": (Character.archived_at.is_(None), {"archived_at": func.now()}),
    "unarchive": (Character.archived_at.is_not(None), {"archived_at": None}),
    "favorite": (Character.favorite.is_(False), {"favorite": True}),
    "unfavorite": (Character.favorite.is_(True), {"favorite": False}),
}
TAGGING: Mapping[str, Callable[[Sequence[str], Sequence[str]], list[str]]] = {
    "add_tags": lambda there, tags: [*there, *(tag for tag in dict.fromkeys(tags) if tag not in there)],
    "remove_tags": lambda there, tags: [tag for tag in there if tag not in tags],
}
ACTIONS = (*MARKS, *TAGGING, "purge")


def mark_character(session: Session, owner_id: str, character_id: str, expected: int | None, mark: str) -> None:
    """Archive or star a character, or take that back; one that is so already stays as it is.

    ``expected``: only at this version (None: any). Raises `NotFound` and `StaleVersion`.
    """
    changes, sets = MARKS[mark]
    matches = matching(owner_id, character_id, expected)
    hit = session.scalar(update(Character).where(*matches, changes).values(sets).returning(Character.id))
    reason = missed(session, owner_id, character_id, expected) if hit is None else None
    if reason is not None:
        raise reason


def archive_character(session: Session, owner_id: str, character_id: str, expected: int | None) -> None:
    """Take a character out of lists; see `mark_character`."""
    mark_character(session, owner_id, character_id, expected, "archive")


def purge_character(session: Session, owner_id: str, character_id: str, expected: int | None) -> None:
    """Delete a character for good, with its book and its files; raises `WrongState` while a job is writing it."""
    matches = matching(owner_id, character_id, expected)
    hit = session.scalar(delete(Character).where(*matches, ~being_written()).returning(Character.id))
    if hit is None:
        raise missed(session, owner_id, character_id, expected) or WrongState(IN_USE, code="CHARACTER_IN_USE")


def being_written() -> ColumnElement[bool]:
    """Whether the job that makes a character has not ended."""
    return select(Job.id).where(Job.id == Character.job_id, Job.status.in_(OPEN)).exists()


def act(
    session: Session, owner_id: str, ids: Sequence[str], action: str, tags: Sequence[str] = ()
) -> dict[str, Outcome]:
    """Do one of `ACTIONS` to many characters at once; returns what became of each, in the order of ``ids``.

    What cannot be done to one does not stop the others.
    """
    there = hold(session, owner_id, ids)
    refused: dict[str, Outcome] = {}
    if action in MARKS:
        changed = mark_all(session, list(there), action)
    elif action in TAGGING:
        changed, refused = tag_all(session, there, action, tags)
    else:
        changed = purge_all(session, list(there))
        refused = {each: Outcome(REFUSED, "CHARACTER_IN_USE", IN_USE) for each in there if each not in changed}
    plain = {each: Outcome(CHANGED if each in changed else UNCHANGED) for each in there}
    return {each: refused.get(each) or plain.get(each) or Outcome(NOT_FOUND) for each in dict.fromkeys(ids)}


def hold(session: Session, owner_id: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the tags of those of the characters that are there, and keep others from changing them meanwhile.

    In the order of their ids, so that two who hold some of the same wait for each other, and never in a circle.
    """
    query = select(Character.id, Character.card["tags"]).where(Character.id.in_(ids), Character.owner_id == owner_id)
    rows = session.execute(query.order_by(Character.id).with_for_update(of=Character))
    return {character_id: list(tags or ()) for character_id, tags in rows}


def mark_all(session: Session, ids: Sequence[str], mark: str) -> set[str]:
    """Set a mark; returns whom it changed."""
    changes, sets = MARKS[mark]
    statement = update(Character).where(Character.id.in_(ids), changes).values(sets).returning(Character.id)
    return set(session.scalars(statement, execution_options=UNTOUCHED))


def purge_all(session: Session, ids: Sequence[str]) -> set[str]:
    """Delete characters that no job is writing; returns whom."""
    statement = delete(Character).where(Character.id.in_(ids), ~being_written()).returning(Character.id)
    return set(session.scalars(statement, execution_options=UNTOUCHED))


def tag_all(
    session: Session, there: Mapping[str, Sequence[str]], action: str, tags: Sequence[str]
) -> tuple[set[str], dict[str, Outcome]]:
    """Add tags to cards, or take them out; returns whom it changed, and who would have too many."""
    wanted = {each: TAGGING[action](had, tags) for each, had in there.items()}
    changing = {each: new for each, new in wanted.items() if new != list(there[each])}
    full = {each for each, new in changing.items() if len(new) > max(MOST_TAGS, len(there[each]))}
    too_many = f"It would have over {MOST_TAGS} tags: take some out first."
    changed = changing.keys() - full
    if changed:
        write_tags(session, {each: changing[each] for each in changed})
    return set(changed), {each: Outcome(REFUSED, "TOO_MANY_TAGS", too_many) for each in full}


def write_tags(session: Session, wanted: Mapping[str, Sequence[str]]) -> None:
    """Write the tags of many cards in one statement, and into the column that they are found by."""
    rows = [(each, list(tags), found_by(tags)) for each, tags in wanted.items()]
    texts = ARRAY(Text)
    new = values(column("id", Text), column("tags", texts), column("found_by", texts), name="new").data(rows)
    now = cast(func.extract("epoch", func.now()), BigInteger)
    edits = func.jsonb_build_object("tags", func.to_jsonb(cast(new.c.tags, texts)), "modification_date", now)
    session.execute(
        update(Character)
        .where(Character.id == new.c.id)
        .values(
            card=Character.card.op("||")(edits),
            tags=cast(new.c.found_by, texts),
            version=Character.version + 1,
            updated_at=func.now(),
        ),
        execution_options=UNTOUCHED,
    )
