"""Secrets by which programs act for a person: issued once, kept as a hash, ended by hand or by their last instant."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Account, ApiToken, Knock, new_key
from models.changes import INSERT, UPDATE, Change, write
from workflow import entries
from workflow.blockers import Fault
from workflow.context import Actor, Context, Source
from workflow.errors import BadInput, NotFound
from workflow.operations.accounts import DOORKEEPER, count_failure, keyed
from workflow.operations.deeds import record

LONGEST_NAME = 100
LONGEST_DAYS = 366
MARK = "lp_"
"""How every token begins, so that one that leaked is recognised."""

USED_AGAIN = timedelta(minutes=10)
"""A use is noted only this long after the one before, for reading must not cost a write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A fresh token: the only time its text is known."""

    id: str
    text: str
    expires_at: datetime


def digest(text: str) -> str:
    """The SHA-256 under which a token is kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def issue(session: Session, *, name: str, days: int, ctx: Context) -> Issued:
    """Make a token for the account that acts, good for so many days; one entry in the person's stream tells of it.

    Raises BadInput for a name that is empty or too long, and for a number of days outside 1 to 366.
    """
    name = name.strip()
    faults = [*_name_faults(name)]
    if not 1 <= days <= LONGEST_DAYS:
        faults.append(
            Fault(field="days", code="days_out_of_range", params={"first": 1, "last": LONGEST_DAYS})
        )
    if faults:
        raise BadInput(tuple(faults))
    token = Issued(
        id=new_key(), text=MARK + secrets.token_urlsafe(32), expires_at=ctx.at + timedelta(days=days)
    )
    row = {
        "id": token.id,
        "account_id": ctx.actor.account,
        "name": name,
        "sha256": digest(token.text),
        "created_at": ctx.at,
        "expires_at": token.expires_at,
        "revoked_at": None,
    }
    change = Change(table="api_tokens", op=INSERT, key=token.id, values=row)
    content = {"token": token.id}
    write(
        session,
        entries.append(
            session, ctx.actor.text, kind="token_issued", content=content, changes=[change], ctx=ctx
        ),
    )
    return token


def _name_faults(name: str) -> list[Fault]:
    if not name:
        return [Fault(field="name", code="name_missing")]
    if len(name) > LONGEST_NAME:
        return [Fault(field="name", code="too_long", params={"longest": LONGEST_NAME, "length": len(name)})]
    if not name.isprintable():
        return [Fault(field="name", code="control_characters")]
    return []


def revoke(session: Session, token_id: str, *, ctx: Context) -> None:
    """End a token of the account that acts, at once and for ever; a second time changes nothing.

    Raises NotFound for a token that does not exist or is somebody else's.
    """
    row = session.execute(
        select(ApiToken.account_id, ApiToken.revoked_at).where(ApiToken.id == token_id).with_for_update()
    ).first()
    if row is None or row.account_id != ctx.actor.account:
        raise NotFound("no_such_token", token=token_id)
    if row.revoked_at is not None:
        return
    change = Change(table="api_tokens", op=UPDATE, key=token_id, values={"revoked_at": ctx.at})
    content = {"token": token_id}
    write(
        session,
        entries.append(
            session, ctx.actor.text, kind="token_revoked", content=content, changes=[change], ctx=ctx
        ),
    )


def note_use(session: Session, token_id: str, *, at: datetime) -> None:
    """Remember when a token was last used; no entry, for what was done with it has its own."""
    write(session, [Change(table="api_tokens", op=UPDATE, key=token_id, values={"last_used_at": at})])


# ───────────────────────────── Tokens that open nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Unopened:
    """A token that opened nothing: where its failures are counted, where and how the log tells of it."""

    counted_as: str
    stream: str
    token_id: str
    """Of one that has ended or whose account is closed; empty for one nobody was ever given."""
    mark: str
    """Its keyed hash, by which an unknown one is recognised when it comes again."""


def unopened(session: Session, text: str, *, at: datetime, secret: str) -> Unopened | None:
    """What is to be logged of a token that opened nothing; None while its door is shut. Reads only.

    Each token somebody was given has a door of its own; all that nobody was given share one, for they cost nothing to
    make up.
    """
    row = session.execute(
        select(ApiToken.id, Account.person_id)
        .join(Account, Account.id == ApiToken.account_id)
        .where(ApiToken.sha256 == digest(text))
    ).first()
    found = Unopened(
        counted_as=keyed("token of", row.id if row else "", secret=secret),
        stream=f"person:{row.person_id}" if row else "system:accounts",
        token_id=row.id if row else "",
        mark=keyed("token", text, secret=secret),
    )
    until = session.scalar(select(Knock.locked_until).where(Knock.mark == found.counted_as))
    return found if until is None or until <= at else None


def turn_away(session: Session, found: Unopened, *, at: datetime) -> None:
    """Log that a token opened nothing, unless its door was shut meanwhile; of its text nothing is kept."""
    if not count_failure(session, found.counted_as, at=at):
        return
    ctx = Context(actor=Actor(system=DOORKEEPER), at=at, source=Source.API)
    content = {"token": found.token_id} if found.token_id else {"mark": found.mark}
    record(
        session, found.stream, kind="sign_in_failed", subject=found.token_id, changes=[], ctx=ctx, content=content
    )  # fmt: skip
