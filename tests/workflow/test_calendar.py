"""The calendar of a year is loaded, corrected and loaded again; every deadline it moves moves with it, and nothing else does."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select

from models import CalendarPass, CalendarYear, Entry, Holiday, Notice, Timer
from tests.schedules.test_sweep import incidents, rename_timer
from tests.university import LATE_AGREEMENT_END, University, instant
from workflow.context import Actor, Context, Source
from workflow.doctor import examine
from workflow.errors import BadInput, WorkflowError
from workflow.holidays import Announced, known_notice
from workflow.holidays import Notice as HolidayNotice
from workflow.messages import About, compose
from workflow.operations import calendar as operation
from workflow.operations.calendar import load_notice, preview_notice
from workflow.operations.calendar_passes import Come, go_on, import_notice, under_way
from workflow.operations.deeds import Done
from workflow.world import calendar

JANUARY = datetime(2027, 1, 5, 2, 0, tzinfo=UTC)
FIRST_OF_FEBRUARY = date(2027, 2, 1)
"""The day on which the data of 2026 are due as long as nothing is announced: 31 January 2027 is a Sunday."""


def notice(*days: tuple[date, str], year: int = 2027, source: str = "test") -> HolidayNotice:
    announced = (Announced(day=day, kind=kind, name="春节") for day, kind in sorted(days))
    return HolidayNotice(year=year, source=source, days=tuple(announced))


OFF = notice((FIRST_OF_FEBRUARY, "rest"))
WORKED = notice((date(2027, 1, 31), "work"))


def load(
    university: University, what: HolidayNotice, *, at: datetime = JANUARY, who: str = "office"
) -> tuple[Done | None, Come]:
    return import_notice(
        university.database,
        what,
        reason="announced",
        context=lambda _: university.ctx(who, at=at),
        progress=lambda done, total: None,
    )


def loaded_only(university: University, what: HolidayNotice, *, at: datetime = JANUARY) -> None:
    """The days are stored and nothing is moved yet, as when everything stopped just then."""
    university.database.run(
        lambda session: load_notice(session, what, reason="announced", ctx=university.ctx("office", at=at))
    )


def running(university: University, case_id: str, name: str = "yearly_data") -> tuple[date, bool, str]:
    with university.database.reading() as session:
        row = session.scalars(
            select(Timer)
            .where(Timer.case_id == case_id, Timer.name == name, Timer.ended_seq.is_(None))
            .order_by(Timer.due_at)
        ).all()[0]
        return row.due_on, row.provisional, row.status


def agrees(university: University) -> bool:
    """Whether the tables follow from the log, and timers from the tables; the years set down without an entry aside."""
    with university.database.reading() as session:
        found = examine(session)
    return [one for one in found if one.table not in SEEDED or one.key >= "2027"] == []


SEEDED = ("holidays", "calendar_years")


def kinds(university: University, stream: str) -> list[str]:
    with university.database.reading() as session:
        return list(session.scalars(select(Entry.kind).where(Entry.stream == stream).order_by(Entry.seq)))


def bodies(university: University, stream: str) -> list[dict[str, Any]]:
    with university.database.reading() as session:
        rows = session.scalars(select(Entry.body).where(Entry.stream == stream).order_by(Entry.seq))
        return [json.loads(body) for body in rows]


def told(university: University, template: str, channel: str = "app") -> dict[str, dict[str, Any]]:
    names = {person: name for name, person in university.people.items()}
    with university.database.reading() as session:
        rows = session.scalars(
            select(Notice).where(Notice.template == template, Notice.channel == channel)
        ).all()
    assert len({row.stable_key for row in rows}) == len(rows)
    assert all({"period", "sequence"} <= row.params.keys() for row in rows)
    return {names[row.person_id]: _said_of(row.params) for row in rows}


def _said_of(params: dict[str, Any]) -> dict[str, Any]:
    """What a notice says; what its calendar entry is known by aside."""
    return {name: value for name, value in params.items() if name not in {"period", "sequence"}}


# ───────────────────────────── What a notice moves


def test_notice_moves_the_deadline_with_an_entry_and_makes_it_certain(university: University) -> None:
    case_id = university.signed()
    version = university.case(case_id).version

    _, done = load(university, OFF)

    assert dict(done.counts.by_name) == {"cases": 1, "timers": 1, "certain": 0}
    assert running(university, case_id) == (date(2027, 2, 2), False, "open")
    assert kinds(university, "system:calendar") == ["calendar_loaded"]
    entry = bodies(university, f"case:{case_id}")[-1]
    assert (entry["kind"], entry["form"]) == (
        "calendar_moved",
        {"entry": "system:calendar#1", "year": 2027},
    )
    assert university.case(case_id).version == version + 1


def test_days_of_a_notice_stand_in_its_entry_and_in_the_tables(small: University) -> None:
    load(small, OFF)

    (entry,) = bodies(small, "system:calendar")
    assert [(change["table"], change["op"], change["key"]) for change in entry["changes"]] == [
        ("holidays", "insert", "2027-02-01"),
        ("calendar_years", "insert", "2027"),
    ]
    assert entry["details"] == {"reason": "announced", "year": 2027}
    with small.database.reading() as session:
        assert session.get_one(Holiday, FIRST_OF_FEBRUARY).kind == "rest"
        assert session.get_one(CalendarYear, 2027).source == "test"


def test_log_and_tables_agree_after_loading_and_correcting(university: University) -> None:
    case_id = university.signed()

    for what in (OFF, WORKED, OFF):
        load(university, what)

    assert running(university, case_id)[0] == date(2027, 2, 2)
    assert kinds(university, f"case:{case_id}")[-3:] == ["calendar_moved"] * 3
    assert agrees(university)


def test_day_that_only_becomes_certain_leaves_the_version_and_is_no_news(small: University) -> None:
    case_id = small.signed()
    version = small.case(case_id).version

    _, done = load(small, notice((date(2027, 5, 3), "rest")))

    assert dict(done.counts.by_name) == {"cases": 1, "timers": 0, "certain": 1}
    assert running(small, case_id) == (FIRST_OF_FEBRUARY, False, "open")
    assert small.case(case_id).version == version
    assert told(small, "deadline_moved") == {}
    assert kinds(small, f"case:{case_id}")[-1] == "calendar_moved"


def test_corrected_notice_takes_a_day_back(university: University) -> None:
    case_id = university.signed()
    load(university, OFF)

    _, done = load(university, notice((date(2027, 2, 8), "rest")))

    assert dict(done.counts.by_name) == {"cases": 1, "timers": 1, "certain": 0}
    assert running(university, case_id)[0] == FIRST_OF_FEBRUARY
    with university.database.reading() as session:
        assert session.get_one(Holiday, FIRST_OF_FEBRUARY).kind == "plain"
    assert agrees(university)


def test_same_notice_again_changes_nothing_and_says_so(small: University) -> None:
    case_id = small.signed()
    load(small, OFF)
    before = kinds(small, f"case:{case_id}")

    again, come = load(small, OFF)

    assert (again, come.counts.cases, come.is_done) == (None, 0, True)
    assert (kinds(small, f"case:{case_id}"), kinds(small, "system:calendar")) == (before, ["calendar_loaded"])


def test_deadline_that_has_passed_stays(university: University) -> None:
    case_id = university.signed()
    university.sweep(instant(date(2027, 2, 3)))

    load(university, OFF, at=instant(date(2027, 2, 10)))
    loaded = running(university, case_id)
    university.on(date(2027, 2, 11))
    university.done(case_id, "amend", "office", reason="x", fact={"name": "programmes", "value": "x"})
    university.confirmed(case_id, "second_office")

    assert loaded[::2] == (FIRST_OF_FEBRUARY, "fired")
    assert running(university, case_id)[::2] == (FIRST_OF_FEBRUARY, "fired")
    assert agrees(university)


def test_deadline_that_has_come_unseen_stays_too(small: University) -> None:
    """The clock stood still: the day is over, though nobody has recorded it."""
    case_id = small.signed()

    load(small, OFF, at=instant(date(2027, 2, 10)))
    small.sweep(instant(date(2027, 2, 10), 11))

    assert running(small, case_id)[::2] == (FIRST_OF_FEBRUARY, "fired")


@pytest.mark.parametrize(
    ("loaded_on", "due_on"),
    [
        (date(2027, 1, 30), date(2027, 1, 31)),  # the Sunday is a working day, and still to come
        (date(2027, 1, 31), FIRST_OF_FEBRUARY),  # it has begun: the deadline waits for the day after
        (FIRST_OF_FEBRUARY, FIRST_OF_FEBRUARY),
    ],
)
def test_no_deadline_comes_before_the_day_after_the_loading(
    university: University, loaded_on: date, due_on: date
) -> None:
    case_id = university.signed()

    load(university, WORKED, at=instant(loaded_on))

    assert running(university, case_id)[0] == due_on
    assert agrees(university)


def test_what_opens_or_ends_is_left_alone(small: University) -> None:
    case_id = small.signed()

    load(small, notice((date(2027, 9, 10), "rest")))

    assert running(small, case_id, "midterm_opens")[0] == date(2027, 9, 10)


def test_reminders_count_from_the_new_day(small: University) -> None:
    case_id = small.signed()
    small.sweep(JANUARY)

    load(small, OFF)
    small.sweep(instant(date(2027, 1, 25), 9))
    early = told(small, "reminder")
    small.sweep(instant(date(2027, 1, 26), 9))

    assert all(params["days"] != -7 for params in early.values())
    assert {params["day"] for params in told(small, "reminder").values()} >= {"2027-02-02"}
    assert running(small, case_id)[0] == date(2027, 2, 2)


@pytest.mark.parametrize("who", ["leader", "head", "member", "auditor", "stranger"])
def test_only_the_office_loads_a_notice(small: University, who: str) -> None:
    with pytest.raises(WorkflowError) as refused:
        load(small, OFF, who=who)

    assert refused.value.code == "not_your_role"
    assert kinds(small, "system:calendar") == []


def test_notice_needs_a_reason(small: University) -> None:
    with pytest.raises(BadInput) as bad, small.database.transaction() as session:
        load_notice(session, OFF, reason=" ", ctx=small.ctx("office"))

    assert [(fault.field, fault.code) for fault in bad.value.faults] == [("reason", "missing")]


def test_preview_is_what_the_import_then_does(small: University) -> None:
    case_id = small.signed()
    with small.database.reading() as session:
        shown = preview_notice(session, OFF, ctx=small.ctx("office", at=JANUARY))
    untouched = running(small, case_id)

    _, done = load(small, OFF)

    assert untouched == (FIRST_OF_FEBRUARY, True, "open")
    assert (shown.is_new, shown.added, shown.changed, shown.taken_back) == (True, 1, 0, 0)
    assert [(move.timer, move.old_on, move.new_on) for move in shown.moves] == [
        ("yearly_data", FIRST_OF_FEBRUARY, running(small, case_id)[0])
    ]
    assert dict(done.counts.by_name) == dict(shown.counts.by_name)


def test_plans_only_cases_in_question(small: University) -> None:
    """A base whose deadlines lie elsewhere is not even read."""
    small.open()
    signed = small.signed()

    with small.database.reading() as session:
        asked = operation.cases_in_question(session, 2026, calendar(session))
    _, after = load(small, OFF)
    with small.database.reading() as session:
        later = operation.cases_in_question(session, 2027, calendar(session))

    assert (asked, later, after.counts.cases) == ([], [signed], 1)


# ───────────────────────────── Many cases, cut off


def three(university: University) -> list[str]:
    """Three bases in the order in which a pass comes to them."""
    return sorted(university.signed(partner=f"合作单位{number}") for number in range(3))


def days(university: University, cases: list[str]) -> list[date]:
    return [running(university, case_id)[0] for case_id in cases]


def passed(university: University, *, steps: int | None = None) -> list[Come]:
    """Go on with what loadings have left, so many steps or to the end; what was told of each."""
    seen: list[Come] = []
    go_on(
        university.database,
        context=lambda _: Context(actor=Actor(system="calendar"), at=JANUARY, source=Source.TIMER),
        stop=lambda: len(seen) == steps,
        each=seen.append,
    )
    return seen


def test_import_cut_off_is_finished_by_the_next(
    university: University, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = three(university)
    monkeypatch.setattr("workflow.operations.calendar_passes.BATCH", 1)
    seen: list[tuple[int, int]] = []

    def die(done: int, total: int) -> None:
        seen.append((done, total))
        if len(seen) == 1:
            raise KeyboardInterrupt

    def go(progress: Any) -> Any:
        return import_notice(
            university.database,
            OFF,
            reason="announced",
            context=lambda _: university.ctx("office", at=JANUARY),
            progress=progress,
        )

    with pytest.raises(KeyboardInterrupt):
        go(die)
    half = days(university, cases)
    loaded, come = go(lambda done, total: seen.append((done, total)))
    again, nothing = go(lambda done, total: None)

    assert half == [date(2027, 2, 2), FIRST_OF_FEBRUARY, FIRST_OF_FEBRUARY]
    assert days(university, cases) == [date(2027, 2, 2)] * 3
    assert (loaded, come.counts.cases, again, nothing.counts.cases) == (None, 3, None, 0)
    assert seen == [(1, 3), (2, 3), (3, 3), (3, 3)]
    assert kinds(university, "system:calendar") == ["calendar_loaded"]
    assert [kinds(university, f"case:{case_id}").count("calendar_moved") for case_id in cases] == [1, 1, 1]
    assert agrees(university)


def test_scheduler_goes_on_where_it_was_cut_off(
    university: University, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = three(university)
    monkeypatch.setattr("workflow.operations.calendar_passes.BATCH", 1)
    loaded_only(university, OFF)
    with university.database.reading() as session:
        (begun,) = under_way(session)

    first = passed(university, steps=1)
    half = days(university, cases)
    rest = passed(university)
    nothing = passed(university)

    assert (begun.year, begun.looked_at, begun.total) == (2027, 0, 3)
    assert [(come.looked_at, come.counts.timers) for come in (*first, *rest)] == [
        (1, 1),
        (2, 2),
        (3, 3),
        (3, 3),
    ]
    assert half == [date(2027, 2, 2), FIRST_OF_FEBRUARY, FIRST_OF_FEBRUARY]
    assert days(university, cases) == [date(2027, 2, 2)] * 3
    assert ([come.is_done for come in rest], nothing) == ([False, False, True], [])
    assert bodies(university, f"case:{cases[2]}")[-1]["actor"] == "system:calendar"
    assert agrees(university)


def test_corrected_notice_goes_through_the_bases_from_the_first(
    small: University, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = three(small)
    monkeypatch.setattr("workflow.operations.calendar_passes.BATCH", 1)
    loaded_only(small, OFF)
    passed(small, steps=2)

    loaded_only(small, notice((date(2027, 2, 8), "rest")))
    come = passed(small)[-1]

    assert days(small, cases) == [FIRST_OF_FEBRUARY] * 3
    assert (come.looked_at, come.total, come.counts.timers) == (3, 3, 2)
    assert agrees(small)


def test_same_notice_again_leaves_a_pass_where_it_is(
    small: University, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(small)
    monkeypatch.setattr("workflow.operations.calendar_passes.BATCH", 1)
    loaded_only(small, OFF)
    passed(small, steps=2)

    loaded_only(small, OFF)

    with small.database.reading() as session:
        assert [come.looked_at for come in under_way(session)] == [2]


def test_base_that_fails_is_passed_over_as_an_incident(university: University) -> None:
    cases = three(university)
    rename_timer(university, cases[1], "midterm_opens", "no_such_timer")

    loaded_only(university, OFF)
    come = passed(university)[-1]

    assert days(university, [cases[0], cases[2]]) == [date(2027, 2, 2)] * 2
    assert (come.is_done, come.looked_at, come.failed, come.counts.timers) == (True, 3, 1, 2)
    assert incidents(university) == [(cases[1], "timer_failed", 1, True)]


def test_two_that_go_on_at_once_move_each_deadline_once(
    university: University, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = three(university)
    monkeypatch.setattr("workflow.operations.calendar_passes.BATCH", 1)
    loaded_only(university, OFF)

    workers = [Thread(target=passed, args=(university,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert days(university, cases) == [date(2027, 2, 2)] * 3
    assert [kinds(university, f"case:{case_id}").count("calendar_moved") for case_id in cases] == [1, 1, 1]
    with university.database.reading() as session:
        assert under_way(session) == []
        row = session.get_one(CalendarPass, 2027)
        assert (row.looked_at, row.timers) == (3, 3)


def test_preview_works_out_no_more_bases_than_it_is_told(small: University) -> None:
    three(small)

    with small.database.reading() as session:
        ctx = small.ctx("office", at=JANUARY)
        some, every = (preview_notice(session, OFF, ctx=ctx, most=most) for most in (2, None))

    assert (some.worked_out, some.total, len(some.moves)) == (2, 3, 2)
    assert (every.worked_out, every.total, len(every.moves)) == (3, 3, 3)


def test_act_before_the_import_has_come_to_its_case_finds_the_new_day(small: University) -> None:
    case_id = small.signed()
    loaded_only(small, OFF)
    small.at = JANUARY

    small.done(case_id, "amend", "office", reason="x", fact={"name": "programmes", "value": "x"})
    small.confirmed(case_id, "second_office")

    assert running(small, case_id)[0] == date(2027, 2, 2)
    assert load(small, OFF)[1].counts.cases == 0


# ───────────────────────────── Who is told


def test_those_a_deadline_tells_hear_that_it_moved(university: University) -> None:
    university.signed()

    load(university, OFF)

    moved = {
        "timer": "yearly_data", "old": "2027-02-01", "day": "2027-02-02", "provisional": False,
        "why": "calendar_moved", "basis": "18(1)", "answer": "yearly_data",
    }  # fmt: skip
    assert told(university, "deadline_moved") == {"leader": moved, "officer": moved}
    assert told(university, "deadline_moved", "mail").keys() == {"leader", "officer"}


def test_act_that_moves_a_deadline_tells_so_and_not_whoever_did_it(small: University) -> None:
    case_id = small.in_midterm()

    small.done(case_id, "set_report_deadline", "office", report_by="2027-11-30", reason="asked for")

    assert told(small, "deadline_moved") == {
        "leader": {
            "timer": "progress_report", "old": "2027-11-09", "day": "2027-11-30", "provisional": True,
            "why": "set_report_deadline", "basis": "local", "answer": "progress_report",
        }
    }  # fmt: skip


def test_renewal_that_moves_the_end_tells_whom_it_tells(small: University) -> None:
    case_id = small.signed(last=date(2030, 3, 9))
    before = told(small, "deadline_moved")

    small.tick(case_id, date(2029, 10, 8), 10)
    renewal = small.renewal(case_id, signed=date(2029, 10, 8), last=LATE_AGREEMENT_END)
    small.done(case_id, "renew_agreement", "office", **renewal)

    news = told(small, "deadline_moved")
    assert before == {}
    assert {params["timer"] for params in news.values()} == {"agreement_end"}
    assert {(params["old"], params["day"]) for params in news.values()} == {("2030-03-09", "2031-03-09")}
    assert "office" not in news


def test_timer_of_a_new_stay_is_no_moved_one(small: University) -> None:
    for state in ("midterm", "extended", "certified"):
        small.reach(state)

    assert told(small, "deadline_moved") == {}


def test_deadline_computed_anew_on_the_way_into_a_new_stay_is_no_moved_one(small: University) -> None:
    """The data of 2027 fall on another day, but it is the opening of the mid-term that arms them."""
    case_id = small.signed(last=LATE_AGREEMENT_END)
    small.yearly(case_id, 2026)
    for what in (notice((date(2027, 12, 1), "rest")), notice((date(2028, 1, 31), "rest"), year=2028)):
        loaded_only(small, what, at=small.at)

    small.tick(case_id, date(2027, 9, 10))

    assert (small.state(case_id), running(small, case_id)[0]) == ("midterm", date(2028, 2, 1))
    assert told(small, "deadline_moved") == {}


def test_those_reminded_hear_that_the_deadline_is_met(university: University) -> None:
    case_id = university.in_midterm()
    university.sweep(instant(date(2027, 11, 18), 9))
    reminded = {**told(university, "reminder"), **told(university, "overdue")}.keys()
    university.on(date(2027, 11, 20))

    university.done(
        case_id, "progress_report", "leader",
        progress_report_file=university.document(case_id, "progress_report_file"),
    )  # fmt: skip

    met = told(university, "deadline_met")
    assert {"leader", "head"} <= reminded
    assert met.keys() == reminded - {"leader"}
    assert met["head"] == {
        "timer": "progress_report", "act": "progress_report", "until": "2027-11-09", "day": "2027-11-20",
        "late": True, "basis": "local",
    }  # fmt: skip


def test_deadline_met_before_any_reminder_is_no_news(small: University) -> None:
    case_id = small.in_midterm()

    small.done(
        case_id, "progress_report", "leader",
        progress_report_file=small.document(case_id, "progress_report_file"),
    )  # fmt: skip

    assert [p for p in told(small, "deadline_met").values() if p["timer"] == "progress_report"] == []


def test_known_years_are_whole_notices(small: University) -> None:
    """What the library knows of a year loads as nothing new where the seed brought it."""
    found = known_notice(2026)
    assert found is not None

    with small.database.reading() as session:
        shown = preview_notice(session, found, ctx=small.ctx("office"))

    assert shown.changes_nothing
    assert known_notice(2027) is None


# ───────────────────────────── In words


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "zh",
            (
                "【联培基地】期限调整为2027年2月2日：年度基本数据（水城）",
                "水城：“年度基本数据”的期限由2027年2月1日调整为2027年2月2日（含当日）。",
                "原因：载入了国务院公布的放假安排。",
                "依据：〔办法第十八条（一）〕",
            ),
        ),
        (
            "en",
            (
                "[Joint training bases] New deadline 2 February 2027: yearly data (水城)",
                "水城: the deadline of “yearly data” moves from 1 February 2027 to 2 February 2027, that day included.",
                "Why: the announced holidays were loaded.",
                "Ground: [Regulation, Art. 18(1)]",
            ),
        ),
    ],
)
def test_message_says_from_which_day_to_which_and_why(
    small: University, language: str, lines: tuple[str, ...]
) -> None:
    small.signed()
    load(small, OFF)

    message = said(small, "deadline_moved", language)

    assert [line for line in lines if line not in message] == []


@pytest.mark.parametrize(
    ("why", "line"),
    [
        ("set_report_deadline", "原因：已办理“确定报告期限”。"),
        ("setting_moved", "原因：研究生处变更了设定。"),
        ("seated", "原因：基地的办理情况有变化。"),
    ],
)
def test_message_knows_every_reason(small: University, why: str, line: str) -> None:
    small.signed()
    load(small, OFF)

    assert line in said(small, "deadline_moved", "zh", why=why, provisional=True)
    assert "该日期为暂定" in said(small, "deadline_moved", "zh", why=why, provisional=True)
    assert "暂定" not in said(small, "deadline_moved", "zh", why=why)


def test_message_says_that_it_is_handed_in_and_how_late(small: University) -> None:
    case_id = small.signed()
    small.sweep(instant(date(2027, 1, 26), 9))
    small.yearly(case_id, 2026)

    message = said(small, "deadline_met", "zh")

    assert "【联培基地】已提交：年度基本数据（水城）" in message
    assert "期限为2027年2月1日，按期提交。" in message
    assert "逾期提交" in said(small, "deadline_met", "zh", late=True)


def test_reminder_of_a_provisional_day_says_so(small: University) -> None:
    small.signed()
    small.sweep(instant(date(2027, 1, 26), 9))

    assert "该日期为暂定" in said(small, "reminder", "zh")


def said(university: University, template: str, language: str, **other: Any) -> str:
    """One of the messages of a kind as it is read."""
    params = next(iter(told(university, template).values()))
    about = About(
        definition=university.definition,
        base="水城",
        name="n",
        language=language,
        link="x",
        today=date(2027, 1, 26),
    )
    message = compose(template, {**params, **other}, about)
    return f"{message.subject}\n{message.text}"
