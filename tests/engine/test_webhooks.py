"""Webhooks: told once for each end, signed, tried until they arrive, and sent to nobody inside."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from sqlalchemy import func, select, update
from standardwebhooks import Webhook

from models.batches import Batch
from models.deliveries import Delivery
from models.jobs import Job
from models.services import again, claims, deliveries, repair
from models.services.messages import Notice
from providers import webhook
from providers.addresses import is_local_name, is_public, literal
from tests.engine import jobs as work
from tests.engine import processes
from tests.receiver import Receiver, Reply

NEW, OLD = "n" * 40, "o" * 40


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", NEW)
    monkeypatch.setenv("WEBHOOK_ALLOW_PRIVATE", "true")


def end_batch(owner: str, url: str | None, items: int = 1) -> tuple[str, list[Any]]:
    """Run a whole batch by hand; returns its id and what its end sends."""
    batch_id, sent = work.open_batch(owner, items=items, window=items, callback_url=url, name="lamps")
    return batch_id, [notice for job in sent for notice in work.run(job.job_id)]


def rows(database: Any) -> list[Delivery]:
    with database.transaction() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def make_due(database: Any) -> None:
    with database.transaction() as session:
        session.execute(update(Delivery).values(due_at=func.now() - timedelta(seconds=1)))


def deliver(*notices: Notice) -> None:
    from tasks import webhooks

    for notice in notices:
        webhooks.deliver(notice.delivery_id)


def key_of(owner: str, secret: str = NEW) -> str:
    from tasks import signing

    return signing.show_key(signing.owner_key(secret, owner))


# --- what is told, and when ---


def test_a_batch_tells_its_end_once_in_the_commit_that_ends_it(database: Any, owner: str, receiver: Receiver) -> None:
    batch_id, sent = end_batch(owner, receiver.url, items=3)
    (row,) = rows(database)
    assert [notice.delivery_id for notice in sent] == [row.id]
    deliver(*sent)
    (got,) = receiver.got
    message = json.loads(got.body)
    assert message["type"] == "batch.completed"
    assert message["timestamp"].endswith("Z")
    data = message["data"]
    assert (data["batch_id"], data["name"], data["status"]) == (batch_id, "lamps", "completed")
    assert (data["progress"]["total"], data["progress"]["completed"], data["cost_usd"]) == (3, 3, 0)
    assert data["status_url"] == f"/api/v2/batch-generations/{batch_id}"
    assert got.headers["webhook-id"] == row.id
    assert b"Ondine" not in got.body, "what was submitted stays here"
    (row,) = rows(database)
    assert (row.status, row.attempts, row.last_status) == ("delivered", 1, 204)
    assert [one["status"] for one in row.tries] == [204]


def test_nothing_is_told_without_a_url_nor_by_a_commit_that_fails(database: Any, owner: str) -> None:
    _, sent = end_batch(owner, None)
    assert sent == []
    job = work.open_job(owner, callback_url="http://127.0.0.1:9/x")
    claimed = work.claim(job.job_id)
    assert claimed is not None
    with database.transaction() as session:
        claims.fail_job(session, claimed, {"code": "INTERNAL", "message": "m", "details": {}})
        session.rollback()
    assert rows(database) == []


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_a_job_by_itself_tells_its_end(database: Any, owner: str, end: str) -> None:
    from models.services import stops

    job = work.open_job(owner, callback_url="http://127.0.0.1:9/x")
    if end == "completed":
        work.run(job.job_id)
    elif end == "failed":
        claimed = work.claim(job.job_id)
        assert claimed is not None
        work.fail(claimed)
    else:
        with database.transaction() as session:
            stops.cancel_job(session, owner, job.job_id)
    (row,) = rows(database)
    assert (row.event, row.job_id, row.batch_id) == (f"job.{end}", job.job_id, None)
    codes = {"failed": "INTERNAL", "cancelled": "CANCELLED"}
    assert row.body["data"]["error"] == ({"code": codes[end]} if end in codes else None)


def test_a_batch_that_is_cancelled_or_refused_tells_its_end(database: Any, owner: str) -> None:
    from models.services import batches, stops
    from models.services.batches import NewBatch

    batch_id, _ = work.open_batch(owner, items=2, window=1, callback_url="http://127.0.0.1:9/x")
    with database.transaction() as session:
        stops.cancel_batch(session, owner, batch_id)
    new = NewBatch(1, True, "standard", callback_url="http://127.0.0.1:9/x")
    refused = work.new_job(error={"code": "VALIDATION_ERROR", "message": "m", "details": {}})
    with database.transaction() as session:
        _, sent = batches.open_batch(session, owner, new, [refused], request_id="r")
    assert [row.event for row in rows(database)] == ["batch.cancelled", "batch.failed"]
    assert isinstance(sent[0], Notice)


def test_a_cancelling_that_ends_a_batch_sends_its_message(database: Any, owner: str) -> None:
    from models.services import stops

    batch_id, (job,) = work.open_batch(owner, items=1, window=1, callback_url="http://127.0.0.1:9/x")
    claimed = work.claim(job.job_id)
    assert claimed is not None
    work.finish(claimed)  # between two steps nobody holds it
    with database.transaction() as session:
        _, sent = stops.cancel_batch(session, owner, batch_id)
    assert [one.delivery_id for one in sent if isinstance(one, Notice)] == [row.id for row in rows(database)]


def test_a_batch_that_is_retried_tells_its_next_end_too(database: Any, owner: str, receiver: Receiver) -> None:
    batch_id, (job,) = work.open_batch(owner, items=1, window=1, callback_url="http://127.0.0.1:9/x")
    claimed = work.claim(job.job_id)
    assert claimed is not None
    work.fail(claimed)
    with database.transaction() as session:
        again.retry_batch(
            session, owner, batch_id, include_cancelled=False, fresh=False, request_id="r", callback_url=receiver.url
        )
        new = session.scalars(select(Job.id).where(Job.retry_of == job.job_id)).one()
    work.run(new)
    first, second = rows(database)
    assert (first.event, second.event, second.url) == ("batch.failed", "batch.completed", receiver.url)
    assert first.id != second.id


def test_a_retried_job_tells_whom_the_first_told(database: Any, owner: str, receiver: Receiver) -> None:
    job = work.open_job(owner, callback_url=receiver.url)
    work.run(job.job_id)
    with database.transaction() as session:
        new, _ = again.retry_job(session, owner, job.job_id, request_id="r")
        assert new.callback_url == receiver.url


# --- signatures ---


def test_others_can_verify_a_message_and_tell_a_forged_one(
    database: Any, owner: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", f"{NEW}, {OLD}")
    _, sent = end_batch(owner, receiver.url)
    deliver(*sent)
    (got,) = receiver.got
    assert len(got.headers["webhook-signature"].split()) == 2, "while the secret changes, both sign"
    for secret in (NEW, OLD):
        Webhook(key_of(owner, secret)).verify(got.body, got.headers)
    with pytest.raises(Exception, match="matching signature"):
        Webhook(key_of("owner_other")).verify(got.body, got.headers)
    with pytest.raises(Exception, match="matching signature"):
        Webhook(key_of(owner)).verify(got.body.replace(b"completed", b"cancelled"), got.headers)


def test_our_own_client_verifies_it_too(database: Any, owner: str, receiver: Receiver) -> None:
    from cardforge_client.signatures import verify_webhook

    _, sent = end_batch(owner, receiver.url)
    deliver(*sent)
    (got,) = receiver.got
    assert verify_webhook(key_of(owner), got.headers, got.body)["type"] == "batch.completed"


# --- exactly one, in the end ---


def test_of_many_messages_for_one_delivery_one_is_sent(database: Any, owner: str, receiver: Receiver) -> None:
    from tasks import webhooks

    _, (notice,) = end_batch(owner, receiver.url)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: webhooks.deliver(notice.delivery_id), range(16)))
    make_due(database)
    deliver(notice)
    assert len(receiver.got) == 1


def test_a_try_that_died_half_way_is_made_again_under_the_same_id(
    database: Any, owner: str, receiver: Receiver
) -> None:
    _, (notice,) = end_batch(owner, receiver.url)
    with database.transaction() as session:
        assert deliveries.claim(session, notice.delivery_id) is not None  # and its worker is killed
    deliver(notice)
    assert receiver.got == [], "not while that try may still be under way"
    with database.transaction() as session:
        assert deliveries.find_due(session, 10) == []
    make_due(database)
    with database.transaction() as session:
        due = deliveries.find_due(session, 10)
    deliver(*due)
    (got,) = receiver.got
    assert got.headers["webhook-id"] == notice.delivery_id
    (row,) = rows(database)
    assert (row.status, row.attempts) == ("delivered", 2)


def test_a_failed_try_is_made_again_with_the_same_id_and_bytes(database: Any, owner: str, receiver: Receiver) -> None:
    receiver.script = [Reply(500), Reply(302, {"Location": f"{receiver.url}/elsewhere"})]
    _, (notice,) = end_batch(owner, receiver.url)
    for _ in range(3):
        make_due(database)
        deliver(notice)
    assert len({(got.headers["webhook-id"], got.body) for got in receiver.got}) == 1
    assert [got.path for got in receiver.got] == ["/hooks"] * 3, "redirects are not followed"
    (row,) = rows(database)
    assert [one["status"] for one in row.tries] == [500, 302, 204]
    assert "redirects (302)" in row.tries[1]["error"]
    assert (row.status, row.last_error) == ("delivered", None)


def test_the_next_try_waits_longer_and_as_long_as_it_is_asked_to(database: Any, owner: str, receiver: Receiver) -> None:
    receiver.script = [Reply(500), Reply(503, {"Retry-After": "1200"})]
    _, (notice,) = end_batch(owner, receiver.url)
    waits = []
    for _ in range(2):
        make_due(database)
        deliver(notice)
        with database.transaction() as session:
            waits.append(session.scalar(select(func.extract("epoch", Delivery.due_at - func.clock_timestamp()))))
    assert 7 < waits[0] <= 12
    assert 1190 < waits[1] < 1330


def test_gone_is_the_end_and_so_is_the_last_try(database: Any, owner: str, receiver: Receiver) -> None:
    from tasks import webhooks

    receiver.script = [Reply(410), Reply(500)]
    _, (notice,) = end_batch(owner, receiver.url)
    deliver(notice)
    (row,) = rows(database)
    assert (row.status, row.last_status) == ("failed", 410)
    _, (other,) = end_batch(owner, receiver.url)
    with database.transaction() as session:
        last = update(Delivery).where(Delivery.id == other.delivery_id).values(attempts=len(webhooks.PAUSES))
        session.execute(last)
    deliver(other)
    assert rows(database)[1].status == "failed"
    make_due(database)
    deliver(notice, other)
    assert len(receiver.got) == 2, "what has failed is not tried again by itself"


def test_the_tries_are_spread_over_two_days() -> None:
    from tasks import webhooks

    waits = [webhooks.pause(attempt, 0.5) for attempt in range(1, 10)]
    assert waits[:-1] == list(webhooks.PAUSES)
    assert waits[-1] is None
    assert webhooks.pause(1, 0.0) == 8
    assert webhooks.pause(1, 0.5, retry_after=100) == 100


def test_a_busy_receiver_holds_no_more_than_its_share(database: Any, owner: str, receiver: Receiver) -> None:
    from tasks import webhooks

    receiver.script = [Reply(hang=True) for _ in range(webhooks.MOST_TO_A_HOST)]
    notices = [end_batch(owner, receiver.url)[1][0] for _ in range(webhooks.MOST_TO_A_HOST + 1)]
    with Receiver() as other, ThreadPoolExecutor(webhooks.MOST_TO_A_HOST) as pool:
        tries = [pool.submit(webhooks.deliver, notice.delivery_id) for notice in notices[:-1]]
        for _ in tries:
            assert receiver.arrived.acquire(timeout=10)
        deliver(notices[-1])
        deliver(*end_batch(owner, other.url.replace("127.0.0.1", "localhost"))[1])
        assert len(other.got) == 1, "others are not held up"
        receiver.let_go()
        for one in tries:
            one.result(10)
    row = rows(database)[-2]
    assert (row.id, row.status, row.attempts) == (notices[-1].delivery_id, "waiting", 0), "it is tried a little later"


def test_what_is_due_upkeep_sends_once_the_queue_has_room(database: Any, owner: str) -> None:
    from tasks import webhooks
    from tasks.celery import app
    from tasks.upkeep import messages_waiting, upkeep

    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge("webhooks")
        end_batch(owner, "http://127.0.0.1:9/x")
        upkeep()
        waiting = messages_waiting()
        assert waiting is not None
        assert waiting.webhooks == 1
        assert webhooks.send_due(webhooks.MOST_MESSAGES) == 0
        connection.default_channel.queue_purge("webhooks")


def test_a_worker_delivers_it_within_a_moment_of_the_end(
    database: Any, owner: str, receiver: Receiver, environment: dict[str, str], tmp_path: Path
) -> None:
    from tasks import dispatch

    env = environment | {"WEBHOOK_SECRET": NEW, "WEBHOOK_ALLOW_PRIVATE": "true"}
    with processes.worker("hooks", ("-P", "threads", "-c", "4", "-Q", "webhooks"), env, tmp_path):
        _, sent = end_batch(owner, receiver.url)
        dispatch.send(sent)
        assert receiver.arrived.acquire(timeout=10)
        processes.wait_for(lambda: rows(database)[0].status == "delivered", "it is noted")


def test_deliveries_go_with_what_they_tell_of(database: Any, owner: str) -> None:
    end_batch(owner, "http://127.0.0.1:9/x")
    with database.transaction() as session:
        session.execute(update(Batch).values(finished_at=func.now() - timedelta(days=9)))
        repair.delete_old(session, 1)
    assert rows(database) == []


# --- whom nothing is sent to ---

PRIVATE = [
    *("127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"),
    *("169.254.169.254", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "224.0.0.1"),
    *("255.255.255.255", "240.0.0.1", "192.0.0.8", "fc00::1", "fd12::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
    *("64:ff9b::7f00:1", "2002:7f00:1::1", "::127.0.0.1", "2001:db8::1", "2001::1", "100::1", "::ffff:a9fe:a9fe"),
]


@pytest.mark.parametrize("spelling", PRIVATE)
def test_a_private_address_is_known_in_any_spelling(spelling: str) -> None:
    address = literal(spelling)
    assert address is not None
    assert not is_public(address)


@pytest.mark.parametrize(
    "spelling", ["8.8.8.8", "1.1.1.1", "134744072", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_a_public_address_is_known(spelling: str) -> None:
    address = literal(spelling)
    assert address is not None
    assert is_public(address)


def test_local_names_are_known_without_asking() -> None:
    assert all(map(is_local_name, ("localhost", "LOCALHOST.", "a.localhost", "printer.local", "redis", "x.internal")))
    assert not is_local_name("example.com")
    assert literal("example.com") is None


class Names:
    """A resolver of the tests' own: gives these addresses in turn, and counts how often it is asked."""

    def __init__(self, *answers: list[str], port: int = 9) -> None:
        self.answers, self.port, self.asked = list(answers), port, 0

    def __call__(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, self.port))
            for ip in found
        ]


