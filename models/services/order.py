"""Names as lists are sorted by them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func

from models.services.pages import Key

NAME_SORTED = 100  # characters of a name, as the index has it


@dataclass(frozen=True)
class NameKey(Key):
    """A name as a list is sorted by it, whatever its case; cut, since an index cannot hold names of any length."""

    @property
    def expression(self) -> ColumnElement[Any]:
        """What the database sorts by."""
        return func.left(func.lower(self.column), NAME_SORTED)

    def write(self, row: Any) -> str:
        """Return a row's value as a cursor holds it."""
        return base64.b64encode(getattr(row, self.column.key)[:NAME_SORTED].encode()).decode()

    def value(self, text: str) -> ColumnElement[Any]:
        """Return what a cursor's text means; raises ValueError."""
        name = base64.b64decode(text, validate=True).decode()
        if "\x00" in name:
            raise ValueError("no name")
        return func.left(func.lower(name), NAME_SORTED)
