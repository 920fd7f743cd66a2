"""Whom a text is about: by label, by heading, by who leads its sentences."""

from __future__ import annotations

import re
from collections import defaultdict

from cards.text_blocks import Block, blocks, split_sentences, stop_words, word_list
from cards.text_names import ProperNoun, proper_nouns

NAME_LABEL = {
    "name", "full name", "character", "character name", "char name", "nombre", "nom", "nome", "naam", "imię",
    "имя", "名前", "氏名", "姓名", "名字", "이름", "vollständiger name", "nombre completo", "nom complet",
}  # fmt: skip
TITLE_CASE_LIMIT = 6


def main_character(text: str) -> str:
    """The name of the person ``text`` is about; for a few bare words a title made of them; "" for no words at all."""
    parts = blocks(text)
    named = _labelled_name(parts)
    if named:
        # "# Mara Voss" over "Full name: Mara Ilse Voss": the short one is what people call her.
        top = parts[0].text if parts[0].kind == "heading" else ""
        return top if len(top.split()) > 1 and set(top.split()) < set(named.split()) else named
    words = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text)
    nouns = proper_nouns(text)
    if len(words) <= TITLE_CASE_LIMIT and not re.search(r"[.!?。！？]", text.strip()[:-1]):
        return _short_title(text, words, nouns)
    return _from_heading(parts, nouns) or _leading_person(parts, nouns) or _title(words)


def _labelled_name(parts: list[Block]) -> str:
    for block in parts:
        if block.kind == "label" and block.label.casefold() in NAME_LABEL:
            name = re.split(r"\s*[,;(（/|、，。]\s*|\s+-\s+|\.\s|\.$", block.text)[0]
            return name.strip(" \"“”'*")[:60]
    return ""


def _short_title(text: str, words: list[str], nouns: list[ProperNoun]) -> str:
    persons = [noun.name for noun in nouns if noun.kind in {"person", "unknown"}]
    if persons and len(words) > 2 and not text.istitle() and not text.isupper():
        return persons[0]
    return _title(words)


def _title(words: list[str]) -> str:
    """The first few words in title case: "Grumpy Dragon Librarian"."""
    chosen = words[:TITLE_CASE_LIMIT] if len(words) <= TITLE_CASE_LIMIT else _content_words(words)
    if len(chosen) > 1 and chosen[0].lower() in {"a", "an", "the", "ein", "eine", "un", "una", "une"}:
        chosen = chosen[1:]
    small = word_list("particles")
    return " ".join(
        word if word.lower() in small and place else word[:1].upper() + word[1:] for place, word in enumerate(chosen)
    )[:60].strip()


def _content_words(words: list[str]) -> list[str]:
    stops = frozenset().union(*stop_words().values())
    kept = [word for word in words[:40] if word.lower() not in stops and not word[0].isdigit()]
    return kept[:3] or words[:3]


def _from_heading(parts: list[Block], nouns: list[ProperNoun]) -> str:
    """The first heading where it is a name that the text goes on to use."""
    headings = [block.text for block in parts if block.kind == "heading"]
    if not headings or headings[0] != parts[0].text:
        return ""
    title = re.split(r"\s*[:–—(|,]\s*|\s+-\s+", headings[0])[0].strip()
    words = {word.casefold() for word in title.split()} - word_list("particles")
    people = [noun for noun in nouns if noun.kind in {"person", "unknown"}]
    notes = sum(block.kind in {"bullet", "label"} for block in parts) * 2 > len(parts)
    if len(title.split()) <= 4 and _looks_like_a_name(title) and (notes or not people):
        return title
    for noun in nouns:
        known = {word.casefold() for name in (noun.name, *noun.aliases) for word in name.split()}
        if words & known and noun.kind in {"person", "unknown"} and len(title.split()) <= TITLE_CASE_LIMIT:
            fuller = _looks_like_a_name(title) and {word.casefold() for word in noun.name.split()} < words
            return _heading_name(title, noun, words <= known or fuller)
    return ""


def _looks_like_a_name(title: str) -> bool:
    words = [word.casefold().rstrip(".,") for word in title.split()]
    heads = word_list("places_are") | word_list("factions_are") | word_list("events_are") | word_list("not_names")
    ordinary = word_list("starters") | heads
    return title[:1].isupper() and not title.isupper() and words[0] not in ordinary and words[-1] not in heads


def _heading_name(title: str, noun: ProperNoun, covered: bool) -> str:
    """The heading itself where it is just the name in some spelling, else the name within it."""
    return title if covered and not title.isupper() else noun.name


def _leading_person(parts: list[Block], nouns: list[ProperNoun]) -> str:
    people = [noun for noun in nouns if noun.kind == "person"] or [noun for noun in nouns if noun.kind == "unknown"]
    if not people:
        return ""
    scores: defaultdict[str, float] = defaultdict(float)
    first = next((line for block in parts if block.kind != "heading" for line in split_sentences(block.text)), "")
    for noun in people:
        scores[noun.name] += noun.count
        forms = (noun.name, *noun.aliases)
        scores[noun.name] += sum(
            1 for line in noun.sentences if line.startswith(tuple(forms)) or f", {forms[-1]}" in line
        )
        if any(form in first for form in forms):
            scores[noun.name] += 1 + max(2 * first.startswith(form) for form in forms)
        if any(
            re.match(rf"{re.escape(form)} (?:is|was) (?:a|an|the)\b", line) for form in forms for line in noun.sentences
        ):
            scores[noun.name] += 3
    return max(people, key=lambda noun: scores[noun.name]).name
