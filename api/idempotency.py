"""Idempotency-Key: a POST that starts work does it once, and answers every repetition with its first answer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Response, g, jsonify, request
from werkzeug.exceptions import BadRequest

from api.json import read_json
from models import db
from models.db import Session
from models.errors import Invalid
from models.services import idempotency
from models.services.moves import Dispatch
from tasks import dispatch

KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Answer:
    """What a view answers (``body`` as JSON), and the messages to send once it is committed.

    ``secrets`` are shown in the body of the first answer; they are not kept, and so no repetition has them.
    """

    body: Mapping[str, Any]
    location: str = ""
    sent: list[Dispatch] = field(default_factory=list)
    status: int = 202
    version: int | None = None  # of what was made, for its ETag; a replay has none, as it may have changed since
    replayed: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict)

    def respond(self) -> Response:
        """Return it as a response."""
        response = jsonify({**self.body, **self.secrets})
        response.status_code = self.status
        if self.location:
            response.headers["Location"] = self.location
        if self.version is not None:
            response.set_etag(f"v{self.version}")
        if self.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response


def answer_once(make: Callable[[Session], Answer]) -> Response:
    """Do in one transaction what ``make`` does, send what it wants sent, and respond with its answer."""
    with db.transaction() as session:
        answer = once(session, make)
    dispatch.send(answer.sent, dispatch.QUICK)
    return answer.respond()


def once(session: Session, make: Callable[[Session], Answer]) -> Answer:
    """Return what ``make`` does and answers, or what it answered when this request came before."""
    key = read_key()
    if key is None:
        return make(session)
    digest = digest_request()
    idempotency.hold_key(session, g.owner_id, key)
    kept = idempotency.find_answer(session, g.owner_id, key, digest)
    if kept is not None:
        return Answer(kept.body, kept.location, status=kept.status, replayed=True)
    answer = make(session)
    idempotency.keep_answer(session, g.owner_id, key, digest, answer.status, answer.body, answer.location)
    return answer


def read_key() -> str | None:
    """Return the request's key, bare or as a quoted string; raises `Invalid` for what is no key."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    key = given.strip().removeprefix('"').removesuffix('"')
    if not KEY.fullmatch(key):
        raise Invalid(
            "The Idempotency-Key cannot be used.",
            details={"Idempotency-Key": ["Has to be 1 to 255 visible ASCII characters, a UUID for example."]},
        )
    return key


def digest_request() -> bytes:
    """Return a digest of what is asked: method, path, query and body, whatever the order of a body's fields."""
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    asked = f"{request.method} {request.path}{query}\n".encode()
    return hashlib.sha256(asked + (digest_parts() or digest_body())).digest()


def digest_parts() -> bytes:
    """Return what a multipart body says: its files and fields, whatever the boundary; nothing for other bodies."""
    if request.mimetype != "multipart/form-data":
        return b""
    parts = [[name, *request.form.getlist(name)] for name in request.form]
    for name, file in request.files.items(multi=True):
        parts.append([name, file.filename or "", hashlib.sha256(file.stream.read()).hexdigest()])
        file.stream.seek(0)
    return json.dumps(parts).encode()


def digest_body() -> bytes:
    """Return JSON with its fields in order, and anything else as it is."""
    data = request.get_data(cache=True)
    if not data:
        return b"null"
    try:
        return json.dumps(read_json(data), sort_keys=True).encode()
    except (BadRequest, Invalid):
        return data
