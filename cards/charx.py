"""Cards in CHARX files: a zip with ``card.json`` and assets, also behind a JPEG picture.

Source: character-card-spec-v3 (CHARX, ``embeded://`` paths); RisuAI (``x_meta/*.json``, ``module.risum``, JPEG and
zip in one file); SillyTavern (the first file whose name ends in ``card.json``).
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from cards.archive import LOCAL, Archive, Bomb, Entry, has_end
from cards.errors import CardError
from cards.fields import mend, to_json
from cards.parse import parse_json

CARD = "card.json"
MODULE = "module.risum"
URI = "embeded://"  # sic
JPEG = b"\xff\xd8\xff"
MAX_PATH = 512  # characters
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say: the same card gives the same bytes
UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:")
NOT_PLAIN = re.compile(r'[^\x20-\x7e]|[:*?"<>|]')  # no ASCII, or no name on some system


class CharxCard(NamedTuple):
    """What a CHARX held.

    ``assets`` by URI (``embeded://PATH``), ``others`` by path (RisuAI's module and JSON files, to be written back),
    ``cover``: the JPEG in front of the zip.
    """

    card: dict[str, Any]
    assets: dict[str, bytes]
    others: dict[str, bytes]
    cover: bytes | None
    warnings: list[str]


def looks_like_zip(content: bytes) -> bool:
    """Whether the file begins as a zip does."""
    return content.startswith((LOCAL, b"PK\x05\x06"))


def looks_like_jpeg_zip(content: bytes) -> bool:
    """Whether the file is a JPEG with a zip behind it."""
    return content.startswith(JPEG) and LOCAL in content and has_end(content)


def read_charx(content: bytes) -> CharxCard:
    """The card and the files in a CHARX, or in a JPEG with one behind it.

    A card in a folder is read too, and paths then count from that folder. Files that are broken, encrypted or have
    unsafe paths are left out with a warning. CardError for what is no zip, for one without a card, and for bombs.
    """
    archive = Archive(content)
    entry = _card_entry(archive.entries)
    try:
        card = parse_json(archive.read(entry))
    except CardError as error:
        raise CardError(f"{entry.path:.100}: {error}") from error
    if not isinstance(card, dict):
        raise CardError(f"{entry.path:.100} holds JSON that is no object: export the card again")
    cover = content[: archive.start] if content.startswith(JPEG) else None
    found = CharxCard(card, {}, {}, cover, [])
    _read_files(archive, entry, found)
    return found


def _card_entry(entries: list[Entry]) -> Entry:
    cards = [entry for entry in entries if entry.path.endswith(CARD) and not _is_litter(entry.path)]
    if not cards:
        raise CardError("the zip holds no card.json: this is no CHARX file; export the card as CHARX or PNG")
    return next((entry for entry in cards if entry.path == CARD), cards[0])


def _is_litter(path: str) -> bool:
    return path.startswith("__MACOSX/") or path.endswith(("/.DS_Store", "/Thumbs.db"))


def _read_files(archive: Archive, card: Entry, found: CharxCard) -> None:
    """Put the other files where they belong, and what is left out into the warnings: one for each reason."""
    folder = card.path.removesuffix(CARD)
    left_out: dict[str, list[str]] = {}
    for entry in archive.entries:
        path = entry.path.removeprefix(folder)
        if entry is card or entry.path.endswith("/") or _is_litter(entry.path):
            continue
        kept, name = (found.others, path) if is_other(path) else (found.assets, URI + path)
        if not is_safe(path):
            left_out.setdefault("its path is unsafe", []).append(path)
        elif path.endswith(CARD):
            left_out.setdefault("the zip holds another card: pack each by itself", []).append(path)
        elif name in kept:
            left_out.setdefault("the zip holds a file of the same path", []).append(path)
        else:
            try:
                kept[name] = archive.read(entry)
            except Bomb:
                raise
            except CardError as error:
                left_out.setdefault(str(error), []).append(path)
    for reason, paths in left_out.items():
        others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        found.warnings.append(f"{paths[0]!r:.100}{others} left out: {reason}")


def is_safe(path: str) -> bool:
    """Whether a path stays in its folder on every system: relative, with plain slashes, without ``..``."""
    parts = path.split("/")
    return len(path) <= MAX_PATH and not UNSAFE.search(path) and not {"", ".", ".."} & set(parts)


def is_other(path: str) -> bool:
    """Whether a file is a program's own, not an asset: RisuAI's module, JSON outside of the assets."""
    return path == MODULE or (path.endswith(".json") and not path.startswith("assets/"))


def write_charx(card: Mapping[str, Any], assets: Mapping[str, bytes], others: Mapping[str, bytes]) -> bytes:
    """A CHARX with ``card.json`` first, then ``assets`` (by ``embeded://PATH``), then ``others`` (by path).

    The same card gives the same bytes. Paths that are unsafe or not ASCII are changed, in the card too. Assets of
    other URIs are left out. CardError for what JSON cannot hold.
    """
    files: dict[str, bytes] = {}
    moved: dict[str, str] = {}
    for uri, content in assets.items():
        if uri.startswith(URI):
            path = free_path(uri.removeprefix(URI), files)
            files[path] = content
            moved[uri] = URI + path
    for path, content in others.items():
        files[free_path(path, files)] = content
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        _add(file, CARD, to_json(_moved(card, moved), indent=2))
        for path, content in files.items():
            _add(file, path, content)
    return archive.getvalue()


def _add(file: zipfile.ZipFile, path: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(path, FIRST_DAY)
    entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on every system
    packed = path.endswith(".json")  # pictures and sounds are packed already
    file.writestr(entry, content, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)


def free_path(path: str, taken: Mapping[str, bytes]) -> str:
    """The path, made safe, ASCII, and unlike the others; none ends in ``card.json``, which readers would take."""
    plain = NOT_PLAIN.sub("", unicodedata.normalize("NFKD", mend(path))).replace("\\", "/")[-MAX_PATH:]
    plain = "/".join(part for part in plain.split("/") if part not in {"", ".", ".."})
    folder, slash, name = plain.rpartition("/")
    plain = f"{folder}{slash}file{name}" if name.startswith(".") else plain  # nothing ASCII before the dot
    stem, dot, extension = plain.rpartition(".")
    number = 1
    while not plain or plain in taken or plain.endswith(CARD):
        number += 1
        plain = f"{stem or 'file'}_{number}{dot}{extension}"
    return plain


def _moved(card: Mapping[str, Any], moved: Mapping[str, str]) -> Mapping[str, Any]:
    """The card with the new URIs of its assets."""
    inner = card.get("data")
    if all(old == new for old, new in moved.items()) or not isinstance(inner, Mapping):
        return card
    assets = inner.get("assets")
    if not isinstance(assets, list):
        return card
    changed = [
        {**asset, "uri": moved.get(str(asset.get("uri")), asset.get("uri"))} if isinstance(asset, Mapping) else asset
        for asset in assets
    ]
    return {**card, "data": {**inner, "assets": changed}}
