"""Sends a webhook: one POST to an address that was looked at before, and nothing of the answer but its status.

resolve once -> every address public, unless private ones are allowed -> connect to one of exactly these -> TLS by name
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from providers import watch
from providers.addresses import is_public
from providers.base import Fault
from providers.faults import read_retry_after

DEADLINE_SECONDS = 10.0  # all of it: name, connection, handshake, request, answer
MOST_ANSWER_BYTES = 64 * 1024  # read for the connection to end well; then thrown away
READING_SECONDS = 1.0
Resolve = Callable[..., Sequence[Any]]


class Forbidden(OSError):
    """The host has an address that nothing is sent to."""


@dataclass(frozen=True)
class Reply:
    """What came of it: the answer's ``status`` and the wait it asks for (seconds), or ``error`` in words.

    ``error`` is for the owner of the URL: no address that they did not give, nothing of the answer.
    """

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool = False,
    resolve: Resolve = socket.getaddrinfo,
    seconds: float = DEADLINE_SECONDS,
) -> Reply:
    """Send ``body`` and return what came of it. Redirects are not followed; proxies and logins are nobody's but ours.

    ``resolve`` is asked once, as `socket.getaddrinfo` would be.
    """
    host = urlsplit(url).hostname or ""
    checked = resolve if allow_private else only_public(resolve)
    call = watch.Call(host, lambda: False, deadline=seconds, silence=seconds, resolve=checked)
    try:
        with watch.watching(call), session() as client:
            return exchange(client, url, body, headers, call)
    except (requests.RequestException, HTTPError, OSError, UnicodeError, Fault) as error:
        return Reply(error=why(error, call, host, seconds))


def session() -> requests.Session:
    """Return a session for one call: no proxy and no ~/.netrc out of the environment, only its certificates."""
    client = requests.Session()
    client.trust_env = False
    client.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    for scheme in ("http://", "https://"):
        client.mount(scheme, watch.WatchedAdapter(pool_connections=1, pool_maxsize=1))
    return client


def exchange(client: requests.Session, url: str, body: bytes, headers: Mapping[str, str], call: watch.Call) -> Reply:
    """Send the request; what counts is the answer's head, so a body that does not end spoils nothing."""
    sent = {**headers, "Connection": "close", "Accept-Encoding": "identity"}
    with client.post(
        url, data=body, headers=sent, timeout=call.silence, stream=True, allow_redirects=False
    ) as response:
        with suppress(Exception):
            read_away(response, call)
        return Reply(response.status_code, retry_after=read_retry_after(response.headers.get("Retry-After", "")))


def read_away(response: requests.Response, call: watch.Call) -> None:
    """Read an answer's body, at most so much of it, and not for long: nobody needs it."""
    call.hurry(READING_SECONDS)
    left = MOST_ANSWER_BYTES
    while left > 0 and (piece := response.raw.read1(min(left, 16384))):
        left -= len(piece)
        call.hear()


def only_public(resolve: Resolve) -> Resolve:
    """Return a resolver that refuses a host as soon as one of its addresses is not public."""

    def checked(host: str, *more: Any, **options: Any) -> Sequence[Any]:
        found = resolve(host, *more, **options)
        if not all(is_public(str(entry[4][0])) for entry in found):
            raise Forbidden("the host has a private address")
        return found

    return checked


def why(error: Exception, call: watch.Call, host: str, seconds: float) -> str:
    """Return why nothing came of it, in words that hold no address but the one in the URL."""
    causes = list(chain(error))
    if any(isinstance(cause, Forbidden) for cause in causes):
        return f"{host} has a private address: nothing is sent there unless WEBHOOK_ALLOW_PRIVATE is true."
    if call.ended is not None or any(isinstance(cause, TimeoutError | requests.Timeout) for cause in causes):
        return f"{host} did not answer within {seconds:g} s."
    if any(isinstance(cause, socket.gaierror | UnicodeError) for cause in causes):
        return f"{host} cannot be found: its name has no address."
    if isinstance(error, requests.exceptions.SSLError):
        return f"{host} has no certificate that can be trusted for this name."
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"{host} refuses the connection."
    return f"{host} cannot be reached, or broke off ({type(error).__name__})."


def chain(error: BaseException | None) -> Sequence[BaseException]:
    """Return an error with all that it came of."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
