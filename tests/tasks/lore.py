"""What the tests of lore share: a source, a card, entries as a model writes them, and running the step by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import select

from cards.card import Book, Card
from models import db
from models.calls import Call
from models.services import batches, characters, claims, profiles
from models.services.batches import NewBatch
from models.services.claims import Claim
from providers.base import Provider
from providers.openai import OpenAIProvider
from tasks.ask import Asker
from tasks.heartbeat import Heart
from tasks.lore import expand
from tasks.lore.task import Task
from tasks.pipeline import KINDS
from tasks.work import Work
from tests.engine import jobs
from tests.model_server import ModelServer

SOURCE = """Mara Voss keeps the ferry Meridian, which crosses the Threadwater from Saltmarket to Candle Stair.
Saltmarket is a harbour town of 4200 people, and the Calloway Syndicate owns every crane in it.
The Calloway Syndicate wants the Meridian. Its collector is Tom Reyes, who limps and never raises his voice.
Tom Reyes comes to Candle Stair each Friday. Candle Stair is a quarter of steps cut into the cliff above the river.
Nobody in Saltmarket swims in the Threadwater. In the Drowned Chapel under Candle Stair a bell rings at low tide.
The river is cold, the river is grey, and the river takes a boat each winter."""
NAMES = ("Saltmarket", "Candle Stair", "Meridian", "Threadwater", "Calloway Syndicate", "Tom Reyes", "Drowned Chapel")
CARD = Card(
    name="Mara Voss",
    description="{{char}} is a ferrywoman of thirty-four, wiry and short, with rope burns on both hands.",
    personality="Curt, loyal, and superstitious about bells.",
    scenario="The ferry lies at the quay in the rain, and {{user}} wants to cross.",
    first_mes='*She looks up from the rope.* "The river is cold tonight. Where to, {{user}}?"',
    mes_example='<START>\n{{user}}: Is it safe?\n{{char}}: "No. Get in."',
)


def written(name: str, content: str = "", *, category: str = "place", keys: Sequence[str] = ()) -> dict[str, Any]:
    """Return an entry as a model writes it."""
    return {"name": name, "content": content or told(name), "keys": list(keys), "category": category}


TOLD = {
    "Saltmarket": "is a harbour town where every crane belongs to somebody else and nobody asks who pays.",
    "Candle Stair": "climbs the cliff in two hundred worn steps, lit by tallow, past doors without numbers.",
    "Meridian": "carries forty passengers under one patched sail and leaks whenever the wind turns east.",
    "Threadwater": "runs cold and grey between its mills; those who fall into it do not come up again.",
    "Calloway Syndicate": "lends money at the docks, takes boats in return and keeps its books in a coffin shop.",
    "Tom Reyes": "limps, collects debts with great courtesy and never raises his voice to a living soul.",
    "Drowned Chapel": "stands below the tide line, roofless, and tolls by itself when low water bares its altar.",
    "Premise": "The river is cold and grey, it takes boats each winter, and everybody here owes somebody money.",
}


def told(name: str) -> str:
    """Return a text on a subject that is like no other's."""
    if name == "Premise":
        return TOLD[name]
    return f"{name} {TOLD.get(name, 'is a thing that everybody knows and few will talk about after dark.')}"


def asked_names(body: Mapping[str, Any]) -> list[str]:
    """Return the subjects that a question for entries lists."""
    listed = body["messages"][1]["content"].partition("at most:\n")[2].partition("\n\n")[0]
    return [re.sub(r" \(also:.*| \(what.*|: what kind.*", "", line[2:]) for line in listed.splitlines()]


def write_all(_: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `write_entries` as a good model does: one entry for each subject."""
    return {"entries": [written(name) for name in asked_names(body)]}


def entries(*names: str) -> str:
    """Return an answer with an entry for each name."""
    return json.dumps({"entries": [written(name) for name in names]})


def no_subjects(_: Mapping[str, Any], __: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `propose_subjects` with none."""
    return {"subjects": []}


def task(card: Card = CARD, source: str = SOURCE, **changes: Any) -> Task:
    """Return a task as the default profile sets it."""
    config = profiles.defaults()["config"]
    values: dict[str, Any] = {
        "card": card,
        "source": source,
        "shared": False,
        "whole": False,
        "existing": 0,
        "most": config["lorebook_entries"],
        "per_call": config["entries_per_call"],
        "words": config["entry_words"],
        "categories": ("world", "event", "faction", "place", "person", "thing"),
        "constants": config["constants"],
        "token_budget": config["token_budget"],
        "scan_depth": config["scan_depth"],
        "recursive": config["recursive_scanning"],
        "strict": True,
        "repairs": 1,
        "context": 16_000,
        "chunk": 6_000,
        "answer": 4_000,
        "wishes": "",
        "code": "en",
    }
    return Task(**(values | changes))


@dataclass
class Desk:
    """Runs the step for cards of one batch; the model server answers every question."""

    owner: str
    server: ModelServer
    works: list[Work] = field(default_factory=list)

    def open(self, cards: Sequence[Card], source: str = SOURCE, *, shared: bool = False, **options: Any) -> list[str]:
        """Open a batch of jobs whose cards are written already, with a lorebook still to come; returns their ids."""
        request: dict[str, Any] = {"source_material": source, "options": options}
        if shared:
            request["roster"] = {"key": "k", "place": 0, "size": len(cards)}
        new = [jobs.new_job(request=request) for _ in cards]
        with db.transaction() as session:
            batch = NewBatch(max_concurrent=len(cards), continue_on_error=True, priority="standard")
            _, sent = batches.open_batch(session, self.owner, batch, new, request_id="r")
        for dispatched, card in zip(sent, cards, strict=True):
            claimed = jobs.claim(dispatched.job_id)
            assert claimed is not None
            with db.transaction() as session:
                character = characters.save_character(session, self.owner, dispatched.job_id, card)
                if card.book is not None:
                    characters.save_book(session, character, card.book)
            jobs.finish(claimed, progress=55)
        return [dispatched.job_id for dispatched in sent]

    def begin(self, job_id: str, attempt: int = 1, provider: Provider | None = None) -> Work:
        """Claim the step."""
        claimed = jobs.claim(job_id, "expand_lorebook", attempt)
        assert claimed is not None
        return self.work_of(claimed, provider)

    def work_of(self, claimed: Claim, provider: Provider | None = None) -> Work:
        """Return what a step of this claim works with."""
        writer = provider or OpenAIProvider(self.server.base_url, "test/model")
        work = Work(claimed, Asker.of(claimed, writer, Heart([])), partial(KINDS[claimed.kind].progress, 1))
        self.works.append(work)
        return work

    def expand(self, card: Card = CARD, source: str = SOURCE, **options: Any) -> Book | None:
        """Write one card's book."""
        return expand.work(self.begin(self.open([card], source, **options)[0]))

    def logs(self) -> list[str]:
        """All lines of the jobs' logs, with the last words of the steps."""
        with db.transaction() as session:
            for work in self.works:
                claims.tell(session, work.claim, work.asker.notes.take())
            return jobs.log_lines(session)

    def calls(self) -> list[str]:
        """The purposes of the calls that were booked, in order."""
        with db.transaction() as session:
            return list(session.scalars(select(Call.purpose).order_by(Call.started_at)))

    def prompts(self, purpose: str) -> list[str]:
        """What the server was told for one purpose: the last message of each request."""
        return [text for name, text in map(_told, self.server.ledger.requests) if name == purpose]


def _told(body: Mapping[str, Any]) -> tuple[str, str]:
    return body["response_format"]["json_schema"]["name"], body["messages"][-1]["content"]
