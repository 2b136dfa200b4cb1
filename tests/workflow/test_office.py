"""The office's deeds: who may, what is refused and why, and exactly one entry for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from models import (
    Call,
    Entry,
    Grant,
    Incident,
    Installation,
    Notice,
    Person,
    Unit,
    UnitName,
    new_key,
)
from models.changes import INSERT, Change, write
from tests.university import University
from workflow.context import Context
from workflow.doctor import examine
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.operations import office, organisations
from workflow.operations.answers import Made, Receipt, Refusal, only_for
from workflow.operations.deeds import Done, Role, held_roles
from workflow.operations.repeats import once

TODAY = date(2026, 3, 10)


def _do(
    university: University, deed: Callable[..., Done], *args: Any, who: str = "administrator", **stated: Any
) -> Done:
    return university.database.run(
        lambda session: deed(session, *args, ctx=university.ctx(who), **{"reason": "asked for", **stated})
    )


def _faults(
    university: University, deed: Callable[..., Done], *args: Any, **stated: Any
) -> list[tuple[str, str]]:
    before = _count(university)
    with pytest.raises(BadInput) as bad:
        _do(university, deed, *args, **stated)
    assert _count(university) == before
    return [(fault.field, fault.code) for fault in bad.value.faults]


def _count(university: University) -> int:
    with university.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Entry)) or 0


def _last(university: University) -> dict[str, Any]:
    with university.database.reading() as session:
        body: dict[str, Any] = json.loads(
            session.scalars(select(Entry.body).order_by(Entry.id.desc()).limit(1)).one()
        )
        return body


PERSON: dict[str, Any] = {
    "name": "孙丽", "staff_number": "2026001", "email": "sun@example.org", "phone": "0635-8230000", "language": "zh",
    "external": False,
}  # fmt: skip


# ───────────────────────────── One entry each


def _incident(university: University) -> str:
    key = new_key()
    row: dict[str, Any] = {
        "id": key,
        "case_id": None,
        "kind": "timer_failed",
        "params": {},
        "opened_at": university.at,
        "closed_at": None,
    }
    with university.database.transaction() as session:
        write(session, [Change(table="incidents", op=INSERT, key=key, values=row)])
    return key


def _parked(university: University) -> str:
    key = new_key()
    row: dict[str, Any] = {
        "id": key, "stable_key": f"k:{key}", "case_id": None, "person_id": university.people["leader"], "channel": "mail",
        "template": "act", "params": {}, "queued_at": university.at, "next_try_at": None, "sent_at": None, "read_at": None,
        "attempts": 8, "parked_at": university.at, "failure": "no_address",
    }  # fmt: skip
    with university.database.transaction() as session:
        write(session, [Change(table="notices", op=INSERT, key=key, values=row)])
    return key


def _grant_of(university: University, who: str) -> str:
    with university.database.reading() as session:
        return session.scalars(select(Grant.id).where(Grant.person_id == university.people[who])).one()


def _call_of(university: University) -> str:
    with university.database.reading() as session:
        return session.scalars(select(Call.id).where(Call.year == 2026)).one()


def _partner(university: University, name: str) -> str:
    key = new_key()
    row: dict[str, Any] = {
        "id": key, "name": name, "kind": "enterprise", "credit_code": None, "name_identity": name, "code_identity": None,
        "succeeded_by": None, "created_at": university.at,
    }  # fmt: skip
    with university.database.transaction() as session:
        write(session, [Change(table="partners", op=INSERT, key=key, values=row)])
    return key


def _name(university: University, name: str) -> str:
    _partner(university, name)
    return name


DEEDS: dict[str, Callable[[University], Done]] = {
    "person_added": lambda u: _do(u, office.add_person, **PERSON),
    "person_changed": lambda u: _do(
        u, office.change_person, u.people["leader"], name="new name", email=None, phone=None, language="en"
    ),
    "unit_added": lambda u: _do(u, office.add_unit, name="文学院", kind="college"),
    "unit_renamed": lambda u: _do(u, office.rename_unit, u.units["法学院"], name="法律学院", from_on=TODAY),
    "unit_succeeded": lambda u: _do(
        u, organisations.succeed_unit, u.units["法学院"], successor_id=u.units["药学院"]
    ),
    "partner_added": lambda u: _do(
        u, organisations.add_partner, name="水城人民医院", kind="public_institution", credit_code=None
    ),
    "partner_renamed": lambda u: _do(
        u, organisations.rename_partner, _partner(u, "水城纺织厂"), name="水城纺织集团", from_on=TODAY
    ),
    "partner_succeeded": lambda u: _do(
        u, organisations.succeed_partner, _partner(u, "运河造纸厂"), successor=_name(u, "运河纸业")
    ),
    "grant_given": lambda u: _do(
        u,
        office.give_grant,
        person_id=u.people["stranger"],
        role="expert",
        unit_id=None,
        from_on=TODAY,
        until_on=None,
    ),
    "grant_revoked": lambda u: _do(u, office.revoke_grant, _grant_of(u, "leader")),
    "call_opened": lambda u: _do(
        u,
        office.open_call,
        lifecycle="base",
        year=2027,
        opens_on=date(2027, 3, 1),
        closes_on=date(2027, 4, 30),
    ),
    "call_changed": lambda u: _do(
        u, office.change_call, _call_of(u), opens_on=date(2026, 3, 1), closes_on=date(2026, 11, 30)
    ),
    "notice_resent": lambda u: _do(u, office.resend_notice, _parked(u)),
    "incident_closed": lambda u: _do(u, office.close_incident, _incident(u)),
}


@pytest.mark.parametrize("kind", DEEDS)
def test_deed_leaves_one_entry_with_its_reason(university: University, kind: str) -> None:
    before = _count(university)

    done = DEEDS[kind](university)

    entry = _last(university)
    assert _count(university) == before + 1
    assert (entry["kind"], entry["details"]["reason"]) == (kind, "asked for")
    assert (entry["stream"], entry["seq"]) == (done.stream, done.seq)
    assert entry["actor"] == f"person:{university.people['administrator']}"


@pytest.mark.parametrize("who", ["leader", "head", "member", "auditor", "stranger"])
@pytest.mark.parametrize("kind", DEEDS)
def test_deed_is_the_offices_alone(
    small: University, kind: str, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    university = small
    acting = university.ctx
    monkeypatch.setattr(university, "ctx", lambda _who, **more: acting(who, **more), raising=False)

    with pytest.raises(WorkflowError) as refused:
        DEEDS[kind](university)

    assert refused.value.code == "not_your_role"
    assert _count(university) == 0


@pytest.mark.parametrize("kind", DEEDS)
def test_deed_without_a_reason_is_refused(
    small: University, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    university = small
    monkeypatch.setitem(globals(), "_do", _without_reason)

    with pytest.raises(BadInput) as bad:
        DEEDS[kind](university)

    assert ("reason", "missing") in [(fault.field, fault.code) for fault in bad.value.faults]
    assert _count(university) == 0


def _without_reason(university: University, deed: Callable[..., Done], *args: Any, **stated: Any) -> Done:
    return university.database.run(
        lambda session: deed(
            session, *args, ctx=university.ctx("administrator"), **{**stated, "reason": "  "}
        )
    )


def test_revoked_right_stops_at_once(university: University) -> None:
    _do(university, office.revoke_grant, _grant_of(university, "second_office"))

    with pytest.raises(WorkflowError) as refused:
        _do(university, office.add_unit, who="second_office", name="文学院", kind="college")

    assert refused.value.code == "not_your_role"


def test_personal_values_enter_the_log_as_commitments(university: University) -> None:
    _do(university, office.add_person, **PERSON)

    body = json.dumps(_last(university), ensure_ascii=False)
    assert not any(secret in body for secret in ("孙丽", "2026001", "sun@example.org", "8230000"))


# ───────────────────────────── The same request twice


def _ask_twice(university: University, key: str, name: str) -> Done:
    def work(session: Any) -> Done:
        ctx = university.ctx("office", key=key)

        def deed() -> Done:
            return office.add_unit(session, name=name, kind="college", reason="r", ctx=ctx)

        return once(session, what=["unit", name], ctx=ctx, kind=Done, work=deed)

    return university.database.run(work)


def test_same_request_twice_is_done_once(university: University) -> None:
    first, second = _ask_twice(university, "k1", "文学院"), _ask_twice(university, "k1", "文学院")

    assert (first.repeated, second.repeated) == (False, True)
    assert (first.subject, first.seq, first.hash, first.recorded_at) == (
        second.subject,
        second.seq,
        second.hash,
        second.recorded_at,
    )
    assert _count(university) == 1


def test_answer_of_a_repeat_is_the_first_in_every_field(university: University) -> None:
    at = datetime(2026, 3, 10, 9, 0, 0, 120000, tzinfo=UTC)
    rows = ((4, "approve", "ab"), (5, "lapse", "cd"))
    first = Receipt(
        case_id="c", act="approve", seq=4, hash="ab", recorded_at=at, state="s", version=3, entries=rows
    )

    def ask(session: Any) -> Receipt:
        return once(
            session, what=["act"], ctx=university.ctx("office", key="k1"), kind=Receipt, work=lambda: first
        )

    assert [university.database.run(ask), university.database.run(ask)] == [
        first,
        replace(first, repeated=True),
    ]


def test_key_is_free_again_after_a_refusal(university: University) -> None:
    answers: list[Made | Refusal] = [only_for("base_office"), Made(id="7")]

    def work() -> Made | Refusal:
        return answers.pop(0)

    def ask(session: Any) -> Made | Refusal:
        return once(session, what=["act"], ctx=university.ctx("office", key="k1"), kind=Made, work=work)

    told = [university.database.run(ask) for _ in range(3)]

    assert told == [only_for("base_office"), Made(id="7"), Made(id="7", repeated=True)]


def test_key_of_another_request_is_refused(university: University) -> None:
    _ask_twice(university, "k1", "文学院")

    with pytest.raises(WorkflowError) as refused:
        _ask_twice(university, "k1", "外国语学院")

    assert refused.value.code == "key_reused"


def test_same_request_at_once_is_done_once(university: University) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _ask_twice(university, "k1", "文学院"), range(8)))

    assert sorted(answer.repeated for answer in answers) == [False] + [True] * 7
    assert _count(university) == 1


# ───────────────────────────── People


@pytest.mark.parametrize(
    ("stated", "faults"),
    [
        ({"name": " "}, [("name", "missing")]),
        ({"name": "a\nb"}, [("name", "control_characters")]),
        ({"name": "x" * 201}, [("name", "too_long")]),
        ({"staff_number": None}, [("staff_number", "missing")]),
        ({"staff_number": "20 26"}, [("staff_number", "not_a_staff_number")]),
        ({"staff_number": "N-leader"}, [("staff_number", "taken")]),
        ({"email": "sun"}, [("email", "not_an_address")]),
        ({"email": "sun@example.org, other@example.org"}, [("email", "not_an_address")]),
        ({"phone": "call me"}, [("phone", "not_a_phone")]),
        ({"language": "fr"}, [("language", "unknown_choice")]),
        (
            {"name": "", "email": "@", "reason": ""},
            [("email", "not_an_address"), ("name", "missing"), ("reason", "missing")],
        ),
    ],
)
def test_person_that_cannot_be_says_every_reason(
    small: University, stated: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    assert _faults(small, office.add_person, **{**PERSON, **stated}) == faults


def test_external_needs_no_staff_number(small: University) -> None:
    done = _do(small, office.add_person, **{**PERSON, "staff_number": None, "external": True})

    with small.database.reading() as session:
        assert session.get_one(Person, done.subject).external is True


def test_person_unchanged_is_no_deed(small: University) -> None:
    stated: dict[str, Any] = {
        "name": "leader",
        "email": "leader@example.org",
        "phone": None,
        "language": "zh",
    }

    assert _faults(small, office.change_person, small.people["leader"], **stated) == [
        ("name", "nothing_changed")
    ]


def test_unknown_person_does_not_exist(small: University) -> None:
    with pytest.raises(NotFound):
        _do(small, office.change_person, new_key(), name="x", email=None, phone=None, language="zh")


# ───────────────────────────── Rights


def _give(
    university: University,
    *,
    to: str = "stranger",
    role: str = "college_head",
    unit: str | None = "法学院",
    **rest: Any,
) -> Any:
    stated: dict[str, Any] = {
        "person_id": university.people.get(to, to), "role": role, "unit_id": university.units.get(unit) if unit else None,
        "from_on": TODAY, "until_on": None,
    }  # fmt: skip
    return office.give_grant, {**stated, **rest}


def test_grant_holds_on_its_days(university: University) -> None:
    deed, stated = _give(university, from_on=date(2026, 3, 11), until_on=date(2026, 3, 12))
    _do(university, deed, **stated)

    with university.database.reading() as session:
        held = [
            bool(held_roles(session, university.people["stranger"], today=date(2026, 3, day)))
            for day in (10, 11, 12, 13)
        ]
    assert held == [False, True, True, False]


@pytest.mark.parametrize("who", ["office", "administrator"])
def test_nobody_gives_a_right_to_themselves(small: University, who: str) -> None:
    deed, stated = _give(small, to=who)

    with pytest.raises(WorkflowError) as refused:
        _do(small, deed, who=who, **stated)

    assert refused.value.code == "own_grant"


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR])
def test_roles_that_watch_the_office_are_an_administrators_to_give_and_take(
    small: University, role: Role
) -> None:
    deed, stated = _give(small, role=role, unit=None)

    with pytest.raises(WorkflowError) as refused:
        _do(small, deed, who="office", **stated)
    with pytest.raises(WorkflowError) as kept:
        _do(small, office.revoke_grant, _grant_of(small, "auditor"), who="office")
    done = _do(small, deed, who="administrator", **stated)

    assert (refused.value.code, kept.value.code) == ("not_your_role", "not_your_role")
    assert done.seq == 1


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"role": "rector"}, [("role", "unknown_role")]),
        ({"unit_id": None}, [("unit", "missing")]),
        ({"unit_id": "0198f3c2-0000-7000-8000-000000000000"}, [("unit", "unknown_choice")]),
        ({"person_id": "0198f3c2-0000-7000-8000-000000000000"}, [("person", "unknown_choice")]),
        ({"from_on": None}, [("from_on", "missing")]),
        ({"until_on": date(2026, 3, 9)}, [("until_on", "before_beginning")]),
        ({"from_on": date(1900, 1, 1)}, [("from_on", "date_out_of_range")]),
    ],
)
def test_grant_that_cannot_be_says_why(
    small: University, change: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    deed, stated = _give(small)

    assert _faults(small, deed, **{**stated, **change}) == faults


def test_grant_held_already_is_no_deed(small: University) -> None:
    deed, stated = _give(small, to="head", unit="计算机学院")

    assert _faults(small, deed, **stated) == [("role", "held_already")]


def test_grant_is_revoked_once(small: University) -> None:
    grant = _grant_of(small, "leader")
    _do(small, office.revoke_grant, grant)

    with pytest.raises(WorkflowError) as refused:
        _do(small, office.revoke_grant, grant)

    assert refused.value.code == "already_revoked"


# ───────────────────────────── Units and calls


def test_renamed_unit_keeps_its_names_with_their_days(university: University) -> None:
    unit = university.units["法学院"]
    _do(university, office.rename_unit, unit, name="法律学院", from_on=date(2026, 1, 1))
    _do(university, office.rename_unit, unit, name="法治学院", from_on=date(2026, 3, 1))

    with university.database.reading() as session:
        rows = session.execute(
            select(UnitName.name, UnitName.from_on, UnitName.until_on)
            .where(UnitName.unit_id == unit)
            .order_by(UnitName.until_on)
        ).all()
        assert session.get_one(Unit, unit).name == "法治学院"
    assert [tuple(row) for row in rows] == [
        ("法学院", None, date(2025, 12, 31)),
        ("法律学院", date(2026, 1, 1), date(2026, 2, 28)),
    ]


@pytest.mark.parametrize(
    ("stated", "faults"),
    [
        ({"name": "药学院", "from_on": TODAY}, [("name", "taken")]),
        ({"name": "法律学院", "from_on": date(2026, 3, 11)}, [("from_on", "in_future")]),
        ({"name": "法律学院", "from_on": None}, [("from_on", "missing")]),
    ],
)
def test_name_that_cannot_be_says_why(
    small: University, stated: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    assert _faults(small, office.rename_unit, small.units["法学院"], **stated) == faults


@pytest.mark.parametrize(
    ("opens_on", "closes_on", "faults"),
    [
        (date(2026, 12, 31), date(2027, 1, 31), [("opens_on", "overlaps")]),
        (date(2027, 2, 1), date(2027, 1, 31), [("closes_on", "before_beginning")]),
        (None, date(2027, 1, 31), [("opens_on", "missing")]),
    ],
)
def test_call_that_cannot_be_says_why(
    small: University, opens_on: date | None, closes_on: date | None, faults: list[tuple[str, str]]
) -> None:
    stated: dict[str, Any] = {"lifecycle": "base", "year": 2027, "opens_on": opens_on, "closes_on": closes_on}

    assert _faults(small, office.open_call, **stated) == faults


def test_call_moves_the_revision_of_the_world(university: University) -> None:
    DEEDS["call_opened"](university)
    DEEDS["call_changed"](university)

    with university.database.reading() as session:
        assert session.get_one(Installation, "revision").value == 3


def test_call_moved_over_itself_does_not_overlap(small: University) -> None:
    done = _do(
        small, office.change_call, _call_of(small), opens_on=date(2026, 3, 2), closes_on=date(2026, 12, 30)
    )

    assert done.seq == 1


# ───────────────────────────── Outbox, incidents, and the doctor


def test_parked_notice_tries_again_at_once(university: University) -> None:
    notice = _parked(university)

    _do(university, office.resend_notice, notice)

    with university.database.reading() as session:
        row = session.get_one(Notice, notice)
        assert (row.next_try_at, row.parked_at, row.attempts) == (university.at, None, 0)
    with pytest.raises(WorkflowError):
        _do(university, office.resend_notice, notice)


def test_incident_is_closed_once(university: University) -> None:
    incident = _incident(university)

    _do(university, office.close_incident, incident)

    with university.database.reading() as session:
        assert session.get_one(Incident, incident).closed_at == datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
    with pytest.raises(WorkflowError):
        _do(university, office.close_incident, incident)


def test_command_line_needs_no_role(small: University) -> None:
    from workflow.context import Actor, Source

    ctx = Context(actor=Actor(system="cli"), at=small.at, source=Source.COMMAND)

    done = small.database.run(
        lambda session: office.add_unit(session, name="文学院", kind="college", reason="r", ctx=ctx)
    )

    assert done.stream == "system:units"


def test_tables_agree_with_the_log_after_every_deed(university: University) -> None:
    """The university's own rows were set down without an entry; nothing else may differ."""
    for deed in DEEDS.values():
        deed(university)

    with university.database.reading() as session:
        found = [(one.table, one.column, one.found) for one in examine(session) if one.column != "id"]
    assert found == []
