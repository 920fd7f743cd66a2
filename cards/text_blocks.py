"""The parts a text is laid out in: headings, labelled lines, notes and prose; and the sentences of each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

BlockKind = Literal["heading", "label", "bullet", "prose"]

BULLET = re.compile(r"^\s*(?:[-*•–—·▪◦+]\s+|\(?\d{1,2}[.)]\s+)(?=\S)")
MARKDOWN_HEADING = re.compile(r"^\s{0,3}#{1,6}\s*(.+?)\s*#*\s*$")
WIKI_HEADING = re.compile(r"^\s*(={1,6})\s*(.+?)\s*\1\s*$")
UNDERLINE = re.compile(r"^\s*(?:={3,}|-{3,}|\*{3,}|_{3,})\s*$")
TABLE_ROW = re.compile(r"^\|(.+)\|$")
RULE = re.compile(r"^[\s|:-]*-{2,}[\s|:-]*$")
LABEL = re.compile(r"^(?P<label>[^\W\d_][^:：.!?\"“”«»„*]{0,28}?)\s*[:：]\s*(?P<value>.*)$")
EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|_{1,3})(?=\S)(.+?)(?<=\S)\1(?![\w*])")
LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)|\[\[(?:[^\]|\n]*\|)?([^\]\n]*)\]\]")
FOOTNOTE = re.compile(r"\[(?:\d{1,3}|citation needed|edit)\]")
TAG = re.compile(r"<[^<>\n]{1,80}>")

ENDS = ".!?…。！？"
CLOSERS = "\"'”’»)]*」』“"
OPENERS = {"“": "”", "«": "»", "„": "“", "「": "」", "『": "』"}
BREAK = re.compile(r"(?:[.!?…]+[\"'”’»“)\]」』*]*(?=\s))|(?:[。！？]+[」』”）]*)")
LONGEST_WORD = 100
INITIAL = re.compile(r"(?:^|[\s(])[^\W\d_]$")
NEXT_WORD = re.compile(r"\s*[\"'“„«»(\[¿¡*—–-]*\s*(\w)?")
SPEECH_TAG = re.compile(
    r"\s*(?:[^\W\d_][\w.'’-]*\s+){0,3}?(?:said|says|asked|asks|replied|whispered|muttered|answered|cried|shouted"
    r"|sagte|sagt|fragte|flüsterte|dijo|preguntó|dit|demanda|murmura)\b"
)
MAX_HEADING_WORDS = 8


@dataclass(frozen=True)
class Block:
    """One laid-out part: ``text`` clean of marks, under ``section`` (last heading), behind ``label`` if it has one."""

    kind: BlockKind
    text: str
    section: str = ""
    label: str = ""
    paragraph: int = 0


@cache
def word_list(name: str) -> frozenset[str]:
    """The list ``name`` of cards/words/names.toml, as a set of lower-case words."""
    return frozenset(_tables("names")[name].split())


@cache
def stop_words() -> dict[str, frozenset[str]]:
    """Frequent words by language (ISO 639-1)."""
    return {code: frozenset(words.split()) for code, words in _tables("languages").items()}


@cache
def _tables(stem: str) -> dict[str, str]:
    text = files("cards").joinpath("words", f"{stem}.toml").read_text(encoding="utf-8")
    return {key: str(value) for key, value in tomllib.loads(text).items()}


def without_marks(text: str) -> str:
    """``text`` without Markdown and wiki marks (emphasis, links, footnotes, tags), words untouched."""
    text = LINK.sub(lambda match: match.group(1) or match.group(2) or "", text)
    text = FOOTNOTE.sub("", TAG.sub("", text)).replace("`", "")
    for _ in range(2):
        text = EMPHASIS.sub(r"\2", text)
    return re.sub(r"[ \t\u00a0]+", " ", text.replace("'''", "").replace("''", "")).strip()


def blocks(text: str) -> list[Block]:
    """Cut ``text`` into its laid-out parts, in order."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found: list[Block] = []
    prose: list[str] = []
    section, paragraph = "", 0

    def close() -> None:
        nonlocal paragraph
        if prose:
            found.append(Block("prose", " ".join(prose), section, "", paragraph))
            prose.clear()
        paragraph += 1

    for place, line in enumerate(lines):
        heading = _heading(lines, place)
        marked = BULLET.match(line)
        plain = without_marks(line[marked.end() :] if marked else line)
        if heading is not None:
            close()
            section = heading
            found.append(Block("heading", heading, heading, "", paragraph))
        elif not plain or UNDERLINE.match(line):
            close()
        elif row := TABLE_ROW.match(plain):
            close()
            found.extend(_table_row(row.group(1), lines, place, section, paragraph))
        elif label := _label(plain):
            close()
            found.extend(_labelled(label, section, paragraph))
            if not label[1]:
                section = label[0]
        elif marked:
            close()
            found.append(Block("bullet", plain, section, "", paragraph))
        else:
            prose.append(plain)
    close()
    return found


