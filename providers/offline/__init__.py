"""The offline writer: cards and lore from the words of the source alone, the same every time."""

from providers.offline.provider import OfflineProvider

__all__ = ["OfflineProvider"]
