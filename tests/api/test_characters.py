"""Characters over HTTP: imported, read, downloaded, pictured, checked."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from cards.card import Card
from cards.files import read_file
from cards.formats import BOOK_FORMATS, FORMATS, render
from cards.media import Media
from models.profiles import ProfileVersion
from models.services import characters
from models.services.profiles import DEFAULT_PROFILE
from tests.cards.test_lossless import MEDIA, picture
from tests.cards.tricky import FILES
from tests.engine import jobs as work

ANY = {"If-Match": "*"}
IMPORT = "/api/v2/characters/import"
CARD = FILES["every field of V3"].content
WORLD = FILES["a World Info file"].content


def send(client: FlaskClient, **files: bytes) -> Any:
    parts = {"files": [(io.BytesIO(content), name) for name, content in files.items()]}
    return client.post(IMPORT, data=parts, content_type="multipart/form-data")


def imported(client: FlaskClient, content: Any = CARD) -> dict[str, Any]:
    answer = client.post(IMPORT, json=content)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json["results"][0]
    return result


def test_a_card_as_json_is_imported_and_read(client: FlaskClient) -> None:
    result = imported(client)
    assert (result["status"], result["format"], result["name"]) == ("imported", "v3", "Ines Moura")
    character = client.get(result["url"]).json
    assert character["card"]["data"]["nickname"] == "Nes"
    assert character["card"]["data"]["character_book"]["entries"][0]["id"] == "ferry-1"
    assert character["book_id"] == result["book_id"]
    assert client.get("/api/v2/characters").json["characters"][0]["id"] == result["character_id"]


def test_each_file_has_its_own_result(client: FlaskClient) -> None:
    good = render(read_file(json.dumps(CARD).encode()).card, "tavernai", MEDIA)
    answer = send(
        client, **{"a.png": good, "b.png": good[:60], "c.json": b"{", "world.json": json.dumps(WORLD).encode()}
    )
    assert answer.status_code == 201
    assert (answer.json["imported"], answer.json["failed"]) == (2, 2)
    assert [result["status"] for result in answer.json["results"]] == ["imported", "failed", "failed", "imported"]
    assert all(result["error"]["message"] for result in answer.json["results"][1:3])
    assert answer.json["results"][3]["character_id"] is None
    assert client.get(answer.json["results"][3]["url"]).json["entries"][0]["keywords"] == WORLD["entries"]["3"]["key"]


def test_long_tags_do_not_stop_an_import(client: FlaskClient) -> None:
    tag = "".join(chr(97 + (n * n * 7 + n) % 26) for n in range(9000))
    content = {**FILES["a pure V2 card"].content}
    content["data"] = {**content["data"], "tags": [tag]}
    result = imported(client, content)
    card = client.get(f"/api/v2/characters/{result['character_id']}/download/v2").json
    assert card["data"]["tags"] == [tag]


def test_a_book_takes_the_name_of_its_file(client: FlaskClient) -> None:
    world = json.dumps(WORLD).encode()
    answer = send(client, **{"Eldoria.json": world})
    assert answer.json["results"][0]["name"] == "Eldoria"
    assert client.post(IMPORT, json=WORLD).json["results"][0]["name"] == "Lorebook"


def test_the_name_of_a_file_may_hold_anything(client: FlaskClient) -> None:
    """A `filename*` is percent-decoded: it can say what neither PostgreSQL nor UTF-8 can hold."""
    book = '{"entries": {"0": {"uid": 0, "key": ["tide"], "content": "It rises.", "comment": ""}}}'
    head = "Content-Disposition: form-data; name=files; filename*=UTF-8''tide%00table.json"
    sent = f"--x\r\n{head}\r\nContent-Type: application/json\r\n\r\n{book}\r\n--x--\r\n".encode()
    ways: dict[str, Any] = {"content_type": "multipart/form-data; boundary=x", "headers": {"Idempotency-Key": "tide"}}
    for _ in range(2):
        answer = client.post(IMPORT, data=sent, **ways)
        assert answer.status_code == 201
        assert answer.json["results"][0]["name"] == "tide\ufffdtable"


def test_a_character_is_fresh_when_its_book_was_edited(client: FlaskClient) -> None:
    result = imported(client)
    before = client.get(result["url"]).headers["ETag"]
    book = f"/api/v2/character-books/{result['book_id']}"
    assert client.put(book, json={"name": "New"}, headers=ANY).status_code == 200
    after = client.get(result["url"], headers={"If-None-Match": before})
    assert after.status_code == 200
    assert after.json["card"]["data"]["character_book"]["name"] == "New"
    assert client.delete(book, headers=ANY).status_code == 204
    assert client.get(result["url"], headers={"If-None-Match": after.headers["ETag"]}).json["book_id"] is None


def test_what_can_not_be_read_at_all_is_refused_with_the_reason(client: FlaskClient) -> None:
    answer = client.post(IMPORT, json={"data": {"name": ""}})
    assert answer.status_code == 422
    assert answer.json["error"] == "IMPORT_FAILED"
    assert "data.name is missing or empty" in answer.json["message"]
    assert client.post(IMPORT, data=b"").status_code == 400
    assert client.get("/api/v2/characters").json["total"] == 0


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name].back in ("v2", "v3")])
def test_what_was_imported_comes_out_as_it_came_in(client: FlaskClient, name: str) -> None:
    file = FILES[name]
    result = imported(client, file.content)
    path = f"/api/v2/characters/{result['character_id']}/download/{file.back}"
    here = render(read_file(json.dumps(file.content).encode()).card, file.back)
    assert json.loads(client.get(path).data) == json.loads(here)


def test_a_charx_comes_out_with_its_files(client: FlaskClient) -> None:
    asset = {"type": "emotion", "uri": "embeded://assets/emotion/images/joy.webp", "name": "joy", "ext": "webp"}
    icon = {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}
    card = read_file(json.dumps({**CARD, "data": {**CARD["data"], "assets": [icon, asset]}}).encode()).card
    media = Media(portrait=picture(), assets={asset["uri"]: b"joy"}, others={"x_meta/0.json": b"{}"})
    file = render(card, "charx", media)
    path = send(client, **{"a.charx": file}).json["results"][0]["url"]
    assert client.get(f"{path}/download/charx").data == file
    assert client.get(f"{path}/portrait").data == media.portrait


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_downloads_with_a_name_and_an_etag(client: FlaskClient, name: str) -> None:
    path = f"/api/v2/characters/{imported(client)['character_id']}/download/{name}"
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert FORMATS[name].extension in answer.headers["Content-Disposition"]
    assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_an_unknown_format_names_those_that_there_are(client: FlaskClient) -> None:
    answer = client.get(f"/api/v2/characters/{imported(client)['character_id']}/download/docx")
    assert answer.status_code == 404
    assert "choose one of json, v1" in answer.json["message"]


def test_what_a_format_or_front_end_loses_is_told(client: FlaskClient) -> None:
    path = f"/api/v2/characters/{imported(client)['character_id']}/losses"
    assert {"nickname", "assets", "character_book"} <= {
        loss["field"] for loss in client.get(f"{path}/v2").json["losses"]
    }
    told = client.get(f"{path}/charx?frontend=risuai").json["losses"]
    assert any("web addresses" in loss["message"] for loss in told)
    assert client.get(f"{path}/v2?frontend=tavern").status_code == 422
    assert client.get(f"{path}/docx").status_code == 404


def test_the_portrait_can_be_ones_own_or_drawn(client: FlaskClient) -> None:
    path = f"/api/v2/characters/{imported(client)['character_id']}/portrait"
    drawn = client.get(path)
    assert (drawn.status_code, drawn.mimetype) == (200, "image/png")
    jpeg = io.BytesIO()
    Image.new("RGB", (300, 200), (200, 10, 10)).save(jpeg, "JPEG")
    assert client.put(path, data=jpeg.getvalue(), content_type="image/jpeg").status_code == 428
    # As curl sends a file when it is told no type.
    form = "application/x-www-form-urlencoded"
    answer = client.put(path, data=jpeg.getvalue(), content_type=form, headers=ANY)
    assert answer.status_code == 200, answer.text
    stale = client.put(path, json={"style": "glass"}, headers={"If-Match": '"v1"'})
    assert (stale.status_code, stale.json["error"]) == (412, "CHARACTER_VERSION_CONFLICT")
    own = Image.open(io.BytesIO(client.get(path).data))
    assert (own.format, own.size) == ("PNG", (300, 200))
    assert client.put(path, json={"style": "tarot"}, headers=ANY).status_code == 200
    assert client.get(path).data == drawn.data


def test_what_is_no_picture_is_refused(client: FlaskClient) -> None:
    path = f"/api/v2/characters/{imported(client)['character_id']}/portrait"
    answer = client.put(path, data=b"<svg/>", content_type="image/svg+xml", headers=ANY)
    assert (answer.status_code, answer.json["error"]) == (422, "INVALID_PICTURE")
    assert client.put(path, json={"style": "crayon"}, headers=ANY).status_code == 422


def test_a_hostile_picture_is_refused_and_changes_nothing(client: FlaskClient) -> None:
    path = f"/api/v2/characters/{imported(client)['character_id']}"
    png = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(png, "PNG")  # 8 kB that would take 256 MB as RGBA
    bomb, cut = png.getvalue(), render(read_file(json.dumps(CARD).encode()).card, "tavernai", MEDIA)[:200]
    for content in (bomb, cut, b"", b"%PDF-1.7", b"GIF89a" + bytes(20)):
        answer = client.put(f"{path}/portrait", data=content, content_type="image/png", headers=ANY)
        assert (answer.status_code, answer.json["error"]) == (422, "INVALID_PICTURE"), content[:10]
        assert answer.json["details"]["portrait"][0] in answer.json["message"]
    two = {"a": (io.BytesIO(cut), "a.png"), "b": (io.BytesIO(cut), "b.png")}
    for form in ({}, two):
        answer = client.put(f"{path}/portrait", data=form, content_type="multipart/form-data", headers=ANY)
        assert (answer.status_code, answer.json["error"]) == (422, "INVALID_PICTURE")
    huge = client.put(f"{path}/portrait", data=bytes(32 * 1024 * 1024 + 1), content_type="image/png", headers=ANY)
    assert (huge.status_code, huge.json["error"]) == (413, "TOO_LARGE")
    assert client.get(path).json["version"] == 1


def test_lint_says_what_to_mend(client: FlaskClient) -> None:
    found = client.get(f"/api/v2/characters/{imported(client)['character_id']}/lint").json
    assert found["score"]["overall"] <= 100
    assert {"rule", "severity", "field", "span", "message", "fix"} == set(found["findings"][0])


def test_lint_takes_its_thresholds_from_the_profile_and_knows_the_source(
    client: FlaskClient, database: Any, owner: str
) -> None:
    job = work.open_job(
        owner, request={"source_material": "Ada is 36 years old and keeps the accounts.", "options": {}}
    )
    card = Card(name="Ada", description="Ada is 41 years old and keeps the accounts.", first_mes="Well?")
    with database.transaction() as session:
        character = characters.save_character(session, owner, job.job_id, card).id

    def rules() -> set[str]:
        return {finding["rule"] for finding in client.get(f"/api/v2/characters/{character}/lint").json["findings"]}

    assert {"C10", "C13"} <= rules()
    with database.transaction() as session:
        version = session.get(ProfileVersion, (DEFAULT_PROFILE, 1))
        version.config = {**version.config, "lint": {"off": ["C13"]}}
    assert "C13" not in rules()


def test_somebody_elses_character_is_not_there(client: FlaskClient, stranger: FlaskClient) -> None:
    path = f"/api/v2/characters/{imported(client)['character_id']}"
    for end in ("", "/lint", "/portrait", "/download/v2", "/losses/v2"):
        assert stranger.get(path + end).status_code == 404
    assert stranger.put(f"{path}/portrait", json={"style": "tarot"}, headers=ANY).status_code == 404


def test_validation_stores_nothing_and_says_it_all(client: FlaskClient) -> None:
    answer = client.post("/api/v2/validate/card", json=CARD)
    assert answer.status_code == 200
    assert (answer.json["readable"], answer.json["format"], answer.json["errors"]) == (True, "v3", [])
    assert set(answer.json["losses"]) == {"sillytavern", "risuai", "agnai", "chub"}
    odd = client.post("/api/v2/validate/card", json=FILES["a null book"].content).json
    assert (odd["valid"], odd["errors"][0]["path"]) == (False, "data.character_book")
    broken = client.post("/api/v2/validate/card", data=b"\x89PNG\r\n\x1a\n").json
    assert (broken["readable"], broken["valid"]) == (False, False)
    assert "PNG" in broken["errors"][0]["message"]
    book = client.post("/api/v2/validate/book", json=WORLD).json
    assert (book["readable"], book["format"]) == (True, "worldinfo")
    assert client.post("/api/v2/validate/book", json=FILES["a pure V1 card"].content).status_code == 422
    assert client.get("/api/v2/characters").json["total"] == 0


def test_every_book_format_downloads(client: FlaskClient) -> None:
    path = f"/api/v2/character-books/{imported(client)['book_id']}/download"
    for name in BOOK_FORMATS:
        assert read_file(client.get(f"{path}/{name}").data).format == name
