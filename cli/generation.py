"""`cardforge estimate` and `cardforge preview`: what would be done, before it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from cli import show
from cli.batches import read_generations, source_options
from cli.catalogue import OptionsCommand
from cli.connect import connect
from cli.ends import answering, as_json_option
from cli.estimates import print_estimate


@click.command(cls=OptionsCommand)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@source_options
@as_json_option
@answering
def estimate(files: tuple[Path, ...], as_json: bool, **ways: Any) -> None:
    """See what cards of these source files would take and cost. Nothing is stored, no model is asked."""
    forge = connect()
    sources = read_generations(forge, files, **ways)
    print_estimate(forge.batches.estimate(sources), as_json)


@click.command(cls=OptionsCommand, short_help="See the exact messages that would be sent.")
@click.argument("file", type=click.Path(path_type=Path))
@source_options
@as_json_option
@answering
def preview(file: Path, as_json: bool, **ways: Any) -> None:
    """See the exact messages that would be sent for a card of this source file."""
    forge = connect()
    (source,) = read_generations(forge, (file,), **ways)
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
