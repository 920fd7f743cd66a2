"""The OpenAPI document, made whole: what views do that their decorators do not say is added here, for all alike."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from api import auth, traits
from api.files import BINARY
from api.traits import Traits
from cards.formats import BOOK_FORMATS, FORMATS
from schemas.codes import BY_CODE, CODES

Document = dict[str, Any]

EVENTS = "text/event-stream"
TEXT: Document = {"type": "string"}
WHOLE: Document = {"type": "integer", "minimum": 0}
HEADERS: Mapping[str, tuple[str, Document]] = {
    "X-Request-ID": ("The request's id: the caller's own if it is one, else a new one.", TEXT),
    "RateLimit-Limit": ("Requests of this kind that the key may make in one window.", WHOLE),
    "RateLimit-Remaining": ("How many of them are left.", WHOLE),
    "RateLimit-Reset": ("Seconds until the window begins anew.", WHOLE),
    "RateLimit-Policy": ("The limit and its window in seconds, as `60;w=60`.", TEXT),
    "Retry-After": ("Seconds to wait before asking again.", WHOLE),
    "ETag": ("The version of what was answered, for If-None-Match and If-Match.", TEXT),
    "Location": ("Where to find what was made.", TEXT),
    "Idempotency-Replayed": ("`true` when this is the answer to the first request with this Idempotency-Key.", TEXT),
    "WWW-Authenticate": ("How to authenticate.", TEXT),
}
COUNTED = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
PARAMETERS: Mapping[str, Document] = {
    "X-Request-ID": {
        "description": "An id of your own for this request: 1 to 100 of letters, digits and `._:-`. In the place of "
        "anything else one is made.",
        "schema": TEXT,
        "example": "nightly-42",
    },
    "Idempotency-Key": {
        "description": "Any text of your own, such as a UUID. The same request with the same key does its work once, "
        "and is answered again for 24 hours as it was first.",
        "schema": TEXT | {"minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    },
    "If-Match": {
        "description": "The ETag of the version that this changes; `*` for any.",
        "required": True,
        "schema": TEXT,
        "example": '"v3"',
    },
    "If-None-Match": {
        "description": "The ETag that you have: when it still is the newest, the answer is 304 without a body.",
        "schema": TEXT,
        "example": '"v3"',
    },
}
CONFLICT: Document = {
    "current_version": {"type": "integer"},
    "your_version": {"type": "integer"},
    "updated_by": {"type": ["string", "null"], "description": "The key that it was edited with."},
    "updated_at": {"type": "string", "format": "date-time"},
}
NOUNS = {"characters": "CHARACTER", "character-books": "BOOK", "profiles": "PROFILE"}
HEALTH = {"name": "health", "description": "Is it alive, can it work, how does it do. Needs no key."}


def complete(document: Document, app: Flask) -> Document:
    """Return the document with all that holds for each operation; ``document`` is what the decorators say."""
    document = plain(document)
    add_health(document, app)
    add_components(document["components"])
    views = {(template(rule), method): rule.endpoint for rule in app.url_map.iter_rules() for method in methods(rule)}
    for path, method, operation in operations(document):
        endpoint = views[path, method]
        view = traits.of_view(app.view_functions[endpoint])
        operation["operationId"] = re.sub(r"\W", "_", endpoint)
        if endpoint in auth.OPEN_ENDPOINTS:
            operation["security"] = []
        add_parameters(operation, method, view, is_open=endpoint in auth.OPEN_ENDPOINTS)
        add_statuses(document, operation, path, method, view, is_open=endpoint in auth.OPEN_ENDPOINTS)
        add_headers(operation, method, view, is_open=endpoint in auth.OPEN_ENDPOINTS)
        add_example(document, operation)
    tell_examples(document)
    add_links(document)
    return document


def plain(value: Any) -> Any:
    """Return a copy in which Decimals are JSON numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def template(rule: Rule) -> str:
    """Return a rule's path as OpenAPI writes it."""
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)


def methods(rule: Rule) -> list[str]:
    """Return the methods of a rule that do something of their own."""
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield path, method (upper case) and operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method.upper(), operation


