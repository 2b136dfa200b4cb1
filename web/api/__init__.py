"""The JSON API under /api/v1: the same acts and lists as the pages, for programs that hold a person's token."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from web.api import (
    acts,
    cases,
    deadlines,
    delegations,
    documents,
    each,
    entries,
    inbox,
    lifecycles,
    meetings,
    rounds,
)
from web.api.description import description
from web.api.problems import answer_to
from web.api.routing import blueprint
from web.api.tongue import language

__all__ = [
    "acts",
    "blueprint",
    "cases",
    "deadlines",
    "delegations",
    "documents",
    "each",
    "entries",
    "inbox",
    "init_app",
    "lifecycles",
    "meetings",
    "rounds",
]


def init_app(app: Flask, csrf: CSRFProtect) -> None:
    """Let the API in without the pages' form token, for it reads no cookie; answer wrong addresses in its own words."""
    csrf.exempt(blueprint)
    app.before_request_funcs.setdefault(None, []).insert(0, _misrouted)


def _misrouted() -> Response | None:
    """An address or a method the API does not have; the pages would send the caller to their sign-in form."""
    error = request.routing_exception
    inside = request.path == blueprint.url_prefix or request.path.startswith(f"{blueprint.url_prefix}/")
    if not inside or not isinstance(error, HTTPException) or isinstance(error, RequestRedirect):
        return None
    return answer_to(error)


@blueprint.errorhandler(Exception)
def _failed(error: Exception) -> Response:
    return answer_to(error)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The description of the API; it holds nothing secret, and anybody may read it."""
    answer = jsonify(description(language()))
    answer.headers["Vary"] = "Accept-Language"
    return answer
