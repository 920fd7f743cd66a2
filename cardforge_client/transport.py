"""HTTP underneath: one session, retries that do nothing twice, every refusal as an exception."""

from __future__ import annotations

import ipaddress
import json
import random
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.auth import AuthBase

from cardforge_client.errors import ApiError, BadAnswer, RateLimited, Unavailable, Unreachable, api_error

PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)  # seconds before a request is tried again, each up to a quarter longer
LONGEST_PAUSE = 30.0  # seconds; who is asked to wait for longer is told so instead
CONNECT_SECONDS = 5.0
KEPT, KEPT_BYTES = 64, 256 * 1024  # answers remembered with their ETag, and the largest one
IN_USE = "IDEMPOTENCY_KEY_IN_USE"  # the first try is still being worked on: its answer comes with the next try
CHUNK = 64 * 1024

Json = dict[str, Any]
Answer = requests.Response


@dataclass(frozen=True)
class Ask:
    """One request. ``safe``: may be sent again whatever became of the first try."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    files: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    safe: bool = False
    stream: bool = False
    silence: float | None = None  # seconds without a byte, if not those of the client

    def options(self) -> dict[str, Any]:
        """What `requests` needs of it."""
        query = {name: _text(value) for name, value in self.query.items() if value is not None}
        body = self.content if self.json is None else json.dumps(self.json, default=str).encode()
        kind = {} if self.json is None else {"Content-Type": "application/json"}
        return {
            "params": query,
            "data": body,
            "files": self.files,
            "headers": {**kind, **self.headers},
            "stream": self.stream,
        }


def _text(value: Any) -> Any:
    """A query parameter as the API reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else value


def path_of(template: str, *ids: str) -> str:
    """Return a path with ids put in, each as one segment whatever it holds."""
    parts = [quote(part, safe="") for part in ids]
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError(f"An id in {template} is empty.")
    return template.format(*parts)


class KeyAuth(AuthBase):
    """Sends the key. As `auth`, since a login in ~/.netrc would otherwise take its place."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the key on."""
        request.headers["Authorization"] = f"Bearer {self.key}"
        return request


class Transport:
    """Sends requests to one server with one key. May be shared between threads."""

    def __init__(self, base_url: str, key: str, *, timeout: float, retries: int) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self.pauses = PAUSES[:retries]
        self._met = False  # whether this server has ever answered
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._session = requests.Session()
        self._session.auth = KeyAuth(key)
        self._session.headers["User-Agent"] = "cardforge-client"
        # A proxy of the environment is for the world outside; it knows nothing of servers on this machine.
        self._session.trust_env = not is_loopback(self.base_url)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def json(self, ask: Ask) -> Json:
        """Return the JSON object that a request is answered with."""
        if ask.method == "GET":
            return self._current(ask)
        return read_object(self.send(ask))

    def send(self, ask: Ask) -> Answer:
        """Return a good answer (2xx, or 304 to a condition); raises `ApiError`, `Unreachable` or `BadAnswer`."""
        for pause in (*self.pauses, None):
            try:
                answer = self._once(ask)
            except requests.RequestException as error:
                if pause is None or not self._may_repeat(ask, error):
                    raise unreachable(self.base_url, error) from None
                time.sleep(spread(pause))
                continue
            if answer.ok and not answer.is_redirect:
                return answer
            refused = refusal(answer)
            answer.close()
            seconds = wait_for(refused, ask, pause)
            if seconds is None:
                raise refused
            time.sleep(seconds)
        raise AssertionError("unreachable")

    def report(self, ask: Ask) -> Json:
        """Return the JSON object of an answer whatever its status: a refusal is what was asked about. Asks once."""
        try:
            return read_object(self._once(ask))
        except requests.RequestException as error:
            raise unreachable(self.base_url, error) from None

    def post_once(self, ask: Ask, key: str | None) -> Json:
        """Send a POST that does its work once, retries and all: under an Idempotency-Key (made up if None)."""
        headers = {**ask.headers, "Idempotency-Key": key or str(uuid.uuid4())}
        return self.json(replace(ask, headers=headers, safe=True))

    def absolute(self, path: str) -> str:
        """``path`` on our server. The key goes nowhere else: of a full URL only path and query are used."""
        if "://" in path:
            path = "/" + path.split("://", 1)[1].partition("/")[2]
        return self.base_url + path

    def _once(self, ask: Ask) -> Answer:
        times = (CONNECT_SECONDS, ask.silence or self.timeout)
        answer = self._session.request(
            ask.method, self.absolute(ask.path), timeout=times, allow_redirects=False, **ask.options()
        )
        self._met = True
        return answer

    def _may_repeat(self, ask: Ask, error: requests.RequestException) -> bool:
        """Whether a request without an answer may be sent again. One that never left may, whatever it does."""
        if isinstance(error, requests.ConnectionError) and "refused" in str(error):
            return self._met  # a server that restarts comes back; one that was never there is told at once
        return ask.safe and isinstance(error, (requests.ConnectionError, requests.Timeout))

    def _current(self, ask: Ask) -> Json:
        """A GET that is answered from memory when the server says that nothing has changed (304)."""
        name = f"{ask.path}?{sorted((key, str(value)) for key, value in ask.query.items())}"
        with self._lock:
            tag, content = self._kept.get(name, ("", b""))
        headers = {**ask.headers, "If-None-Match": tag} if tag else ask.headers
        answer = self.send(replace(ask, headers=headers, safe=True))
        if answer.status_code == 304:
            return dict(json.loads(content))
        self._keep(name, answer)
        return read_object(answer)

    def _keep(self, name: str, answer: Answer) -> None:
        with self._lock:
            self._kept.pop(name, None)
            if "ETag" in answer.headers and len(answer.content) <= KEPT_BYTES:
                self._kept[name] = (answer.headers["ETag"], answer.content)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)


