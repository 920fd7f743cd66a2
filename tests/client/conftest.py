"""What the client's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cardforge_client import Cardforge, transport
from cardforge_client import events as events_module
from tests.client.server import Script, scripted


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as server:
        yield server


@pytest.fixture
def forge(script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cardforge]:
    """A client of the scripted server that does not wait long."""
    monkeypatch.setattr(transport, "PAUSES", (0.01, 0.01))
    monkeypatch.setattr(events_module, "AGAIN_SECONDS", (0.01,) * 4)
    with Cardforge(script.url, "cf_secret") as client:
        yield client
