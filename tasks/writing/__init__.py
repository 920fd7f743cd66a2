"""Writing: source -> prompt -> reply -> card."""
