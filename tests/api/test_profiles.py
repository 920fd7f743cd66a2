"""Profiles over HTTP: made, edited under a version, cloned, deleted, and what jobs run with."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from models.profiles import ProfileVersion
from models.services import keys, profiles
from models.services.pages import write_places
from schemas.profile_rules import check_config, check_prompts, find_prompt_warnings
from schemas.prompts import PROMPTS
from tests.engine import jobs as work

PATH = "/api/v2/profiles"
TRY = "/api/v2/validate/profile"
BUILTIN = f"{PATH}/profile_fantasy"
BODY = {
    "name": "Harbour noir",
    "description": "Wet streets.",
    "config": {"temperature": 0.6, "words": {"scenario": [30, 60]}, "avoid": ["orbs"]},
    "prompts": {"style": "Rain in every scene."},
}
SOURCE = "Ondine Marsh keeps the lighthouse on Gull Rock. She is patient and dry, and her left hand is burnt."


def at(version: int) -> dict[str, str]:
    return {"If-Match": f'"v{version}"'}


def made(client: FlaskClient, **changes: Any) -> str:
    answer = client.post(PATH, json=BODY | changes)
    assert answer.status_code == 201, answer.text
    return f"{PATH}/{answer.json['id']}"


def together(app: Flask, key: str, send: Callable[[FlaskClient, int], TestResponse], count: int = 8) -> list[Any]:
    """What ``count`` clients are answered who send at one time, each from a thread of its own."""
    gate = threading.Barrier(count)

    def one(number: int) -> TestResponse:
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        gate.wait(10)
        return send(client, number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


# Made and read ----------------------------------------------------------------------------------------------


def test_a_profile_is_made_and_read(client: FlaskClient) -> None:
    answer = client.post(PATH, json=BODY)
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"v1"')
    read = client.get(answer.headers["Location"])
    assert read.json == answer.json
    assert {name: read.json[name] for name in BODY} == BODY
    assert (read.json["version"], read.json["is_builtin"]) == (1, False)
    assert read.json["created_by"] == read.json["updated_by"]
    assert read.json["created_by"].startswith("key_")
    assert set(read.json) == {
        *("id", "name", "description", "version", "config", "prompts", "created_at", "updated_at"),
        *("created_by", "updated_by", "is_builtin"),
    }


def test_who_has_it_already_is_told_so(client: FlaskClient) -> None:
    path = made(client)
    read = client.get(path)
    assert read.headers["ETag"] == '"v1"'
    again = client.get(path, headers={"If-None-Match": '"v1"'})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(path, headers={"If-Modified-Since": read.headers["Last-Modified"]}).status_code == 304
    client.patch(path, json={"description": "Dry."}, headers=at(1))
    late = {"If-None-Match": '"v1"', "If-Modified-Since": read.headers["Last-Modified"]}
    assert client.get(path, headers=late).json["version"] == 2, "in the same second"


def test_the_same_request_makes_one_profile(client: FlaskClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first, again = (client.post(PATH, json=BODY, headers=key) for _ in range(2))
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    copies = [client.post(f"{BUILTIN}/clone", headers={"Idempotency-Key": "k2"}).json["id"] for _ in range(2)]
    assert copies[0] == copies[1]
    assert client.get(PATH, query_string={"builtin": "false"}).json["total"] == 2


def test_the_list_has_the_built_in_ones_and_ones_own(client: FlaskClient) -> None:
    made(client)
    second = made(client, name="Dry dock")
    listed = client.get(PATH).json
    assert listed["total"] == 11
    assert [row["is_builtin"] for row in listed["profiles"]] == [True] * 9 + [False] * 2
    assert listed["profiles"][9]["id"] == second.removeprefix(f"{PATH}/"), "the newest of one's own first"
    assert "prompts" not in listed["profiles"][0]

    def names(**query: Any) -> set[str]:
        return {row["name"] for row in client.get(PATH, query_string=query).json["profiles"]}

    assert names(builtin="false") == {"Harbour noir", "Dry dock"}
    assert len(names(builtin="true")) == 9
    assert names(q="HARBOUR") == {"Harbour noir"}
    assert names(q="invented worlds") == {"fantasy"}
    assert names(q="%") == set()


def test_the_list_is_paged_both_ways(client: FlaskClient) -> None:
    made(client)
    whole = [row["id"] for row in client.get(PATH).json["profiles"]]
    by_cursor: list[str] = []
    query: dict[str, Any] = {"limit": 4}
    while True:
        page = client.get(PATH, query_string=query).json
        by_cursor += [row["id"] for row in page["profiles"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    by_offset = [row["id"] for n in (0, 4, 8) for row in client.get(f"{PATH}?limit=4&offset={n}").json["profiles"]]
    assert by_cursor == by_offset == whole
    assert client.get(f"{PATH}?builtin=perhaps").status_code == 422
    assert client.get(f"{PATH}?cursor=x&offset=1").status_code == 422


# Edited -----------------------------------------------------------------------------------------------------


def test_put_writes_the_profile_whole(client: FlaskClient) -> None:
    path = made(client)
    answer = client.put(path, json={"name": "Plain", "config": {"top_p": 0.9, "seed": None}}, headers=at(1))
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"v2"')
    assert (answer.json["name"], answer.json["description"]) == ("Plain", "")
    assert (answer.json["config"], answer.json["prompts"]) == ({"top_p": 0.9}, {})
    assert client.get(path).json == answer.json


def test_patch_merges_and_null_takes_out(client: FlaskClient) -> None:
    path = made(client)
    patch = {
        "config": {"temperature": None, "top_p": 0.9, "words": {"description": [50, 90]}, "avoid": ["fog", "rain"]},
        "prompts": {"style": None, "say_tone": "In a $value voice."},
    }
    form = "application/merge-patch+json"
    answer = client.patch(path, json=patch, headers=at(1) | {"Content-Type": form})
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"v2"')
    assert answer.json["config"] == {
        "top_p": 0.9,
        "words": {"description": [50, 90], "scenario": [30, 60]},
        "avoid": ["fog", "rain"],
    }
    assert answer.json["prompts"] == {"say_tone": "In a $value voice."}
    assert (answer.json["name"], answer.json["description"]) == (BODY["name"], BODY["description"])
    bare = client.patch(path, json={"config": None, "prompts": None, "description": None}, headers=at(2)).json
    assert (bare["config"], bare["prompts"], bare["description"], bare["version"]) == ({}, {}, "", 3)


def test_an_edit_names_the_version_that_it_changes(client: FlaskClient) -> None:
    path = made(client)
    for send in (client.put, client.patch, client.delete):
        body = None if send == client.delete else BODY
        assert send(path, json=body).status_code == 428
        assert send(path, json=body, headers={"If-Match": "yesterday"}).status_code == 428
    assert client.get(path).json["version"] == 1
    assert client.patch(path, json={"name": "Other"}, headers={"If-Match": "*"}).json["version"] == 2


def test_a_stale_edit_is_told_who_edited_when(client: FlaskClient, app: Flask, database: Any, owner: str) -> None:
    path = made(client)
    with database.transaction() as session:
        other = app.test_client(), {"X-API-Key": keys.create_key(session, owner, "another", keys.SCOPES)[1]}
    now = client.patch(path, json={"description": "Dry."}, headers=at(1)).json
    for send, body in ((client.put, BODY), (client.patch, {"name": "Other"}), (client.delete, None)):
        answer = send(path, json=body, headers=at(1))
        assert answer.status_code == 412
        conflict = {"current_version": 2, "your_version": 1}
        conflict |= {name: now[name] for name in ("updated_by", "updated_at")}
        assert answer.json == conflict | {
            "error": "PROFILE_VERSION_CONFLICT",
            "message": "Profile has been changed since you read it",
            "details": conflict,
            "request_id": answer.headers["X-Request-ID"],
        }
    answer = other[0].patch(path, json={"name": "Other"}, headers=at(1) | other[1])
    assert answer.json["message"] == "Profile has been modified by another user"
    assert client.get(path).json == now


def test_of_eight_who_write_one_version_one_wins(client: FlaskClient, app: Flask, key: str) -> None:
    path = made(client)
    answers = together(app, key, lambda c, n: c.put(path, json=BODY | {"description": f"by {n}"}, headers=at(1)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    winner = next(answer.json for answer in answers if answer.status_code == 200)
    for lost in (answer.json for answer in answers if answer.status_code == 412):
        assert (lost["error"], lost["current_version"], lost["your_version"]) == ("PROFILE_VERSION_CONFLICT", 2, 1)
        assert (lost["updated_by"], lost["updated_at"]) == (winner["updated_by"], winner["updated_at"])
    assert client.get(path).json == winner
    assert client.get(f"{path}/versions").json["total"] == 2


def test_of_edit_and_delete_at_one_time_one_wins(client: FlaskClient, app: Flask, key: str) -> None:
    path = made(client)

    def send(c: FlaskClient, n: int) -> TestResponse:
        return c.delete(path, headers=at(1)) if n % 2 else c.patch(path, json={"description": f"{n}"}, headers=at(1))

    won = [answer.status_code for answer in together(app, key, send) if answer.status_code < 300]
    assert len(won) == 1
    assert client.get(path).status_code == (404 if won == [204] else 200)


def test_patches_of_any_version_lose_nothing(client: FlaskClient, app: Flask, key: str) -> None:
    path = made(client, config={})
    names = ("top_p", "min_p", "top_a", "temperature")
    answers = together(
        app, key, lambda c, n: c.patch(path, json={"config": {names[n]: 0.5}}, headers={"If-Match": "*"}), len(names)
    )
    assert sorted(answer.json["version"] for answer in answers) == [2, 3, 4, 5]
    assert client.get(path).json["config"] == dict.fromkeys(names, 0.5)


# Versions ---------------------------------------------------------------------------------------------------


def test_every_version_is_kept_as_it_was(client: FlaskClient) -> None:
    path = made(client)
    for version in (1, 2, 3):
        client.patch(path, json={"config": {"temperature": version / 10}}, headers=at(version))
    listed = client.get(f"{path}/versions", query_string={"limit": 3}).json
    assert ([row["version"] for row in listed["versions"]], listed["total"]) == ([4, 3, 2], 4)
    rest = client.get(f"{path}/versions", query_string={"limit": 3, "cursor": listed["next_cursor"]}).json
    assert ([row["version"] for row in rest["versions"]], rest["next_cursor"]) == ([1], None)
    assert client.get(f"{path}/versions?offset=3").json["versions"] == rest["versions"]
    for place in ("99999999999", "-1", "x"):
        assert client.get(f"{path}/versions?cursor={write_places('-version', [place])}").status_code == 422
    first = client.get(f"{path}/versions/1")
    assert (first.json["config"], first.json["prompts"]) == (BODY["config"], BODY["prompts"])
    assert first.headers["ETag"] == '"v1"'
    assert client.get(f"{path}/versions/1", headers={"If-None-Match": '"v1"'}).status_code == 304
    assert client.get(f"{path}/versions/3").json["config"]["temperature"] == 0.2
    for version in ("0", "5", "99999999999999999999", "one"):
        assert client.get(f"{path}/versions/{version}").status_code == 404


def test_a_job_says_which_version_it_runs_with(client: FlaskClient) -> None:
    path = made(client)
    body = {"source_material": SOURCE, "profile_id": path.removeprefix(f"{PATH}/")}

    def submitted() -> str:
        batch = client.post("/api/v2/batch-generations", json={"generations": [body]}).json
        job: str = client.get(batch["items_url"]).json["items"][0]["status_url"]
        return job

    def told() -> str:
        return client.post("/api/v2/generation/preview", json=body).text

    first = submitted()
    assert "Rain in every scene." in told()
    client.patch(path, json={"prompts": {"style": "Sun in every scene."}}, headers=at(1))
    second = submitted()
    assert [client.get(job).json["profile_version"] for job in (first, second)] == [1, 2]
    assert "Sun in every scene." in told()
    assert "Rain in every scene." not in told()
    client.post(f"{first}/cancel")
    retried = client.post(f"{first}/retry")
    assert client.get(retried.json["status_url"]).json["profile_version"] == 1, "a retry is of the same version"


def test_what_a_profile_leaves_out_is_as_in_the_default_one(client: FlaskClient) -> None:
    path = made(client)
    body = {"source_material": SOURCE, "profile_id": path.removeprefix(f"{PATH}/")}
    told = client.post("/api/v2/generation/preview", json=body).text
    assert "30 to 60 words" in told, "the scenario as here"
    assert "150 to 300 words" in told, "the description as in the default profile"
    sampling = client.post("/api/v2/generation/preview", json=body).json["calls"][0]["sampling"]
    assert (sampling["temperature"], sampling["max_tokens"]) == (0.6, 4000)


# Built-in ones, copies, deletion ----------------------------------------------------------------------------


def test_built_in_profiles_stay_as_they_are(client: FlaskClient) -> None:
    before = client.get(BUILTIN).json
    for send in (client.put, client.patch, client.delete):
        for headers in (at(1), {}):
            answer = send(BUILTIN, json=None if send == client.delete else BODY, headers=headers)
            assert (answer.status_code, answer.json["error"]) == (403, "PROFILE_READ_ONLY")
            assert f"POST {BUILTIN}/clone" in answer.json["message"]
    assert client.get(BUILTIN).json == before
    assert (before["is_builtin"], before["created_by"], before["updated_by"]) == (True, None, None)


def test_a_copy_says_the_same_and_can_be_edited(client: FlaskClient) -> None:
    answer = client.post(f"{BUILTIN}/clone")
    origin = client.get(BUILTIN).json
    assert (answer.status_code, answer.headers["ETag"], answer.json["name"]) == (201, '"v1"', "fantasy copy")
    for part in ("config", "prompts", "description"):
        assert answer.json[part] == origin[part]
    assert client.get(answer.headers["Location"]).json == answer.json
    edited = client.patch(answer.headers["Location"], json={"config": {"temperature": 0.1}}, headers=at(1)).json
    assert edited["config"] == origin["config"] | {"temperature": 0.1}
    assert client.get(BUILTIN).json == origin
    assert client.post(f"{BUILTIN}/clone").json["name"] == "fantasy copy 2"
    named = client.post(f"{BUILTIN}/clone", json={"name": "Moor", "description": "Peat."}).json
    assert (named["name"], named["description"]) == ("Moor", "Peat.")


def test_an_old_version_can_be_copied(client: FlaskClient) -> None:
    path = made(client)
    client.patch(path, json={"config": {"temperature": 1.5}}, headers=at(1))
    assert client.post(f"{path}/clone", json={"version": 1}).json["config"] == BODY["config"]
    assert client.post(f"{path}/clone", json={"version": 3}).status_code == 404


def test_what_is_deleted_is_gone_for_new_work_and_kept_for_old(client: FlaskClient, owner: str) -> None:
    path = made(client)
    profile_id = path.removeprefix(f"{PATH}/")
    job = work.open_job(owner, profile_id=profile_id)
    assert client.delete(path, headers=at(1)).status_code == 204
    for answer in (client.get(path), client.delete(path, headers=at(1)), client.post(f"{path}/clone")):
        assert answer.status_code == 404
    body = {"source_material": SOURCE, "profile_id": profile_id}
    assert client.post("/api/v2/generation/generate", json=body).status_code == 422
    assert client.get(PATH).json["total"] == 9
    assert client.get(f"/api/v2/jobs/{job.job_id}").json["profile_id"] == profile_id
    claimed = work.claim(job.job_id)
    assert claimed is not None
    assert claimed.prompts["style"] == "Rain in every scene."
    assert client.get(f"{path}/versions/1").json["config"] == BODY["config"]
    assert client.get(made(client)).json["version"] == 1, "the name is free"


# Names ------------------------------------------------------------------------------------------------------


def test_a_name_is_there_once(client: FlaskClient) -> None:
    made(client)
    other = made(client, name="Other")
    for answer in (
        client.post(PATH, json=BODY | {"name": " harbour  NOIR "}),
        client.post(PATH, json={"name": "Fantasy"}),
        client.put(other, json=BODY, headers=at(1)),
        client.patch(other, json={"name": "HARBOUR NOIR"}, headers=at(1)),
        client.post(f"{BUILTIN}/clone", json={"name": "Harbour noir"}),
    ):
        assert (answer.status_code, answer.json["error"], list(answer.json["details"])) == (
            409,
            "DUPLICATE_NAME",
            ["name"],
        )
    assert client.get(other).json["version"] == 1
    assert client.patch(other, json={"name": "OTHER"}, headers=at(1)).json["name"] == "OTHER"


def test_of_eight_who_take_a_name_one_gets_it(client: FlaskClient, app: Flask, key: str) -> None:
    answers = together(app, key, lambda c, n: c.post(PATH, json={"name": "The one" if n % 2 else "THE ONE"}))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {answer.json["error"] for answer in answers if answer.status_code == 409} == {"DUPLICATE_NAME"}


def test_an_unknown_profile_is_answered_with_the_one_that_may_be_meant(client: FlaskClient) -> None:
    path = made(client)

    def refused(profile_id: str) -> str:
        batch = {"generations": [{"source_material": SOURCE}, {"source_material": SOURCE, "profile_id": profile_id}]}
        answer = client.post("/api/v2/batch-generations", json=batch)
        assert (answer.status_code, list(answer.json["details"])) == (422, ["generations.1.profile_id"])
        message: str = answer.json["details"]["generations.1.profile_id"][0]
        return message

    assert "Did you mean 'profile_fantasy'?" in refused("fantasy")
    assert "Did you mean 'profile_scifi'?" in refused("profile_sci-fi")
    assert f"Did you mean '{path.removeprefix(PATH)[1:]}'?" in refused("harbour noir")
    assert "There are profile_villain, profile_scifi" in refused("x")


# Refused ----------------------------------------------------------------------------------------------------

LONG = "x" * 20_001
REFUSED: list[tuple[Mapping[str, Any], str, str]] = [
    ({"name": None}, "name", "null"),
    ({"name": 5}, "name", "as a text"),
    ({"name": " \n "}, "name", "Give the profile a name"),
    ({"name": "x" * 101}, "name", "100 at most"),
    ({"name": "a\x07b"}, "name", "control characters"),
    ({"description": "x" * 2001}, "description", "2000 at most"),
    ({"colour": "red"}, "colour", "Unknown"),
    ({"version": 3}, "version", "Set by the server: leave it out"),
    ({"config": []}, "config", "object"),
    ({"config": {"temprature": 1}}, "config.temprature", "Did you mean 'temperature'?"),
    ({"config": {"temperature": 3}}, "config.temperature", "less than or equal to 2"),
    ({"config": {"model": 5}}, "config.model", "string"),
    ({"config": {"format": ["json", "pdf"]}}, "config.format.1", "Must be one of"),
    ({"config": {"filename_pattern": "{nobody}"}}, "config.filename_pattern", "nobody"),
    ({"config": {"words": [1, 2]}}, "config.words", "for each field"),
    ({"config": {"words": {"first_msg": [1, 2]}}}, "config.words.first_msg", "Did you mean 'first_mes'?"),
    ({"config": {"words": {"scenario": [9, 3]}}}, "config.words.scenario", "[least, most]"),
    ({"config": {"repair_rules": ["G05", "Z99"]}}, "config.repair_rules.1", "no rule 'Z99'"),
    ({"config": {"lint": {"card": {"tokens_most": "many"}}}}, "config.lint.card.tokens_most", "whole number"),
    ({"config": {"lint": {"off": ["C99"]}}}, "config.lint.off[0]", "no rule"),
    ({"config": {"lint": 5}}, "config.lint", "object"),
    ({"config": {"lint": {"cliches": {"phrases": {"en": ["x" * 199] * 600}}}}}, "config", "100000 characters"),
    ({"config": {"context_tokens": 3000}}, "config.max_tokens", "lower it"),
    ({"prompts": "x"}, "prompts", "object"),
    ({"prompts": {"write_cor": "x"}}, "prompts.write_cor", "Did you mean 'write_core'?"),
    ({"prompts": {"system": 5}}, "prompts.system", "as a text"),
    ({"prompts": {"system": " "}}, "prompts.system", "leave it out"),
    ({"prompts": {"system": LONG}}, "prompts.system", "20000 at most"),
    ({"prompts": {"system": "It costs $5."}}, "prompts.system", "write $$"),
    ({"prompts": {"style": "Of $name."}}, "prompts.style", "Nothing is put into $name here"),
    ({"prompts": {"write_core": "$sorce $source"}}, "prompts.write_core", "Did you mean 'source'?"),
    ({"prompts": {"write_core": "Write it. $fields"}}, "prompts.write_core", "Has to hold $source"),
]


def test_what_cannot_be_is_refused_by_field(client: FlaskClient) -> None:
    path = made(client)
    for change, field, remedy in REFUSED:
        for answer in (
            client.post(PATH, json={"name": "New"} | dict(change)),
            client.put(path, json=BODY | dict(change), headers=at(1)),
            client.patch(path, json=change, headers=at(1)),
        ):
            assert (answer.status_code, answer.json["error"]) == (422, "VALIDATION_ERROR"), change
            assert remedy in "".join(answer.json["details"].get(field, ())), answer.json["details"]
    assert client.get(path).json["version"] == 1
    assert client.get(PATH).json["total"] == 10


def test_a_patch_of_nothing_is_refused(client: FlaskClient) -> None:
    path = made(client)
    answer = client.patch(path, json={}, headers=at(1))
    assert (answer.status_code, answer.json["error"]) == (422, "VALIDATION_ERROR")
    assert "Changes nothing" in answer.json["message"]


def test_an_option_that_was_given_up_can_be_taken_out(client: FlaskClient, database: Any) -> None:
    path = made(client)
    with database.transaction() as session:
        where = ProfileVersion.profile_id == path.removeprefix(f"{PATH}/")
        session.execute(update(ProfileVersion).where(where).values(config={"of_old": 1, "top_k": 3}))
    answer = client.patch(path, json={"name": "Moor"}, headers=at(1))
    assert (answer.status_code, list(answer.json["details"])) == (422, ["config.of_old"])
    answer = client.patch(path, json={"name": "Moor", "config": {"of_old": None}}, headers=at(1))
    assert (answer.status_code, answer.json["config"]) == (200, {"top_k": 3})


def test_what_the_built_in_profiles_say_can_be_said(client: FlaskClient) -> None:
    for builtin in profiles.read_builtins():
        config, prompts = profiles.said(builtin["config"]), builtin["prompts"]
        assert not [*check_config(config), *check_prompts(prompts), *find_prompt_warnings(prompts)]
        assert all(profiles.defaults()["config"][name] is None for name in builtin["config"].keys() - config.keys())


# Values tried one by one ------------------------------------------------------------------------------------

TRIED: list[tuple[str, Any, str | None]] = [
    ("name", "Peat bog", None),
    ("name", "", "REQUIRED"),
    ("name", None, "WRONG_TYPE"),
    ("name", "x" * 101, "TOO_LONG"),
    ("name", "a\x07b", "INVALID_CHARACTERS"),
    ("name", "harbour  noir", "DUPLICATE_NAME"),
    ("name", "Default", "DUPLICATE_NAME"),
    ("description", "Wet.", None),
    ("description", 5, "WRONG_TYPE"),
    ("description", "x" * 2001, "TOO_LONG"),
    ("config.temperature", 1.2, None),
    ("config.temperature", None, None),
    ("config.temperature", 2.1, "OUT_OF_RANGE"),
    ("config.temperature", "hot", "WRONG_TYPE"),
    ("config.top_k", True, "WRONG_TYPE"),
    ("config.top_k", -1, "OUT_OF_RANGE"),
    ("config.stream", "yes", "WRONG_TYPE"),
    ("config.rating", "nsfw", "UNKNOWN_CHOICE"),
    ("config.format", ["pdf"], "UNKNOWN_CHOICE"),
    ("config.format", [], "TOO_SHORT"),
    ("config.stop", ["a"] * 5, "TOO_LONG"),
    ("config.genre", "x" * 101, "TOO_LONG"),
    ("config.genre", "", "TOO_SHORT"),
    ("config.avoid", [5], "WRONG_TYPE"),
    ("config.filename_pattern", "{nobody}", "INVALID_PATTERN"),
    ("config.temprature", 1, "UNKNOWN_OPTION"),
    ("config.words.scenario", [20, 50], None),
    ("config.words.scenario", [50, 20], "OUT_OF_RANGE"),
    ("config.words.prose", [20, 50], "UNKNOWN_FIELD"),
    ("config.repair_rules", ["Z99"], "UNKNOWN_RULE"),
    ("config.lint", {"off": ["C13"]}, None),
    ("config.lint.card.tokens_most", -1, "INVALID_LINT"),
    ("config.context_tokens", 3000, "CONTRADICTION"),
    ("config", {"temperature": 0.1}, None),
    ("config", [], "WRONG_TYPE"),
    ("prompts.style", "Short. It costs $$5.", None),
    ("prompts.style", "", None),
    ("prompts.style", "Costs $5", "INVALID_PLACEHOLDER"),
    ("prompts.style", "Of $value", "UNKNOWN_PLACEHOLDER"),
    ("prompts.write_core", "$fields $plan $wishes", "MISSING_PLACEHOLDER"),
    ("prompts.say_genre", "", "TOO_SHORT"),
    ("prompts.system", LONG, "TOO_LONG"),
    ("prompts.sistem", "x", "UNKNOWN_PROMPT"),
    ("prompts", {"system": "x", "style": 5}, "WRONG_TYPE"),
    ("colour", "red", "UNKNOWN_FIELD"),
    ("name.first", "x", "UNKNOWN_FIELD"),
]


def test_a_value_is_tried_without_being_stored(client: FlaskClient) -> None:
    made(client)
    for field, value, code in TRIED:
        answer = client.post(TRY, json={"field": field, "value": value})
        assert answer.status_code == 200, answer.text
        assert [fault["code"] for fault in answer.json["errors"]] == ([code] if code else []), (field, value)
        assert answer.json["valid"] is (code is None)
        for fault in answer.json["errors"]:
            assert set(fault) == {"field", "message", "code"}
            assert fault["field"].startswith(field.partition(".")[0])
    assert client.get(PATH).json["total"] == 10


def test_what_may_not_be_meant_so_is_told(client: FlaskClient) -> None:
    def warned(field: str, value: Any, **context: Any) -> list[str]:
        answer = client.post(TRY, json={"field": field, "value": value, "context": context}).json
        assert answer["valid"] is True
        return [warning["code"] for warning in answer["warnings"]]

    assert [warned("name", name) for name in ("test", "x", "New profile 2", "12")] == [["WEAK_NAME"]] * 4
    assert warned("name", "Peat bog") == warned("name", "狼と森") == []
    assert warned("config.name", "Ada") == ["SAME_FOR_ALL"]
    assert warned("prompts.write_greetings", "Write. $fields") == ["MISSING_PLACEHOLDER"] * 4
    assert warned("name", "Peat bog", profile_id="profile_default", profile_type="character_card") == ["READ_ONLY"]
    assert warned("name", "Peat bog", profile_type="story") == ["UNKNOWN_TYPE"]


def test_a_value_is_tried_in_its_place(client: FlaskClient) -> None:
    profile_id = made(client, config={"max_tokens": 9000}).removeprefix(f"{PATH}/")

    def codes(field: str, value: Any, profile_id: str) -> list[str]:
        body = {"field": field, "value": value, "context": {"profile_id": profile_id}}
        return [fault["code"] for fault in client.post(TRY, json=body).json["errors"]]

    assert codes("name", "HARBOUR noir", profile_id) == [], "its own"
    assert codes("config.context_tokens", 8000, profile_id) == ["CONTRADICTION"]
    assert codes("config.context_tokens", 8000, "profile_default") == []
    assert codes("name", "Peat bog", "profile_none") == ["UNKNOWN_PROFILE"]
    for body in ({"field": "name"}, {"value": 1}, {"field": "name", "value": 1, "context": {"x": 1}}):
        assert client.post(TRY, json=body).status_code == 422


# Others -----------------------------------------------------------------------------------------------------


def test_somebody_elses_profile_is_not_there(client: FlaskClient, stranger: FlaskClient) -> None:
    path = made(client)
    for end in ("", "/versions", "/versions/1"):
        assert stranger.get(path + end).status_code == 404
    assert stranger.put(path, json=BODY, headers=at(1)).status_code == 404
    assert stranger.patch(path, json={"name": "Mine"}, headers=at(1)).status_code == 404
    assert stranger.delete(path, headers=at(1)).status_code == 404
    assert stranger.post(f"{path}/clone").status_code == 404
    assert stranger.get(PATH).json["total"] == 9
    assert stranger.post(PATH, json=BODY).status_code == 201, "names are each owner's own"
    context = {"profile_id": path.removeprefix(f"{PATH}/")}
    tried = stranger.post(TRY, json={"field": "config.top_k", "value": 1, "context": context}).json
    unknown = stranger.post(TRY, json={"field": "config.top_k", "value": 1, "context": {"profile_id": "x"}}).json
    assert [fault["code"] for fault in tried["errors"]] == [fault["code"] for fault in unknown["errors"]]


def test_the_page_about_profiles_tells_every_prompt_and_placeholder() -> None:
    page = (Path(__file__).parents[2] / "docs/profiles.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    for name, text in PROMPTS.items():
        row = next(line for line in rows if f"`{name}`" in line)
        assert set(re.findall(r"`\$(\w+)`", row.split("|")[3])) == set(text.takes), name
        assert set(re.findall(r"\*\*`\$(\w+)`\*\*", row)) == set(text.needs), name
