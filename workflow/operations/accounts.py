"""Accounts and how people sign in: everything the door does, each with one entry and never with a secret in it.

`epoch` is what a session must still match; it moves at sign-out, password change and disabling, so older cookies open
nothing. Passwords are checked outside the transaction, for that takes its time, and alike for every login there is
or is not.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from models import Account, Person, new_key
from models import Knock as Failures
from models.changes import INSERT, UPDATE, Change, write
from models.database import insert_into
from workflow.context import Actor, Context, Source
from workflow.errors import WorkflowError
from workflow.operations.deeds import (
    GUARDED,
    OFFICE,
    Done,
    Faults,
    Role,
    demand,
    found,
    held_roles,
    record,
)

PASSWORD_SHORTEST, PASSWORD_LONGEST = 10, 200
FREE_FAILURES = 5
"""Failures in a row before the door closes for a while."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
DOORKEEPER = "sign_in"
"""The system's name for whoever knocks before they are known."""

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,59}")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""What a first password is made of: nothing that looks like something else."""

_hasher = PasswordHasher()


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    """A hash no password fits, to spend the same time on a login that does not exist."""
    return _hasher.hash(secrets.token_urlsafe(32))


def canonical_login(text: str) -> str:
    """The spelling a login is kept and compared in."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def new_password() -> str:
    """Make a first password: four groups of four letters and digits, about 80 bits."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


# ───────────────────────────── Signing in and out


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """A login and whether the password fitted the hash that was kept then."""

    account_id: str | None
    password_hash: str | None
    fits: bool
    mark: str = ""
    """The login's keyed hash, under which failures with a login nobody has are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who came in, and what their session must match from now on."""

    account_id: str
    person_id: str
    epoch: int
    first_time: bool


def mark_of(login: str, *, secret: str) -> str:
    """A login's keyed hash: alike for every spelling of it, and useless without the secret."""
    return keyed("login", canonical_login(login), secret=secret)


def keyed(sort: str, text: str, *, secret: str) -> str:
    """The keyed hash of what somebody gave at the door, told apart by its sort; useless without the secret."""
    given = f"{sort}\n{text}".encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode(), given, hashlib.sha256).hexdigest()


def knock(session: Session, login: str, password: str, *, at: datetime, secret: str) -> Knock:
    """Compare a password; it takes the same time whether the login exists or not. Reads only.

    While the door is shut to a login nothing is compared: guessing costs us no more than an entry.
    """
    row = session.execute(_account_of(Account.login == canonical_login(login)[:60])).first()
    mark = mark_of(login, secret=secret)
    until = (
        row.locked_until
        if row
        else session.scalar(select(Failures.locked_until).where(Failures.mark == mark))
    )
    return _compared(row, password, mark=mark, shut=until is not None and until > at)


def knock_again(session: Session, account_id: str, password: str) -> Knock:
    """Compare the password of an account that is signed in already."""
    return _compared(session.execute(_account_of(Account.id == account_id)).first(), password)


def _account_of(which: ColumnElement[bool]) -> Any:
    return select(Account.id, Account.password_hash, Account.locked_until).where(which)


def _compared(row: Any, password: str, *, mark: str = "", shut: bool = False) -> Knock:
    kept = row.password_hash if row else _nobodys_hash()
    fits = not shut and _fits(kept, password) and row is not None
    return Knock(
        account_id=row.id if row else None,
        password_hash=row.password_hash if row else None,
        fits=fits,
        mark=mark,
    )


def _fits(password_hash: str, password: str) -> bool:
    try:
        _hasher.verify(password_hash, password[:PASSWORD_LONGEST])
    except (Argon2Error, InvalidHashError):
        return False
    return len(password) <= PASSWORD_LONGEST


def sign_in(session: Session, knocked: Knock, *, at: datetime, source: Source) -> SignedIn | None:
    """Let somebody in, or count the failure; either way with one entry. None for every kind of refusal alike."""
    account = _locked(session, knocked.account_id)
    if account is None:
        _turn_away_unknown(session, knocked.mark, at=at, source=source)
        return None
    open_door = account["disabled_at"] is None and (
        account["locked_until"] is None or account["locked_until"] <= at
    )
    if not (knocked.fits and open_door and account["password_hash"] == knocked.password_hash):
        _turn_away(session, account, at=at, source=source)
        return None
    ctx = Context(actor=Actor(person=account["person_id"], account=account["id"]), at=at, source=source)
    change = _account_change(account, failed_count=0, locked_until=None, last_login_at=at)
    record(
        session,
        f"person:{account['person_id']}",
        kind="signed_in",
        subject=account["id"],
        changes=[change],
        ctx=ctx,
    )
    return SignedIn(
        account_id=account["id"],
        person_id=account["person_id"],
        epoch=account["epoch"],
        first_time=account["last_login_at"] is None,
    )


