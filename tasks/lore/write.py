"""Having entries written: a few subjects at a time, each answer in the ledger before the next question.

The questions depend on source, card and options only, never on earlier answers: a step that is begun again puts the
same ones, and the ledger answers those that are paid for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.base import BadOutput, Fault, Filtered, Truncated
from tasks import replies
from tasks.lore import questions
from tasks.lore.candidates import Candidate, located, shown
from tasks.lore.draft import Draft, draft_of, read_drafts
from tasks.lore.grounding import Given
from tasks.lore.passages import find_mentions
from tasks.lore.same import core, covers, is_person
from tasks.lore.shapes import ENTRY, SUBJECTS
from tasks.lore.task import Task
from tasks.work import Work

BEGUN, WRITTEN = 0.1, 0.75  # of the step: the subjects are known, the entries are written
LEAST_WORD = 4  # letters of a word that tells what a proposed subject is


def propose(work: Work, task: Task, found: Sequence[Candidate]) -> list[Candidate]:
    """Return subjects that the model names where code found fewer than are asked for; one call, asked once.

    A subject that neither source nor card speaks of is left out, when nothing may be made up.
    """
    missing = task.left - len(found)
    if task.whole or missing <= 0:
        return []
    known = [one.name for one in found]
    prompt = questions.subjects_prompt(work.claim.prompts, task, known, missing)
    work.show(BEGUN / 2, "looking for further subjects")
    try:
        completion = work.ask(prompt, task.sampling(work, analysis=True), shared=task.shared)
        answer = replies.read_reply(completion.text, SUBJECTS)
    except (BadOutput, Truncated, Filtered) as fault:
        work.log("warning", "No further subjects could be read.", reason=str(fault))
        return []
    return _new(task, found, questions.further(answer, missing))


def _new(task: Task, found: Sequence[Candidate], proposed: Sequence[dict[str, str]]) -> list[Candidate]:
    texts = {} if task.shared else shown(task.card)
    given = Given((task.source, *texts.values()))
    new: list[Candidate] = []
    for one in proposed:
        name = one["name"]
        kind = one["category"] if one["category"] in ("person", "place", "faction", "thing") else "unknown"
        subject = located(Candidate(name, kind=kind), task.source, texts)
        telling = " ".join(word for word in core(name) if len(word) >= LEAST_WORD or not word.isascii())
        if not core(name) or (task.strict and not subject.mentions and not (telling and given.has_name(telling))):
            continue
        if covers([*found, *new], subject) or (is_person(subject, task.own) and not task.shared):
            continue
        spans = subject.spans or tuple(find_mentions(task.source, telling.split()))
        new.append(Candidate(name, (), kind, subject.mentions, spans, subject.fields))
    return new


def write(work: Work, task: Task, subjects: Sequence[Candidate]) -> list[Draft]:
    """Return the entries of these subjects, as far as the model wrote them; what it did not is in the job's log.

    Raises the last fault when not one could be had, unless faulty cards are to be delivered.
    """
    groups = groups_of(task, subjects)
    writing = _Writing(work, task, subjects)
    for number, group in enumerate(groups):
        written = writing.write_group(number, group)
        work.show(BEGUN + (WRITTEN - BEGUN) * (number + 1) / len(groups), writing.shown)
        if written:
            work.log("info", f"Wrote {writing.shown}.", entries=[draft.name for draft in written])
    if not writing.drafts and not writing.unasked and writing.faults and work.option("on_errors") != "deliver":
        raise _last_of(writing.faults)
    return [*writing.drafts, *writing.unasked]


def _last_of(faults: Sequence[Fault]) -> Fault:
    """Return the last fault, with all the answers that could not be read."""
    last = faults[-1]
    if isinstance(last, BadOutput):
        last.questions = tuple(key for fault in faults if isinstance(fault, BadOutput) for key in fault.questions)
    return last


def groups_of(task: Task, subjects: Sequence[Candidate]) -> list[list[Candidate]]:
    """Return the subjects as they are asked for, a few to a call; one empty group where none is known."""
    size = len(subjects) if task.whole else task.per_call
    return [list(subjects[place : place + size]) for place in range(0, len(subjects), max(1, size))] or [[]]


@dataclass
class _Writing:
    """The entries of one book while they are written; ``unasked`` are of subjects that the writer brought up."""

    work: Work
    task: Task
    subjects: Sequence[Candidate]
    drafts: list[Draft] = field(default_factory=list)
    unasked: list[Draft] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def shown(self) -> str:
        count = len(self.drafts) + len(self.unasked)
        return f"{count} of {max(count, len(self.subjects))} entries"

    def write_group(self, number: int, group: list[Candidate]) -> list[Draft]:
        """Add the entries of one group, and return them; a group whose answer was cut short is asked for in halves."""
        prompt = questions.entries_prompt(self.work.claim.prompts, self.task, group, self.subjects)
        try:
            answer = self.work.ask_for(prompt, self.task.sampling(self.work), number, shared=self.task.shared)
        except Truncated as fault:
            if len(group) > 1:
                middle = (len(group) + 1) // 2
                self.work.log("warning", "The answer was cut short: the entries are asked for in halves.")
                return [*self.write_group(number, group[:middle]), *self.write_group(number, group[middle:])]
            return self._leave_out(group, fault)
        except (BadOutput, Filtered) as fault:
            return self._leave_out(group, fault)
        entries = answer.value["entries"] if self.task.whole else [_plain(entry) for entry in answer.value["entries"]]
        written, missing, strange = read_drafts(entries, group)
        self.drafts += written
        more = [draft for entry in strange if (draft := self._unasked(entry))]
        self.unasked += more
        if missing and not self.task.whole:
            self.work.log("info", "The writer had nothing to say of some subjects.", subjects=_names(missing))
        return [*written, *more]

    def _leave_out(self, group: Sequence[Candidate], fault: Fault) -> list[Draft]:
        self.faults.append(fault)
        details = {"subjects": _names(group), "reason": str(fault), "code": fault.code}
        self.work.log("warning", "Some entries could not be had and are left out.", **details)
        return []

    def _unasked(self, entry: dict[str, object]) -> Draft | None:
        """Return an entry that nobody asked for as one of its own, if what it is about is given and has none yet."""
        name = " ".join(str(entry["name"]).split())
        texts = {} if self.task.shared else shown(self.task.card)
        subject = located(Candidate(name), self.task.source, texts)
        known = [*self.subjects, *(draft.subject for draft in self.unasked)]
        is_new = (
            bool(core(name))
            and not covers(known, subject)
            and (self.task.shared or not is_person(subject, self.task.own))
        )
        if is_new and (subject.mentions or self.task.whole) and len(self.unasked) < self.task.left:
            return draft_of(entry, subject)
        self.work.log("info", f"An entry that nobody asked for is left out: {name[:60]}.")
        return None


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with what the shape has, and nothing that a model adds to it."""
    return {name: entry[name] for name in ENTRY["properties"]}


def _names(subjects: Sequence[Candidate]) -> list[str]:
    return [one.name for one in subjects]
