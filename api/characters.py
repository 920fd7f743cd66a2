"""Characters: imported from any file, read, downloaded in any format, pictured, checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from flask import g, request
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

import logs
from api import intake, links
from api.etags import expected_version, with_etag
from api.files import BINARY, body, send
from api.idempotency import Answer, answer_once
from api.jobs import accept
from api.json import Blueprint, Parser
from api.lint import judge, show_lint
from api.paging import ask_of, page_of
from cards.errors import CardError
from cards.files import Reading, read_file
from cards.formats import FORMATS, known, render, suffix
from cards.loss import losses
from cards.media import picture
from cards.names import file_name
from cards.picture import read_picture
from cards.v3 import to_v3
from models import db
from models.characters import Character
from models.errors import Invalid, NotFound
from models.services import characters, imports, jobs, profiles
from schemas.books import LintSchema
from schemas.characters import (
    CharacterListSchema,
    CharacterQuery,
    CharacterSchema,
    ImportListSchema,
    LossListSchema,
    LossQuery,
    PortraitSchema,
    RegenerateSchema,
)
from schemas.generations import DEFAULT_KIND
from schemas.jobs import AcceptedJobSchema
from tasks.writing import again

log = logs.get(__name__)
blueprint = Blueprint("characters", __name__, url_prefix="/api/v2/characters", description="Finished cards.")

MOST_FILES = 100
BODY = "body"  # what a file is called that came without a name
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("format", "name", "character_id", "book_id", "url")),
    "warnings": [],
    "deviations": [],
}


@blueprint.get("")
@blueprint.arguments(CharacterQuery, location="query")
@blueprint.response(200, CharacterListSchema)
def list_all(query: dict[str, Any]) -> Any:
    """List characters, newest first."""
    ask = ask_of(query)
    with db.transaction() as session:
        page = characters.list_characters(session, g.owner_id, ask, text=query["q"], tag=query["tag"])
    return page_of("characters", page.rows, ask, page.total, page.next_cursor)


@blueprint.post("/import")
@blueprint.doc(requestBody=body(files={"type": "array", "items": BINARY}))
@blueprint.response(201, ImportListSchema)
def import_files() -> Any:
    """Import cards and lorebooks of any format: files as multipart, or one card as JSON.

    Told apart by their bytes: PNG, CHARX, JSON of V1 to V3, World Info, character_book, lorebook_v3, YAML. Each file
    has its own result; one that cannot be read does not stop the others.
    """
    results = [import_file(name, content) for name, content in uploads()]
    imported = sum(result["status"] == "imported" for result in results)
    if not imported:
        raise Invalid(
            f"None of {len(results)} files could be imported. The first: {results[0]['error']['message']}"
            if len(results) > 1
            else f"The file cannot be imported: {results[0]['error']['message']}",
            code="IMPORT_FAILED",
            details={
                f"files.{number}": [f"{result['file']}: {result['error']['message']}"]
                for number, result in enumerate(results)
            },
        )
    return {"results": results, "imported": imported, "failed": len(results) - imported}


def uploads() -> Iterator[tuple[str, bytes]]:
    """Yield each file that was sent, by name; raises `Invalid` when there is none or there are too many."""
    if request.mimetype != "multipart/form-data":
        content = request.get_data()
        if not content:
            raise BadRequest("The body is empty: send files as multipart/form-data, or one card as JSON.")
        yield BODY, content
        return
    files = [file for field in request.files for file in request.files.getlist(field)]
    if not 0 < len(files) <= MOST_FILES:
        raise Invalid(
            f"There are {len(files)} files; send 1 to {MOST_FILES}.",
            details={"files": [f"Send 1 to {MOST_FILES} files, each as a part of its own."]},
        )
    for number, file in enumerate(files, start=1):
        yield file.filename or f"file {number}", file.read()


def import_file(name: str, content: bytes) -> dict[str, Any]:
    """Import one file and return what became of it."""
    try:
        reading = read_file(content)
    except CardError as error:
        return {"file": name, "status": "failed", "error": {"code": "UNREADABLE", "message": str(error)}, **NOTHING}
    reading = named(reading, name)
    try:
        with db.transaction() as session:
            stored = imports.store(session, g.owner_id, reading)
    except db.Trouble as error:
        if db.is_away(error):
            raise
        log.exception("import_not_stored", exc_info=error)
        message = "it was read but could not be stored; the request id finds the reason in the log"
        return {"file": name, "status": "failed", "error": {"code": "NOT_STORED", "message": message}, **NOTHING}
    url = links.character(stored.character_id) if stored.character_id else links.book(stored.book_id or "")
    return {"file": name, "status": "imported", "url": url, "error": None, **vars(stored), **show_reading(reading)}


def named(reading: Reading, file: str) -> Reading:
    """Return the reading with a name for a book that has none: SillyTavern keeps it in the name of the file only."""
    if reading.book is None or reading.book.name.strip():
        return reading
    stem = PurePosixPath(file.replace("\\", "/")).stem if file != BODY else ""
    return replace(reading, book=replace(reading.book, name=stem[:200] or "Lorebook"))


def show_reading(reading: Reading) -> dict[str, Any]:
    """Return what was odd about a file."""
    return {
        "format": reading.format,
        "warnings": list(reading.warnings),
        "deviations": [deviation.to_dict() for deviation in reading.deviations],
    }


@blueprint.get("/<character_id>")
@blueprint.response(200, CharacterSchema)
def read(character_id: str) -> Any:
    """Read a character with its card."""
    with db.transaction() as session:
        character = characters.find_character(session, g.owner_id, character_id=character_id)
        card = characters.load_card(session, character)
        counts = characters.show_counts(session, character)
    return with_etag(CharacterSchema().dump(show_character(character, to_v3(card), counts)), character.version)


def show_character(character: Character, card: dict[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
    """Return a character in full."""
    shown = ("id", "name", "tags", "job_id", "version", "created_at", "updated_at", "portrait_style")
    path = links.character(character.id)
    return {
        **{name: getattr(character, name) for name in shown},
        **counts,
        "card": card,
        "links": {
            "self": path,
            "portrait": f"{path}/portrait",
            "lint": f"{path}/lint",
            "book": links.book(counts["book_id"]) if counts["book_id"] else None,
            "job": links.job(character.job_id) if character.job_id else None,
            "downloads": {name: f"{path}/download/{name}" for name in FORMATS},
        },
    }


@blueprint.post("/<character_id>/regenerate")
@blueprint.arguments(RegenerateSchema)
@blueprint.response(202, AcceptedJobSchema)
def regenerate(body: dict[str, Any], character_id: str) -> Any:
    """Have some fields of a character written anew; all others stay as they are, also those edited meanwhile.

    By the profile and the options that it was made with, but for those that are given here.
    """

    def make(session: db.Session) -> Answer:
        character = characters.find_character(session, g.owner_id, character_id=character_id)
        card = characters.load_card(session, character)
        origin = jobs.origin_of(session, character.job_id)
        options = {**again.lasting(origin.options), **body["options"]}
        wanted = again.request_for(character_id, card, origin.source, body["fields"], body["instruction"], options)
        generation = {"kind": DEFAULT_KIND, "metadata": {}, **wanted}
        if profile_id := body.get("profile_id") or _still_there(session, origin.profile_id):
            generation["profile_id"] = profile_id
        new = intake.new_job(session, g.owner_id, generation)
        job, message = jobs.open_job(session, g.owner_id, new, priority=body["priority"], request_id=g.request_id)
        return accept(job, [message])

    return answer_once(make)


def _still_there(session: db.Session, profile_id: str | None) -> str | None:
    """Return the profile that a card was made with, if it can still be written by."""
    return profile_id if profile_id and profiles.current_versions(session, g.owner_id, {profile_id}) else None


@blueprint.get("/<character_id>/download/<format_name>")
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type="application/octet-stream")
def download(character_id: str, format_name: str) -> Response:
    """Download a character as a file, rendered from what it is now."""
    try:
        format_ = known(FORMATS, format_name)
        with db.transaction() as session:
            character = characters.find_character(session, g.owner_id, character_id=character_id)
            card = characters.load_card(session, character)
            media = characters.load_media(session, character, files=format_.pictured)
        content = render(card, format_name, media)
    except CardError as error:
        if format_name not in FORMATS:
            raise NotFound("format", format_name, str(error)) from error
        raise Invalid(f"The format {format_name} cannot be written: {error}", code="EXPORT_FAILED") from error
    stem = file_name("{character_name}", {"character_name": card.name})
    return send(content, f"{stem}.{suffix(format_)}", format_.media_type)


@blueprint.get("/<character_id>/losses/<format_name>")
@blueprint.arguments(LossQuery, location="query")
@blueprint.response(200, LossListSchema)
def show_losses(query: dict[str, Any], character_id: str, format_name: str) -> Any:
    """See what a format, or a front end that opens it, does not carry of a character."""
    with db.transaction() as session:
        card = characters.load_card(session, characters.find_character(session, g.owner_id, character_id=character_id))
    try:
        found = losses(card, format_name, query["frontend"])
    except CardError as error:
        raise NotFound("format", format_name, str(error)) from error
    return {"format": format_name, "frontend": query["frontend"], "losses": found}


@blueprint.get("/<character_id>/portrait")
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type="image/png")
def portrait(character_id: str) -> Response:
    """See a character's portrait."""
    with db.transaction() as session:
        character = characters.find_character(session, g.owner_id, character_id=character_id)
        card = characters.load_card(session, character)
        media = characters.load_media(session, character, files=False)
    stem = file_name("{character_name}", {"character_name": card.name})
    return send(picture(card, media), f"{stem}.png", "image/png", inline=True)


