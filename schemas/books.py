"""Lorebooks on the wire: read, edited, searched, tried."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load, validate

from cards.book import MOST_ENTRIES
from cards.simulate.settings import TRIGGERS
from cards.tavern import PLACES
from schemas.common import Moment, PageQuery, PageSchema, Strict, YesNo, sort_by

MOST_KEYS, LONGEST_KEY, LONGEST_CONTENT = 1000, 5000, 200_000
MOST_LEVELS = 90  # of extensions: with those around them a file has at most the 100 that it can be imported with


def _texts(most: int, longest: int, **kwargs: Any) -> fields.List:
    return fields.List(
        fields.String(validate=validate.Length(max=longest)), validate=validate.Length(max=most), **kwargs
    )


def _whole(low: int, high: int, description: str) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(low, high), metadata={"description": description})


# What the fields of books and entries mean, on their way in and out.
ABOUT = {
    "name": "Its title; no chat shows it.",
    "content": "What goes into the prompt when it fires; {{char}} and {{user}} stand for the two.",
    "keywords": "What makes it fire when a message says it; patterns with `use_regex`.",
    "secondary_keywords": "One of these has to be said too, when it is `selective`.",
    "priority": "Which entries the budget drops first: those with the lowest. null: not said.",
    "insertion_order": "Where it stands among the entries that fired: the higher, the nearer to the chat.",
    "category": "What it is about, in a word of your own; lists and search filter by it.",
    "comment": "A note that goes into no prompt.",
    "constant": "Always on, whatever is said.",
    "selective": "Needs one of `secondary_keywords` beside one of `keywords`.",
    "enabled": "false: it never fires.",
    "position": "Before or after the character's description.",
    "case_sensitive": "Whether capitals count in keywords. null: as the front end has it.",
    "use_regex": "Whether keywords are regular expressions.",
    "extensions": "What front ends keep of their own.",
    "scan_depth": "How many of the last messages are looked through. null: as the front end has it.",
    "token_budget": "How many tokens its entries may take together. null: as the front end has it.",
    "recursive_scanning": "Whether entries that fired can make others fire. null: as the front end has it.",
    "tags": "For finding it in lists.",
}


def _about(name: str, example: Any = None) -> dict[str, Any]:
    return {"description": ABOUT[name]} | ({} if example is None else {"example": example})


def not_blank(value: str) -> None:
    """Refuse a text that shows nothing."""
    if not value.strip():
        raise ValidationError("Is blank: write something that can be read.")


def not_too_deep(value: Any) -> None:
    """Refuse extensions that could be stored, and not be imported again."""
    level = [value]
    for _ in range(MOST_LEVELS):
        inside = [part for each in level for part in (each.values() if isinstance(each, dict) else each)]
        level = [part for part in inside if isinstance(part, dict | list)]
    if level:
        raise ValidationError(f"Is nested over {MOST_LEVELS} levels deep: flatten it.")


def extensions_field(**metadata: Any) -> fields.Dict:
    """Return the field for what programs keep of their own."""
    return fields.Dict(keys=fields.String(), validate=not_too_deep, metadata=metadata)


class Whole(fields.Float):
    """A number of JSON: 10 stays 10, 2.5 stays 2.5."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        number = super()._deserialize(value, attr, data, **kwargs)
        return int(number) if number.is_integer() else number

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


def number(low: float, high: float, **kwargs: Any) -> Whole:
    """Return a field for a number within bounds."""
    return Whole(allow_nan=False, validate=validate.Range(low, high), **kwargs)


class EntryBodySchema(Strict):
    """An entry to write. ``extensions`` has what front ends keep of their own; left out, it stays as it is."""

    name = fields.String(load_default="", validate=validate.Length(max=5000), metadata=_about("name", "Salt tax"))
    content = fields.String(
        required=True,
        validate=validate.Length(max=LONGEST_CONTENT),
        metadata=_about("content", "Salt is taxed by the crown, and smuggled by everybody else."),
    )
    keywords = _texts(MOST_KEYS, LONGEST_KEY, load_default=list, metadata=_about("keywords", ["salt", "salt tax"]))
    secondary_keywords = _texts(MOST_KEYS, LONGEST_KEY, load_default=list, metadata=_about("secondary_keywords"))
    priority = number(-1e15, 1e15, load_default=None, allow_none=True, metadata=_about("priority"))
    insertion_order = number(-1e15, 1e15, load_default=100, metadata=_about("insertion_order"))
    category = fields.String(load_default="", validate=validate.Length(max=100), metadata=_about("category", "custom"))
    comment = fields.String(load_default="", validate=validate.Length(max=5000), metadata=_about("comment"))
    constant = YesNo(load_default=False, metadata=_about("constant"))
    selective = YesNo(load_default=False, metadata=_about("selective"))
    enabled = YesNo(load_default=True, metadata=_about("enabled"))
    position = fields.String(load_default="before_char", validate=validate.OneOf(PLACES), metadata=_about("position"))
    case_sensitive = YesNo(load_default=None, allow_none=True, metadata=_about("case_sensitive"))
    use_regex = YesNo(load_default=False, metadata=_about("use_regex"))
    extensions = extensions_field(**_about("extensions"))


