"""The OpenAPI document: valid, whole, and in step with the code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from schemas.codes import BY_CODE, CODES, page
from tests.contract import Contract, escape

ROOT = Path(__file__).parents[2]


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for _, _, one in operations(document) if one["operationId"] == name)


def headers_heeded(one: dict[str, Any]) -> set[str]:
    return {parameter["$ref"].rsplit("/", 1)[1] for parameter in one["parameters"] if "$ref" in parameter}


@pytest.fixture(scope="module")
def document(contract: Contract) -> dict[str, Any]:
    return contract.document


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_every_operation_says_who_may_and_what_can_go_wrong(document: dict[str, Any]) -> None:
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    names = [one["operationId"] for _, _, one in operations(document)]
    assert len(names) == len(set(names)) > 60
    for path, method, one in operations(document):
        where = f"{method} {path}"
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", one["operationId"]), where
        assert one["summary"].strip(), where
        assert "\n" not in one["summary"], where
        assert set(one["tags"]) <= described, where
        if path.startswith("/api/"):
            assert {"401", "403", "422", "429", "503"} <= one["responses"].keys(), where
            assert ("404" in one["responses"]) == ("{" in path), where
        else:
            assert one["security"] == [], where
        if "requestBody" in one:
            assert {"400", "408", "413"} <= one["responses"].keys(), where


def test_headers_are_named_where_they_are_heeded(document: dict[str, Any]) -> None:
    found = {one["operationId"]: headers_heeded(one) for _, _, one in operations(document)}
    for name in ("batches_create", "batches_retry", "generation_generate", "jobs_retry", "characters_import_files"):
        assert "Idempotency-Key" in found[name], name
    assert "Idempotency-Key" not in found["batches_cancel"] | found["batches_estimate"]
    for name in ("profiles_replace", "profiles_edit", "profiles_delete", "books_edit", "books_add_entry"):
        assert "If-Match" in found[name], name
    assert "If-Match" not in found["profiles_create"] | found["profiles_read"]
    assert "If-None-Match" in found["profiles_read"] & found["batches_read"] & found["jobs_download"]
    assert "304" in operation(document, "jobs_read")["responses"]
    assert {"412", "428"} <= operation(document, "profiles_edit")["responses"].keys()


def test_codes_are_told_where_they_come(document: dict[str, Any]) -> None:
    def told(name: str, status: str) -> set[str]:
        reference = operation(document, name)["responses"][status]["$ref"].rsplit("/", 1)[1]
        return set(document["components"]["responses"][reference]["content"]["application/json"]["examples"])

    assert told("jobs_delete", "409") == {"JOB_NOT_TERMINAL"}
    assert told("jobs_result", "409") == {"JOB_NOT_COMPLETED"}
    assert told("generation_generate", "429") == {"RATE_LIMITED", "QUOTA_EXCEEDED"}
    assert told("jobs_read", "429") == {"RATE_LIMITED"}
    assert told("keys_revoke", "409") == {"LAST_ADMIN_KEY"}


def test_links_lead_on_and_can_be_followed(document: dict[str, Any]) -> None:
    by_name = {one["operationId"]: path for path, _, one in operations(document)}
    linked = {}
    for path, method, one in operations(document):
        for answer in one["responses"].values():
            for link in answer.get("links", {}).values():
                target = by_name[link["operationId"]]
                wanted = {f"path.{name}" for name in re.findall(r"{(\w+)}", target)}
                assert wanted <= link["parameters"].keys(), f"{method} {path} -> {link['operationId']}"
                linked.setdefault(one["operationId"], set()).add(link["operationId"])
    assert {"batches_read", "batches_list_items", "batches_cancel"} <= linked["batches_create"]
    assert {"jobs_read", "jobs_cancel"} <= linked["generation_generate"]
    assert {"profiles_read", "profiles_edit"} <= linked["profiles_create"]
    assert {"books_read", "books_edit", "books_add_entry"} <= linked["books_create"]
    assert {"keys_rotate", "keys_revoke"} <= linked["keys_create"]


def test_every_json_body_has_an_example_that_is_valid(document: dict[str, Any]) -> None:
    registry = Registry().with_resource("urn:document", Resource(document, DRAFT202012))
    checked = 0
    for path, method, one in operations(document):
        body = one.get("requestBody", {}).get("content", {}).get("application/json")
        if not body or "example" not in body:
            continue
        pointer = f"/paths/{escape(path)}/{method}/requestBody/content/application~1json/schema"
        validator = Draft202012Validator(
            {"$ref": f"urn:document#{pointer}".replace("{", "%7B").replace("}", "%7D")}, registry=registry
        )
        assert not list(validator.iter_errors(body["example"])), f"{method} {path}"
        checked += 1
    assert checked > 15


def test_nothing_that_may_be_left_out_is_filled_in_by_the_page(document: dict[str, Any]) -> None:
    shared = document["components"]["parameters"]
    for path, method, one in operations(document):
        for found in one.get("parameters", []):
            parameter = shared[found["$ref"].rsplit("/", 1)[1]] if "$ref" in found else found
            filled = "example" in parameter or "example" in parameter.get("schema", {})
            assert parameter.get("required") or not filled, f"{method} {path}: {parameter['name']}"
    assert "Such as `" in shared["Idempotency-Key"]["description"]
    bodies = [one.get("requestBody") for _, _, one in operations(document)]
    assert "example.com/hooks" not in json.dumps([body["content"] for body in bodies if body])


def test_the_example_of_a_batch_shows_its_parts(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/v2/batch-generations"]["post"]["requestBody"]["content"]["application/json"]
    assert list(body["example"]) == ["generations", "batch_options"]
    assert list(body["example"]["generations"][0]) == ["source_material", "options", "metadata"]


def test_bounds_are_numbers(document: dict[str, Any]) -> None:
    def walk(value: Any, where: str) -> None:
        if isinstance(value, dict):
            for name, part in value.items():
                if (
                    name in {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
                    and "properties" not in where[-12:]
                ):
                    assert isinstance(part, int | float), where
                walk(part, f"{where}.{name}")
        elif isinstance(value, list):
            for part in value:
                walk(part, where)

    walk(document["components"]["schemas"], "")
    assert document["components"]["schemas"]["BatchOptions"]["properties"]["max_cost_usd"]["maximum"] == 1_000_000


def test_the_page_of_errors_is_the_list_of_codes() -> None:
    assert (ROOT / "docs" / "errors.md").read_text("utf-8") == page(), "run: python -m schemas.codes > docs/errors.md"
    assert len(BY_CODE) == len(CODES)
    assert [one.status for one in CODES] == sorted(one.status for one in CODES)


def test_every_code_in_the_source_is_on_the_list() -> None:
    inside = {"STALE_ATTEMPT", "CANCELLED"}  # between workers, no answer's
    used = {
        keyword.value.value
        for folder in ("api", "models")
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Invalid", "WrongState", "Forbidden", "Busy"}
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    }
    assert len(used) > 12
    assert used - inside <= BY_CODE.keys()
