"""`cardforge demo`: the sample batch through the real thing, from nothing to cards in a folder."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cardforge_client import Cardforge, CardforgeError
from cli import saving, show
from cli.connect import connect, home_folder
from cli.embedded import free_port
from cli.formats import USUAL
from cli.processes import Signals, StartError
from cli.sources import generations
from cli.stack import ROOT, AlreadyRunning, Stack, claim, write_holder
from cli.writers import OFFLINE

WRITTEN = ".cardforge-demo.json"  # names of the files of the last demo, so that the next one replaces them


def run(out: Path, signals: Signals) -> bool:
    """Run the sample batch, save its cards in ``out``, print the table. Says whether all completed."""
    began = time.monotonic()
    sources = examples(ROOT / "examples")
    with server(home_folder(), signals) as forge:
        say_writer(forge)
        batch = forge.batches.create(generations(sources, {"format": list(USUAL)}), name="demo", max_concurrent=8)
        saving.follow(forge, batch["batch_id"], "cards")
        forget_last(out)
        outcomes: list[saving.Outcome] = []  # filled one by one: an interruption finds those saved
        try:
            for outcome in saving.collect(forge, batch["batch_id"], out):
                outcomes.append(outcome)
        finally:
            remember(out, outcomes)
        show.say("")
        saving.print_outcomes(outcomes)
        good = sum(outcome.good for outcome in outcomes)
        files = sum(len(outcome.files) for outcome in outcomes)
        show.say(f"\n{good} of {len(outcomes)} cards, {files} files in {out}/ ({time.monotonic() - began:.0f} s)")
    return good == len(sources)


def examples(folder: Path) -> list[Path]:
    """The sample sources: every text under ``folder`` but README."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in {".md", ".txt"}]
    found = [path for path in found if path.stem.lower() != "readme"]
    if not found:
        raise StartError(f"No samples in {folder}: run the demo from a checkout of Cardforge.")
    return found


@contextmanager
def server(home: Path, signals: Signals) -> Iterator[Cardforge]:
    """A client of the `up` that holds ``home``, else of a stack of our own that ends with the block."""
    try:
        with claim(home, "demo"):
            stack = Stack(home, free_port(), signals, show.say)
            try:
                stack.start()
                write_holder(home, "demo", stack.url)
                yield connect(stack.url, home)
            finally:
                stack.stop()
    except AlreadyRunning as error:
        if error.holder.get("command") != "up" or not error.holder.get("url"):
            raise
        show.say(f"using the running Cardforge at {error.holder['url']} (pid {error.holder['pid']})")
        yield connect(error.holder["url"], home)


def say_writer(forge: Cardforge) -> None:
    """Say what writes the cards, if the API tells."""
    try:
        provider = forge.ready().get("provider")
    except CardforgeError:
        return
    if provider == "offline":
        show.say(f"writer     {OFFLINE}")
    elif provider:
        show.say(f"writer     {show.clean(provider)}")


def forget_last(out: Path) -> None:
    """Remove the files that the last demo wrote to ``out``; nothing else in there is touched."""
    with suppress(OSError, ValueError):
        for name in json.loads((out / WRITTEN).read_text()):
            if isinstance(name, str) and Path(name).name == name:
                (out / name).unlink(missing_ok=True)


def remember(out: Path, outcomes: list[saving.Outcome]) -> None:
    """Note the files of this demo."""
    names = [path.name for outcome in outcomes for path in outcome.files]
    (out / WRITTEN).write_text(json.dumps(names, ensure_ascii=False, indent=1))
