"""The reader's language and size of text, kept in two cookies of their own."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from web import door
from web.auth import local_address
from workflow.words import LANGUAGES

blueprint = Blueprint("preferences", __name__)

YEAR = 365 * 24 * 60 * 60
TEXT_SIZES = ("normal", "large")


@blueprint.post("/preferences")
def set() -> Response:
    """Keep a choice and go back to the page it was made on."""
    answer = redirect(local_address(request.form.get("next")) or url_for("inbox.index"))
    for name, known in (("lang", LANGUAGES), ("text", TEXT_SIZES)):
        chosen = request.form.get(name)
        if chosen in known:
            answer.set_cookie(
                name,
                chosen,
                max_age=YEAR,
                httponly=True,
                samesite="Lax",
                secure=door.config().cookies_are_secure,
            )
    return answer
