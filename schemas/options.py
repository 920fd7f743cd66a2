"""The catalogue of generation options: validation, `GET /options`, CLI flags and the docs table are made from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from cards.errors import CardError
from cards.formats import FORMATS
from cards.lint import RULES
from cards.loss import FRONTENDS
from cards.names import check_pattern
from cards.portrait import STYLES
from schemas.common import Strict, YesNo

WRITTEN_FIELDS = (
    "description",
    "personality",
    "scenario",
    "first_mes",
    "alternate_greetings",
    "group_only_greetings",
    "mes_example",
    "tags",
    "creator_notes",
    "system_prompt",
    "post_history_instructions",
)
CATEGORIES = ("world", "event", "faction", "place", "person", "thing")


@dataclass(frozen=True)
class Option:
    """One option. ``low`` and ``high`` bound a number, the length of a text, or that of each text of a list."""

    name: str
    group: str
    type: str
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    most: int = 20  # texts in a list

    @property
    def default(self) -> Any:
        """What the default profile says; None leaves it to the model server, or to the source."""
        return _defaults()[self.name]

    def field(self) -> fields.Field:
        """Return the field that validates the option."""
        return FIELDS[self.type](self)


@cache
def _defaults() -> Mapping[str, Any]:
    profile = resources.files("models").joinpath("builtin/default.json")
    config: Mapping[str, Any] = json.loads(profile.read_text("utf-8"))["config"]
    return config


def _check_pattern(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except CardError as error:
        raise ValidationError(str(error)) from error


def _range(option: Option) -> validate.Range:
    return validate.Range(option.low, option.high)


def _doc(option: Option) -> dict[str, Any]:
    return {"metadata": {"description": option.description}}


def _text(option: Option) -> fields.Field:
    if option.choices:
        return fields.String(validate=validate.OneOf(option.choices), **_doc(option))
    shortest, longest = (None if bound is None else int(bound) for bound in (option.low, option.high))
    return fields.String(validate=validate.Length(shortest, longest), **_doc(option))


def _texts(option: Option) -> fields.Field:
    inner = validate.OneOf(option.choices) if option.choices else validate.Length(1, int(option.high or 200))
    return fields.List(fields.String(validate=inner), validate=validate.Length(1, option.most), **_doc(option))


FIELDS: Mapping[str, Any] = {
    "integer": lambda option: fields.Integer(strict=True, validate=_range(option), **_doc(option)),
    "number": lambda option: fields.Float(allow_nan=False, validate=_range(option), **_doc(option)),
    "boolean": lambda option: YesNo(**_doc(option)),
    "string": _text,
    "pattern": lambda option: fields.String(
        validate=[validate.Length(option.low, option.high), _check_pattern], **_doc(option)
    ),
    "strings": _texts,
}


def _group(group: str, *options: Option) -> tuple[Option, ...]:
    return tuple(replace(option, group=group) for option in options)


def _integer(name: str, low: int, high: int, description: str) -> Option:
    return Option(name, "", "integer", description, low, high)


def _number(name: str, low: float, high: float, description: str) -> Option:
    return Option(name, "", "number", description, low, high)


def _yes(name: str, description: str) -> Option:
    return Option(name, "", "boolean", description)


def _string(name: str, longest: int, description: str) -> Option:
    return Option(name, "", "string", description, 1, longest)


def _one_of(name: str, choices: tuple[str, ...], description: str) -> Option:
    return Option(name, "", "string", description, choices=choices)


def _list(name: str, description: str, *, longest: int = 200, most: int = 20, choices: tuple[str, ...] = ()) -> Option:
    return Option(name, "", "strings", description, high=longest, choices=choices, most=most)


OPTIONS = (
    *_group(
        "models",
        _string("model", 200, "Model that writes, by its id on the model server."),
        _string("analysis_model", 200, "Model that reads (facts, rosters, subjects); else the one that writes."),
        _list("fallback_models", "Models to try, in order, where the first cannot answer.", most=5),
        _one_of(
            "structured_output",
            ("auto", "json_schema", "tool", "json_object", "fenced", "tagged"),
            "How the shape of an answer is asked for; auto finds the strictest that the server can.",
        ),
        _one_of(
            "reasoning_effort",
            ("none", "minimal", "low", "medium", "high"),
            "How long a reasoning model may think before it writes.",
        ),
        _yes("stream", "Read answers as they are written, so that a cancelled call stops costing."),
        _list("provider_order", "OpenRouter: providers to try first, in order."),
        _list("provider_ignore", "OpenRouter: providers never to use."),
        _one_of("provider_sort", ("price", "throughput", "latency"), "OpenRouter: what to prefer providers by."),
        _one_of("data_collection", ("allow", "deny"), "OpenRouter: whether providers may keep what they are sent."),
        _yes("zero_data_retention", "OpenRouter: only providers that store nothing."),
    ),
    *_group(
        "sampling",
        _number("temperature", 0, 2, "How freely the model writes."),
        _number("analysis_temperature", 0, 2, "How freely it reads: facts, rosters, subjects."),
        _number("top_p", 0, 1, "Nucleus sampling: the share of likely words to choose from."),
        _integer("top_k", 0, 1000, "Choose among so many likeliest words only."),
        _number("min_p", 0, 1, "Leave out words less likely than this share of the likeliest."),
        _number("top_a", 0, 1, "Like min_p, by the square of the likeliest."),
        _number("frequency_penalty", -2, 2, "Against words the more often they came."),
        _number("presence_penalty", -2, 2, "Against words that came at all."),
        _number("repetition_penalty", 0, 2, "Against repeating the prompt and itself."),
        _integer("seed", 0, 2**31 - 1, "Same seed, same answer, where the server supports it."),
        _list("stop", "End an answer before any of these.", longest=100, most=4),
        _integer("max_tokens", 256, 64_000, "Cap of one answer that writes the card; raised when it is too small."),
    ),
    *_group(
        "content",
        _string("name", 60, "Name of the character, whatever the source calls it."),
        _string("instructions", 4000, "Anything else the writer should know or do."),
        _string("language", 40, "Language to write in, as a name or code; else that of the source."),
        _one_of("rating", ("sfw", "mature"), "sfw keeps it fit for everybody; mature allows violence and dark themes."),
        _string("genre", 100, "Genre, such as noir or cosy fantasy."),
        _string("tone", 100, "Tone, such as wry or solemn."),
        _string("setting", 500, "Where and when it plays, if not as the source says."),
        _string("user_role", 500, "Who {{user}} is to the character."),
        _list("avoid", "Words and themes to leave out.", longest=100, most=40),
        _one_of("point_of_view", ("first", "second", "third"), "Who tells the greetings."),
        _one_of("tense", ("present", "past"), "Tense of the greetings."),
    ),
    *_group(
        "fields",
        _one_of("length", ("any", "short", "detailed", "verbose"), "How long the fields are; any sets no bounds."),
        _integer("description_words", 20, 2000, "About how many words the description has."),
        _integer("personality_words", 20, 1000, "About how many words the personality has."),
        _integer("scenario_words", 20, 500, "About how many words the scenario has."),
        _one_of(
            "description_format", ("prose", "list", "attributes"), "Running text, a list, or lines of Label: text."
        ),
        _integer("example_blocks", 1, 8, "Example dialogues to write."),
        _yes("system_prompt", "Write a system prompt for the card as well."),
        _yes("post_history_instructions", "Write instructions that stand after the chat as well."),
        _list("keep", "Fields of an existing card that stay as they are.", choices=WRITTEN_FIELDS),
        _list("tags", "Tags added to those that are written.", longest=40),
        _integer("tag_count", 1, 30, "Most tags to write."),
        _string("creator", 100, "Written into the card's creator field."),
        _string("character_version", 40, "Written into the card's version field."),
    ),
    *_group(
        "greetings",
        _integer("alternate_greetings", 0, 5, "Greetings beside the first one."),
        _integer("group_greetings", 0, 5, "Greetings for group chats only."),
        _integer("greeting_words", 30, 2000, "About how many words a greeting has."),
        _list("greeting_ideas", "Situations that the greetings are to start in, in order.", longest=500, most=6),
    ),
    *_group(
        "lorebook",
        _yes("include_book", "Write a lorebook into the card."),
        _integer("lorebook_entries", 0, 60, "Most entries of the lorebook."),
        _integer("lorebook_max_tokens", 256, 64_000, "Cap of one answer that holds entries."),
        _integer("entries_per_call", 1, 12, "Entries that are asked for at one time."),
        _integer("entry_words", 15, 300, "About how many words an entry has."),
        _list("categories", "Only entries of these kinds.", choices=CATEGORIES),
        _integer("constants", 0, 5, "Most entries that are always on."),
        _integer("token_budget", 100, 32_000, "Tokens that the lorebook may take of a prompt."),
        _integer("scan_depth", 1, 100, "Messages that are looked through for keys."),
        _yes("recursive_scanning", "Let entries bring up other entries."),
        _yes("shared_book", "Cards of a batch from one source get one and the same lorebook."),
    ),
    *_group(
        "source",
        _integer("context_tokens", 2000, 2_000_000, "Tokens the model can read; else what its server says of it."),
        _integer("chunk_tokens", 500, 100_000, "Tokens of source that are read at one time for facts."),
        _one_of("facts", ("auto", "always", "never"), "Gather facts first; auto does for a source of several parts."),
        _integer("most_facts", 5, 400, "Most facts to write from."),
        _one_of("grounding", ("strict", "free"), "strict: no names and figures that the source does not have."),
        _one_of("roster", ("auto", "never"), "auto: cards of a batch from one source are different characters."),
    ),
    *_group(
        "quality",
        _one_of("passes", ("one", "staged"), "staged plans, then writes part by part; one writes all at one go."),
        _yes("plan", "Plan the character before writing (staged)."),
        _integer("repairs", 0, 3, "How often each faulty field is sent back to be mended."),
        _integer("reasks", 0, 5, "How often an answer of the wrong shape is asked for again."),
        _one_of("on_errors", ("fail", "deliver"), "What becomes of a card that still breaks a rule of severity E."),
        _list("rules_off", "Rules of lint not to check.", choices=tuple(RULES), most=60),
        _integer("least_score", 0, 100, "Score of lint (overall, without the lorebook) below which a card fails."),
        _integer("variants", 1, 4, "Versions of the card to write; the best by lint is taken, all are kept."),
    ),
    *_group(
        "budget",
        _number("max_cost_usd", 0.000001, 1000, "Most dollars that this card may cost."),
        _integer("max_calls", 1, 500, "Most calls to the model server for this card."),
    ),
    *_group(
        "output",
        _list("format", "File formats to write.", choices=tuple(FORMATS)),
        _one_of("portrait_style", tuple(STYLES), "How the portrait is drawn."),
        _yes("embed_book", "Put the lorebook into the files of the card."),
        _yes("provenance", "Say in the files how the card was made (extensions.cardforge)."),
    ),
    *_group(
        "delivery",
        Option(
            "filename_pattern",
            "",
            "pattern",
            "File names, with placeholders such as {character_name}, {timestamp}, {index}.",
            1,
            200,
        ),
        _list("front_ends", "Front ends whose losses are told with each file.", choices=tuple(FRONTENDS)),
    ),
)


class Catalogued(Strict):
    """Options, of which there are too many to name in a sentence."""

    catalogue = "GET /api/v2/options lists them all."


OptionsSchema = Catalogued.from_dict({option.name: option.field() for option in OPTIONS}, name="GenerationOptions")


class Bound(fields.Float):
    """A number that is written as it is: whole ones as whole ones."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class OptionSchema(Schema):
    """One option of the catalogue. ``minimum`` and ``maximum`` bound a number, or the length of a text."""

    name = fields.String()
    group = fields.String()
    type = fields.String()
    default = fields.Raw(allow_none=True, metadata={"description": "Of the default profile; null: not set."})
    minimum = Bound(attribute="low", allow_none=True)
    maximum = Bound(attribute="high", allow_none=True)
    choices = fields.List(fields.String())
    description = fields.String()


class OptionListSchema(Schema):
    """The catalogue."""

    options = fields.List(fields.Nested(OptionSchema))
    total = fields.Integer()
