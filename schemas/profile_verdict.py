"""What writing one value into a profile would meet with: errors and warnings. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.merge_patch import merge_patch
from schemas.nearest import did_you_mean
from schemas.options import OPTIONS
from schemas.profile_rules import (
    FIELDS,
    Fault,
    check_config,
    check_description,
    check_name,
    check_prompts,
    clean_config,
    clean_prompts,
    find_config_warnings,
    find_prompt_warnings,
    find_weakness,
)

OPTION_NAMES = {option.name for option in OPTIONS}


def hint(field: str) -> str:
    """Return what may have been meant by a field that a profile has not: an option without its place, or a slip."""
    return f" Did you mean 'config.{field}'?" if field in OPTION_NAMES else did_you_mean(field, FIELDS)


def find_errors(field: str, value: Any, config: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield why a value would be refused for ``field``, such as ``name``, ``config.temperature`` or ``prompts.style``.

    ``config`` is what the profile says so far: an option may contradict another one.
    """
    part, _, inner = field.partition(".")
    if part not in FIELDS or (inner and part not in ("config", "prompts")):
        yield Fault(field, f"A profile has no such field.{hint(field)}", "UNKNOWN_FIELD")
    elif part == "name":
        yield from check_name(value)
    elif part == "description":
        yield from check_description(value)
    elif part == "config":
        yield from check_config(merge_patch(config, _nested(inner, value)) if inner else value)
    else:
        yield from check_prompts(_nested(inner, value) if inner else value)


def find_warnings(field: str, value: Any) -> Iterator[Fault]:
    """Yield what may not be meant so in a value that would be taken."""
    part, _, inner = field.partition(".")
    nested = _nested(inner, value) if inner else value
    if part == "name":
        yield from find_weakness(value)
    elif part == "config":
        yield from find_config_warnings(clean_config(nested))
    elif part == "prompts":
        yield from find_prompt_warnings(clean_prompts(nested))


def _nested(path: str, value: Any) -> Any:
    """Return {"words": {"scenario": value}} for the path "words.scenario"."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value
