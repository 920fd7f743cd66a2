"""Every operation of the API has a method, and every method asks for what the document has: path, query, body."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from flask.testing import FlaskClient

from cardforge_client import Cardforge, Download, Events, Rows
from cardforge_client.noun import Noun
from tests.client.server import Answer, Request, Script, events, say

NOUNS = (
    "batches",
    "items",
    "jobs",
    "logs",
    "characters",
    "books",
    "entries",
    "profiles",
    "versions",
    "models",
    "keys",
    "deliveries",
)
ANSWER = {noun: [] for noun in NOUNS} | {
    "options": [],
    "results": [{}],
    "status": "completed",
    "deleted": 1,
    "more": False,
    "key": "k",
}
# What the document has and the client has not: what another program of the operator's asks for.
NOT_FOR_CLIENTS = {"GET /metrics"}


def answer(request: Request) -> Answer:
    if request.path.endswith("/events"):
        return events((1, "done", {}))
    return Answer(200, {}, b"{}\n") if request.path.endswith("/results") else say(ANSWER)


BY_NAME: dict[str, Any] = {"generations": [{"source_material": "x"}], "files": [("a.json", b"{}")]}
BY_TYPE: dict[Any, Any] = {str: "x", int: 3, bool: True, float: 1.0, bytes: b"x"}


def made_up(name: str, hint: Any) -> Any:
    """A value for a parameter, by its type."""
    origin, options = get_origin(hint), [each for each in get_args(hint) if each is not type(None)]
    if origin is Literal:
        return options[0]
    if name not in BY_NAME and origin in {Union, types.UnionType}:
        return made_up(name, bytes if bytes in options else options[0])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {}
    return BY_NAME.get(name) or BY_TYPE.get(hint) or (["x"] if origin else "x")


def arguments(method: Any) -> dict[str, Any]:
    """Every argument that a method takes, made up."""
    hints = get_type_hints(method)
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            found[name] = made_up(name, hints[name])
        elif options := [each for each in get_args(hints[name]) if is_typeddict(each)]:
            found |= {key: made_up(key, hint) for key, hint in get_type_hints(options[0]).items()}
    return found


def methods(forge: Cardforge) -> Iterator[Any]:
    """Every public method of the client and its nouns."""
    nouns = [each for each in vars(forge).values() if isinstance(each, Noun)]
    for thing in nouns:
        yield from (getattr(thing, name) for name in vars(type(thing)) if not name.startswith("_"))


def use(result: Any) -> None:
    """Have what is fetched only when it is asked for fetched."""
    if isinstance(result, Download):
        result.read()
    elif isinstance(result, (Rows, Events, Iterator)):
        list(result)


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    return dict(client.get("/api/v2/openapi.json").get_json())


@pytest.fixture
def asked(forge: Cardforge, script: Script) -> list[Request]:
    """What every method with every argument asks for."""
    script.other = answer
    for method in methods(forge):
        use(method(**arguments(method)))
    return script.requests


def operation_of(document: dict[str, Any], request: Request) -> tuple[str, dict[str, Any]]:
    """The operation that a request is of: fixed paths go before those with ids."""
    for path in sorted(document["paths"], key=lambda path: path.count("{")):
        pattern = re.sub(r"\{[^}]+\}", "(x|3)", path)  # made-up ids; a word of the path is none
        if re.fullmatch(pattern, request.path) and request.method.lower() in document["paths"][path]:
            found = document["paths"][path]
            return f"{request.method} {path}", {**found, **found[request.method.lower()]}
    return f"{request.method} {request.path} (not in the document)", {}


def operations(document: dict[str, Any]) -> set[str]:
    words = {"get", "post", "put", "patch", "delete"}
    found = {f"{word.upper()} {path}" for path, item in document["paths"].items() for word in item if word in words}
    return found - NOT_FOR_CLIENTS


def properties(document: dict[str, Any], schema: dict[str, Any]) -> set[str] | None:
    """The fields of a body; None where any are taken."""
    if "$ref" in schema:
        return properties(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    for each in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if found := properties(document, each):
            return found
    return set(schema["properties"]) if "properties" in schema else None


def resolved(document: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    name = parameter.get("$ref", "").rsplit("/", 1)[-1]
    return dict(document["components"]["parameters"][name]) if name else parameter


def test_each_operation_has_a_method(document: dict[str, Any], asked: list[Request]) -> None:
    assert operations(document) - {operation_of(document, request)[0] for request in asked} == set()


def test_what_is_asked_is_in_the_document(document: dict[str, Any], asked: list[Request]) -> None:
    wrong = []
    for request in asked:
        name, operation = operation_of(document, request)
        wrong += [] if operation else [name]
        parameters = [resolved(document, each) for each in operation.get("parameters", [])]
        known = {each["name"] for each in parameters if each["in"] == "query"}
        wrong += [f"{name}: no query parameter {each}" for each in request.query if each not in known]
        media = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if request.headers.get("content-type") == "application/json":
            fields = properties(document, media["schema"]) if media else set()
            wrong += [f"{name}: no field {each}" for each in request.json if fields is not None and each not in fields]
    assert wrong == []


def test_what_makes_something_goes_under_a_key_of_its_own(document: dict[str, Any], asked: list[Request]) -> None:
    wrong = []
    for request in asked:
        name, operation = operation_of(document, request)
        parameters = [resolved(document, each) for each in operation.get("parameters", [])]
        taken = any(each["name"] == "Idempotency-Key" for each in parameters)
        if taken != ("idempotency-key" in request.headers):
            wrong.append(f"{name}: {'takes' if taken else 'takes no'} Idempotency-Key")
    assert wrong == []
