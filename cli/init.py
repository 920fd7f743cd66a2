"""`cardforge init`: asks where Cardforge runs and what writes, tries it, and keeps the answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

import settings
from cardforge_client import Cardforge, CardforgeError
from cli import config, show
from cli.checks.model import check_model
from cli.checks.patient import Finding, Patient
from cli.config import DOTENV, SETTINGS
from cli.connect import home_folder, root, running_url
from cli.ends import Refused, answering, told
from cli.probe import masked
from cli.sources import read_source
from cli.writers import BY_NAME, WRITERS, Writer, closest, models, running

HERE = "here"
SHOWN = 20  # models in one list
T = TypeVar("T")


@dataclass
class Asker:
    """Asks, where somebody is there; ``answers`` are those of the command line."""

    answers: Mapping[str, Any]
    alone: bool

    def ask(self, name: str, question: Callable[[], T], default: T | None) -> T:
        """The answer of the command line, else of the person, else ``default``. Raises `Refused` without any."""
        if (given := self.answers.get(name)) is not None:
            return given
        if not self.alone:
            return question()
        if default is None:
            raise Refused(f"Say --{name.replace('_', '-')}: nobody is here to be asked.")
        return default

    def say(self, text: str = "") -> None:
        """Tell a person something."""
        if not self.alone:
            show.say(text)


@click.command(short_help="Set Cardforge up: server, key, model, a test call.")
@click.option("--server", metavar="here|URL", help="Where Cardforge runs: on this machine (`cardforge up`), or there.")
@click.option("--api-key-file", metavar="FILE", help="Of a server elsewhere: a file with its API key (- reads it).")
@click.option("--writer", type=click.Choice(list(BY_NAME)), help="What writes the cards.")
@click.option("--base-url", metavar="URL", help="Its address, if not the usual one.")
@click.option("--model-key-file", metavar="FILE", help="A file with its key (- reads it); else the environment's.")
@click.option("--model", help="The model, as that server calls it.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where the API listens, if not at 8000.")
@click.option(
    "--to", type=click.Choice(["home", "env"]), help=f"Keep it in CARDFORGE_HOME/{SETTINGS}, or in ./{DOTENV}."
)
@click.option("--no-test", is_flag=True, help="Do not ask the model for a word.")
@click.option("--yes", is_flag=True, help="Ask nothing: what is not said is as usual.")
@click.option("--json", "as_json", is_flag=True, help="Ask nothing, and print what was done as JSON.")
@answering
def init(yes: bool, as_json: bool, no_test: bool, **answers: Any) -> None:
    """Set Cardforge up: server, model server, key, model, a test call. Every answer can be given as an option.

    What comes of it is kept in a file that only you can read, and `cardforge up` and all commands read it; settings
    of the environment go before it. No key is ever shown or taken from the command line.
    """
    asker = Asker(answers, yes or as_json or not sys.stdin.isatty())
    server = asker.ask("server", ask_server, HERE)
    if server == HERE:
        values, finding = set_up_here(asker, test=not no_test)
    else:
        values, finding = set_up_there(asker, server)
    path = place(asker.ask("to", lambda: "home", "home"))
    overruled = from_elsewhere(values)
    config.write(path, values)
    if as_json:
        kept = sorted(name for name, value in values.items() if value is not None)
        told_of = {"model": values.get("LLM_MODEL"), "test": finding.detail, "overruled": overruled}
        show.dump({"file": str(path), "settings": kept, **told_of})
        return
    show.say(f"\nkept in   {path}  (only you can read it)")
    if overruled:
        show.say(f"note      set in the environment, which goes before this file: {', '.join(overruled)}")
    tell_next(server)


def from_elsewhere(values: Mapping[str, str | None]) -> list[str]:
    """The settings of ``values`` that the environment has otherwise, and not out of our files."""
    files = {**config.read(home_folder() / SETTINGS), **config.read(Path(DOTENV))}
    found = ((name, os.environ.get(name)) for name in values)
    return [name for name, there in found if there and there not in {values[name], files.get(name)}]


def place(to: str) -> Path:
    """The file that answers are kept in."""
    return Path(DOTENV).resolve() if to == "env" else home_folder() / SETTINGS


def tell_next(server: str) -> None:
    """Say what comes next."""
    if server == HERE and running_url(home_folder()):
        show.say("next      end the running `cardforge up` and start it again: it reads settings when it starts")
    elif server == HERE:
        show.say("next      cardforge up")
    show.say('then      cardforge generate "Sir Galahad keeps watch at the chapel."')


# --- the server ---------------------------------------------------------------------------------------------------


def ask_server() -> str:
    """Ask where Cardforge runs."""
    show.say(
        "Where does Cardforge run?\n  1  here: `cardforge up` starts all it needs\n  2  on a server, at an address"
    )
    if click.prompt("Which", type=click.Choice(["1", "2"]), default="1", show_choices=False) == "1":
        return HERE
    return str(click.prompt("Its address"))


def set_up_there(asker: Asker, url: str) -> tuple[dict[str, str | None], Finding]:
    """A server elsewhere: its address and key, tried."""
    if not url.startswith(("http://", "https://")):
        url = f"https://{url}"
    while True:
        key, url = api_key(asker), root(url)
        try:
            with Cardforge(url, key) as forge:
                forge.usage.current_month()
                writer = show.clean(forge.ready()["provider"])
        except CardforgeError as error:
            if asker.alone:
                raise
            show.say(f"  {told(error)}")
            url = click.prompt("Its address", default=url)
            continue
        asker.say(f"  ok: it answers, and takes the key; {writer} writes")
        return {"CARDFORGE_URL": url, "CARDFORGE_API_KEY": key}, Finding("web", "ok", "answers")


def api_key(asker: Asker) -> str:
    """The API key for a server elsewhere; asked for until there is one."""
    while not (key := secret(asker, "api_key_file", "CARDFORGE_API_KEY", "Your API key for it")):
        show.say("  It wants a key: whoever has one makes another with `cardforge keys create NAME`. Ctrl-C leaves.")
    return key


def secret(asker: Asker, name: str, variable: str, question: str, *, needed: bool = True) -> str:
    """A key: out of a file, of the environment, or typed unseen; empty only if it is not ``needed``, or not typed."""
    if file := asker.answers.get(name):
        key = (sys.stdin.read() if file == "-" else read_source(Path(file))).strip()
        if needed and not key:
            raise Refused(f"There is no key in {'standard input' if file == '-' else file}.")
        return key
    there = os.environ.get(variable, "").strip()
    if asker.alone:
        if needed and not there:
            raise Refused(f"Say --{name.replace('_', '-')}, or set {variable}.")
        return there
    more = f" (Enter: the one in {variable})" if there else "" if needed else " (Enter: none)"
    typed = click.prompt(question + more, hide_input=True, default="", show_default=False)
    return str(typed).strip() or there


# --- what writes --------------------------------------------------------------------------------------------------


def set_up_here(asker: Asker, *, test: bool) -> tuple[dict[str, str | None], Finding]:
    """`cardforge up` on this machine: what writes for it, tried with a word."""
    values: dict[str, str | None] = {"CARDFORGE_URL": None, "CARDFORGE_API_KEY": None}  # of a server elsewhere
    if port := asker.answers.get("port"):
        values |= {"PORT": str(port), "CARDFORGE_URL": f"http://127.0.0.1:{port}"}
    while True:
        writer = BY_NAME[asker.ask("writer", ask_writer, usual(asker))]
        try:
            chosen = choose(asker, writer)
            finding = try_out(chosen, call=test)
        except settings.SettingError as error:
            chosen, finding = {}, Finding("model", "fault", str(error))
        asker.say(f"  {'ok: ' if finding.state == 'ok' else ''}{finding.detail}")
        if finding.state != "fault":
            return values | chosen, finding
        if asker.alone:
            raise Refused(f"{finding.detail} {finding.remedy}".strip() + " (Nothing is kept.)")
        asker.say(f"  {finding.remedy}")
        if not click.confirm("Choose again?", default=True):
            raise Refused("Nothing is kept.")
        asker.answers = {**asker.answers, "writer": None, "model": None, "base_url": None, "model_key_file": None}


def usual(asker: Asker) -> str:
    """What writes where nothing was said: what other answers are about, else none."""
    return "other" if asker.answers.get("base_url") else "offline"


def ask_writer() -> str:
    """Ask what writes; what runs here is the first choice."""
    here = running()
    show.say("\nWhat writes the cards?")
    for number, writer in enumerate(WRITERS, 1):
        show.say(f"  {number}  {writer.told}{'  (it runs)' if writer.name in here else ''}")
    first = next((number for number, writer in enumerate(WRITERS, 1) if writer.name in here), 1)
    known = {str(number): writer.name for number, writer in enumerate(WRITERS, 1)} | {name: name for name in BY_NAME}
    words = click.Choice(list(known), case_sensitive=False)
    return known[click.prompt("Which", type=words, default=str(first), show_choices=False)]


def choose(asker: Asker, writer: Writer) -> dict[str, str | None]:
    """The settings of a model server: address, key, model; of the offline writer where there is no key yet."""
    nothing = dict.fromkeys(("OPENROUTER_API_KEY", "LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL"))
    if writer.name == "offline":
        return {**nothing}
    router = writer.name == "openrouter" and not asker.answers.get("base_url")
    url = settings.chat_base_url(address(asker, writer))
    variable = "OPENROUTER_API_KEY" if router else "LLM_API_KEY"
    key = model_key(asker, writer, variable)
    if writer.keys and not key:
        return {**nothing}
    model = choose_model(asker, writer, url, models(url, key))
    chosen = {variable: key or None, "LLM_MODEL": model, "LLM_BASE_URL": None if router else url}
    return {**nothing, **chosen}


def model_key(asker: Asker, writer: Writer, variable: str) -> str:
    """The key of a model server; empty where it wants none, or the offline writer is to write until there is one."""
    if not (writer.keys or writer.name == "other" or asker.answers.get("model_key_file")):
        return ""
    while not (key := secret(asker, "model_key_file", variable, "Its key", needed=bool(writer.keys))) and writer.keys:
        show.say(f"  It wants a key, which is made at {writer.keys} (Ctrl-C leaves, and nothing is kept).")
        if click.confirm("Have the offline writer write for now?"):
            break
    return key


def address(asker: Asker, writer: Writer) -> str:
    """The address of a model server; asked for where there is no usual one."""
    if writer.url and not asker.answers.get("base_url"):
        return writer.url
    return asker.ask("base_url", lambda: str(click.prompt("Its address, such as http://127.0.0.1:8001/v1")), writer.url)


def choose_model(asker: Asker, writer: Writer, url: str, names: list[str] | None) -> str:
    """A model of those that the server lists, or as it was typed."""
    if names is None:
        asker.say(f"  {masked(url)} does not list its models{': does it run?' if writer.local else '.'}")
    usual_one = writer.model or (names[0] if names and len(names) == 1 else None)
    return asker.ask("model", lambda: ask_model(names or [], usual_one), usual_one)


def ask_model(names: list[str], first: str | None) -> str:
    """Ask for a model: its name, or a part of it to see those that have it. A name that is not listed is taken too."""
    show_models(names)
    before = ""
    while True:
        typed = str(click.prompt("Model (its name, or a part of it)", default=first)).strip()
        if typed in names or typed == first or not names:
            return typed
        if same := [name for name in names if name.casefold() == typed.casefold()]:
            return same[0]
        found = closest(typed, names)
        if len(found) == 1:
            return found[0]
        again = bool(found) and typed != before  # a part of several: they are shown first
        if not again and click.confirm(f"The server lists no {show.clean(typed)}. Take it all the same?"):
            return typed
        show_models(found)
        if again:
            show.say(f"  (to take {show.clean(typed)} as it is, type it again)")
        before = typed


def show_models(names: list[str]) -> None:
    """List models; of many, how many there are."""
    for name in names[:SHOWN]:
        show.say(f"  {show.clean(name)}")
    if len(names) > SHOWN:
        show.say(f"  ... and {len(names) - SHOWN} more: type a part of the name")


def try_out(chosen: Mapping[str, str | None], *, call: bool) -> Finding:
    """Ask the model for a word, as `cardforge doctor` does; without ``call``, look whether the settings can be used."""
    env = {name: value for name, value in chosen.items() if value is not None}
    if call:
        return check_model(Patient(env, home_folder()))
    llm = settings.llm(env)
    return Finding("model", "ok", f"{llm.model or 'the offline writer'} writes; not tried")