def _locked(session: Session, account_id: str | None) -> dict[str, Any] | None:
    if account_id is None:
        return None
    row = (
        session.execute(select(Account.__table__).where(Account.id == account_id).with_for_update())
        .mappings()
        .first()
    )
    return dict(row) if row is not None else None


def _turn_away(session: Session, account: dict[str, Any], *, at: datetime, source: Source) -> None:
    """Count a failure while the door is open; what was typed is never kept, for it may be a password."""
    ctx = Context(actor=Actor(system=DOORKEEPER), at=at, source=source)
    changes = []
    paused = account["locked_until"] is not None and account["locked_until"] > at
    if not paused and account["disabled_at"] is None:
        failures = account["failed_count"] + 1
        changes.append(
            _account_change(account, failed_count=failures, locked_until=_pause_until(failures, at))
        )
    record(
        session,
        f"person:{account['person_id']}",
        kind="sign_in_failed",
        subject=account["id"],
        changes=changes,
        ctx=ctx,
        content={"account": account["id"]},
    )


def _turn_away_unknown(session: Session, mark: str, *, at: datetime, source: Source) -> None:
    """Count a failure with a login nobody has, as one with an account is counted."""
    ctx = Context(actor=Actor(system=DOORKEEPER), at=at, source=source)
    count_failure(session, mark, at=at)
    record(
        session,
        "system:accounts",
        kind="sign_in_failed",
        subject="",
        changes=[],
        ctx=ctx,
        content={"mark": mark},
    )


def count_failure(session: Session, mark: str, *, at: datetime) -> bool:
    """Count a failure under a mark; False, and nothing is counted, while its door is shut."""
    session.execute(insert_into(session, Failures).values(mark=mark, failed_count=0).on_conflict_do_nothing())
    row = session.execute(select(Failures.__table__).where(Failures.mark == mark).with_for_update()).one()
    if row.locked_until is not None and row.locked_until > at:
        return False
    counted = {
        "failed_count": row.failed_count + 1,
        "locked_until": _pause_until(row.failed_count + 1, at),
    }
    write(session, [Change(table="knocks", op=UPDATE, key=mark, values=counted)])
    return True


def _pause_until(failures: int, at: datetime) -> datetime | None:
    """After five failures a minute, doubled with each further one, at most an hour."""
    if failures < FREE_FAILURES:
        return None
    doublings = min(failures - FREE_FAILURES, 10)
    return at + min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def sign_out(session: Session, *, ctx: Context) -> None:
    """End every session of the account that acts."""
    account = found(_locked(session, ctx.actor.account))
    change = _account_change(account, epoch=account["epoch"] + 1)
    record(session, ctx.actor.text, kind="signed_out", subject=account["id"], changes=[change], ctx=ctx)


# ───────────────────────────── The account's own password


def change_password(session: Session, knocked: Knock, *, new: str, ctx: Context) -> int | None:
    """Change the password of the account that acts; return its new epoch, or None when the old one did not fit.

    A wrong old password counts as a failure at the door. Raises BadInput for a new one that is too plain.
    """
    account = found(_locked(session, ctx.actor.account))
    faults = Faults()
    _good_password(faults, "new", new, login=account["login"])
    faults.done()
    paused = account["locked_until"] is not None and account["locked_until"] > ctx.at
    if paused or not knocked.fits or account["password_hash"] != knocked.password_hash:
        _turn_away(session, account, at=ctx.at, source=ctx.source)
        return None
    epoch = int(account["epoch"]) + 1
    change = _account_change(account, password_hash=_hasher.hash(new), epoch=epoch, failed_count=0)
    record(session, ctx.actor.text, kind="password_changed", subject=account["id"], changes=[change], ctx=ctx)
    return epoch


def _good_password(faults: Faults, name: str, password: str, *, login: str) -> None:
    if len(password) < PASSWORD_SHORTEST:
        faults.add(name, "password_too_short", shortest=PASSWORD_SHORTEST)
    elif len(password) > PASSWORD_LONGEST:
        faults.add(name, "too_long", longest=PASSWORD_LONGEST, length=len(password))
    elif (login and login in password.casefold()) or len(set(password)) < PASSWORD_SHORTEST // 2:
        faults.add(name, "password_too_plain")


# ───────────────────────────── What the office does to accounts


def create_account(
    session: Session, *, person_id: str, login: str, password: str, reason: str, ctx: Context
) -> Done:
    """Give a person a way to sign in. Raises BadInput for a login in use or a password that is too plain."""
    return create_accounts(session, {login: person_id}, password=password, reason=reason, ctx=ctx)[0]


