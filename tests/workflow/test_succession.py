"""Partners and units through time: what the office records of names and successors, and what bans and twins make of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, update

from models import Partner, PartnerName, Unit
from tests.university import University
from tests.workflow.racing import until_somebody_waits
from tests.workflow.test_bans import CODE, PARTNER, codes, proposing, revoked, setting
from tests.workflow.test_identity import CODE as TYPED_CODE
from tests.workflow.test_identity import DISGUISED_CODES
from workflow.errors import BadInput, NotFound
from workflow.operations import Receipt, Refusal, office, organisations
from workflow.operations.deeds import Done
from workflow.reasons import reason_of

RENAMED = "水城明德制药有限公司"
OTHER = "冠州博远律师协会"
OTHER_CODE = "91371500MA7Y6F6M7Y"
RENAMED_ON = date(2029, 5, 1)


def do(university: University, deed: Callable[..., Done], *args: Any, **stated: Any) -> Done:
    return university.database.run(
        lambda session: deed(
            session, *args, ctx=university.ctx("office"), **{"reason": "asked for", **stated}
        )
    )


def faults(
    university: University, deed: Callable[..., Done], *args: Any, **stated: Any
) -> list[tuple[str, str]]:
    with pytest.raises(BadInput) as bad:
        do(university, deed, *args, **stated)
    return [(fault.field, fault.code) for fault in bad.value.faults]


def add(university: University, name: str, code: str = "") -> str:
    stated = {"name": name, "kind": "enterprise", "credit_code": code}
    return do(university, organisations.add_partner, **stated).subject


def rename(university: University, key: str, name: str, from_on: date = RENAMED_ON) -> Done:
    return do(university, organisations.rename_partner, key, name=name, from_on=from_on)


def follow(university: University, key: str, successor: str | None) -> Done:
    return do(university, organisations.succeed_partner, key, successor=successor)


def merge(university: University, unit: str, into: str | None) -> Done:
    after = university.units[into] if into else None
    return do(university, organisations.succeed_unit, university.units[unit], successor_id=after)


def key_of(university: University, name: str) -> str:
    with university.database.reading() as session:
        return session.scalars(select(Partner.id).where(Partner.name == name)).one()


def banned(university: University, *, subject: str = "partner_and_any_college", **rest: Any) -> str:
    """Revoke the partner's base; return the partner's id."""
    setting(university, "ban_subject", subject)
    revoked(university, **rest)
    return key_of(university, PARTNER)


# ───────────────────────────── Names of before


def test_former_name_of_the_banned_partner_is_held_with_the_name_and_its_day(university: University) -> None:
    rename(university, banned(university), RENAMED)

    answer = proposing(university, partner=PARTNER)

    assert isinstance(answer, Refusal)
    (held,) = answer.warnings
    assert held.code == "ban_former_name"
    assert reason_of(held, university.definition, "zh").text == (
        f"曾用名“{PARTNER}”（用至2029年4月30日）涉及限制期内的{RENAMED}（基地LP2026-001，至2032年3月11日），"
        "须由领导小组认定"
    )
    assert reason_of(held, university.definition, "en").text == (
        f"the former name “{PARTNER}” (borne until 30 April 2029) points to {RENAMED} (base LP2026-001), barred until "
        "11 March 2032; the leading group must make a finding"
    )


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        (RENAMED, "", ["banned"]),
        ("水城明德製藥有限公司", "", ["banned"]),
        ("Some other name", CODE, ["banned"]),
        (PARTNER, CODE, ["banned"]),
        ("聊城華盛(山東)醫療器械有限公司", "", ["ban_former_name"]),
        (PARTNER, OTHER_CODE, ["ban_former_name"]),
        ("聊城华盛（山东）医疗器械有限公司临清分公司", "", ["ban_former_name"]),
        ("水城明德制药", "", ["ban_near"]),
        ("临清华盛轴承有限公司", "", []),
        (OTHER, OTHER_CODE, []),
    ],
)
def test_renamed_partner_is_known_by_its_code_and_every_name(
    small: University, name: str, code: str, expected: list[str]
) -> None:
    rename(small, banned(small), RENAMED)

    assert codes(proposing(small, partner=name, code=code)) == expected


def test_name_of_two_changes_ago_is_still_known(small: University) -> None:
    key = banned(small)
    rename(small, key, RENAMED, date(2029, 4, 1))
    rename(small, key, OTHER, date(2029, 5, 1))

    answers = [codes(proposing(small, partner=name)) for name in (PARTNER, RENAMED, OTHER)]

    assert answers == [["ban_former_name"], ["ban_former_name"], ["banned"]]


def test_held_former_name_wants_a_finding_before_the_approval(university: University) -> None:
    rename(university, banned(university), RENAMED)
    case_id = university.open()
    form = university.proposal(case_id, partner=PARTNER)
    university.done(case_id, "submit", "leader", confirmed=("ban_former_name",), **form)

    without = university.refused(case_id, "approve", "member", confirmed=("ban_former_name",))
    university.done(
        case_id,
        "approve",
        "member",
        ban_finding="another company took the name",
        confirmed=("ban_former_name",),
    )

    assert without == ["ban_former_name"]
    assert university.state(case_id) == "approved"


def test_change_of_name_is_seen_by_the_very_next_act(university: University) -> None:
    """The names are read once per process, and again as soon as the office has recorded another."""
    key = banned(university)
    before = codes(proposing(university, partner=RENAMED))
    add(university, OTHER)

    rename(university, key, "莘州恒信仪表厂")
    follow(university, key, OTHER)

    assert before == []
    assert codes(proposing(university, partner=PARTNER, who="other_leader", unit="药学院")) == [
        "ban_former_name"
    ]
    assert codes(proposing(university, partner=OTHER, who="other_leader", unit="药学院")) == [
        "ban_succession"
    ]


# ───────────────────────────── Successors


def test_line_of_the_banned_partner_is_held(university: University) -> None:
    """Predecessor → banned → successor → its successor; somebody else merged into the last one is held with it."""
    key = banned(university)
    line = ("徒骇第二检验检测研究院", "景阳博远生物科技股份有限公司", "水城人民医院", "运河实验中学")
    before, after, last, joined = (add(university, name) for name in line)
    follow(university, before, PARTNER)
    follow(university, key, line[1])
    follow(university, after, line[2])
    follow(university, joined, line[2])

    answers = {name: codes(proposing(university, partner=name)) for name in (*line, OTHER)}

    assert answers == {**dict.fromkeys(line, ["ban_succession"]), OTHER: []}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("景阳博遠生物科技股份有限公司", ["ban_succession"]),
        ("景阳博远生物科技", ["ban_succession"]),
        ("景阳恒泰检验检测研究院", []),
    ],
)
def test_successor_is_known_in_disguise(small: University, typed: str, expected: list[str]) -> None:
    key = banned(small)
    add(small, "景阳博远生物科技股份有限公司")
    follow(small, key, "景阳博远生物科技股份有限公司")

    assert codes(proposing(small, partner=typed)) == expected


@pytest.mark.parametrize("typed", DISGUISED_CODES)
@pytest.mark.parametrize(
    ("relation", "expected"),
    [("current", ["banned"]), ("former", ["banned"]), ("successor", ["ban_succession"]), ("none", [])],
)
def test_disguised_code_is_answered_as_the_table_says(
    small: University, relation: str, expected: list[str], typed: str
) -> None:
    own = relation in ("current", "former")
    key = banned(small, code=TYPED_CODE if own else CODE)
    if relation == "former":
        rename(small, key, RENAMED)
    if not own:
        add(small, RENAMED, TYPED_CODE)
    if relation == "successor":
        follow(small, key, RENAMED)

    assert codes(proposing(small, partner="Some other name", code=typed)) == expected


def test_succession_taken_back_holds_nobody(small: University) -> None:
    key = banned(small)
    add(small, RENAMED)
    follow(small, key, RENAMED)
    held = codes(proposing(small, partner=RENAMED))

    follow(small, key, None)

    assert (held, codes(proposing(small, partner=RENAMED))) == (["ban_succession"], [])


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("any_college", {"药学院": ["ban_college"], "法学院": ["ban_college"], "计算机学院": ["banned"]}),
        ("partner_and_any_college", {"药学院": [], "法学院": [], "计算机学院": []}),
    ],
)
def test_college_merged_with_a_banned_one_is_held_with_any_partner(
    university: University, subject: str, expected: dict[str, list[str]]
) -> None:
    banned(university, subject=subject)
    merge(university, "计算机学院", "药学院")
    merge(university, "法学院", "计算机学院")
    units = {"计算机学院": "leader", "药学院": "other_leader", "法学院": "other_leader"}
    grant(university, "other_leader", "法学院")

    answers = {
        unit: codes(proposing(university, who=who, unit=unit, partner=f"{number}号研究院"))
        for number, (unit, who) in enumerate(units.items())
    }

    assert answers == expected


def grant(university: University, who: str, unit: str) -> None:
    stated = {"role": "project_leader", "from_on": date(2026, 1, 1), "until_on": None}
    do(
        university,
        office.give_grant,
        person_id=university.people[who],
        unit_id=university.units[unit],
        **stated,
    )


def test_renamed_college_is_bound_as_before(small: University) -> None:
    banned(small, subject="any_college")
    do(small, office.rename_unit, small.units["计算机学院"], name="信息学院", from_on=RENAMED_ON)

    assert codes(proposing(small, partner=OTHER)) == ["banned"]


# ───────────────────────────── Twins


def test_twin_is_known_by_a_former_name(university: University) -> None:
    university.proposed(partner=PARTNER)
    rename(university, key_of(university, PARTNER), RENAMED, date(2026, 3, 1))

    assert codes(proposing(university, partner=PARTNER)) == ["twin"]


def test_twin_entered_under_the_former_name_is_known_by_the_present_one(university: University) -> None:
    rename(university, add(university, PARTNER), RENAMED, date(2026, 3, 1))
    university.proposed(partner=PARTNER)

    assert codes(proposing(university, partner=RENAMED)) == ["twin"]


def test_amended_college_meets_the_twin_of_a_former_name(university: University) -> None:
    rename(university, add(university, PARTNER), RENAMED, date(2026, 3, 1))
    university.proposed(partner=RENAMED)
    case_id = university.proposed(who="other_leader", unit="药学院", partner=PARTNER)
    fact = {"name": "lead_college", "value": university.units["计算机学院"]}

    assert university.refused(case_id, "amend", "office", reason="moved", fact=fact) == ["twin"]


@pytest.mark.parametrize(
    ("typed", "code", "unit"),
    [
        (PARTNER, OTHER_CODE, "计算机学院"),  # two codes: the name has passed on
        (PARTNER, "", "药学院"),  # another college
        ("临清华盛轴承有限公司", "", "计算机学院"),
    ],
)
def test_somebody_else_is_no_twin(small: University, typed: str, code: str, unit: str) -> None:
    small.proposed(partner=PARTNER, code=CODE)
    rename(small, key_of(small, PARTNER), RENAMED, date(2026, 3, 1))
    who = "leader" if unit == "计算机学院" else "other_leader"

    assert isinstance(proposing(small, who=who, unit=unit, partner=typed, code=code), Receipt)


# ───────────────────────────── What can be recorded


def test_renamed_partner_keeps_its_names_with_their_days(university: University) -> None:
    key = add(university, PARTNER)
    rename(university, key, RENAMED, date(2026, 1, 1))
    rename(university, key, OTHER, date(2026, 3, 1))

    with university.database.reading() as session:
        rows = session.execute(
            select(PartnerName.name, PartnerName.name_identity, PartnerName.from_on, PartnerName.until_on)
            .where(PartnerName.partner_id == key)
            .order_by(PartnerName.until_on)
        ).all()
        now = session.get_one(Partner, key)
    assert [tuple(row) for row in rows] == [
        (PARTNER, "聊城华盛山东医疗器械有限公司", None, date(2025, 12, 31)),
        (RENAMED, RENAMED, date(2026, 1, 1), date(2026, 2, 28)),
    ]
    assert (now.name, now.name_identity) == (OTHER, OTHER)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"name": OTHER}, [("name", "name_of_another")]),
        ({"name": "冠州博远 律師協會"}, [("name", "name_of_another")]),
        ({"name": PARTNER}, [("name", "nothing_changed")]),
        ({"name": "（）"}, [("name", "partner_name_missing")]),
        ({"name": " "}, [("name", "missing")]),
        ({"name": "x" * 201}, [("name", "too_long")]),
        ({"from_on": date(2026, 3, 11)}, [("from_on", "in_future")]),
        ({"from_on": date(2026, 2, 1)}, [("from_on", "not_after")]),
        ({"from_on": None, "reason": ""}, [("from_on", "missing"), ("reason", "missing")]),
    ],
)
def test_name_that_cannot_be_says_why(
    small: University, stated: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    add(small, OTHER)
    key = add(small, "x" * 3)
    rename(small, key, PARTNER, date(2026, 2, 1))

    given = {"name": RENAMED, "from_on": date(2026, 3, 1), **stated}

    assert faults(small, organisations.rename_partner, key, **given) == expected


def test_partner_may_take_back_a_name_of_its_own(small: University) -> None:
    key = add(small, PARTNER)
    rename(small, key, RENAMED, date(2026, 1, 1))

    rename(small, key, PARTNER, date(2026, 3, 1))

    assert key_of(small, PARTNER) == key


@pytest.mark.parametrize(
    ("successor", "code"),
    [
        (PARTNER, "itself"),
        ("聊城華盛(山東)醫療器械有限公司", "itself"),
        (CODE, "itself"),
        ("nobody anybody knows", "partner_unknown"),
        (RENAMED, "circle"),
        (OTHER, "circle"),
        (None, "nothing_changed"),
        ("x\ny", "control_characters"),
    ],
)
def test_successor_that_cannot_be_says_why(small: University, successor: str | None, code: str) -> None:
    """OTHER was followed by RENAMED, and RENAMED by the partner."""
    key = add(small, PARTNER, CODE)
    renamed, other = add(small, RENAMED), add(small, OTHER)
    follow(small, renamed, PARTNER)
    follow(small, other, RENAMED)

    found = faults(small, organisations.succeed_partner, key, successor=successor)

    assert ("successor", code) in found


def test_successor_recorded_already_is_no_deed(small: University) -> None:
    key = add(small, PARTNER)
    add(small, RENAMED, OTHER_CODE)
    follow(small, key, RENAMED)

    assert faults(small, organisations.succeed_partner, key, successor=OTHER_CODE) == [
        ("successor", "nothing_changed")
    ]


@pytest.mark.parametrize(
    ("into", "code"),
    [("计算机学院", "itself"), ("法学院", "circle"), (None, "nothing_changed"), ("office", "unknown_choice")],
)
def test_unit_merged_where_it_cannot_be_says_why(small: University, into: str | None, code: str) -> None:
    done = do(small, office.add_unit, name="研究生处", kind="office")
    small.units["office"] = done.subject
    merge(small, "法学院", "药学院")
    merge(small, "药学院", "计算机学院")

    found = faults(
        small,
        organisations.succeed_unit,
        small.units["计算机学院"],
        successor_id=small.units[into] if into else None,
    )

    assert found == [("successor", code)]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"name": ""}, [("name", "partner_name_missing")]),
        ({"name": "", "kind": "", "credit_code": ""}, [("name", "partner_name_missing")]),
        ({"kind": "club"}, [("kind", "partner_kind_missing")]),
        ({"credit_code": "123"}, [("credit_code", "code_wrong_length")]),
        ({"name": "聊城華盛(山東)醫療器械有限公司", "credit_code": ""}, [("name", "partner_known")]),
        ({"credit_code": CODE.lower()}, [("name", "partner_known")]),
    ],
)
def test_partner_that_cannot_be_entered_says_why(
    small: University, stated: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    add(small, PARTNER, CODE)
    given = {"name": RENAMED, "kind": "enterprise", "credit_code": OTHER_CODE, **stated}

    assert faults(small, organisations.add_partner, **given) == expected


def test_unknown_partner_or_unit_does_not_exist(small: University) -> None:
    nowhere = "01980000-0000-7000-8000-000000000000"

    for deed, stated in (
        (organisations.rename_partner, {"name": "x", "from_on": RENAMED_ON}),
        (organisations.succeed_partner, {"successor": "x"}),
        (organisations.succeed_unit, {"successor_id": None}),
    ):
        with pytest.raises(NotFound):
            do(small, deed, nowhere, **stated)


def attempt(university: University, key: str, successor: str) -> bool:
    try:
        follow(university, key, successor)
    except BadInput:
        return False
    return True


def test_two_deeds_at_once_never_close_a_circle(university: University) -> None:
    keys = [add(university, name) for name in (PARTNER, RENAMED)]
    pairs = tuple(zip(keys, (RENAMED, PARTNER), strict=True))

    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda pair: attempt(university, *pair), pairs))
        assert sorted(done) == [False, True]
        with university.database.transaction() as session:
            session.execute(update(Partner).values(succeeded_by=None))


def test_deed_that_waits_goes_by_the_line_recorded_meanwhile(university: University) -> None:
    """Three in a circle: no two of the deeds change the same row, so the whole line is locked."""
    first, second, third = (add(university, name) for name in (PARTNER, RENAMED, OTHER))
    follow(university, second, OTHER)

    with ThreadPoolExecutor(1) as pool:
        with university.database.transaction() as session:
            succeed = organisations.succeed_partner
            succeed(session, first, successor=RENAMED, reason="merged", ctx=university.ctx("office"))
            waiting = pool.submit(attempt, university, third, PARTNER)
            until_somebody_waits(university.database)
        answer = waiting.result()

    assert answer is False


def test_merged_unit_is_kept_with_its_successor(small: University) -> None:
    merge(small, "法学院", "药学院")

    with small.database.reading() as session:
        assert session.get_one(Unit, small.units["法学院"]).succeeded_by == small.units["药学院"]
