"""A setting counts from its day, moves what is not yet due in one act, and leaves everything else where it was."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from models import Case, Entry, Setting, Timer
from tests.university import University
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.operations.deeds import Done
from workflow.operations.settings import change_setting, preview_setting, read_setting

MARCH = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def definition() -> Any:
    from tests.university import SINGLE_FILE
    from workflow.definition import load

    return load(SINGLE_FILE.read_bytes())


def _change(
    university: University, name: str, value: Any, *, from_on: date, at: datetime = MARCH, who: str = "office"
) -> Done:
    return university.database.run(
        lambda session: change_setting(
            session,
            lifecycle="base",
            name=name,
            value=value,
            from_on=from_on,
            reason="asked for",
            ctx=university.ctx(who, at=at),
        )
    )


def _timers(university: University, case_id: str) -> dict[str, date]:
    with university.database.reading() as session:
        rows = session.execute(
            select(Timer.name, Timer.due_on).where(Timer.case_id == case_id, Timer.ended_seq.is_(None))
        )
        return {row.name: row.due_on for row in rows}


def _entries(university: University, stream: str) -> list[dict[str, Any]]:
    with university.database.reading() as session:
        rows = session.scalars(select(Entry.body).where(Entry.stream == stream).order_by(Entry.seq))
        return [json.loads(body) for body in rows]


# ───────────────────────────── What a change moves


def test_change_moves_a_timer_and_leaves_an_entry_on_the_case(university: University) -> None:
    case_id = university.approved()
    before = university.case(case_id)

    done = _change(university, "sign_within", "30 days", from_on=date(2026, 3, 10))

    assert _timers(university, case_id)["sign_by"] == date(2026, 4, 9)
    assert dict(done.counts) == {"cases": 1, "timers": 1}
    assert [entry["kind"] for entry in _entries(university, "system:settings")] == ["setting_changed"]
    last = _entries(university, f"case:{case_id}")[-1]
    assert (last["kind"], last["form"]) == (
        "setting_moved",
        {"setting": "sign_within", "entry": "system:settings#1"},
    )
    assert university.case(case_id).version == before.version + 1


def test_preview_says_what_the_change_then_does(university: University) -> None:
    case_id = university.approved()
    old = _timers(university, case_id)

    with university.database.reading() as session:
        shown = preview_setting(
            session,
            lifecycle="base",
            name="sign_within",
            value="30 days",
            from_on=date(2026, 3, 10),
            ctx=university.ctx("office", at=MARCH),
        )
    unchanged = _timers(university, case_id)
    _change(university, "sign_within", "30 days", from_on=date(2026, 3, 10))

    assert unchanged == old
    assert [(move.timer, move.old_on, move.new_on) for move in shown.moves] == [
        ("sign_by", old["sign_by"], _timers(university, case_id)["sign_by"])
    ]


def test_deadline_that_has_come_keeps_its_day_then_and_later(university: University) -> None:
    case_id = university.approved()
    late = datetime(2026, 6, 20, 2, 0, tzinfo=UTC)
    due_on = _timers(university, case_id)["sign_by"]
    university.sweep(late)

    done = _change(university, "sign_within", "200 days", from_on=date(2026, 6, 20), at=late)
    shown = _timers(university, case_id)["sign_by"]
    university.sweep(datetime(2026, 8, 1, tzinfo=UTC))

    assert due_on < date(2026, 6, 20)
    assert (shown, _timers(university, case_id)["sign_by"]) == (due_on, due_on)
    assert dict(done.counts) == {"cases": 0, "timers": 0}


def test_shorter_time_never_ends_before_it_counts(university: University) -> None:
    case_id = university.approved()

    _change(
        university,
        "sign_within",
        "5 days",
        from_on=date(2026, 4, 20),
        at=datetime(2026, 4, 20, 2, 0, tzinfo=UTC),
    )

    assert _timers(university, case_id)["sign_by"] == date(2026, 4, 20)


def test_day_to_come_moves_the_timer_in_the_recorded_act(university: University) -> None:
    case_id = university.approved()

    _change(university, "sign_within", "120 days", from_on=date(2026, 5, 1))
    moved = _timers(university, case_id)["sign_by"]
    university.sweep(datetime(2026, 5, 2, tzinfo=UTC))

    assert moved == date(2026, 7, 8)
    assert _timers(university, case_id)["sign_by"] == moved


def test_length_pinned_on_a_case_never_moves(university: University) -> None:
    case_id = university.signed()
    before = _timers(university, case_id)

    done = _change(university, "agreement_grace", "30 days", from_on=date(2026, 3, 10))

    assert _timers(university, case_id) == before
    assert dict(done.counts) == {"cases": 0, "timers": 0}


def test_yearly_day_moves_for_the_year_to_come(university: University) -> None:
    case_id = university.signed()

    _change(university, "yearly_data_day", "03-31", from_on=date(2026, 3, 10))

    assert _timers(university, case_id)["yearly_data"] == date(2027, 3, 31)


def test_new_ladder_wakes_the_timer_for_its_own_rungs(university: University) -> None:
    case_id = university.approved()
    with university.database.reading() as session:
        version = session.get_one(Case, case_id).version

    _change(university, "deadline_notices", [80, 7], from_on=date(2026, 3, 10))

    with university.database.reading() as session:
        wake = session.scalar(select(Timer.wake_at).where(Timer.case_id == case_id, Timer.name == "sign_by"))
        assert session.get_one(Case, case_id).version == version
    assert wake == datetime(2026, 3, 20, 0, 0, tzinfo=UTC)


def test_ladder_cannot_wait_for_a_day_to_come(university: University) -> None:
    with pytest.raises(BadInput) as bad:
        _change(university, "deadline_notices", [80, 7], from_on=date(2026, 3, 11))

    assert [(fault.field, fault.code) for fault in bad.value.faults] == [("from_on", "only_today")]


def test_refused_change_leaves_nothing(university: University) -> None:
    university.approved()

    with pytest.raises(BadInput) as bad:
        _change(university, "sign_within", "soon", from_on=date(2026, 3, 9))

    assert [(fault.field, fault.code) for fault in bad.value.faults] == [
        ("value", "not_a_period"),
        ("from_on", "in_past"),
    ]
    with university.database.reading() as session:
        assert session.scalars(select(Setting.id)).all() == []
    assert _entries(university, "system:settings") == []


def test_value_that_counts_already_is_no_change(university: University) -> None:
    with pytest.raises(BadInput) as bad:
        _change(university, "sign_within", "90 days", from_on=date(2026, 3, 10))

    assert [fault.code for fault in bad.value.faults] == ["nothing_changed"]


@pytest.mark.parametrize("who", ["leader", "head", "member", "auditor", "stranger"])
def test_only_the_office_changes_a_setting(university: University, who: str) -> None:
    with pytest.raises(WorkflowError) as refused:
        _change(university, "sign_within", "30 days", from_on=date(2026, 3, 10), who=who)

    assert refused.value.code == "not_your_role"


def test_change_moves_many_cases_and_each_has_its_entry(university: University) -> None:
    cases = [university.approved(partner=f"合作单位{number}") for number in range(3)]

    done = _change(university, "sign_within", "30 days", from_on=date(2026, 3, 10))

    assert dict(done.counts) == {"cases": 3, "timers": 3}
    assert [_entries(university, f"case:{case_id}")[-1]["kind"] for case_id in cases] == ["setting_moved"] * 3


# ───────────────────────────── Reading values


@pytest.mark.parametrize(
    ("name", "stated", "value"),
    [
        ("sign_within", " 30  days ", "30 days"),
        ("sign_within", "5 working days", "5 working days"),
        ("recuse_own_head", "no", False),
        ("recuse_own_head", False, False),
        ("deadline_notices", "60、30， 7", [60, 30, 7]),
        ("deadline_notices", "", []),
        ("deadline_notices", [10, 5], [10, 5]),
        ("yearly_data_day", "3-1", "03-01"),
        (
            "escalation",
            {"project_leader": "02", "college_head": "9", "base_office": ""},
            {"2": "project_leader", "9": "college_head"},
        ),
        ("ban_subject", "partner", "partner"),
    ],
)
def test_setting_is_read_by_its_type(definition: Any, name: str, stated: Any, value: Any) -> None:
    assert read_setting(definition, name, stated) == value


@pytest.mark.parametrize(
    ("name", "stated", "code"),
    [
        ("sign_within", "", "not_a_period"),
        ("sign_within", "-5 days", "not_a_period"),
        ("sign_within", 30, "not_a_period"),
        ("sign_within", "900000 days", "not_a_period"),
        ("recuse_own_head", "maybe", "not_yes_or_no"),
        ("deadline_notices", "30, 30", "not_days"),
        ("deadline_notices", "30, -7", "not_days"),
        ("deadline_notices", "30.5", "not_days"),
        ("deadline_notices", "soon", "not_days"),
        ("yearly_data_day", "02-30", "not_a_month_day"),
        ("yearly_data_day", "13-01", "not_a_month_day"),
        ("escalation", {"project_leader": "3", "college_head": "3"}, "not_a_ladder"),
        ("escalation", {"nobody": "3"}, "not_a_ladder"),
        ("escalation", {"project_leader": "0"}, "not_a_ladder"),
        ("escalation", "3", "not_a_ladder"),
        ("ban_subject", "everybody", "unknown_choice"),
    ],
)
def test_value_that_cannot_stand_says_why(definition: Any, name: str, stated: Any, code: str) -> None:
    with pytest.raises(BadInput) as bad:
        read_setting(definition, name, stated)

    assert [(fault.field, fault.code) for fault in bad.value.faults] == [("value", code)]


def test_unknown_setting_does_not_exist(definition: Any) -> None:
    with pytest.raises(NotFound):
        read_setting(definition, "no_such_setting", "1")


# ───────────────────────────── Hours in which no mail goes out


@pytest.fixture(scope="module")
def routed() -> Any:
    from tests.university import ROUTED_FILE
    from workflow.definition import load

    return load(ROUTED_FILE.read_bytes())


@pytest.mark.parametrize(
    ("stated", "code"), [("00:00-00:00", "never_opens"), ("9:00-9:00", "never_opens"), ("late", "not_hours")]
)
def test_quiet_hours_that_cannot_stand_are_refused_at_their_field(
    routed: Any, stated: str, code: str
) -> None:
    with pytest.raises(BadInput) as refused:
        read_setting(routed, "quiet_hours", stated)

    assert [(fault.field, fault.code) for fault in refused.value.faults] == [("value", code)]


@pytest.mark.parametrize(("stated", "kept"), [("21:30-7:00", "21:30-07:00"), ("None", "none")])
def test_quiet_hours_are_kept_in_one_spelling(routed: Any, stated: str, kept: str) -> None:
    assert read_setting(routed, "quiet_hours", stated) == kept
