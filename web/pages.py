"""What the pages share: one consistent look at the database, addresses that stay on this site, keys that make repeats harmless."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import request, url_for
from sqlalchemy.orm import Session

from web import door
from web.auth import local_address
from workflow import queries
from workflow.blockers import Fault
from workflow.context import Context
from workflow.errors import BadInput
from workflow.explain.names import Badge, badge_of
from workflow.queries import Case, Names, Page, Rights
from workflow.queries.roles import roles_of
from workflow.snapshot import Row
from workflow.world import editions_in_use

KEY = re.compile(r"[A-Za-z0-9_-]{16,80}")
NUMBER = re.compile(r"\d{1,9}", re.ASCII)
LIFECYCLE = "base"
"""The lifecycle these pages are about."""
PROPOSAL = "submit"
"""The act whose form is filled in section by section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the database on behalf of the reader of this request."""

    session: Session
    ctx: Context
    rights: Rights
    language: str


@contextmanager
def looking() -> Iterator[Look]:
    """Give a session that sees one consistent state, the reader's rights in it and their language."""
    with door.database().reading() as session:
        yield look_at(session, door.context(session))


def look_at(session: Session, ctx: Context) -> Look:
    """The same in a session that is already open, such as the transaction of an act."""
    rights = queries.rights_of(session, str(ctx.actor.person), today=ctx.today)
    return Look(session=session, ctx=ctx, rights=rights, language=door.language())


def case_seen(look: Look, case_id: str, act: str | None, *, values: Mapping[str, Any] | None = None) -> Case:
    """The case with what its act needs. Raises NotFound for one the reader may not see, or that does not exist."""
    queries.seen(look.session, look.rights, case_id)
    return queries.case_for(look.session, case_id, ctx=look.ctx, act=act, values=values)


def names_for(look: Look, case: Case, *, people: Iterable[str | None] = ()) -> Names:
    return queries.names_of(
        look.session,
        people=people,
        documents=case.snapshot.table("documents"),
        partners=case.snapshot.partners,
    )


# ───────────────────────────── What came with the request


def back() -> str | None:
    """Where the reader came from, as a filtered list tells it."""
    return local_address(request.values.get("back"))


def here() -> str:
    """The address of this page with its filters, to come back to."""
    return request.full_path.rstrip("?") if request.query_string else request.path


def new_request_key() -> str:
    """A key for one form: sent twice, it acts once."""
    return secrets.token_urlsafe(18)


def sent_key() -> str:
    """The key a form was given. Raises BadInput for one no page gave out."""
    key = request.form.get("key", "")
    if not KEY.fullmatch(key):
        raise BadInput((Fault(field="key", code="unreadable"),))
    return key


def sent_number(name: str) -> int:
    """A whole number a page put into its form. Raises BadInput for anything else."""
    text = request.form.get(name, "")
    if not NUMBER.fullmatch(text):
        raise BadInput((Fault(field=name, code="unreadable"),))
    return int(text)


def asked(name: str, *, longest: int = 100) -> str:
    """A filter of the address, trimmed, without what no name holds."""
    return storable(request.args.get(name, "")).strip()[:longest]


def asked_for() -> str | None:
    """The person for whom the reader says they act; whether they may is the engine's to say. Raises BadInput for no key."""
    text = request.values.get("for", "")
    if text and not key_in(text):
        raise BadInput((Fault(field="for", code="unreadable"),))
    return key_in(text) or None


def key_in(text: str) -> str:
    """The identifier a text spells, as rows have it; nothing where it spells none."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def storable(text: str) -> str:
    """A text with the one sign no database keeps made visible, so that what was typed can be saved and shown again."""
    return text.replace("\x00", "\ufffd")


# ───────────────────────────── Whom to ask


def roles_said(names: Iterable[str], language: str) -> list[str]:
    """What roles are called, for a refusal that outlived its session."""
    with door.database().reading() as session:
        roles = roles_of(session)
    return [roles.text(name, language) for name in names]


# ───────────────────────────── What the lists share


def turn(page: Page, endpoint: str, **filters: Any) -> dict[str, Any]:
    """The addresses of the pages before and after, with the filters kept."""
    kept = {name: value for name, value in filters.items() if value}
    return {
        "newer": url_for(endpoint, **kept, before=page.newer) if page.newer else None,
        "older": url_for(endpoint, **kept, after=page.older) if page.older else None,
        "shown": len(page.rows),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A base as a row of a list names it."""

    case_id: str
    name: str
    number: str
    badge: Badge
    college: str


def subjects(look: Look, rows: tuple[Row, ...]) -> list[Subject | None]:
    """The bases rows are about, None for a row of no case."""
    editions = editions_in_use(look.session)
    return [subject(row, editions, look.language) if row["case_id"] else None for row in rows]


def subject(row: Row, editions: Mapping[str, Any], language: str) -> Subject:
    return Subject(
        case_id=row["case_id"],
        name=row["base_name"] or row["partner_name"] or "",
        number=row["base_number"] or row["application_number"] or "",
        badge=badge_of(editions[row["edition_id"]], row["state"], language),
        college=row["college_name"] or "",
    )