def add_health(document: Document, app: Flask) -> None:
    """Document what has no blueprint of flask-smorest: health and metrics."""
    document["tags"].append(HEALTH)
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(("/health/", "/metrics")) or template(rule) in document["paths"]:
            continue
        summary = (app.view_functions[rule.endpoint].__doc__ or rule.endpoint).split("\n")[0]
        media = "text/plain" if rule.rule.startswith("/metrics") else "application/json"
        content = {media: {"schema": TEXT if media == "text/plain" else {"type": "object"}}}
        answers = {"200": {"description": "OK", "content": content}}
        if rule.rule == "/health/ready":
            answers["503"] = {"description": "A part is missing: `failing` names it.", "content": content}
        document["paths"][rule.rule] = {"get": {"tags": ["health"], "summary": summary, "responses": answers}}


def add_components(components: Document) -> None:
    """Add headers, parameters, and an example of every error."""
    components["headers"] = {name: {"description": says, "schema": schema} for name, (says, schema) in HEADERS.items()}
    components["parameters"] = {name: {"name": name, "in": "header", **one} for name, one in PARAMETERS.items()}
    components["parameters"]["If-Match-optional"] = {**components["parameters"]["If-Match"], "required": False}
    components["schemas"]["Error"]["required"] = ["error", "message", "details", "request_id"]
    error = components["schemas"]["Error"]
    components["schemas"]["VersionConflict"] = {
        **error,
        "description": "What was edited is not the newest version: who edited it, and when.",
        "required": [*error["required"], *CONFLICT],
        "properties": error["properties"] | CONFLICT,
    }
    components["examples"] = {one.code: {"summary": one.when, "value": example_of(one.code)} for one in CODES}
    components["responses"] = {}


def example_of(code: str) -> Document:
    """Return an error answer with a code."""
    one = BY_CODE[code]
    value: Document = {"error": code, "message": f"{one.when} {one.remedy}", "details": {}, "request_id": "nightly-42"}
    if one.status == 422:
        value["details"] = {"generations.3.options.temperature": ["Has to be 0 to 2."]}
    if one.status == 412:
        value |= {"current_version": 5, "your_version": 3, "updated_by": "key_0193f0c2"}
        value |= {"updated_at": "2026-11-25T12:00:00.000Z"}
    return value


def add_parameters(operation: Document, method: str, view: Traits, *, is_open: bool) -> None:
    """Add the headers that an operation heeds, and let no parameter be null, which no address can say."""
    found = operation.setdefault("parameters", [])
    for one in found:
        schema = one.get("schema", {})
        if isinstance(schema.get("type"), list):
            schema["type"] = next(kind for kind in schema["type"] if kind != "null")
            schema["enum"] = [value for value in schema.get("enum", ()) if value is not None]
            if not schema["enum"]:
                del schema["enum"]
        if schema.get("default", "") is None:
            del schema["default"]
    heeded = {
        "X-Request-ID": True,
        "Idempotency-Key": view.repeatable,
        "If-Match": view.guarded,
        "If-Match-optional": view.guardable,
        "If-None-Match": is_tagged(operation, method, view) and not is_open,
    }
    found += [{"$ref": f"#/components/parameters/{name}"} for name, is_heeded in heeded.items() if is_heeded]


def is_tagged(operation: Document, method: str, view: Traits) -> bool:
    """Say whether an answer has an ETag, and may be 304: by the view, or since it is JSON that was read."""
    content = operation["responses"].get("200", {}).get("content", {})
    return method == "GET" and (view.tagged or "application/json" in content)


def add_statuses(
    document: Document, operation: Document, path: str, method: str, view: Traits, *, is_open: bool
) -> None:
    """Add every status that an operation can answer with."""
    answers = operation["responses"]
    for status in ("default", "422"):  # flask-smorest's own
        if status in answers and "$ref" in answers[status]:
            del answers[status]
    if is_tagged(operation, method, view) and not is_open:
        answers["304"] = {"description": "You have the newest."}
    for answer in answers.values():
        if "$ref" not in answer:
            answer.setdefault("description", "OK")
            name_formats(answer, path)
            if EVENTS in answer.get("content", {}):
                answer["content"][EVENTS]["schema"] = {}  # of one event there is no saying in OpenAPI 3.1
    for number, codes in refusals(operation, path, view, is_open=is_open).items():
        if str(number) not in answers:
            answers[str(number)] = {"$ref": refer(document["components"]["responses"], number, codes)}
    operation["responses"] = dict(sorted(answers.items()))


