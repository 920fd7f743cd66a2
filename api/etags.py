"""Versions on the wire: an ETag on what can be read, ``If-None-Match`` to read it again, ``If-Match`` to change it."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

from flask import Flask, jsonify, request
from werkzeug.wrappers import Response

from models.errors import Unconditional

TAG = re.compile(r'(?:W/)?"v([0-9]{1,9})(?:-[a-z-]{1,40})?"')


def register(app: Flask) -> None:
    """Give every JSON answer to a GET an ETag; after `requests`, so that this runs before its headers are put on."""
    app.after_request(tag_answer)


def tag_answer(response: Response) -> Response:
    """Put an ETag on what has none of its own, weak since it is of what the body says; 304 when the caller has it."""
    json = response.status_code == 200 and response.mimetype == "application/json"
    if request.method not in {"GET", "HEAD"} or not request.path.startswith("/api/v2/") or not json:
        return response
    if response.is_streamed or response.direct_passthrough or "ETag" in response.headers:
        return response
    digest = hashlib.blake2b(response.get_data(), digest_size=16).hexdigest()
    response.set_etag(digest, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    if request.if_none_match.contains_weak(digest):
        response.status_code = 304
        response.set_data(b"")
    return response


def with_etag(body: Any, version: int, marks: str = "", modified: datetime | None = None) -> Response:
    """Return the body with its version as ETag, or 304 when the caller has it already.

    ``marks`` ("-favorite") tell apart what is shown beside the versioned content; If-Match looks at the version only.
    ``modified`` becomes Last-Modified; a caller who sends both is answered by the ETag, which knows more than seconds.
    """
    response = jsonify(body)
    response.set_etag(f"v{version}{marks}")
    response.last_modified = modified
    response.headers["Cache-Control"] = "private, no-cache"
    return unless_known(response)


def unless_known(response: Response) -> Response:
    """Return the answer to a reading, or 304 when the caller has it already.

    If-Match is for edits and asks nothing of a reading: Werkzeug would answer 412 with the whole body.
    """
    environ = {name: value for name, value in request.environ.items() if name != "HTTP_IF_MATCH"}
    return response.make_conditional(environ)


def emptied(version: int) -> Response:
    """Return an answer without a body, with the version of what something was taken out of."""
    response = Response(status=204)
    response.set_etag(f"v{version}")
    return response


def expected_version() -> int | None:
    """Return the version that ``If-Match`` names; None for ``*``, any. Raises `Unconditional` without one."""
    return read_version(request.headers.get("If-Match", "").strip())


def wanted_version() -> int | None:
    """Return the version that ``If-Match`` names where it is sent at all; None: any will do."""
    return read_version(request.headers.get("If-Match", "*").strip())


def read_version(header: str) -> int | None:
    """Return the version in an ``If-Match``; None for ``*``. Raises `Unconditional` for none of ours."""
    if header == "*":
        return None
    found = TAG.fullmatch(header)
    if found is None:
        wrong = f" This one is no version of ours: {header[:40]}" if header else ""
        raise Unconditional(
            f'Say which version this changes: send If-Match with the ETag of the last answer, as "v3".{wrong}',
            details={"If-Match": ['Required: the ETag that reading it gave, as "v3", or * for any.']},
        )
    return int(found[1])
