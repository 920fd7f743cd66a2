"""SillyTavern's settings of a lorebook entry: their names in its World Info files and in ``extensions``, and defaults.

Source: SillyTavern, the conversion between World Info and ``character_book``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from cards.card import Entry, Extensions

Place = Literal["before_char", "after_char"]
PLACES: Final[tuple[Place, Place]] = ("before_char", "after_char")  # by SillyTavern's figures 0 and 1


class Setting(NamedTuple):
    """One setting: ``name`` in World Info; its value when nothing is said; ``told``: written also where it is that."""

    name: str
    default: Any
    told: bool = False


# by the name in ``extensions`` of an entry of a character_book
SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "position": Setting("position", 0, told=True),
        "depth": Setting("depth", 4, told=True),
        "role": Setting("role", 0, told=True),
        "probability": Setting("probability", 100, told=True),
        "useProbability": Setting("useProbability", True, told=True),
        "selectiveLogic": Setting("selectiveLogic", 0, told=True),
        "display_index": Setting("displayIndex", 0, told=True),
        "exclude_recursion": Setting("excludeRecursion", False, told=True),
        "prevent_recursion": Setting("preventRecursion", False, told=True),
        "delay_until_recursion": Setting("delayUntilRecursion", False, told=True),
        "group": Setting("group", "", told=True),
        "group_override": Setting("groupOverride", False, told=True),
        "group_weight": Setting("groupWeight", 100, told=True),
        "vectorized": Setting("vectorized", False, told=True),
        "scan_depth": Setting("scanDepth", None),
        "case_sensitive": Setting("caseSensitive", None),
        "match_whole_words": Setting("matchWholeWords", None),
        "use_group_scoring": Setting("useGroupScoring", None),
        "automation_id": Setting("automationId", ""),
        "outlet_name": Setting("outletName", ""),
        "sticky": Setting("sticky", None),
        "cooldown": Setting("cooldown", None),
        "delay": Setting("delay", None),
        "match_persona_description": Setting("matchPersonaDescription", False),
        "match_character_description": Setting("matchCharacterDescription", False),
        "match_character_personality": Setting("matchCharacterPersonality", False),
        "match_character_depth_prompt": Setting("matchCharacterDepthPrompt", False),
        "match_scenario": Setting("matchScenario", False),
        "match_creator_notes": Setting("matchCreatorNotes", False),
        "triggers": Setting("triggers", ()),
        "ignore_budget": Setting("ignoreBudget", False),
    }
)


def setting(entry: Entry, name: str) -> Any:
    """What an entry says of a setting (by its name in ``extensions``), or SillyTavern's default."""
    value = entry.extensions.get(name)
    return SETTINGS[name].default if value is None else value


def as_json(default: Any) -> Any:
    """A default as JSON has it."""
    return list(default) if isinstance(default, tuple) else default


def told(entry: Entry, index: int) -> Extensions:
    """The settings that are always written, as they are when the entry at ``index`` says nothing of its own."""
    defaults = {name: each.default for name, each in SETTINGS.items() if each.told}
    defaults |= {"position": int(entry.position != PLACES[0]), "display_index": index}
    if entry.case_sensitive is not None:
        defaults["case_sensitive"] = entry.case_sensitive  # SillyTavern reads it here only
    return defaults


def settings_of(entry: Entry, index: int) -> Extensions:
    """The extensions of an entry with SillyTavern's settings complete, in agreement with its spec fields."""
    defaults = told(entry, index)
    merged = defaults | {name: value for name, value in entry.extensions.items() if not _is_unsaid(name, value)}
    if merged["position"] in (0, 1):  # 2 to 7 are finer places than the spec knows, and stand
        merged["position"] = defaults["position"]
    if entry.case_sensitive is not None:
        merged["case_sensitive"] = entry.case_sensitive
    return merged


def own_settings(entry: Entry, index: int) -> Extensions:
    """The extensions without what `settings_of` adds anyway, so that what was written reads back as the same entry."""
    defaults = told(entry, index)
    return {
        name: value
        for name, value in entry.extensions.items()
        if not _is_unsaid(name, value) and not (name in defaults and _same(value, defaults[name]))
    }


def _is_unsaid(name: str, value: Any) -> bool:
    """Whether it is null where SillyTavern writes null for "as the global setting says"."""
    return value is None and name in SETTINGS


def _same(value: Any, default: Any) -> bool:
    """Whether the value says what the default says; 0 for false is how World Info writes ``delayUntilRecursion``."""
    return bool(value == default) and (type(value) is type(default) or (value, default) == (0, False))
