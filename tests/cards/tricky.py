"""Files as other programs write them, of our own making: wrong types, odd places, fields that nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class File:
    """``content`` is read as ``format``, written back as ``back``.

    ``changed``: places that are mended on the way, all others come back as they were; ``odd``: places that are told.
    """

    content: Mapping[str, Any]
    format: str
    back: str
    changed: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


V2 = {"spec": "chara_card_v2", "spec_version": "2.0"}
V3 = {"spec": "chara_card_v3", "spec_version": "3.0"}
TEXTS = {
    "name": "Ines Moura",
    "description": "Keeps the ferry.",
    "personality": "Patient.",
    "scenario": "Night, low tide.",
    "first_mes": '"Mind the rope," says {{char}}.',
    "mes_example": "<START>\n{{char}}: Not tonight.",
}
DATA = {
    **TEXTS,
    "creator_notes": "",
    "system_prompt": "",
    "post_history_instructions": "",
    "alternate_greetings": [],
    "tags": [],
    "creator": "",
    "character_version": "",
    "extensions": {},
}
ENTRY = {"keys": ["ferry"], "content": "It runs twice a day.", "extensions": {}, "enabled": True, "insertion_order": 10}
BOOK = {"extensions": {}, "entries": [ENTRY]}
TAVERN_SETTINGS = {
    "position": 4,
    "depth": 2,
    "role": 1,
    "probability": 70,
    "useProbability": True,
    "selectiveLogic": 2,
    "exclude_recursion": True,
    "group": "tides",
    "sticky": 3,
    "automation_id": "",
    "match_whole_words": False,
    "vendor/unknown": {"deep": [1, {"x": None}]},
}

FILES: dict[str, File] = {
    "a pure V2 card": File({**V2, "data": DATA}, "v2", "v2"),
    "a pure V3 card": File({**V3, "data": {**DATA, "group_only_greetings": []}}, "v3", "v3"),
    "a pure V1 card": File(TEXTS, "v1", "json"),
    "unknown fields at all four levels": File(
        {
            **V2,
            "x_root": [1],
            "data": {
                **DATA,
                "x_data": {"a": None},
                "extensions": {"vendor/a": {"b": 1}},
                "character_book": {
                    **BOOK,
                    "x_book": "y",
                    "extensions": {"vendor/b": True},
                    "entries": [{**ENTRY, "x_entry": 0.5, "extensions": {"vendor/c": [None]}}],
                },
            },
        },
        "v2",
        "v2",
    ),
    "SillyTavern's copies at the root": File(
        {**TEXTS, **V2, "create_date": "2024-5-12 @21h 32m", "avatar": "none", "chat": "x", "fav": False, "data": DATA},
        "v2",
        "v2",
        changed=(".name", ".description", ".personality", ".scenario", ".first_mes", ".mes_example"),
    ),
    "copies at the root that say something else": File(
        {**V2, "name": "Old", "data": DATA}, "v2", "v2", changed=(".name",), odd=("name",)
    ),
    "SillyTavern's relabelled V3": File({**V3, "data": DATA}, "v3", "v3", odd=("data.group_only_greetings",)),
    "SillyTavern's V1 with its root fields": File(
        {**TEXTS, "creatorcomment": "mine", "talkativeness": "0.5", "fav": True, "avatar": "none", "tags": ["a"]},
        "json",
        "json",
        changed=(".creatorcomment",),
    ),
    "SillyTavern's entry settings": File(
        {
            **V2,
            "data": {
                **DATA,
                "character_book": {
                    "name": "Lore",
                    "extensions": {},
                    "entries": [
                        {**ENTRY, "id": 7, "use_regex": True, "position": "after_char", "extensions": TAVERN_SETTINGS}
                    ],
                },
            },
        },
        "v2",
        "v3",
        changed=(".spec", ".spec_version", ".data.character_book.entries[0].use_regex"),
    ),
    "an entry with an uid and SillyTavern's place": File(
        {
            **V2,
            "data": {
                **DATA,
                "character_book": {
                    **BOOK,
                    "entries": [
                        {
                            **ENTRY,
                            "uid": 0,
                            "id": 0,
                            "position": "after_char",
                            "extensions": {"position": 4, "depth": 2},
                        }
                    ],
                },
            },
        },
        "v2",
        "v2",
        changed=(".data.character_book.entries[0].uid",),
    ),
    "fields with the names of our flat file": File(
        {**V2, "data": {**DATA, "wrapper": "text", "book": 1, "fav": True, "extra": [1], "avatar": None}}, "v2", "v2"
    ),
    "a book without extensions": File(
        {**V2, "data": {**DATA, "character_book": {"name": "Lore", "entries": [ENTRY]}}},
        "v2",
        "v2",
        odd=("data.character_book.extensions",),
    ),
    "a null book": File(
        {**V2, "data": {**DATA, "character_book": None}},
        "v2",
        "v2",
        changed=(".data.character_book",),
        odd=("data.character_book",),
    ),
    "greetings as one text": File(
        {**V2, "data": {**DATA, "alternate_greetings": "Only one."}},
        "v2",
        "v2",
        changed=(".data.alternate_greetings",),
        odd=("data.alternate_greetings",),
    ),
    "nulls where texts belong": File(
        {**V2, "data": {**DATA, "creator": None, "tags": None, "extensions": None}},
        "v2",
        "v2",
        changed=(".data.creator", ".data.tags", ".data.extensions"),
        odd=("data.creator", "data.tags", "data.extensions"),
    ),
    "numbers where texts belong": File(
        {"spec": "chara_card_v2", "spec_version": 2, "data": {**DATA, "character_version": 1.1}},
        "v2",
        "v2",
        changed=(".spec_version", ".data.character_version"),
        odd=("spec_version", "data.character_version"),
    ),
    "tags in one text": File(
        {**V2, "data": {**DATA, "tags": "sea, night"}}, "v2", "v2", changed=(".data.tags",), odd=("data.tags",)
    ),
    "a newer V3": File(
        {"spec": "chara_card_v3", "spec_version": "3.1", "data": {**DATA, "group_only_greetings": [], "new_field": 1}},
        "v3",
        "v3",
        changed=(".spec_version",),
        odd=("spec_version",),
    ),
    "dates in milliseconds": File(
        {**V3, "data": {**DATA, "group_only_greetings": [], "creation_date": 1_700_000_000_000}},
        "v3",
        "v3",
        changed=(".data.creation_date",),
        odd=("data.creation_date",),
    ),
    "every field of V3": File(
        {
            **V3,
            "data": {
                **DATA,
                "group_only_greetings": ["All aboard."],
                "nickname": "Nes",
                "creator_notes_multilingual": {"pt": "Notas."},
                "source": ["https://example.org/ines"],
                "creation_date": 1_700_000_000,
                "modification_date": 1_700_000_001,
                "assets": [
                    {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"},
                    {"type": "x-own", "uri": "https://example.org/a.ogg", "name": "horn", "ext": "ogg", "x": 1},
                ],
                "character_book": {
                    **BOOK,
                    "scan_depth": 2.5,
                    "entries": [
                        {**ENTRY, "use_regex": True, "id": "ferry-1", "content": "@@depth 3\n@@@role user\nIt runs."},
                        {**ENTRY, "use_regex": False, "id": 12, "priority": 1.5, "constant": True},
                    ],
                },
            },
        },
        "v3",
        "v3",
    ),
    "a map of entries inside a card": File(
        {
            **V2,
            "data": {
                **DATA,
                "character_book": {"entries": {"5": {"uid": 5, "key": ["tide"], "content": "High.", "order": 3}}},
            },
        },
        "v2",
        "v2",
        changed=(".data.character_book.entries",),
        odd=("data.character_book.entries",),
    ),
    "keys in one text": File(
        {**V2, "data": {**DATA, "character_book": {**BOOK, "entries": [{**ENTRY, "keys": "rope, knot"}]}}},
        "v2",
        "v2",
        changed=(".data.character_book.entries[0].keys",),
        odd=("data.character_book.entries[0].keys",),
    ),
    "an old program's names": File(
        {
            "char_name": "Ines",
            "char_persona": "Patient.",
            "world_scenario": "Night.",
            "char_greeting": "Mind the rope.",
            "example_dialogue": "Ines: No.",
        },
        "v1",
        "json",
        changed=(".char_", ".world_", ".example_"),
        odd=("name",),
    ),
    "a World Info file": File(
        {
            "entries": {
                "3": {
                    "uid": 3,
                    "key": ["tide", "/low (water|tide)/i"],
                    "keysecondary": ["night"],
                    "comment": "Tides",
                    "content": "They turn at two.",
                    "constant": False,
                    "selective": True,
                    "order": 40,
                    "disable": True,
                    "position": 4,
                    "depth": 1,
                    "role": 2,
                    "probability": 33,
                    "useProbability": True,
                    "selectiveLogic": 3,
                    "excludeRecursion": True,
                    "preventRecursion": False,
                    "delayUntilRecursion": 2,
                    "displayIndex": 9,
                    "group": "g",
                    "groupOverride": True,
                    "groupWeight": 50,
                    "scanDepth": 8,
                    "caseSensitive": True,
                    "matchWholeWords": False,
                    "useGroupScoring": None,
                    "sticky": 2,
                    "cooldown": None,
                    "delay": 4,
                    "triggers": ["swipe"],
                    "ignoreBudget": True,
                    "matchScenario": True,
                    "automationId": "a1",
                    "outletName": "o",
                    "vectorized": False,
                    "addMemo": True,
                    "characterFilter": {"isExclude": False, "names": ["Ines"], "tags": []},
                    "extensions": {"vendor/x": 1},
                    "newer_field": [],
                }
            },
            "originalData": {"entries": []},
            "unknown": 1,
        },
        "worldinfo",
        "worldinfo",
    ),
    "an empty World Info file": File({"entries": {}}, "worldinfo", "worldinfo"),
    "a bare character_book": File({**BOOK, "name": "Lore", "scan_depth": 4}, "character_book", "character_book"),
    "a lorebook_v3 file": File(
        {"spec": "lorebook_v3", "x_root": 1, "data": {**BOOK, "entries": [{**ENTRY, "use_regex": True, "id": "a"}]}},
        "lorebook_v3",
        "lorebook_v3",
    ),
}
