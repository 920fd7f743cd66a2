"""Bodies come in before the request takes a slot: a client that sends slowly holds up nobody but himself.

Only for callers whose key is good. How long one may take is the server's to say (`api/worker.py`).
"""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import IO

from flask import Flask, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, ClientDisconnected

from api import traits
from models.errors import Invalid

CHUNK = 64 * 1024
EMPTY = {b"", b"{}", b"null"}
IN_MEMORY = 1024 * 1024  # what is larger waits on disk: hundreds of requests may be on their way in


def register(app: Flask) -> None:
    """Receive the body of every request, and let go of it at the end."""
    app.before_request(receive)
    app.teardown_request(drop)


def receive() -> None:
    """Take in the whole body; raises what Werkzeug does for one that is too large, too short or too slow."""
    if request.endpoint is None or not (request.content_length or "Transfer-Encoding" in request.headers):
        return
    g.spool = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed when the request ends
    try:
        copy(request.stream, g.spool)
        if g.spool.tell() < (request.content_length or 0):  # the server takes the end of the line for that of the body
            raise ClientDisconnected
    except ParseException as error:
        raise BadRequest(f"The body's chunks are not as HTTP has them: {error}.") from error
    g.spool.seek(0)
    request.stream = g.spool
    refuse_unread()


def refuse_unread() -> None:
    """Refuse a body that says something where nobody reads any; an empty object is what some clients always send."""
    if request.method in traits.READING or traits.of(request.endpoint).takes_body:
        return
    if request.get_data(cache=True).strip() not in EMPTY:
        raise Invalid("This address takes no body: leave it out.", details={"body": ["Nothing here reads it."]})


def copy(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy to the end of the source."""
    while data := source.read(CHUNK):
        target.write(data)


def drop(_error: BaseException | None) -> None:
    """Let go of the body."""
    if spool := g.pop("spool", None):
        spool.close()
