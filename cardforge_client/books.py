"""Lorebooks: read, edited entry by entry, searched, tried on a chat, checked, downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict, Unpack, cast

from cardforge_client.files import Download
from cardforge_client.noun import Noun, match, route
from cardforge_client.pages import PageQuery, Rows
from cardforge_client.shapes import Lint, given
from cardforge_client.transport import Ask


class EntryMetadata(TypedDict):
    """What is known of an entry beside what it says."""

    tokens: int
    created_at: str
    updated_at: str
    last_accessed: str | None


class Entry(TypedDict):
    """An entry."""

    id: str
    name: str
    content: str
    keywords: list[str]
    secondary_keywords: list[str]
    priority: float | None
    insertion_order: float
    category: str
    comment: str
    constant: bool
    selective: bool
    enabled: bool
    position: str
    case_sensitive: bool | None
    use_regex: bool
    extensions: dict[str, Any]
    metadata: EntryMetadata


class BookMetadata(TypedDict):
    """What is known of a book beside what it says."""

    total_entries: int
    total_tokens: int
    created_at: str
    updated_at: str
    tags: list[str]


class BookSummary(TypedDict):
    """A book as lists show it."""

    id: str
    character_id: str | None
    name: str
    description: str
    version: int
    scan_depth: float | None
    token_budget: float | None
    recursive_scanning: bool | None
    metadata: BookMetadata


class Book(BookSummary):
    """A book with all its entries."""

    extensions: dict[str, Any]
    entries: list[Entry]


class Hit(TypedDict):
    """An entry that was found; ``highlight`` has the words found between <mark>."""

    entry: Entry
    rank: float
    matched_keywords: list[str]
    highlight: str


class Hits(TypedDict):
    """What was found, best first."""

    results: list[Hit]
    total: int


class Outcome(TypedDict):
    """What became of one entry on a chat; ``reason`` and ``detail`` say why."""

    index: int
    entry_id: str
    title: str
    fired: bool
    reason: str
    detail: str
    tokens: int
    order: float
    position: str
    chain: list[int]
    match: NotRequired[dict[str, Any] | None]


class Simulation(TypedDict):
    """Which entries fire on a chat, which the budget cuts, which do not, and why."""

    activated: list[Outcome]
    cut: list[Outcome]
    skipped: list[Outcome]
    prompt: list[dict[str, Any]]
    tokens: int
    budget: int
    overflowed: bool
    steps: int
    effects: list[dict[str, Any]]
    notes: list[str]


class BookFilter(PageQuery, total=False):
    """Which books to list. ``standalone``: those of no character."""

    q: str
    tags: Sequence[str]
    character_id: str
    standalone: bool
    sort: str


class EntryFilter(PageQuery, total=False):
    """Which entries to list."""

    category: str
    enabled: bool
    constant: bool


class Books(Noun):
    """Lorebooks. An edit names the book's ``version``, for its entries too; None edits whatever is there."""

    def list(self, **query: Unpack[BookFilter]) -> Rows[BookSummary]:
        """List lorebooks, newest first."""
        return Rows(self._transport, route("/character-books"), "books", query)

    def create(self, book: Mapping[str, Any], *, idempotency_key: str | None = None) -> Book:
        """Make a lorebook of its own; ``name`` has to be there, ``entries`` may."""
        return cast("Book", self._start(route("/character-books"), book, idempotency_key))

    def get(self, book_id: str) -> Book:
        """Read a lorebook with all its entries."""
        return cast("Book", self._get(route("/character-books/{}", book_id)))

    def replace(self, book_id: str, book: Mapping[str, Any], *, version: int | None) -> BookSummary:
        """Write a lorebook; with ``entries`` these replace all it has. Raises `StaleVersion`."""
        return cast("BookSummary", self._edit("PUT", route("/character-books/{}", book_id), version, book))

    def delete(self, book_id: str, *, version: int | None) -> None:
        """Delete a lorebook with its entries."""
        self._edit("DELETE", route("/character-books/{}", book_id), version)

    def entries(self, book_id: str, **query: Unpack[EntryFilter]) -> Rows[Entry]:
        """List a lorebook's entries in their order."""
        return Rows(self._transport, route("/character-books/{}/entries", book_id), "entries", query)

    def entry(self, book_id: str, entry_id: str) -> Entry:
        """Read an entry."""
        return cast("Entry", self._get(route("/character-books/{}/entries/{}", book_id, entry_id)))

    def add_entry(
        self, book_id: str, entry: Mapping[str, Any], *, version: int | None, idempotency_key: str | None = None
    ) -> Entry:
        """Add an entry at the end of a lorebook. Raises `StaleVersion`."""
        headers = match(version)
        ask = Ask("POST", route("/character-books/{}/entries", book_id), json=entry, headers=headers)
        return cast("Entry", self._transport.post_once(ask, idempotency_key))

    def replace_entry(self, book_id: str, entry_id: str, entry: Mapping[str, Any], *, version: int | None) -> Entry:
        """Write an entry. Raises `StaleVersion`."""
        path = route("/character-books/{}/entries/{}", book_id, entry_id)
        return cast("Entry", self._edit("PUT", path, version, entry))

    def delete_entry(self, book_id: str, entry_id: str, *, version: int | None) -> None:
        """Delete an entry."""
        self._edit("DELETE", route("/character-books/{}/entries/{}", book_id, entry_id), version)

    def search(
        self,
        book_id: str,
        query: str,
        *,
        category: str | None = None,
        enabled: bool | None = None,
        constant: bool | None = None,
        limit: int | None = None,
    ) -> Hits:
        """Search a lorebook: words of texts and names, and keys that occur in the query; best first."""
        wanted = given(query=query, category=category, enabled=enabled, constant=constant, limit=limit)
        return cast("Hits", self._ask(route("/character-books/{}/search", book_id), wanted))

    def simulate(self, book_id: str, messages: Sequence[str | Mapping[str, str]], **settings: Any) -> Simulation:
        """Try a lorebook on a chat, oldest message first: which entries fire, why, and which the budget cuts.

        ``settings``: ``token_budget``, ``scan_depth``, ``recursive``, ``seed`` and the other ones of the API.
        """
        body = {"messages": [*messages], **settings}
        return cast("Simulation", self._ask(route("/character-books/{}/simulate", book_id), body))

    def lint(self, book_id: str) -> Lint:
        """Check a lorebook by the rubric."""
        return cast("Lint", self._get(route("/character-books/{}/lint", book_id)))

    def download(self, book_id: str, format: str = "worldinfo") -> Download:
        """A lorebook as a file: ``worldinfo``, ``character_book`` or ``lorebook_v3``."""
        return Download(self._transport, route("/character-books/{}/download/{}", book_id, format))
