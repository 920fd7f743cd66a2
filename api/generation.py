"""One card by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import g

from api import intake, quotes
from api.auth import needs
from api.idempotency import Answer, answer_once
from api.jobs import accept
from api.json import Blueprint
from models import db
from models.services import jobs, profiles
from schemas.generations import PreviewSchema, SingleSchema
from schemas.jobs import AcceptedJobSchema
from schemas.usage import SingleEstimateSchema
from tasks import preview as previews
from tasks.quote import quote
from tasks.run import provider
from tasks.webhooks import why_refused

blueprint = Blueprint("generation", __name__, url_prefix="/api/v2/generation", description="One card.")


@blueprint.post("/generate")
@blueprint.arguments(SingleSchema(policy=why_refused))
@blueprint.response(202, AcceptedJobSchema)
def generate(body: dict[str, Any]) -> Any:
    """Submit one generation. The job is stored before this answers."""
    ways = {name: body.pop(name) for name in ("priority", "callback_url")}

    def make(session: db.Session) -> Answer:
        new = intake.new_job(session, g.owner_id, body)
        job, message = jobs.open_job(session, g.owner_id, new, request_id=g.request_id, **ways)
        return accept(job, [message])

    return answer_once(make)


@blueprint.post("/estimate")
@needs("read")
@blueprint.arguments(SingleSchema(policy=why_refused))
@blueprint.response(200, SingleEstimateSchema)
def estimate(body: dict[str, Any]) -> Any:
    """See what a generation would take and cost, stage by stage. Nothing is stored and nobody is asked."""
    with db.transaction() as session:
        takes = quote(session, g.owner_id, [intake.new_job(session, g.owner_id, body)])
    return quotes.show_single(takes)


@blueprint.post("/preview")
@needs("read")
@blueprint.arguments(SingleSchema(policy=why_refused))
@blueprint.response(200, PreviewSchema)
def preview(body: dict[str, Any]) -> Any:
    """See the exact messages that would be sent for a generation. Nothing is stored and nobody is asked."""
    with db.transaction() as session:
        new = intake.new_job(session, g.owner_id, body)
        config, prompts = profiles.texts_of(session, new.profile_id, new.profile_version)
    calls = list(previews.preview(new.request, config, prompts, provider(), datetime.now(UTC)))
    return {"provider": provider().label, "calls": calls, "tokens": sum(call["tokens"] for call in calls)}
