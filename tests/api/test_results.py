"""What a batch has made, all of it: JSON Lines, and a ZIP."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from cards.files import read_file
from models.jobs import Job
from models.services import stops
from tests.api.made import BATCHES, make_batch
from tests.engine import jobs as work


def lines(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    answer = client.get(f"{path}/results")
    assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson")
    assert "ETag" not in answer.headers
    return [json.loads(line) for line in answer.text.splitlines()]


def unpack(client: FlaskClient, path: str, query: str = "") -> tuple[dict[str, bytes], dict[str, Any]]:
    answer = client.get(f"{path}/download{query}")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    return files, json.loads(files.pop("manifest.json"))


def test_each_item_has_its_line_in_order(client: FlaskClient) -> None:
    path, jobs = make_batch(client, completed=1, items=3, format=["json"])
    found = lines(client, path)
    assert [(line["item_id"], line["job_id"]) for line in found] == [
        (f"item_{n}", job_id) for n, job_id in enumerate(jobs, 1)
    ]
    assert [line["metadata"] for line in found] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [line["result"] is None for line in found] == [False, True, True]
    whole = client.get(found[0]["result_url"]).json
    result = found[0]["result"]
    for name in ("character_id", "name", "card", "usage"):
        assert result[name] == whole[name]
    assert result["name"] == "Ondine Marsh"
    assert 0 < result["score"]["overall"] <= 100
    assert list(found[0]["downloads"]) == ["json"]


def test_a_failed_item_says_why_and_a_deleted_character_is_gone(client: FlaskClient, database: Any) -> None:
    path, jobs = make_batch(client, completed=1, items=2, format=["json"])
    with database.transaction() as session:
        stops.cancel_job(session, session.get_one(Job, jobs[1]).owner_id, jobs[1])
        session.execute(text("DELETE FROM characters"))
    first, second = lines(client, path)
    assert (first["status"], first["result"]) == ("completed", None)
    assert second["error"]["code"] == "CANCELLED"


def test_a_zip_has_every_file_and_says_what_is_in_it(client: FlaskClient) -> None:
    path, jobs = make_batch(client, completed=2, items=3, format=["v2", "tavernai"])
    files, manifest = unpack(client, path)
    assert (manifest["complete"], manifest["formats"]) == (False, ["tavernai", "v2"])
    told = [file for item in manifest["items"] for file in item["files"]]
    assert {file["file"] for file in told} == set(files)
    assert {name.split("/")[0] for name in files} == {"tavernai", "v2"}
    for file in told:
        content = files[file["file"]]
        assert (file["sha256"], file["size"]) == (hashlib.sha256(content).hexdigest(), len(content))
    first, _, third = manifest["items"]
    assert (third["status"], third["files"], third["error"]) == ("queued", [], None)
    assert (first["job_id"], first["metadata"]) == (jobs[0], {"n": 0})
    ondine = next(name for name in files if name.startswith("tavernai/Ondine Marsh"))
    reading = read_file(files[ondine])
    assert reading.card is not None
    assert reading.card.name == "Ondine Marsh"


def test_one_format_lies_flat_and_who_has_none_is_told(client: FlaskClient) -> None:
    path, jobs = make_batch(client, completed=1, items=2, format=["json", "v2"])
    client.post(f"/api/v2/jobs/{jobs[1]}/cancel")
    files, manifest = unpack(client, path, "?format=v2")
    assert manifest["complete"]
    (name,) = files
    assert name.startswith("Ondine Marsh_")
    assert name.endswith(".v2.json")
    assert manifest["items"][1]["error"]["code"] == "CANCELLED"
    answer = client.get(f"{path}/download?format=v2")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Keepers_ one_two.zip"'


def test_an_item_without_the_asked_format_says_which_it_has(client: FlaskClient, database: Any) -> None:
    path, jobs = make_batch(client, completed=2, items=2, format=["json", "v1"])
    with database.transaction() as session:
        session.execute(text("DELETE FROM artifacts WHERE job_id = :job AND format = 'v1'"), {"job": jobs[0]})
    _, manifest = unpack(client, path, "?format=v1")
    first, second = manifest["items"]
    assert first["error"] == {"code": "NO_SUCH_FORMAT", "message": "It has no file of v1; it has: json."}
    assert second["error"] is None


def test_nothing_to_pack_is_a_conflict_and_an_unknown_format_is_named(client: FlaskClient) -> None:
    path, _ = make_batch(client, completed=1, items=2, format=["json"])
    empty, _ = make_batch(client, completed=0)
    for url, formats in ((f"{empty}/download", []), (f"{path}/download?format=v2", ["json"])):
        answer = client.get(url)
        assert (answer.status_code, answer.json["error"]) == (409, "BATCH_HAS_NO_FILES")
        assert answer.json["details"]["formats"] == formats
    for bad in ("docx", "json,docx", ""):
        answer = client.get(f"{path}/download", query_string={"format": bad})
        assert (answer.status_code, list(answer.json["details"])) == (422, ["format"])


def test_names_in_a_zip_are_unlike_each_other_on_every_system(client: FlaskClient, database: Any) -> None:
    path, _ = make_batch(client, completed=2, items=2, format=["json"], filename_pattern="{format}")
    with database.transaction() as session:
        session.execute(
            text("UPDATE artifacts SET filename = CASE WHEN filename = 'json.json' THEN 'Manifest.json' END")
        )
    files, _ = unpack(client, path)
    assert sorted(files) == ["Manifest (2).json", "Manifest (3).json"]


def test_another_owner_gets_neither(client: FlaskClient, stranger: FlaskClient) -> None:
    path, _ = make_batch(client, completed=0)
    for part in ("results", "download"):
        assert stranger.get(f"{path}/{part}").status_code == 404


def test_a_batch_deleted_meanwhile_breaks_the_stream_off(client: FlaskClient, database: Any, owner: str) -> None:
    from models.errors import NotFound

    batch_id, _ = work.open_batch(owner, items=50, window=1)
    answer = client.get(f"{BATCHES}/{batch_id}/results", buffered=False)
    chunks = answer.iter_encoded()
    next(chunks)
    with database.transaction() as session:
        session.execute(text("DELETE FROM batches"))
    with pytest.raises(NotFound):
        list(chunks)


MANY = """
WITH owner AS (SELECT :owner AS id), numbers AS (SELECT n FROM generate_series(1, :items) AS n),
made_jobs AS (
  INSERT INTO jobs (id, root_id, owner_id, kind, batch_id, position, profile_id, profile_version, status)
  SELECT 'job_m' || n, 'job_m' || n, owner.id, 'character_card', :batch, n, 'profile_default', 1, 'completed'
  FROM numbers, owner RETURNING id, position
), made_items AS (INSERT INTO items (batch_id, position, job_id) SELECT :batch, position, id FROM made_jobs)
INSERT INTO artifacts (job_id, format, filename, media_type, content, sha256, size)
SELECT id, 'json', 'Ondine.json', 'application/json', convert_to(repeat(md5(id), 1500), 'UTF8'), '', 48000
FROM made_jobs
"""


@pytest.fixture
def many(database: Any, owner: str) -> str:
    """A batch of 600 completed items with files of one name."""
    batch_id, _ = work.open_batch(owner, items=1, window=1)
    with database.transaction() as session:
        session.execute(text("SET CONSTRAINTS ALL DEFERRED"))
        session.execute(text("DELETE FROM jobs"))
        session.execute(text(MANY), {"owner": owner, "items": 600, "batch": batch_id})
        session.execute(text("UPDATE batches SET total = 600, queued = 0, completed = 600, status = 'completed'"))
    return f"{BATCHES}/{batch_id}"


def drain(parts: Iterator[bytes]) -> int:
    """Read a stream as it comes, and return the most that was held in memory meanwhile."""
    next(parts)
    tracemalloc.start()
    for _ in parts:
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("part", ["results", "download"])
def test_memory_stays_flat_however_many_items(client: FlaskClient, many: str, part: str) -> None:
    answer = client.get(f"{many}/{part}", buffered=False)
    assert drain(answer.iter_encoded()) < 6_000_000  # the files alone are 29 MB


def test_a_zip_of_thousands_is_whole(client: FlaskClient, app: Flask, many: str) -> None:
    files, manifest = unpack(client, many)
    assert len(files) == len(manifest["items"]) == 600
    assert "Ondine (600).json" in files
