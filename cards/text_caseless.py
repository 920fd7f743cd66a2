"""Names in scripts without capitals: what labels, honorifics, particles and repetition give away."""

from __future__ import annotations

import re
from collections import Counter

from cards.text_blocks import word_list

KATAKANA = re.compile(r"[ァ-ヺー]{2,}(?:・[ァ-ヺー]{2,})*")
JAPANESE_HONORIFIC = re.compile(r"([一-鿿ぁ-んァ-ヺー]{1,5}?)(?:さん|ちゃん|くん|君|様|先生|殿|博士)")
JAPANESE_TOPIC = re.compile(r"(?:^|[。、「『\s])([一-鿿]{2,4}|[ァ-ヺー・]{2,12})(?:は|が)")
CHINESE_NAMED = re.compile(r"(?:名叫|叫做|名为|叫|是)([一-鿿]{2,3})(?=[，。、是的])")
CHINESE_SPEAKER = re.compile(r"(?:^|[。，！？“”\s])([一-鿿]{2,3})(?=(?:说|道|问|笑|是一|住在|来自|喜欢|害怕))")
KOREAN_NAME = re.compile(r"([가-힣]{2,4})(?:은|는|이|가|의|을|를|에게|씨|님)(?=[\s,.])")
LISTED = (
    "ja",
    "zh",
    "ko",
)  # languages whose common words are listed; of Arabic, Hebrew and Thai none are
LABELLED = re.compile(r"(?:名前|氏名|姓名|名字|이름)\s*[:：]\s*([^\s、，。(（]+)")


def caseless_names(text: str, lines: list[str], code: str) -> list[tuple[tuple[str, ...], int]]:
    """Names with their number of mentions, most mentioned first; short forms are merged into the longer name."""
    votes: Counter[str] = Counter()
    for name in LABELLED.findall(text):
        votes[name] += 3
    for pattern, weight in _patterns(code):
        for name in pattern.findall(text):
            votes[name] += weight
    common = word_list(f"common_{code}") if code in LISTED else frozenset()
    kept = {name for name, weight in votes.items() if weight > 1 and name not in common and len(name) > 1}
    groups = _grouped(kept)
    counted = [(group, sum(text.count(name) for name in group[:1]) + _bare(text, group)) for group in groups]
    return sorted(counted, key=lambda pair: (-pair[1], text.find(pair[0][-1])))


def _patterns(code: str) -> list[tuple[re.Pattern[str], int]]:
    if code == "ja":
        return [(JAPANESE_HONORIFIC, 2), (JAPANESE_TOPIC, 2), (KATAKANA, 1)]
    if code == "zh":
        return [(CHINESE_NAMED, 2), (CHINESE_SPEAKER, 1)]
    return [(KOREAN_NAME, 1)] if code == "ko" else []


def _grouped(names: set[str]) -> list[tuple[str, ...]]:
    """ "リナ・ベル" with "リナ": the longer name first."""
    groups: list[list[str]] = []
    for name in sorted(names, key=lambda one: (-len(one), one)):
        home = next((group for group in groups if group[0].startswith(name) or group[0].endswith(name)), None)
        if home is None:
            groups.append([name])
        else:
            home.append(name)
    return [tuple(group) for group in groups]


def _bare(text: str, group: tuple[str, ...]) -> int:
    return sum(text.count(name) - text.count(group[0]) for name in group[1:])
