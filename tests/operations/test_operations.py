"""docs/operations.md is true to the code: every setting is in its table, every command and metric it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest

import settings
from cli.main import main

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text("utf-8")
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")
PACKAGES = ("api", "cli", "cardforge_client", "migrations", "models", "providers", "tasks")
# Read by programs of others (certificates, terminals), or set by ourselves for our own processes.
NOT_SETTINGS = {"REQUESTS_CA_BUNDLE", "PROMETHEUS_MULTIPROC_DIR", "NO_COLOR", "EDITOR", "VISUAL", "TERM"}
FIRST_TO_EXPAND = "0006"  # before it nothing was released


def table() -> dict[str, str]:
    """The settings of the document with their defaults, as written."""
    part = TEXT[TEXT.index("## Settings") : TEXT.index("## What to watch")]
    return dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+?) \|", part, re.M))


def examples() -> dict[str, str]:
    return dict(re.findall(r"^#([A-Z][A-Z_]+)=(.*)$", EXAMPLE, re.M))


def read_by_code() -> set[str]:
    """Every variable that the code asks the environment for by a name that stands there."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    files += [ROOT / name for name in ("settings.py", "logs.py", "celeryconfig.py")]
    asked = r"""env(?:iron)?(?:\.get\(|\[)\s*["']([A-Z][A-Z_]+)["']"""
    names = {name for file in files for name in re.findall(asked, file.read_text("utf-8"))}
    return names | set(settings.ENGINE_VARIABLES.values()) | set(re.findall(r'"([A-Z]+_API_KEY)"', settings_text()))


def settings_text() -> str:
    return (ROOT / "settings.py").read_text("utf-8")


def test_the_table_has_every_setting_with_its_default() -> None:
    shown = {name: default.strip("`").replace("unset", "") for name, default in table().items()}
    expected = examples() | {"MODEL_PRICES": ""}  # there it is an example
    assert shown == expected


def test_every_variable_that_the_code_reads_is_a_setting() -> None:
    assert read_by_code() - NOT_SETTINGS <= set(examples())


def test_defaults_are_those_of_the_code() -> None:
    defaults = examples()
    for name, variable in settings.ENGINE_VARIABLES.items():
        assert float(defaults[variable]) == getattr(settings.Engine(), name), variable
    for name in ("create", "edit", "read", "guess"):
        assert defaults[f"RATE_LIMIT_{name.upper()}"] == getattr(settings.RateLimits(), name)
    assert int(defaults["WEB_STREAMS"]) == settings.web_streams({})
    assert int(defaults["DAILY_TOKENS"]) == settings.daily({}).tokens == 0


def commands() -> list[str]:
    """Every `cardforge ...` that the document tells people to run."""
    code = re.findall(r"`([^`\n]+)`", TEXT) + [
        line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.S) for line in block.splitlines()
    ]
    found = [part.strip() for text in code for part in re.split(r"[|&;#]+", text)]
    return sorted({part for part in found if part.startswith("cardforge ")})


@pytest.mark.parametrize("line", commands())
def test_every_command_it_names_is_there_with_its_options(line: str) -> None:
    command: click.Command = main
    for word in line.split()[1:]:
        if word.startswith("--"):
            options = {option for parameter in command.params for option in parameter.opts}
            assert word in options, (line, word)
        elif isinstance(command, click.Group):
            assert word in command.commands, (line, word)
            command = command.commands[word]


def test_every_file_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
    for path in re.findall(r"`((?:tests|docs)/[\w/.-]+)`", TEXT):
        assert (ROOT / path).exists(), path


def test_alerts_it_names_are_there() -> None:
    rules = (ROOT / "docs" / "prometheus" / "alerts.yml").read_text()
    for name in set(re.findall(r"`(Cardforge[A-Z]\w+)`", TEXT)):
        assert f"alert: {name}" in rules, name


def taken_away(file: Path) -> set[str]:
    """What a migration takes from the processes of the version before, unless it says that they are gone by then."""
    source = file.read_text("utf-8")
    if "# contract:" in source:
        return set()
    functions = [part for part in ast.walk(ast.parse(source)) if isinstance(part, ast.FunctionDef)]
    calls = [
        call.func for one in functions if one.name == "upgrade" for call in ast.walk(one) if isinstance(call, ast.Call)
    ]
    names = {name.attr for name in calls if isinstance(name, ast.Attribute)}
    return names & {"drop_table", "drop_column", "rename_table", "drop_constraint"}


def test_migrations_only_expand_unless_they_say_that_they_contract() -> None:
    files = {file.name[:4]: file for file in (ROOT / "migrations" / "versions").glob("[0-9]*.py")}
    assert taken_away(files["0005"]) == {"drop_table"}  # it is seen where it was done
    assert {
        number: taken_away(file) for number, file in files.items() if number >= FIRST_TO_EXPAND and taken_away(file)
    } == {}