def _table_row(row: str, lines: list[str], place: int, section: str, paragraph: int) -> list[Block]:
    """A row of two cells is a labelled line; the rule of a table and the row above it say nothing."""
    after = lines[place + 1] if place + 1 < len(lines) else ""
    cells = [without_marks(cell).strip() for cell in row.split("|")]
    if RULE.match(row) or RULE.match(after.strip().strip("|")) or not all(cells[:2]):
        return []
    if len(cells) == 2:
        return [Block("label", cells[1], section, cells[0], paragraph)]
    return [Block("bullet", ", ".join(cell for cell in cells if cell), section, "", paragraph)]


def _labelled(label: tuple[str, str], section: str, paragraph: int) -> list[Block]:
    """A label with its value is one block; a label alone is the heading of what follows."""
    name, value = label
    if value:
        return [Block("label", value, section, name, paragraph)]
    return [Block("heading", name, name, "", paragraph)]


def _label(plain: str) -> tuple[str, str] | None:
    """``("Age", "34")`` of ``Age: 34``; None where the colon belongs to a sentence."""
    match = LABEL.match(plain)
    if not match:
        return None
    label, value = match["label"].strip(), match["value"].strip()
    if label.split()[0].lower() in {"chapter", "part", "kapitel", "chapitre", "capítulo", "capitolo", "prologue"}:
        return plain, ""
    words = label.split()
    # "She knew one thing: ..." is prose: a label is short and is no clause with a pronoun in it.
    clause = any(word.lower() in {"he", "she", "they", "it", "i", "we", "er", "elle", "il"} for word in words)
    if len(words) > 3 or clause or value[:2] == "//":
        return None
    if label[0].islower() and len(words) > 1:
        return None
    return label, value


def _heading(lines: list[str], place: int) -> str | None:
    """The heading on this line, or None."""
    line = lines[place]
    if match := MARKDOWN_HEADING.match(line):
        return without_marks(match.group(1)).rstrip(":") or None
    if match := WIKI_HEADING.match(line):
        return without_marks(match.group(2)) or None
    plain = line.strip()
    if not plain or plain[0] == "|" or BULLET.match(line) or len(plain.split()) > MAX_HEADING_WORDS:
        return None
    after = lines[place + 1] if place + 1 < len(lines) else ""
    if UNDERLINE.match(after) and after.strip()[0] in "=-":
        return without_marks(plain)
    return _bare_heading(lines, place, plain, after)


def _bare_heading(lines: list[str], place: int, plain: str, after: str) -> str | None:
    """A short line in title case or capitals, alone between blank lines, with text to come."""
    before = lines[place - 1] if place else ""
    alone = not before.strip() and bool("".join(lines[place + 1 :]).strip())
    if not alone or plain[-1] in ENDS + ',;:"”»' or LABEL.match(plain) or plain[0] in '"“«„—':
        return None
    if after.strip() and not plain.isupper() and not _title_case(plain):
        return None
    # In scripts without capitals a short line of its own is a heading when a blank line follows.
    if after.strip() and not any(char.isupper() for char in plain):
        return None
    return without_marks(plain)


def _title_case(plain: str) -> bool:
    words = [word for word in plain.split() if word.lower() not in word_list("particles")]
    return len(words) <= 6 and all(word[0].isupper() or not word[0].isalpha() for word in words)


def split_sentences(prose: str) -> list[str]:
    """The sentences of one block of prose. A quotation stays in one piece with the words that introduce it."""
    return [piece for piece in _pieces(prose) if piece]


def _pieces(prose: str) -> Iterator[str]:
    inside = _quote_spans(prose)
    start = 0
    for match in BREAK.finditer(prose):
        end = match.end()
        if any(left < end < right for left, right in inside) or not _is_end(prose, start, match):
            continue
        yield prose[start:end].strip()
        start = end
    yield prose[start:].strip()


def _quote_spans(prose: str) -> list[tuple[int, int]]:
    """Where quotations stand, as [from, to). Unbalanced straight quotes count as none."""
    spans: list[tuple[int, int]] = []
    straight = [place for place, char in enumerate(prose) if char == '"']
    if len(straight) % 2 == 0:
        spans += [(left, right + 1) for left, right in zip(straight[::2], straight[1::2], strict=True)]
    place = 0
    while place < len(prose):
        close = OPENERS.get(prose[place])
        right = prose.find(close, place + 1) if close else -1
        if close and right > 0:
            spans.append((place, right + 1))
            place = right
        place += 1
    return spans


def _is_end(prose: str, start: int, match: re.Match[str]) -> bool:
    """Whether the stop at ``match`` ends a sentence rather than an abbreviation or a quotation with its tag."""
    mark, end = match.group(), match.end()
    if mark[0] in "。！？":
        # 「…。」と言った: the sentence goes on after the quotation.
        return not (mark[-1] in "」』”" and prose[end : end + 1] in set("とっ,、，"))
    before = prose[max(start, match.start() - LONGEST_WORD) : match.start()]  # a sentence may have no end in sight
    word = before.rsplit(None, 1)[-1].lstrip("(\"'“„«").lower() if before.strip() else ""
    if mark == "." and (word in word_list("abbreviations") or INITIAL.search(before[-2:])):
        return False
    following = NEXT_WORD.match(prose, end)
    first = following.group(1) if following else None
    if first is None:
        return True
    if first.islower():
        # An opening quotation mark after the stop starts afresh whatever its case.
        return False
    return not (mark[-1] in CLOSERS and SPEECH_TAG.match(prose, end))
