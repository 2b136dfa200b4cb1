"""Which roles can be given: those of every published lifecycle and the installation's own, for as long as a case knows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models import Database, Grant
from tests.university import University
from tests.workflow.test_station import COLLEGE, STATION, application, founded
from workflow.context import Actor, Context, Source
from workflow.definition import load
from workflow.errors import BadInput
from workflow.operations.deeds import Done, Role
from workflow.operations.editions import publish
from workflow.operations.office import give_grant, revoke_grant
from workflow.queries.roles import Roles, roles_of

WARDEN = 'warden = { basis = "2", zh = "督导", en = "warden" }\n'


@pytest.fixture
def bases(sqlite_database: Database) -> University:
    return University.founded(sqlite_database)


@pytest.fixture
def stations(sqlite_database: Database) -> University:
    return founded(sqlite_database)


def published(here: University, label: str, *, more: str = "", **changed: str) -> University:
    """Publish an edition of the stations' file, with more roles and some words changed; the university acts under it."""
    text = STATION.read_text(encoding="utf-8").replace('edition    = "1"', f'edition    = "{label}"')
    for old, new in changed.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    source = text.replace("[roles]\n", f"[roles]\n{more}").encode()
    here.at += timedelta(minutes=1)
    ctx = Context(actor=Actor(system="cli"), at=here.at, source=Source.COMMAND)
    with here.database.transaction() as session:
        publish(session, source, ctx=ctx)
    return replace(here, definition=load(source))


def known(here: University) -> Roles:
    with here.database.reading() as session:
        return roles_of(session)


def give(here: University, role: str, *, unit: str | None = None, to: str = "stranger") -> Done:
    return here.database.run(
        lambda session: give_grant(
            session, person_id=here.people[to], role=role, unit_id=here.units[unit] if unit else None,
            from_on=date(2026, 3, 1), until_on=None, reason="elected", ctx=here.ctx("administrator"),
        )
    )  # fmt: skip


def faults(here: University, role: str, **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(BadInput) as bad:
        give(here, role, **more)
    return [(fault.field, fault.code) for fault in bad.value.faults]


# ───────────────────────────── Which there are


def test_bases_alone_have_the_installations_roles_by_their_names(bases: University) -> None:
    roles = known(bases)

    assert list(roles.given) == [str(role) for role in Role]
    assert roles.text("college_head", "zh") == "培养单位负责人"
    assert [name for name, role in roles.known.items() if role.on_a_unit] == [
        "project_leader", "college_officer", "college_head",
    ]  # fmt: skip


def test_second_lifecycle_adds_its_roles_told_with_its_name(bases: University) -> None:
    published(bases, "1")

    roles = known(bases)

    assert list(roles.given)[len(Role) :] == ["applicant", "dean", "secretariat", "assessor", "committee"]
    assert [roles.text("dean", language) for language in ("zh", "en")] == [
        "研究生工作站 · 院长",
        "graduate station · dean",
    ]
    assert roles.text("college_head", "zh") == "研究生联合培养基地（联培基地） · 培养单位负责人"
    assert roles.text("auditor", "zh") == "审计员"
    assert roles.label("dean", "en") == "dean"


def test_role_two_lifecycles_name_is_told_with_both(bases: University) -> None:
    published(bases, "1")
    published(bases, "1", station="centre", 研究生工作站="研究中心")

    assert known(bases).text("dean", "zh") == "研究生工作站、研究中心 · 院长"


def test_duty_is_known_and_not_given_unless_it_opens_cases(bases: University) -> None:
    published(bases, "1", more='guest = { basis = "2", held = "duty", zh = "来宾", en = "guest" }\n')

    roles = known(bases)

    assert ("guest" in roles.known, "guest" in roles.given) == (True, False)
    assert "applicant" in roles.given
    assert faults(bases, "guest") == [("role", "unknown_role")]


# ───────────────────────────── Giving one


@pytest.mark.parametrize("role", ["applicant", "dean"])
def test_role_of_a_unit_asks_for_one(stations: University, role: str) -> None:
    assert faults(stations, role) == [("unit", "missing")]
    assert give(stations, role, unit=COLLEGE).seq == 1


def test_role_held_everywhere_asks_for_no_unit(stations: University) -> None:
    assert give(stations, "secretariat").seq == 1


def test_unknown_role_is_told_which_there_are(stations: University) -> None:
    with pytest.raises(BadInput) as bad:
        give(stations, "rector")

    (fault,) = bad.value.faults
    assert {"administrator", "dean", "committee"} <= {*fault.params["roles"]}


# ───────────────────────────── A later edition


def test_role_left_out_is_given_while_a_case_follows_the_earlier_edition(stations: University) -> None:
    older = published(stations, "2", more=WARDEN)
    case_id = older.open("applicant", COLLEGE)
    older.done(case_id, "apply", "applicant", **application(older, case_id))
    published(older, "3")
    while_living = known(older)
    given = give(older, "warden")

    older.done(case_id, "give_up", "applicant")

    assert "warden" in while_living.given
    assert "warden" not in known(older).given
    assert known(older).text("warden", "zh") == "督导"
    assert faults(older, "warden", to="expert") == [("role", "unknown_role")]
    older.database.run(
        lambda session: revoke_grant(session, given.subject, reason="left", ctx=older.ctx("administrator"))
    )
    with older.database.reading() as session:
        assert session.scalars(select(Grant.revoked_at).where(Grant.role == "warden")).all() == [older.at]


def test_role_nobody_names_is_called_by_its_name(bases: University) -> None:
    assert known(bases).text("nobody", "zh") == "nobody"
    assert known(bases).label("nobody", "en") == "nobody"
