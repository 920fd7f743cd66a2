"""Which entries of a lorebook fire on a chat, why, why not, and which the budget cuts, as SillyTavern decides it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from cards.book import entry_ids
from cards.card import Book, Card
from cards.errors import CardError
from cards.simulate.record import LOGICS, POSITIONS, ROLES, Record
from cards.simulate.result import Block, Outcome, Reason, Simulation
from cards.simulate.run import Run
from cards.simulate.scan import Match
from cards.simulate.settings import MOST_CHARACTERS, Effect, Message, Settings
from cards.simulate.verdict import Verdict
from cards.text import estimate_tokens

__all__ = ["Block", "Effect", "Match", "Message", "Outcome", "Reason", "Settings", "Simulation", "simulate"]

_PROMPT_ORDER = ("before_char", "after_char", "before_examples", "after_examples", "top_of_note", "bottom_of_note")


def simulate(
    book: Book, messages: Sequence[Message | str], *, settings: Settings | None = None, card: Card | None = None
) -> Simulation:
    """What SillyTavern would do with the book after these messages, oldest first; a text has no speaker.

    The same input gives the same result. ``card`` gives the name for ``{{char}}`` and the texts that entries may ask
    to be matched with. What one call cannot know (timed effects of earlier messages) is taken from
    ``settings.effects``. Patterns that could hang a front end are not run, costly ones on the newest text only; the
    notes tell. CardError for settings that cannot be, and for more than 4,000,000 characters of messages.
    """
    settings = settings or Settings()
    spoken = [Message("", each) if isinstance(each, str) else each for each in messages]
    size = sum(len(message.text) + len(message.name) for message in spoken)
    if size > MOST_CHARACTERS:
        raise CardError(f"the messages have {size} characters: send the last of them, at most {MOST_CHARACTERS}")
    run = Run(book, spoken, settings, card)
    depth = run.depth
    run.go()
    notes = tuple(
        f"the key {key!r:.60} was looked for in {searched} characters only, as it is costly"
        for key, searched in run.scan.cut_short.items()
    )
    return Simulation(
        outcomes=tuple(_outcomes(book, run)),
        prompt=_blocks(list(run.active.values())),
        tokens=sum(estimate_tokens(record.content) for record in run.active.values()),
        budget=run.budget,
        overflowed=run.overflowed,
        steps=run.steps,
        scan_depth=depth,
        recursive=run.recursive,
        effects=run.timed.after(run.active.values()),
        notes=notes,
    )


def _outcomes(book: Book, run: Run) -> list[Outcome]:
    ids = entry_ids(book.entries, texts=True)
    chains: dict[int, tuple[int, ...]] = {}
    for record in sorted(run.active.values(), key=lambda one: run.verdicts[one.index].step):
        match = run.verdicts[record.index].match
        if match and match.place == "entry" and match.index is not None:
            chains[record.index] = (*chains.get(match.index, ()), match.index)
    unseen = Verdict("no_match", "none of its keys is in what is scanned")
    found = []
    for record in run.records:
        verdict = run.verdicts.get(record.index, unseen)
        found.append(
            Outcome(
                index=record.index,
                id=ids[record.index],
                title=record.title,
                fired=record.index in run.active,
                reason=verdict.reason,
                detail=verdict.detail,
                tokens=estimate_tokens(record.content),
                order=record.entry.insertion_order,
                position=_position(record),
                depth=record.depth,
                role=ROLES[record.role] if 0 <= record.role < len(ROLES) else ROLES[0],
                outlet=record.outlet,
                step=verdict.step if record.index in run.active else None,
                match=verdict.match,
                secondary=verdict.secondary,
                logic=LOGICS[record.logic] if record.secondary and 0 <= record.logic < len(LOGICS) else "",
                chain=chains.get(record.index, ()),
                probability=record.probability,
                chance=verdict.chance,
                notes=(*record.notes, *_not_shown(record)),
            )
        )
    return found


def _position(record: Record) -> str:
    return POSITIONS[record.position] if 0 <= record.position < len(POSITIONS) else "nowhere"


def _not_shown(record: Record) -> list[str]:
    """Why an entry that fires is not in the prompt all the same."""
    if not record.content:
        return ["it has no content to show"]
    if _position(record) == "nowhere":
        return [f"there is no position {record.position}, so that it is shown nowhere"]
    if _position(record) == "outlet" and not record.outlet:
        return ["it has no outlet name, so that it is shown nowhere"]
    return []


def _blocks(active: Sequence[Record]) -> tuple[Block, ...]:
    """The prompt: each place's entries with the lowest insertion order first, depth by depth from the farthest."""
    places: dict[tuple[str, int, int, str], list[int]] = defaultdict(list)
    # Of entries with the same order, the one that fired first stands last, but in an outlet first and highest.
    for record in sorted(active, key=lambda one: -one.entry.insertion_order):
        position = _position(record)
        if _not_shown(record):
            continue
        deep = position == "at_depth"
        outlet = record.outlet if position == "outlet" else ""
        places[position, record.depth if deep else 0, record.role if deep else 0, outlet].append(record.index)
    blocks = []
    for (position, depth, role, outlet), entries in places.items():
        if position == "outlet":
            blocks.append(Block(position, tuple(entries), outlet=outlet))
        elif position == "at_depth":
            name = ROLES[role] if 0 <= role < len(ROLES) else ROLES[0]
            blocks.append(Block(position, tuple(reversed(entries)), depth, name))
        else:
            blocks.append(Block(position, tuple(reversed(entries))))
    rank = {position: number for number, position in enumerate((*_PROMPT_ORDER, "at_depth", "outlet"))}
    return tuple(sorted(blocks, key=lambda block: (rank[block.position], -(block.depth or 0))))
