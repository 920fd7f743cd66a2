"""Versions on the wire: an ETag on what can be edited, ``If-None-Match`` to read, ``If-Match`` to change."""

from __future__ import annotations

import re
from typing import Any

from flask import jsonify, request
from werkzeug.wrappers import Response

from models.errors import Unconditional

TAG = re.compile(r'(?:W/)?"v([0-9]{1,9})(?:-[a-z-]{1,40})?"')


def with_etag(body: Any, version: int, marks: str = "") -> Response:
    """Return the body with its version as ETag, or 304 when the caller has it already.

    ``marks`` ("-favorite") tell apart what is shown beside the versioned content; If-Match looks at the version only.
    """
    response = jsonify(body)
    response.set_etag(f"v{version}{marks}")
    response.headers["Cache-Control"] = "private, no-cache"
    return response.make_conditional(request)


def expected_version() -> int | None:
    """Return the version that ``If-Match`` names; None for ``*``, any. Raises `Unconditional` without one."""
    header = request.headers.get("If-Match", "").strip()
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


def wanted_version() -> int | None:
    """Return the version that ``If-Match`` names, where it is sent at all; None: any will do."""
    return expected_version() if "If-Match" in request.headers else None
