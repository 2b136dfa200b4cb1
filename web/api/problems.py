"""Answers to what cannot be done: problem details (RFC 9457), each of a type that a program can tell apart."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, current_app
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from models.database import ReadOnly
from web.api.shapes.entries import Entry
from web.api.shapes.problems import Fault, Kind, Problem, Reason
from web.api.tongue import language, t
from workflow.errors import NotFound, WorkflowError

MEDIA_TYPE = "application/problem+json"


STATUS: Mapping[Kind, int] = {
    Kind.MALFORMED: 400,
    Kind.TOO_DEEP: 400,
    Kind.BAD_QUERY: 400,
    Kind.BAD_HEADER: 400,
    Kind.KEY_MISSING: 400,
    Kind.NO_TOKEN: 401,
    Kind.NOT_ALLOWED: 403,
    Kind.NOT_FOUND: 404,
    Kind.WRONG_METHOD: 405,
    Kind.STALE: 409,
    Kind.TOO_LARGE: 413,
    Kind.WRONG_MEDIA_TYPE: 415,
    Kind.BAD_INPUT: 422,
    Kind.REFUSED: 422,
    Kind.UNCONFIRMED: 422,
    Kind.KEY_REUSED: 422,
    Kind.VERSION_MISSING: 428,
    Kind.READ_ONLY: 503,
    Kind.FAILED: 500,
}


class Refused(Exception):
    """A request that gets a problem for an answer."""

    def __init__(
        self,
        kind: Kind,
        *,
        blockers: list[Reason] | None = None,
        warnings: list[Reason] | None = None,
        faults: list[Fault] | None = None,
        since: list[Entry] | None = None,
        version: int | None = None,
    ) -> None:
        super().__init__(str(kind))
        self.kind = kind
        self.blockers, self.warnings, self.faults = blockers, warnings, faults
        self.since, self.version = since, version


def answer_to(error: Exception) -> Response:
    """The answer to anything raised while a request of the API was served."""
    refused = refused_as(error)
    if refused is not None:
        return _answer(refused)
    if isinstance(error, HTTPException):
        return _of_http(error)
    current_app.logger.exception("a request of the API failed", exc_info=error)
    return _answer(Refused(Kind.FAILED))


def refused_as(error: Exception) -> Refused | None:
    """The problem an error stands for; None for one that is a fault of ours, or of the web framework's."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, NotFound):
        return Refused(Kind.NOT_FOUND)
    if isinstance(error, ReadOnly):
        return Refused(Kind.READ_ONLY)
    if isinstance(error, WorkflowError) and error.code == "key_reused":
        return Refused(Kind.KEY_REUSED)
    return None


def problem_of(refused: Refused) -> Problem:
    """The problem in the caller's language."""
    kind = refused.kind
    return Problem(
        type=kind,
        status=STATUS[kind],
        title=t(f"problem.{kind}.title"),
        detail=t(f"problem.{kind}.detail"),
        blockers=refused.blockers,
        warnings=refused.warnings,
        faults=refused.faults,
        since=refused.since,
        version=refused.version,
    )


def _answer(refused: Refused) -> Response:
    kind = refused.kind
    response = _response(problem_of(refused), STATUS[kind])
    if kind is Kind.NO_TOKEN:
        response.headers["WWW-Authenticate"] = 'Bearer realm="lianpei"'
    return response


HTTP: Mapping[int, Kind] = {
    404: Kind.NOT_FOUND,
    405: Kind.WRONG_METHOD,
    413: Kind.TOO_LARGE,
    415: Kind.WRONG_MEDIA_TYPE,
}


def _of_http(error: HTTPException) -> Response:
    """What the web framework refuses by itself, in the same dress; its own headers (such as Allow) stay."""
    code = error.code or 500
    kind = HTTP.get(code, Kind.MALFORMED if code < 500 else Kind.FAILED)
    response = _answer(Refused(kind))
    response.status_code = code
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _response(problem: BaseModel, status: int) -> Response:
    said_nothing = {name for name in type(problem).model_fields if getattr(problem, name) is None}
    response = Response(problem.model_dump_json(exclude=said_nothing), status=status, content_type=MEDIA_TYPE)
    response.headers["Content-Language"] = language()
    return response
