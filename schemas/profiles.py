"""Profiles on the wire: listed, read, written whole or in part, cloned, tried field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load, validate, validates_schema

from schemas.common import Moment, PageQuery, PageSchema, Strict
from schemas.options import OPTIONS
from schemas.profile_rules import (
    MEASURED,
    Fault,
    check_config,
    check_description,
    check_name,
    check_prompts,
    clean_config,
    clean_prompts,
    clean_text,
)
from schemas.prompts import PROMPTS

READ_ONLY = ("id", "version", "is_builtin", "created_at", "updated_at", "created_by", "updated_by")
CONFIG = (
    "Options of this profile, and `words`, `repair_rules`, `lint`. What it leaves out is as in the default profile."
)
PROMPT = "Texts of this profile, by name. What it leaves out is as in the default profile."
PATCHED = "Merged with what is there, member by member; null takes a member out, so that the default applies."
NAME_EXAMPLE = "Harbour noir"

ConfigSchema = Strict.from_dict(
    {
        **{option.name: option.field() for option in OPTIONS},
        "words": fields.Dict(
            metadata={
                "description": "The least and the most words of " + ", ".join(MEASURED) + ".",
                "example": {"description": [150, 300]},
            }
        ),
        "repair_rules": fields.List(
            fields.String(), metadata={"description": "Rules of lint whose warnings are sent back to be mended."}
        ),
        "lint": fields.Dict(
            metadata={"description": "Thresholds, rules switched off, severities.", "example": {"off": ["X02"]}}
        ),
    },
    name="ProfileConfig",
)
PromptsSchema = Strict.from_dict(
    {
        name: fields.String(metadata={"description": f"{text.description} Placeholders: {text.told}."})
        for name, text in PROMPTS.items()
    },
    name="ProfilePrompts",
)


class Judged(fields.Nested):
    """Documented like the schema it names, but judged by rules of our own, which say what was meant and what to do."""

    def __init__(
        self, nested: Any, check: Callable[[Any], Iterator[Fault]], clean: Callable[[Any], Any], **kwargs: Any
    ):
        super().__init__(nested, **kwargs)
        self.check, self.clean = check, clean

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Any:
        raise_faults(list(self.check(value)), beneath=str(attr))
        return self.clean(value)


class Raw(fields.Nested):
    """Documented like the schema it names, but handed on as it came: it is judged once it is merged."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("Give an object, or null to take out all of it.")
        return value


