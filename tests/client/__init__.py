"""The Python client and its document."""
