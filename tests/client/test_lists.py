"""Lists: pages by cursor, fetched as they are needed."""

from __future__ import annotations

import pytest

from cardforge_client import Cardforge
from tests.client.server import Request, Script, say


@pytest.fixture
def pages(script: Script) -> Script:
    """Five jobs, two a page whatever is asked for."""

    def answer(request: Request) -> object:
        start = int(request.query.get("cursor", ["0"])[0])
        rows = [{"job_id": f"job_{n}"} for n in range(start, min(start + 2, 5))]
        return say({"jobs": rows, "total": 5, "next_cursor": str(start + 2) if start + 2 < 5 else None})

    script.other = answer  # type: ignore[assignment]
    return script


def test_iterating_goes_through_all_pages(forge: Cardforge, pages: Script) -> None:
    assert [job["job_id"] for job in forge.jobs.list(status="failed")] == [f"job_{n}" for n in range(5)]
    assert [request.query.get("cursor") for request in pages.requests] == [None, ["2"], ["4"]]
    assert all(request.query["status"] == ["failed"] for request in pages.requests)


def test_nothing_is_asked_before_it_is_needed(forge: Cardforge, pages: Script) -> None:
    rows = iter(forge.jobs.list())
    assert pages.requests == []
    next(rows)
    assert len(pages.requests) == 1


def test_the_first_few_are_all_that_is_asked_for(forge: Cardforge, pages: Script) -> None:
    assert len(forge.jobs.list().first(2)) == 2
    assert [request.query["limit"] for request in pages.requests] == [["2"]]


def test_the_total_is_known(forge: Cardforge, pages: Script) -> None:
    assert forge.jobs.list().total == 5


def test_a_list_without_cursor_goes_on_by_offset(forge: Cardforge, script: Script) -> None:
    def answer(request: Request) -> object:
        start = int(request.query.get("offset", ["0"])[0])
        return say({"entries": [{"id": n} for n in range(start, min(start + 2, 3))], "total": 3, "next_cursor": None})

    script.other = answer  # type: ignore[assignment]
    assert [entry["id"] for entry in forge.books.entries("b")] == [0, 1, 2]


def test_values_of_a_query_are_as_the_api_reads_them(forge: Cardforge, script: Script) -> None:
    script["GET /api/v2/characters"] = say({"characters": [], "next_cursor": None})
    list(forge.characters.list(favorite=True, tags=["a", "b"], archived="any"))
    query = script.requests[0].query
    assert (query["favorite"], query["tags"], query["archived"]) == (["true"], ["a", "b"], ["any"])
