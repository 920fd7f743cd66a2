"""Any server that speaks OpenAI's chat API: OpenRouter, OpenAI, vLLM, Ollama, LM Studio, llama.cpp.

Wire facts: OpenRouter's API reference (errors may come inside HTTP 200; ``usage.cost`` is what is charged; an explicit
``max_tokens`` keeps its credit check from assuming the model's maximum) and Ollama's compatibility notes
(``max_completion_tokens`` is ignored there, ``max_tokens`` works everywhere). Answers are streamed: a server that sees
its stream closed can stop writing, and billing.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as ReadTimeout

from providers import base, sse, watch
from providers.base import Completion, Fault, Prompt, Sampling, Usage

CONNECT_SECONDS = 10
SILENCE_SECONDS = 120  # the longest gap between two data events; a local server may load its model first
DEADLINE_SECONDS = 300  # the whole call
CLOSING_SECONDS = 1  # from the last event to the end of the stream, for its connection to be used again
MAX_REPLY_BYTES = 16 * 1024 * 1024
CONNECTIONS = 500  # one worker process holds hundreds of calls in flight; each keeps its connection

FAULT_BY_STATUS: Mapping[int, type[Fault]] = {
    400: base.BadRequest,
    401: base.AuthRefused,
    402: base.OutOfCredits,
    403: base.Filtered,
    404: base.BadRequest,
    408: base.TimedOut,
    409: base.Unavailable,
    413: base.BadRequest,
    422: base.BadRequest,
    429: base.RateLimited,
    504: base.TimedOut,
    524: base.TimedOut,
}


class OpenAIProvider:
    """One server, its key and a pool of connections. Safe to share between threads."""

    name: str

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str = "",
        *,
        deadline: float = DEADLINE_SECONDS,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        self.default_model = model
        self.name = "openrouter" if is_openrouter(base_url) else (urlsplit(base_url).hostname or "openai")
        self._url = f"{base_url}/chat/completions"
        self._openrouter = is_openrouter(base_url)
        self._charges = not is_local(base_url)
        self._key = api_key
        self._deadline = deadline
        self._silence = silence
        self._session = requests.Session()
        self._session.auth = _Bearer(api_key)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, watch.WatchedAdapter(pool_connections=4, pool_maxsize=CONNECTIONS))

    def complete(
        self,
        prompt: Prompt,
        sampling: Sampling,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        deadline: float | None = None,
    ) -> Completion:
        """Send one chat request and return its answer, or raise the fault that it ended in.

        ``cancelled`` is noticed within a second in every phase of the call. ``deadline`` is in seconds.
        """
        seconds = self._deadline if deadline is None else min(deadline, self._deadline)
        call = watch.Call(self.name, cancelled, deadline=seconds, silence=self._silence)
        stream = sse.Stream()
        body = request_body(prompt, sampling, openrouter=self._openrouter)
        try:
            status, headers, content = self._exchange(body, call, stream)
        except Exception as error:
            fault = call.ended or self._fault_of(error)
            if isinstance(fault, Fault):
                fault.usage = self._usage_so_far(call, stream)
            if fault is error:
                raise
            raise fault from error
        try:
            return read_completion(status, headers, content, charges=self._charges)
        except Fault as fault:
            fault.args = (self._without_key(str(fault)),)
            raise

    def _exchange(
        self, body: dict[str, Any], call: watch.Call, stream: sse.Stream
    ) -> tuple[int, Mapping[str, str], bytes | dict[str, Any]]:
        """Send ``body``; return the answer's status, headers and bytes, or the reply that ``stream`` put together."""
        call.hear()  # a call that was cancelled before it began costs nothing
        with watch.watching(call), self._post(body) as response:
            if response.status_code < 400 and is_stream(response.headers):
                self._read_stream(response, call, stream)
                return response.status_code, response.headers, stream.reply()
            return response.status_code, response.headers, self._read_whole(response, call)

    def _post(self, body: dict[str, Any]) -> requests.Response:
        return self._session.post(
            self._url,
            json=body,
            headers=self._headers(),
            timeout=(CONNECT_SECONDS, self._silence),
            stream=True,
            allow_redirects=False,
        )

    def _headers(self) -> dict[str, str]:
        """OpenRouter names the caller by these; other servers do not need to know."""
        return {"X-OpenRouter-Title": "Cardforge", "X-OpenRouter-Categories": "roleplay"} if self._openrouter else {}

    def _read_stream(self, response: requests.Response, call: watch.Call, stream: sse.Stream) -> None:
        """Add the events of the answer to ``stream``, to the end: only then can its connection be used again."""
        try:
            for event in sse.read_events(_pieces(response)):
                stream.add(event)
                if stream.over:
                    call.hurry(CLOSING_SECONDS)
                elif not stream.whole:  # then only the bill is missing, and mostly on its heels: do not miss it
                    call.hear()
        except Exception:
            # What is written and paid for is taken, also from a connection that then breaks or stays open.
            unwanted = isinstance(call.ended, base.Cancelled) and not stream.over
            if unwanted or not stream.whole:
                raise

    def _read_whole(self, response: requests.Response, call: watch.Call) -> bytes:
        content = bytearray()
        for piece in _pieces(response):
            content += piece
            if len(content) > MAX_REPLY_BYTES:
                raise base.BadOutput(f"{self.name} answered with more than {MAX_REPLY_BYTES} bytes.")
            call.hear()
        return bytes(content)

    def _fault_of(self, error: Exception) -> Exception:
        """Return the fault that an error of the transport means; whatever else it is comes back as it is."""
        if isinstance(error, requests.Timeout | ReadTimeout):
            return base.TimedOut(f"{self.name} did not answer in time.")
        if isinstance(error, requests.RequestException):
            return base.Unavailable(f"{self.name} cannot be reached ({type(error).__name__}).")
        if isinstance(error, HTTPError):
            return base.Unavailable(f"{self.name} broke off its answer ({type(error).__name__}).")
        return error

    def _usage_so_far(self, call: watch.Call, stream: sse.Stream) -> Usage | None:
        """Return what a call has used that did not come to its end: None if it never reached the server."""
        if stream.usage is not None:
            return read_usage({"usage": stream.usage}, charges=self._charges)
        return Usage(cost_basis="unknown") if call.sent else None

    def _without_key(self, text: str) -> str:
        """Some servers quote the refused key in their message."""
        return text.replace(self._key, "[key]") if self._key else text


