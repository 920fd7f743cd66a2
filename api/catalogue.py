"""The catalogue of generation options."""

from __future__ import annotations

from typing import Any

from api.json import Blueprint
from schemas.options import OPTIONS, OptionListSchema

blueprint = Blueprint("options", __name__, url_prefix="/api/v2/options", description="What can be asked for.")


@blueprint.get("")
@blueprint.response(200, OptionListSchema)
def list_all() -> Any:
    """List every generation option: name, group, type, range, default, what it does."""
    return {"options": OPTIONS, "total": len(OPTIONS)}
