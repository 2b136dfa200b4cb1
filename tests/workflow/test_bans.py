"""The ban of Article 18: what starts it, whom it binds, how long, and that it is recognised in any disguise."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from models import Ban, Call, Entry, Grant, Partner, PendingAct, Setting, new_key
from tests.university import University
from workflow.operations import Receipt, Refusal
from workflow.world import bump

REVOKED_ON = date(2029, 3, 11)
LAST_BANNED = date(2032, 3, 11)
POSSIBLE = date(2032, 3, 12)

PARTNER = "聊城华盛（山东）医疗器械有限公司"
CODE = "91371500MA3C0XY81A"


def calls(university: University, *years: int) -> None:
    """Open a call in each of the years."""
    with university.database.transaction() as session:
        for year in years:
            days = {"opens_on": date(year, 1, 1), "closes_on": date(year, 12, 31)}
            session.add(Call(id=new_key(), lifecycle="base", year=year, **days))
        bump(session)


def setting(university: University, name: str, value: Any) -> None:
    with university.database.transaction() as session:
        session.add(
            Setting(
                id=new_key(),
                lifecycle="base",
                name=name,
                value=value,
                from_on=date(2020, 1, 1),
                reason="chosen",
                recorded_at=university.at,
            )
        )
        bump(session)


def revoked(university: University, *, partner: str = PARTNER, code: str | None = CODE, **rest: Any) -> str:
    """Revoke a base on 2029-03-11, with calls open until 2032."""
    case_id = university.revoked(partner=partner, code=code, **rest)
    calls(university, 2029, 2030, 2031, 2032)
    university.on(date(2029, 6, 1))
    return case_id


def proposing(
    university: University,
    *,
    who: str = "leader",
    unit: str = "计算机学院",
    confirmed: tuple[str, ...] = (),
    **rest: Any,
) -> Receipt | Refusal:
    case_id = university.open(who, unit)
    return university.act(
        case_id, "submit", who, confirmed=confirmed, **university.proposal(case_id, unit=unit, **rest)
    )


def codes(answer: Receipt | Refusal) -> list[str]:
    return [] if isinstance(answer, Receipt) else [b.code for b in (*answer.blockers, *answer.warnings)]


# ───────────────────────────── The promise


def test_revoked_pair_is_blocked_with_the_day_it_becomes_possible(university: University) -> None:
    revoked(university)

    answer = proposing(university, partner=PARTNER, code=CODE)

    assert isinstance(answer, Refusal)
    (blocker,) = answer.blockers
    assert (blocker.code, blocker.basis, blocker.from_on) == ("banned", "18", POSSIBLE)
    assert (blocker.params["day"], blocker.params["number"]) == (LAST_BANNED, "LP2026-001")


def test_ban_counts_three_years_from_the_decision(small: University) -> None:
    case_id = revoked(small)

    with small.database.reading() as session:
        ban = session.scalars(select(Ban)).one()

    assert (ban.case_id, ban.decided_on, ban.last_day) == (case_id, REVOKED_ON, LAST_BANNED)


def test_pair_may_come_again_the_day_after_the_last_banned(small: University) -> None:
    """A status period does not roll over rest days."""
    revoked(small)
    small.on(LAST_BANNED, 23)
    last = proposing(small, partner=PARTNER, code=CODE)

    small.on(POSSIBLE, 0)
    first = proposing(small, partner=PARTNER, code=CODE)

    assert (codes(last), codes(first)) == (["banned"], [])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("聊城华盛（山东）医疗器械有限公司", ""),  # the code left out
        ("聊城华盛(山东)医疗器械有限公司", ""),  # half-width brackets
        ("聊城华盛〔山东〕医疗器械有限公司", ""),
        ("聊城 华盛（山东） 医疗器械　有限公司", ""),  # blanks, also the wide one
        ("聊\u200b城华盛（山\u00ad东）医疗器械有限公司", ""),  # zero width and soft hyphen
        ("聊城華盛（山東）醫療器械有限公司", ""),  # traditional
        ("Some other name", CODE),  # the code alone
        ("Some other name", CODE.lower()),
        ("Some other name", "９１３７１５００ＭＡ３Ｃ０ＸＹ８１Ａ"),  # full width
        ("Some other name", "9137 1500 MA3C 0XY8 1A"),
        ("Some other name", "91371500MА3С0ХY81А"),  # Cyrillic А, С and Х
        ("Some other name", "9137I500MA3COXY8IA"),  # I for 1, O for 0
    ],
)
def test_disguised_pair_is_blocked(small: University, name: str, code: str) -> None:
    revoked(small)

    assert codes(proposing(small, partner=name, code=code)) == ["banned"]


@pytest.mark.parametrize(
    ("name", "disguise"),
    [
        ("ABC Laser Institute 2", "ＡＢＣ　Ｌａｓｅｒ　Ｉｎｓｔｉｔｕｔｅ　２"),
        ("ABC Laser Institute 2", "abc laser institute 2"),
        ("ABC Laser Institute 2", "АВС Laser Institute 2"),  # Cyrillic capitals
    ],
)
def test_disguised_latin_name_is_blocked(small: University, name: str, disguise: str) -> None:
    revoked(small, partner=name, code=None)

    assert codes(proposing(small, partner=disguise)) == ["banned"]


def test_partner_proposed_later_with_its_code_is_known_by_it_under_another_name(small: University) -> None:
    """A name first written without a code keeps the code it comes with later."""
    small.proposed(partner=PARTNER, who="other_leader", unit="药学院")
    revoked(small)

    answer = proposing(small, partner="Some other name", code=CODE)

    with small.database.reading() as session:
        partners = session.execute(select(Partner.name, Partner.code_identity)).all()
    assert codes(answer) == ["banned"]
    assert [tuple(row) for row in partners] == [(PARTNER, CODE)]


@pytest.mark.parametrize("name", ["聊城华盛医疗器械有限公司", "聊城华盛（山东）医疗器械有限公司临清分公司"])
def test_near_name_is_held_for_a_person(small: University, name: str) -> None:
    revoked(small)

    assert codes(proposing(small, partner=name)) == ["ban_near"]


@pytest.mark.parametrize("name", ["东阿阿胶研究所", "聊城市人民医院", "临清华盛轴承有限公司"])
def test_other_organisation_is_not_touched(small: University, name: str) -> None:
    revoked(small)

    assert codes(proposing(small, partner=name)) == []


# ───────────────────────────── Held for the leading group


def held(university: University) -> str:
    """The banned partner with another college, submitted with the warning confirmed."""
    revoked(university)
    case_id = university.open("other_leader", "药学院")
    form = university.proposal(case_id, partner=PARTNER, code=CODE, unit="药学院")
    assert university.refused(case_id, "submit", "other_leader", **form) == ["ban_near"]
    university.done(case_id, "submit", "other_leader", confirmed=("ban_near",), **form)
    return case_id


def test_partner_with_another_college_is_submitted_with_a_flag(university: University) -> None:
    case_id = held(university)

    assert university.state(case_id) == "proposed"


def test_approval_of_a_held_proposal_wants_a_finding(university: University) -> None:
    case_id = held(university)
    without = university.refused(case_id, "approve", "member", confirmed=("ban_near",))

    university.done(
        case_id, "approve", "member", ban_finding="another department, no part in it", confirmed=("ban_near",)
    )

    with university.database.reading() as session:
        body = session.scalars(
            select(Entry.body).where(Entry.case_id == case_id, Entry.act == "approve")
        ).all()
    assert without == ["ban_near"]
    assert len(body) == 1
    assert "another department, no part in it" in body[0]


def test_finding_does_not_open_the_way_for_the_banned_pair(small: University) -> None:
    """A ban that came between submission and approval blocks; no finding lifts it."""
    case_id = small.in_rectification(partner=PARTNER, code=CODE)
    calls(small, 2029)
    other = small.proposed(
        who="other_leader", unit="药学院", partner=PARTNER, code=CODE, others=("计算机学院",)
    )
    small.evidence(case_id)
    small.revoke(case_id)

    assert small.refused(other, "approve", "member", ban_finding="let it pass") == ["banned"]


def test_college_that_took_part_binds_whichever_leads(small: University) -> None:
    """Any college of the revoked base among the colleges proposed (local)."""
    revoked(small, others=("法学院",))

    answer = proposing(
        small, who="other_leader", unit="药学院", others=("法学院",), partner=PARTNER, code=CODE
    )

    assert codes(answer) == ["banned"]


@pytest.mark.parametrize(
    ("subject", "same_pair", "other_college", "other_partner", "leader_elsewhere"),
    [
        ("partner_and_any_college", ["banned"], ["ban_near"], [], []),
        ("partner", ["banned"], ["banned"], [], []),
        ("any_college", ["banned"], [], ["banned"], ["banned"]),
        ("project_leader", ["banned"], [], ["banned"], ["banned"]),
    ],
)
def test_ban_binds_whom_the_office_chose(
    small: University,
    subject: str,
    same_pair: list[str],
    other_college: list[str],
    other_partner: list[str],
    leader_elsewhere: list[str],
) -> None:
    setting(small, "ban_subject", subject)
    revoked(small)

    answers = (
        proposing(small, partner=PARTNER, code=CODE),
        proposing(small, who="other_leader", unit="药学院", partner=PARTNER, code=CODE),
        proposing(small, partner="东阿阿胶研究所"),
        proposing(small, partner="东阿阿胶研究二所"),
    )

    assert [codes(answer) for answer in answers] == [
        same_pair,
        other_college,
        other_partner,
        leader_elsewhere,
    ]


def test_later_setting_does_not_move_a_ban_imposed(small: University) -> None:
    revoked(small)
    setting(small, "ban_subject", "project_leader")

    answer = proposing(small, partner="东阿阿胶研究所")

    assert codes(answer) == []


# ───────────────────────────── Other ways in


def test_amended_partner_does_not_slip_past_a_ban(small: University) -> None:
    revoked(small)
    case_id = small.proposed(partner="东阿阿胶研究所")
    new = {"name": "聊城华盛(山东)医疗器械有限公司", "kind": "enterprise", "credit_code": ""}

    reasons = small.refused(
        case_id, "amend", "office", reason="moved", fact={"name": "partner", "value": new}
    )

    assert reasons == ["banned"]


def test_amended_college_does_not_slip_past_a_ban(small: University) -> None:
    case_id = held(small)

    reasons = small.refused(
        case_id,
        "amend",
        "office",
        reason="moved",
        fact={"name": "lead_college", "value": small.units["计算机学院"]},
    )

    assert reasons == ["banned"]


def test_amended_side_college_does_not_slip_past_a_ban(small: University) -> None:
    case_id = held(small)

    reasons = small.refused(
        case_id,
        "amend",
        "office",
        reason="joined",
        fact={"name": "other_colleges", "value": [small.units["计算机学院"]]},
    )

    assert reasons == ["banned"]


def test_backdated_approval_does_not_reach_before_the_end_of_a_ban(small: University) -> None:
    """Rights and bans read the day of effect and today: a ban in force on either bars."""
    revoked(small)
    small.on(POSSIBLE)
    case_id = small.open()
    small.done(case_id, "submit", "leader", **small.proposal(case_id, partner=PARTNER, code=CODE))
    small.on(date(2032, 3, 20))

    today = small.act(case_id, "approve", "member")

    assert isinstance(today, Receipt)


def lead_here(university: University, who: str) -> None:
    """Let a person of another office lead bases of the college, too."""
    with university.database.transaction() as session:
        session.add(
            Grant(
                id=new_key(),
                person_id=university.people[who],
                role="project_leader",
                unit_id=university.units["计算机学院"],
                from_on=date(2020, 1, 1),
            )
        )


def test_submission_backdated_into_a_ban_is_refused(small: University) -> None:
    """An office that leads a base of its own may state a day; it may not state one on which the ban held."""
    revoked(small)
    small.on(date(2032, 3, 8))
    case_id = small.open()
    small.assign(case_id, "project_leader", "office")
    lead_here(small, "office")
    small.on(date(2032, 3, 20))
    form = small.proposal(case_id, partner=PARTNER, code=CODE)

    reasons = small.refused(case_id, "submit", "office", effective_on=date(2032, 3, 10), **form)

    assert reasons == ["banned"]


def test_correction_of_the_revocation_lifts_the_ban(university: University) -> None:
    case_id = revoked(university)
    before = proposing(university, partner=PARTNER, code=CODE, who="other_leader", unit="药学院")
    university.done(case_id, "correct", "office", reason="wrong base")
    university.confirmed(case_id, "second_office")

    after = proposing(university, partner=PARTNER, code=CODE, who="other_leader", unit="药学院")

    assert (codes(before), codes(after)) == (["ban_near"], [])
    assert university.state(case_id) == "rectification"


def test_refusal_by_a_ban_is_logged_for_the_person_who_tried(small: University) -> None:
    revoked(small)
    proposing(small, partner=PARTNER, code=CODE)

    with small.database.reading() as session:
        denied = session.scalars(
            select(Entry.body).where(Entry.stream == f"person:{small.people['leader']}")
        ).all()

    assert len(denied) == 1
    assert '"refused":["banned"]' in denied[0]


def test_revocation_not_confirmed_imposes_nothing(small: University) -> None:
    case_id = small.in_rectification(partner=PARTNER, code=CODE)
    small.evidence(case_id)
    small.done(case_id, "revoke", "member", reason="not met", clawback=False)

    with small.database.reading() as session:
        counted = len(session.scalars(select(Ban)).all()), len(session.scalars(select(PendingAct)).all())

    assert counted == (0, 1)