class BookEntrySchema(EntryBodySchema):
    """An entry of a book that is written whole. With the `id` of one that is there, it stays that entry."""

    id = fields.String(validate=validate.Length(1, 100))


class BookBodySchema(Strict):
    """A book to write. Entries are replaced where they are given, and stay as they are where not."""

    name = fields.String(
        required=True, validate=[validate.Length(1, 200), not_blank], metadata={"example": "Harbour lore"}
    )
    description = fields.String(
        load_default="", validate=validate.Length(max=20_000), metadata={"description": "For people; no prompt has it."}
    )
    scan_depth = number(0, 1000, load_default=None, allow_none=True, metadata=_about("scan_depth"))
    token_budget = number(0, 1_000_000, load_default=None, allow_none=True, metadata=_about("token_budget"))
    recursive_scanning = YesNo(load_default=None, allow_none=True, metadata=_about("recursive_scanning"))
    tags = _texts(50, 60, load_default=list, metadata=_about("tags", ["harbour"]))
    extensions = extensions_field(description="What front ends keep of their own; left out, it stays as it is.")
    entries = fields.List(fields.Nested(BookEntrySchema), validate=validate.Length(max=MOST_ENTRIES))


class NewBookSchema(BookBodySchema):
    """A lorebook of its own, that belongs to no character."""

    entries = fields.List(fields.Nested(EntryBodySchema), load_default=list, validate=validate.Length(max=MOST_ENTRIES))


class EntryMetadataSchema(Schema):
    """What is known of an entry beside what it says."""

    tokens = fields.Integer(metadata={"description": "About how many its content takes."})
    created_at = Moment()
    updated_at = Moment()
    last_accessed = Moment(
        allow_none=True, metadata={"description": "When it was last read by itself, before this time."}
    )


class EntrySchema(Schema):
    """An entry."""

    id = fields.String()
    name = fields.String(metadata=_about("name"))
    content = fields.String(metadata=_about("content"))
    keywords = fields.List(fields.String(), metadata=_about("keywords"))
    secondary_keywords = fields.List(fields.String(), metadata=_about("secondary_keywords"))
    priority = Whole(allow_none=True, metadata=_about("priority"))
    insertion_order = Whole(metadata=_about("insertion_order"))
    category = fields.String(metadata=_about("category"))
    comment = fields.String(metadata=_about("comment"))
    constant = fields.Boolean(metadata=_about("constant"))
    selective = fields.Boolean(metadata=_about("selective"))
    enabled = fields.Boolean(metadata=_about("enabled"))
    position = fields.String(metadata=_about("position"))
    case_sensitive = fields.Boolean(allow_none=True, metadata=_about("case_sensitive"))
    use_regex = fields.Boolean(metadata=_about("use_regex"))
    extensions = fields.Dict(metadata=_about("extensions"))
    metadata = fields.Nested(EntryMetadataSchema)


class BookMetadataSchema(Schema):
    """What is known of a book beside what it says."""

    total_entries = fields.Integer()
    total_tokens = fields.Integer()
    created_at = Moment()
    updated_at = Moment()
    tags = fields.List(fields.String())


class BookSummarySchema(Schema):
    """A book as lists show it."""

    id = fields.String()
    character_id = fields.String(
        allow_none=True, metadata={"description": "Whose book it is; null: a book of its own."}
    )
    name = fields.String()
    description = fields.String()
    version = fields.Integer(metadata={"description": "Goes up with every edit of the book or of an entry."})
    scan_depth = Whole(allow_none=True, metadata=_about("scan_depth"))
    token_budget = Whole(allow_none=True, metadata=_about("token_budget"))
    recursive_scanning = fields.Boolean(allow_none=True, metadata=_about("recursive_scanning"))
    metadata = fields.Nested(BookMetadataSchema)


