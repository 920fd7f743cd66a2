"""Lorebooks over HTTP: entries, versions, search, simulation, lint."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

ANY = {"If-Match": "*"}
BOOKS = "/api/v2/character-books"


def entry(name: str, content: str, *keys: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "content": content,
        "keys": list(keys),
        "enabled": True,
        "insertion_order": 10,
        "extensions": {"vendor/x": 1},
        **more,
    }


BOOK = {
    "name": "Harbour lore",
    "token_budget": 500,
    "scan_depth": 4,
    "extensions": {},
    "entries": [
        entry("Ferry", "The ferry runs twice a day between Ribeira and the salt pans.", "ferry", "boat"),
        entry("Ribeira", "Ribeira is the old quarter under the bridge. Fishermen mend nets there.", "Ribeira"),
        entry("Salt", "Salt is taxed by the crown, and smuggled by everybody else.", "salt", constant=True),
        entry("東京", "東京は日本の首都です。", "東京", enabled=False),
    ],
}


@pytest.fixture
def path(client: FlaskClient) -> str:
    answer = client.post("/api/v2/characters/import", json=BOOK)
    assert answer.status_code == 201, answer.text
    return str(answer.json["results"][0]["url"])


def test_a_book_is_read_with_its_entries_and_an_etag(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["ETag"] == '"v1"'
    book = answer.json
    assert [each["name"] for each in book["entries"]] == ["Ferry", "Ribeira", "Salt", "東京"]
    assert book["metadata"]["total_entries"] == 4
    assert book["metadata"]["total_tokens"] == sum(each["metadata"]["tokens"] for each in book["entries"]) > 0
    assert client.get(path, headers={"If-None-Match": '"v1"'}).status_code == 304
    listed = client.get("/api/v2/character-books?q=harbour").json
    assert listed["books"][0]["metadata"]["total_entries"] == 4
    assert client.get("/api/v2/character-books?q=nothing").json["total"] == 0


def test_entries_are_added_edited_and_deleted(client: FlaskClient, path: str) -> None:
    body = {"content": "Gulls steal everything.", "keywords": ["gull"], "priority": 1.5}
    added = client.post(f"{path}/entries", json=body, headers={"If-Match": '"v1"'})
    assert (added.status_code, added.headers["ETag"]) == (201, '"v2"')
    assert (added.json["priority"], added.json["insertion_order"]) == (1.5, 100)
    there = added.headers["Location"]
    edited = client.put(there, json={**body, "keywords": ["gull", "gulls"]}, headers={"If-Match": '"v2"'})
    assert (edited.status_code, edited.json["keywords"]) == (200, ["gull", "gulls"])
    assert client.get(there).json["metadata"]["last_accessed"] is None  # before this time
    assert client.get(there).json["metadata"]["last_accessed"] is not None
    gone = client.delete(there, headers={"If-Match": '"v3"'})
    assert (gone.status_code, gone.headers["ETag"]) == (204, '"v4"')
    assert client.get(there).status_code == 404
    assert client.get(path).json["version"] == 4


def test_an_edit_keeps_what_front_ends_keep_there(client: FlaskClient, path: str) -> None:
    first = client.get(path).json["entries"][0]
    answer = client.put(f"{path}/entries/{first['id']}", json={"content": "Sunk.", "keywords": ["ferry"]}, headers=ANY)
    assert answer.json["extensions"] == {"vendor/x": 1}


def test_an_edit_without_or_with_an_old_version_is_refused(client: FlaskClient, path: str) -> None:
    body = {"content": "x", "keywords": ["x"]}
    missing = client.post(f"{path}/entries", json=body)
    assert (missing.status_code, missing.json["error"]) == (428, "PRECONDITION_REQUIRED")
    assert client.post(f"{path}/entries", json=body, headers={"If-Match": '"v1"'}).status_code == 201
    stale = client.post(f"{path}/entries", json=body, headers={"If-Match": '"v1"'})
    assert (stale.status_code, stale.json["error"]) == (412, "BOOK_VERSION_CONFLICT")
    assert (stale.json["current_version"], stale.json["your_version"]) == (2, 1)
    assert client.get(f"{path}/entries").json["total"] == 5


def test_of_many_writers_of_one_version_one_wins(app: Flask, key: str, client: FlaskClient, path: str) -> None:
    gate = threading.Barrier(8)
    codes: list[int] = []

    def write() -> None:
        with app.test_client() as mine:
            gate.wait(10)
            headers = {"If-Match": '"v1"', "Authorization": f"Bearer {key}"}
            codes.append(mine.put(path, json={"name": "Mine"}, headers=headers).status_code)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(codes) == [200] + [412] * 7
    assert client.get(path).json["version"] == 2


def test_a_book_is_edited_whole(client: FlaskClient, path: str) -> None:
    body = {"name": "New", "tags": ["sea"], "entries": [{"content": "One.", "keywords": ["one"]}]}
    answer = client.put(path, json=body, headers={"If-Match": '"v1"'})
    assert (answer.status_code, answer.json["metadata"]["total_entries"]) == (200, 1)
    book = client.get(path).json
    assert (book["name"], [each["content"] for each in book["entries"]]) == ("New", ["One."])
    assert client.put(path, json={"name": "Newer"}, headers=ANY).json["metadata"]["total_entries"] == 1
    assert client.delete(path, headers=ANY).status_code == 204
    assert client.get(path).status_code == 404


def test_entries_that_are_named_stay_themselves(client: FlaskClient) -> None:
    content = {"entries": [{**BOOK["entries"][0], "id": 7, "x_unknown": 5}], "extensions": {}}
    path = client.post("/api/v2/characters/import", json=content).json["results"][0]["url"]
    first = client.get(path).json["entries"][0]
    changed = {"id": first["id"], "content": "Sunk.", "keywords": ["ferry"]}
    new = {"content": "New.", "keywords": ["new"]}
    assert client.put(path, json={"name": "Lore", "entries": [new, changed]}, headers=ANY).status_code == 200
    entries = client.get(path).json["entries"]
    assert [entry["content"] for entry in entries] == ["New.", "Sunk."]
    assert entries[1]["id"] == first["id"]
    assert entries[1]["metadata"]["created_at"] == first["metadata"]["created_at"]
    written = client.get(f"{path}/download/character_book").json["entries"][1]
    assert (written["id"], written["x_unknown"], written["extensions"]["vendor/x"]) == (7, 5, 1)
    gone = client.put(path, json={"name": "Lore", "entries": [{**changed, "id": "entry_none"}]}, headers=ANY)
    assert gone.status_code == 404


def test_what_others_keep_under_our_name_breaks_nothing(client: FlaskClient, path: str) -> None:
    body = {"content": "y", "category": "place", "extensions": {"cardforge": "text"}}
    added = client.post(f"{path}/entries", json=body, headers=ANY)
    assert added.status_code == 201
    for name in ("worldinfo", "character_book", "lorebook_v3"):
        assert client.get(f"{path}/download/{name}").status_code == 200


@pytest.mark.parametrize("tag", ['"v' + "9" * 5000 + '"', '"v٣"', "v1", "*, *"])
def test_a_version_that_is_none_of_ours_is_refused(client: FlaskClient, path: str, tag: str) -> None:
    headers = {"If-Match": tag.encode("utf-8").decode("latin-1")}
    assert client.put(path, json={"name": "x"}, headers=headers).status_code == 428


@pytest.mark.parametrize("value", [10**400, [[]]])
def test_what_could_not_be_imported_again_is_refused(client: FlaskClient, path: str, value: Any) -> None:
    if isinstance(value, list):
        for _ in range(200):
            value = [value]
    answer = client.put(path, json={"name": "x", "extensions": {"x": value}}, headers=ANY)
    assert (answer.status_code, answer.json["error"]) == (400, "BAD_REQUEST")


def test_a_book_is_read_while_it_is_edited(app: Flask, key: str, client: FlaskClient, path: str) -> None:
    first = client.get(path).json["entries"][0]
    entries = [{"id": first["id"], "content": f"Version {n}.", "keywords": ["ferry"]} for n in range(2)]
    codes: list[int] = []

    def write() -> None:
        with app.test_client() as mine:
            headers = {"If-Match": "*", "Authorization": f"Bearer {key}"}
            for n in range(20):
                body = {"name": "x", "entries": [entries[n % 2], *({"content": "z"} for _ in range(n))]}
                codes.append(mine.put(path, json=body, headers=headers).status_code)

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        codes.append(client.get(f"{path}/entries/{first['id']}").status_code)
        codes.append(client.post(f"{path}/simulate", json={"messages": ["the ferry"]}).status_code)
    thread.join()
    assert set(codes) == {200}


def test_a_book_of_its_own_is_made_with_its_entries(client: FlaskClient, database: Any) -> None:
    body = {"name": "Harbour", "tags": ["noir"], "entries": [{"content": "Salt is taxed.", "keywords": ["salt"]}]}
    key = {"Idempotency-Key": "one"}
    made = client.post(BOOKS, json=body, headers=key)
    assert (made.status_code, made.headers["ETag"], made.json["character_id"]) == (201, '"v1"', None)
    there = made.headers["Location"]
    assert there == f"{BOOKS}/{made.json['id']}"
    assert client.get(there).json == made.json
    assert made.json["metadata"]["total_entries"] == 1
    again = client.post(BOOKS, json=body, headers=key)
    assert (again.status_code, again.json, again.headers["Idempotency-Replayed"]) == (201, made.json, "true")
    assert client.get(BOOKS).json["total"] == 1
    assert client.post(BOOKS, json={"name": "Empty"}).json["entries"] == []
    assert client.get(f"{there}/download/worldinfo").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x", "character_id": "char_1"}, "character_id"),
        ({"name": "x", "entries": [{"id": "entry_1", "content": "x"}]}, "entries.0.id"),
        ({"name": "x", "entries": [{"content": "x" * 200_001}]}, "entries.0.content"),
        ({"name": "x", "token_budget": -1}, "token_budget"),
    ],
)
def test_a_bad_book_is_refused_by_field(client: FlaskClient, database: Any, body: Any, field: str) -> None:
    answer = client.post(BOOKS, json=body)
    assert (answer.status_code, list(answer.json["details"])) == (422, [field])


def test_an_entry_is_added_once_with_a_key(client: FlaskClient, path: str) -> None:
    body = {"content": "Gulls.", "keywords": ["gull"]}
    headers = {"If-Match": '"v1"', "Idempotency-Key": "one"}
    first, again = (client.post(f"{path}/entries", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, first.headers["ETag"]) == (201, '"v2"')
    assert (again.status_code, again.json) == (201, first.json)  # though the version that it names is an old one now
    assert again.headers["Location"] == first.headers["Location"]
    assert client.get(path).json["metadata"]["total_entries"] == 5


def test_of_eight_edits_of_one_version_one_wins(app: Flask, key: str, client: FlaskClient, path: str) -> None:
    def write(number: int) -> int:
        headers = {"If-Match": '"v1"', "Authorization": f"Bearer {key}"}
        with app.test_client() as mine:
            return mine.put(path, json={"name": f"Book {number}"}, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(8))) == [200, *[412] * 7]
    assert client.get(path).json["version"] == 2


def test_books_are_edited_while_their_characters_are_deleted(app: Flask, key: str, client: FlaskClient) -> None:
    card = {"spec": "chara_card_v2", "data": {"name": "Ines", "first_mes": "x", "character_book": BOOK}}
    made = [client.post("/api/v2/characters/import", json=card).json["results"][0] for _ in range(12)]

    def send(place: int) -> int:
        one, headers = made[place // 4], {"If-Match": "*", "Authorization": f"Bearer {key}"}
        with app.test_client() as mine:
            if place % 4 == 3:
                return mine.delete(f"{one['url']}?purge=true", headers=headers).status_code
            return mine.put(f"{BOOKS}/{one['book_id']}", json={"name": "x"}, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(48))) <= {200, 204, 404}
    assert client.get(BOOKS).json["total"] == 0


def test_books_are_filtered_and_sorted(client: FlaskClient, path: str) -> None:
    for name, tags in (("ada", ["noir"]), ("Bea", ["noir", "salt"])):
        assert client.post(BOOKS, json={"name": name, "tags": tags}).status_code == 201
    card = {"spec": "chara_card_v2", "data": {"name": "Ines", "first_mes": "x", "character_book": BOOK | {"name": "C"}}}
    character = client.post("/api/v2/characters/import", json=card).json["results"][0]["character_id"]

    def names(**query: Any) -> list[str]:
        return [book["name"] for book in client.get(BOOKS, query_string=query).json["books"]]

    assert names() == ["C", "Bea", "ada", "Harbour lore"]
    assert names(sort="name") == ["ada", "Bea", "C", "Harbour lore"]
    assert names(sort="-updated_at") == names()
    assert names(tags="noir", sort="created_at") == ["ada", "Bea"]
    assert names(tags=["noir", "salt"]) == ["Bea"]
    assert names(q="salt") == ["Bea"]
    assert names(standalone="false") == names(character_id=character) == ["C"]
    assert names(standalone="true", sort="name") == ["ada", "Bea", "Harbour lore"]
    assert client.get(BOOKS, query_string={"colour": "red"}).status_code == 422


@pytest.mark.parametrize("way", ["cursor", "offset"])
def test_entries_are_paged_in_their_order_and_filtered(client: FlaskClient, path: str, way: str) -> None:
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = client.get(f"{path}/entries", query_string=query).json
        seen += [each["name"] for each in page["entries"]]
        if page["next_cursor"] is None:
            break
        query |= {"cursor": page["next_cursor"]} if way == "cursor" else {"offset": len(seen)}
    assert seen == ["Ferry", "Ribeira", "Salt", "東京"]
    assert page["total"] == 4

    def names(**query: Any) -> list[str]:
        return [each["name"] for each in client.get(f"{path}/entries", query_string=query).json["entries"]]

    assert (names(constant="true"), names(enabled="false"), names(category="x")) == (["Salt"], ["東京"], [])


def test_a_role_is_nobodys_name(client: FlaskClient) -> None:
    content = {"entries": [entry("User", "All about users.", "user")], "extensions": {}}
    path = client.post("/api/v2/characters/import", json=content).json["results"][0]["url"]
    body = {"messages": [{"role": "user", "content": "hello"}], "user": "Ada"}
    assert client.post(f"{path}/simulate", json=body).json["activated"] == []


def test_bad_entries_are_refused_by_field(client: FlaskClient, path: str) -> None:
    answer = client.put(path, json={"name": "x", "entries": [{"content": 1, "position": "top"}]}, headers=ANY)
    assert answer.status_code == 422
    assert {"entries.0.content", "entries.0.position"} <= set(answer.json["details"])


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("ferry", "Ferry"),  # the name and a key
        ("mending a net", "Ribeira"),  # English endings folded
        ('"old quarter"', "Ribeira"),
        ("smuggled salt", "Salt"),
        ("take the boat to the bridge", "Ferry"),  # a key that occurs in the query
        ("日本", "東京"),  # no blanks between words
        ("Ribei", "Ribeira"),  # the beginning of a key
    ],
)
def test_search_finds_words_keys_and_parts(client: FlaskClient, path: str, query: str, first: str) -> None:
    found = client.post(f"{path}/search", json={"query": query}).json
    assert found["total"] >= 1
    assert found["results"][0]["entry"]["name"] == first


def test_search_filters_and_marks(client: FlaskClient, path: str) -> None:
    found = client.post(f"{path}/search", json={"query": "salt"}).json
    assert [hit["entry"]["name"] for hit in found["results"]] == ["Salt", "Ferry"]
    assert "<mark>Salt</mark>" in found["results"][0]["highlight"]
    assert found["results"][0]["matched_keywords"] == ["salt"]
    only = client.post(f"{path}/search", json={"query": "salt", "constant": False}).json
    assert [hit["entry"]["name"] for hit in only["results"]] == ["Ferry"]
    assert client.post(f"{path}/search", json={"query": "日本", "enabled": True}).json["total"] == 0
    assert client.post(f"{path}/search", json={"query": "' OR 1=1 --\\ & | ! ("}).status_code == 200


def test_a_simulation_says_what_fires_and_why(client: FlaskClient, path: str) -> None:
    body = {"messages": ["Is there a boat?", {"role": "assistant", "content": "The ferry leaves at two."}]}
    answer = client.post(f"{path}/simulate", json=body)
    assert answer.status_code == 200, answer.text
    fired = {outcome["title"]: outcome for outcome in answer.json["activated"]}
    assert {title: outcome["reason"] for title, outcome in fired.items()} == {
        "Ferry": "key",
        "Salt": "constant",
        "Ribeira": "key",  # named by what the ferry says
    }
    assert fired["Ferry"]["match"]["key"] == "ferry"
    assert fired["Ribeira"]["match"]["place"] == "entry"
    assert fired["Ferry"]["entry_id"] == client.get(path).json["entries"][0]["id"]
    assert [outcome["reason"] for outcome in answer.json["skipped"]] == ["disabled"]
    assert answer.json["budget"] == BOOK["token_budget"]
    assert client.post(f"{path}/simulate", json={"messages": []}).status_code == 422
    tight = client.post(f"{path}/simulate", json={**body, "token_budget": 1})
    assert {outcome["reason"] for outcome in tight.json["cut"]} == {"budget"}
    both = client.post(f"{path}/simulate", json={**body, "min_activations": 1, "max_recursion_steps": 1})
    assert (both.status_code, both.json["error"]) == (422, "VALIDATION_ERROR")


def test_lint_checks_the_book_alone(client: FlaskClient, path: str) -> None:
    found = client.get(f"{path}/lint").json
    assert set(found["counts"]) == {"E", "W", "I"}
    assert all(finding["rule"][0] in "LB" for finding in found["findings"])


def test_somebody_elses_book_is_not_there(client: FlaskClient, stranger: FlaskClient, path: str) -> None:
    first = client.get(path).json["entries"][0]["id"]
    assert stranger.get(path).status_code == 404
    assert stranger.get(f"{path}/entries/{first}").status_code == 404
    assert stranger.put(path, json={"name": "x"}, headers=ANY).status_code == 404
    assert stranger.delete(f"{path}/entries/{first}", headers=ANY).status_code == 404
    assert stranger.post(f"{path}/search", json={"query": "salt"}).status_code == 404
    assert stranger.post(f"{path}/simulate", json={"messages": ["x"]}).status_code == 404
