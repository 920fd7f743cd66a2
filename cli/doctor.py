"""`cardforge doctor`: looks at every part and says what to do."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import click

from cardforge_client.transport import is_loopback
from cli import checkup, show
from cli.backup import running_services
from cli.checks.patient import Finding, Patient
from cli.checks.web import check_remote
from cli.connect import home_folder
from cli.ends import SOME_FAILED, answering

SIGNS = {"ok": "ok", "warning": "!", "fault": "FAULT", "unknown": "?"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--no-call", is_flag=True, help="Do not ask the model anything (it costs a few tokens).")
@click.option("--least-free", type=float, default=1000, show_default=True, help="MB that have to be free on disks.")
@click.option(
    "--only", "only", multiple=True, type=click.Choice(list(checkup.CHECKS)), help="Look at this part; more than once."
)
@answering
def doctor(as_json: bool, no_call: bool, least_free: float, only: tuple[str, ...]) -> None:
    """Check every part of Cardforge, and say what to do. Ends with 1 when something is broken.

    Looks at what the environment names, else at the running `cardforge up`; with CARDFORGE_URL alone, at that server.
    """
    home = home_folder()
    services = running_services(home)
    patient = Patient(dict(services) | os.environ, home, least_free, not no_call)
    if remote(patient) and not only:
        found = [*checkup.examine(patient, ("python", "web")), *check_remote(patient)]
    else:
        found = checkup.examine(patient, only)
    good = all(finding.state in {"ok", "warning"} for finding in found)
    if as_json:
        click.echo(json.dumps({"ok": good, "findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        tell(found)
    if not good:
        sys.exit(SOME_FAILED)


def remote(patient: Patient) -> bool:
    """Whether the server that is meant is of another machine, or all we know is its address."""
    url = os.environ.get("CARDFORGE_URL")
    if not url or os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL"):
        return False
    ours = "DATABASE_URL" in patient.env or (patient.home / "postgres").exists()
    return not (ours and is_loopback(url))


def tell(found: list[Finding]) -> None:
    """Print the findings, each fault with what to do."""
    for finding in found:
        click.echo(f"{SIGNS[finding.state]:<6} {finding.part:<11} {show.clean(finding.detail)}")
        if finding.remedy:
            click.echo(f"{'':<19}{show.clean(finding.remedy)}")
    faults = [finding.part for finding in found if finding.state == "fault"]
    click.echo(f"\n{'Broken: ' + ', '.join(faults) + '.' if faults else 'Everything is well.'}")
