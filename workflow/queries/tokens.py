"""Tokens: whom one stands for, and the list of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Account, ApiToken, Person
from workflow.operations.tokens import digest
from workflow.snapshot import Row

MOST_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """The person and account a token stands for."""

    token_id: str
    token_name: str
    expires_at: datetime
    last_used_at: datetime | None
    account_id: str
    login: str
    person_id: str
    name: str
    language: str


def bearer_of(session: Session, text: str, *, at: datetime) -> Bearer | None:
    """Whom a token stands for; None for an unknown, revoked or expired one, and while its account is disabled."""
    row = (
        session.execute(
            select(
                ApiToken.id.label("token_id"),
                ApiToken.name.label("token_name"),
                ApiToken.expires_at,
                ApiToken.last_used_at,
                Account.id.label("account_id"),
                Account.login,
                Person.id.label("person_id"),
                Person.name,
                Person.language,
            )
            .join(Account, Account.id == ApiToken.account_id)
            .join(Person, Person.id == Account.person_id)
            .where(
                ApiToken.sha256 == digest(text),
                ApiToken.revoked_at.is_(None),
                ApiToken.expires_at > at,
                Account.disabled_at.is_(None),
            )
        )
        .mappings()
        .first()
    )
    return Bearer(**row) if row is not None else None


def tokens_of(session: Session, account_id: str) -> list[Row]:
    """The tokens of an account, newest first: id, name, created_at, expires_at, revoked_at, last_used_at."""
    rows = session.execute(
        select(
            ApiToken.id,
            ApiToken.name,
            ApiToken.created_at,
            ApiToken.expires_at,
            ApiToken.revoked_at,
            ApiToken.last_used_at,
        )
        .where(ApiToken.account_id == account_id)
        .order_by(ApiToken.id.desc())
        .limit(MOST_SHOWN)
    ).mappings()
    return [dict(row) for row in rows]
