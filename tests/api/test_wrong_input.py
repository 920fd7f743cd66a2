"""Wrong input of the kinds that a tired developer produces: each error names the field, and says what to do."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

BATCHES = "/api/v2/batch-generations"
GENERATE = "/api/v2/generation/generate"
SOURCE = {"source_material": "Ondine keeps a lamp."}


def options(**chosen: Any) -> dict[str, Any]:
    """A batch of one with these options."""
    return {"generations": [{**SOURCE, "options": chosen}]}


def batch(**chosen: Any) -> dict[str, Any]:
    """A batch of one with these options of the batch."""
    return {"generations": [SOURCE], "batch_options": chosen}


@pytest.mark.parametrize(
    ("path", "body", "field", "remedy"),
    [
        (BATCHES, [], "body", "JSON object"),
        (BATCHES, {"generation": [SOURCE]}, "generation", "'generations'"),
        (BATCHES, {"generations": [SOURCE], "max_cost_usd": 5}, "max_cost_usd", "belongs into 'batch_options'"),
        (BATCHES, {"generations": [SOURCE], "options": {}}, "options", "belongs into 'generations'"),
        (BATCHES, {"generations": [{"source": "x"}]}, "generations.0.source", "'source_material'"),
        (BATCHES, {"generations": ["x"]}, "generations.0", "braces"),
        (BATCHES, {"generations": {}}, "generations", "brackets"),
        (BATCHES, options(tempurature=1), "generations.0.options.tempurature", "'temperature'"),
        (BATCHES, options(zz=1), "generations.0.options.zz", "/options lists them all"),
        (BATCHES, options(format="png"), "generations.0.options.format", "brackets"),
        (BATCHES, options(variants="2"), "generations.0.options.variants", "without quotes"),
        (BATCHES, options(include_book="yes"), "generations.0.options.include_book", "true or false"),
        (BATCHES, batch(max_concurent=3), "batch_options.max_concurent", "'max_concurrent'"),
        (BATCHES, batch(max_cost_usd="5"), "batch_options.max_cost_usd", "without quotes"),
        (BATCHES, batch(name=None), "batch_options.name", "leave the field out"),
        (GENERATE, {**SOURCE, "temperature": 1}, "temperature", "belongs into 'options'"),
        (GENERATE, {}, "source_material", "required"),
        ("/api/v2/keys", {"name": "x", "scope": ["read"]}, "scope", "'scopes'"),
        ("/api/v2/keys", {"name": "x", "expires_at": "soon"}, "expires_at", "2026-01-31T12:00:00Z"),
        ("/api/v2/profiles", {"name": "x", "temperature": 1}, "temperature", "belongs into 'config'"),
        ("/api/v2/characters/bulk", {"action": "archive", "character_ids": []}, "character_ids", "action, ids, tags"),
    ],
)
def test_a_wrong_body_is_told_field_and_remedy(
    client: FlaskClient, path: str, body: Any, field: str, remedy: str
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json["error"]) == (422, "VALIDATION_ERROR")
    assert remedy in answer.json["details"][field][0], answer.json


@pytest.mark.parametrize(
    ("path", "parameter", "remedy"),
    [
        ("characters?tag=knight", "tag", "'tags'"),
        ("jobs?page=2", "page", "cursor, kind, limit"),
        ("jobs?limit=abc", "limit", "whole number"),
        ("jobs?created_after=2026-11-25T00:00:00+01:00", "created_after", "%2B"),
    ],
)
def test_a_wrong_parameter_is_told_with_its_remedy(client: FlaskClient, path: str, parameter: str, remedy: str) -> None:
    answer = client.get(f"/api/v2/{path}")
    assert answer.status_code == 422
    assert remedy in answer.json["details"][parameter][0], answer.json


def test_a_field_that_is_called_query_keeps_its_name(client: FlaskClient) -> None:
    book = client.post("/api/v2/character-books", json={"name": "Harbour"}).json["id"]
    answer = client.post(f"/api/v2/character-books/{book}/search", json={})
    assert list(answer.json["details"]) == ["query"]


def test_only_some_slips_of_one_object_are_looked_up(client: FlaskClient) -> None:
    slips = {f"tempurature_{number}": 1 for number in range(50)}
    details = client.post(BATCHES, json=options(**slips)).json["details"]
    told = [problems for problems in details.values() if "Did you mean" in problems[0]]
    assert (len(details), len(told)) == (50, 3)


def test_another_method_is_told_those_that_the_address_takes(client: FlaskClient) -> None:
    answer = client.put(BATCHES)
    assert (answer.status_code, answer.json["error"]) == (405, "METHOD_NOT_ALLOWED")
    assert "it takes GET, POST." in answer.json["message"]
    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(",", " ").split())


@pytest.mark.parametrize("path", ["generate", "estimate", "preview"])
def test_a_kind_that_is_none_is_told_those_that_there_are(client: FlaskClient, path: str) -> None:
    answer = client.post(f"/api/v2/generation/{path}", json={**SOURCE, "kind": "lorebook"})
    assert (answer.status_code, answer.json["details"]) == (422, {"kind": ["Is none of: character_card."]})


def test_an_option_without_its_place_is_told_where_it_is(client: FlaskClient) -> None:
    answer = client.post("/api/v2/validate/profile", json={"field": "temperature", "value": 1})
    assert answer.json["errors"][0]["message"].endswith("Did you mean 'config.temperature'?")


def test_bounds_of_whole_numbers_are_whole_numbers(client: FlaskClient) -> None:
    whole = [option for option in client.get("/api/v2/options").json["options"] if option["type"] == "integer"]
    assert {type(option[bound]) for option in whole for bound in ("minimum", "maximum")} <= {int, type(None)}
    assert whole


@pytest.mark.parametrize("like", [0, 1, "true", "yes"])
def test_what_is_only_like_true_is_not_true(client: FlaskClient, like: Any) -> None:
    """In Python 1 equals True; in JSON it does not."""
    generation = {"source_material": "Ondine keeps the lamp.", "options": {"include_book": like}}
    body = {"generations": [generation], "batch_options": {"skip_invalid": like}}
    answer = client.post("/api/v2/batch-generations", json=body)
    assert answer.status_code == 422
    assert set(answer.json["details"]) == {"generations.0.options.include_book", "batch_options.skip_invalid"}