class Text(fields.String):
    """A text that is judged by rules of our own."""

    def __init__(self, check: Callable[[Any], Iterator[Fault]], clean: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check, self.clean = check, clean

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        raise_faults(list(self.check(value)), beneath=str(attr))
        return self.clean(value)


def raise_faults(faults: list[Fault], beneath: str) -> None:
    """Raise marshmallow's `ValidationError` for faults of the field ``beneath``, if there are any."""
    messages: dict[str, list[str]] = {}
    for fault in faults:
        messages.setdefault(fault.field.removeprefix(beneath).lstrip("."), []).append(fault.message)
    if messages:
        raise ValidationError(messages.get("", messages))


def _name(**kwargs: Any) -> Text:
    return Text(
        check_name,
        clean_text,
        metadata={
            "description": "Of no other profile of yours, in any case.",
            "example": NAME_EXAMPLE,
            "maxLength": 100,
        },
        **kwargs,
    )


def _description(**kwargs: Any) -> Text:
    return Text(
        check_description,
        str.strip,
        metadata={"description": "For people; no model reads it.", "maxLength": 2000},
        **kwargs,
    )


class Body(Strict):
    """What can be written of a profile."""

    @pre_load
    def refuse_read_only(self, data: Any, **_: Any) -> Any:
        """Say of what only the server sets that it is to be left out, which "unknown" would not tell."""
        said = [name for name in READ_ONLY if isinstance(data, Mapping) and name in data]
        if said:
            raise ValidationError({name: ["Set by the server: leave it out."] for name in said})
        return data


class ProfileBodySchema(Body):
    """A profile to write, whole."""

    name = _name(required=True)
    description = _description(load_default="")
    config = Judged(ConfigSchema, check_config, clean_config, load_default=dict, metadata={"description": CONFIG})
    prompts = Judged(PromptsSchema, check_prompts, clean_prompts, load_default=dict, metadata={"description": PROMPT})


class ProfilePatchSchema(Body):
    """What to change of a profile (JSON Merge Patch)."""

    name = _name()
    description = _description(allow_none=True)
    config = Raw(ConfigSchema, allow_none=True, metadata={"description": PATCHED})
    prompts = Raw(PromptsSchema, allow_none=True, metadata={"description": PATCHED})

    @validates_schema
    def not_empty(self, data: Mapping[str, Any], **_: Any) -> None:
        """A patch of nothing is a mistake."""
        if not data:
            raise ValidationError("Changes nothing: give name, description, config or prompts.")


class CloneSchema(Strict):
    """How to call the copy, and what to copy."""

    name = _name()
    description = _description()
    version = fields.Integer(
        strict=True,
        validate=validate.Range(1, 10**9),
        metadata={"description": "Copy what the profile said at this version; its newest if not given."},
    )


class ProfileSummarySchema(Schema):
    """A profile as lists show it."""

    id = fields.String(metadata={"example": "profile_0193f0c2a4b87e6c9d1f2a3b4c5d6e7f"})
    name = fields.String()
    description = fields.String()
    version = fields.Integer(metadata={"description": "Goes up with every edit; the ETag is made of it."})
    is_builtin = fields.Boolean(metadata={"description": "True: comes with Cardforge, and can be cloned, not edited."})
    created_at = Moment()
    updated_at = Moment()
    created_by = fields.String(allow_none=True, metadata={"description": "Id of the API key; null for built-ins."})
    updated_by = fields.String(allow_none=True, metadata={"description": "Id of the API key; null for built-ins."})


class ProfileSchema(ProfileSummarySchema):
    """A profile in full."""

    config = fields.Dict(metadata={"description": CONFIG})
    prompts = fields.Dict(metadata={"description": PROMPT})


class ProfileListSchema(PageSchema):
    """A page of profiles."""

    profiles = fields.List(fields.Nested(ProfileSummarySchema))


class ProfileQuery(PageQuery):
    """Which profiles to list."""

    q = fields.String(
        load_default=None, validate=validate.Length(1, 200), metadata={"description": "In name or description."}
    )
    builtin = fields.Boolean(
        load_default=None, metadata={"description": "true: only the built-in ones; false: only your own."}
    )


class VersionSummarySchema(Schema):
    """One version as the list of them shows it."""

    profile_id = fields.String()
    version = fields.Integer()
    created_at = Moment()
    created_by = fields.String(allow_none=True, metadata={"description": "Id of the API key; null for built-ins."})


class VersionSchema(VersionSummarySchema):
    """What a profile said at one version."""

    config = fields.Dict(metadata={"description": CONFIG})
    prompts = fields.Dict(metadata={"description": PROMPT})


class VersionListSchema(PageSchema):
    """A page of a profile's versions, newest first."""

    versions = fields.List(fields.Nested(VersionSummarySchema))


class ContextSchema(Strict):
    """What a value is for."""

    profile_id = fields.String(
        allow_none=True,
        validate=validate.Length(1, 100),
        metadata={
            "description": "The profile that is edited: its own name is not taken, and its other settings count."
        },
    )
    profile_type = fields.String(
        allow_none=True,
        validate=validate.Length(1, 100),
        metadata={"description": "The kind of job that it is for.", "example": "character_card"},
    )


class FieldValueSchema(Strict):
    """One value to try."""

    field_ = fields.String(
        data_key="field",
        attribute="field",
        required=True,
        validate=validate.Length(1, 300),
        metadata={
            "description": "name, description, config, prompts, config.<option> or prompts.<name>.",
            "example": "config.temperature",
        },
    )
    value = fields.Raw(required=True, allow_none=True, metadata={"description": "Any JSON.", "example": 0.9})
    context = fields.Nested(ContextSchema, load_default=dict)


class FieldFaultSchema(Schema):
    """One thing wrong with a value."""

    field_ = fields.String(data_key="field", attribute="field")
    message = fields.String()
    code = fields.String(metadata={"example": "OUT_OF_RANGE"})


class VerdictSchema(Schema):
    """What writing this value would meet with."""

    valid = fields.Boolean(metadata={"description": "False: it would be refused."})
    errors = fields.List(fields.Nested(FieldFaultSchema))
    warnings = fields.List(
        fields.Nested(FieldFaultSchema), metadata={"description": "It would be taken, but may not be meant so."}
    )
