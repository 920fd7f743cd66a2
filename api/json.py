"""JSON in and out: strict on the way in, readable on the way out."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import marshmallow
from flask import Request
from flask.json.provider import DefaultJSONProvider
from flask_smorest import Blueprint as SmorestBlueprint
from webargs.core import missing
from webargs.flaskparser import FlaskParser, is_json_request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from models.errors import Invalid

# What JSON can say and PostgreSQL cannot hold: NUL, and halves of surrogate pairs.
MOST_DEPTH = 100  # as for files: what is deeper could not be imported again
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class JSONProvider(DefaultJSONProvider):
    """Answers keep their order and their letters."""

    sort_keys = False
    ensure_ascii = False


def read_json(data: bytes) -> Any:
    """Return the JSON in ``data``; raises `BadRequest` for what is not JSON and `Invalid` for what cannot be stored."""
    try:
        value = json.loads(
            data.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole
        )
        _refuse_unstorable(value, "", 0)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadRequest(f"The body is not valid JSON: {why}.") from error
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


def _whole(digits: str) -> int:
    _finite(digits)  # what no double holds, no other program reads
    return int(digits)


def _refuse_unstorable(value: Any, path: str, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise ValueError(f"it is nested more than {MOST_DEPTH} levels deep")
    if isinstance(value, str) and UNSTORABLE.search(value):
        raise Invalid(
            "The body holds characters that cannot be stored.",
            details={UNSTORABLE.sub("\ufffd", path): ["Holds NUL or half of a surrogate pair: take it out."]},
        )
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in pairs:
        inner = f"{path}.{name}" if path else str(name)
        _refuse_unstorable(name, inner, depth + 1)
        _refuse_unstorable(part, inner, depth + 1)


class Parser(FlaskParser):
    """Reads bodies with `read_json`, and refuses unknown query parameters as it refuses unknown fields."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": marshmallow.RAISE}  # noqa: RUF012

    def load_querystring(self, req: Request, schema: marshmallow.Schema) -> Any:
        """Return the query; refuses a parameter that is there twice and takes one value: either may be meant."""
        single = {name for name, field in schema.load_fields.items() if not isinstance(field, marshmallow.fields.List)}
        twice = [name for name, values in req.args.lists() if len(values) > 1 and name in single]
        if twice:
            raise marshmallow.ValidationError({name: ["Given more than once: this takes one value."] for name in twice})
        return super().load_querystring(req, schema)

    def _raw_load_json(self, req: Request) -> Any:
        data = req.get_data(cache=True)
        if not data:
            return missing
        if not is_json_request(req):
            raise UnsupportedMediaType("Send the body as application/json.")
        return read_json(data)


class Blueprint(SmorestBlueprint):
    """A noun's routes."""

    ARGUMENTS_PARSER = Parser()