@blueprint.put("/<character_id>/portrait")
@blueprint.doc(requestBody=body(pictures=True, portrait=BINARY))
@blueprint.response(200, CharacterSchema)
def set_portrait(character_id: str) -> Any:
    """Give a character a picture; needs If-Match.

    One of your own (PNG, JPEG, WebP or GIF, as the body or as a file of multipart/form-data), or JSON with the `style`
    to draw one in.
    """
    expected = expected_version()
    image, style = asked_portrait()
    with db.transaction() as session:
        characters.set_portrait(session, g.owner_id, character_id, expected, image, style)
    return read(character_id)


def asked_portrait() -> tuple[bytes | None, str | None]:
    """Return the picture that was sent, checked and as PNG, or the style to draw one in."""
    if request.is_json:
        return None, str(Parser().parse(PortraitSchema(), request)["style"])
    sent = next(iter(request.files.values()), None) if request.mimetype == "multipart/form-data" else None
    try:
        return read_picture(sent.read() if sent is not None else request.get_data()), None
    except CardError as error:
        raise Invalid(str(error), code="INVALID_PICTURE", details={"portrait": [str(error)]}) from error


@blueprint.get("/<character_id>/lint")
@blueprint.response(200, LintSchema)
def lint(character_id: str) -> Any:
    """Check a character by the rubric, against its source where a job of ours made it."""
    with db.transaction() as session:
        character = characters.find_character(session, g.owner_id, character_id=character_id)
        card = characters.load_card(session, character)
        origin = jobs.origin_of(session, character.job_id)
    return show_lint(judge(card, origin))
