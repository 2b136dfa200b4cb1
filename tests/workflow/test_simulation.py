"""A simulation runs the real engine on a copy or on made-up cases: whatever file, one seed one answer, the source untouched."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from models import Base, Case, Database, Entry, Notice
from schedules.sweep import sweep
from tests.schedules.test_sweep import broken_and_whole, rename_timer
from tests.university import University, instant
from tests.workflow.test_station import STATION
from workflow import simulation
from workflow.doctor import examine
from workflow.periods import beijing_day
from workflow.simulation import BadAssumption, Manner, Outlook, Report, people_of
from workflow.verify import verify

START = date(2026, 3, 10)
ACTS = ("transition", "task", "ballot", "motion", "proposal")
BEFORE = datetime(2026, 3, 9, tzinfo=UTC)


def unseen(_done: int, _total: int) -> None:
    """Watch no progress."""


def swept(database: Database, at: datetime) -> None:
    sweep(database, at=at, stop=lambda: False)


def made_up(
    folder: Path,
    *,
    people: str = "on-time",
    seed: int = 1,
    cases: int = 1,
    years: int = 4,
    file: Path | None = None,
) -> tuple[Database, Report]:
    until = START.replace(year=START.year + years)
    source = file.read_bytes() if file is not None else None
    lifecycle = "station" if file is not None else "base"
    folder.mkdir(exist_ok=True)
    database, proposals = simulation.found(
        folder, source=source, lifecycle=lifecycle, cases=cases, start=START, until=until, seed=seed
    )
    outlook = Outlook(
        start=START,
        until=until,
        people=people_of(people, seed=seed),
        lifecycle=lifecycle,
        proposals=proposals,
    )
    stuck = simulation.run(database, outlook, sweep=swept, progress=unseen)
    return database, simulation.counted(database, since=BEFORE, stuck=stuck)


def happened(report: Report, *what: str) -> dict[str, int]:
    """How often what happened, by name, over all years."""
    found: Counter[str] = Counter()
    for count in report.counts:
        if count.what in what:
            found[count.name] += count.count
    return dict(found)


def is_whole(database: Database) -> bool:
    with database.reading() as session:
        return examine(session) == [] and verify(session).findings == ()


# ───────────────────────────── What is assumed


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("on-time", {Manner.ON_TIME: 100}),
        ("never", {Manner.NEVER: 100}),
        ("on-time=70,late=20,never=10", {Manner.ON_TIME: 70, Manner.LATE: 20, Manner.NEVER: 10}),
        ("late = 100", {Manner.LATE: 100}),
    ],
)
def test_assumption_is_read(text: str, shares: dict[Manner, int]) -> None:
    assert people_of(text, seed=1).shares == shares


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("sometimes", "unknown_manner"),
        ("", "unknown_manner"),
        ("on-time=70,late=20", "not_a_hundred"),
        ("on-time=50,on-time=50", "said_twice"),
        ("on-time=x,late=20", "no_share"),
        ("on-time=-1,late=101", "no_share"),
        ("now=100", "unknown_manner"),
    ],
)
def test_assumption_that_cannot_be_read_says_why(text: str, code: str) -> None:
    with pytest.raises(BadAssumption) as refused:
        people_of(text, seed=1)

    assert refused.value.code == code


def test_turns_are_dealt_by_the_shares_and_alike_each_time() -> None:
    people, again = (people_of("on-time=70,late=20,never=10", seed=7) for _ in range(2))

    dealt = [people.manner(f"turn {place}") for place in range(2000)]

    assert dealt == [again.manner(f"turn {place}") for place in range(2000)]
    assert abs(dealt.count(Manner.ON_TIME) - 1400) < 100
    assert abs(dealt.count(Manner.NEVER) - 200) < 60


@pytest.mark.parametrize(("manner", "first", "last"), [("on-time", 0, 0), ("late", 1, 30)])
def test_turn_with_a_day_is_taken_before_or_after_it(manner: str, first: int, last: int) -> None:
    people, due_on = people_of(manner, seed=1), START + timedelta(days=3)

    days = {people.day(f"{place}", opened_on=START, due_on=due_on) for place in range(200)}

    late = {(day - due_on).days for day in days if day is not None}
    assert max(late) <= last
    assert min(late) >= first - 2


def test_turn_without_a_day_is_missed_only_where_nobody_ever_acts() -> None:
    few, nobody = people_of("on-time=90,never=10", seed=1), people_of("never", seed=1)

    assert all(few.day(f"{place}", opened_on=START, due_on=None) for place in range(200))
    assert nobody.day("a turn", opened_on=START, due_on=None) is None


# ───────────────────────────── Lives of any shape


def test_base_whose_people_act_in_time_is_certified(tmp_path: Path) -> None:
    database, report = made_up(tmp_path)

    assert happened(report, "opening", "certification", "revocation", "lapse", "missed") == {
        "open_midterm": 1, "open_final": 1, "certify": 1,
    }  # fmt: skip
    assert is_whole(database)


def test_lifecycle_of_another_shape_runs_by_the_same_policy(tmp_path: Path) -> None:
    database, report = made_up(tmp_path, file=STATION, cases=2, years=5)

    with database.reading() as session:
        states = session.scalars(select(Case.state)).all()
    assert set(states) == {"renewed"}
    assert happened(report, "passage", "certification", "opening", "lapse")["grant"] == 2
    assert is_whole(database)


def test_same_seed_gives_the_same_answer_and_another_seed_another(tmp_path: Path) -> None:
    people = "on-time=60,late=30,never=10"

    _, one = made_up(tmp_path / "1", people=people, seed=3, cases=2, years=2)
    _, same = made_up(tmp_path / "2", people=people, seed=3, cases=2, years=2)
    _, other = made_up(tmp_path / "3", people=people, seed=4, cases=2, years=2)

    assert one == same
    assert one != other


# ───────────────────────────── A copy of what there is


def row_counts(database: Database) -> dict[str, int]:
    with database.reading() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def test_base_that_nobody_cares_for_lapses_in_the_copy_and_not_in_the_original(
    database: Database, tmp_path: Path
) -> None:
    """Yearly data of 2026 are due on 1 February 2027; the agreement ends on 9 March 2027 and nobody renews it."""
    here = University.founded(database)
    case_id = here.signed(last=date(2027, 3, 9))
    before = row_counts(database)

    copy = simulation.copied(database, tmp_path)
    outlook = Outlook(start=START, until=date(2027, 4, 30), people=people_of("never", seed=1))
    stuck = simulation.run(copy, outlook, sweep=swept, progress=unseen)
    report = simulation.counted(copy, since=instant(START, 12), stuck=stuck)

    assert happened(report, "lapse", "missed", "revocation", "certification") == {
        "lapse": 1,
        "yearly_data": 1,
    }
    told = {(count.name, count.role) for count in report.counts if count.what == "notice"}
    assert told >= {
        ("reminder", "project_leader"), ("overdue", "project_leader"), ("overdue", "college_head"),
        ("overdue", "base_office"), ("overdue", "leading_group"),
    }  # fmt: skip
    assert happened(report, "act") == {}
    assert (row_counts(database), here.state(case_id)) == (before, "agreement_signed")
    with copy.reading() as session:
        assert session.get_one(Case, case_id).state == "lapsed"
    assert is_whole(copy)
    copy.dispose()


def run_on(here: University, folder: Path, people: str = "never", until: date = date(2027, 12, 31)) -> Report:
    """What becomes of a copy of a university."""
    copy = simulation.copied(here.database, folder)
    outlook = Outlook(start=START, until=until, people=people_of(people, seed=1))
    looked: list[int] = []
    stuck = simulation.run(copy, outlook, sweep=swept, progress=lambda day, _total: looked.append(day))
    report = simulation.counted(copy, since=instant(START, 12), stuck=stuck)
    copy.dispose()
    assert len(looked) < (until - START).days / 5  # a day on which nothing is on is passed over
    return report


# ───────────────────────────── One that fails


def test_case_whose_timer_fails_is_told_and_the_others_run_on(database: Database, tmp_path: Path) -> None:
    """The mid-term opens on 10 September 2027; of one case its timer cannot be found in the edition any more."""
    here = University.founded(database)
    broken, _ = broken_and_whole(here)

    report = run_on(here, tmp_path)

    (failed,) = report.failed
    assert (failed.case_id, "no_such_timer" in failed.reason) == (broken, True)
    assert happened(report, "opening") == {"open_midterm": 1}
    assert here.state(broken) == "agreement_signed"


def test_turns_of_a_case_that_fails_are_nobodys_and_those_of_the_others_are_taken(
    sqlite_database: Database, tmp_path: Path
) -> None:
    here = University.founded(sqlite_database)
    broken, whole = (
        here.approved(),
        here.approved(partner="湖西恒泰软件技术有限公司", unit="药学院", who="other_leader"),
    )
    rename_timer(here, broken, "sign_by", "no_such_timer")

    report = run_on(here, tmp_path, people="on-time", until=date(2026, 12, 31))

    assert [one.case_id for one in report.failed] == [broken]
    assert (happened(report, "passage")["sign_agreement"], report.stuck) == (1, 0)
    assert here.state(whole) == "approved"


def test_case_that_was_parked_before_is_told_of(sqlite_database: Database, tmp_path: Path) -> None:
    here = University.founded(sqlite_database)
    broken, _ = broken_and_whole(here)
    sweep(here.database, at=instant(date(2027, 9, 11)), stop=lambda: False)

    report = run_on(here, tmp_path)

    assert [one.case_id for one in report.failed] == [broken]


# ───────────────────────────── The fullest days


def test_each_year_has_its_fullest_day(sqlite_database: Database, tmp_path: Path) -> None:
    here = University.founded(sqlite_database)
    here.signed()
    copy = simulation.copied(here.database, tmp_path)
    outlook = Outlook(start=START, until=date(2028, 12, 31), people=people_of("late", seed=1))
    simulation.run(copy, outlook, sweep=swept, progress=unseen)

    report = simulation.counted(copy, since=instant(START, 12), stuck=0)

    days: Counter[date] = Counter()
    with copy.reading() as session:
        told = session.scalars(select(Notice.queued_at).where(Notice.channel == "app"))
        done = session.scalars(
            select(Entry.recorded_at).where(Entry.actor_id.is_not(None), Entry.kind.in_(ACTS))
        )
        for at in (*told, *done):
            days[beijing_day(at)] += at > instant(START, 12)
    copy.dispose()
    assert [peak.day.year for peak in report.peaks] == [2027, 2028]
    for peak in report.peaks:
        most = max(count for day, count in days.items() if day.year == peak.day.year)
        assert (peak.acts + peak.notices, days[peak.day]) == (most, most)
        assert not [
            day
            for day, count in days.items()
            if count == most and day.year == peak.day.year and day < peak.day
        ]
    assert sum(peak.acts for peak in report.peaks) > 0
