"""Imports point one way, and each library has one home (docs/design.md, "Layers")."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# package -> what of ours it may import
ALLOWED = {
    "api": {"tasks", "schemas", "models", "cards", "settings", "logs"},
    "schemas": {"models.states", "cards"},
    "tasks": {"providers", "models", "cards", "settings", "logs"},
    "providers": {"cards", "settings"},
    "models": {"cards", "settings"},
    "cards": set(),
    "migrations": {"models", "settings"},
    "cli": {"cardforge_client", "cards", "settings"},  # convert, lint and simulate work on files, without a server
    "cardforge_client": set(),
    "celeryconfig.py": {"settings"},
    "settings.py": set(),
    "logs.py": set(),
}
# library -> where it may be imported
HOMES = {
    "flask": {"api"},
    "flask_smorest": {"api"},
    "limits": {"api"},
    "webargs": {"api"},
    "werkzeug": {"api"},
    "gunicorn": {"api"},
    "marshmallow": {"schemas", "api/errors.py", "api/json.py", "api/intake.py"},
    "celery": {"tasks"},
    "kombu": {"tasks", "celeryconfig.py", "api/errors.py"},
    "requests": {"providers", "cardforge_client", "cli"},
    "sqlalchemy": {"models", "migrations"},
    "psycopg2": {"cli"},
    "alembic": {"migrations"},
    "PIL": {"cards"},
    "yaml": {"cards/parse.py"},
    "structlog": {"logs.py"},
    "json_repair": {"tasks"},
    "click": {"cli"},
    "dotenv": {"cli/config.py"},
    "rich": {"cli"},
    "prometheus_client": {"api"},
    "redis": {"tasks", "api/health.py", "cli"},
}
OURS = {name.removesuffix(".py") for name in ALLOWED}


def modules() -> Iterator[tuple[str, str, str]]:
    """Every import of ours: (package, file, imported module)."""
    for package in ALLOWED:
        path = ROOT / package
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for imported in imports_of(file):
                yield package, str(file.relative_to(ROOT)), imported


def imports_of(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(module: str, allowed: set[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_layer_imports_only_what_lies_below_it(package: str) -> None:
    own = package.removesuffix(".py")
    wrong = [
        f"{file} imports {imported}"
        for layer, file, imported in modules()
        if layer == package and imported.split(".")[0] in OURS and not is_within(imported, ALLOWED[package] | {own})
    ]
    assert not wrong


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    wrong = [
        f"{file} imports {imported}"
        for package, file, imported in modules()
        if imported.split(".")[0] == library and not ({package, file} & HOMES[library])
    ]
    assert not wrong
