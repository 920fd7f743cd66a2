"""Lorebooks: listed, read, edited entry by entry, searched, tried on a chat, checked, downloaded."""

from __future__ import annotations

from typing import Any

from flask import g
from werkzeug.wrappers import Response

from api import links
from api.auth import needs
from api.etags import emptied, expected_version, with_etag
from api.files import BINARY, send
from api.idempotency import Answer, answer_once
from api.json import Blueprint
from api.lint import show_lint
from api.paging import ask_of, page_of, wanted_of
from api.shapes import book_of_body, entry_of_body, entry_values, message_of, settings_of, show_book, show_entry
from cards.errors import CardError
from cards.formats import BOOK_FORMATS, known, render_book, suffix
from cards.lint import lint_book
from cards.names import file_name
from cards.simulate import simulate
from models import db
from models.errors import Invalid, NotFound
from models.services import books, characters, search
from models.services.books import BookFilter, EntryFilter
from models.services.search import SearchFilter
from schemas.books import (
    BookBodySchema,
    BookListSchema,
    BookQuery,
    BookSchema,
    BookSummarySchema,
    EntryBodySchema,
    EntryListSchema,
    EntryQuery,
    EntrySchema,
    HitListSchema,
    LintSchema,
    NewBookSchema,
    SearchSchema,
    SimulateSchema,
    SimulationSchema,
)

blueprint = Blueprint("books", __name__, url_prefix="/api/v2/character-books", description="Lorebooks.")


@blueprint.get("")
@blueprint.arguments(BookQuery, location="query")
@blueprint.response(200, BookListSchema)
def list_all(query: dict[str, Any]) -> Any:
    """List lorebooks, newest first unless `sort` says otherwise."""
    ask = ask_of(query)
    with db.transaction() as session:
        page = books.list_books(session, g.owner_id, ask, BookFilter(**wanted_of(query)))
        counts = books.count_entries(session, [book.id for book in page.rows])
    rows = [show_book(book, *counts.get(book.id, (0, 0))) for book in page.rows]
    return page_of("books", rows, ask, page.total, page.next_cursor)


@blueprint.post("")
@blueprint.arguments(NewBookSchema)
@blueprint.response(201, BookSchema)
def create(body: dict[str, Any]) -> Any:
    """Make a lorebook of its own. One in a file, as World Info for example, comes in by /characters/import."""

    def make(session: db.Session) -> Answer:
        row = books.save_book(session, g.owner_id, book_of_body(body), tags=body["tags"])
        entries = books.list_entries(session, row.id)
        shown = BookSchema().dump(show_book(row, len(entries), entries=entries))
        return Answer(shown, links.book(row.id), status=201, version=row.version)

    return answer_once(make)


@blueprint.get("/<book_id>")
@blueprint.response(200, BookSchema)
def read(book_id: str) -> Any:
    """Read a lorebook with all its entries."""
    with db.transaction() as session:
        book = books.find_book(session, g.owner_id, book_id)
        entries = books.list_entries(session, book_id)
    return with_etag(BookSchema().dump(show_book(book, len(entries), entries=entries)), book.version)


@blueprint.put("/<book_id>")
@blueprint.arguments(BookBodySchema)
@blueprint.response(200, BookSummarySchema)
def edit(body: dict[str, Any], book_id: str) -> Any:
    """Edit a lorebook; needs If-Match.

    With `entries` these replace all that it has. One with the `id` of an entry that is there stays that entry.
    """
    given = body.pop("entries", None)
    entries = None if given is None else [(entry.pop("id", None), entry_values(entry)) for entry in given]
    with db.transaction() as session:
        books.find_book(session, g.owner_id, book_id)
        book = books.edit_book(session, g.owner_id, book_id, expected_version(), body, entries)
        counts = books.count_entries(session, [book_id])
        session.refresh(book)
    shown = BookSummarySchema().dump(show_book(book, *counts.get(book_id, (0, 0))))
    return with_etag(shown, book.version)


@blueprint.delete("/<book_id>")
@blueprint.response(204)
def delete(book_id: str) -> None:
    """Delete a lorebook with its entries; needs If-Match. A character whose book it was has none then."""
    with db.transaction() as session:
        books.find_book(session, g.owner_id, book_id)
        books.delete_book(session, g.owner_id, book_id, expected_version())


@blueprint.get("/<book_id>/entries")
@blueprint.arguments(EntryQuery, location="query")
@blueprint.response(200, EntryListSchema)
def list_entries(query: dict[str, Any], book_id: str) -> Any:
    """List a lorebook's entries in their order."""
    ask = ask_of(query)
    with db.transaction() as session:
        books.find_book(session, g.owner_id, book_id)
        page = books.page_entries(session, book_id, ask, EntryFilter(**wanted_of(query)))
    return page_of("entries", [show_entry(entry) for entry in page.rows], ask, page.total, page.next_cursor)