def name_formats(answer: Document, path: str) -> None:
    """Name the types of a file that has the format which the path names."""
    content = answer.get("content", {})
    if path.endswith("/download/{format_name}") and any(one["schema"] == BINARY for one in content.values()):
        formats = BOOK_FORMATS if "/character-books/" in path else FORMATS
        kinds = {format_.media_type.partition(";")[0] for format_ in formats.values()}
        answer["content"] = {kind: {"schema": {} if kind == "application/json" else BINARY} for kind in sorted(kinds)}


def refusals(operation: Document, path: str, view: Traits, *, is_open: bool) -> dict[int, list[str]]:
    """Return the codes of the errors that an operation can answer with, by status."""
    codes = {"VALIDATION_ERROR", "BUSY"}
    if not is_open:
        codes |= {"UNAUTHENTICATED", "FORBIDDEN", "RATE_LIMITED", "SERVICE_UNAVAILABLE"}
    if "{" in path:
        codes.add("NOT_FOUND")
    if "query" in view.arguments:
        codes.add("URI_TOO_LONG")
    if "requestBody" in operation:
        codes |= {"BAD_REQUEST", "REQUEST_TIMEOUT", "TOO_LARGE"}
    if "json" in view.arguments:
        codes.add("UNSUPPORTED_MEDIA_TYPE")
    if view.guarded or view.guardable:
        codes.add("PRECONDITION_REQUIRED")
    if "StaleVersion" in view.raises:
        codes |= {f"{noun}_VERSION_CONFLICT" for part, noun in NOUNS.items() if f"/{part}/" in path}
    if "QuotaExceeded" in view.raises:
        codes.add("QUOTA_EXCEEDED")
    if not is_open:
        codes |= view.codes & BY_CODE.keys()
    found: dict[int, list[str]] = {}
    for one in CODES:
        if one.code in codes:
            found.setdefault(one.status, []).append(one.code)
    return found


