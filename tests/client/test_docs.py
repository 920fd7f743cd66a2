"""docs/api.md: every example runs against the real service, and prints what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.processes import EXPORT, GENERATION, web, worker

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
MARK = "=== block at line"


@dataclass(frozen=True)
class Block:
    """An example: its line in the document, its language, its code."""

    line: int
    language: str
    code: str

    def promised(self) -> list[str]:
        """What it says that it prints: `# -> words` at the end of a line."""
        return [found.strip() for found in re.findall(r"#\s*-> (.+)$", self.code, re.M)]


def blocks() -> Iterator[Block]:
    text = DOCUMENT.read_text("utf-8")
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        yield Block(text[: found.start()].count("\n") + 2, found[1], found[2])


@pytest.fixture
def service(database: Any, key: str, environment: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The whole service without a model: the environment of somebody who uses it."""
    hooks = {"WEBHOOK_SECRET": "5b1f" * 12, "WEBHOOK_ALLOW_PRIVATE": "true"}
    env = environment | hooks
    logs = tmp_path / "logs"
    logs.mkdir()
    with (
        worker("generation", GENERATION, env, logs),
        worker("export", EXPORT, env, logs),
        web(env, logs) as url,
    ):
        yield env | {"CARDFORGE_URL": url, "CARDFORGE_API_KEY": key}


def script_of(language: str) -> str:
    """All examples of a language as one program that says before each of them where it is in the document."""
    lines = {"sh": f"echo; echo '{MARK} {{}}'", "python": f"print(); print('{MARK} {{}}')"}[language]
    return "\n".join(f"{lines.format(block.line)}\n{block.code}" for block in blocks() if block.language == language)


def start(language: str, env: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Run all examples of a language; what they print goes to ``folder``/printed."""
    folder.mkdir()
    commands = {"sh": ["bash", "-euo", "pipefail"], "python": [sys.executable, "-W", "error"]}
    program = folder / f"examples.{language}"
    program.write_text(script_of(language), "utf-8")
    env = env | {"PYTHONPATH": str(DOCUMENT.parents[1]), "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
    with (folder / "printed").open("wb") as printed:
        command = [*commands[language], program.name]
        return subprocess.Popen(command, cwd=folder, env=env, stdout=printed, stderr=printed)


def broken(language: str, printed: str) -> Iterator[str]:
    """What examples of a language should have printed, and have not."""
    said = re.split(rf"^{MARK} (\d+)$", printed, flags=re.M)
    parts = dict(zip(map(int, said[1::2]), said[2::2], strict=True))
    for block in (block for block in blocks() if block.language == language):
        missing = [each for each in block.promised() if each not in parts.get(block.line, "")]
        yield from (f"line {block.line}: no {each!r} in {parts.get(block.line)!r}" for each in missing)


def test_every_example_runs_and_prints_what_it_says(service: dict[str, str], tmp_path: Path) -> None:
    running = {language: start(language, service, tmp_path / language) for language in ("sh", "python")}
    codes = {language: process.wait(timeout=120) for language, process in running.items()}
    printed = {language: (tmp_path / language / "printed").read_text("utf-8") for language in running}
    for language, code in codes.items():
        assert code == 0, printed[language][-3000:]
        assert list(broken(language, printed[language])) == []


def test_the_links_within_the_document_lead_somewhere() -> None:
    text = DOCUMENT.read_text("utf-8")
    headings = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in re.findall(r"^#+ (.+)$", text, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings
    for file in re.findall(r"\]\((\w[\w/.-]*\.md)\)", text):
        assert (DOCUMENT.parent / file).is_file(), file
