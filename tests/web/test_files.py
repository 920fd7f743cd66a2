"""How the Studio's files are served: to anybody, under a strict policy, kept for as long as they are what they were."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

WEB = Path(__file__).parent.parent.parent / "web"
NAMES = sorted(str(path.relative_to(WEB)) for path in WEB.rglob("*.js"))


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    """Somebody without a key."""
    return app.test_client()


def place(visitor: FlaskClient) -> str:
    found = re.search(r"/studio/[0-9a-f]{12}", visitor.get("/").text)
    assert found
    return found[0]


def test_the_page_needs_no_key_and_is_asked_for_again(visitor: FlaskClient) -> None:
    first = visitor.get("/")
    assert first.status_code == 200
    assert first.mimetype == "text/html"
    assert first.headers["Cache-Control"] == "no-cache"
    again = visitor.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert not again.data


def test_its_policy_lets_no_inline_script_and_no_other_host_in(visitor: FlaskClient) -> None:
    for path in ("/", f"{place(visitor)}/app.js"):
        policy = visitor.get(path).headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert not re.search(r"https?:|\*", policy)


def test_the_documentation_runs_its_own_inline_script_alone(visitor: FlaskClient) -> None:
    policy = visitor.get("/api/v2/docs").headers["Content-Security-Policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert re.fullmatch(r"script-src 'self' 'sha256-[A-Za-z0-9+/=]{44}'", scripts)


def test_answers_with_data_run_nothing(client: FlaskClient) -> None:
    assert "script-src" not in client.get("/api/v2/jobs").headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", NAMES)
def test_every_module_is_there_for_good_under_the_address_of_its_content(visitor: FlaskClient, name: str) -> None:
    answer = visitor.get(f"{place(visitor)}/{name}")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.data == (WEB / name).read_bytes()


def test_a_file_of_another_version_is_not_kept(visitor: FlaskClient) -> None:
    answer = visitor.get("/studio/0123456789ab/app.js")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"


def test_files_go_packed_to_whoever_unpacks(visitor: FlaskClient) -> None:
    packed = visitor.get(f"{place(visitor)}/style.css", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.data) == (WEB / "style.css").read_bytes()
    assert len(packed.data) < len((WEB / "style.css").read_bytes()) / 2


def test_nothing_else_is_served(visitor: FlaskClient) -> None:
    for path in (
        "/studio/0123456789ab/../api/web.py",
        "/studio/0123456789ab/nothing.js",
        "/studio/x/%2e%2e/settings.py",
    ):
        assert visitor.get(path).status_code == 404


def test_no_module_reads_text_as_markup_or_fetches_from_elsewhere() -> None:
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    for name in NAMES:
        text = (WEB / name).read_text("utf-8")
        assert not re.search(markup, text), name
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), name
