"""The Studio page at `/`, and its files under an address of their content: read and packed once, sent from memory."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Flask, current_app, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

ROOT = Path(__file__).resolve().parent.parent / "web"
PAGE = "index.html"
PLACE = "{{studio}}"  # in the page: where its files are
TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Scripts from files of ours only, and no text is ever taken for markup: Trusted Types make the browser refuse it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"  # kept, and used when the ETag still holds

blueprint = Blueprint("web", __name__)


@dataclass(frozen=True)
class File:
    """One file as it is sent: as it is, and packed with gzip."""

    content: bytes
    packed: bytes
    media_type: str
    tag: str


@dataclass(frozen=True)
class Studio:
    """The page and its files by name; ``version`` is a digest of them all."""

    version: str
    page: File
    files: Mapping[str, File]


def register(app: Flask) -> None:
    """Read the page's files, and serve them."""
    app.extensions["studio"] = load(ROOT)
    app.register_blueprint(blueprint)


def load(root: Path) -> Studio:
    """Return the page that a folder holds."""
    found = {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.suffix in TYPES}
    digest = hashlib.sha256()
    for name, content in found.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    version = digest.hexdigest()[:12]
    page = found.pop(PAGE).replace(PLACE.encode(), f"/studio/{version}".encode())
    return Studio(version, make(PAGE, page), {name: make(name, content) for name, content in found.items()})


def make(name: str, content: bytes) -> File:
    """Return a file ready to be sent."""
    media_type = TYPES[Path(name).suffix]
    return File(content, gzip.compress(content, mtime=0), media_type, hashlib.sha256(content).hexdigest()[:20])


@blueprint.get("/")
def page() -> Response:
    """Show the Studio. Needs no key: the page asks for one."""
    return send(current_app.extensions["studio"].page, ASK_AGAIN)


@blueprint.get("/studio/<version>/<path:name>")
def asset(version: str, name: str) -> Response:
    """Serve a file of the Studio. One that another version of the page asks for is not kept under that address."""
    studio: Studio = current_app.extensions["studio"]
    if name not in studio.files:
        raise NotFound
    return send(studio.files[name], FOREVER if version == studio.version else ASK_AGAIN)


def send(file: File, keep: str) -> Response:
    """Return a file, packed for whoever can unpack it, or 304."""
    packed = request.accept_encodings["gzip"] > 0
    response = current_app.response_class(file.packed if packed else file.content, mimetype=file.media_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = keep
    response.headers["Content-Security-Policy"] = POLICY
    response.set_etag(f"{file.tag}-gz" if packed else file.tag)
    return response.make_conditional(request)
