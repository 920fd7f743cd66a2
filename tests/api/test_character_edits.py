"""Characters over HTTP: edited, archived, starred, tagged in bulk, deleted; listed by what they are."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from cards.card import Card
from cards.files import read_file
from cards.formats import render
from cards.media import NONE, Media
from models.books import Book, Entry
from models.characters import Asset, Character
from models.idempotency import KeptAnswer
from models.services import characters, marks
from schemas.bulk import ACTIONS, OUTCOMES
from tests.api.test_characters import CARD, IMPORT
from tests.engine import jobs as work

ANY = {"If-Match": "*"}
PATH = "/api/v2/characters"
BULK = f"{PATH}/bulk"


def card(name: str, **fields: Any) -> dict[str, Any]:
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": {"name": name, "first_mes": "Well?", **fields}}


def imported(client: FlaskClient, content: Any = CARD) -> str:
    answer = client.post(IMPORT, json=content)
    assert answer.status_code == 201, answer.text
    return str(answer.json["results"][0]["url"])


def add(database: Any, owner: str, *names: str, **fields: Any) -> list[str]:
    """Put characters in without the way over HTTP; returns their ids."""
    with database.transaction() as session:
        return [
            characters.add_character(session, owner, Card(name=name, first_mes="Well?", **fields), NONE).id
            for name in names
        ]


def apart(client: FlaskClient) -> FlaskClient:
    """The same caller, whose requests may come between those of others: each with a context of its own."""
    other = client.application.test_client()
    other.environ_base = client.environ_base
    return other


def data_of(client: FlaskClient, path: str, format_name: str = "v3") -> dict[str, Any]:
    downloaded = client.get(f"{path}/download/{format_name}")
    assert downloaded.status_code == 200, downloaded.text
    found: dict[str, Any] = json.loads(downloaded.data)["data"]
    return found


def names(client: FlaskClient, **query: Any) -> list[str]:
    answer = client.get(PATH, query_string=query)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json["characters"]]


# Editing --------------------------------------------------------------------------------------------------


def test_an_edit_sets_what_it_names_and_leaves_the_rest(client: FlaskClient) -> None:
    path = imported(client)
    before = client.get(path)
    body = {"name": "Ines M.", "tags": ["noir", "harbour"], "alternate_greetings": ["Again?"], "creator_notes": "Mine."}
    answer = client.patch(path, json=body, headers={"If-Match": before.headers["ETag"]})
    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"] == f'"v{before.json["version"] + 1}"'
    assert (answer.json["name"], answer.json["tags"]) == ("Ines M.", ["noir", "harbour"])
    old, new = before.json["card"]["data"], answer.json["card"]["data"]
    assert {name: new[name] for name in body} == body
    assert new["modification_date"] > (old.get("modification_date") or 0)
    assert {n: v for n, v in new.items() if n not in {*body, "modification_date"}} == {
        n: v for n, v in old.items() if n not in {*body, "modification_date"}
    }
    assert client.get(path).json == answer.json
    assert data_of(client, path)["tags"] == ["noir", "harbour"]
    assert "Ines%20M" in client.get(f"{path}/download/v3").headers["Content-Disposition"].replace(" ", "%20")


def test_extensions_are_merged_and_our_own_stay(client: FlaskClient) -> None:
    there = {"depth_prompt": {"prompt": "a", "depth": 4}, "fav": False, "cardforge": {"provider": "offline"}}
    path = imported(client, card("Ada", extensions=there))
    changes = {"depth_prompt": {"prompt": "b", "role": "system"}, "fav": None, "vendor/x": [1, {"y": None}]}
    answer = client.patch(path, json={"extensions": changes}, headers=ANY)
    assert data_of(client, path)["extensions"] == answer.json["card"]["data"]["extensions"]
    assert answer.json["card"]["data"]["extensions"] == {
        "depth_prompt": {"prompt": "b", "depth": 4, "role": "system"},
        "cardforge": {"provider": "offline"},
        "vendor/x": [1, {"y": None}],
    }
    ours = client.patch(path, json={"extensions": {"cardforge": {"provider": "gpt"}}}, headers=ANY)
    assert (ours.status_code, list(ours.json["details"])) == (422, ["extensions.cardforge"])


def test_an_edit_without_or_with_an_old_version_is_refused(client: FlaskClient) -> None:
    path = imported(client, card("Ada"))
    missing = client.patch(path, json={"name": "Eve"})
    assert (missing.status_code, missing.json["error"]) == (428, "PRECONDITION_REQUIRED")
    assert client.patch(path, json={"name": "Eve"}, headers={"If-Match": '"v1"'}).status_code == 200
    stale = client.patch(path, json={"name": "Bob"}, headers={"If-Match": '"v1"'})
    assert (stale.status_code, stale.json["error"]) == (412, "CHARACTER_VERSION_CONFLICT")
    assert (stale.json["current_version"], stale.json["your_version"]) == (2, 1)
    assert client.get(path).json["name"] == "Eve"


def test_of_eight_edits_of_one_version_one_wins(app: Flask, key: str, client: FlaskClient) -> None:
    path = imported(client, card("Ada"))

    def write(number: int) -> tuple[int, str]:
        headers = {"If-Match": '"v1"', "Authorization": f"Bearer {key}"}
        answer = app.test_client().patch(path, json={"name": f"Ada {number}"}, headers=headers)
        return answer.status_code, answer.json.get("name", "")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, range(8)))
    assert sorted(status for status, _ in answers) == [200, *[412] * 7]
    assert client.get(path).json["name"] == next(name for status, name in answers if status == 200)


@pytest.mark.parametrize(
    ("body", "field", "remedy"),
    [
        ({}, "body", "send one at least"),
        ({"nam": "x"}, "nam", "Unknown field"),
        ({"character_book": {}}, "character_book", "/character-books"),
        ({"card": {}}, "card", "by themselves"),
        ({"favorite": True}, "favorite", "/favorite"),
        ({"archived": True}, "archived", "/unarchive"),
        ({"assets": []}, "assets", "/portrait"),
        ({"version": 3}, "version", "Cannot be edited"),
        ({"name": " \t"}, "name", "blank"),
        ({"name": "x" * 201}, "name", "200"),
        ({"name": None}, "name", "null"),
        ({"tags": "noir"}, "tags", "list"),
        ({"tags": ["a", " "]}, "tags.1", "blank"),
        ({"tags": ["t"] * 201}, "tags", "200"),
        ({"first_mes": 5}, "first_mes", "string"),
        ({"description": "x" * 1_000_001}, "description", "1000000"),
        ({"extensions": []}, "extensions", "object"),
        ({"name": "a\x00b"}, "name", "NUL"),
    ],
)
def test_what_cannot_be_edited_is_refused_by_field_with_the_remedy(
    client: FlaskClient, body: Any, field: str, remedy: str
) -> None:
    path = imported(client, card("Ada"))
    answer = client.patch(path, json=body, headers=ANY)
    assert answer.status_code == 422, answer.text
    assert remedy in " ".join(answer.json["details"][field])
    assert client.get(path).json["version"] == 1


@pytest.mark.parametrize("raw", [rb'{"name": "\ud800"}', rb'{"extensions": {"\udc00": 1}}', b'{"name": "\xff"}'])
def test_what_no_text_can_hold_is_refused(client: FlaskClient, raw: bytes) -> None:
    path = imported(client, card("Ada"))
    answer = client.patch(path, data=raw, content_type="application/json", headers=ANY)
    assert answer.status_code in (400, 422), answer.text
    assert client.get(path).json["version"] == 1


def test_hostile_texts_go_in_and_come_out_unchanged(client: FlaskClient) -> None:
    path = imported(client, card("Ada"))
    body = {
        "name": "<img src=x onerror=alert(1)> \u202eadA",
        "description": "\u0639\u0631 \u202e\u2066{{char}}\u2069 e\u0301 \U0001f469\u200d\U0001f680 \\ ' %s ${x}\r\n\t",
        "first_mes": "".join(chr(32 + n * n % 90) for n in range(1_000_000)),
        "mes_example": "</script><script>alert(1)</script>",
        "extensions": {"\u202e": {"</script>": "\ufeff\u2028"}},
    }
    assert client.patch(path, json=body, headers=ANY).status_code == 200
    for format_name in ("v2", "v3"):
        data = data_of(client, path, format_name)
        assert {name: data[name] for name in body} == body
    disposition = client.get(f"{path}/download/v3").headers["Content-Disposition"]
    assert not {"<", ">", "\u202e", "\n"} & set(disposition)
    again = client.post(IMPORT, data=client.get(f"{path}/download/tavernai").data, content_type="image/png")
    assert data_of(client, again.json["results"][0]["url"])["description"] == body["description"]


def test_a_card_stays_one_that_can_be_imported_again(client: FlaskClient) -> None:
    path = imported(client, card("Ada"))
    long = "\U0001f680" * 1_000_000  # four million bytes
    fields = ("description", "personality", "scenario", "first_mes", "mes_example", "system_prompt")
    assert client.patch(path, json=dict.fromkeys(fields[:4], long), headers=ANY).status_code == 200
    answer = client.patch(path, json=dict.fromkeys(fields[4:], long), headers=ANY)
    assert (answer.status_code, answer.json["error"]) == (422, "CARD_TOO_LARGE")
    assert client.get(path).json["version"] == 2
    deep: Any = 1
    for _ in range(95):
        deep = {"x": deep}
    answer = client.patch(path, json={"extensions": deep}, headers=ANY)
    assert (answer.status_code, list(answer.json["details"])) == (422, ["extensions"])


def test_sources_can_be_added_and_none_taken_out(client: FlaskClient) -> None:
    path = imported(client, card("Ada", source=["https://example.com/a"]))
    answer = client.patch(path, json={"source": ["b"]}, headers=ANY)
    assert (answer.status_code, list(answer.json["details"])) == (422, ["source"])
    both = ["https://example.com/a", "b"]
    assert client.patch(path, json={"source": both}, headers=ANY).json["card"]["data"]["source"] == both


def test_an_edit_outlives_an_export_that_had_begun(client: FlaskClient, database: Any, owner: str) -> None:
    from tasks import export
    from tasks.work import Work

    job = work.open_job(owner, request={"source_material": "x", "options": {"format": ["v2", "tavernai"]}})
    for step in work.STEPS[:2]:
        work.finish(cast(Any, work.claim(job.job_id, step)))
    with database.transaction() as session:
        character = characters.save_character(session, owner, job.job_id, Card(name="Ada", first_mes="Well?")).id
    claimed = cast(Any, work.claim(job.job_id, "export"))
    step = Work(claimed, cast(Any, None), lambda _: 100)
    exported = export.work(step)
    assert client.patch(f"{PATH}/{character}", json={"name": "Eve"}, headers=ANY).status_code == 200
    with database.transaction() as session:
        export.save(session, step, exported)
    after = client.get(f"{PATH}/{character}").json
    assert (after["name"], after["card"]["data"]["name"], after["version"]) == ("Eve", "Eve", 3)
    assert "cost_usd" in after["card"]["data"]["extensions"]["cardforge"]


def test_a_character_that_goes_while_it_is_written_anew_ends_its_job_with_the_reason(
    client: FlaskClient, database: Any, owner: str
) -> None:
    from tasks import export
    from tasks.errors import StepFailed
    from tasks.work import Work

    (character,) = add(database, owner, "Ada")
    job = work.open_job(owner)
    work.finish(cast(Any, work.claim(job.job_id)), {"character_id": character})
    work.finish(cast(Any, work.claim(job.job_id, "expand_lorebook")))
    claimed = cast(Any, work.claim(job.job_id, "export"))
    assert client.delete(f"{PATH}/{character}?purge=true").status_code == 204
    with pytest.raises(StepFailed, match="was deleted"):
        export.work(Work(claimed, cast(Any, None), lambda _: 100))


# Marks ----------------------------------------------------------------------------------------------------


def test_marks_can_be_set_and_taken_back_any_number_of_times(client: FlaskClient) -> None:
    path = imported(client, card("Ada"))
    for _ in range(2):
        assert client.put(f"{path}/favorite").status_code == 204
    starred = client.get(path)
    assert (starred.json["favorite"], starred.json["version"], starred.headers["ETag"]) == (True, 1, '"v1-favorite"')
    assert client.get(path, headers={"If-None-Match": '"v1"'}).status_code == 200
    assert client.get(path, headers={"If-None-Match": '"v1-favorite"'}).status_code == 304
    assert client.delete(path).status_code == 204
    archived = client.get(path).json["archived_at"]
    assert client.delete(path).status_code == 204
    assert client.get(path).json["archived_at"] == archived
    assert (names(client), names(client, archived="true"), names(client, archived="any")) == ([], ["Ada"], ["Ada"])
    for _ in range(2):
        back = client.post(f"{path}/unarchive")
        assert (back.status_code, back.json["archived_at"]) == (200, None)
    for _ in range(2):
        assert client.delete(f"{path}/favorite").status_code == 204
    assert client.get(path).headers["ETag"] == '"v1"'
    edit = client.patch(path, json={"name": "Eve"}, headers={"If-Match": '"v1-favorite"'})  # its version is the same
    assert edit.status_code == 200


@pytest.mark.parametrize(("method", "end"), [("PUT", "/favorite"), ("DELETE", ""), ("DELETE", "?purge=true")])
def test_marks_heed_a_version_where_one_is_sent(client: FlaskClient, method: str, end: str) -> None:
    path = imported(client, card("Ada"))
    client.patch(path, json={"name": "Eve"}, headers=ANY)
    stale = client.open(path + end, method=method, headers={"If-Match": '"v1"'})
    assert (stale.status_code, stale.json["error"]) == (412, "CHARACTER_VERSION_CONFLICT")
    assert client.open(path + end, method=method, headers={"If-Match": '"v2"'}).status_code == 204


def test_a_purge_leaves_nothing(client: FlaskClient, database: Any) -> None:
    asset = {"type": "emotion", "uri": "embeded://assets/emotion/images/joy.webp", "name": "joy", "ext": "webp"}
    content = {**CARD, "data": {**CARD["data"], "assets": [asset]}}
    file = render(read_file(json.dumps(content).encode()).card, "charx", Media(assets={asset["uri"]: b"joy"}))
    path = client.post(IMPORT, data=file, content_type="application/zip").json["results"][0]["url"]
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Asset))
        assert session.scalar(select(func.count()).select_from(Entry))
    assert client.delete(f"{path}?purge=true").status_code == 204
    assert client.get(path).status_code == 404
    assert client.delete(f"{path}?purge=true").status_code == 404
    with database.transaction() as session:
        for table in (Character, Asset, Book, Entry):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_a_character_that_is_being_written_is_not_purged(client: FlaskClient, database: Any, owner: str) -> None:
    job = work.open_job(owner)
    with database.transaction() as session:
        character = characters.save_character(session, owner, job.job_id, Card(name="Ada", first_mes="Well?")).id
    path = f"{PATH}/{character}?purge=true"
    answer = client.delete(path)
    assert (answer.status_code, answer.json["error"]) == (409, "CHARACTER_IN_USE")
    bulk = client.post(BULK, json={"ids": [character], "action": "purge"}).json
    assert (bulk["refused"], bulk["results"][0]["error"]["code"]) == (1, "CHARACTER_IN_USE")
    work.run(job.job_id)
    assert client.delete(path).status_code == 204
    gone = client.get(f"/api/v2/jobs/{job.job_id}/result")
    assert (gone.status_code, "not here any more" in gone.json["message"]) == (404, True)


# Many at once ---------------------------------------------------------------------------------------------


def test_the_actions_on_the_wire_are_those_that_there_are() -> None:
    assert set(ACTIONS) == set(marks.ACTIONS)
    assert set(OUTCOMES) == {marks.CHANGED, marks.UNCHANGED, marks.NOT_FOUND, marks.REFUSED}


def test_five_hundred_are_tagged_and_strangers_stay_out_of_it(
    client: FlaskClient, stranger: FlaskClient, database: Any, owner: str
) -> None:
    ours = add(database, owner, *(f"Ours {n}" for n in range(500)), tags=("noir",))
    client, stranger = apart(client), apart(stranger)
    theirs = [imported(stranger, card(f"Theirs {n}")).rpartition("/")[2] for n in range(3)]
    ids = [*ours[:250], *theirs, "char_none", *ours[250:], ours[0]]
    answer = client.post(BULK, json={"ids": ids, "action": "add_tags", "tags": ["harbour", "noir", "harbour"]})
    assert answer.status_code == 200, answer.text
    body = answer.json
    assert [result["id"] for result in body["results"]] == ids[:-1]
    assert {result["id"] for result in body["results"] if result["status"] == "not_found"} == {*theirs, "char_none"}
    assert (body["changed"], body["unchanged"], body["not_found"], body["refused"]) == (500, 0, 4, 0)
    with database.transaction() as session:
        rows = session.execute(select(Character.owner_id, Character.tags, Character.card["tags"], Character.version))
        for owner_id, column, in_card, version in rows:
            assert column == in_card
            assert (column, version) == ((["noir", "harbour"], 2) if owner_id == owner else ([], 1))
    again = client.post(BULK, json={"ids": ours, "action": "add_tags", "tags": ["noir"]}).json
    assert (again["changed"], again["unchanged"]) == (0, 500)
    removed = client.post(BULK, json={"ids": ours, "action": "remove_tags", "tags": ["noir", "harbour"]}).json
    assert removed["changed"] == 500
    one = client.get(f"{PATH}/{ours[7]}").json
    assert (one["tags"], one["card"]["data"]["tags"], one["version"]) == ([], [], 3)


def test_each_action_says_whom_it_changed(client: FlaskClient, database: Any, owner: str) -> None:
    one, two = add(database, owner, "One", "Two")
    client.put(f"{PATH}/{one}/favorite")
    client.delete(f"{PATH}/{one}")

    def outcome(action: str) -> list[str]:
        body = client.post(BULK, json={"ids": [one, two], "action": action}).json
        return [result["status"] for result in body["results"]]

    for action in ("favorite", "archive"):
        assert outcome(action) == ["unchanged", "changed"]
    for action in ("unfavorite", "unarchive"):
        assert outcome(action) == ["changed", "changed"]
    assert client.get(f"{PATH}/{one}").headers["ETag"] == '"v1"'
    assert outcome("purge") == ["changed", "changed"]
    assert outcome("purge") == ["not_found", "not_found"]


def test_a_card_that_would_have_too_many_tags_stops_no_other(client: FlaskClient, database: Any, owner: str) -> None:
    (full,) = add(database, owner, "Full", tags=tuple(f"t{n}" for n in range(200)))
    (free,) = add(database, owner, "Free")
    body = client.post(BULK, json={"ids": [full, free], "action": "add_tags", "tags": ["new"]}).json
    assert [result["status"] for result in body["results"]] == ["refused", "changed"]
    assert body["results"][0]["error"]["code"] == "TOO_MANY_TAGS"
    assert client.get(f"{PATH}/{full}").json["version"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ids": [], "action": "archive"}, "ids"),
        ({"ids": ["x"] * 1001, "action": "archive"}, "ids"),
        ({"ids": ["x"], "action": "delete"}, "action"),
        ({"ids": ["x"], "action": "add_tags"}, "tags"),
        ({"ids": ["x"], "action": "archive", "tags": ["a"]}, "tags"),
        ({"ids": ["x"], "action": "add_tags", "tags": [""]}, "tags.0"),
    ],
)
def test_a_bad_bulk_is_refused_by_field(client: FlaskClient, database: Any, body: Any, field: str) -> None:
    answer = client.post(BULK, json=body)
    assert (answer.status_code, list(answer.json["details"])) == (422, [field])


def test_bulks_of_the_same_characters_wait_for_each_other(
    app: Flask, key: str, client: FlaskClient, database: Any, owner: str
) -> None:
    ids = add(database, owner, *(f"Ada {n}" for n in range(60)))

    def tag(number: int) -> int:
        body = {"ids": ids if number % 2 else ids[::-1], "action": "add_tags", "tags": [f"t{number}"]}
        return app.test_client().post(BULK, json=body, headers={"Authorization": f"Bearer {key}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(tag, range(16))) == {200}
    with database.transaction() as session:
        assert all(len(tags) == 16 for tags in session.scalars(select(Character.tags)))


# Lists ----------------------------------------------------------------------------------------------------


def test_lists_are_filtered(client: FlaskClient, database: Any, owner: str) -> None:
    both = add(database, owner, "Ines Moura", tags=("noir", "harbour"))[0]
    add(database, owner, "Ada", tags=("noir",))
    client.put(f"{PATH}/{both}/favorite")
    assert names(client, tags="noir") == ["Ada", "Ines Moura"]
    assert names(client, tags=["noir", "harbour"]) == ["Ines Moura"]
    assert names(client, favorite="true") == ["Ines Moura"]
    assert names(client, favorite="false", q="a") == ["Ada"]
    assert names(client, q="MOUR") == ["Ines Moura"]
    assert names(client, q="%") == []
    row = client.get(PATH, query_string={"q": "Ines"}).json["characters"][0]
    assert row["portrait_url"] == f"{PATH}/{both}/portrait"
    assert (row["favorite"], row["archived_at"], row["job_id"]) == (True, None, None)
    for query in ({"tag": "x"}, {"archived": "maybe"}, {"sort": "tags"}, {"favorite": "perhaps"}):
        assert client.get(PATH, query_string=query).status_code == 422


ODD = [
    "zoe",
    "Ada",
    "ada",
    "\u00c9va",
    "\u202eRTL",
    "a\u00a0b",
    "\U0001f680" * 300,
    "x" * 5000,
    "x" * 5000 + "y",
    "'; --",
]


@pytest.mark.parametrize("sort", ["name", "-name", "updated_at", "-updated_at", "created_at", "-created_at"])
@pytest.mark.parametrize("way", ["cursor", "offset"])
def test_every_order_can_be_paged_both_ways(
    client: FlaskClient, database: Any, owner: str, sort: str, way: str
) -> None:
    ids = [add(database, owner, name)[0] for name in ODD]
    with database.transaction() as session:  # several at one moment
        session.execute(update(Character).where(Character.id.in_(ids[3:6])).values(updated_at=func.now()))
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"sort": sort, "limit": 3}
    while True:
        page = client.get(PATH, query_string=query).json
        seen += page["characters"]
        if page["next_cursor"] is None:
            break
        query |= {"cursor": page["next_cursor"]} if way == "cursor" else {"offset": len(seen)}
    assert sorted(row["id"] for row in seen) == sorted(ids)
    whole = client.get(PATH, query_string={"sort": sort}).json["characters"]
    assert [row["id"] for row in seen] == [row["id"] for row in whole]
    column = sort.removeprefix("-")
    values = [row[column].lower()[:100] if column == "name" else row[column] for row in seen]
    ascii_only = [value for value in values if value.isascii() and value.isalnum()] if column == "name" else values
    assert ascii_only == sorted(ascii_only, reverse=sort.startswith("-"))


def test_a_cursor_of_another_order_is_refused(client: FlaskClient, database: Any, owner: str) -> None:
    add(database, owner, "Ada", "Eve")
    cursor = client.get(PATH, query_string={"sort": "name", "limit": 1}).json["next_cursor"]
    answer = client.get(PATH, query_string={"sort": "-name", "cursor": cursor})
    assert (answer.status_code, list(answer.json["details"])) == (422, ["cursor"])


# The same file again --------------------------------------------------------------------------------------


def test_a_file_that_was_imported_before_is_told(client: FlaskClient) -> None:
    first = client.post(IMPORT, json=CARD)
    assert first.headers["Location"] == first.json["results"][0]["url"]
    again = client.post(IMPORT, json=CARD).json["results"][0]
    before = first.json["results"][0]["character_id"]
    assert (again["status"], again["duplicate_of"]) == ("imported", before)
    assert before in again["warnings"][-1]
    assert again["character_id"] != before
    client.delete(f"{PATH}/{again['character_id']}?purge=true")
    client.patch(f"{PATH}/{before}", json={"name": "Renamed"}, headers=ANY)
    skipped = client.post(f"{IMPORT}?if_duplicate=skip", json=CARD)
    assert (skipped.status_code, skipped.json["skipped"], skipped.json["imported"]) == (200, 1, 0)
    result = skipped.json["results"][0]
    assert (result["status"], result["character_id"], result["name"]) == ("skipped", before, "Renamed")
    assert client.get(PATH).json["total"] == 1
    assert client.post(f"{IMPORT}?if_duplicate=ask", json=CARD).status_code == 422


def test_one_upload_with_a_file_twice_stores_it_once(client: FlaskClient, stranger: FlaskClient) -> None:
    content = json.dumps(card("Ada")).encode()
    book = b'{"entries": {"0": {"key": ["x"], "content": "y"}}}'
    files = [("a.json", content), ("b.json", content), ("c.json", book), ("d.json", book), ("e.json", b"{")]

    def upload(who: FlaskClient) -> Any:
        parts = {"files": [(io.BytesIO(data), name) for name, data in files]}
        return who.post(f"{IMPORT}?if_duplicate=skip", data=parts, content_type="multipart/form-data")

    answer = upload(client)
    told = [result["status"] for result in answer.json["results"]]
    assert (answer.status_code, told) == (201, ["imported", "skipped", "imported", "skipped", "failed"])
    assert answer.json["results"][3]["duplicate_of"] == answer.json["results"][2]["book_id"]
    assert upload(client).status_code == 200
    assert upload(stranger).json["imported"] == 2  # what others have is nobody's duplicate


def test_skipping_holds_when_many_send_one_file_at_once(app: Flask, key: str, client: FlaskClient) -> None:
    def send(_: int) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return app.test_client().post(f"{IMPORT}?if_duplicate=skip", json=CARD, headers=headers).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(send, range(6))) == [*[200] * 5, 201]
    assert client.get(PATH).json["total"] == 1


def test_an_import_with_a_key_is_done_once(client: FlaskClient, database: Any) -> None:
    key = {"Idempotency-Key": "one"}

    def upload(content: bytes, name: str = "a.json") -> Any:
        parts = {"files": [(io.BytesIO(content), name)]}  # each with a boundary of its own
        return client.post(IMPORT, data=parts, content_type="multipart/form-data", headers=key)

    content = json.dumps(card("Ada")).encode()
    first, again = upload(content), upload(content)
    assert (first.status_code, again.status_code, again.headers["Idempotency-Replayed"]) == (201, 201, "true")
    assert (again.json, again.headers["Location"]) == (first.json, first.headers["Location"])
    for other in (upload(content + b" "), upload(content, "b.json")):
        assert (other.status_code, other.json["error"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert client.get(PATH).json["total"] == 1
    png = client.get(f"{first.json['results'][0]['url']}/download/tavernai").data
    for replayed in (None, "true"):
        answer = client.post(IMPORT, data=png, content_type="image/png", headers={"Idempotency-Key": "two"})
        assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (201, replayed)
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(KeptAnswer)) == 2


def test_a_bulk_with_a_key_is_answered_again(client: FlaskClient, database: Any, owner: str) -> None:
    body = {"ids": add(database, owner, "Ada"), "action": "purge"}
    first, again = (client.post(BULK, json=body, headers={"Idempotency-Key": "one"}) for _ in range(2))
    assert (first.json["changed"], again.json) == (1, first.json)


# Others ---------------------------------------------------------------------------------------------------

BODIES: dict[str, Any] = {
    "characters.edit": {"name": "x"},
    "characters.set_portrait": {"style": "tarot"},
    "characters.regenerate": {"fields": ["first_mes"]},
    "books.edit": {"name": "x"},
    "books.add_entry": {"content": "x"},
    "books.edit_entry": {"content": "x"},
    "books.find": {"query": "x"},
    "books.try_out": {"messages": ["x"]},
}
OWN = {"list_all", "import_files", "bulk", "create"}  # they name nobody's row


def test_what_is_another_owners_is_not_there_on_any_route(
    app: Flask, client: FlaskClient, stranger: FlaskClient
) -> None:
    client, stranger = apart(client), apart(stranger)
    path = imported(client)
    found = client.get(path).json
    entry = client.get(found["links"]["book"]).json["entries"][0]["id"]
    values = {"character_id": found["id"], "book_id": found["book_id"], "entry_id": entry, "format_name": "v3"}
    walked = 0
    for rule in app.url_map.iter_rules():
        blueprint, _, view = rule.endpoint.partition(".")
        if blueprint not in ("characters", "books") or view in OWN:
            continue
        formats = {"format_name": "worldinfo"} if blueprint == "books" else {}
        url = app.url_map.bind("localhost").build(
            rule.endpoint, {name: (values | formats)[name] for name in rule.arguments}
        )
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            for headers in (ANY, {}):
                answer = stranger.open(url, method=method, json=BODIES.get(rule.endpoint), headers=headers)
                assert (answer.status_code, answer.json["error"]) == (404, "NOT_FOUND"), (method, url, answer.text)
            walked += 1
    assert walked >= 22
    assert stranger.delete(f"{path}?purge=true").status_code == 404
    assert client.get(path).json == found
