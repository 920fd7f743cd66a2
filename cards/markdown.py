"""Cards as Markdown, for people to read: nothing reads it back."""

from __future__ import annotations

from collections.abc import Iterator

from cards.card import Book, Card, Entry

SECTIONS = (
    ("description", "Description"),
    ("personality", "Personality"),
    ("scenario", "Scenario"),
    ("first_mes", "First message"),
    ("mes_example", "Example dialogue"),
    ("system_prompt", "System prompt"),
    ("post_history_instructions", "Post-history instructions"),
)


def to_markdown(card: Card) -> str:
    """The card as a page: its texts under headings, greetings numbered, the lorebook at the end."""
    return "\n\n".join([*_head(card), *_body(card), *_book(card.book)]) + "\n"


def _head(card: Card) -> Iterator[str]:
    yield f"# {_line(card.name)}"
    said = [f"by {_line(card.creator)}"] if card.creator else []
    said += [f"version {_line(card.character_version)}"] if card.character_version else []
    if said:
        yield ", ".join(said)
    if card.tags:
        yield " ".join(f"`{_line(tag).replace('`', '')}`" for tag in card.tags)
    if card.creator_notes.strip():
        yield _quoted(card.creator_notes)


def _body(card: Card) -> Iterator[str]:
    for field, title in SECTIONS:
        text = getattr(card, field)
        if text.strip():
            yield f"## {title}"
            yield _fenced(text) if field == "mes_example" else text.strip()
    for title, greetings in (
        ("Other greetings", card.alternate_greetings),
        ("Group greetings", card.group_only_greetings),
    ):
        if greetings:
            yield f"## {title}"
        for number, greeting in enumerate(greetings, start=1):
            yield f"### {number}"
            yield greeting.strip()


def _book(book: Book | None) -> Iterator[str]:
    if book is None:
        return
    yield f"## Lorebook: {_line(book.name)}" if book.name else "## Lorebook"
    if book.description.strip():
        yield _quoted(book.description)
    for entry in book.entries:
        yield f"### {_line(entry.name or entry.comment or ', '.join(entry.keys)) or 'Entry'}"
        yield _when(entry)
        yield entry.content.strip()


def _when(entry: Entry) -> str:
    """What makes the entry appear, in words."""
    keys = ", ".join(f"`{_line(key).replace('`', '')}`" for key in entry.keys)
    always = "always" if entry.constant else f"on {keys}" if keys else "never"
    second = ", ".join(f"`{_line(key).replace('`', '')}`" for key in entry.secondary_keys)
    also = f" (with {second})" if entry.selective and second else ""
    return f"*{'' if entry.enabled else 'Switched off; '}{always}{also}; order {entry.insertion_order}*"


def _line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())


def _fenced(text: str) -> str:
    """The text as it stands: ``<START>`` would vanish as a tag of HTML."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text.strip()}\n{fence}"
