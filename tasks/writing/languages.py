"""Languages as people write them, as the codes that the checks know."""

from __future__ import annotations

CODES = {
    "en": ("english", "englisch", "anglais", "inglés"),
    "de": ("german", "deutsch", "allemand"),
    "fr": ("french", "français", "francais", "französisch"),
    "es": ("spanish", "español", "espanol", "castellano", "spanisch"),
    "it": ("italian", "italiano", "italienisch"),
    "pt": ("portuguese", "português", "portugues", "portugiesisch"),
    "nl": ("dutch", "nederlands", "niederländisch"),
    "ru": ("russian", "русский", "russisch"),
    "ja": ("japanese", "日本語", "japanisch"),
    "zh": ("chinese", "中文", "汉语", "漢語", "chinesisch"),
    "ko": ("korean", "한국어", "koreanisch"),
}


def code_of(language: str | None) -> str:
    """Return the ISO 639-1 code of a language given by name or tag ("German", "de-AT"); "" for one not known."""
    wanted = (language or "").strip().casefold()
    tag = wanted.replace("_", "-").partition("-")[0]
    if tag in CODES:
        return tag
    return next((code for code, names in CODES.items() if wanted in names), "")
