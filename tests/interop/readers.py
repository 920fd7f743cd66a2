"""Read cards as programs in Python do: Pillow and tavern-card. `python -m tests.interop.readers FOLDER`."""

from __future__ import annotations

import base64
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from PIL import Image
from tavern_card import parse_card, parse_png_card


def faults(file: Path) -> Iterator[str]:
    """What another reader finds wrong with a file."""
    if file.suffix == ".png":
        yield from picture_faults(file)
    elif file.name.endswith((".v1.json", ".v2.json", ".v3.json")) or file.suffixes == [".json"]:
        card = parse_card(json.loads(file.read_text("utf-8")))
        if not card["data"]["name"]:
            yield "tavern-card finds no name"
    elif file.suffix == ".charx":
        yield from charx_faults(file)
    elif file.suffix == ".yaml" and not yaml.safe_load(file.read_text("utf-8"))["name"]:
        yield "PyYAML finds no name"


def picture_faults(file: Path) -> Iterator[str]:
    """Pillow opens it and finds both cards; tavern-card reads the same name."""
    with Image.open(file) as image:
        image.load()
        if image.size != (400, 600):
            yield f"Pillow sees {image.size}"
        texts = getattr(image, "text", {})
    names = {json.loads(base64.b64decode(texts[keyword]))["data"]["name"] for keyword in ("chara", "ccv3")}
    if names != {parse_png_card(file.read_bytes())["data"]["name"]}:
        yield f"tavern-card and Pillow read different names: {names}"


def charx_faults(file: Path) -> Iterator[str]:
    """A ZIP with card.json first, every file that the card names, ASCII paths, checksums right."""
    with zipfile.ZipFile(file) as packed:
        names = packed.namelist()
        card = json.loads(packed.read("card.json"))
        if names[0] != "card.json" or packed.testzip() is not None or not all(name.isascii() for name in names):
            yield f"the ZIP is not as it should be: {names}"
    for asset in card["data"]["assets"]:
        if asset["uri"].startswith("embeded://") and asset["uri"].removeprefix("embeded://") not in names:
            yield f"{asset['uri']} is not in it"


def main(folder: Path) -> None:
    """Judge every file; end with 1 when one is faulty."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [f"FAIL {file.name}: {fault}" for file in files for fault in faults(file)]
    sys.stdout.write(
        "\n".join([*found, f"{len(files)} files read with Pillow and tavern-card, {len(found)} failures\n"])
    )
    sys.exit(bool(found) or not files)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
