"""What to say of a field that is unknown: where it belongs, what may have been meant, or what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from marshmallow import fields

from schemas.nearest import nearest

MOST_NAMES = 30  # that one sentence lists
MANY = 20  # names; of more, only those with the same first letter are compared: a batch may have thousands of faults


def about_unknown(name: str, known: Mapping[str, fields.Field], catalogue: str = "") -> str:
    """Return what to tell of the unknown field ``name`` of an object that has the fields ``known``.

    ``catalogue`` says where they are listed, where there are too many for a sentence.
    """
    homes = [home for home, field in known.items() if name in beneath(field)]
    if homes:
        return f"Unknown field here: it belongs into {homes[0]!r}."
    near = meant(name, known)
    if near:
        return f"Unknown field. Did you mean {near!r}?" + (f" {catalogue}" if catalogue else "")
    if catalogue or not known or len(known) > MOST_NAMES:
        return f"Unknown field. {catalogue}".strip()
    return f"Unknown field. There are: {', '.join(sorted(known))}."


def beneath(field: fields.Field) -> Iterable[str]:
    """Return the names of the fields one level below ``field``."""
    inner = field.inner if isinstance(field, fields.List) else field
    return inner.schema.load_fields if isinstance(inner, fields.Nested) else ()


def meant(name: str, known: Iterable[str]) -> str | None:
    """Return the name that ``name`` is a slip, or the beginning, of; or None."""
    names = sorted(known)
    if len(names) > MANY:
        names = [each for each in names if each[:1] == name[:1].casefold()]
    return nearest(name, names) or next((each for each in names if name and each.startswith(name)), None)
