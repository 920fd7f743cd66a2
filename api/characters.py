"""Characters: imported from any file, read, downloaded in any format, pictured, checked."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import g, request
from werkzeug.wrappers import Response

from api import imports, intake
from api.etags import expected_version, wanted_version, with_etag
from api.files import BINARY, body, media, send
from api.idempotency import Answer, answer_once
from api.jobs import accept
from api.json import Blueprint, Parser
from api.lint import judge, show_lint
from api.paging import ask_of, page_of, wanted_of
from api.shapes import edited, marks_of, show_character, show_outcomes, show_summary
from cards.errors import CardError
from cards.formats import FORMATS, known, render, suffix
from cards.loss import losses
from cards.media import picture
from cards.names import file_name
from cards.picture import read_picture
from models import db
from models.characters import Character
from models.errors import Invalid, NotFound
from models.services import characters, jobs, marks, profiles
from models.services.characters import CharacterFilter
from schemas.books import LintSchema
from schemas.bulk import BulkResultListSchema, BulkSchema
from schemas.characters import (
    CharacterEditSchema,
    CharacterListSchema,
    CharacterQuery,
    CharacterSchema,
    DeleteQuery,
    LossListSchema,
    LossQuery,
    PortraitSchema,
    RegenerateSchema,
)
from schemas.generations import DEFAULT_KIND
from schemas.imports import ImportListSchema, ImportQuery
from schemas.jobs import AcceptedJobSchema
from tasks.webhooks import why_refused
from tasks.writing import again

CARD = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        "name": "Ines Moura",
        "description": "{{char}} keeps the light at Ribeira.",
        "first_mes": "*She looks up from the lamp.* You are late.",
        "tags": ["harbour"],
    },
}
blueprint = Blueprint("characters", __name__, url_prefix="/api/v2/characters", description="Finished cards.")


@blueprint.get("")
@blueprint.arguments(CharacterQuery, location="query")
@blueprint.response(200, CharacterListSchema)
def list_all(query: dict[str, Any]) -> Any:
    """List characters, newest first unless `sort` says otherwise; archived ones only if asked for."""
    ask = ask_of(query)
    with db.transaction() as session:
        page = characters.list_characters(session, g.owner_id, ask, CharacterFilter(**wanted_of(query)))
    return page_of("characters", [show_summary(row) for row in page.rows], ask, page.total, page.next_cursor)


@blueprint.post("/import")
@blueprint.doc(requestBody=body(example=CARD, files={"type": "array", "items": BINARY}))
@blueprint.arguments(ImportQuery, location="query")
@blueprint.response(201, ImportListSchema)
@blueprint.alt_response(200, schema=ImportListSchema, description="All that could be read was skipped.", success=True)
def import_files(query: dict[str, Any]) -> Any:
    """Import cards and lorebooks of any format: files as multipart, or one card as JSON.

    Told apart by their bytes: PNG, CHARX, JSON of V1 to V3, World Info, character_book, lorebook_v3, YAML. Each file
    has its own result; one that cannot be read does not stop the others. `duplicate_of` tells of a file that was
    imported before.
    """
    twice = query["if_duplicate"] == "import"
    return answer_once(lambda session: imports.import_all(session, g.owner_id, imports.uploads(), twice=twice))


@blueprint.post("/bulk")
@blueprint.arguments(BulkSchema)
@blueprint.response(200, BulkResultListSchema)
def bulk(body: dict[str, Any]) -> Any:
    """Archive, star, tag or delete up to a thousand characters at once.

    Each has a result of its own; one that is not there, or that cannot be changed so, does not stop the others. Tags
    belong to the card: its version goes up where they change. `purge` deletes for good.
    """

    def make(session: db.Session) -> Answer:
        done = marks.act(session, g.owner_id, body["ids"], body["action"], body["tags"])
        return Answer(BulkResultListSchema().dump(show_outcomes(done)), status=200)

    return answer_once(make)


@blueprint.get("/<character_id>")
@blueprint.response(200, CharacterSchema)
def read(character_id: str) -> Any:
    """Read a character with its card. The ETag tells its version, and marks that it has."""
    with db.transaction() as session:
        return show(session, characters.find_character(session, g.owner_id, character_id=character_id))


@blueprint.patch("/<character_id>")
@blueprint.arguments(CharacterEditSchema)
@blueprint.response(200, CharacterSchema)
def edit(body: dict[str, Any], character_id: str) -> Any:
    """Edit a character's card; needs If-Match.

    Fields that are given are set, all others stay. Its lorebook is edited under /character-books, and keeps its name
    when the character is renamed; so do texts that say the old one, which `{{char}}` in its place would follow. Files
    take their names and content from what the card is when they are downloaded; those of its job stay as they were.
    """
    change = partial(edited, body=body)
    with db.transaction() as session:
        characters.require_character(session, g.owner_id, character_id)
        return show(session, characters.edit_character(session, g.owner_id, character_id, expected_version(), change))


@blueprint.delete("/<character_id>")
@blueprint.arguments(DeleteQuery, location="query")
@blueprint.response(204)
def delete(query: dict[str, Any], character_id: str) -> None:
    """Archive a character: it leaves the lists and can come back. With `purge`, delete it for good.

    If-Match is heeded where it is sent. What is archived already stays so; what was purged is not found again. A
    character whose job has not ended cannot be purged.
    """
    remove = marks.purge_character if query["purge"] else marks.archive_character
    with db.transaction() as session:
        remove(session, g.owner_id, character_id, wanted_version())


@blueprint.post("/<character_id>/unarchive")
@blueprint.response(200, CharacterSchema)
def unarchive(character_id: str) -> Any:
    """Bring an archived character back into the lists. One that is there stays."""
    with db.transaction() as session:
        marks.mark_character(session, g.owner_id, character_id, wanted_version(), "unarchive")
        return show(session, characters.find_character(session, g.owner_id, character_id=character_id))


@blueprint.put("/<character_id>/favorite")
@blueprint.response(204)
def favor(character_id: str) -> None:
    """Make a character a favourite; one that is stays so. Its version stays too."""
    with db.transaction() as session:
        marks.mark_character(session, g.owner_id, character_id, wanted_version(), "favorite")


@blueprint.delete("/<character_id>/favorite")
@blueprint.response(204)
def disfavor(character_id: str) -> None:
    """Take a character out of the favourites."""
    with db.transaction() as session:
        marks.mark_character(session, g.owner_id, character_id, wanted_version(), "unfavorite")


def show(session: db.Session, character: Character) -> Response:
    """Return a character in full, with its ETag."""
    shown = show_character(
        character, characters.load_card(session, character), characters.show_counts(session, character)
    )
    return with_etag(CharacterSchema().dump(shown), character.version, marks_of(character))


@blueprint.post("/<character_id>/regenerate")
@blueprint.arguments(RegenerateSchema(policy=why_refused))
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
        ways = {name: body[name] for name in ("priority", "callback_url")}
        job, message = jobs.open_job(session, g.owner_id, new, request_id=g.request_id, **ways)
        return accept(job, [message])

    return answer_once(make)


def _still_there(session: db.Session, profile_id: str | None) -> str | None:
    """Return the profile that a card was made with, if it can still be written by."""
    return profile_id if profile_id and profiles.current_versions(session, g.owner_id, {profile_id}) else None


@blueprint.get("/<character_id>/download/<format_name>")
@blueprint.response(200, BINARY, content_type="application/json")
@blueprint.doc(responses=media(*(format_.media_type for format_ in FORMATS.values())))
def download(character_id: str, format_name: str) -> Response:
    """Download a character as a file, rendered from what it is now."""
    try:
        format_ = known(FORMATS, format_name)
        with db.transaction() as session:
            character = characters.find_character(session, g.owner_id, character_id=character_id)
            card = characters.load_card(session, character)
            files = characters.load_media(session, character, files=format_.pictured)
        content = render(card, format_name, files)
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
@blueprint.response(200, BINARY, content_type="image/png")
def portrait(character_id: str) -> Response:
    """See a character's portrait."""
    with db.transaction() as session:
        character = characters.find_character(session, g.owner_id, character_id=character_id)
        card = characters.load_card(session, character)
        files = characters.load_media(session, character, files=False)
    stem = file_name("{character_name}", {"character_name": card.name})
    return send(picture(card, files), f"{stem}.png", "image/png", inline=True)


