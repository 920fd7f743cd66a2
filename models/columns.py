"""Column types that the tables share, each with its reason."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import DateTime, Numeric, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import mapped_column

Id = Annotated[str, mapped_column(Text, primary_key=True)]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
"""A point in time. PostgreSQL's clock sets those that are compared with each other, never a worker's."""
Created = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
# Ten decimals: a single token of a cheap model costs about a hundred-millionth of a dollar.
Money = Annotated[Decimal, mapped_column(Numeric(18, 10), server_default="0")]
JsonObject = Annotated[dict[str, Any], mapped_column(JSONB, server_default="{}")]
Strings = Annotated[list[str], mapped_column(ARRAY(Text), server_default="{}")]
