"""What the pages share: one consistent look at the database, addresses that stay on this site, keys that make repeats harmless."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
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
from workflow.definition.values.edition import Definition
from workflow.errors import BadInput, NotFound
from workflow.explain.names import Badge, badge_of, title_of
from workflow.queries import Case, Names, Page, Rights
from workflow.queries.roles import roles_of
from workflow.snapshot import Row
from workflow.world import editions_in_use, lifecycles_in_use

KEY = re.compile(r"[A-Za-z0-9_-]{16,80}")
NUMBER = re.compile(r"\d{1,9}", re.ASCII)


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


def is_draft(definition: Definition, state: str) -> bool:
    """Whether a case in a state is a proposal that is still written, section by section."""
    return state == definition.initial and definition.proposal is not None


def is_proposal(definition: Definition, state: str, act: str) -> bool:
    """Whether an act is the sending in of a proposal that is still written."""
    return is_draft(definition, state) and definition.proposal is definition.acts.get(act)


# ───────────────────────────── Which lifecycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycles:
    """The lifecycles a page can be about, and the one it is about."""

    known: Mapping[str, Definition]
    current: Definition

    @property
    def are_several(self) -> bool:
        return len(self.known) > 1

    @property
    def in_address(self) -> str | None:
        """What an address of the page says; nothing of the first, which is meant without a word."""
        return self.current.name if self.current.name != next(iter(self.known)) else None

    def links(
        self, endpoint: str, language: str, *, among: Collection[str] | None = None
    ) -> tuple[dict[str, Any], ...]:
        """Each lifecycle, or each of some, with its page of a place; none where there is no choice."""
        offered = [one for name, one in self.known.items() if among is None or name in among]
        if len(offered) < 2:
            return ()
        return tuple(
            {
                "label": title_of(one.label, language),
                "href": url_for(endpoint, lifecycle=one.name),
                "here": one is self.current,
            }
            for one in offered
        )


def lifecycles(look: Look, *, named: str = "", usual: str = "") -> Lifecycles:
    """The published lifecycles with the one that is named here or in the address, else the usual, else the first.

    Raises NotFound for one there is none of.
    """
    known = lifecycles_in_use(look.session)
    wanted = named or asked("lifecycle") or usual or next(iter(known))
    if wanted not in known:
        raise NotFound("no_such_lifecycle", lifecycle=wanted)
    return Lifecycles(known=known, current=known[wanted])


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
