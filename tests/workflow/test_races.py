"""Many at once: of identical decisions one commits, of different ones exactly one takes effect, nothing is done twice.

Each trial is a race of its own. `LIANPEI_TRIALS` says how many are run on each database; 5 unless told.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from models import Database, Entry, JointBase, Partner, Passage, Timer
from tests.university import University, instant
from tests.workflow.racing import (
    CLIENTS,
    TRIALS,
    acting,
    entries,
    race,
    sweeping,
    tally,
    until_somebody_waits,
)
from workflow.context import Actor, Context, Source
from workflow.operations import Receipt, Refusal, fire_due
from workflow.operations.clockwork import Swept
from workflow.operations.organisations import rename_partner
from workflow.operations.settings import change_setting


def fresh_proposal(university: University) -> str:
    return university.on(date(2026, 3, 10)).proposed()


def test_twenty_approvals_at_once_are_one(university: University) -> None:
    told = []
    for _ in range(TRIALS):
        case_id = fresh_proposal(university)
        answers = race(university, [acting(university, case_id, "approve", "member")] * CLIENTS)
        told.append((dict(tally(answers)), entries(university, case_id)))

    assert told == [({"done": 1, "stale": CLIENTS - 1}, ["open", "submit", "approve"])] * TRIALS


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("approve", "member", {}), ("send_back", "head", {"reasons_by_field": {"base_name": "too long"}})),
        (("withdraw", "leader", {}), ("approve", "second_member", {})),
        (("reject", "member", {"reason": "no"}), ("approve", "second_member", {})),
        (
            ("withdraw", "leader", {}),
            ("send_back", "office", {"reasons_by_field": {"base_name": "too long"}}),
        ),
    ],
    ids=lambda act: act[0],
)
def test_of_two_decisions_exactly_one_takes_effect(
    university: University, first: tuple[str, str, dict[str, Any]], second: tuple[str, str, dict[str, Any]]
) -> None:
    for _ in range(TRIALS):
        case_id = fresh_proposal(university)
        clients = [
            acting(university, case_id, act, who, **raw)
            for act, who, raw in (first, second)
            for _ in range(5)
        ]

        answers = race(university, clients)

        (done,) = (answer for answer in answers if isinstance(answer, Receipt))
        assert tally(answers) == {"done": 1, "stale": 9}
        assert entries(university, case_id) == ["open", "submit", done.act]
        assert university.state(case_id) == done.state


def test_timer_and_approver_at_the_same_instant_leave_one_outcome(university: University) -> None:
    """A renewal recorded in the last second against the lapse of the next: either the base lives on or it is gone."""
    last = date(2026, 6, 9)
    seen = set()
    for _ in range(TRIALS):
        university.on(date(2026, 3, 10))
        case_id = university.signed(last=last)
        form = university.renewal(case_id, signed=last, last=date(2027, 6, 9))
        university.at = instant(last + timedelta(days=1), 0) - timedelta(seconds=1)
        renew = acting(university, case_id, "renew_agreement", "office", **form)

        answers = race(
            university,
            [renew, sweeping(case_id, at=date(2026, 6, 10)), sweeping(case_id, at=date(2026, 6, 10))],
        )

        happened = entries(university, case_id, "renew_agreement", "lapse")
        assert happened in (["renew_agreement"], ["lapse"])
        assert (
            university.state(case_id)
            == {"renew_agreement": "agreement_signed", "lapse": "lapsed"}[happened[0] or ""]
        )
        assert isinstance(answers[0], Receipt) == (happened == ["renew_agreement"])
        seen.add(happened[0])
    assert seen


@pytest.mark.parametrize(
    ("act", "who"), [("set_report_deadline", "office"), ("progress_report", "leader")], ids=["moved", "met"]
)
def test_deadline_is_moved_or_met_or_has_passed(university: University, act: str, who: str) -> None:
    """The report's day is put off, or the report handed in, in its last second while the clock of the next looks."""
    last, acts = date(2027, 11, 9), (act, "progress_report")
    for _ in range(TRIALS):
        case_id = university.on(date(2026, 3, 10)).in_midterm()
        university.at = instant(last + timedelta(days=1), 0) - timedelta(seconds=1)
        raw = {
            "set_report_deadline": {"report_by": "2027-12-20", "reason": "the server stood still"},
            "progress_report": {"progress_report_file": university.document(case_id, "progress_report_file")},
        }[act]
        decide = acting(university, case_id, act, who, **raw)

        answers = race(university, [decide, *[sweeping(case_id, at=last + timedelta(days=1))] * 2])

        with university.database.reading() as session:
            happened = session.execute(
                select(Entry.kind, Entry.act)
                .where(Entry.case_id == case_id, Entry.act.in_(acts))
                .order_by(Entry.seq)
            ).all()
            passed = session.scalar(
                select(func.count()).where(
                    Timer.case_id == case_id, Timer.name == "progress_report", Timer.status == "fired"
                )
            )
        assert len(happened) == 1
        has_passed = happened[0].kind == "deadline_passed"
        assert (isinstance(answers[0], Receipt), passed) == (not has_passed, int(has_passed))


