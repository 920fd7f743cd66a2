"""Column types that the tables share, each with its reason."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import DateTime, Dialect, Double, Numeric, Text, TypeDecorator, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import mapped_column


class JsonNumber(TypeDecorator[int | float]):
    """A number of JSON: whole ones come back as int, so that 10 is not written as 10.0."""

    impl = Double
    cache_ok = True

    def process_result_value(self, value: float | None, dialect: Dialect) -> int | float | None:
        """Return the number as JSON writes it."""
        return int(value) if value is not None and value.is_integer() else value


Id = Annotated[str, mapped_column(Text, primary_key=True)]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
"""A point in time. PostgreSQL's clock sets those that are compared with each other, never a worker's."""
Created = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
# Ten decimals: a single token of a cheap model costs about a hundred-millionth of a dollar.
Money = Annotated[Decimal, mapped_column(Numeric(18, 10), server_default="0")]
JsonObject = Annotated[dict[str, Any], mapped_column(JSONB, server_default="{}")]
Strings = Annotated[list[str], mapped_column(ARRAY(Text), server_default="{}")]
Number = Annotated[int | float, mapped_column(JsonNumber)]
