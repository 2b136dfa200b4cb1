"""Meetings of the leading group: convened over open votes, voted in by whoever is there, closed row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models import AgendaItem, Ballot, Blob, Database, Entry, Meeting, Round, Slip, StoredDocument
from tests.university import Founding, University
from tests.workflow.routing import MEMBERS, at_vote, founded, proposed, rounds
from workflow.doctor import examine
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.operations import Receipt, Refusal
from workflow.operations.deeds import Done
from workflow.operations.meetings import (
    cast,
    close_meeting,
    close_row,
    convene,
    enter_paper,
    note_attendance,
)
from workflow.operations.papers import Paper, set_aside
from workflow.plan import Form
from workflow.uploads import Upload

TODAY = date(2026, 3, 10)
NOWHERE = Paper(sha256="0" * 64, name="x.pdf", media_type="application/pdf", size=1)


@pytest.fixture
def founding() -> Founding:
    return founded


def called(
    here: University, *cases: str, present: tuple[str, ...] = MEMBERS, who: str = "office", **more: Any
) -> Done:
    """A meeting over some cases."""
    stated = {
        "role": "leading_group",
        "held_on": TODAY,
        "place": "行政楼301",
        "chair": here.people["member"],
        "present": [here.people[name] for name in present],
        "agenda": list(cases),
        **more,
    }
    ctx = here.ctx(who)
    return here.database.run(lambda session: convene(session, ctx=ctx, **stated))


def items(here: University, meeting: Done) -> list[AgendaItem]:
    with here.database.reading() as session:
        rows = select(AgendaItem).where(AgendaItem.meeting_id == meeting.subject).order_by(AgendaItem.place)
        return list(session.scalars(rows))


def vote(here: University, meeting: Done, item: AgendaItem, who: str, choice: str) -> Receipt | Refusal:
    ctx, version = here.ctx(who), here.case(item.case_id).version
    return here.database.run(
        lambda session: cast(
            session, meeting.subject, item.id, form=Form(outcome=choice), version=version, ctx=ctx
        )
    )


def scanned(here: University) -> Paper:
    """A scan that was sent and that nothing names yet."""
    upload = Upload(name="纸质票.pdf", media_type="application/pdf", content=b"%PDF-1.4 paper")
    return here.database.run(lambda session: set_aside(session, upload, at=here.at))


def scans(here: University) -> list[str]:
    """The documents that are scans."""
    with here.database.reading() as session:
        return list(session.scalars(select(StoredDocument.id).where(StoredDocument.field == "scan")))


def paper(
    here: University, meeting: Done, item: AgendaItem, member: str, who: str = "office", **more: Any
) -> Receipt | Refusal:
    stated = {"choice": "agree", "scan": scanned(here), **more}
    ctx, version = here.ctx(who), here.case(item.case_id).version
    return here.database.run(
        lambda session: enter_paper(
            session, meeting.subject, item.id, here.people[member], version=version, ctx=ctx, **stated
        )
    )


def closed(
    here: University, meeting: Done, item: AgendaItem, who: str = "office", key: str | None = None
) -> Receipt | Refusal:
    ctx, version = here.ctx(who, key=key), here.case(item.case_id).version
    return here.database.run(
        lambda session: close_row(session, meeting.subject, item.id, version=version, ctx=ctx)
    )


def ended(here: University, meeting: Done, who: str = "office") -> Done:
    ctx = here.ctx(who)
    return here.database.run(lambda session: close_meeting(session, meeting.subject, ctx=ctx))


def faults(work: Callable[[], Done]) -> list[tuple[str, str]]:
    with pytest.raises(BadInput) as bad:
        work()
    return [(fault.field, fault.code) for fault in bad.value.faults]


def refused(work: Callable[[], Any]) -> str:
    with pytest.raises(WorkflowError) as error:
        work()
    return error.value.code


def codes(answer: Receipt | Refusal) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [blocker.code for blocker in answer.blockers]


# ───────────────────────────── Convening


def test_meeting_is_numbered_and_told_of_once(university: University) -> None:
    case_id = at_vote(university)

    meeting = called(university, case_id)

    with university.database.reading() as session:
        row = session.get_one(Meeting, meeting.subject)
        entries = session.scalars(select(Entry.kind).where(Entry.stream == "system:meetings")).all()
        found = examine(session)
    assert (row.number, row.status) == ("2026-01", "open")
    assert entries == ["meeting_convened"]
    assert found == []


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"agenda": []}, ("agenda", "agenda_empty")),
        ({"present": []}, ("present", "nobody_present")),
        ({"held_on": date(2026, 3, 9)}, ("held_on", "in_past")),
        ({"held_on": None}, ("held_on", "missing")),
        ({"place": " "}, ("place", "missing")),
        ({"chair": None}, ("chair", "not_a_member")),
    ],
)
def test_meeting_is_refused(small: University, more: dict[str, Any], fault: tuple[str, str]) -> None:
    case_id = at_vote(small)

    assert faults(lambda: called(small, case_id, **more)) == [fault]


def test_meeting_wants_members(small: University) -> None:
    case_id = at_vote(small)
    head = small.people["head"]

    assert faults(lambda: called(small, case_id, chair=head)) == [("chair", "not_a_member")]
    assert faults(lambda: called(small, case_id, present=("head",))) == [("present", "not_a_member")]


def test_case_that_is_not_at_a_vote_is_refused(small: University) -> None:
    at, before = at_vote(small), proposed(small)

    assert faults(lambda: called(small, at, before)) == [("agenda", "not_at_vote")]


def test_vote_is_on_one_open_agenda_only(small: University) -> None:
    case_id = at_vote(small)
    called(small, case_id)

    assert faults(lambda: called(small, case_id)) == [("agenda", "on_another_agenda")]


def test_only_the_office_convenes(small: University) -> None:
    case_id = at_vote(small)

    assert refused(lambda: called(small, case_id, who="member")) == "not_your_role"


# ───────────────────────────── Voting


def test_members_present_vote_and_the_last_ballot_decides(university: University) -> None:
    meeting = called(university, at_vote(university))
    (item,) = items(university, meeting)
    for who in MEMBERS[:4]:
        assert isinstance(vote(university, meeting, item, who, "agree"), Receipt)

    last = vote(university, meeting, item, MEMBERS[4], "refuse")

    assert isinstance(last, Receipt)
    assert university.state(item.case_id) == "approved"


def test_member_who_is_not_present_does_not_vote(small: University) -> None:
    meeting = called(small, at_vote(small), present=MEMBERS[:4])
    (item,) = items(small, meeting)

    assert refused(lambda: vote(small, meeting, item, MEMBERS[4], "agree")) == "not_present"
    assert refused(lambda: vote(small, meeting, item, "office", "agree")) == "not_present"


def test_member_who_comes_later_votes(small: University) -> None:
    meeting = called(small, at_vote(small), present=MEMBERS[:4])
    (item,) = items(small, meeting)
    everybody = [small.people[name] for name in MEMBERS]
    ctx = small.ctx("office")
    small.database.run(lambda session: note_attendance(session, meeting.subject, present=everybody, ctx=ctx))

    assert isinstance(vote(small, meeting, item, MEMBERS[4], "agree"), Receipt)


def test_attendance_is_told_of_and_refused_where_nothing_changes(small: University) -> None:
    meeting = called(small, at_vote(small))
    ctx = small.ctx("office")

    def note(*names: str) -> Done:
        there = [small.people[name] for name in names]
        return small.database.run(
            lambda session: note_attendance(session, meeting.subject, present=there, ctx=ctx)
        )

    assert faults(lambda: note(*MEMBERS)) == [("present", "nothing_changed")]
    assert faults(lambda: note()) == [("present", "nobody_present")]
    assert faults(lambda: note("head")) == [("present", "not_a_member")]
    note(*MEMBERS[:3])
    with small.database.reading() as session:
        assert examine(session) == []


def test_row_of_another_meeting_is_unknown(small: University) -> None:
    first, second = called(small, at_vote(small)), called(small, at_vote(small))
    (item,) = items(small, second)

    with pytest.raises(NotFound):
        vote(small, first, item, "member", "agree")


# ───────────────────────────── Paper votes


def test_paper_vote_is_the_members_and_names_clerk_and_scan(university: University) -> None:
    meeting = called(university, at_vote(university))
    (item,) = items(university, meeting)
    before = university.case(item.case_id).version

    answer = paper(university, meeting, item, "member")

    assert isinstance(answer, Receipt)
    (scan,) = scans(university)
    with university.database.reading() as session:
        ballot = session.scalars(select(Ballot).join(Round).where(Round.step == "selection")).one()
        entry = session.scalars(select(Entry).where(Entry.kind == "transcribed")).one()
        found = examine(session)
    assert (ballot.person_id, ballot.cast_by, ballot.choice, ballot.form) == (
        university.people["member"], university.people["office"], "agree", {"scan": scan},
    )  # fmt: skip
    body = json.loads(entry.body)
    assert (body["on_behalf_of"], list(body["documents"])) == (university.people["member"], [scan])
    assert '"agree"' not in entry.body
    assert university.case(item.case_id).version == before
    assert {one.table for one in found if one.key == scan} == set()


def test_paper_vote_counts_and_the_last_one_decides(small: University) -> None:
    meeting = called(small, at_vote(small))
    (item,) = items(small, meeting)
    for who in MEMBERS[:4]:
        vote(small, meeting, item, who, "agree")

    paper(small, meeting, item, MEMBERS[4], choice="refuse")

    assert small.state(item.case_id) == "approved"
    with small.database.reading() as session:
        found = examine(session)
    assert [
        one for one in found if one.table != "documents"
    ] == []  # those of a test are set down without an entry


@pytest.mark.parametrize(
    ("member", "who", "more", "code"),
    [
        ("member", "head", {}, "not_your_role"),
        ("member", "office", {"scan": None}, "scan_missing"),
        ("member", "office", {"scan": NOWHERE}, "scan_missing"),
        ("member", "office", {"choice": "seal"}, "outcome_unknown"),
        ("second_member", "office", {}, "has_acted"),
    ],
)
def test_paper_vote_is_refused(
    small: University, member: str, who: str, more: dict[str, Any], code: str
) -> None:
    meeting = called(small, at_vote(small))
    (item,) = items(small, meeting)
    vote(small, meeting, item, "second_member", "refuse")

    assert codes(paper(small, meeting, item, member, who, **more)) == [code]
    assert scans(small) == [], "a scan is kept with its ballot or not at all"


def test_scan_that_no_ballot_names_is_thrown_away_after_a_day(university: University) -> None:
    meeting = called(university, at_vote(university))
    (item,) = items(university, meeting)
    left = scanned(university)
    kept = Upload(name="2.pdf", media_type="application/pdf", content=b"%PDF-1.4 another")
    cited = university.database.run(lambda session: set_aside(session, kept, at=university.at))
    assert isinstance(paper(university, meeting, item, "member", scan=cited), Receipt)

    for later, there in (
        (timedelta(hours=24), {left.sha256, cited.sha256}),
        (timedelta(hours=25), {cited.sha256}),
    ):
        with university.database.transaction() as session:
            third = Upload(name="3.pdf", media_type="application/pdf", content=b"%PDF-1.4 third")
            fresh = set_aside(session, third, at=university.at + later)
            ours = [left.sha256, cited.sha256, fresh.sha256]
            held = set(session.scalars(select(Blob.sha256).where(Blob.sha256.in_(ours))))
        assert held == there | {fresh.sha256}


def test_paper_vote_of_whoever_has_no_vote_is_refused(small: University) -> None:
    here = small
    meeting = called(here, at_vote(here), present=MEMBERS[:4])
    (item,) = items(here, meeting)
    vote(here, meeting, item, "member", "recuse")

    assert refused(lambda: paper(here, meeting, item, MEMBERS[4])) == "not_present"
    assert codes(paper(here, meeting, item, "member")) == ["has_acted"]


def test_secret_paper_vote_becomes_a_slip(sqlite_database: Database) -> None:
    here = founded(sqlite_database, secret_ballot=True)
    meeting = called(here, at_vote(here))
    (item,) = items(here, meeting)

    without = paper(here, meeting, item, "member", scan=None)
    paper(here, meeting, item, "member")

    with here.database.reading() as session:
        ballot = session.scalars(select(Ballot).join(Round).where(Round.step == "selection")).one()
        slips = session.scalars(select(Slip.choice)).all()
    assert codes(without) == ["scan_missing"]
    assert (ballot.choice, slips) == (None, ["agree"])


# ───────────────────────────── Closing


def test_closing_decides_each_row_by_its_ballots(university: University) -> None:
    meeting = called(university, at_vote(university), at_vote(university))
    first, second = items(university, meeting)
    for who in MEMBERS[:4]:
        vote(university, meeting, first, who, "agree")
    vote(university, meeting, second, "member", "agree")

    for item in (first, second):
        assert isinstance(closed(university, meeting, item), Receipt)
    ended(university, meeting)

    assert university.state(first.case_id) == "approved"
    assert university.state(second.case_id) == "proposed"
    assert rounds(university, second.case_id)[-2:] == [("selection", "no_quorum"), ("selection", None)]
    with university.database.reading() as session:
        assert session.get_one(Meeting, meeting.subject).status == "closed"
        assert examine(session) == []


def test_row_is_closed_once_per_key(small: University) -> None:
    meeting = called(small, at_vote(small))
    (item,) = items(small, meeting)

    first = closed(small, meeting, item, key="a-key-of-a-page")
    again = closed(small, meeting, item, key="a-key-of-a-page")

    assert isinstance(first, Receipt)
    assert isinstance(again, Receipt)
    assert (again.repeated, again.seq) == (True, first.seq)
    assert refused(lambda: closed(small, meeting, item)) == "row_closed"


def test_meeting_with_an_open_vote_is_not_closed(small: University) -> None:
    meeting = called(small, at_vote(small))

    assert refused(lambda: ended(small, meeting)) == "rows_open"


def test_nothing_more_happens_in_a_closed_meeting(small: University) -> None:
    meeting = called(small, at_vote(small))
    (item,) = items(small, meeting)
    closed(small, meeting, item)
    ended(small, meeting)
    ctx = small.ctx("office")
    there = [small.people["member"]]

    assert refused(lambda: vote(small, meeting, item, "member", "agree")) == "meeting_closed"
    assert refused(lambda: paper(small, meeting, item, "member")) == "meeting_closed"
    assert refused(lambda: closed(small, meeting, item)) == "meeting_closed"
    assert refused(lambda: ended(small, meeting)) == "meeting_closed"
    assert (
        refused(
            lambda: small.database.run(
                lambda session: note_attendance(session, meeting.subject, present=there, ctx=ctx)
            )
        )
        == "meeting_closed"
    )


def test_motion_without_a_result_stays_for_the_next_meeting(small: University) -> None:
    case_id = at_vote(small)
    meeting = called(small, case_id)
    (item,) = items(small, meeting)
    closed(small, meeting, item)
    ended(small, meeting)

    again = called(small, case_id)

    (next_item,) = items(small, again)
    assert next_item.round_id != item.round_id


def test_only_the_office_closes(small: University) -> None:
    meeting = called(small, at_vote(small))
    (item,) = items(small, meeting)

    assert codes(closed(small, meeting, item, who="member")) == ["not_your_role"]
    assert refused(lambda: ended(small, meeting, who="member")) == "not_your_role"


def test_last_ballot_sent_again_gets_its_first_answer(university: University) -> None:
    """Though it closed the row, and the meeting was closed since."""
    case_id = at_vote(university)
    meeting = called(university, case_id)
    (item,) = items(university, meeting)
    for who in MEMBERS[:4]:
        vote(university, meeting, item, who, "agree")
    ctx, version = university.ctx(MEMBERS[4], key="last"), university.case(case_id).version

    def send() -> Receipt | Refusal:
        return university.database.run(
            lambda session: cast(
                session, meeting.subject, item.id, form=Form(outcome="agree"), version=version, ctx=ctx
            )
        )

    first = send()
    university.database.run(
        lambda session: close_meeting(session, meeting.subject, ctx=university.ctx("office"))
    )
    second = send()

    assert isinstance(first, Receipt)
    assert second == replace(first, repeated=True)
