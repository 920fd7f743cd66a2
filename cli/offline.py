"""Commands on files that need no server: convert, lint, simulate."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import show
from cli.ends import Refused
from cli.formats import format_of

if TYPE_CHECKING:
    from cards.files import Reading
    from cards.lint import Finding
    from cards.loss import Loss
    from cards.simulate import Simulation
    from cards.simulate.result import Outcome

# Imports of `cards` stand inside the functions: every other command starts faster without them.

FRONTENDS = ("sillytavern", "risuai", "agnai", "chub")
MARKS = {(True, False): "fires", (False, True): "cut", (False, False): "-"}
SEVERITIES = {"E": "error", "W": "warning", "I": "note"}


def read(path: Path) -> Reading:
    """Read a card or lorebook from a file; ``-`` is standard input."""
    from cards.errors import CardError
    from cards.files import read_file

    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
    try:
        return read_file(content)
    except CardError as error:
        raise Refused(f"{path}: {error}") from error


def format_for(out: Path, reading: Reading, wanted: str | None) -> str:
    """The format to write: the one that was asked for, else what the name of the file says."""
    from cards.formats import BOOK_FORMATS, FORMATS

    formats = FORMATS if reading.card is not None else BOOK_FORMATS
    chosen = wanted or format_of(out, formats)
    if reading.card is None and wanted is None and chosen not in formats:
        chosen = "worldinfo" if out.suffix.lower() == ".json" else None
    if chosen in formats:
        return str(chosen)
    what = "a card" if reading.card is not None else "a lorebook"
    raise Refused(f"{what} cannot be written as {chosen or out.name}: name one with --to: {', '.join(formats)}")


def convert(
    source: Path, out: Path, wanted: str | None, frontend: str | None, *, style: str, force: bool, as_json: bool
) -> None:
    """Write a card or lorebook in another format, and say what that loses."""
    from dataclasses import asdict, replace

    from cards.errors import CardError
    from cards.formats import render, render_book
    from cards.loss import losses

    reading = read(source)
    format_name = format_for(out, reading, wanted)
    if out.exists() and not force:
        raise Refused(f"{out} is there already: choose another name, or --force to overwrite it")
    found: Sequence[Loss] = ()
    try:
        if reading.card is not None:
            content = render(reading.card, format_name, replace(reading.media, style=style))
            found = losses(reading.card, format_name, frontend)
        else:
            assert reading.book is not None  # noqa: S101 - a file holds a card or a book
            content = render_book(reading.book, format_name)
    except CardError as error:
        raise Refused(f"{out} cannot be written: {error}") from error
    try:
        out.write_bytes(content)
    except OSError as error:
        raise Refused(f"{out} cannot be written: {error.strerror}") from error
    if as_json:
        facts = {"file": str(out), "from": reading.format, "to": format_name, "bytes": len(content)}
        lost = [asdict(loss) for loss in found]
        show.dump({**facts, "warnings": list(reading.warnings), "losses": lost})
        return
    click.echo(f"{source} ({reading.format}) -> {out} ({format_name}, {len(content):,} bytes)")
    for warning in reading.warnings:
        click.echo(f"  note: {show.clean(warning)}")
    for loss in found:
        click.echo(f"  {loss.what}: {loss.field}: {show.clean(loss.message)}")


def lint(path: Path, as_json: bool) -> bool:
    """Check a card or lorebook and print what there is to mend; True when nothing is an error."""
    from cards.lint import lint_book, lint_card, score

    reading = read(path)
    findings = lint_card(reading.card) if reading.card is not None else lint_book(reading.book)  # type: ignore[arg-type]
    if as_json:
        show.dump(
            {
                "format": reading.format,
                "score": score(findings),
                "findings": [finding.to_dict() for finding in findings],
                "deviations": [deviation.to_dict() for deviation in reading.deviations],
                "warnings": list(reading.warnings),
            }
        )
    else:
        print_findings(path, reading, findings)
    return not any(finding.severity == "E" for finding in findings)


def print_findings(path: Path, reading: Reading, findings: Sequence[Finding]) -> None:
    """Print findings as a table, the format's deviations before it, the score after it."""
    from cards.lint import score

    for warning in reading.warnings:
        click.echo(f"note: {show.clean(warning)}")
    for deviation in reading.deviations[:20]:
        click.echo(show.clean(f"format: {deviation.path}: {deviation.message}; {deviation.fix}"))
    if len(reading.deviations) > 20:
        click.echo(f"format: and {len(reading.deviations) - 20} more places")
    if findings:
        rows = [(one.severity, one.rule, one.field, one.message, one.fix) for one in findings]
        show.table(("", "rule", "field", "what is wrong", "what to do"), rows)
    severities: list[str] = [finding.severity for finding in findings]
    counts = ", ".join(show.counted(severities.count(mark), noun) for mark, noun in SEVERITIES.items())
    told = ", ".join(f"{group} {points}" for group, points in score(findings).items())
    click.echo(f"{path} ({reading.format}): {counts}. Score: {told}.")


def simulate(path: Path, texts: Sequence[str], asked: dict[str, Any], as_json: bool) -> None:
    """Try a lorebook on a chat and print which entries fire, why, and which the budget cuts."""
    from cards.simulate import Message, Settings
    from cards.simulate import simulate as run

    reading = read(path)
    book = reading.book or (reading.card.book if reading.card is not None else None)
    if book is None:
        raise Refused(f"{path}: this card has no lorebook")
    asked = {name: value for name, value in asked.items() if value is not None}
    settings = Settings(**asked, chances="roll" if "seed" in asked else "expected")
    found = run(book, [Message(name="", text=text) for text in texts], settings=settings, card=reading.card)
    if as_json:
        show.dump(found.to_dict())
    else:
        print_simulation(found)


def print_simulation(found: Simulation) -> None:
    """Print what goes into the prompt and why, what the budget cuts, and why the others stay out."""
    shown = dict.fromkeys([*(index for block in found.prompt for index in block.entries), *found.fired])
    rows = [found.outcomes[index] for index in (*shown, *found.cut)]
    others = [outcome for outcome in found.outcomes if not outcome.fired and outcome.reason != "budget"]
    if found.outcomes:
        show.table(("", "entry", "place", "order", "tokens", "why"), [row_of(each) for each in (*rows, *others)])
    for note in found.notes:
        click.echo(f"note: {show.clean(note)}")
    recursion = "with recursion" if found.recursive else "without recursion"
    click.echo(
        f"{len(found.fired)} of {len(found.outcomes)} entries fire, {len(found.cut)} are cut: {found.tokens} of"
        f" {found.budget} tokens, {found.scan_depth} messages looked through, {recursion}."
    )


def row_of(outcome: Outcome) -> tuple[object, ...]:
    """What the table tells of one entry."""
    mark = MARKS[outcome.fired, outcome.reason == "budget"]
    place = outcome.position if outcome.fired else ""
    return (mark, outcome.title, place, f"{outcome.order:g}", outcome.tokens, outcome.detail)
