"""Which script and which language a text is in, and how many tokens it may cost."""

from __future__ import annotations

import re
from collections import Counter
from math import ceil

from cards.text_blocks import stop_words

KANA = re.compile(r"[\u3040-\u30ff\uff66-\uff9d]")
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
CYRILLIC = re.compile(r"[\u0400-\u04ff]")
GREEK = re.compile(r"[\u0370-\u03ff]")
ARABIC = re.compile(r"[\u0600-\u06ff]")
HEBREW = re.compile(r"[\u0590-\u05ff]")
THAI = re.compile(r"[\u0e00-\u0e7f]")
LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
WIDE = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
WORD = re.compile(r"[^\W\d_]+")
SAMPLE = 20_000  # characters: more tells nothing new

# Letters that hardly occur elsewhere weigh in where a text is too short for stop words.
TELLING = {"de": "äöüß", "es": "ñ¿¡", "fr": "çœêèàù", "pt": "ãõ", "pl": "ąęłńśźż", "sv": "å"}


def language(text: str) -> str:
    """The language of ``text`` as an ISO 639-1 code, guessed from script and stop words; ``en`` where nothing tells."""
    sample = text[:SAMPLE]
    if script := _by_script(sample):
        return script
    words = Counter(word.lower() for word in WORD.findall(sample))
    scores: dict[str, float] = {
        code: sum(count for word, count in words.items() if word in stops) for code, stops in stop_words().items()
    }
    lowered = sample.lower()
    for code, letters in TELLING.items():
        scores[code] += sum(min(lowered.count(letter), 3) for letter in letters) * 0.5
    best = max(scores, key=lambda code: (scores[code], code == "en"))
    return best if scores[best] > scores["en"] else "en"


def _by_script(sample: str) -> str | None:
    """The language where the script decides, None for Latin letters and for no letters at all."""
    latin = len(LATIN.findall(sample))
    kana, han, hangul = (len(script.findall(sample)) for script in (KANA, HAN, HANGUL))
    # A Latin word takes several letters, a Japanese or Chinese one takes one or two.
    if 4 * (kana + han + hangul) > latin and kana + han + hangul:
        if hangul > kana + han:
            return "ko"
        return "ja" if kana * 12 > han else "zh"
    for code, script in (("el", GREEK), ("ar", ARABIC), ("he", HEBREW), ("th", THAI)):
        if len(script.findall(sample)) > latin:
            return code
    if len(CYRILLIC.findall(sample)) > latin:
        return "uk" if re.search(r"[іїєґ]", sample.lower()) else "ru"
    return None


def estimate_tokens(text: str) -> int:
    """About how many model tokens ``text`` is: a quarter of its characters, one for each Chinese, Japanese, Korean."""
    wide = len(WIDE.findall(text))
    return wide + ceil((len(text) - wide) / 4)
