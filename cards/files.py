"""Any file in: a card or a book, told apart by its bytes, never by its name.

Source: card-format specifications V1 to V3; what SillyTavern, RisuAI, agnai and Chub write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cards import book as books
from cards import charx, parse, png
from cards.card import Book, Card
from cards.conform import Deviation, check_book, check_card
from cards.containers import ICON_PATH, PACKED, main_icon, without_icon
from cards.errors import CardError
from cards.fields import rest
from cards.media import Media
from cards.picture import is_sound_png, read_picture
from cards.read import read_card
from cards.tidy import tidy

MAX_FILE = 20 * 1024 * 1024  # bytes
NO_CARD = "this is no card file: PNG, CHARX, JSON and YAML are read; send one of these"
JPEG, GIF, WEBP = b"\xff\xd8\xff", b"GIF8", b"RIFF"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a file held: a card with its media, or a bare book, and what was odd about it.

    ``format`` is what it was in: json, v1, v2, v3, tavernai, charx, yaml; worldinfo, character_book, lorebook_v3.
    ``deviations`` are the places where the file is not what its specification says, and was read all the same.
    """

    format: str
    card: Card | None = None
    book: Book | None = None
    media: Media = field(default_factory=Media)
    warnings: tuple[str, ...] = ()
    deviations: tuple[Deviation, ...] = ()


def read_file(content: bytes) -> Reading:
    """The card or book in a file of any known format; CardError says what is wrong and what to do.

    Bounded: files of up to 20 MiB, and what they unpack to, whatever they claim.
    """
    if not content:
        raise CardError("the file is empty: send the file of a card or a lorebook")
    if len(content) > MAX_FILE:
        raise CardError(f"the file has {len(content):,} bytes; {MAX_FILE:,} at most: send a smaller picture or JSON")
    if content.startswith(png.SIGNATURE):
        return _read_png(content)
    if charx.looks_like_zip(content) or charx.looks_like_jpeg_zip(content):
        return _read_charx(content)
    if content.startswith((JPEG, GIF, WEBP)):
        raise CardError("this picture holds no card: cards travel in PNG pictures; download the card's PNG again")
    return _read_text(content)


def _read_png(content: bytes) -> Reading:
    found = png.read_png(content)
    warnings = list(found.warnings)
    portrait: bytes | None = png.picture_only(content)
    if portrait is not None and not is_sound_png(portrait):
        portrait = None
        warnings.append("the picture is damaged or too large, so another one is drawn")
    return _card(found.card, "tavernai", Media(portrait=portrait, assets=found.assets), warnings)


def _read_charx(content: bytes) -> Reading:
    found = charx.read_charx(content)
    reading = _card(found.card, "charx", Media(assets=found.assets, others=found.others), list(found.warnings))
    assert reading.card is not None  # noqa: S101 - what _card returns
    uri = main_icon(reading.card) or ""
    icon = found.assets.get(uri, found.cover)
    if icon is None:
        return reading
    portrait = icon if icon.startswith(png.SIGNATURE) and is_sound_png(icon) else None
    named = [asset["uri"] for asset in reading.card.assets or ()].count(uri)
    if portrait is not None and uri == PACKED + ICON_PATH and named == 1:  # as we write it: the card's picture
        others = {place: content for place, content in found.assets.items() if place != uri}
        media = Media(portrait=portrait, assets=others, others=found.others)
        return replace(reading, card=without_icon(reading.card), media=media)
    try:
        return replace(reading, media=replace(reading.media, portrait=portrait or read_picture(icon)))
    except CardError as error:
        odd = f"the portrait cannot be shown, so another one is drawn: {error}"
        return replace(reading, warnings=(*reading.warnings, odd))


def _read_text(content: bytes) -> Reading:
    """JSON, or else YAML: JSON opens with a brace, whatever stands before it."""
    if content.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith((b"{", b"[")):
        return read_object(parse.parse_json(content))
    if b"\x00" in content[:1024] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise CardError(NO_CARD)
    try:
        obj = parse.parse_yaml(content)
    except CardError as error:
        raise CardError(f"{NO_CARD}; read as YAML, {error}") from error
    if not isinstance(obj, Mapping):
        raise CardError(NO_CARD)
    reading = read_object(obj)
    return replace(reading, format="yaml") if reading.card is not None else reading


def read_object(obj: Any) -> Reading:
    """The card or book in a JSON object; CardError when it is neither."""
    if isinstance(obj, list) and len(obj) == 1:
        obj = obj[0]  # some programs export a list of one
    if isinstance(obj, list):
        raise CardError(f"the file holds a list of {len(obj)} things: send each card as a file of its own")
    if not isinstance(obj, Mapping):
        raise CardError("a card must be a JSON object: send the whole file of one card")
    clean, dropped = tidy(obj)
    warnings = [f"{dropped} characters that cannot be stored were taken out"] if dropped else []
    kind = book_format(clean)
    if kind is None:
        return _card(clean, card_format(clean), Media(), warnings)
    return Reading(
        format=kind,
        book=read_book(clean),
        warnings=tuple(warnings),
        deviations=tuple(check_book(clean)),
    )


def read_book(obj: Mapping[str, Any]) -> Book:
    """The book of a file of its own; CardError when it is none."""
    if obj.get("spec") == books.SPEC:
        book = books.from_book(obj.get("data"), "data")
        if book is None:
            raise CardError("data is missing: a lorebook_v3 file keeps its book in an object named data")
        return replace(book, wrapper=rest(obj, {"spec", "data"}))
    return books.from_book(obj, "book") or Book()


def book_format(obj: Mapping[str, Any]) -> str | None:
    """What kind of book the object is; None for one that is no bare book."""
    if obj.get("spec") == books.SPEC:
        return "lorebook_v3"
    if "entries" not in obj or "data" in obj or "first_mes" in obj:
        return None
    return "worldinfo" if isinstance(obj["entries"], Mapping) else "character_book"


def card_format(obj: Mapping[str, Any]) -> str:
    """What the object says it is: v2, v3, v1 when it holds no more than that, else our flat json."""
    if isinstance(obj.get("data"), Mapping):
        return "v3" if str(obj.get("spec", "")).startswith("chara_card_v3") else "v2"
    return "json" if {"extensions", "tags", "alternate_greetings", "character_book"} & set(obj) else "v1"


def _card(obj: Mapping[str, Any], format_: str, media: Media, warnings: list[str]) -> Reading:
    clean, dropped = tidy(obj)
    if dropped:
        warnings.append(f"{dropped} characters that cannot be stored were taken out")
    return Reading(
        format=format_,
        card=read_card(clean),
        media=media,
        warnings=tuple(warnings),
        deviations=tuple(check_card(clean)),
    )
