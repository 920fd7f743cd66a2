"""Damaged files without end: a coverage-guided run by hand, and a short random one in the normal suite."""
