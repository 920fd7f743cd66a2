"""cards of any format kept whole; full-text search of lorebooks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OBJECT = postgresql.JSONB(astext_type=sa.Text())
NUMBERS = (("books", "scan_depth"), ("books", "token_budget"), ("entries", "insertion_order"), ("entries", "priority"))
OBJECTS = (("characters", "wrapper"), ("books", "extra"), ("books", "wrapper"), ("entries", "extra"))
# Written out, not imported: a migration has to stay what it was when the tables change again.
PARTS = (
    ("left(name, 1000) || ' ' || left(cardforge_words(keys), 20000)", "A"),
    ("left(comment || ' ' || category || ' ' || cardforge_words(secondary_keys), 20000)", "B"),
    ("left(content, 100000)", "C"),
)
WORDS = " || ".join(
    f"setweight(to_tsvector('{language}', {text}), '{weight}')"
    for language in ("simple", "english")
    for text, weight in PARTS
)
# array_to_string is not marked immutable, as it is not for every type; for texts it is.
FUNCTION = """
CREATE FUNCTION cardforge_words(texts text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT array_to_string(texts, ' ') $$
"""


def upgrade() -> None:
    for table, column in OBJECTS:
        op.add_column(table, sa.Column(column, OBJECT, server_default="{}", nullable=False))
    op.add_column("characters", sa.Column("portrait_style", sa.Text(), server_default="tarot", nullable=False))
    for table, column in NUMBERS:
        op.alter_column(table, column, type_=sa.Double(), existing_type=sa.Integer())
    op.add_column("entries", sa.Column("uid", OBJECT, nullable=True))
    op.execute(FUNCTION)
    op.add_column("entries", sa.Column("words", postgresql.TSVECTOR(), sa.Computed(WORDS, persisted=True)))
    op.create_index("ix_entries_words", "entries", ["words"], postgresql_using="gin")
    op.create_table(
        "assets",
        sa.Column("character_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["character_id"], ["characters.id"], name=op.f("fk_assets_character_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("character_id", "kind", "place", name=op.f("pk_assets")),
    )


def downgrade() -> None:
    op.drop_table("assets")
    op.drop_index("ix_entries_words", "entries")
    op.drop_column("entries", "words")
    op.execute("DROP FUNCTION cardforge_words(text[])")
    op.drop_column("entries", "uid")
    for table, column in NUMBERS:
        op.alter_column(table, column, type_=sa.Integer(), existing_type=sa.Double())
    op.drop_column("characters", "portrait_style")
    for table, column in reversed(OBJECTS):
        op.drop_column(table, column)
