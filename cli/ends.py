"""How a command ends: what went wrong as one message, and the exit code that says what kind of thing it was."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, ParamSpec, TypeVar

import click

from cardforge_client import ApiError, BadAnswer, CardforgeError, Unreachable
from cli import show, spoken
from cli.processes import StartError
from settings import SettingError

SOME_FAILED, USAGE, NO_ANSWER, REFUSED, INTERRUPTED = 1, 2, 3, 4, 130
EPILOG = """\b
Exit codes
  0    done; every item completed
  1    some items failed, or lint found errors, or the service could not be started or is not well
  2    wrong usage, a file or setting that cannot be used, or no API key
  3    no Cardforge answers there
  4    refused by the API: not allowed, not found, not valid, not now
  130  interrupted with Ctrl-C

Settings are environment variables, or stand in ./.env or $CARDFORGE_HOME/settings.env, as `cardforge init` writes
them; .env.example lists them all. CARDFORGE_URL and CARDFORGE_API_KEY say where to talk (else the `cardforge up` of
this home or http://127.0.0.1:8000, and the key in $CARDFORGE_HOME/api-key).
"""
MOST_DETAILS = 10
MORE = re.compile(r" \(\d+ more in details\)$")  # they follow here

P = ParamSpec("P")
R = TypeVar("R")


class Refused(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


def fail(message: str, code: int) -> NoReturn:
    """Say ``message`` on stderr and end with exit code ``code``."""
    click.echo(f"cardforge: {message}", err=True)
    sys.exit(code)


def told(error: CardforgeError, flags: spoken.Flags | None = None) -> str:
    """An error of the API in words: code, message, the first details that say more, and what to do.

    ``flags``: what fields are called; as the flags of the command that runs, if not given.
    """
    if isinstance(error, Unreachable):
        return f"{error.message} Start it with `cardforge up`, or set CARDFORGE_URL."
    if not isinstance(error, ApiError):
        return error.message
    flags = spoken.of_command() if flags is None else flags
    message = MORE.sub("", show.clean(error.message))
    first = next((path for path in error.details if message.startswith(f"{path}: ")), "")
    fresh = fresh_problems(error, message, flags)
    message = spoken.text(spoken.place(first, flags) + message.removeprefix(first), flags)
    lines = [f"{error.code}: {message}"]
    lines += [f"  {line}" for line in fresh[:MOST_DETAILS]]
    if len(fresh) > MOST_DETAILS:
        lines.append(f"  ... and {len(fresh) - MOST_DETAILS} more")
    if error.status >= 500 and error.request_id:
        lines.append(f"  request id: {error.request_id}")
    return "\n".join(lines)


def fresh_problems(error: ApiError, message: str, flags: spoken.Flags) -> list[str]:
    """What ``message`` does not say of the fields, a line for all with one fault: of a batch every item may have it."""
    places: dict[str, list[str]] = {}
    for place, words in error.problems():
        if error.details.get(place, "") is None:
            continue  # it is not known
        places.setdefault(show.clean(words), []).append(show.clean(place))
    lines = []
    for words, (first, *others) in places.items():
        more = f"{len(others)} more, {spoken.place(others[-1], flags)} the last" if others else ""
        if words not in message or (len(error.details) > 1 and f"{first}: " not in message):
            where = spoken.place(first, flags) + (f" (and {more})" if more else "")
            lines.append(f"{where}: {spoken.text(words, flags)}")
        elif more:
            lines.append(f"the same of {more}")
    return lines


def answering(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what can go wrong into one message and its exit code."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (Unreachable, BadAnswer) as error:
            fail(told(error), NO_ANSWER)
        except ApiError as error:
            fail(told(error), REFUSED)
        except (Refused, CardforgeError, SettingError) as error:
            fail(str(error), USAGE)
        except StartError as error:
            fail(str(error), SOME_FAILED)
        except KeyboardInterrupt:
            fail("interrupted.", INTERRUPTED)
        except BrokenPipeError:  # our reader has seen enough; click ends quietly
            raise
        except OSError as error:  # a home or folder that cannot be written
            fail(f"{error.filename or ''}: {error.strerror or error}.".removeprefix(": "), SOME_FAILED)

    return wrapped


as_json_option = click.option("--json", "as_json", is_flag=True, help="Print what the API answers, as JSON.")
limit_option = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def gone(delete: Callable[[str], object], ids: Iterable[str]) -> Iterator[tuple[object, str]]:
    """Delete one after the other; gives what to tell of each (see `show.results`)."""
    for one in ids:
        delete(one)
        yield {"id": one, "deleted": True}, f"{one} is deleted."


def confirm(question: str, yes: bool) -> None:
    """Ask before something that cannot be taken back; without a terminal it has to have been said with --yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody is here to be asked: say --yes.")
    click.confirm(question, abort=True)
