"""`cardforge webhooks`: what was told to a callback_url, and how that went."""

from __future__ import annotations

import json
from typing import Any

import click

from cli import show
from cli.connect import connect
from cli.ends import answering, as_json_option, limit_option


@click.group()
def webhooks() -> None:
    """Look at webhooks: what was told to a callback_url. Send them again."""


@webhooks.command("list")
@click.option("--status", type=click.Choice(["waiting", "delivered", "failed"]))
@click.option("--batch", "batch_id", help="Only of this batch.")
@click.option("--job", "job_id", help="Only of this job.")
@limit_option
@as_json_option
@answering
def list_webhooks(limit: int, as_json: bool, **asked: Any) -> None:
    """List webhooks, newest first."""
    query: Any = {name: value for name, value in asked.items() if value}
    found = connect().webhooks.list(**query).first(limit)
    if as_json:
        show.dump(found)
        return
    rows = [
        (*(each[name] for name in ("delivery_id", "status", "event")), each["attempts"], *age_and_outcome(each))
        for each in found
    ]
    show.table(("webhook", "status", "event", "tries", "age", "outcome"), rows, cut=True)


def age_and_outcome(delivery: Any) -> tuple[str, str]:
    """How old a webhook is; how its last try went, and where it goes."""
    error = f"{delivery['last_error']} " if delivery["last_error"] else ""
    return show.age(delivery["created_at"]), f"{error}{delivery['url']}"


@webhooks.command("show")
@click.argument("delivery_id")
@as_json_option
@answering
def show_webhook(delivery_id: str, as_json: bool) -> None:
    """Show a webhook: what it says, and how each try went."""
    found = connect().webhooks.get(delivery_id)
    if as_json:
        show.dump(found)
        return
    facts: dict[str, Any] = {"webhook": found["delivery_id"], "status": found["status"], "url": found["url"]}
    facts |= {"next try": show.moment(found["next_try_at"]), "delivered": show.moment(found["delivered_at"])}
    show.facts(facts)
    show.say("")
    tries = [(show.moment(one["at"]), one["status"], one["milliseconds"], one["error"] or "") for one in found["tries"]]
    show.table(("tried", "answer", "ms", "error"), tries)
    show.say("")
    show.say(show.lines(json.dumps(found["body"], ensure_ascii=False, indent=2)))


@webhooks.command("redeliver")
@click.argument("delivery_ids", nargs=-1, required=True, metavar="DELIVERY_ID...")
@as_json_option
@answering
def redeliver(delivery_ids: tuple[str, ...], as_json: bool) -> None:
    """Send webhooks again, now, whether they have arrived or not."""
    forge = connect()

    def again(delivery_id: str) -> tuple[Any, str]:
        words = f"{delivery_id} is sent again. See how it went: cardforge webhooks show {delivery_id}"
        return forge.webhooks.redeliver(delivery_id), words

    show.results(map(again, delivery_ids), as_json)


@webhooks.command("secret", short_help="Print what webhooks are signed with.")
@as_json_option
@answering
def secret(as_json: bool) -> None:
    """Print what webhooks are signed with, for your receiver (needs a key with the scope `admin`)."""
    found = connect().webhooks.secret()
    show.dump(found) if as_json else show.say(found["secret"])
