"""The rule for macros (C06): braces in pairs, known names, each where front ends replace it.

Source: SillyTavern's macro documentation and registry; character-card-spec-v3 (hidden_key, comment, //).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cards.rules import Fault, Subject, texts

_BRACES = re.compile(r"\{\{|\}\}")
_NAME = re.compile(r"\s*(?:(?!//)[!?~#/>])*\s*(?P<name>//|[.$]\w+|[^\s:{}]*)")
_SHOWN = 200  # characters of a macro: its name is among them
_PROMPTS = ("system_prompt", "post_history_instructions")


def macros(subject: Subject) -> Iterator[Fault]:
    """C06: braces in pairs, known macros, {{original}} only in the two prompts."""
    for field, text in texts(subject):
        seen: set[str] = set()
        for start, end in _macros(text):
            if end < 0:
                fix = "write {{ and }} in pairs"
                yield Fault(field, "a macro is not closed or not opened", fix, span=(start, start + 2))
                break
            yield from _macro_fault(subject, field, text[start : min(end, start + _SHOWN)], (start, end), seen)


def _macros(text: str) -> Iterator[tuple[int, int]]:
    """The macros as [start, end), inner ones first; (start, -1) for braces without a partner, which are last."""
    opened: list[int] = []
    # Three braces in a row, as in {{{{user}}}, pair as two and a stray one: as front ends take them.
    for match in _BRACES.finditer(text):
        if match.group() == "{{":
            opened.append(match.start())
        elif opened:
            yield opened.pop(), match.end()
        else:
            yield match.start(), -1
            return
    if opened:
        yield opened[-1], -1


def _macro_fault(subject: Subject, field: str, macro: str, span: tuple[int, int], seen: set[str]) -> Iterator[Fault]:
    found = _NAME.match(macro, 2)
    word = found["name"].lower() if found else ""
    known = subject.limits["macros"]
    # time_UTC+2 and timeUTC; .name and $name are variables
    plain = re.sub(r"[-+]\d+$", "", word).removesuffix("_utc")
    if word in seen or word[:1] in (".", "$") or word == "//" or plain in known["anywhere"]:
        return
    seen.add(word)
    if word not in known["prompts_only"]:
        yield Fault(field, f"{macro:.60} is no known macro", "use {{char}} and {{user}}, or write it out", span=span)
    elif field not in _PROMPTS:
        yield Fault(field, f"{macro:.60} belongs in the system prompt only", "remove it here", span=span)
