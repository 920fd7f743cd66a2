"""Which provider writes: a model server when one is set up, else the offline writer."""

from __future__ import annotations

import settings
from providers.base import Provider
from providers.offline import OfflineProvider
from providers.openai import OpenAIProvider


def choose(llm: settings.Llm) -> Provider:
    """Return the provider that the settings ask for."""
    if llm.base_url is None:
        return OfflineProvider()
    return OpenAIProvider(llm.base_url, llm.model, llm.api_key)
