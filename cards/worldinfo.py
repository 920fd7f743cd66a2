"""Lorebooks as SillyTavern's World Info files: entries in a map by uid, settings beside the text.

Source: SillyTavern, its World Info export and the template of a new entry.
"""

from __future__ import annotations

from typing import Any

from cards import tavern
from cards.book import entry_ids
from cards.card import Book, Entry
from cards.entry import OWN, slashed_keys, with_category


def to_worldinfo(book: Book) -> dict[str, Any]:
    """The book as a World Info file, every setting of SillyTavern's written out.

    Decorators stay in the content: SillyTavern knows two of them. What World Info has no field for is written under
    the name it has in a ``character_book``, where we and others find it again.
    """
    uids = [int(uid) for uid in entry_ids(book.entries, texts=False)]
    head = {"name": book.name, "description": book.description}
    scanning = {
        "scan_depth": book.scan_depth,
        "token_budget": book.token_budget,
        "recursive_scanning": book.recursive_scanning,
    }
    return {
        **book.extra,
        **{name: value for name, value in head.items() if value},
        **{name: value for name, value in scanning.items() if value is not None},
        **({"extensions": dict(book.extensions)} if book.extensions else {}),
        "entries": {
            str(uid): _entry(entry, index, uid)
            for index, (uid, entry) in enumerate(zip(uids, book.entries, strict=True))
        },
    }


def _entry(entry: Entry, index: int, uid: int) -> dict[str, Any]:
    settings = tavern.settings_of(entry, index)
    extensions = {name: value for name, value in settings.items() if name not in tavern.SETTINGS}
    if entry.category:
        extensions[OWN] = with_category(extensions.get(OWN), entry.category)
    named = {"name": entry.name} if entry.comment and entry.comment != entry.name else {}
    return {
        **entry.extra,
        "uid": uid,
        "key": slashed_keys(entry),
        "keysecondary": list(entry.secondary_keys),
        "comment": entry.comment or entry.name,
        "content": entry.content,
        "constant": entry.constant,
        "selective": entry.selective,
        "order": entry.insertion_order,
        "disable": not entry.enabled,
        "addMemo": bool(entry.comment or entry.name),
        **{each.name: settings.get(name, tavern.as_json(each.default)) for name, each in tavern.SETTINGS.items()},
        **named,
        **({"priority": entry.priority} if entry.priority is not None else {}),
        "extensions": extensions,
    }