def test_many_schedulers_fire_a_timer_once(university: University) -> None:
    for _ in range(TRIALS):
        university.on(date(2026, 3, 10))
        case_id = university.signed()

        race(university, [sweeping(case_id, at=date(2027, 9, 10))] * 5)

        assert entries(university, case_id, "open_midterm") == ["open_midterm"]


def test_sweeps_that_claim_together_fire_each_timer_once(university: University) -> None:
    """Claims pass over what another scheduler holds; together they leave nothing."""
    cases = [university.on(date(2026, 3, 10)).signed() for _ in range(6)]
    ctx = Context(actor=Actor(system="sweep"), at=instant(date(2027, 9, 10), 0), source=Source.TIMER)

    def sweep(database: Database) -> Swept:
        total = Swept()
        while (swept := database.run(lambda session: fire_due(session, ctx=ctx, limit=2))).cases:
            total += swept
        return total

    race(university, [sweep] * 4)
    university.sweep(ctx.at)

    with university.database.reading() as session:
        passages = session.execute(
            select(Passage.case_id, func.count())
            .where(Passage.transition == "open_midterm")
            .group_by(Passage.case_id)
        ).all()
        waiting = session.scalar(select(func.count()).select_from(Timer).where(Timer.wake_at <= ctx.at))
    assert {tuple(row) for row in passages} == {(case_id, 1) for case_id in cases}
    assert waiting == 0


def test_approvals_of_different_cases_get_different_numbers(university: University) -> None:
    """The first of the year among them, for which there is no counter yet."""
    cases = [university.on(date(2026, 3, 10)).proposed() for _ in range(8)]

    answers = race(university, [acting(university, case_id, "approve", "member") for case_id in cases])

    with university.database.reading() as session:
        numbers = session.scalars(select(JointBase.base_number).where(JointBase.case_id.in_(cases))).all()
    assert tally(answers) == {"done": 8}
    assert sorted(map(str, numbers)) == [f"LP2026-{n:03d}" for n in range(1, 9)]


def test_first_submissions_of_a_year_get_different_numbers(university: University) -> None:
    cases = [university.open() for _ in range(8)]
    clients = [
        acting(university, case_id, "submit", "leader", **university.proposal(case_id)) for case_id in cases
    ]

    answers = race(university, clients)

    with university.database.reading() as session:
        numbers = session.scalars(
            select(JointBase.application_number).where(JointBase.case_id.in_(cases))
        ).all()
    assert tally(answers) == {"done": 8}
    assert sorted(map(str, numbers)) == [f"SB-2026-{n:03d}" for n in range(1, 9)]


def test_partner_submitted_under_its_old_and_its_new_name_at_once_lives_once(university: University) -> None:
    for trial in range(TRIALS):
        old, new = f"聊城{trial:04d}号农机站", f"聊城{trial:04d}号农业装备中心"
        university.done(university.proposed(partner=old), "withdraw", "leader")
        with university.database.transaction() as session:
            key = session.scalars(select(Partner.id).where(Partner.name == old)).one()
            ctx = university.ctx("office")
            rename_partner(session, key, name=new, from_on=ctx.today, reason="asked for", ctx=ctx)
        clients = [
            acting(
                university,
                case_id,
                "submit",
                "leader",
                **university.proposal(case_id, partner=name),
            )
            for name in (old, new, old, new)
            for case_id in [university.open()]
        ]

        assert tally(race(university, clients)) == {"done": 1, "refused": 3}


