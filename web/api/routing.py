"""One declaration per route: it registers the route, reads the request, writes the answer and feeds the description.

A view gets a `Call`, the parts of the path, and `query` or `body` where the route has them; it returns a shape or a
`Reply`. So what the description says and what the route reads cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, Response
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from web import door
from web.api.bearing import bearer
from web.api.reading import read_body, read_key, read_query, read_version
from web.api.shapes.parts import Shape
from web.api.tongue import language
from workflow import clock
from workflow.context import Actor, Context, Source
from workflow.errors import NotFound
from workflow.queries import Rights, rights_of
from workflow.queries.tokens import Bearer

T = TypeVar("T")
View = Callable[..., "Reply | Shape | Response"]

KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


class Seen(Enum):
    """Whether a route wants the version of the case the caller has seen."""

    NEVER = "never"
    WELCOME = "welcome"
    WANTED = "wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one route, as it is served and described."""

    name: str
    method: str
    path: str
    answer: type[Shape] | None
    statuses: tuple[int, ...]
    """Good answers; all have the shape `answer`, or are a file where there is none."""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    upload: bool = False
    key: bool = False
    seen: Seen = Seen.NEVER
    decides: bool = False
    """An act: it may be refused, or stale."""
    guarded: bool = False
    """Only some roles may ask at all."""
    tagged: bool = False
    """The answer carries the case's version as its entity tag."""


OPERATIONS: list[Operation] = []
"""Every route of the API but the description itself, in the order they are declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a view works with while the database is open: a session, and who acts when under which rights."""

    session: Session
    ctx: Context
    rights: Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: who calls, and what its headers say."""

    bearer: Bearer
    language: str
    key: str | None
    version: int | None

    @contextmanager
    def reading(self) -> Iterator[Desk]:
        """A desk that cannot write."""
        with door.database().reading() as session:
            yield self._desk(session)

    def act(self, work: Callable[[Desk], T]) -> T:
        """Do `work` in a transaction, again after a passing fault of the database."""
        database = door.database()
        try:
            return database.run(lambda session: work(self._desk(session)))
        except IntegrityError:
            # The same key came with another request at the same instant; a second look finds whose it is.
            return database.run(lambda session: work(self._desk(session)))

    def _desk(self, session: Session) -> Desk:
        actor = Actor(person=self.bearer.person_id, account=self.bearer.account_id)
        ctx = Context(actor=actor, at=clock.now(session), source=Source.API, key=self.key)
        return Desk(
            session=session, ctx=ctx, rights=rights_of(session, self.bearer.person_id, today=ctx.today)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer with a status or headers of its own."""

    body: Shape
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def tag(version: int) -> dict[str, str]:
    """The header that states a case's version."""
    return {"ETag": f'"{version}"'}


def operation(method: str, path: str, **rest: Any) -> Callable[[View], View]:
    """Serve a view under a path; the other arguments are those of `Operation`."""

    def register(view: View) -> View:
        rest.setdefault("statuses", (200,))
        known = Operation(name=view.__name__, method=method, path=path, **rest)
        OPERATIONS.append(known)
        blueprint.add_url_rule(path, view.__name__, _served(view, known), methods=[method])
        return view

    return register


def _served(view: View, known: Operation) -> Callable[..., Response]:
    @wraps(view)
    def serve(**path: str) -> Response:
        caller = bearer()
        _known_path(path)
        query = read_query(known.query or Shape)
        call = Call(
            bearer=caller,
            language=language(),
            key=read_key() if known.key else None,
            version=None if known.seen is Seen.NEVER else read_version(required=known.seen is Seen.WANTED),
        )
        given: dict[str, Any] = {"query": query} if known.query else {}
        if known.body is not None:
            given["body"] = read_body(known.body)
        return written(view(call, **path, **given))

    return serve


def _known_path(path: Mapping[str, str]) -> None:
    """Raise NotFound for a part of the path that can name nothing, before it reaches the database."""
    for name, value in path.items():
        if not (KEY if name.endswith("_id") else NAME).fullmatch(value):
            raise NotFound("no_such_page", part=name)


def written(answer: Reply | Shape | Response) -> Response:
    """The answer as a response; what is true for one caller now is stored nowhere."""
    if isinstance(answer, Shape):
        answer = Reply(body=answer)
    if isinstance(answer, Reply):
        response = Response(answer.body.model_dump_json(), status=answer.status, mimetype="application/json")
        response.headers.extend(answer.headers)
    else:
        response = answer
    response.headers["Content-Language"] = language()
    response.headers["Vary"] = "Accept-Language, Authorization"
    response.headers["Cache-Control"] = "no-store"
    return response
