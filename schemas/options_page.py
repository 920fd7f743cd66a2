"""The catalogue for those who read no Python: `python -m schemas.options_page > docs/options.md`, and

`python -m schemas.options_page --json > cli/options.json`, the copy that comes along with the command line.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from typing import Any

from schemas.options import OPTIONS, Option, OptionListSchema

HEAD = """# Options of a generation

Given as `options` of a generation; what is not given is as the profile says, and what that leaves open as the model
server decides. Made from the catalogue that also validates requests (`schemas/options.py`), and that
`GET /api/v2/options` and `cardforge options` show. Defaults are those of the profile `default`.
"""


def page() -> str:
    """Return the page as Markdown."""
    parts = [HEAD]
    for group, options in groupby(OPTIONS, lambda option: option.group):
        parts.append(
            f"## {group.capitalize()}\n\n| option | type | takes | default | what it does |\n|---|---|---|---|---|"
        )
        parts.append("\n".join(_row(option) for option in options) + "\n")
    return "\n".join(parts)


def _row(option: Option) -> str:
    cells = (f"`{option.name}`", option.type, _takes(option), _shown(option.default), option.description)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _takes(option: Option) -> str:
    if option.choices:
        return ", ".join(option.choices)
    low, high = ("" if bound is None else _figure(bound) for bound in (option.low, option.high))
    unit = "" if option.type in ("integer", "number") else " characters"
    each = f"{option.most} at most, each " if option.type == "strings" else ""
    return f"{each}{low} to {high}{unit}" if low else f"{each}up to {high}{unit}" if high else ""


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:f}".rstrip("0")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else "yes" if value is True else "no" if value is False else f"`{value}`"


def copy() -> str:
    """Return the catalogue as `GET /api/v2/options` lists it, as JSON."""
    served: Any = OptionListSchema().dump({"options": OPTIONS, "total": len(OPTIONS)})
    return json.dumps(served["options"], ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    print(copy() if "--json" in sys.argv[1:] else page(), end="")  # noqa: T201 - a command