def create_accounts(
    session: Session, people: Mapping[str, str], *, password: str, reason: str, ctx: Context
) -> list[Done]:
    """Give people, by login, a way to sign in with one password, such as that of a demonstration; it is hashed once.

    Raises BadInput as `create_account` does.
    """
    demand(session, ctx, *OFFICE)
    asked = [
        (person_id, *_new_login(session, person_id, login, password, reason, ctx))
        for login, person_id in people.items()
    ]
    password_hash = _hasher.hash(password)
    return [_opened(session, person_id, name, password_hash, why, ctx) for person_id, name, why in asked]


def _new_login(
    session: Session, person_id: str, login: str, password: str, reason: str, ctx: Context
) -> tuple[str, str]:
    """The login as it is kept and the reason, both found good."""
    found(session.execute(select(Person.id).where(Person.id == person_id)).first(), person=person_id)
    _guarded_person(session, person_id, ctx)
    faults = Faults()
    name = canonical_login(faults.line("login", login) or "")
    if name and not _LOGIN.fullmatch(name):
        faults.add("login", "not_a_login")
    elif name and session.scalar(select(Account.id).where(Account.login == name)) is not None:
        faults.add("login", "taken")
    _good_password(faults, "password", password, login=name)
    why = faults.reason(reason)
    faults.done()
    return name, why


def _opened(session: Session, person_id: str, name: str, password_hash: str, why: str, ctx: Context) -> Done:
    row = {
        "id": new_key(),
        "person_id": person_id,
        "login": name,
        "password_hash": password_hash,
        "epoch": 0,
        "disabled_at": None,
        "failed_count": 0,
        "locked_until": None,
        "last_login_at": None,
        "created_at": ctx.at,
    }
    change = Change(table="accounts", op=INSERT, key=str(row["id"]), values=row)
    return _recorded(session, row, "account_created", change, why, ctx)


def set_password(session: Session, account_id: str, *, password: str, reason: str, ctx: Context) -> Done:
    """Give an account another password, end its sessions and open the door again if failures had closed it."""
    account = _to_change(session, account_id, ctx)
    faults = Faults()
    _good_password(faults, "password", password, login=account["login"])
    why = faults.reason(reason)
    faults.done()
    change = _account_change(
        account,
        password_hash=_hasher.hash(password),
        epoch=account["epoch"] + 1,
        failed_count=0,
        locked_until=None,
    )
    return _recorded(session, account, "password_set", change, why, ctx)


def disable_account(session: Session, account_id: str, *, reason: str, ctx: Context) -> Done:
    """Close an account at once, its sessions too. Raises WorkflowError `own_account` or `already_disabled`."""
    account = _to_change(session, account_id, ctx)
    if account_id == ctx.actor.account:
        raise WorkflowError("own_account")
    if account["disabled_at"] is not None:
        raise WorkflowError("already_disabled", at=account["disabled_at"])
    change = _account_change(account, disabled_at=ctx.at, epoch=account["epoch"] + 1)
    return _recorded(session, account, "account_disabled", change, _reason(reason), ctx)


def enable_account(session: Session, account_id: str, *, reason: str, ctx: Context) -> Done:
    """Open a disabled account again. Raises WorkflowError `not_disabled`."""
    account = _to_change(session, account_id, ctx)
    if account["disabled_at"] is None:
        raise WorkflowError("not_disabled")
    change = _account_change(account, disabled_at=None, failed_count=0, locked_until=None)
    return _recorded(session, account, "account_enabled", change, _reason(reason), ctx)


def end_sessions(session: Session, account_id: str, *, reason: str, ctx: Context) -> Done:
    """Sign an account out everywhere."""
    account = _to_change(session, account_id, ctx)
    change = _account_change(account, epoch=account["epoch"] + 1)
    return _recorded(session, account, "sessions_ended", change, _reason(reason), ctx)


def _to_change(session: Session, account_id: str, ctx: Context) -> dict[str, Any]:
    demand(session, ctx, *OFFICE)
    account = found(_locked(session, account_id), account=account_id)
    _guarded_person(session, account["person_id"], ctx)
    return account


def _guarded_person(session: Session, person_id: str, ctx: Context) -> None:
    """The accounts of those who watch over the office are an administrator's to touch: a password is a right."""
    if held_roles(session, person_id, today=ctx.today) & GUARDED:
        demand(session, ctx, Role.ADMINISTRATOR)


def _reason(reason: str) -> str:
    faults = Faults()
    why = faults.reason(reason)
    faults.done()
    return why


def _account_change(account: dict[str, Any], **values: Any) -> Change:
    return Change(table="accounts", op=UPDATE, key=account["id"], values=values)


def _recorded(
    session: Session, account: dict[str, Any], kind: str, change: Change, why: str, ctx: Context
) -> Done:
    return record(
        session,
        f"person:{account['person_id']}",
        kind=kind,
        subject=account["id"],
        changes=[change],
        ctx=ctx,
        content={"reason": why, "account": account["id"]},
    )
