"""Any server that speaks OpenAI's chat API: OpenRouter, OpenAI, vLLM, Ollama, LM Studio, llama.cpp.

Wire facts: OpenRouter's API reference (errors may come inside HTTP 200; ``usage.cost`` is what is charged; an explicit
``max_tokens`` keeps its credit check from assuming the model's maximum) and Ollama's compatibility notes
(``max_completion_tokens`` is ignored there, ``max_tokens`` works everywhere). Answers are streamed: a server that sees
its stream closed can stop writing, and billing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as ReadTimeout

from providers import base, sse, watch
from providers.base import Completion, Fault, Prompt, Sampling, Usage
from providers.reply import read_completion, read_usage

CONNECT_SECONDS = 10
SILENCE_SECONDS = 120  # the longest gap between two data events; a local server may load its model first
DEADLINE_SECONDS = 300  # the whole call
CLOSING_SECONDS = 1  # from the last event to the end of the stream, for its connection to be used again
MAX_REPLY_BYTES = 16 * 1024 * 1024
CONNECTIONS = 500  # one worker process holds hundreds of calls in flight; each keeps its connection


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
        self.label = "openrouter" if is_openrouter(base_url) else "openai-compatible"
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
            if 300 <= response.status_code < 400:
                raise base.BadRequest(f"{self.name} redirects elsewhere: set LLM_BASE_URL to the address it names.")
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
