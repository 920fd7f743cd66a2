"""Cards, formats, lint, simulation: pure functions."""
