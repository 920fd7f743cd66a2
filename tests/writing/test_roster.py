"""Cards of one batch from one source: different characters, one roster, questions that are asked once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update

from cards.lint import Finding
from models import db
from models.jobs import Job
from models.services import shared
from models.shared import SharedQuestion
from tasks.writing.roster import MOST_MEMBERS, distinct, mark
from tests.writing import novel
from tests.writing.conftest import Made, Studio, purpose_of


def request(source: str, **options: Any) -> dict[str, Any]:
    return {"source_material": source, "options": options}


def test_requests_of_one_source_get_a_place_each() -> None:
    wanted = [request("a"), request("b"), request("a"), request("a", name="Bram"), request("a", roster="never")]
    mark(wanted)
    assert [one.get("roster", {}).get("place") for one in wanted] == [0, None, 1, None, None]
    assert wanted[0]["roster"]["size"] == 2


def test_names_that_are_too_alike_are_one() -> None:
    members = [{"name": name} for name in ("Bram Tolliver", "bram  tolliver", "Bram Rook", "Petra", "Petro", "Ysolde")]
    assert [member["name"] for member in distinct(members)] == ["Bram Tolliver", "Petra", "Ysolde"]


def test_what_is_short_or_shared_by_custom_makes_no_two_names_alike() -> None:
    for names in (("李明", "李华", "王芳"), ("Lord Vael", "Lord Marcus", "Captain Ann"), ("Ann", "Ian")):
        assert [member["name"] for member in distinct([{"name": name} for name in names])] == list(names)


def test_a_name_that_another_item_asks_for_is_taken() -> None:
    wanted = [request("a"), request("a"), request("a", name="Bram"), request("b", name="Petra")]
    mark(wanted)
    assert wanted[0]["roster"]["taken"] == ["Bram"]
    assert [member["name"] for member in distinct([{"name": "bram"}, {"name": "Ysolde"}], ["Bram"])] == ["Ysolde"]


def test_a_roster_leaves_out_whom_an_item_names(studio: Studio, client: FlaskClient) -> None:
    studio.server.writers["plan_roster"] = plan_roster(novel.PEOPLE)
    first, second, third = novel.PEOPLE[:3]
    generations = [request("They keep a lamp."), request("They keep a lamp."), request("They keep a lamp.", name=first)]
    answer = client.post("/api/v2/batch-generations", json={"generations": generations})
    with db.transaction() as session:
        batch = Job.batch_id == answer.get_json()["batch_id"]
        jobs = list(session.scalars(select(Job.id).where(batch).order_by(Job.position)))
    made = [studio.run(job) for job in jobs]
    assert [one.card.name if one.card else one.error for one in made] == [second, third, first]
    assert f"Not these, who have cards already: {first}." in studio.prompts("plan_roster")[0]


def test_no_roster_is_longer_than_an_answer_has_room_for(studio: Studio, client: FlaskClient) -> None:
    studio.server.writers["plan_roster"] = plan_roster(novel.PEOPLE)
    jobs = submit(studio, client, "They keep a lamp.", MOST_MEMBERS + 1)
    assert studio.run(jobs[-1]).card is not None
    assert f"{MOST_MEMBERS} cards are to be made" in studio.prompts("plan_roster")[0]


def plan_roster(names: tuple[str, ...]) -> Any:
    def answer(schema: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        roles = [{"name": name, "role": f"{name} keeps a lamp", "hook": f"Only {name} has seen it"} for name in names]
        return {"characters": roles}

    return answer


def submit(studio: Studio, client: FlaskClient, source: str, items: int, **options: Any) -> list[str]:
    body = {"generations": [request(source, **options)] * items, "batch_options": {"max_concurrent": items}}
    answer = client.post("/api/v2/batch-generations", json=body)
    assert answer.status_code == 202, answer.text
    with db.transaction() as session:
        batch = answer.get_json()["batch_id"]
        return list(session.scalars(select(Job.id).where(Job.batch_id == batch).order_by(Job.position)))


def run_all(studio: Studio, jobs: list[str]) -> list[Made]:
    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(studio.run, jobs))


def asked(studio: Studio, purpose: str) -> int:
    return sum(purpose_of(body) == purpose for body in studio.asked)


def test_cards_of_one_source_are_different_characters_planned_once(studio: Studio, client: FlaskClient) -> None:
    studio.server.writers |= {"plan_roster": plan_roster(novel.PEOPLE), "write_core": novel.write_core}
    studio.server.seconds = 0.2
    jobs = submit(studio, client, novel.novel(6_000), 4, on_errors="deliver", repairs=0)
    made = run_all(studio, jobs)
    assert [one.card.name if one.card else one.error for one in made] == list(novel.PEOPLE[:4])
    assert asked(studio, "plan_roster") == 1, "one asks, the others wait"
    core = studio.prompts("write_core")
    assert all("have cards of their own" in prompt for prompt in core)
    assert len(set(core)) == 4
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(SharedQuestion)) == 0, "nothing is left behind"


def test_facts_of_a_shared_source_are_read_once(studio: Studio, client: FlaskClient) -> None:
    studio.server.writers |= {"plan_roster": plan_roster(novel.PEOPLE), "extract_facts": novel.read_facts}
    jobs = submit(studio, client, novel.novel(60_000), 3, on_errors="deliver", repairs=0)
    made = run_all(studio, jobs)
    assert all(one.card for one in made), [one.error for one in made]
    parts = {novel.source_of(body) for body in studio.asked if purpose_of(body) == "extract_facts"}
    assert asked(studio, "extract_facts") == len(parts) == 3


def test_too_few_names_are_asked_for_once_more_and_then_told(studio: Studio, client: FlaskClient) -> None:
    studio.server.writers["plan_roster"] = plan_roster(novel.PEOPLE[:1])
    jobs = submit(studio, client, "Bram and Petra keep a lamp.", 2, on_errors="deliver", repairs=0)
    made = [studio.run(job) for job in jobs]
    assert asked(studio, "plan_roster") == 2
    assert "only 1 of 2 had names" in studio.prompts("plan_roster")[1]
    assert any("gives 1 characters for 2 cards" in line for line in made[1].logs)


def test_a_question_is_taken_over_when_its_asker_is_dead(studio: Studio, client: FlaskClient) -> None:
    first, second = submit(studio, client, "Bram and Petra keep a lamp.", 2)
    with db.transaction() as session:
        batch = session.get_one(Job, first).batch_id
        assert batch is not None
        held = {"status": "processing", "lease_owner": "w1", "lease_expires_at": func.now() + text("interval '1 hour'")}
        session.execute(update(Job).where(Job.id == first).values(held))
    with db.transaction() as session:
        assert shared.take(session, batch, "k", first)
        assert shared.take(session, batch, "k", first), "its own again, after a crash"
        assert not shared.take(session, batch, "k", second)
        session.execute(update(Job).where(Job.id == first).values(lease_expires_at=func.now() - text("interval '1 s'")))
        assert shared.take(session, batch, "k", second)


def test_a_batch_is_checked_across_its_cards(studio: Studio, client: FlaskClient) -> None:
    studio.server.writers["plan_roster"] = plan_roster(novel.PEOPLE)
    jobs = submit(studio, client, novel.novel(6_000), 3, on_errors="deliver", repairs=0)
    for job in jobs[:2]:
        assert studio.run(job, steps=3).status == "completed"
    with db.transaction() as session:
        batch = session.get_one(Job, jobs[0]).batch_id
    answer = client.get(f"/api/v2/batch-generations/{batch}/lint")
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert body["compared"] == 2
    found = {(finding["rule"], finding["field"]) for finding in body["findings"]}
    assert ("S02", "item_2.first_mes") in found, "both greetings are the tests' own"
    assert not [field for rule, field in found if rule == "S05" and "character_book" in field], "they share one book"
    assert any("2 of 2 cards accepted" in finding["message"] for finding in body["findings"])
    assert "item_1" in next(finding["message"] for finding in body["findings"] if finding["rule"] == "S02")
    assert client.get("/api/v2/batch-generations/batch_none/lint").status_code == 404


def test_a_name_that_looks_like_a_place_in_the_batch_is_a_name() -> None:
    from api.lint import by_item

    finding = Finding("S01", "E", "cards[1].name", "'card 77' is nearly the name of card 0, 'card 76'", "name it anew")
    (shown,) = by_item([finding], [4, 9])
    assert shown.field == "item_9.name"
    assert shown.message == "'card 77' is nearly the name of item_4, 'card 76'"
