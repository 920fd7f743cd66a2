"""The HTTP edge in this process, on real PostgreSQL and Redis; no worker runs here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient


@pytest.fixture(scope="session")
def app(schema: None) -> Flask:
    from api import create_app

    return create_app()


@pytest.fixture
def client(app: Flask, key: str) -> Iterator[FlaskClient]:
    """A client whose requests carry a key that may do everything."""
    with app.test_client() as client:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        yield client


@pytest.fixture
def stranger(app: Flask, database: Any) -> Iterator[FlaskClient]:
    """A client with the key of another owner."""
    from models.ids import new_id
    from models.owners import Owner
    from models.services import keys

    with database.transaction() as session:
        other = Owner(id=new_id("owner"), name="somebody else")
        session.add(other)
        session.flush()
        secret = keys.create_key(session, other.id, "theirs", keys.SCOPES)[1]
    with app.test_client() as client:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        yield client
