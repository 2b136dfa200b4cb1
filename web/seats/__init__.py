"""What is done about the open round of a base besides casting a ballot: experts named, signers added, a turn passed on.

Each is a form, then what it will do, then the act, as every decision; what asks for nothing begins with what it will do.
"""

from __future__ import annotations

from flask import Blueprint
from flask_login import login_required

blueprint = Blueprint("seats", __name__, url_prefix="/bases/<uuid:case_id>")


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator]
def _signed_in() -> None:
    """Every page here is for people who have signed in."""


# The routes; each module adds its own to the blueprint.
from web.seats import declaring, urging, views  # noqa: E402, F401
