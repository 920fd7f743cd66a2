"""Rendering prompts: a profile's templates with named slots, filled by value; no code runs."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Any

from providers.base import Prompt
from tasks.errors import StepFailed


def render(
    prompts: Mapping[str, str],
    purpose: str,
    slots: Mapping[str, Any],
    schema: Mapping[str, Any],
    inputs: Mapping[str, Any],
) -> Prompt:
    """Return the prompt for ``purpose``: the profile's system text and its template of that name, slots filled.

    Slots are written ``$name``; a value is put in as it is, whatever it contains. Raises `StepFailed` when the
    profile has no such template or names a slot that there is not.
    """
    return Prompt(
        purpose=purpose,
        messages=(
            {"role": "system", "content": fill(prompts, "system", {})},
            {"role": "user", "content": fill(prompts, purpose, slots)},
        ),
        schema=schema,
        inputs=inputs,
    )


def fill(prompts: Mapping[str, str], name: str, slots: Mapping[str, Any]) -> str:
    """Return the profile's text ``name``, its slots filled; raises `StepFailed` as `render` does."""
    try:
        return Template(prompts[name]).substitute(slots)
    except (KeyError, ValueError) as error:
        raise StepFailed(
            "VALIDATION_ERROR",
            f"The profile's prompt {name!r} cannot be used: {error}. Its slots are: {', '.join(slots) or 'none'}.",
        ) from error
