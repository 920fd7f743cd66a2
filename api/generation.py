"""One card by itself."""

from __future__ import annotations

from typing import Any

from flask import g

from api import intake
from api.idempotency import Answer, answer_once
from api.jobs import accept
from api.json import Blueprint
from models import db
from models.services import jobs
from schemas.generations import SingleSchema
from schemas.jobs import AcceptedJobSchema

blueprint = Blueprint("generation", __name__, url_prefix="/api/v2/generation", description="One card.")


@blueprint.post("/generate")
@blueprint.arguments(SingleSchema)
@blueprint.response(202, AcceptedJobSchema)
def generate(body: dict[str, Any]) -> Any:
    """Submit one generation. The job is stored before this answers."""
    priority = body.pop("priority")

    def make(session: db.Session) -> Answer:
        new = intake.new_job(session, g.owner_id, body)
        job, message = jobs.open_job(session, g.owner_id, new, priority=priority, request_id=g.request_id)
        return accept(job, [message])

    return answer_once(make)