class BookSchema(BookSummarySchema):
    """A book in full."""

    extensions = fields.Dict(metadata=_about("extensions"))
    entries = fields.List(fields.Nested(EntrySchema))


class BookListSchema(PageSchema):
    """A page of books."""

    books = fields.List(fields.Nested(BookSummarySchema))


class EntryListSchema(PageSchema):
    """A page of a book's entries, in their order."""

    entries = fields.List(fields.Nested(EntrySchema))


def tags_query() -> fields.List:
    """Return the parameter for tags, of which a row has to have all."""
    return fields.List(
        fields.String(validate=validate.Length(1, 200)),
        load_default=list,
        validate=validate.Length(max=50),
        metadata={"description": "Has all of these, as they are spelled; give it once for each.", "example": ["noir"]},
    )


class BookQuery(PageQuery):
    """Which books to list."""

    q = fields.String(
        load_default=None, validate=validate.Length(1, 200), metadata={"description": "Part of the name, or a tag."}
    )
    tags = tags_query()
    character_id = fields.String(load_default=None, validate=validate.Length(1, 100))
    standalone = fields.Boolean(
        load_default=None, metadata={"description": "true: those of no character; false: those of one."}
    )
    sort = sort_by("created_at", "updated_at", "name")


class EntryQuery(PageQuery):
    """Which entries of a book to list, in their order."""

    category = fields.String(load_default=None, validate=validate.Length(1, 100))
    enabled = fields.Boolean(load_default=None)
    constant = fields.Boolean(load_default=None)


class SearchSchema(Strict):
    """What to look for in a book, as one types it into a search box: words, "a phrase", -not, or."""

    query = fields.String(
        required=True, validate=[validate.Length(1, 500), not_blank], metadata={"example": '"salt tax" ferry'}
    )
    category = fields.String(load_default=None, validate=validate.Length(1, 100))
    enabled = YesNo(load_default=None)
    constant = YesNo(load_default=None)
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 200))


class HitSchema(Schema):
    """An entry that was found."""

    entry = fields.Nested(EntrySchema)
    rank = fields.Float(metadata={"description": "The higher the better; comparable within one answer only."})
    matched_keywords = fields.List(
        fields.String(), metadata={"description": "Keywords that occur in the query, or that it is part of."}
    )
    highlight = fields.String(metadata={"description": "The text around the words found, these between <mark>."})


class HitListSchema(Schema):
    """What was found, best first."""

    results = fields.List(fields.Nested(HitSchema))
    total = fields.Integer()


class MessageSchema(Strict):
    """One message of a chat."""

    role = fields.String(load_default="", validate=validate.Length(max=20))
    name = fields.String(load_default="", validate=validate.Length(max=200))
    content = fields.String(required=True, validate=validate.Length(max=200_000))


class EffectSchema(Strict):
    """An entry that stays on, or may not fire, until the chat has so many messages."""

    kind = fields.String(required=True, validate=validate.OneOf(["sticky", "cooldown"]))
    entry = fields.Integer(required=True, strict=True, validate=validate.Range(0, MOST_ENTRIES))
    start = fields.Integer(required=True, strict=True)
    end = fields.Integer(required=True, strict=True)
    protected = YesNo(load_default=False)


class SimulateSchema(Strict):
    """A chat to try a book on; settings that are left out are the book's own, else SillyTavern's."""

    messages = fields.List(
        fields.Nested(MessageSchema),
        required=True,
        validate=validate.Length(1, 1000),
        metadata={"description": "Oldest first; texts, or objects with content and name or role."},
    )
    token_budget = _whole(0, 1_000_000, "Room for the entries; else the book's, else a share of `context`.")
    scan_depth = _whole(0, 1000, "How many of the last messages are looked through.")
    recursive = YesNo(metadata={"description": "Whether what fired is looked through too."})
    context = _whole(0, 10_000_000, "Tokens that the model takes in.")
    reply = _whole(0, 10_000_000, "Tokens of that which are kept for the answer.")
    budget_percent = fields.Float(allow_nan=False, validate=validate.Range(0, 100))
    budget_cap = _whole(0, 1_000_000, "Most tokens, whatever the share; 0: no cap.")
    case_sensitive = YesNo()
    match_whole_words = YesNo()
    use_group_scoring = YesNo()
    include_names = YesNo(metadata={"description": "Whether speakers' names are looked through with their messages."})
    max_recursion_steps = _whole(0, 100, "0: no limit but the budget.")
    min_activations = _whole(0, 1000, "Look further back until so many have fired; 0: off.")
    min_activations_depth = _whole(0, 1000, "How far back at most; 0: no limit.")
    chances = fields.String(
        validate=validate.OneOf(["expected", "roll"]),
        metadata={"description": "expected: every roll of a probability above 0 succeeds; roll: dice, by `seed`."},
    )
    seed = _whole(0, 2**31 - 1, "Which dice; the same seed rolls the same.")
    user = fields.String(validate=validate.Length(max=200))
    char = fields.String(validate=validate.Length(max=200))
    persona = fields.String(validate=validate.Length(max=20_000))
    trigger = fields.String(validate=validate.OneOf(TRIGGERS))
    follow_book = YesNo(metadata={"description": "False: leave the book's own depth, budget and recursion aside."})
    effects = fields.List(
        fields.Nested(EffectSchema),
        validate=validate.Length(max=10_000),
        metadata={"description": "`effects` of the simulation before, of the same chat."},
    )

    @pre_load
    def texts(self, data: Any, **_: Any) -> Any:
        """A bare text is a message without a name."""
        if not isinstance(data, dict) or not isinstance(data.get("messages"), list):
            return data
        return {**data, "messages": [{"content": m} if isinstance(m, str) else m for m in data["messages"]]}


