"""Files that come in: each read by its bytes, stored, and told apart from those that came before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest

import logs
from api import links
from api.idempotency import Answer
from api.json import UNSTORABLE
from cards.errors import CardError
from cards.files import Reading, read_file
from models import db
from models.errors import Invalid
from models.services import imports
from models.services.imports import Imported
from schemas.imports import ImportListSchema

log = logs.get(__name__)

MOST_FILES = 100
BODY = "body"  # what a file is called that came without a name
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("format", "name", "character_id", "book_id", "url", "duplicate_of")),
    "warnings": [],
    "deviations": [],
}


def import_all(session: db.Session, owner_id: str, files: Iterator[tuple[str, bytes]], *, twice: bool) -> Answer:
    """Import files one by one and return what became of each; raises `Invalid` when not one could be read.

    ``twice``: also those that were imported before. One transaction for all, so that an Idempotency-Key covers them.
    """
    if not twice:
        imports.hold_imports(session, owner_id)
    results = [import_file(session, owner_id, name, content, twice=twice) for name, content in files]
    told = [result["status"] for result in results]
    if set(told) == {"failed"}:
        raise all_failed(results)
    new = [result["url"] for result in results if result["status"] == "imported"]
    shown = {"results": results, **{status: told.count(status) for status in ("imported", "skipped", "failed")}}
    location = new[0] if len(results) == len(new) == 1 else ""
    return Answer(ImportListSchema().dump(shown), location, status=201 if new else 200)


def uploads() -> Iterator[tuple[str, bytes]]:
    """Yield each file that was sent, by name; raises `Invalid` when there is none or there are too many."""
    if request.mimetype != "multipart/form-data":
        content = request.get_data()
        if not content:
            raise BadRequest("The body is empty: send files as multipart/form-data, or one card as JSON.")
        yield BODY, content
        return
    files = [file for _, file in request.files.items(multi=True)]
    if not 0 < len(files) <= MOST_FILES:
        raise Invalid(
            f"There are {len(files)} files; send 1 to {MOST_FILES}.",
            details={"files": [f"Send 1 to {MOST_FILES} files, each as a part of its own."]},
        )
    for number, file in enumerate(files, start=1):
        yield UNSTORABLE.sub("\ufffd", file.filename or f"file {number}"), file.read()


def import_file(session: db.Session, owner_id: str, name: str, content: bytes, *, twice: bool) -> dict[str, Any]:
    """Import one file and return what became of it."""
    try:
        reading = named(read_file(content), name)
    except CardError as error:
        return failed(name, "UNREADABLE", str(error))
    try:
        with session.begin_nested():
            stored = imports.store(session, owner_id, reading, content, twice=twice)
    except db.Trouble as error:
        if db.is_away(error):
            raise
        log.exception("import_not_stored", exc_info=error)
        return failed(name, "NOT_STORED", "it was read but could not be stored; the request id finds it in the log")
    return show_import(name, reading, stored)


def failed(name: str, code: str, message: str) -> dict[str, Any]:
    """Return the result of a file that could not be imported."""
    return {"file": name, "status": "failed", "error": {"code": code, "message": message}, **NOTHING}


def all_failed(results: list[dict[str, Any]]) -> Invalid:
    """Return the error for files of which not one could be imported."""
    first = results[0]["error"]["message"]
    return Invalid(
        f"None of {len(results)} files could be imported. The first: {first}"
        if len(results) > 1
        else f"The file cannot be imported: {first}",
        code="IMPORT_FAILED",
        details={
            f"files.{number}": [f"{result['file']}: {result['error']['message']}"]
            for number, result in enumerate(results)
        },
    )


def named(reading: Reading, file: str) -> Reading:
    """Return the reading with a name for a book that has none: SillyTavern keeps it in the name of the file only."""
    if reading.book is None or reading.book.name.strip():
        return reading
    stem = PurePosixPath(file.replace("\\", "/")).stem if file != BODY else ""
    return replace(reading, book=replace(reading.book, name=stem[:200] or "Lorebook"))


def show_import(name: str, reading: Reading, stored: Imported) -> dict[str, Any]:
    """Return what became of a file that could be read, and what was odd about it."""
    is_card = stored.character_id is not None
    return {
        "file": name,
        "status": "imported" if stored.stored else "skipped",
        "error": None,
        "url": links.character(stored.character_id or "") if is_card else links.book(stored.book_id or ""),
        **vars(stored),
        "format": reading.format,
        "warnings": [*reading.warnings, *told_twice(stored)],
        "deviations": [deviation.to_dict() for deviation in reading.deviations],
    }


def told_twice(stored: Imported) -> Iterator[str]:
    """Yield a warning about a file that was imported before."""
    if stored.duplicate_of is not None:
        now = "it is there twice now" if stored.stored else "nothing new was stored"
        yield f"this very file was imported before, as {stored.duplicate_of}: {now}"
