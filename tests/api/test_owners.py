"""Every route, with every kind of key that may not: none, expired, revoked, too weak, and somebody else's.

The routes are those of the app as it is; one whose noun is not known here fails, until the noun is made here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, update
from werkzeug.test import TestResponse

from cards.card import Card
from cards.portrait import portrait_of
from models.deliveries import Delivery
from models.ids import new_id
from models.owners import ApiKey
from models.services import keys
from tests.api.made import make_batch
from tests.contract import Contract

SHAPE = {"error", "message", "details", "request_id"}
UNOWNED = {"format_name": "v2", "version": "1"}  # parts of paths that are nobody's
FORMATS = {"books": "worldinfo"}


@dataclass(frozen=True)
class Route:
    endpoint: str
    method: str
    path: str  # as OpenAPI writes it

    @property
    def nouns(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes(app: Flask) -> list[Route]:
    """Every route that needs a key."""
    from api import auth
    from api.openapi import methods, template

    return [
        Route(rule.endpoint, method, template(rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v2/") and rule.endpoint not in auth.OPEN_ENDPOINTS
        for method in methods(rule)
    ]


def needed_scope(app: Flask, route: Route) -> str:
    from api import traits

    return traits.of_view(app.view_functions[route.endpoint]).needed_scope(route.method)


def ask(client: FlaskClient, contract: Contract, route: Route, ids: dict[str, str]) -> TestResponse:
    """Send what the document says that the route takes, so that nothing but the key can be wrong."""
    unknown = set(route.nouns) - ids.keys() - UNOWNED.keys()
    assert not unknown, f"{route}: make one of {unknown} in this file"
    values = {**UNOWNED, **ids, "format_name": FORMATS.get(route.endpoint.partition(".")[0], "v2")}
    content = contract.document["paths"][route.path][route.method.lower()].get("requestBody", {}).get("content", {})
    sent: dict[str, Any] = {}
    if "image/*" in content:
        sent = {"data": portrait_of(Card(name="Ondine")), "content_type": "image/png"}
    elif "example" in content.get("application/json", {}):
        sent = {"json": content["application/json"]["example"]}
    elif content:
        sent = {"data": {"file": (BytesIO(b'{"name": "x"}'), "x.json")}}
    return client.open(route.path.format(**values), method=route.method, headers={"If-Match": "*"}, **sent)


def with_key(app: Flask, secret: str) -> FlaskClient:
    client = app.test_client()
    if secret:
        client.environ_base["HTTP_X_API_KEY"] = secret
    return client


@pytest.fixture
def mine(app: Flask, key: str) -> FlaskClient:
    return with_key(app, key)


@pytest.fixture
def theirs(app: Flask, database: Any, owner: str) -> FlaskClient:
    """A client with the key of another owner."""
    with database.transaction() as session:
        other = keys.owner_named(session, "somebody else", make=True)
        return with_key(app, keys.create_key(session, other.id, "theirs", keys.SCOPES)[1])


@pytest.fixture
def ids(mine: FlaskClient, owner: str, database: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """One of each noun, by name of the path parameter, all of the first owner."""
    monkeypatch.setenv("WEBHOOK_SECRET", "s" * 40)  # or no callback_url would be taken
    path, jobs = make_batch(mine, items=2, completed=1)
    found = {"batch_id": path.rsplit("/", 1)[1], "job_id": jobs[0]}
    found["character_id"] = mine.get(f"/api/v2/jobs/{jobs[0]}/result").json["character_id"]
    book = mine.post("/api/v2/character-books", json={"name": "Harbour lore"})
    entry = mine.post(
        f"/api/v2/character-books/{book.json['id']}/entries",
        json={"name": "Gull Rock", "content": "A lamp.", "keywords": ["rock"]},
        headers={"If-Match": "*"},
    )
    found |= {"book_id": book.json["id"], "entry_id": entry.json["id"]}
    found["profile_id"] = mine.post("/api/v2/profiles", json={"name": "Harbour noir"}).json["id"]
    found["key_id"] = mine.post("/api/v2/keys", json={"name": "mine", "scopes": ["read"]}).json["key_id"]
    found["delivery_id"] = new_id("delivery")
    with database.transaction() as session:
        told = {"batch_id": found["batch_id"], "event": "batch.completed", "url": "https://example.org/", "body": {}}
        session.add(Delivery(id=found["delivery_id"], owner_id=owner, **told))
    return found


@pytest.fixture
def bad_keys(database: Any, owner: str) -> Iterator[dict[str, str]]:
    """Secrets that were good once."""
    with database.transaction() as session:
        expired, old = keys.create_key(session, owner, "expired", keys.SCOPES)
        session.execute(
            update(ApiKey).where(ApiKey.id == expired.id).values(expires_at=func.now() - timedelta(seconds=1))
        )
        revoked, gone = keys.create_key(session, owner, "revoked", ["read", "write"])
        keys.revoke_key(session, owner, revoked.id)
    return {"none": "", "unknown": "cf_" + "x" * 43, "expired": old, "revoked": gone}


@pytest.mark.parametrize("which", ["none", "unknown", "expired", "revoked"])
def test_every_route_needs_a_key_that_is_good(
    app: Flask, contract: Contract, bad_keys: dict[str, str], which: str
) -> None:
    client = with_key(app, bad_keys[which])
    found = routes(app)
    assert len(found) > 60
    for route in found:
        answer = client.open(route.path.format_map(dict.fromkeys(route.nouns, "1")), method=route.method)
        assert (answer.status_code, answer.json["error"]) == (401, "UNAUTHENTICATED"), route
        assert answer.json.keys() == SHAPE, route
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), route
        assert bad_keys[which][4:] not in answer.text or not bad_keys[which], route


@pytest.mark.parametrize("scopes", [["read"], ["read", "write"], ["admin"]])
def test_a_key_may_do_what_its_scopes_say_on_every_route(
    app: Flask, contract: Contract, database: Any, owner: str, scopes: list[str]
) -> None:
    with database.transaction() as session:
        client = with_key(app, keys.create_key(session, owner, "weak", scopes)[1])
    refused = 0
    for route in routes(app):
        needed = needed_scope(app, route)
        if needed in scopes:
            continue
        refused += 1
        answer = client.open(route.path.format_map(dict.fromkeys(route.nouns, "1")), method=route.method)
        assert (answer.status_code, answer.json["error"]) == (403, "FORBIDDEN"), route
        assert answer.json["details"]["needed"] == needed, route
    assert refused > 4


def test_what_writes_needs_more_than_read(app: Flask) -> None:
    """The scopes by route, so that a new one that is open to readers is meant so."""
    reads = {
        "batches.estimate", "generation.estimate", "generation.preview", "books.find", "books.try_out",
        "validation.card", "validation.book", "validation.profile",
    }  # fmt: skip
    for route in routes(app):
        needed = needed_scope(app, route)
        if route.method != "GET":
            assert needed != "read" or route.endpoint in reads, route


def test_what_another_owner_has_is_not_there_on_any_route(
    app: Flask, contract: Contract, mine: FlaskClient, theirs: FlaskClient, ids: dict[str, str]
) -> None:
    asked = [route for route in routes(app) if set(route.nouns) & ids.keys()]
    assert len(asked) > 40
    for route in asked:
        answer = ask(theirs, contract, route, ids)
        assert answer.status_code == 404, f"{route}: {answer.status_code} {answer.text[:300]}"
        assert (answer.json["error"], answer.json.keys()) == ("NOT_FOUND", SHAPE), route
    for path in ("jobs/{job_id}", "characters/{character_id}", "profiles/{profile_id}", "keys/{key_id}"):
        assert mine.get(f"/api/v2/{path.format(**ids)}").status_code == 200, "all is there still, for its owner"


def test_no_list_shows_what_another_owner_has(
    app: Flask, contract: Contract, mine: FlaskClient, theirs: FlaskClient, ids: dict[str, str]
) -> None:
    lists = [route for route in routes(app) if route.method == "GET" and not route.nouns]
    assert len(lists) > 10
    shown = ""
    for route in lists:
        found = theirs.get(route.path)
        assert not [name for name in ids.values() if name in found.text], route
        shown += mine.get(route.path).text
    assert [name for name in ids if ids[name] not in shown] == ["entry_id"], "while their owner sees them"


def test_another_owners_things_cannot_be_named_in_a_body(theirs: FlaskClient, ids: dict[str, str]) -> None:
    wanted = {"source_material": "Ondine keeps the lamp.", "profile_id": ids["profile_id"]}
    for path in ("generate", "estimate", "preview"):
        answer = theirs.post(f"/api/v2/generation/{path}", json=wanted)
        assert (answer.status_code, list(answer.json["details"])) == (422, ["profile_id"])
    answer = theirs.post("/api/v2/batch-generations", json={"generations": [wanted]})
    assert list(answer.json["details"]) == ["generations.0.profile_id"]
    answer = theirs.post("/api/v2/character-books", json={"name": "x", "character_id": ids["character_id"]})
    assert answer.status_code in {404, 422}
