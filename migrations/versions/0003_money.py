"""prices of models, daily usage, what failed calls of a batch cost."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MONEY = sa.Numeric(precision=18, scale=10)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "model_prices",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("context_tokens", sa.Integer(), nullable=True),
        sa.Column("output_cap", sa.Integer(), nullable=True),
        sa.Column("pricing", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("supported", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("server", "model", name=op.f("pk_model_prices")),
    )
    op.create_table(
        "price_sources",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("next_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("refreshed_at", MOMENT, nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("server", name=op.f("pk_price_sources")),
    )
    op.create_table(
        "daily_usage",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("requests", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost_usd", MONEY, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "day", name=op.f("pk_daily_usage")),
    )
    op.execute(
        "INSERT INTO daily_usage (owner_id, day, requests, tokens, cost_usd) "
        "SELECT owner_id, (finished_at AT TIME ZONE 'UTC')::date, count(*), "
        "sum(prompt_tokens::bigint + completion_tokens), sum(cost_usd) "
        "FROM calls GROUP BY 1, 2"
    )
    op.add_column("batches", sa.Column("wasted_usd", MONEY, server_default="0", nullable=False))
    op.execute(
        "UPDATE batches SET wasted_usd = wasted.cost FROM (SELECT batch_id, sum(cost_usd) AS cost FROM calls "
        "WHERE status = 'failed' OR discarded GROUP BY batch_id) AS wasted WHERE wasted.batch_id = batches.id"
    )
    op.add_column("calls", sa.Column("asked_model", sa.Text(), server_default="", nullable=False))
    op.execute("UPDATE calls SET asked_model = model")
    op.create_index("ix_calls_asked", "calls", ["provider", "asked_model", "finished_at"])


def downgrade() -> None:
    op.drop_index("ix_calls_asked", "calls")
    op.drop_column("calls", "asked_model")
    op.drop_column("batches", "wasted_usd")
    op.drop_table("daily_usage")
    op.drop_table("price_sources")
    op.drop_table("model_prices")