def refer(responses: Document, status: int, codes: list[str]) -> str:
    """Return the reference of an error answer, described once for all operations that have it."""
    name = "-".join([str(status), *codes])
    schema = "VersionConflict" if status == 412 else "Error"
    responses[name] = {
        "description": " ".join(f"`{code}`: {BY_CODE[code].when}" for code in codes),
        "content": {
            "application/json": {
                "schema": {"$ref": f"#/components/schemas/{schema}"},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
        "headers": headers("X-Request-ID", *extra_headers(status)),
    }
    return f"#/components/responses/{name}"


def extra_headers(status: int) -> tuple[str, ...]:
    """Return the headers that an error of a status has beside the request's id."""
    if status == HTTPStatus.UNAUTHORIZED:
        return ("WWW-Authenticate",)
    return ("Retry-After", *COUNTED) if status == 429 else ("Retry-After",) if status == 503 else COUNTED


def headers(*names: str) -> Document:
    """Return references to headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def add_headers(operation: Document, method: str, view: Traits, *, is_open: bool) -> None:
    """Add the headers of good answers."""
    for status, answer in operation["responses"].items():
        if status[0] in "23" and "$ref" not in answer:
            names = ["X-Request-ID", *(() if is_open else COUNTED)]
            names += ["ETag"] if view.tagged or (is_tagged(operation, method, view) and not is_open) else []
            names += ["Location", "Idempotency-Replayed"] if view.repeatable else []
            names += ["Location"] if status == "201" and not view.repeatable else []
            answer["headers"] = headers(*names) | answer.get("headers", {})


def add_example(document: Document, operation: Document) -> None:
    """Give a JSON body an example, made of its fields' examples, where its author gave none."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body and not {"example", "examples"} & body.keys():
        made = sample(document, body["schema"])
        if made or resolve(document, body["schema"]).get("properties"):
            body["example"] = made


def tell_examples(document: Document) -> None:
    """Put the examples of parameters that may be left out into words: the page would fill them in, and send them.

    A list would be filtered by the example, and a second try answered by its Idempotency-Key.
    """
    lists = [operation.get("parameters", []) for _, _, operation in operations(document)]
    for one in itertools.chain(document["components"]["parameters"].values(), *lists):
        holder = one if "example" in one else one.get("schema", {})
        if "example" in holder and not one.get("required"):
            example = holder.pop("example")
            first = example[0] if isinstance(example, list) else example
            one["description"] = f"{one.get('description', '')} Such as `{first}`.".strip()


def sample(document: Document, schema: Document) -> Any:
    """Return a value of a schema: its example, else what has to be there or has an example."""
    schema = resolve(document, schema)
    if "example" in schema or "default" in schema:
        return schema.get("example", schema.get("default"))
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "array":
        return [sample(document, schema["items"])] if schema.get("minItems") or has_example(document, schema) else []
    if kind == "object":
        needed = schema.get("required", ())
        return {
            name: sample(document, part)
            for name, part in schema.get("properties", {}).items()
            if name in needed or has_example(document, part)
        }
    return "text" if kind == "string" else True if kind == "boolean" else schema.get("minimum", 1)


def has_example(document: Document, schema: Document) -> bool:
    """Say whether a field, or what a list holds, says itself how it may look."""
    schema = resolve(document, schema)
    return "example" in schema or "example" in resolve(document, schema.get("items", {}))


def resolve(document: Document, schema: Document) -> Document:
    """Return a schema that a reference stands for, with what stands beside the reference."""
    if "allOf" in schema and len(schema["allOf"]) == 1:
        schema = {**schema["allOf"][0], **schema}
    if "$ref" not in schema:
        return schema
    beside = {name: part for name, part in schema.items() if name not in ("$ref", "allOf")}
    return {**document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], **beside}


def add_links(document: Document) -> None:
    """Link what makes something with all that can be done with it."""
    everything = list(operations(document))
    for path, method, operation in everything:
        for status in {"200", "201", "202"} & operation["responses"].keys():
            answer = operation["responses"][status]
            if method == "POST" and (found := dict(links(document, everything, path, answer))):
                answer["links"] = found


def links(
    document: Document, everything: list[tuple[str, str, Document]], path: str, answer: Document
) -> Iterator[tuple[str, Document]]:
    """Yield the links of an answer: to each operation whose path can be filled from it."""
    known = values(document, path, answer)
    for target, method, operation in everything:
        wanted = re.findall(r"{(\w+)}", target)
        if wanted and target != path and set(wanted) <= known.keys() and "$response" in known[wanted[-1]]:
            parameters = {f"path.{name}": known[name] for name in wanted}
            if {"$ref": "#/components/parameters/If-Match"} in operation["parameters"]:
                parameters["header.If-Match"] = "$response.header.ETag" if "ETag" in answer["headers"] else "*"
            says = operation.get("summary", method)
            yield (
                operation["operationId"],
                {
                    "operationId": operation["operationId"],
                    "description": says,
                    "parameters": parameters,
                },
            )


def values(document: Document, path: str, answer: Document) -> dict[str, str]:
    """Return what an answer and its request say about path parameters, as runtime expressions."""
    own = re.findall(r"{(\w+)}", path)
    known = {name: f"$request.path.{name}" for name in own}
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    properties = resolve(document, schema).get("properties", {})
    inner = [other for other in document["paths"] if re.fullmatch(re.escape(path) + r"/{\w+}", other)]
    noun = re.findall(r"{(\w+)}", inner[0])[-1] if inner else own[-1] if own else None
    made = [name for name in properties if name.endswith("_id")]
    if noun and "id" in properties:
        known[noun] = "$response.body#/id"
    elif made:
        name = noun if noun in made else made[0]
        known[name] = f"$response.body#/{name}"
    return known
