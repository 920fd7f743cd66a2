"""The HTTP API as Python calls: `requests` below, plain dictionaries above, one kind of error."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import requests

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT = (5.0, 60.0)  # seconds to connect, seconds without an answer
PAUSES = (0.2, 0.5, 1.0, 2.0)  # seconds before a GET is tried again
PAGE = 200  # the API's largest page

Json = dict[str, Any]


class ApiError(RuntimeError):
    """The API refused or could not be reached. ``code`` is the API's own, or `UNREACHABLE` / `BAD_ANSWER`."""

    def __init__(self, code: str, message: str, details: Any = None, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.status = status


def home_folder(env: Mapping[str, str] | None = None) -> Path:
    """The data folder: ``CARDFORGE_HOME``, else `.cardforge` here."""
    return Path((os.environ if env is None else env).get("CARDFORGE_HOME") or ".cardforge").resolve()


class Client:
    """Talks to one server with one key. GETs are tried again when the connection fails; nothing else is."""

    def __init__(self, base_url: str, key: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"
        self._session.trust_env = False  # no proxy and no ~/.netrc login between us and our own server

    @classmethod
    def from_environment(cls, url: str | None = None, home: Path | None = None) -> Client:
        """A client as the environment says: CARDFORGE_URL; CARDFORGE_API_KEY or the home's key file."""
        base_url = url or os.environ.get("CARDFORGE_URL") or DEFAULT_URL
        if not base_url.startswith(("http://", "https://")):
            raise ApiError("UNREACHABLE", f"CARDFORGE_URL must start with http:// or https:// (found: {base_url}).")
        path = (home or home_folder()) / "api-key"
        key = os.environ.get("CARDFORGE_API_KEY", "").strip() if home is None else ""
        if not key:
            try:
                key = path.read_text().strip()
            except OSError:
                raise ApiError("NO_KEY", f"No API key: set CARDFORGE_API_KEY ({path} cannot be read).") from None
        return cls(base_url, key)

    # --- batches ---

    def submit(self, generations: Sequence[Json], options: Json) -> Json:
        """POST a batch; returns ``{batch_id, status, total_items, ...}``."""
        body = {"generations": list(generations), "batch_options": options}
        return self._json(
            "POST", "/api/v2/batch-generations", json=body, headers={"Idempotency-Key": str(uuid.uuid4())}
        )

    def batch(self, batch_id: str) -> Json:
        """One batch with its progress and cost."""
        return self._json("GET", f"/api/v2/batch-generations/{batch_id}")

    def options(self) -> list[Json]:
        """The catalogue of generation options."""
        return list(self._json("GET", "/api/v2/options")["options"])

    def items(self, batch_id: str) -> Iterator[Json]:
        """Every item of a batch, in order, page by page."""
        return self._pages(f"/api/v2/batch-generations/{batch_id}/items", "items")

    # --- jobs ---

    def jobs(self, *, limit: int, status: str | None = None, batch_id: str | None = None) -> list[Json]:
        """The newest jobs, at most ``limit``."""
        params = {"limit": str(min(limit, PAGE)), "status": status, "batch_id": batch_id}
        pages = self._pages("/api/v2/jobs", "jobs", {name: value for name, value in params.items() if value})
        return [job for job, _ in zip(pages, range(limit), strict=False)]

    def job(self, job_id: str) -> Json:
        """One job: status, progress, steps, cost, error."""
        return self._json("GET", f"/api/v2/jobs/{job_id}")

    def result(self, job_id: str) -> Json:
        """The finished card: ``{character_id, card, book, lint, usage, artifacts}``."""
        return self._json("GET", f"/api/v2/jobs/{job_id}/result")

    def logs(self, job_id: str) -> list[Json]:
        """The job's log entries, oldest first."""
        return cast("list[Json]", self._json("GET", f"/api/v2/jobs/{job_id}/logs").get("logs", []))

    def download(self, url: str) -> tuple[str, bytes]:
        """A file by its download URL (or path): the server's Content-Disposition, and the content."""
        answer = self._send("GET", url)
        return answer.headers.get("Content-Disposition", ""), answer.content

    # --- keys ---

    def keys(self) -> list[Json]:
        """All API keys, without the keys themselves."""
        return cast("list[Json]", self._json("GET", "/api/v2/keys")["keys"])

    def create_key(self, name: str, scopes: Sequence[str], expires_at: str | None = None) -> Json:
        """Make a key; the answer's ``key`` is shown this once."""
        body: Json = {"name": name, "scopes": list(scopes)}
        return self._json("POST", "/api/v2/keys", json=body | ({"expires_at": expires_at} if expires_at else {}))

    def revoke_key(self, key_id: str) -> None:
        """Revoke a key."""
        self._send("DELETE", f"/api/v2/keys/{key_id}")

    # --- the rest ---

    def readiness(self) -> Json:
        """What /health/ready says; empty when it says nothing that can be read."""
        try:
            return self._json("GET", "/health/ready")
        except ApiError:
            return {}

    # --- requests ---

    def _pages(self, path: str, noun: str, params: Mapping[str, str] | None = None) -> Iterator[Json]:
        query = {"limit": str(PAGE), **(params or {})}
        while True:
            page = self._json("GET", path, params=query)
            yield from page[noun]
            if not page.get("next_cursor") or not page[noun]:
                return
            query["cursor"] = page["next_cursor"]

    def _json(self, method: str, path: str, **options: Any) -> Json:
        answer = self._send(method, path, **options)
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ApiError("BAD_ANSWER", f"{self.base_url} does not answer like Cardforge (is it another program?).")
        return body

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        url = self._absolute(path)
        for pause in (*PAUSES, None):
            try:
                answer = self._session.request(method, url, timeout=TIMEOUT, allow_redirects=False, **options)
            except requests.RequestException as error:
                if method != "GET" or pause is None or not isinstance(error, requests.ConnectionError):
                    raise self._unreachable(error) from None
                time.sleep(pause)
                continue
            if method == "GET" and answer.status_code in {429, 503} and pause is not None and "health" not in path:
                time.sleep(retry_after(answer, pause))
                continue
            if answer.ok and not answer.is_redirect:
                return answer
            raise refused(answer)
        raise AssertionError("unreachable")

    def _absolute(self, path: str) -> str:
        """``path`` on our server. The key goes nowhere else, so a full URL keeps only its path and query."""
        if "://" in path:
            path = "/" + path.split("://", 1)[1].partition("/")[2]
        return self.base_url + path

    def _unreachable(self, error: requests.RequestException) -> ApiError:
        if isinstance(error, requests.Timeout):
            reason = "it does not answer in time"
        elif "refused" in str(error):
            reason = "connection refused"
        elif "resolve" in str(error) or "Name or service" in str(error):
            reason = "no such host"
        else:
            reason = "the connection failed"
        remedy = "Start it with `cardforge up`, or set CARDFORGE_URL."
        return ApiError("UNREACHABLE", f"No Cardforge at {self.base_url}: {reason}. {remedy}")


def retry_after(answer: requests.Response, default: float) -> float:
    """Seconds to wait that the answer asks for, within reason."""
    try:
        return min(max(float(answer.headers.get("Retry-After", default)), 0.1), 30.0)
    except ValueError:
        return default


def refused(answer: requests.Response) -> ApiError:
    """The `ApiError` of an answer that is not a success."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or "error" not in body:
        return ApiError(
            "BAD_ANSWER",
            f"{answer.url} answered {answer.status_code} without saying why.",
            None,
            answer.status_code,
        )
    message = str(body.get("message") or body["error"])
    return ApiError(str(body["error"]), message, body.get("details"), answer.status_code)
