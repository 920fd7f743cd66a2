"""The OpenAPI document and its page, with assets of our own serving."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources

import flask_smorest
from flask import Blueprint, Response, current_app, json, send_from_directory

from api import openapi
from schemas.common import ErrorSchema

INTRODUCTION = """\
Turns source material into role-play character cards, in bulk.

1. `POST /batch-generations` with one or more pieces of source material; it answers at once with a `status_url`.
2. Poll the `status_url` until the batch is `completed`.
3. Download each item's files: JSON, V2, and PNG cards that SillyTavern, RisuAI, agnai and Chub open.

Every call but this page needs an API key: `Authorization: Bearer cf_...` (press *Authorize* to try calls here).
"""

CONFIG = {
    "API_TITLE": "Cardforge",
    "API_VERSION": "2.0",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api/v2",
    "OPENAPI_JSON_PATH": "openapi.json",
    "OPENAPI_SWAGGER_UI_PATH": "docs",
    "OPENAPI_SWAGGER_UI_URL": "/api/v2/docs/assets/",
    "OPENAPI_SWAGGER_UI_CONFIG": {
        "tryItOutEnabled": True,
        "persistAuthorization": True,
        "docExpansion": "list",
    },
    "API_SPEC_OPTIONS": {
        "info": {"description": INTRODUCTION},
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {"header": []}],
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "bearerFormat": "cf_..."},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            }
        },
    },
}


class Api(flask_smorest.Api):
    """The API as flask-smorest documents it, with errors of our one shape."""

    ERROR_SCHEMA = ErrorSchema
    _whole = ""

    def _openapi_json(self) -> Response:
        """Serve the document, made once: no view changes while the process runs."""
        self._whole = self._whole or json.dumps(openapi.complete(self.spec.to_dict(), current_app), indent=1)
        return current_app.response_class(self._whole, mimetype="application/json")

    def _openapi_swagger_ui(self) -> Response:
        """Show the page, under a policy that lets it do what it does and no more."""
        page = str(super()._openapi_swagger_ui())
        response = current_app.response_class(page, mimetype="text/html")
        response.headers["Content-Security-Policy"] = policy_of(page)
        return response


def policy_of(page: str) -> str:
    """Return the policy of the documentation page: its own files, and the inline script that it comes with.

    Its styles are set from scripts all over, so those are not looked at one by one.
    """
    digests = (hashlib.sha256(script.encode()).digest() for script in INLINE.findall(page))
    inline = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'self' {inline}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


INLINE = re.compile("<script>(.*?)</script>", re.DOTALL)


ASSETS = str(resources.files("swagger_ui").joinpath("static"))

blueprint = Blueprint("docs", __name__, url_prefix="/api/v2/docs/assets")


@blueprint.get("/<path:name>")
def asset(name: str) -> Response:
    """Serve a file of the documentation page."""
    response = send_from_directory(ASSETS, name, max_age=86_400)
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response
