"""Alembic's entry: runs migrations on the connection that `migrations.runner` hands over."""

from alembic import context

from models.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
