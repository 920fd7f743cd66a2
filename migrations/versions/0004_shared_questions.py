"""questions that jobs of a batch share."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shared_questions",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_shared_questions_batch_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_id", "key", name=op.f("pk_shared_questions")),
    )
    op.create_index(
        "ix_calls_shared", "calls", ["batch_id", "key"], postgresql_where="status = 'completed' AND NOT discarded"
    )


def downgrade() -> None:
    op.drop_index("ix_calls_shared", "calls")
    op.drop_table("shared_questions")
