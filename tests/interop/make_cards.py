"""Write a few dozen cards in all formats to a folder, for check.mjs to judge."""

from __future__ import annotations

import sys
from pathlib import Path

from cards.card import Book, Card, Entry
from cards.formats import FORMATS, render, suffix
from cards.names import file_name, safe_card_name, unique

NAMES = (
    "Sir Galahad",
    "X",
    "Профессор Анна Иванова",
    "桜井 小春",
    "김하늘",
    "ليلى الحكيمة",
    "Ægir Þórsson",
    "🦊 Kitsune 🌸",
    'AC/DC: "The Voice" <live>',
    "CON",
    "The Most Honourable and Illustrious Archduchess Philippa Wilhelmina of Greater Ravensmoor",
    "O'Brien & Söhne {x}",
)

ODD = 'Line one\r\nline two\ttab \\n "quoted" {{char}} & {{user}} <b> \u2028 \u200d \U0001f9d9 \x7f end'

BOOKS = {
    "plain": None,
    "empty": Book(),
    "full": Book(
        name="Lore",
        description="What everybody knows",
        scan_depth=4,
        token_budget=512,
        recursive_scanning=False,
        extensions={"other": {"kept": [1, None, "ü"]}},
        entries=(
            Entry(
                name="The Tower",
                content="@@depth 4\n@@role system\nThe tower is old.",
                keys=("tower", "башня"),
            ),
            Entry(name="Always", content="It rains.", constant=True, position="after_char", category="premise"),
            Entry(
                content=ODD,
                keys=("/dra(gon|ke)s?/i", "wyrm"),
                secondary_keys=("fire",),
                selective=True,
                enabled=False,
                priority=5,
                case_sensitive=True,
                use_regex=True,
                comment="A note",
                extensions={"position": 4, "depth": 2, "probability": 40},
            ),
        ),
    ),
}


def make_card(name: str, book: Book | None) -> Card:
    """A card with every field set; with a book also the optional ones."""
    text = f"{{{{char}}}} is {name}. {ODD}"
    return Card(
        name=safe_card_name(name),
        description=text,
        personality=ODD,
        scenario="A rainy evening.",
        first_mes='*looks up* "Who are you, {{user}}?"',
        mes_example="<START>\n{{user}}: Well?\n{{char}}: No.",
        alternate_greetings=("“So?”", ""),
        system_prompt="{{original}} Stay in character.",
        creator_notes="Ours." if book else "",
        creator="Cardforge",
        tags=("fantasy", "тест"),
        nickname="Gal" if book else "",
        source=("https://example.org/a",) if book else (),
        creation_date=1_700_000_000 if book else None,
        modification_date=1_700_000_001 if book else None,
        extensions={"depth_prompt": {"prompt": "", "depth": 4, "role": "system"}} if book else {},
        book=book,
    )


def write_cards(folder: Path) -> int:
    """All cards in all formats; the number of files."""
    folder.mkdir(parents=True, exist_ok=True)
    cards = {f"{name} {kind}": make_card(name, book) for name in NAMES for kind, book in BOOKS.items()}
    cards["bare"] = Card(name="Bare")
    stems = unique(
        file_name("{index}_{character_name}", {"index": f"{i:02}", "character_name": name})
        for i, name in enumerate(cards)
    )
    for stem, card in zip(stems, cards.values(), strict=True):
        for format_ in FORMATS.values():
            (folder / f"{stem}.{suffix(format_)}").write_bytes(render(card, format_.name))
    return len(stems) * len(FORMATS)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "build")
    sys.stdout.write(f"{write_cards(target)} files in {target}\n")
