"""Which grants and duties are in force on a day, as conditions for the database; of rows, `snapshot.holds` says the same."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, and_, or_

from models import Duty, Grant


def grant_holds(day: date) -> ColumnElement[bool]:
    """Given by the day, neither over nor taken back."""
    return and_(
        Grant.revoked_at.is_(None),
        Grant.from_on <= day,
        or_(Grant.until_on.is_(None), Grant.until_on >= day),
    )


def duty_holds(day: date) -> ColumnElement[bool]:
    """Begun by the day and not over."""
    return and_(Duty.from_on <= day, or_(Duty.until_on.is_(None), Duty.until_on >= day))
