"""What can be known of a text without understanding it: its sentences, language, length and names."""

from __future__ import annotations

import re

from cards.text_about import main_character
from cards.text_blocks import Block, blocks, split_sentences, without_marks
from cards.text_names import ProperNoun, proper_nouns
from cards.text_scripts import estimate_tokens, language

__all__ = [
    "Block",
    "ProperNoun",
    "blocks",
    "estimate_tokens",
    "language",
    "main_character",
    "paragraphs",
    "proper_nouns",
    "sentences",
    "split_sentences",
    "without_marks",
]


def paragraphs(text: str) -> list[str]:
    """The paragraphs of ``text``: runs of lines between blank lines, each on one line, marks left as they are."""
    runs = re.split(r"\n[ \t]*(?:\n[ \t]*)+", text.replace("\r\n", "\n").strip())
    return [" ".join(run.split()) for run in runs if run.strip()]


def sentences(text: str) -> list[str]:
    """The sentences of ``text`` in order, clean of Markdown.

    A note in a list and a labelled line (``Age: 34``) are one sentence each, whatever they end with. Headings are
    left out, unless there is nothing but headings.
    """
    found: list[str] = []
    for block in blocks(text):
        if block.kind == "label":
            found.append(f"{block.label}: {block.text}")
        elif block.kind != "heading":
            found.extend(split_sentences(block.text))
    return found or [block.text for block in blocks(text)]
