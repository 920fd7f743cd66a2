"""what the whole contract needs: the journal of events in place of job logs, webhooks, lists sorted by index."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OBJECT = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    make_events()
    op.execute(
        "INSERT INTO events (id, job_id, kind, at, data) OVERRIDING SYSTEM VALUE "
        "SELECT id, job_id, 'log', at, jsonb_build_object('level', level, 'step', step, 'attempt', attempt, "
        "'message', message, 'details', details) FROM job_logs"
    )
    op.execute("SELECT setval(pg_get_serial_sequence('events', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM events))")
    op.drop_table("job_logs")
    for table in ("batches", "jobs"):
        op.add_column(table, sa.Column("callback_url", sa.Text(), nullable=True))
    make_deliveries()
    for table in ("characters", "books"):
        op.add_column(table, sa.Column("file_digest", sa.LargeBinary(), nullable=True))
        op.create_index(
            f"ix_{table}_file", table, ["owner_id", "file_digest"], postgresql_where="file_digest IS NOT NULL"
        )
        op.create_index(f"ix_{table}_updated", table, ["owner_id", "updated_at", "id"])
        op.create_index(f"ix_{table}_name", table, ["owner_id", sa.text('"left"(lower(name), 100)'), "id"])
    name_profiles(postgresql_where="archived_at IS NULL")
    index_lists()
    keep_old_keys()


def index_lists() -> None:
    """One index for each order and filter of a list."""
    finished = sa.text("COALESCE(finished_at, 'infinity'::timestamptz)")
    for table in ("jobs", "batches"):
        op.drop_index(f"ix_{table}_owner", table)
        op.create_index(f"ix_{table}_owner_created", table, ["owner_id", "created_at", "id"])
        op.create_index(f"ix_{table}_owner_finished", table, ["owner_id", finished, "id"])
    op.drop_index("ix_jobs_owner_status", "jobs")
    for table in ("jobs", "batches"):
        op.create_index(f"ix_{table}_owner_status", table, ["owner_id", "status", "created_at", "id"])
    op.create_index("ix_jobs_owner_profile", "jobs", ["owner_id", "profile_id", "created_at", "id"])
    op.create_index(
        "ix_jobs_owner_error",
        "jobs",
        ["owner_id", sa.text("(error ->> 'code'::text)"), "id"],
        postgresql_where="error IS NOT NULL",
    )
    for name, where in (("favorite", "favorite"), ("archived", "archived_at IS NOT NULL")):
        op.create_index(f"ix_characters_{name}", "characters", ["owner_id", "id"], postgresql_where=where)
    for table in ("batches", "characters"):
        words = sa.text("to_tsvector('simple'::regconfig, name)")
        op.create_index(f"ix_{table}_words", table, [words], postgresql_using="gin")


def keep_old_keys() -> None:
    """Rotation with a grace: the old secret of a key stays good for a while. Owners are found by name."""
    op.add_column("api_keys", sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("old_digest", sa.LargeBinary(), nullable=True))
    op.add_column("api_keys", sa.Column("old_until", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint(op.f("uq_api_keys_old_digest"), "api_keys", ["old_digest"])
    op.execute("UPDATE owners SET name = name || ' ' || id WHERE id NOT IN (SELECT min(id) FROM owners GROUP BY name)")
    op.create_unique_constraint(op.f("uq_owners_name"), "owners", ["name"])


def make_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("data", OBJECT, server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_events_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_events_batch_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_job", "events", ["job_id", "id"], postgresql_where="job_id IS NOT NULL")
    op.create_index("ix_events_batch", "events", ["batch_id", "id"], postgresql_where="batch_id IS NOT NULL")


def make_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("body", OBJECT, server_default="{}", nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("tries", OBJECT, server_default="[]", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name=op.f("fk_deliveries_owner_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_deliveries_batch_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_deliveries_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["due_at"], postgresql_where="status = 'waiting'")
    op.create_index("ix_deliveries_owner", "deliveries", ["owner_id", "id"])
    op.create_index("ix_deliveries_owner_status", "deliveries", ["owner_id", "status", "id"])
    op.create_index("ix_deliveries_batch", "deliveries", ["batch_id"], postgresql_where="batch_id IS NOT NULL")
    op.create_index("ix_deliveries_job", "deliveries", ["job_id"], postgresql_where="job_id IS NOT NULL")


def name_profiles(postgresql_where: str | None = None) -> None:
    op.drop_index("uq_profiles_name", table_name="profiles")
    op.create_index(
        "uq_profiles_name",
        "profiles",
        ["owner_id", sa.text("lower(name)")],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=postgresql_where,
    )


def downgrade() -> None:
    op.drop_constraint("uq_owners_name", "owners")
    for name in ("old_until", "old_digest", "rotated_at"):
        op.drop_column("api_keys", name)
    for table in ("batches", "characters"):
        op.drop_index(f"ix_{table}_words", table)
    for name in ("favorite", "archived"):
        op.drop_index(f"ix_characters_{name}", "characters")
    for name in ("error", "profile"):
        op.drop_index(f"ix_jobs_owner_{name}", "jobs")
    for table in ("jobs", "batches"):
        for name in ("status", "finished", "created"):
            op.drop_index(f"ix_{table}_owner_{name}", table)
        op.create_index(f"ix_{table}_owner", table, ["owner_id", "id"])
    op.create_index("ix_jobs_owner_status", "jobs", ["owner_id", "status", "id"])
    op.execute("DELETE FROM profiles WHERE archived_at IS NOT NULL AND id NOT IN (SELECT profile_id FROM jobs)")
    op.execute("UPDATE profiles SET name = name || ' ' || id WHERE archived_at IS NOT NULL")
    name_profiles()
    for table in ("characters", "books"):
        for name in ("name", "updated", "file"):
            op.drop_index(f"ix_{table}_{name}", table)
        op.drop_column(table, "file_digest")
    op.drop_table("deliveries")
    for table in ("batches", "jobs"):
        op.drop_column(table, "callback_url")
    op.create_table(
        "job_logs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("attempt", sa.SmallInteger(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("details", OBJECT, server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_logs_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_logs")),
    )
    op.create_index("ix_job_logs_job", "job_logs", ["job_id", "id"])
    op.execute(
        "INSERT INTO job_logs (id, job_id, at, level, step, attempt, message, details) OVERRIDING SYSTEM VALUE "
        "SELECT id, job_id, at, data->>'level', data->>'step', (data->>'attempt')::smallint, data->>'message', "
        "data->'details' FROM events WHERE kind = 'log'"
    )
    op.execute(
        "SELECT setval(pg_get_serial_sequence('job_logs', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM job_logs))"
    )
    op.drop_table("events")
