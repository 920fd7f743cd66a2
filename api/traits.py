"""What a view does that its decorators do not say, read off its code, so that limits and documentation cannot drift.

A view that calls `answer_once`, itself or through functions of ours, honours Idempotency-Key; one that calls
`expected_version` needs If-Match; and so on. Methods and callables that are handed on are not followed: what is missed
shows in the tests of the API, which hold every answer to the documentation.
"""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flask import current_app

from models import errors as domain

READING = {"GET", "HEAD"}
OURS = ("api.", "models.services.", "schemas.", "tasks.")
CODE = re.compile(r"[A-Z]{2,}(?:_[A-Z]+)+")


@dataclass(frozen=True)
class Traits:
    """What is known of a view. ``raises``: errors of use cases that it can end with; ``codes``: words like codes."""

    scope: str | None = None
    names: frozenset[str] = frozenset()
    raises: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    arguments: frozenset[str] = frozenset()
    takes_body: bool = False
    successes: frozenset[int] = frozenset()

    @property
    def repeatable(self) -> bool:
        """Whether Idempotency-Key makes a repetition harmless."""
        return "answer_once" in self.names

    @property
    def guarded(self) -> bool:
        """Whether a change has to name its version in If-Match."""
        return "expected_version" in self.names

    @property
    def guardable(self) -> bool:
        """Whether a change may name its version in If-Match."""
        return "wanted_version" in self.names

    @property
    def tagged(self) -> bool:
        """Whether the view itself gives its answer an ETag; JSON answers to a GET have one in any case."""
        return "make_conditional" in self.names

    def kind(self, method: str) -> str:
        """Return what a request counts as: "read", "create" (starts work or makes a row) or "edit" (all else)."""
        if method in READING:
            return "read"
        return "create" if method == "POST" and (self.repeatable or 201 in self.successes) else "edit"

    def needed_scope(self, method: str) -> str:
        """Return the scope that a key needs: as marked, else ``read`` to read and ``write`` to change."""
        return self.scope or ("read" if method in READING else "write")


def of(endpoint: str | None) -> Traits:
    """Return the traits of an endpoint's view; those of nothing where there is none."""
    view = current_app.view_functions.get(endpoint or "")
    return Traits() if view is None else of_view(view)


@cache
def of_view(view: Callable[..., Any]) -> Traits:
    """Return the traits of a view."""
    inner = inspect.unwrap(view)
    codes = [code for function in reached(inner) for code in codes_of(function.__code__)]
    names = frozenset(name for code in codes for name in code.co_names)
    texts = {text for code in codes for text in code.co_consts if isinstance(text, str)}
    docs = getattr(view, "_apidoc", {})
    arguments = frozenset(one["in"] for one in docs.get("arguments", {}).get("parameters", ()))
    return Traits(
        scope=getattr(view, "scope", None),
        names=names,
        raises=frozenset(name for name in names if is_error(name)),
        codes=frozenset(text for text in texts if CODE.fullmatch(text)),
        arguments=arguments,
        takes_body="json" in arguments or "requestBody" in docs.get("manual_doc", {}),
        successes=frozenset(docs.get("success_status_codes", ())),
    )


def is_error(name: str) -> bool:
    """Say whether a name is that of an error of our use cases."""
    found = getattr(domain, name, None)
    return isinstance(found, type) and issubclass(found, domain.DomainError)


def reached(view: Callable[..., Any]) -> set[FunctionType]:
    """Return the view and the functions of ours that it calls, directly or through others."""
    found: set[FunctionType] = set()
    todo = [view]
    while todo:
        function = todo.pop()
        if isinstance(function, FunctionType) and function not in found:
            found.add(function)
            todo += called(function)
    return found


def called(function: FunctionType) -> Iterator[Callable[..., Any]]:
    """Yield the functions of ours that a function names, by themselves or as part of a module."""
    for code in codes_of(function.__code__):
        holder: Any = None
        for step in dis.get_instructions(code):
            if step.opname == "LOAD_GLOBAL":
                holder = function.__globals__.get(step.argval)
            elif isinstance(holder, ModuleType) and step.opname in {"LOAD_ATTR", "LOAD_METHOD"}:
                holder = vars(holder).get(step.argval)
            else:
                continue
            if callable(holder) and f"{getattr(holder, '__module__', '')}.".startswith(OURS):
                yield inspect.unwrap(holder)


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """Yield a function's code and that of the functions inside it."""
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from codes_of(part)
