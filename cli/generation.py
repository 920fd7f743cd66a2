"""`cardforge estimate` and `cardforge preview`: what would be done, before it is."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cli import show
from cli.batches import read_generations, source_options
from cli.connect import connect
from cli.ends import answering, as_json_option
from cli.estimates import print_estimate


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@source_options
@as_json_option
@answering
def estimate(
    files: tuple[Path, ...], formats: tuple[str, ...], profile_id: str | None, pairs: tuple[str, ...], as_json: bool
) -> None:
    """See what cards of these source files would take and cost. Nothing is stored, no model is asked."""
    forge = connect()
    sources = read_generations(forge, files, formats, profile_id, pairs)
    print_estimate(forge.batches.estimate(sources), as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@source_options
@as_json_option
@answering
def preview(
    file: Path, formats: tuple[str, ...], profile_id: str | None, pairs: tuple[str, ...], as_json: bool
) -> None:
    """See the exact messages that would be sent for a card of this source file."""
    forge = connect()
    (source,) = read_generations(forge, (file,), formats, profile_id, pairs)
    text = source.pop("source_material")
    found = forge.generation.preview(text, **source)
    if as_json:
        show.dump(found)
        return
    for call in found["calls"]:
        show.say(f"=== {call['purpose']}: about {call['tokens']:,} tokens, {json.dumps(call.get('sampling') or {})}")
        for message in call["messages"]:
            show.say(f"--- {message.get('role')}")
            show.say(show.lines(str(message.get("content"))))
    show.say(f"=== {len(found['calls'])} calls, about {found['tokens']:,} tokens, to {found['provider']}")