def pieces(answer: Answer, base_url: str, size: int = CHUNK) -> Iterator[bytes]:
    """The body of an answer, piece by piece; raises `Unreachable` when it ends too early."""
    try:
        yield from answer.iter_content(size)
    except requests.RequestException as error:
        raise unreachable(base_url, error) from None


def spread(seconds: float) -> float:
    """A pause, up to a quarter longer, so that clients that failed together do not come back together."""
    return seconds * (1 + random.random() / 4)  # noqa: S311 - no secret


def wait_for(error: ApiError | BadAnswer, ask: Ask, pause: float | None) -> float | None:
    """Seconds to wait before a refused request is sent again; None when it should not be."""
    if pause is None or not isinstance(error, ApiError):
        return None
    # A refusal for its rate, or for a key that is in use, has done nothing; a 503 may have.
    untouched = isinstance(error, RateLimited) or error.code == IN_USE
    if not untouched and not (isinstance(error, Unavailable) and ask.safe):
        return None
    seconds = max(pause, error.retry_after or 0.0)
    return None if seconds > LONGEST_PAUSE else spread(seconds)


def read_object(answer: Answer) -> Json:
    """Return the JSON object in an answer; an empty one where there is no content. Raises `BadAnswer`."""
    if answer.status_code == 204:
        return {}
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        where = answer.url.split("/api/")[0]
        raise BadAnswer(f"{where} does not answer like Cardforge (is it another program?).")
    return body


def refusal(answer: Answer) -> ApiError | BadAnswer:
    """Return the exception of an answer that is not a success."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and "error" in body:
        return api_error(answer.status_code, body, retry_after(answer))
    if answer.status_code in {502, 503, 504}:  # a proxy before the API
        said = {"error": "UNAVAILABLE", "message": f"{answer.url} answered {answer.status_code}: it is away."}
        return api_error(answer.status_code, said, retry_after(answer))
    return BadAnswer(f"{answer.url} answered {answer.status_code} without saying why (is it another program?).")


def retry_after(answer: Answer) -> float | None:
    """Seconds that an answer asks to wait for: a number, or a date; None if it does not say."""
    said = answer.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def unreachable(base_url: str, error: requests.RequestException) -> Unreachable:
    """Return the exception for a request without an answer: where, and why in a few words."""
    said = str(error)
    if isinstance(error, requests.Timeout) or "timed out" in said:
        reason = "it does not answer in time"
    elif "refused" in said:
        reason = "connection refused"
    elif "resolve" in said or "Name or service" in said:
        reason = "no such host"
    elif isinstance(error, requests.exceptions.SSLError):
        reason = "its certificate cannot be trusted"
    else:
        reason = "the connection failed"
    return Unreachable(f"No Cardforge at {base_url}: {reason}.")


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
