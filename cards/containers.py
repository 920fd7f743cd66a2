"""Cards in files that hold more than text: PNG with its picture, CHARX with assets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cards.card import Card
from cards.charx import write_charx
from cards.media import Media, picture
from cards.names import cut
from cards.png import embed
from cards.v2 import to_v2_copy
from cards.v3 import DEFAULT_ICON, DEFAULT_URI, to_v3

PACKED, CHUNKED = "embeded://", "__asset:"  # how a URI names a file in a CHARX (sic), and one in a PNG
ICON_PATH = "assets/icon/images/main.png"
FOLDERS = {
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif", "apng", "avif", "bmp"), "images"),
    **dict.fromkeys(("mp3", "ogg", "wav", "flac", "m4a", "opus"), "audio"),
    **dict.fromkeys(("mp4", "webm", "mov"), "video"),
    **dict.fromkeys(("ttf", "otf", "woff", "woff2"), "fonts"),
}
TYPES = frozenset({"icon", "background", "emotion", "user_icon", "other"})

Asset = Mapping[str, Any]


def to_png(card: Card, media: Media) -> bytes:
    """The portrait with the card as ``chara`` (its V2 copy) and ``ccv3``; CardError for a broken portrait.

    Files in chunks of their own go with it; those packed in a CHARX cannot, and their assets are left out.
    """
    assets = [asset for asset in all_assets(card) if not _is_lost_in_png(asset, media)]
    if not any(is_main_icon(asset) for asset in assets):
        assets.insert(0, DEFAULT_ICON)
    chunked = {uri: content for uri, content in media.assets.items() if uri.startswith(CHUNKED)}
    whole = replace(card, assets=None if assets == [DEFAULT_ICON] else tuple(dict(asset) for asset in assets))
    return embed(picture(card, media), to_v2_copy(card), to_v3(whole), chunked)


def _is_lost_in_png(asset: Asset, media: Media) -> bool:
    uri = str(asset["uri"])
    return uri.startswith(PACKED) or (uri.startswith(CHUNKED) and uri not in media.assets)


def to_charx(card: Card, media: Media) -> bytes:
    """A CHARX: the V3 card and every file that it names, the portrait as its main icon.

    Assets whose file is not there are left out: RisuAI refuses a card that names one.
    """
    assets: list[dict[str, Any]] = []
    files: dict[str, bytes] = {}
    named = {str(asset["uri"]) for asset in all_assets(card)}
    for asset, content in _with_files(card, media):
        if content is None:
            assets.append(dict(asset))
            continue
        path = path_of(asset, files, named)
        files[PACKED + path] = content
        assets.append({**asset, "uri": PACKED + path})
    # Files that no asset names came with the card and go with it.
    unnamed = {uri: content for uri, content in media.assets.items() if uri.startswith(PACKED) and uri not in files}
    return write_charx(to_v3(replace(card, assets=tuple(assets))), files | unnamed, media.others)


def _with_files(card: Card, media: Media) -> Iterator[tuple[Asset, bytes | None]]:
    """Each asset with its file; None where the URI says it all (a web address, a data URL)."""
    for asset in all_assets(card):
        uri = str(asset["uri"])
        if uri == DEFAULT_URI and asset["type"] == "icon":
            yield {**asset, "ext": "png"}, picture(card, media)
        elif uri in media.assets:
            yield asset, media.assets[uri]
        elif not uri.startswith((PACKED, CHUNKED)):
            yield asset, None


def path_of(asset: Asset, taken: Mapping[str, bytes], named: Collection[str]) -> str:
    """Where an asset's file goes: the place that it came from, the main icon's own, or a free one."""
    uri = str(asset["uri"])
    if uri.startswith(PACKED):
        return uri.removeprefix(PACKED)
    if uri == DEFAULT_URI and is_main_icon(asset) and PACKED + ICON_PATH not in {*taken, *named}:
        return ICON_PATH
    return free_path(asset, {*taken, *named})


def all_assets(card: Card) -> list[Asset]:
    """The card's assets, with a main icon even where it names none."""
    assets: list[Asset] = list(card.assets) if card.assets is not None else []
    return assets if any(is_main_icon(asset) for asset in assets) else [DEFAULT_ICON, *assets]


def is_main_icon(asset: Asset) -> bool:
    """Whether the asset is the card's picture."""
    return asset.get("type") == "icon" and asset.get("name") in ("main", "")


def main_icon(card: Card) -> str | None:
    """The URI of the card's picture among its assets; None where the picture is the file itself."""
    place = _main_place(card)
    uri = None if place is None or card.assets is None else str(card.assets[place]["uri"])
    return None if uri == DEFAULT_URI else uri


def _main_place(card: Card) -> int | None:
    """Where among the assets the card's picture stands: the icon named main, else the first icon."""
    icons = [place for place, asset in enumerate(card.assets or ()) if asset.get("type") == "icon"]
    mains = [place for place in icons if card.assets and is_main_icon(card.assets[place])]
    return next(iter(mains or icons), None)


def without_icon(card: Card) -> Card:
    """The card with the picture that it comes with as its main icon, in place of a file of its own."""
    own = _main_place(card)
    assets = tuple(dict(DEFAULT_ICON) if place == own else each for place, each in enumerate(card.assets or ()))
    return replace(card, assets=None if assets == (DEFAULT_ICON,) else assets)


def free_path(asset: Asset, taken: Collection[str]) -> str:
    """A path for an asset's file as the specification wants it: ASCII, by type and kind, unlike the others."""
    extension = _ascii(str(asset["ext"]).lower()) or "bin"
    type_ = asset["type"] if asset["type"] in TYPES else "other"
    folder = f"assets/{type_}/{FOLDERS.get(extension, 'other')}"
    name = cut(_ascii(str(asset["name"])), 60) or "file"
    path, number = f"{folder}/{name}.{extension}", 1
    while PACKED + path in taken:
        number += 1
        path = f"{folder}/{name}_{number}.{extension}"
    return path


def _ascii(text: str) -> str:
    return "".join(c for c in text if c.isascii() and (c.isalnum() or c in "-_"))
