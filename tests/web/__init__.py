"""The Studio page in a real browser, on the real product."""