def test_same_pair_submitted_twice_at_once_lives_once(university: University) -> None:
    """Two drafts of one college with one new partner: the second sees the first, and the partner is kept once."""
    for trial in range(TRIALS):
        partner = f"聊城{trial:04d}号试验站"
        cases = [university.open() for _ in range(4)]
        clients = [
            acting(
                university,
                case_id,
                "submit",
                "leader",
                **university.proposal(case_id, partner=partner, code=None),
            )
            for case_id in cases
        ]

        answers = race(university, clients)

        with university.database.reading() as session:
            kept = session.scalar(select(func.count()).select_from(Partner).where(Partner.name == partner))
        assert (tally(answers), kept) == ({"done": 1, "refused": 3}, 1)


@pytest.mark.parametrize("act", ["approve", "submit"])
def test_double_submit_with_one_key_is_done_once_and_told_twice(university: University, act: str) -> None:
    for trial in range(TRIALS):
        university.on(date(2026, 3, 10))
        if act == "approve":
            case_id = university.proposed()
            client = acting(university, case_id, act, "member", key=f"key-{trial}")
        else:
            case_id = university.open()
            client = acting(
                university, case_id, act, "leader", key=f"key-{trial}", **university.proposal(case_id)
            )

        answers = race(university, [client] * 6)

        receipts = {(answer.seq, answer.hash) for answer in answers if isinstance(answer, Receipt)}
        assert tally(answers) == {"done": 1, "repeated": 5}
        assert len(receipts) == 1
        assert entries(university, case_id, act) == [act]


def test_act_that_waits_for_its_case_goes_by_the_setting_committed_meanwhile(university: University) -> None:
    """The setting moves no timer of the case, so the version the act saw still stands."""
    case_id = university.approved()
    form = university.agreement(case_id, last=date(2030, 3, 9))
    sign = acting(university, case_id, "sign_agreement", "office", **form)
    ctx = university.ctx("second_office")

    with ThreadPoolExecutor(1) as pool:
        with university.database.transaction() as session:
            change_setting(
                session, lifecycle="base", name="agreement_max", value="2 years", from_on=ctx.today, reason="x", ctx=ctx
            )  # fmt: skip
            waiting = pool.submit(sign, university.database)
            until_somebody_waits(university.database)
        answer = waiting.result()

    assert isinstance(answer, Refusal)
    assert [blocker.code for blocker in answer.blockers] == ["too_late_a_day"]


CLIENT = """
import sys
from datetime import datetime, UTC
from models import Database
from workflow.context import Actor, Context, Source
from workflow.operations import Receipt, perform
from workflow.plan import Form
url, case_id, person, version, at = sys.argv[1:]
database = Database(url)
with database.reading():
    pass
ctx = Context(actor=Actor(person=person), at=datetime.fromisoformat(at), source=Source.PAGE)
print("ready", flush=True)
sys.stdin.readline()
work = lambda session: perform(session, case_id, "approve", form=Form(), version=int(version), ctx=ctx)
print("done" if isinstance(database.run(work), Receipt) else "stale", flush=True)
database.dispose()
"""


PROCESSES = 6


def test_processes_approving_at_once_are_one(university: University) -> None:
    """The same with processes, as many web servers would."""
    case_id = fresh_proposal(university)
    url = university.database.url.render_as_string(hide_password=False)
    arguments = [
        url,
        case_id,
        university.people["member"],
        str(university.case(case_id).version),
        university.at.isoformat(),
    ]
    clients = [
        subprocess.Popen(
            [sys.executable, "-c", CLIENT, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(PROCESSES)
    ]
    for client in clients:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"

    for client in clients:
        assert client.stdin is not None
        client.stdin.write("go\n")
        client.stdin.flush()
    answers = [client.communicate(timeout=120)[0].strip() for client in clients]

    assert Counter(answers) == {"done": 1, "stale": PROCESSES - 1}
    assert entries(university, case_id) == ["open", "submit", "approve"]
