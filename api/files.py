"""Files on their way out: as attachments, with a name, an ETag and nothing for a browser to guess."""

from __future__ import annotations

import hashlib
from io import BytesIO

from flask import request, send_file
from werkzeug.wrappers import Response


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
    return response.make_conditional(request)
