"""The name in its banner: in a font that has its letters, sized, wrapped or cut to fit."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from PIL import ImageDraw, ImageFont, features

from cards.art.style import TABLE

Font = ImageFont.FreeTypeFont

SPACED_BELOW = 0x0590  # Latin, Greek, Cyrillic, Armenian: letters stand alone and may be set apart
MOST_MARKS = 2  # on one letter of these; more are a joke that would run into the picture


class Setting(NamedTuple):
    """How a name is set: its lines, the font at its size in pixels, the gap between letters in pixels."""

    lines: tuple[str, ...]
    font: Font
    gap: float


def fit(name: str, width: int, height: int) -> Setting | None:
    """The largest setting within the pixels, on one line or two, an ellipsis at last; None: no font can."""
    text = _readable(name)
    font = _font_for(text) if text else None
    if font is None and _is_spaced(text):  # an alphabet can be read without the marks that no font has
        text = "".join(c for c in text if not _is_mark(c))
        font = _font_for(text) if text else None
    if font is None:
        return None
    top = int(height * 0.5)
    for share in (1.0, 0.92, 0.84, 0.76, 0.7, 0.64, 0.58, 0.52, 0.46, 0.4):
        one_line = [] if share < 0.74 and " " in text else [(text,)]
        two_lines = list(_halves(text)) if share < 0.74 else []
        for lines in one_line + two_lines:
            setting = _set(lines, font, top * share)
            if _wide(setting) <= width:
                return setting
    return _cut(text, font, top * 0.4, width)


def draw(pen: ImageDraw.ImageDraw, setting: Setting, centre: tuple[float, float], fill: tuple[int, int, int]) -> None:
    """The lines around a point."""
    leading = setting.font.size * 1.28
    for number, line in enumerate(setting.lines):
        y = centre[1] + (number - (len(setting.lines) - 1) / 2) * leading
        if not setting.gap:
            pen.text((centre[0], y), line, font=setting.font, fill=fill, anchor="mm")
            continue
        x = centre[0] - _line_wide(line, setting.font, setting.gap) / 2
        middle = y + _cap_height(setting.font) / 2
        for letter in _letters(line):
            pen.text((x, middle), letter, font=setting.font, fill=fill, anchor="ls")
            x += setting.font.getlength(letter) + setting.gap


def _readable(name: str) -> str:
    """The name without pictures and signs that fonts lack: emoji, marks that join them."""
    kept = (c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c)[0] in "LMNPZ" or c in "+&$'")
    text = " ".join("".join(c for c in kept if not "\ufe00" <= c <= "\ufe0f").split())
    text = "".join(letter[: 1 + MOST_MARKS] if _is_spaced(letter[0]) else letter for letter in _letters(text))
    return text if any(unicodedata.category(c)[0] in "LN" for c in text) else ""


def _font_for(text: str) -> Font | None:
    """The first font that has all letters, Pillow's own before those of the system."""
    upright = all(unicodedata.bidirectional(c) not in {"R", "AL"} for c in text)
    if not upright and not features.check("raqm"):
        return None  # without it the letters would stand in the wrong order
    return next((font for font in _fonts() if _has_all(font, text)), None)


def _fonts() -> Iterator[Font]:
    """Pillow's own font, then those of the system, which are not looked for until they are needed."""
    own = _own_font()
    if own is not None:
        yield own
    yield from _system_fonts()


@lru_cache(maxsize=1)
def _own_font() -> Font | None:
    font = ImageFont.load_default(size=20)
    return font if isinstance(font, ImageFont.FreeTypeFont) else None


@lru_cache(maxsize=1)
def _system_fonts() -> tuple[Font, ...]:
    return tuple(font for file in TABLE["fonts"] if (font := _load(file)) is not None)


def _load(file: str) -> Font | None:
    try:
        return ImageFont.truetype(file, 20)
    except OSError:
        return None


def _has_all(font: Font, text: str) -> bool:
    letters = {c for c in text + text.upper() if not c.isspace()}
    return all(_has(font, letter) for letter in letters)


@lru_cache(maxsize=4096)
def _has(font: Font, letter: str) -> bool:
    """Whether the font draws the letter, and not the box it draws for a code point that no font has."""
    if _is_mark(letter):  # by itself: what joins letters would put a circle under it
        font = font.font_variant(layout_engine=ImageFont.Layout.BASIC)
    missing, drawn = font.getmask("\U0010ffff"), font.getmask(letter)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)


def _is_spaced(text: str) -> bool:
    return all(ord(c) < SPACED_BELOW or 0x1E00 <= ord(c) < 0x2100 for c in text)


def _set(lines: tuple[str, ...], font: Font, size: float) -> Setting:
    spaced = all(_is_spaced(line) for line in lines)
    shown = tuple(line.upper() for line in lines) if spaced else lines
    return Setting(shown, font.font_variant(size=max(6, round(size))), size * 0.13 if spaced else 0)


def _line_wide(line: str, font: Font, gap: float) -> float:
    if not gap:
        return font.getlength(line)
    letters = _letters(line)
    return sum(font.getlength(letter) for letter in letters) + gap * (len(letters) - 1)


def _letters(line: str) -> list[str]:
    """The letters, each with the marks on it."""
    letters: list[str] = []
    for c in line:
        if letters and _is_mark(c):
            letters[-1] += c
        else:
            letters.append(c)
    return letters


def _is_mark(c: str) -> bool:
    return unicodedata.category(c)[0] == "M"


def _wide(setting: Setting) -> float:
    return max(_line_wide(line, setting.font, setting.gap) for line in setting.lines)


def _cap_height(font: Font) -> float:
    return float(-font.getbbox("H", anchor="ls")[1])


def _halves(text: str) -> Iterator[tuple[str, str]]:
    """Every way to break the text at a blank, the evenest first."""
    words = text.split(" ")
    breaks = [(" ".join(words[:at]), " ".join(words[at:])) for at in range(1, len(words))]
    yield from sorted(breaks, key=lambda pair: abs(len(pair[0]) - len(pair[1])))


def _cut(text: str, font: Font, size: float, width: int) -> Setting:
    """Two lines at a small size, the second ending in an ellipsis (dots, where the font has none)."""
    dots = "…" if _has(font, "…") else "..."
    first = _longest(text, font, size, width, "")
    at = first.rfind(" ")
    first = first[:at] if at > len(first) // 2 else first
    rest = text[len(first) :].strip()
    second = _longest(rest, font, size, width, dots)
    return _set((first, second), font, size) if second.strip(dots) else _set((first,), font, size)


def _longest(text: str, font: Font, size: float, width: int, ending: str) -> str:
    """The longest start of the text that fits with the ending; the whole text without it, if that fits."""
    if _wide(_set((text,), font, size)) <= width:
        return text
    end = len(text)
    while end > 1 and _wide(_set((text[:end].rstrip() + ending,), font, size)) > width:
        end -= 1
    return text[:end].rstrip() + ending
