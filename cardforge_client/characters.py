"""Characters: finished cards, imported or made; read, edited, kept in order, downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, cast

from cardforge_client.files import Download
from cardforge_client.noun import Noun, route
from cardforge_client.pages import PageQuery, Rows
from cardforge_client.shapes import AcceptedJob, Lint, Loss, Priority, given
from cardforge_client.transport import Ask

Action = Literal["archive", "unarchive", "favorite", "unfavorite", "add_tags", "remove_tags", "purge"]


class CharacterSummary(TypedDict):
    """A character as lists show it."""

    id: str
    name: str
    tags: list[str]
    job_id: str | None
    version: int
    created_at: str
    updated_at: str
    favorite: bool
    archived_at: str | None


class Character(CharacterSummary):
    """A character in full; ``card`` is a V3 card, its book included."""

    card: dict[str, Any]
    book_id: str | None
    portrait_style: str
    assets: int
    links: dict[str, Any]


class Deviation(TypedDict):
    """One place where a file is not what its specification says."""

    path: str
    message: str
    fix: str


class ImportResult(TypedDict):
    """What became of one file. ``duplicate_of``: the character or book that the same file was imported as before."""

    file: str
    status: Literal["imported", "skipped", "failed"]
    format: str | None
    name: str | None
    character_id: str | None
    book_id: str | None
    warnings: list[str]
    deviations: list[Deviation]
    error: dict[str, str] | None
    url: str | None
    duplicate_of: str | None


class Imported(TypedDict):
    """What became of each file, in their order."""

    results: list[ImportResult]
    imported: int
    skipped: int
    failed: int


class Losses(TypedDict):
    """What a format, or a front end that opens it, does not carry of a character."""

    format: str
    frontend: str | None
    losses: list[Loss]


class BulkResult(TypedDict):
    """What became of one character; ``unchanged``: it was so already; ``refused``: see ``error``."""

    id: str
    status: Literal["changed", "unchanged", "not_found", "refused"]
    error: dict[str, str] | None


class BulkResults(TypedDict):
    """What became of each character, and how many there are of each outcome."""

    results: list[BulkResult]
    changed: int
    unchanged: int
    not_found: int
    refused: int


class CharacterFilter(PageQuery, total=False):
    """Which characters to list; several ``tags``: those that have all of them."""

    q: str
    tags: Sequence[str]
    favorite: bool
    archived: Literal["false", "true", "any"] | bool
    sort: str


class Characters(Noun):
    """Finished cards."""

    def list(self, **query: Unpack[CharacterFilter]) -> Rows[CharacterSummary]:
        """List characters, newest first; archived ones only where asked for."""
        return Rows(self._transport, route("/characters"), "characters", query)

    def get(self, character_id: str) -> Character:
        """Read a character with its card."""
        return cast("Character", self._get(route("/characters/{}", character_id)))

    def update(self, character_id: str, changes: Mapping[str, Any], *, version: int | None) -> Character:
        """Edit a character: ``changes`` to its fields, of the ``version`` that was read (None: of any).

        Raises `StaleVersion` when somebody else has edited it since.
        """
        return cast("Character", self._edit("PATCH", route("/characters/{}", character_id), version, changes))

    def archive(self, character_id: str) -> None:
        """Put a character away: it is out of the lists, and can be taken back."""
        self._do("DELETE", route("/characters/{}", character_id))

    def unarchive(self, character_id: str) -> Character:
        """Take a character back."""
        return cast("Character", self._do("POST", route("/characters/{}/unarchive", character_id)))

    def bulk(
        self,
        ids: Sequence[str],
        action: Action,
        *,
        tags: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> BulkResults:
        """Archive, star, tag or delete (``purge``) up to a thousand characters; each has a result of its own."""
        body = {"ids": [*ids], "action": action, **given(tags=tags)}
        return cast("BulkResults", self._start(route("/characters/bulk"), body, idempotency_key))

    def delete(self, character_id: str) -> None:
        """Delete a character for good, with its lorebook."""
        self._do("DELETE", route("/characters/{}", character_id), query={"purge": True})

    def favorite(self, character_id: str) -> None:
        """Make a character a favourite."""
        self._do("PUT", route("/characters/{}/favorite", character_id))

    def unfavorite(self, character_id: str) -> None:
        """Take a character out of the favourites."""
        self._do("DELETE", route("/characters/{}/favorite", character_id))

    def import_files(
        self,
        files: Iterable[str | Path | tuple[str, bytes]],
        *,
        skip_duplicates: bool = False,
        idempotency_key: str | None = None,
    ) -> Imported:
        """Import cards and lorebooks: paths, or pairs of name and content; any format, up to 100 at a time.

        Each has its own result. Raises `Invalid` when none of them could be imported.
        """
        parts = [("files", (name, content)) for name, content in map(_opened, files)]
        query = {"if_duplicate": "skip"} if skip_duplicates else {}
        ask = Ask("POST", route("/characters/import"), query, files=parts)
        return cast("Imported", self._transport.post_once(ask, idempotency_key))

    def import_card(self, card: Mapping[str, Any], *, idempotency_key: str | None = None) -> ImportResult:
        """Import one card as a JSON object; returns what became of it."""
        return cast("ImportResult", self._start(route("/characters/import"), card, idempotency_key)["results"][0])

    def regenerate(
        self,
        character_id: str,
        fields: Sequence[str],
        *,
        instruction: str | None = None,
        options: Mapping[str, Any] | None = None,
        profile_id: str | None = None,
        priority: Priority | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> AcceptedJob:
        """Have some fields written anew; all others stay as they are. The answer has the ``job_id``."""
        more = given(instruction=instruction, options=options, profile_id=profile_id)
        more |= given(priority=priority, callback_url=callback_url)
        path = route("/characters/{}/regenerate", character_id)
        return cast("AcceptedJob", self._start(path, {"fields": [*fields], **more}, idempotency_key))

    def download(self, character_id: str, format: str) -> Download:
        """A character as a file, as it is now: ``.save("out")`` or ``.read()``."""
        return Download(self._transport, route("/characters/{}/download/{}", character_id, format))

    def losses(self, character_id: str, format: str, *, frontend: str | None = None) -> Losses:
        """See what a format, or a front end that opens it, does not carry of a character."""
        path = route("/characters/{}/losses/{}", character_id, format)
        return cast("Losses", self._get(path, given(frontend=frontend)))

    def portrait(self, character_id: str) -> Download:
        """A character's portrait, a PNG."""
        return Download(self._transport, route("/characters/{}/portrait", character_id))

    def set_portrait(self, character_id: str, picture: str | Path | bytes, *, version: int | None) -> Character:
        """Give a character a picture: a file (PNG, JPEG, WebP or GIF) or its bytes."""
        content = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
        kind = {"Content-Type": "application/octet-stream"}
        path = route("/characters/{}/portrait", character_id)
        return cast("Character", self._edit("PUT", path, version, content=content, headers=kind))

    def draw_portrait(self, character_id: str, style: str, *, version: int | None) -> Character:
        """Have the portrait drawn anew, in a style: ``tarot``, ``glass`` or ``poster``."""
        path = route("/characters/{}/portrait", character_id)
        return cast("Character", self._edit("PUT", path, version, {"style": style}))

    def lint(self, character_id: str) -> Lint:
        """Check a character by the rubric."""
        return cast("Lint", self._get(route("/characters/{}/lint", character_id)))


def _opened(file: str | Path | tuple[str, bytes]) -> tuple[str, bytes]:
    """The name and content of a file."""
    return file if isinstance(file, tuple) else (Path(file).name, Path(file).read_bytes())