class _Bearer(AuthBase):
    """Sets the key on each request; as an auth object it also keeps ~/.netrc from replacing it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def is_openrouter(base_url: str) -> bool:
    """Say whether OpenRouter's own fields may be sent to this server."""
    host = urlsplit(base_url).hostname or ""
    return host == "openrouter.ai" or host.endswith(".openrouter.ai")


def is_local(base_url: str) -> bool:
    """Say whether the server runs on this machine or network, and so charges nothing."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host


def request_body(prompt: Prompt, sampling: Sampling, *, openrouter: bool) -> dict[str, Any]:
    """Return the body of a chat request; settings that are None are left out."""
    body: dict[str, Any] = {
        "model": sampling.model,
        "messages": [dict(message) for message in prompt.messages],
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stream": True,
        "stream_options": {"include_usage": True},  # OpenRouter sends usage anyway; OpenAI, vLLM and Ollama do not
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": prompt.purpose, "strict": True, "schema": prompt.schema},
        },
    }
    if openrouter:
        # Without this, endpoints of small context would drop the middle of the source without a word.
        body["plugins"] = [{"id": "context-compression", "enabled": False}]
    return {name: value for name, value in body.items() if value is not None}


def is_stream(headers: Mapping[str, str]) -> bool:
    """Say whether the answer comes as server-sent events. An error before the first event is plain JSON."""
    return headers.get("Content-Type", "").strip().lower().startswith("text/event-stream")


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it arrives. Not by ``iter_content``, which waits for its pieces to be full."""
    while piece := response.raw.read1(65536, decode_content=True):
        yield piece


