"""Lore: candidates -> entries -> keys and order."""
