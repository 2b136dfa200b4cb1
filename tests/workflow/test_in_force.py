"""A grant or a duty is in force on the same days to the database and to whoever reads its row."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from models import Duty, Grant, new_key
from tests.university import University
from workflow.in_force import duty_holds, grant_holds
from workflow.snapshot import holds

DAY = date(2026, 3, 10)
BEFORE, AFTER = date(2026, 3, 9), date(2026, 3, 11)

DAYS = [
    (BEFORE, None, True),
    (DAY, None, True),
    (AFTER, None, False),
    (BEFORE, AFTER, True),
    (DAY, DAY, True),
    (BEFORE, BEFORE, False),
]


@pytest.mark.parametrize("revoked", [False, True])
@pytest.mark.parametrize(("from_on", "until_on", "in_force"), DAYS)
def test_grant_holds_between_its_days_until_it_is_revoked(
    university: University, from_on: date, until_on: date | None, in_force: bool, revoked: bool
) -> None:
    key = new_key()
    with university.database.transaction() as session:
        session.add(
            Grant(
                id=key, person_id=university.people["stranger"], role="auditor", reason="test",
                from_on=from_on, until_on=until_on, revoked_at=university.at if revoked else None,
            )
        )  # fmt: skip

    with university.database.reading() as session:
        found = session.scalar(select(Grant.id).where(Grant.id == key, grant_holds(DAY)))
        row = session.execute(select(Grant.__table__).where(Grant.id == key)).mappings().one()

    assert (found == key, holds(dict(row), DAY)) == (in_force and not revoked,) * 2


@pytest.mark.parametrize(("from_on", "until_on", "in_force"), DAYS)
def test_duty_holds_between_its_days(
    university: University, from_on: date, until_on: date | None, in_force: bool
) -> None:
    case_id, key = university.open(), new_key()
    with university.database.transaction() as session:
        session.add(
            Duty(
                id=key, case_id=case_id, person_id=university.people["stranger"], role="partner_manager",
                from_on=from_on, until_on=until_on,
            )
        )  # fmt: skip

    with university.database.reading() as session:
        found = session.scalar(select(Duty.id).where(Duty.id == key, duty_holds(DAY)))
        row = session.execute(select(Duty.__table__).where(Duty.id == key)).mappings().one()

    assert (found == key, holds(dict(row), DAY)) == (in_force,) * 2