def read_completion(
    status: int, headers: Mapping[str, str], content: bytes | Mapping[str, Any], *, charges: bool
) -> Completion:
    """Turn an HTTP answer into a completion or raise its fault.

    ``content``: the body, or the reply that a stream was put together to. ``charges``: whether the server takes money
    at all.
    """
    reply = _read_json(status, content) if isinstance(content, bytes) else content
    usage = read_usage(reply, charges=charges)
    error = reply.get("error")
    if status >= 400 or error or reply.get("object") == "error":
        raise read_fault(status, headers, error if isinstance(error, dict) else reply, usage)
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise base.Unavailable("The server answered without choices.", usage=usage)
    choice = choices[0]
    if isinstance(choice.get("error"), dict):
        raise read_fault(502, headers, choice["error"], usage)
    text = (choice.get("message") or {}).get("content") or ""
    finish = choice.get("finish_reason") or "stop"
    _refuse_unusable(text, finish, usage)
    return Completion(
        text=text,
        model=str(reply.get("model") or ""),
        finish_reason=finish,
        usage=usage,
        response_id=str(reply.get("id") or headers.get("X-Generation-Id") or ""),
    )


def _refuse_unusable(text: str, finish: str, usage: Usage) -> None:
    if finish == "content_filter":
        raise base.Filtered("The server's content filter stopped the answer.", usage=usage)
    if finish == "length":
        eaten = " The model spent all of it on reasoning." if usage.reasoning_tokens and not text else ""
        raise base.Truncated(f"The answer ran into the output cap of max_tokens.{eaten}", usage=usage)
    if finish == "error":
        raise base.Unavailable("The server broke off its answer with an error.", usage=usage)
    if not text.strip():
        raise base.Unavailable("The server answered with an empty text.", usage=usage)


def _read_json(status: int, content: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(content)
    except ValueError as error:
        if status >= 400:
            return {}
        raise base.Unavailable("The server answered with something that is not JSON.", usage=Usage()) from error
    return reply if isinstance(reply, dict) else {}


def read_fault(status: int, headers: Mapping[str, str], error: Mapping[str, Any], usage: Usage) -> Fault:
    """Return the fault that an error object means; its own code counts when it came inside a 200."""
    if status < 400:
        inner = error.get("code") or error.get("http_status")
        status = inner if isinstance(inner, int) and inner >= 400 else 502
    said = str(error.get("message") or "no message")[:500]
    kind = FAULT_BY_STATUS.get(status, base.Unavailable)
    if issubclass(kind, base.TryLater):
        return kind(f"HTTP {status}: {said}", usage=usage, retry_after=_retry_after(headers))
    return kind(f"HTTP {status}: {said}", usage=usage)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("Retry-After", "")))
    except ValueError:
        return None


def read_usage(reply: Mapping[str, Any], *, charges: bool) -> Usage:
    """Return what the answer says it used. With a key of one's own upstream (BYOK) that bill is added to the fee."""
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return Usage(cost_basis="unknown" if charges else "local")
    cost = _money(usage.get("cost"))
    if cost is not None and usage.get("is_byok"):
        cost += _money((usage.get("cost_details") or {}).get("upstream_inference_cost")) or base.ZERO
    basis = "provider" if cost is not None else ("unknown" if charges else "local")
    return Usage(
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        reasoning_tokens=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
        cached_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        cost_usd=cost or base.ZERO,
        cost_basis=basis,
    )


def _count(of: Any, name: str) -> int:
    value = of.get(name) if isinstance(of, dict) else None
    return value if isinstance(value, int) else 0


def _money(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
