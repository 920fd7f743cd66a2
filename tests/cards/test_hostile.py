"""Files made to do harm: each is read in a process of its own, which must stay under 400 MB and 5 seconds."""

from __future__ import annotations

import base64
import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from cards.parse import MAX_MARKS

ROOT = Path(__file__).parents[2]
MB = 1024 * 1024
FULL = 20 * MB  # bytes: the largest file that is taken
MAX_PEAK = 400 * MB  # of memory, with Python and the file itself
MAX_SECONDS = 5.0  # of the processor


def repeated(piece: bytes, *, head: bytes = b"[", tail: bytes = b"]", size: int = FULL) -> bytes:
    """As many pieces as fit into ``size`` bytes between head and tail."""
    return head + piece * ((size - len(head) - len(tail)) // len(piece)) + tail


def up_to_the_bound(piece: bytes, marks: int, last: bytes = "🦊".encode()) -> bytes:
    """Pieces of ``marks`` marks each, just under what is refused, then a text up to the full size.

    An emoji in it makes Python take four bytes for each character.
    """
    body = b'{"name":"A","a":[' + piece * ((MAX_MARKS - 10_000) // marks) + b'"'
    return body + b"x" * (FULL - len(body) - len(last) - 3) + last + b'"]}'


def numbered(form: str, count: int) -> bytes:
    return ",".join(form.format(n) for n in range(count)).encode()


FOX = "🦊".encode()
JSON: dict[str, Callable[[], bytes]] = {
    "lists": lambda: repeated(b"[],", tail=b"1]"),
    "objects": lambda: repeated(b"{},", tail=b"1]"),
    "texts": lambda: repeated(b'"a","b",', tail=b"1]"),
    "numbers": lambda: repeated(b"1,", tail=b"1]"),
    "depth": lambda: b"[" * FULL,
    "depth of objects": lambda: repeated(b'{"a":', head=b"", tail=b""),
    "depth just read": lambda: repeated(b"[" * 99 + b"]" * 99 + b",", tail=b"1]", size=MB),
    "lists at the bound": lambda: up_to_the_bound(b"[],", 2),
    "nested lists at the bound": lambda: up_to_the_bound(b"[[]],", 3),
    "objects at the bound": lambda: up_to_the_bound(b'{"a":1},', 3),
    "texts at the bound": lambda: up_to_the_bound('"é1",'.encode(), 1),
    "fractions at the bound": lambda: up_to_the_bound(b"0.5,", 1),
    "keys at the bound": lambda: (
        b'{"name":"A",' + numbered('"key{0}":"text{0}"', MAX_MARKS // 2 - 10)[: 19 * MB].rpartition(b",")[0] + b"}"
    ),
    "one emoji in a text": lambda: b'{"name":"' + b"x" * (FULL - 20) + FOX + b'"}',
    "escapes in a text": lambda: b'{"name":"' + b"\\n" * (FULL // 2 - 20) + FOX + b'"}',
    "escaped emoji": lambda: b'{"name":"' + b"\\ud83e\\udd8a" * (FULL // 12 - 20) + b'"}',
    "an endless text": lambda: b'{"name":"' + b"\\" * (FULL - 20),
    "a huge whole number": lambda: b"[" + b"1" * (FULL - 2) + b"]",
    "a huge fraction": lambda: b"[0." + b"1" * (FULL - 4) + b"]",
    "a huge exponent": lambda: b"[1e" + b"9" * (FULL - 4) + b"]",
    "a number that never begins": lambda: b"-" * FULL,
    "blanks": lambda: b" " * FULL,
    "lines, then an error": lambda: b"\n" * (FULL - 1) + b"x",
    "UTF-16": lambda: '["桜'.encode("utf-16") + "桜".encode("utf-16-le") * (FULL // 2 - 8),
    "NUL": lambda: b"\0" * FULL,
}
MAX_YAML = 2 * MB
YAML: dict[str, Callable[[], bytes]] = {
    "laughs": lambda: b"".join(b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)),
    "lists": lambda: repeated(b"[],", tail=b"1]", size=MAX_YAML),
    "lines": lambda: repeated(b"- a\n", head=b"", tail=b"", size=MAX_YAML),
    "keys": lambda: b"".join(b"k%d: v\n" % n for n in range(190_000)),
    "flow depth": lambda: b"[" * MAX_YAML,
    "flow depth of objects": lambda: b"{a: " * (MAX_YAML // 4),
    "block depth": lambda: b"- " * (MAX_YAML // 2),
    "key depth": lambda: b"? " * (MAX_YAML // 2),
    "directives": lambda: b"".join(b"%%TAG !a%d! b\n" % n for n in range(100_000)) + b"--- a",
    "anchors": lambda: b"".join(b"- &a%d b\n" % n for n in range(150_000)),
    "tags": lambda: b"- !a b\n" * 250_000,
    "an endless text": lambda: b"a: '" + b"\n" * (MAX_YAML - 9),
    "an endless key": lambda: b"a" * MAX_YAML,
    "blank lines in a block": lambda: b"a: |\n" + b"\n" * (MAX_YAML - 9) + b" b",
    "texts": lambda: repeated(b"'a': \"b\", ", head=b"{", tail=b"}", size=MAX_YAML),
    "one emoji": lambda: b"a: " + b"x" * (MAX_YAML - 9) + FOX,
    "comments": lambda: b"#\n" * (MAX_YAML // 2),
    "a huge number": lambda: b"a: " + b"1" * (MAX_YAML - 9),
    "documents": lambda: b"---\n" * (MAX_YAML // 4),
}


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in [(b"IHDR", b"\0" * 13), *chunks, (b"IEND", b"")]:
        parts.append(struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body)))
    return b"".join(parts)


def packed(text: bytes) -> bytes:
    return zlib.compress(text, 9)


BOMB = packed(b"A" * 27 * MB)
CARD = b'{"spec": "chara_card_v3", "data": {"name": "A"}}'
CARD64 = base64.b64encode(CARD)
PNG: dict[str, Callable[[], bytes]] = {
    "a bomb": lambda: png_of((b"zTXt", b"chara\0\0" + packed(b"A" * 120 * MB))),
    "many bombs": lambda: png_of(*[(b"zTXt", b"ccv3\0\0" + BOMB)] * 500),
    "many bombs of assets": lambda: png_of(
        (b"tEXt", b"chara\0" + CARD64),
        *[(b"zTXt", b"chara-ext-asset_:%d\0\0" % n + BOMB) for n in range(500)],
    ),
    "an iTXt bomb": lambda: png_of((b"iTXt", b"ccv3\0\1\0\0\0" + packed(b"A" * 120 * MB))),
    "blanks": lambda: png_of((b"tEXt", b"ccv3\0" + b"A " * (FULL // 2 - 100))),
    "JSON at the bound": lambda: png_of(
        (b"zTXt", b"ccv3\0\0" + packed(base64.b64encode(up_to_the_bound(b'{"a":1},', 3))))
    ),
    "JSON at the bound with assets": lambda: png_of(
        (b"zTXt", b"ccv3\0\0" + packed(base64.b64encode(up_to_the_bound(b'{"a":1},', 3)))),
        (b"zTXt", b"chara-ext-asset_:1\0\0" + BOMB),
        (b"tEXt", b"chara-ext-asset_:2\0" + b"A" * 19 * MB),
    ),
    "JSON at the bound, broken each time": lambda: png_of(
        *[(b"zTXt", b"ccv3\0\0" + packed(base64.b64encode(up_to_the_bound(b'{"a":1},', 3)[:-1])))] * 2
    ),
    "broken cards without end": lambda: png_of(
        *[(b"tEXt", b"ccv3\0" + base64.b64encode(repeated(b"[],", size=MB, tail=b"")))] * 14
    ),
    "chunks": lambda: png_of(*[(b"tEXt", b"")] * 60_000),
    "chunks of cards": lambda: png_of(*[(b"tEXt", b"ccv3\0!")] * 49_000),
    "chunks of assets": lambda: png_of(
        (b"tEXt", b"ccv3\0" + CARD64), *[(b"tEXt", b"chara-ext-asset_:%d\0QQ==" % n) for n in range(49_000)]
    ),
    "a length that lies": lambda: png_of((b"tEXt", b"ccv3\0" + CARD64))[:-12] + b"\xff\xff\xff\xfftEXt" + b"\0" * 99,
    "keywords without end": lambda: png_of(*[(b"tEXt", b"c" * 9000)] * 2000),
    "a full picture": lambda: png_of((b"tEXt", b"ccv3\0" + CARD64), *[(b"IDAT", b"\0" * 8192)] * 2500),
}


def zip_of(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for path, body in files:
            file.writestr(path, body)
    return content.getvalue()


def overlapping() -> bytes:
    """Many entries for the one file: each unpacks to 20 MB."""
    content = zip_of(("card.json", CARD), ("a", b"\0" * 20 * MB))
    at, end = content.rindex(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    count, entry = 5000, content[at:end]
    size = at - content.index(b"PK\x01\x02") + len(entry) * count
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count + 1, count + 1, size, content.index(b"PK\x01\x02"), 0)
    return content[:at] + entry * count + record


CHARX: dict[str, Callable[[], bytes]] = {
    "a bomb": lambda: zip_of(("card.json", b" " * 120 * MB)),
    "a bomb of an asset": lambda: zip_of(("card.json", CARD), ("a.png", b"\0" * 120 * MB)),
    "many bombs": lambda: zip_of(("card.json", CARD), *[(f"{n}", b"\0" * 40 * MB) for n in range(4)]),
    "overlapping entries": overlapping,
    "files": lambda: zip_of(*[(f"{n}.png", b"") for n in range(50_000)], method=zipfile.ZIP_STORED),
    "files just read": lambda: zip_of(("card.json", CARD), *[(f"{n}.png", b"x") for n in range(9_999)]),
    "end records": lambda: b"PK\x03\x04" + b"PK\x05\x06" * (FULL // 4 - 10),
    "end records with room": lambda: b"PK\x03\x04" + (b"PK\x05\x06" + b"\0" * 18) * (FULL // 22 - 10),
    "a directory that lies": lambda: (
        zip_of(("card.json", CARD))[:-22] + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9999, 9999, 55, 39, 0)
    ),
    "long paths": lambda: zip_of(
        ("card.json", CARD), *[(f"{n}" + "x" * 60_000, b"") for n in range(150)], method=zipfile.ZIP_STORED
    ),
    "JSON at the bound": lambda: zip_of(
        ("card.json", up_to_the_bound(b'{"a":1},', 3)), ("a", b"\0" * 49 * MB), ("b", b"\0" * 26 * MB)
    ),
    "full of media": lambda: zip_of(
        ("card.json", CARD), *[(f"{n}.png", bytes([n]) * MB) for n in range(19)], method=zipfile.ZIP_STORED
    ),
    "behind a JPEG": lambda: b"\xff\xd8\xff" + b"PK\x05\x06" * (FULL // 4 - 10),
}
# What reads the files of each table: `module.function`
FILES = {"JSON": JSON, "YAML": YAML, "PNG": PNG, "CHARX": CHARX}
CASES = [(kind, name) for kind in FILES for name in FILES[kind]]

# Legal, if not nice: these are read, all others refused with a reason
READ = {
    "JSON": {name for name in JSON if name.endswith("at the bound")}
    | {"one emoji in a text", "escapes in a text", "escaped emoji"},
    "YAML": set(),
    "PNG": {"many bombs of assets", "JSON at the bound", "JSON at the bound with assets", "chunks of assets"}
    | {"a length that lies", "a full picture"},
    "CHARX": {"a bomb of an asset", "files just read", "long paths", "JSON at the bound", "full of media"},
}

# The peak of this process alone: getrusage also counts the parent's memory, from before the exec.
MEASURE = """
import json, resource, sys, time
from pathlib import Path
from cards.errors import CardError
from cards.files import read_file
from cards.formats import render
content = sys.stdin.buffer.read()
message = ""
started = time.process_time()
try:
    found = read_file(content)
    if found.card:
        render(found.card, "v3", found.media)  # and out again, as whoever converts it
except CardError as error:
    message = str(error)
seconds = time.process_time() - started
status = Path("/proc/self/status")
if status.exists():
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:")) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"message": message, "seconds": seconds, "peak": peak}))
"""


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_hostile_file_costs_little(kind: str, name: str) -> None:
    content = FILES[kind][name]()
    assert len(content) <= FULL
    child = subprocess.run(
        [sys.executable, "-c", MEASURE], input=content, capture_output=True, cwd=ROOT, timeout=120, check=False
    )
    assert child.returncode == 0, child.stderr.decode()[-2000:]
    found = json.loads(child.stdout)
    assert bool(found["message"]) == (name not in READ[kind])
    assert found["seconds"] < MAX_SECONDS
    assert found["peak"] < MAX_PEAK
