"""`cardforge completion`: the line that makes a shell complete commands, flags and their values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cli import show
from cli.ends import answering

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_CARDFORGE_COMPLETE"


@click.command(short_help="Complete commands and flags in bash, zsh or fish.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
@answering
def completion(context: click.Context, shell: str) -> None:
    """Print a script for SHELL that completes commands, flags and values, those of your server's catalogue too.

    \b
      bash   cardforge completion bash > ~/.local/share/bash-completion/completions/cardforge
      zsh    cardforge completion zsh > ~/.zfunc/_cardforge    (with ~/.zfunc in fpath, before compinit)
      fish   cardforge completion fish > ~/.config/fish/completions/cardforge.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has all three
    made = kind(context.find_root().command, {}, "cardforge", VARIABLE)
    show.say(made.source_template % made.source_vars())
