"""Lists: every row of every page, fetched as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Generic, TypedDict, TypeVar, cast

from cardforge_client.transport import Ask, Json, Transport

LARGEST = 200  # rows; the API's largest page

T = TypeVar("T")


class PageQuery(TypedDict, total=False):
    """What every list takes beside its filters. ``limit``: rows a page, 200 if not said."""

    limit: int
    offset: int
    cursor: str


class Page(Generic[T]):
    """One page: ``rows``, ``total`` (of all pages), ``next_cursor`` (None on the last)."""

    def __init__(self, noun: str, body: Json) -> None:
        self.rows = cast("list[T]", body[noun])
        self.total = int(body["total"]) if body.get("total") is not None else None
        self.next_cursor = cast("str | None", body.get("next_cursor"))
        self.body = body

    def __iter__(self) -> Iterator[T]:
        """The rows."""
        return iter(self.rows)

    def __len__(self) -> int:
        """How many rows this page has."""
        return len(self.rows)


class Rows(Generic[T]):
    """A list of the API, to be iterated: asks for pages by cursor as they are needed.

    ``for row in rows`` goes through all of it, ``rows.first(20)`` through the beginning, ``rows.pages()`` page by page;
    ``rows.total`` says how many there are.
    """

    def __init__(self, transport: Transport, path: str, noun: str, query: Mapping[str, Any]) -> None:
        self._transport, self._path, self._noun = transport, path, noun
        self._query = {"limit": LARGEST, **query}

    def __iter__(self) -> Iterator[T]:
        """Every row."""
        for page in self.pages():
            yield from page

    def pages(self) -> Iterator[Page[T]]:
        """Every page."""
        query = dict(self._query)
        while True:
            page: Page[T] = Page(self._noun, self._transport.json(Ask("GET", self._path, query)))
            yield page
            if page.next_cursor:
                query["cursor"] = page.next_cursor
                query.pop("offset", None)
            elif "cursor" not in query and page.rows and self._by_offset(page, query):
                query["offset"] = query.get("offset", 0) + len(page)
            else:
                return

    def page(self) -> Page[T]:
        """The first page (or the one of ``cursor`` or ``offset``)."""
        return next(self.pages())

    def first(self, count: int) -> list[T]:
        """At most the first ``count`` rows; asks for no more of them than that."""
        small = {**self._query, "limit": max(1, min(count, LARGEST))}
        return list(islice(Rows[T](self._transport, self._path, self._noun, small), count))

    @property
    def total(self) -> int:
        """How many rows there are in all."""
        page = Rows[T](self._transport, self._path, self._noun, {**self._query, "limit": 1}).page()
        return page.total if page.total is not None else len(page)

    @staticmethod
    def _by_offset(page: Page[T], query: Mapping[str, Any]) -> bool:
        """Whether more rows follow in a list that has no cursor."""
        return page.total is not None and query.get("offset", 0) + len(page) < page.total
