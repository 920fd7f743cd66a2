"""The chaos suite: real processes, real faults, and an audit of what is left. See docs/reliability.md."""
