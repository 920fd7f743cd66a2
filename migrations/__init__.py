"""Schema migrations (Alembic): `python -m migrations` brings a database to the newest schema and readies it."""
