"""Every test of the API is a test of the contract as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.contract import Contract


@pytest.fixture(scope="session")
def contract(app: Flask) -> Contract:
    return Contract(app)


@pytest.fixture(autouse=True)
def answers_are_as_documented(contract: Contract) -> Iterator[None]:
    """Fails the test whose answers differ from the OpenAPI document."""
    contract.faults.clear()
    yield
    assert not contract.faults, "\n".join(dict.fromkeys(contract.faults))
