"""The shapes of answers about lore (JSON Schema, the strict subset that model servers enforce).

What a model may say of an entry: its name, what else people call it, its text, its kind. Everything else of an entry
(strategy, order, position, recursion ...) is decided in code: a field that is in a shape asks to be filled.
"""

from __future__ import annotations

from tasks.writing.shapes import FILLED, TEXTS, list_of, object_of

CATEGORIES = ("world", "event", "faction", "place", "person", "thing")
CATEGORY = {"type": "string", "enum": list(CATEGORIES)}

ENTRY = object_of(name=FILLED, content=FILLED, keys=TEXTS, category=CATEGORY)
ENTRIES = list_of("entries", name=FILLED, content=FILLED, keys=TEXTS, category=CATEGORY)
SUBJECTS = list_of("subjects", name=FILLED, category=CATEGORY)