@blueprint.post("/<book_id>/entries")
@blueprint.arguments(EntryBodySchema)
@blueprint.response(201, EntrySchema)
def add_entry(body: dict[str, Any], book_id: str) -> Any:
    """Add an entry at the end of a lorebook; needs If-Match with the book's ETag."""

    def make(session: db.Session) -> Answer:
        book = books.find_book(session, g.owner_id, book_id)
        entry = books.add_entry(session, g.owner_id, book_id, expected_version(), entry_of_body(body))
        shown = EntrySchema().dump(show_entry(entry))
        return Answer(shown, links.entry(book_id, entry.id), status=201, version=book.version)

    return answer_once(make)


@blueprint.get("/<book_id>/entries/<entry_id>")
@blueprint.response(200, EntrySchema)
def read_entry(book_id: str, entry_id: str) -> Any:
    """Read an entry. The ETag is that of its book."""
    with db.transaction() as session:
        book = books.find_book(session, g.owner_id, book_id)
        entry = books.see_entry(session, book_id, entry_id)
    return with_etag(EntrySchema().dump(show_entry(entry)), book.version)


@blueprint.put("/<book_id>/entries/<entry_id>")
@blueprint.arguments(EntryBodySchema)
@blueprint.response(200, EntrySchema)
def edit_entry(body: dict[str, Any], book_id: str, entry_id: str) -> Any:
    """Edit an entry; needs If-Match with the book's ETag."""
    with db.transaction() as session:
        book = books.find_book(session, g.owner_id, book_id)
        entry = books.edit_entry(session, g.owner_id, book_id, entry_id, expected_version(), entry_values(body))
    return with_etag(EntrySchema().dump(show_entry(entry)), book.version)


@blueprint.delete("/<book_id>/entries/<entry_id>")
@blueprint.response(204)
def delete_entry(book_id: str, entry_id: str) -> Any:
    """Delete an entry; needs If-Match with the book's ETag. The answer has its new one."""
    with db.transaction() as session:
        books.find_book(session, g.owner_id, book_id)
        book = books.delete_entry(session, g.owner_id, book_id, entry_id, expected_version())
    return emptied(book.version)


@blueprint.post("/<book_id>/search")
@needs("read")
@blueprint.arguments(SearchSchema)
@blueprint.response(200, HitListSchema)
def find(body: dict[str, Any], book_id: str) -> Any:
    """Search a lorebook: words of the text and names, and keys that occur in the query; best first."""
    limit = body.pop("limit")
    with db.transaction() as session:
        books.find_book(session, g.owner_id, book_id)
        hits, total = search.search_entries(session, book_id, SearchFilter(**body), limit)
    shown = [
        {
            "entry": show_entry(hit.entry),
            "rank": hit.rank,
            "matched_keywords": hit.matched_keys,
            "highlight": hit.highlight,
        }
        for hit in hits
    ]
    return {"results": shown, "total": total}


@blueprint.post("/<book_id>/simulate")
@needs("read")
@blueprint.arguments(SimulateSchema)
@blueprint.response(200, SimulationSchema)
def try_out(body: dict[str, Any], book_id: str) -> Any:
    """Try a lorebook on a chat: which entries fire, why, and which the budget cuts, as SillyTavern has it."""
    body_messages = body.pop("messages")
    with db.transaction() as session:
        row = books.find_book(session, g.owner_id, book_id)
        rows = books.list_entries(session, book_id)
        card = characters.card_of_book(session, row)
    ids = [entry.id for entry in rows]
    try:
        settings = settings_of(body)
        messages = [message_of(message, settings, card) for message in body_messages]
        found = simulate(books.book_of(row, rows), messages, settings=settings, card=card).to_dict()
    except CardError as error:
        raise Invalid(str(error), details={"settings": [str(error)]}) from error
    for group in ("activated", "cut", "skipped"):
        found[group] = [{**outcome, "entry_id": ids[outcome["index"]]} for outcome in found[group]]
    return found


@blueprint.get("/<book_id>/lint")
@blueprint.response(200, LintSchema)
def lint(book_id: str) -> Any:
    """Check a lorebook by the rubric."""
    with db.transaction() as session:
        book = books.load_book(session, books.find_book(session, g.owner_id, book_id))
    return show_lint(lint_book(book))


@blueprint.get("/<book_id>/download/<format_name>")
@blueprint.response(200, BINARY, content_type="application/json")
def download(book_id: str, format_name: str) -> Response:
    """Download a lorebook as a file."""
    try:
        format_ = known(BOOK_FORMATS, format_name)
    except CardError as error:
        raise NotFound("format", format_name, str(error)) from error
    with db.transaction() as session:
        row = books.find_book(session, g.owner_id, book_id)
        book = books.load_book(session, row)
    stem = file_name("{character_name}", {"character_name": book.name or "Lorebook"})
    return send(render_book(book, format_name), f"{stem}.{suffix(format_)}", format_.media_type)
