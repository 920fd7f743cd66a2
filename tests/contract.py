"""Holds every answer that a test sees to the OpenAPI document: its status, its type, its schema, its error code."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, request
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = "urn:document"


class Contract:
    """Watches an app; ``faults`` are what its answers had that the document does not say."""

    def __init__(self, app: Flask) -> None:
        from api.openapi import methods, template

        self.faults: list[str] = []
        self.document = json.loads(app.test_client().get("/api/v2/openapi.json").get_data())
        self.registry = Registry().with_resource(ROOT, Resource(self.document, DRAFT202012))
        self.validators: dict[str, Draft202012Validator] = {}
        self.paths = {
            (rule.endpoint, method): template(rule) for rule in app.url_map.iter_rules() for method in methods(rule)
        }
        process = app.process_response

        def watched(response: Response) -> Response:
            response = process(response)
            self.check(response)
            return response

        app.process_response = watched  # type: ignore[method-assign]

    def check(self, response: Response) -> None:
        """Note what an answer has that the document does not say."""
        if request.method in {"HEAD", "OPTIONS"}:
            return
        where = f"{request.method} {request.path} -> {response.status_code}"
        faults = []
        if response.status_code >= 400 and not request.path.startswith("/health/"):
            faults += self.check_error(response)
        path = self.paths.get((request.endpoint or "", request.method), "")
        if path in self.document["paths"]:
            faults += self.check_operation(path, response)
        self.faults += [f"{where}: {fault}" for fault in faults]

    def check_error(self, response: Response) -> list[str]:
        """Return what is wrong with an error answer."""
        from schemas.codes import BY_CODE

        body = response.get_json(silent=True) or {}
        missing = {"error", "message", "details", "request_id"} - body.keys()
        if missing:
            return [f"no {', '.join(missing)}"]
        known = BY_CODE.get(body["error"])
        if known is None or known.status != response.status_code:
            return [f"the code {body['error']} of this status is not in schemas/codes.py"]
        return [] if body["message"].strip() else ["an empty message"]

    def check_operation(self, path: str, response: Response) -> list[str]:
        """Return where an answer is not as its operation is documented."""
        operation = self.document["paths"][path][request.method.lower()]
        status = str(response.status_code)
        if status == "500":
            return []  # never documented; a test that does not mean one sees it by the status
        if status not in operation["responses"]:
            return ["a status that is not documented"]
        pointer = f"/paths/{escape(path)}/{request.method.lower()}/responses/{status}"
        answer = operation["responses"][status]
        if "$ref" in answer:
            pointer = answer["$ref"][1:]
            answer = self.document["components"]["responses"][pointer.rsplit("/", 1)[1]]
        if status in {"204", "304"}:
            return []  # its body is dropped on the way out
        return self.check_body(pointer, answer.get("content", {}), response)

    def check_body(self, pointer: str, content: dict[str, Any], response: Response) -> list[str]:
        """Return where a body is not of the types and schemas in ``content``."""
        if response.mimetype not in content:
            return [f"the type {response.mimetype} is not documented ({', '.join(content)} is)"]
        if response.mimetype != "application/json" or response.direct_passthrough:  # to be read once, by the client
            return []
        return self.compare(f"{pointer}/content/application~1json/schema", response.get_json())

    def compare(self, pointer: str, body: Any) -> list[str]:
        """Return where a body differs from the schema that a pointer names."""
        if pointer not in self.validators:
            self.validators[pointer] = Draft202012Validator(
                {"$ref": f"{ROOT}#{quote(pointer)}"}, registry=self.registry, format_checker=FormatChecker()
            )
        return [f"{error.json_path}: {error.message[:300]}" for error in self.validators[pointer].iter_errors(body)]


def escape(part: str) -> str:
    """Return a part of a JSON pointer."""
    return part.replace("~", "~0").replace("/", "~1")
