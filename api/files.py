"""Files on their way out: as attachments, with a name, an ETag and nothing for a browser to guess."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

from flask import send_file
from werkzeug.wrappers import Response

from api.etags import unless_known

BINARY = {"type": "string", "format": "binary"}
OBJECT = {"description": "A card, or a lorebook, as JSON."}


def body(*, pictures: bool = False, example: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    """Return the documentation of a body that is a file: as it is, as JSON, or as ``parts`` of multipart/form-data.

    ``example`` is one of the JSON.
    """
    media = ("image/*",) if pictures else ("image/png", "application/zip", "application/yaml")
    content: dict[str, Any] = {name: {"schema": BINARY} for name in media}
    content["application/json"] = {"schema": OBJECT} | ({"example": example} if example else {})
    content["multipart/form-data"] = {"schema": {"type": "object", "properties": parts}}
    return {"required": True, "content": content}


def media(*types: str) -> dict[str, Any]:
    """Return the documentation of an answer that is a file of one of these types."""
    return {"200": {"content": {name: {"schema": BINARY} for name in types}}}


def send(content: bytes, name: str, media_type: str, *, sha256: str | None = None, inline: bool = False) -> Response:
    """Return a file for download (``inline``: to be shown), or 304 when the caller has it already."""
    response = send_file(
        BytesIO(content),
        mimetype=media_type,
        as_attachment=not inline,
        download_name=name,
        etag=sha256 or hashlib.sha256(content).hexdigest(),
        conditional=False,
    )
    response.headers["Cache-Control"] = "private, no-cache"
    return unless_known(response)