@blueprint.put("/<character_id>/portrait")
@blueprint.doc(requestBody=body(pictures=True, example={"style": "tarot"}, portrait=BINARY))
@blueprint.response(200, CharacterSchema)
def set_portrait(character_id: str) -> Any:
    """Give a character a picture; needs If-Match.

    One of your own (PNG, JPEG, WebP or GIF, as the body or as a file of multipart/form-data), or JSON with the `style`
    to draw one in.
    """
    with db.transaction() as session:
        characters.require_character(session, g.owner_id, character_id)
    expected = expected_version()
    image, style = asked_portrait()  # decoded with no transaction open
    with db.transaction() as session:
        return show(session, characters.set_portrait(session, g.owner_id, character_id, expected, image, style))


def asked_portrait() -> tuple[bytes | None, str | None]:
    """Return the picture that was sent, checked and as PNG, or the style to draw one in."""
    if request.is_json:
        return None, str(Parser().parse(PortraitSchema(), request)["style"])
    try:
        return read_picture(sent_picture()), None
    except CardError as error:
        raise Invalid(str(error), code="INVALID_PICTURE", details={"portrait": [str(error)]}) from error


def sent_picture() -> bytes:
    """Return the one file that was sent; raises `Invalid` for none, or several."""
    if request.mimetype != "multipart/form-data":
        return request.get_data()
    files = [file for _, file in request.files.items(multi=True)]
    if len(files) != 1:
        raise Invalid(
            f"There are {len(files)} files; send one picture.",
            code="INVALID_PICTURE",
            details={"portrait": ["Send one picture, as a file of the form."]},
        )
    return files[0].read()


@blueprint.get("/<character_id>/lint")
@blueprint.response(200, LintSchema)
def lint(character_id: str) -> Any:
    """Check a character by the rubric, against its source where a job of ours made it."""
    with db.transaction() as session:
        character = characters.find_character(session, g.owner_id, character_id=character_id)
        card = characters.load_card(session, character)
        origin = jobs.origin_of(session, character.job_id)
    return show_lint(judge(card, origin))
