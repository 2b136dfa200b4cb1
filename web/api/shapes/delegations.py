"""Delegations: one person acts for another."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import StringConstraints

from web.api.shapes.parts import Key, Named, Shape, Unit, Word


class NewDelegation(Shape):
    """One person is to act for another in a role, both days included; without a unit, wherever the role is held."""

    delegate_id: Key
    role: Word
    unit: Key | None = None
    from_on: date
    until_on: date
    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
    person_id: Key | None = None
    """The delegator: the caller, where it is left out; the office names somebody absent."""


class DelegationView(Shape):
    """One person acts for another in a role."""

    id: str
    person_id: str
    person: str
    delegate_id: str
    delegate: str
    role: Named
    unit: Unit | None
    from_on: date
    until_on: date
    reason: str
    granted_at: datetime
    revoked_at: datetime | None


class DelegationPage(Shape):
    """A page of delegations, the latest first."""

    items: list[DelegationView]
    newer: str | None
    older: str | None
