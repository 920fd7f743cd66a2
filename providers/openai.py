"""Any server that speaks OpenAI's chat API: OpenRouter, OpenAI, vLLM, Ollama, LM Studio, llama.cpp.

    what is known of the model -> body -> exchange -> completion
                                              -> refused: learn from it, and ask once more -> fault

Answers are streamed, unless that is not wanted: a server that sees its stream closed can stop writing, and billing.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as ReadTimeout

from providers import base, ladder, learned, sse, watch
from providers.base import Completion, Fault, Prompt, Sampling, Usage
from providers.reply import Wanted, read_completion, read_usage
from providers.request import body_of, other_form, refused_field

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10
SILENCE_SECONDS = 120  # the longest gap between two data events; a local server may load its model first
DEADLINE_SECONDS = 300  # the whole call; more for a long answer, see the next
SLOWEST_TOKENS = 20  # a second; an answer that fills its cap may take as long as that makes it
CLOSING_SECONDS = 1  # from the last event to the end of the stream, for its connection to be used again
MAX_REPLY_BYTES = 16 * 1024 * 1024
LEAST_TOKENS = 256  # a cap that a server lowers below this is of no use
MOST_LESSONS = 16  # refusals of one question that are learned from; each changes the next request
SHORTEST_SECRET = 12  # characters; what is shorter ("ollama", "none") only fills the field
CONNECTIONS = 500  # one worker process holds hundreds of calls in flight; each keeps its connection


class OpenAIProvider:
    """One server, its key and a pool of connections. Safe to share between threads."""

    name: str
    whole = False

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str = "",
        *,
        deadline: float | None = None,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        self.default_model = model
        self.label = "openrouter" if is_openrouter(base_url) else "openai-compatible"
        self._where = urlsplit(base_url).netloc.rpartition("@")[2]  # with its port, for messages
        self.name = "openrouter" if is_openrouter(base_url) else (urlsplit(base_url).hostname or "openai")
        self.base_url = base_url
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
        self._read_environment()

    def _read_environment(self) -> None:
        """Take proxies and certificates from the environment, as requests would for each call: it goes through all."""
        found = self._session.merge_environment_settings(self._url, {}, None, None, None)
        self._session.proxies, self._session.verify = found["proxies"], found["verify"]
        self._session.trust_env = False

    def complete(
        self,
        prompt: Prompt,
        sampling: Sampling,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        deadline: float | None = None,
    ) -> Completion:
        """Send a chat request and return its answer, or raise the fault that it ended in.

        What the server refuses to be asked by (a way to demand JSON, a setting, too large a cap) is learned and left
        out, and the question is put once more: refusals cost nothing. ``cancelled`` is noticed within a second in every
        phase of the call. ``deadline`` is in seconds, for all of it.
        """
        until = time.monotonic() + self._seconds(sampling, deadline)
        refusals: list[str] = []
        try:
            completion = self._ask_until_taken(prompt, sampling, cancelled, until, refusals)
        except Fault as fault:
            fault.refusals = tuple(refusals)
            raise
        return replace(completion, refusals=tuple(refusals))

    def _ask_until_taken(
        self, prompt: Prompt, sampling: Sampling, cancelled: Callable[[], bool], until: float, refusals: list[str]
    ) -> Completion:
        """Ask, each time otherwise, until the server takes the question; ``refusals`` gets what it says till then."""
        cap = sampling.max_tokens
        rung = ladder.rung_for(sampling.structured_output, learned.of(self.base_url, sampling.model).rung)
        for _ in range(MOST_LESSONS):
            known = learned.of(self.base_url, sampling.model)
            body = body_of(prompt, sampling, rung, known, openrouter=self._openrouter)
            try:
                completion = self._ask(body, prompt, sampling, rung, cancelled, until)
            except base.BadRequest as fault:
                sampling, rung = self._learn(fault, body, sampling, rung)
                refusals.append(str(fault))
            except base.Truncated as fault:
                fault.most = known.most_tokens or (sampling.max_tokens if sampling.max_tokens < cap else 0)
                raise
            else:
                if sampling.structured_output == ladder.AUTO:
                    learned.note_rung(self.base_url, sampling.model, rung, worked=True)
                return completion
        raise base.BadRequest(f"{self.name} refuses each form of the question.")

    def _seconds(self, sampling: Sampling, deadline: float | None) -> float:
        """Return how long a call may take."""
        own = self._deadline or max(DEADLINE_SECONDS, sampling.max_tokens / SLOWEST_TOKENS)
        return own if deadline is None else min(deadline, own)

    def _learn(
        self, fault: base.BadRequest, body: Mapping[str, Any], sampling: Sampling, rung: str
    ) -> tuple[Sampling, str]:
        """Return how to ask after a refusal, and remember it; raise the fault if nothing is to be learned from it."""
        if fault.usage is not None and fault.usage.completion_tokens:
            raise fault  # that was no refusal: something was written, and is to be paid for
        where = (self.base_url, sampling.model)
        if isinstance(fault, base.CapTooLarge) and LEAST_TOKENS <= fault.most < sampling.max_tokens:
            if fault.lasting:
                learned.note_cap(*where, fault.most)
            return replace(sampling, max_tokens=fault.most), rung
        if field := other_form(fault, body):
            learned.note_renamed(*where, field)
            return sampling, rung
        if field := refused_field(fault, body):
            learned.note_dropped(*where, field)
            return sampling, rung
        refused = ladder.is_refusal(fault, rung)
        if not refused and not ladder.is_opaque(fault, rung):
            raise fault
        return sampling, self._step_down(fault, sampling, rung, surely=refused)

    def _step_down(self, fault: base.BadRequest, sampling: Sampling, rung: str, *, surely: bool) -> str:
        """Return the next rung down; remember it if it was ``surely`` the rung that was refused."""
        lower = ladder.below(rung)
        if lower is None or sampling.structured_output in ladder.RUNGS:
            if sampling.structured_output in ladder.RUNGS and surely:
                fault.args = (f"{fault} The option structured_output asks for {rung}: set it to auto.",)
            raise fault
        if surely and sampling.structured_output == ladder.AUTO:
            learned.note_rung(self.base_url, sampling.model, lower, worked=False)
        return lower

    def _ask(
        self,
        body: dict[str, Any],
        prompt: Prompt,
        sampling: Sampling,
        rung: str,
        cancelled: Callable[[], bool],
        until: float,
    ) -> Completion:
        """Put the question once; what comes of it has no key in it, and a fault has its usage."""
        left = max(0.01, until - time.monotonic())
        # A whole answer is silent until it is written.
        call = watch.Call(self.name, cancelled, deadline=left, silence=self._silence if sampling.stream else left)
        stream = sse.Stream()
        wanted = Wanted(prompt.schema, rung, body.get("max_tokens") or body.get("max_completion_tokens") or 0)
        try:
            status, headers, content = self._exchange(body, call, stream)
        except Exception as error:
            fault = call.ended or self._fault_of(error)
            if isinstance(fault, Fault):
                fault.usage = self._usage_so_far(call, stream)
            if fault is error:
                raise
            raise fault from error
        return read_completion(
            status, self._without_key(headers), self._without_key(content), charges=self._charges, wanted=wanted
        )

    def _exchange(
        self, body: dict[str, Any], call: watch.Call, stream: sse.Stream
    ) -> tuple[int, Mapping[str, str], bytes | dict[str, Any]]:
        """Send ``body``; return the answer's status, headers and bytes, or the reply that ``stream`` put together."""
        call.hear()  # a call that was cancelled before it began costs nothing
        with watch.watching(call), self._post(body, call.silence) as response:
            if 300 <= response.status_code < 400:
                told = f"{self.name} redirects elsewhere: set LLM_BASE_URL to the address it names."
                raise base.BadRequest(told, about="redirect")
            if response.status_code < 400 and is_stream(response.headers):
                self._read_stream(response, call, stream)
                return response.status_code, response.headers, stream.reply()
            return response.status_code, response.headers, self._read_whole(response, call)

    def _post(self, body: dict[str, Any], silence: float) -> requests.Response:
        return self._session.post(
            self._url,
            json=body,
            headers=self._headers(),
            timeout=(CONNECT_SECONDS, silence),
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
        except Exception as error:
            # What is written and paid for is taken, also from a connection that then breaks or stays open.
            unwanted = isinstance(call.ended, base.Cancelled) and not stream.over
            if unwanted or not stream.whole:
                raise
            if stream.usage is None:  # nobody will know what it cost
                log.warning("%s broke off between an answer and its usage (%r).", self._where, call.ended or error)

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
            return base.Unavailable(f"{self._where} cannot be reached ({type(error).__name__}).")
        if isinstance(error, HTTPError):
            return base.Unavailable(f"{self.name} broke off its answer ({type(error).__name__}).")
        return error

    def _usage_so_far(self, call: watch.Call, stream: sse.Stream) -> Usage | None:
        """Return what a call has used that did not come to its end: None if it never reached the server."""
        if stream.usage is not None:
            return read_usage({"usage": stream.usage}, charges=self._charges)
        return Usage(cost_basis="unknown") if call.sent else None

    def _without_key(self, said: Any) -> Any:
        """Return what a server said without our key: some quote it, in errors, headers, anywhere."""
        if len(self._key) < SHORTEST_SECRET:
            return said
        if isinstance(said, bytes):
            return said.replace(self._key.encode(), b"[key]")
        if isinstance(said, str):
            return said.replace(self._key, "[key]")
        if isinstance(said, Mapping):
            clean = {name: self._without_key(value) for name, value in said.items()}
            return CaseInsensitiveDict(clean) if isinstance(said, CaseInsensitiveDict) else clean
        return [self._without_key(part) for part in said] if isinstance(said, list) else said


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


def is_stream(headers: Mapping[str, str]) -> bool:
    """Say whether the answer comes as server-sent events. An error before the first event is plain JSON."""
    return headers.get("Content-Type", "").strip().lower().startswith("text/event-stream")


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it arrives. Not by ``iter_content``, which waits for its pieces to be full."""
    while piece := response.raw.read1(65536, decode_content=True):
        yield piece
