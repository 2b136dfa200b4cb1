"""What every view needs of the request: the database, who acts and when, the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import current_app, request
from flask_login import current_user
from sqlalchemy.orm import Session

from models import Database
from web.config import Config
from workflow import clock
from workflow.context import Actor, Context, Source
from workflow.words import LANGUAGES

T = TypeVar("T")


def database() -> Database:
    found: Database = current_app.extensions["lianpei.database"]
    return found


def config() -> Config:
    found: Config = current_app.extensions["lianpei.config"]
    return found


def language() -> str:
    """The reader's language: their cookie, else what the browser prefers, else Chinese."""
    chosen = request.cookies.get("lang")
    if chosen in LANGUAGES:
        return str(chosen)
    return request.accept_languages.best_match(["zh", "zh-CN", "en"], default="zh")[:2]


def actor() -> Actor:
    """The signed-in person in the account they signed in with. Taken from the session, never from input."""
    return Actor(person=current_user.person_id, account=current_user.account_id or None)


def is_guest() -> bool:
    """Whether the reader came by a one-time link: they see one matter and no list."""
    return bool(getattr(current_user, "invitation_id", ""))


def context(session: Session, *, key: str | None = None, source: Source = Source.PAGE) -> Context:
    """The circumstances of an act by the person of this request, at this instant."""
    return Context(actor=actor(), at=clock.now(session), source=source, key=key)


def act(work: Callable[[Session, Context], T], *, key: str | None = None, source: Source = Source.PAGE) -> T:
    """Run `work` in a transaction, again after a passing fault of the database.

    Give a key for anything that must not happen twice when the answer of a commit was lost.
    """
    return database().run(lambda session: work(session, context(session, key=key, source=source)))