@pytest.mark.parametrize("found", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"]])
def test_a_name_that_has_a_private_address_is_sent_nothing(receiver: Receiver, found: list[str]) -> None:
    reply = webhook.post(f"http://hooks.example:{receiver.port}/", b"{}", {}, resolve=Names(found, port=receiver.port))
    assert reply.status is None
    assert "private address" in str(reply.error)
    assert not any(ip in str(reply.error) for ip in found), "what a name resolves to is not told"
    assert receiver.got == []


def test_literals_are_checked_by_what_the_system_makes_of_them(receiver: Receiver) -> None:
    for host in ("127.0.0.1", "127.1", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "localhost"):
        reply = webhook.post(f"http://{host}:{receiver.port}/", b"{}", {})
        assert "private address" in str(reply.error), host
    assert receiver.got == []


def test_a_name_that_changes_between_check_and_call_gains_nothing(receiver: Receiver) -> None:
    names = Names(["203.0.113.7"], ["127.0.0.1"], port=receiver.port)
    reply = webhook.post(f"http://hooks.example:{receiver.port}/", b"{}", {}, resolve=names, seconds=0.3)
    assert names.asked == 1
    assert reply.status is None
    assert receiver.got == []


def test_the_connection_goes_to_exactly_the_address_that_was_checked(receiver: Receiver) -> None:
    names = Names(["127.0.0.1"], ["203.0.113.7"], port=receiver.port)
    url = f"http://hooks.example:{receiver.port}/x"
    reply = webhook.post(url, b"{}", {}, resolve=names, allow_private=True, seconds=5)
    assert (reply.status, names.asked) == (204, 1)
    assert receiver.got[0].headers["host"] == f"hooks.example:{receiver.port}"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that our processes trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return authority


@pytest.mark.parametrize(("certified", "status"), [("hooks.example", 204), ("other.example", None)])
def test_the_certificate_has_to_be_of_the_name_in_the_url(
    authority: trustme.CA, certified: str, status: int | None
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certified).configure_cert(context)
    with Receiver(context) as receiver:
        names = Names(["127.0.0.1"], port=receiver.port)
        url = f"https://hooks.example:{receiver.port}/"
        reply = webhook.post(url, b"{}", {}, resolve=names, allow_private=True, seconds=5)
    assert reply.status == status
    assert ("certificate" in str(reply.error)) == (status is None)


def test_the_environment_names_no_proxy_for_webhooks(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert webhook.post(receiver.url, b"{}", {}, allow_private=True).status == 204


def test_a_receiver_that_does_not_answer_is_left_in_time(receiver: Receiver) -> None:
    receiver.script = [Reply(hang=True)]
    began = time.monotonic()
    reply = webhook.post(receiver.url, b"{}", {}, allow_private=True, seconds=0.3)
    assert (reply.status, reply.error) == (None, "127.0.0.1 did not answer within 0.3 s.")
    assert time.monotonic() - began < 2


def test_an_answer_without_end_is_not_read_to_it(receiver: Receiver) -> None:
    receiver.script = [Reply(200, endless=True)]
    began = time.monotonic()
    assert webhook.post(receiver.url, b"{}", {}, allow_private=True).status == 200
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("host", "told"),
    [("127.0.0.1:9", "refuses the connection"), ("no.such.name.invalid", "cannot be found"), ("a" * 64 + ".de", "")],
)
def test_why_nothing_arrives_is_told_in_words(host: str, told: str) -> None:
    reply = webhook.post(f"http://{host}/", b"{}", {}, allow_private=True, seconds=3)
    assert reply.status is None
    assert told in str(reply.error)
