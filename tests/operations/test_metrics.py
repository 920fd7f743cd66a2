"""`/metrics` of a real stack: what it counts, that both web processes agree, and what it never shows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

import settings
from tests.engine.processes import wait_for
from tests.operations.conftest import Product

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(url: str, **headers: str) -> tuple[str, Figures]:
    answer = requests.get(f"{url}/metrics", headers=headers, timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return answer.text, parse(answer.text)


def parse(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(figures: Figures, name: str, **labels: str) -> float:
    """The sum of all samples of a metric that have these labels."""
    wanted = labels.items()
    return sum(number for (found, has), number in figures.items() if found == f"cardforge_{name}" and wanted <= has)


@pytest.fixture(scope="module")
def scraped(product: Product) -> tuple[str, Figures]:
    def settled() -> bool:
        figures = scrape(product.url)[1]
        return value(figures, "upkeep_age_seconds") > 0 and value(figures, "calls_total", outcome="answered") >= 3

    wait_for(settled, "upkeep has run and the calls are seen", 30)
    return scrape(product.url)


def test_work_money_and_queues_are_told(product: Product, scraped: tuple[str, Figures]) -> None:
    figures = scraped[1]
    assert product.batch["progress"]["completed"] == 3, product.batch
    assert value(figures, "jobs", status="completed") == 3
    assert value(figures, "batches", status="completed") == 1
    assert value(figures, "jobs_ended_5m", status="completed") == 3
    for step in ("generate", "expand_lorebook", "export"):
        assert 0 <= value(figures, "step_seconds_5m", step=step, quantile="0.5") < 60
    assert {
        part: value(figures, "part_up", part=part) for part in ("database", "ledger", "redis", "disk")
    } == dict.fromkeys(("database", "ledger", "redis", "disk"), 1)
    for queue in ("generation", "lorebook", "export", "upkeep", "webhooks"):
        assert value(figures, "workers", queue=queue) == 1, queue
        assert ("cardforge_queue_messages", frozenset({("queue", queue)})) in figures
    assert value(figures, "leases") == 0
    assert value(figures, "events_total") >= 10
    assert value(figures, "database_bytes") > 1e6
    assert value(figures, "upkeep_age_seconds") < 10


def test_calls_are_counted_by_model_with_their_faults(scraped: tuple[str, Figures]) -> None:
    figures = scraped[1]
    answered = value(figures, "calls_total", model="tests/model", outcome="answered")
    faults = value(figures, "calls_total", model="tests/model") - answered
    assert faults == 2
    assert value(figures, "calls_total", outcome="RateLimited") == 1
    assert value(figures, "call_seconds_count", model="tests/model") == answered + 2
    assert value(figures, "used_calls_total") == answered + 2
    tokens = value(figures, "call_tokens_total", kind="prompt") + value(figures, "call_tokens_total", kind="completion")
    assert value(figures, "used_tokens_total") == tokens > 0
    assert value(figures, "used_dollars_total") == pytest.approx(value(figures, "call_dollars_total")) != 0


def test_requests_are_counted_by_template_over_all_processes(product: Product) -> None:
    before = scrape(product.url)[1]
    route = {"route": "/api/v2/jobs/<job_id>", "method": "GET", "status": "404"}
    for number in range(40):  # a connection each: both processes get some
        requests.get(
            f"{product.url}/api/v2/jobs/job_{number}", headers={"Authorization": f"Bearer {product.key}"}, timeout=10
        )
        requests.get(f"{product.url}/no/such/{number}", timeout=10)
    after = [scrape(product.url)[1] for _ in range(6)]
    for seen in after:
        assert value(seen, "http_requests_total", **route) - value(before, "http_requests_total", **route) == 40
        assert value(seen, "http_requests_total", route="none", status="404") == 40
    assert value(after[0], "http_request_seconds_count", route=route["route"]) == 40
    assert not [has for _, has in after[0] if any("job_1" in text for _, text in has)]


def test_nothing_private_and_no_id_is_shown(product: Product, scraped: tuple[str, Figures]) -> None:
    text = scraped[0]
    for word in product.private():
        assert word not in text, word
    for prefix in ("job_0", "batch_0", "owner_", "char_", "call_0", "cf_"):
        assert prefix not in text, prefix


def test_two_scrapes_agree_whichever_process_answers(product: Product, scraped: tuple[str, Figures]) -> None:
    ledger = [
        {key: number for key, number in scrape(product.url)[1].items() if key[0].startswith("cardforge_call")}
        for _ in range(6)
    ]
    assert ledger[0]
    assert all(seen == ledger[0] for seen in ledger)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("METRICS_TOKEN", "metrics-token-of-the-tests")
    return "metrics-token-of-the-tests"


def test_a_token_that_could_be_guessed_is_refused_at_the_start_and_not_quoted(environment: dict[str, str]) -> None:
    with pytest.raises(settings.SettingError, match="METRICS_TOKEN must be 16 random characters") as raised:
        settings.load(environment | {"METRICS_TOKEN": "hush-hush"})
    assert "hush" not in str(raised.value)


def test_with_a_token_nobody_reads_without_it(client: FlaskClient, token: str) -> None:
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert token not in answer.text


@pytest.mark.parametrize(
    "how", [{"environ_base": {"REMOTE_ADDR": "10.0.0.9"}}, {"headers": {"X-Forwarded-For": "203.0.113.1"}}]
)
def test_without_a_token_only_this_machine_reads(client: FlaskClient, how: dict[str, Any]) -> None:
    assert client.get("/metrics").status_code == 200
    refused = client.get("/metrics", **how)
    assert refused.status_code == 401
    assert "METRICS_TOKEN" in refused.get_json()["message"]


def test_without_redis_the_rest_is_still_shown(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, app: Any) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    from api.figures import Figures as Asked

    found = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in Asked().collect()
        for sample in family.samples
    }
    assert found["cardforge_part_up", ("redis",)] == 0
    assert found["cardforge_part_up", ("database",)] == 1
    assert ("cardforge_jobs", ("queued",)) in found


def test_counts_do_not_fall_when_a_process_of_the_web_server_dies(product: Product) -> None:
    port = urlsplit(product.url).port
    for number in range(20):
        requests.get(f"{product.url}/no/such/other/{number}", timeout=10)
    before = value(scrape(product.url)[1], "http_requests_total", route="none")
    masters = [one for one in psutil.process_iter(["cmdline"]) if is_web(one, port)]
    workers = [child for one in masters for child in one.children() if child.environ().get("PORT") == str(port)]
    assert len(workers) == 2
    workers[0].kill()
    wait_for(
        lambda: len([c for one in masters for c in one.children() if c.pid != workers[0].pid]) == 2, "it is replaced"
    )
    for _ in range(6):
        assert value(scrape(product.url)[1], "http_requests_total", route="none") == before


def is_web(process: psutil.Process, port: int | None) -> bool:
    try:
        line = " ".join(process.cmdline())
        parent = process.parent()
        return (
            "gunicorn" in line
            and process.environ().get("PORT") == str(port)
            and (parent is None or "gunicorn" not in " ".join(parent.cmdline()))
        )
    except psutil.Error:
        return False
