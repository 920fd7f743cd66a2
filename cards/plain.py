"""Our flat JSON: every field of a card at the root, so that readers of V1 can open it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cards import v3
from cards.book import from_book, to_book
from cards.card import Card
from cards.fields import first_of, read_text, rest
from cards.v2 import read_shared_fields, shared_fields
from cards.v3 import read_v3_fields, v3_fields

# What SillyTavern keeps at the root of its files, for itself
TAVERN_ROOT = frozenset({"avatar", "chat", "create_date", "fav", "json_data", "talkativeness"})
# What means something else at the root of a flat file: fields of a card that are called so go into ``extra``
TAKEN = frozenset({"book", "creatorcomment", "wrapper", "extra", *TAVERN_ROOT})
KNOWN = frozenset({*v3.FIELDS, *TAKEN})


def to_plain(card: Card) -> dict[str, Any]:
    """All that the card holds, under the names of V3, with no ``spec`` around it."""
    flat = {**rest(card.extra, TAKEN), **shared_fields(card), **v3_fields(card)}
    if taken := {name: value for name, value in card.extra.items() if name in TAKEN}:
        flat["extra"] = taken
    if card.assets is not None:
        flat["assets"] = [dict(asset) for asset in card.assets]
    if card.book is not None:
        flat["character_book"] = to_book(card.book, v3=True)
    flat |= {name: value for name, value in card.wrapper.items() if name in TAVERN_ROOT}
    if others := rest(card.wrapper, TAVERN_ROOT):
        flat["wrapper"] = others
    return flat


def from_plain(source: Mapping[str, Any]) -> Card:
    """The card of a flat object: ours, V1, or V1 with what SillyTavern puts at the root."""
    fields = read_shared_fields(source) | read_v3_fields(source)
    fields["creator_notes"] = fields["creator_notes"] or read_text(source, "creatorcomment")
    wrapper = {name: source[name] for name in source if name in TAVERN_ROOT}
    # Another program's field of such a name need not be an object, and is kept as what it is.
    inner = {name: source[name] for name in ("wrapper", "extra") if name in source}
    ours = {name: value for name, value in inner.items() if isinstance(value, Mapping)}
    if not TAKEN.issuperset(ours.get("extra", ())):
        del ours["extra"]
    return Card(
        **fields,
        book=from_book(source.get(first_of(source, "character_book", "book"))),
        extra=rest(source, KNOWN) | rest(inner, ours) | dict(ours.get("extra", {})),
        wrapper=wrapper | dict(ours.get("wrapper", {})),
    )
