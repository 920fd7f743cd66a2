"""State: tables, legal moves, and the use cases that change them. The one home of SQLAlchemy."""
