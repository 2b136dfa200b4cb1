"""Those whom a ban refused are told when the correction of the revocation lifts it, and from when they may propose."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from models import Call, Notice, new_key
from tests.university import SIGNED, University
from workflow.doctor import examine
from workflow.messages import About, compose
from workflow.operations import Receipt, Refusal
from workflow.world import bump

PARTNER = "聊城华盛（山东）医疗器械有限公司"
CODE = "91371500MA3C0XY81A"

REFUSED_ON = date(2029, 6, 1)
LIFTED_ON = date(2029, 7, 2)


def revoked(university: University, **rest: Any) -> str:
    """Revoke a base on 2029-03-11; the ban lasts until 2032-03-11."""
    return university.revoked(partner=PARTNER, code=CODE, **rest)


def both_revoked(university: University) -> str:
    """Revoke the bases two colleges had with the partner; return the first."""
    first = university.in_rectification(partner=PARTNER, code=CODE)
    university.on(SIGNED)
    second = university.in_rectification(
        partner=PARTNER, code=CODE, who="other_leader", unit="药学院", years=()
    )
    for case_id, who in ((first, "leader"), (second, "other_leader")):
        university.on(date(2029, 3, 11), 12)
        university.evidence(case_id, who)
        university.revoke(case_id)
    return first


def calls(university: University) -> None:
    with university.database.transaction() as session:
        for year in (2029, 2030, 2031, 2032, 2033):
            days = {"opens_on": date(year, 1, 1), "closes_on": date(year, 12, 31)}
            session.add(Call(id=new_key(), lifecycle="base", year=year, **days))
        bump(session)


def refused(university: University, *, who: str = "leader", unit: str = "计算机学院", **rest: Any) -> str:
    """Propose the partner again and be refused because of the ban; return the draft."""
    case_id = university.open(who, unit)
    form = university.proposal(case_id, unit=unit, partner=PARTNER, code=CODE, **rest)
    answer = university.act(case_id, "submit", who, **form)
    assert isinstance(answer, Refusal)
    assert {blocker.code for blocker in answer.blockers} == {"banned"}
    return case_id


def correct(university: University, case_id: str) -> None:
    university.done(case_id, "correct", "office", reason="wrong base")
    assert isinstance(university.confirmed(case_id, "second_office"), Receipt)


def told(university: University) -> list[tuple[str, str, str, dict[str, Any]]]:
    names = {person: name for name, person in university.people.items()}
    with university.database.reading() as session:
        rows = session.scalars(select(Notice).where(Notice.template == "ban_lifted"))
        return sorted((names[row.person_id], row.channel, str(row.case_id), row.params) for row in rows)


def test_person_refused_by_a_ban_is_told_when_it_is_lifted(university: University) -> None:
    case_id = revoked(university)
    calls(university)
    university.on(REFUSED_ON)
    draft = refused(university)
    university.on(LIFTED_ON)

    correct(university, case_id)

    params = {
        "act": "submit", "ban": "reapplication", "partner": PARTNER, "day": "2029-07-02", "from_on": "2029-07-02",
    }  # fmt: skip
    assert told(university) == [("leader", channel, draft, params) for channel in ("app", "mail")]
    with university.database.reading() as session:
        assert examine(session) == []


def test_proposed_correction_tells_nobody_yet(small: University) -> None:
    case_id = revoked(small)
    calls(small)
    small.on(REFUSED_ON)
    refused(small)

    small.done(case_id, "correct", "office", reason="wrong base")

    assert told(small) == []


def test_person_refused_twice_on_one_draft_is_told_once(small: University) -> None:
    case_id = revoked(small)
    calls(small)
    small.on(REFUSED_ON)
    draft = refused(small)
    form = small.proposal(draft, partner=PARTNER, code=CODE)
    assert "banned" in small.refused(draft, "submit", "leader", **form)

    correct(small, case_id)

    assert [(who, channel) for who, channel, _, _ in told(small)] == [("leader", "app"), ("leader", "mail")]


def test_other_ban_that_refused_too_moves_the_day(small: University) -> None:
    """Both colleges of the new proposal had a base with the partner revoked; one ban of the two is lifted."""
    case_id = both_revoked(small)
    calls(small)
    small.on(REFUSED_ON)
    refused(small, others=("药学院",))
    small.on(LIFTED_ON)

    correct(small, case_id)

    assert [params["from_on"] for _, _, _, params in told(small)] == ["2032-03-12", "2032-03-12"]


def test_person_another_ban_refused_is_not_told(small: University) -> None:
    case_id = both_revoked(small)
    calls(small)
    small.on(REFUSED_ON)
    draft = small.open("other_leader", "药学院")
    form = small.proposal(draft, unit="药学院", partner=PARTNER, code=CODE)
    assert "banned" in small.refused(draft, "submit", "other_leader", **form)
    small.on(LIFTED_ON)

    correct(small, case_id)

    assert told(small) == []


def test_ban_that_ran_out_by_itself_is_nobodys_news(small: University) -> None:
    case_id = revoked(small)
    calls(small)
    small.on(REFUSED_ON)
    refused(small)
    small.on(date(2032, 3, 12))

    correct(small, case_id)

    assert told(small) == []


def test_refusal_for_another_reason_is_not_told(small: University) -> None:
    case_id = revoked(small)
    calls(small)
    small.on(REFUSED_ON)
    draft = small.open()
    form = small.proposal(draft, partner="另一单位")
    assert "not_your_role" in small.refused(draft, "submit", "stranger", **form)

    correct(small, case_id)

    assert told(small) == []


@pytest.mark.parametrize(
    ("language", "subject", "line"),
    [
        (
            "zh",
            f"【联培基地】重新申报限制已解除：{PARTNER}，自2032年3月12日起可以提交申报",
            "自2032年3月12日起可以提交申报；申报批次等其他条件仍须满足。",
        ),
        (
            "en",
            f"[Joint training bases] re-application ban lifted: {PARTNER}; “submit” is possible from 12 March 2032",
            "“submit” is possible from 12 March 2032; the call for proposals and all other conditions still apply.",
        ),
    ],
)
def test_notice_says_that_the_ban_is_lifted_and_from_when(
    small: University, language: str, subject: str, line: str
) -> None:
    about = About(
        definition=small.definition, base="", name="n", language=language, link="x", today=LIFTED_ON
    )
    params = {
        "act": "submit", "ban": "reapplication", "partner": PARTNER, "day": "2029-07-02", "from_on": "2032-03-12",
    }  # fmt: skip

    message = compose("ban_lifted", params, about)

    assert message.subject == subject
    assert line in message.lines
