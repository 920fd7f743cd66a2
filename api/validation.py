"""Validation of anything posted: what is not as its specification says, and what lint finds. Nothing is stored."""

from __future__ import annotations

from typing import Any

from flask import g, request
from werkzeug.exceptions import BadRequest

from api.auth import needs
from api.files import BINARY, body
from api.json import Blueprint
from api.lint import show_lint
from api.verdicts import judge_field
from cards.errors import CardError
from cards.files import Reading, read_file
from cards.lint import Finding, lint_book, lint_card
from cards.loss import FRONTENDS, losses
from models import db
from models.errors import Invalid
from schemas.characters import ValidationSchema
from schemas.profiles import FieldValueSchema, VerdictSchema

blueprint = Blueprint("validation", __name__, url_prefix="/api/v2/validate", description="Checks without storing.")


@blueprint.post("/card")
@blueprint.doc(requestBody=body(file=BINARY))
@needs("read")
@blueprint.response(200, ValidationSchema)
def card() -> Any:
    """Check a card: the body is its file or its JSON object, of any format that can be imported."""
    reading = read_body()
    if isinstance(reading, dict):
        return reading
    if reading.card is None:
        raise Invalid("This is a lorebook, no card: send it to /api/v2/validate/book.", details={"body": ["No card."]})
    found = show(reading, lint_card(reading.card))
    return found | {"losses": {name: losses(reading.card, "tavernai", name) for name in FRONTENDS}}


@blueprint.post("/book")
@blueprint.doc(requestBody=body(file=BINARY))
@needs("read")
@blueprint.response(200, ValidationSchema)
def book() -> Any:
    """Check a lorebook: World Info, character_book, lorebook_v3, or the book of a card."""
    reading = read_body()
    if isinstance(reading, dict):
        return reading
    found = reading.book or (reading.card.book if reading.card else None)
    if found is None:
        raise Invalid("This card has no lorebook.", details={"body": ["Holds no lorebook."]})
    return show(reading, lint_book(found))


@blueprint.post("/profile")
@needs("read")
@blueprint.arguments(FieldValueSchema)
@blueprint.response(200, VerdictSchema)
def profile(body: dict[str, Any]) -> Any:
    """Try one value for a field of a profile, as a form does while somebody types. Nothing is stored.

    Errors are what writing it would be refused for: REQUIRED, DUPLICATE_NAME, WRONG_TYPE, TOO_LONG, TOO_SHORT,
    OUT_OF_RANGE, CONTRADICTION, INVALID_CHARACTERS, INVALID_PATTERN, INVALID_LINT, INVALID_PLACEHOLDER,
    MISSING_PLACEHOLDER, UNKNOWN_FIELD, UNKNOWN_OPTION, UNKNOWN_CHOICE, UNKNOWN_RULE, UNKNOWN_PROMPT,
    UNKNOWN_PLACEHOLDER, UNKNOWN_PROFILE. Warnings are what may not be meant so: WEAK_NAME, SAME_FOR_ALL,
    MISSING_PLACEHOLDER, READ_ONLY, UNKNOWN_TYPE.
    """
    with db.transaction() as session:
        errors, warnings = judge_field(session, g.owner_id, body["field"], body["value"], body["context"])
    return {"valid": not errors, "errors": errors, "warnings": warnings}


def read_body() -> Reading | dict[str, Any]:
    """Return what the body holds, or the answer that says why it cannot be read."""
    sent = next(iter(request.files.values()), None) if request.mimetype == "multipart/form-data" else None
    content = sent.read() if sent is not None else request.get_data()
    if sent is None and not content:
        raise BadRequest("The body is empty: send the file, or its JSON, as the body or as multipart/form-data.")
    try:
        return read_file(content)
    except CardError as error:
        fault = {"path": "", "message": str(error), "fix": "mend the file; nothing of it can be read as it is"}
        return {"valid": False, "readable": False, "format": None, "errors": [fault], "findings": [], "warnings": []}


def show(reading: Reading, findings: list[Finding]) -> dict[str, Any]:
    """Return what was found."""
    linted = show_lint(findings)
    return {
        "valid": not reading.deviations and not linted["counts"]["E"],
        "readable": True,
        "format": reading.format,
        "errors": [deviation.to_dict() for deviation in reading.deviations],
        "warnings": list(reading.warnings),
        "findings": linted["findings"],
        "score": linted["score"],
    }