class MatchSchema(Schema):
    """Where a key fired."""

    key = fields.String()
    field = fields.String(metadata={"description": "keys or secondary_keys."})
    place = fields.String(metadata={"description": "message, name (of its speaker), entry, or card."})
    source = fields.String(metadata={"description": "Which text of the card."})
    index = fields.Integer(allow_none=True, metadata={"description": "Which message (0 is the oldest) or entry."})
    span = fields.List(fields.Integer(), allow_none=True, metadata={"description": "Start and end in that text."})


class OutcomeSchema(Schema):
    """What became of one entry."""

    index = fields.Integer(metadata={"description": "Its place in the book, from 0."})
    id = fields.Raw(metadata={"description": "The id that it has in files."})
    entry_id = fields.String(metadata={"description": "The id that it has here."})
    title = fields.String()
    fired = fields.Boolean()
    reason = fields.String(metadata={"description": "constant, key, sticky, activate; or why not."})
    detail = fields.String(metadata={"description": "The same in words."})
    tokens = fields.Integer()
    order = Whole()
    position = fields.String()
    depth = fields.Integer()
    role = fields.String()
    outlet = fields.String()
    step = fields.Integer(allow_none=True, metadata={"description": "The scan in which it fired, from 1."})
    match = fields.Nested(MatchSchema, allow_none=True)
    secondary = fields.List(fields.Nested(MatchSchema))
    logic = fields.String()
    chain = fields.List(fields.Integer(), metadata={"description": "The entries that led to it, by place."})
    probability = fields.Float()
    chance = fields.Float(allow_none=True)
    notes = fields.List(fields.String())


class BlockSchema(Schema):
    """Entries that stand together in the prompt."""

    position = fields.String()
    entries = fields.List(fields.Integer())
    depth = fields.Integer(allow_none=True)
    role = fields.String(allow_none=True)
    outlet = fields.String(allow_none=True)


class SimulationSchema(Schema):
    """Which entries fire on a chat, why, and why not."""

    activated = fields.List(fields.Nested(OutcomeSchema), metadata={"description": "In the order of the prompt."})
    cut = fields.List(fields.Nested(OutcomeSchema), metadata={"description": "They fired, and the budget was spent."})
    skipped = fields.List(fields.Nested(OutcomeSchema))
    prompt = fields.List(fields.Nested(BlockSchema))
    tokens = fields.Integer()
    budget = fields.Integer()
    overflowed = fields.Boolean()
    steps = fields.Integer()
    scan_depth = fields.Integer()
    recursive = fields.Boolean()
    effects = fields.List(fields.Nested(EffectSchema))
    notes = fields.List(fields.String())


class FindingSchema(Schema):
    """One thing that lint found."""

    rule = fields.String()
    severity = fields.String(metadata={"description": "E: not to be delivered so; W: lowers the score; I: to know."})
    field = fields.String()
    span = fields.List(fields.Integer(), allow_none=True, metadata={"description": "Start and end in the field."})
    message = fields.String()
    fix = fields.String(metadata={"description": "An order that mends this field."})


class LintSchema(Schema):
    """What lint found, and the score of each group of rules (100 is best)."""

    score = fields.Dict(keys=fields.String(), values=fields.Integer())
    counts = fields.Dict(keys=fields.String(), values=fields.Integer())
    findings = fields.List(fields.Nested(FindingSchema))
