"""The secret address of a person's deadlines: made by them, replaced or ended at once, kept as a hash."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CalendarLink, new_key
from models.changes import INSERT, UPDATE, Change, write
from workflow import entries
from workflow.context import Context
from workflow.operations.tokens import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A fresh link: the only time its secret is known."""

    id: str
    secret: str


def issue(session: Session, *, everything: bool, ctx: Context) -> Address:
    """Make a link for the account that acts, in place of the one it has; with `everything`, to all its person may see.

    One entry in the person's stream tells of the new link and of the one it ends.
    """
    made = Address(id=new_key(), secret=secrets.token_urlsafe(32))
    row = {
        "id": made.id,
        "account_id": ctx.actor.account,
        "sha256": digest(made.secret),
        "everything": everything,
        "created_at": ctx.at,
        "revoked_at": None,
    }
    changes = [*_ending(session, ctx), Change(table="calendar_links", op=INSERT, key=made.id, values=row)]
    _write(session, "calendar_link_issued", made.id, changes, ctx)
    return made


def revoke(session: Session, *, ctx: Context) -> None:
    """End the link of the account that acts, at once and for ever; without one nothing happens."""
    changes = list(_ending(session, ctx))
    if changes:
        _write(session, "calendar_link_revoked", changes[0].key, changes, ctx)


def _ending(session: Session, ctx: Context) -> Iterator[Change]:
    living = (CalendarLink.account_id == ctx.actor.account, CalendarLink.revoked_at.is_(None))
    for key in session.scalars(select(CalendarLink.id).where(*living).with_for_update()):
        yield Change(table="calendar_links", op=UPDATE, key=key, values={"revoked_at": ctx.at})


def _write(session: Session, kind: str, link: str, changes: list[Change], ctx: Context) -> None:
    """The row that ends comes first: an account has one living link."""
    content = {"link": link}
    write(
        session,
        entries.append(session, ctx.actor.text, kind=kind, content=content, changes=changes, ctx=ctx),
    )
