"""Whom a ban reaches: every disguise of a name, whoever bears or bore it (Art. 18; local reading)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflow.test_identity import DISGUISED, NAME, PARTNERS, PERHAPS_ONE, TWO, disguise_name
from workflow.barring import HELD, Applicant, Found, tie_to
from workflow.identity import Kinship, canonical_name, kinship
from workflow.lineage import FormerName, Lineage, Succession, lineage_of

BANNED = "Quorn Instruments Works"
"""The banned partner, where the name in question is somebody else's or one it bore before."""

RELATIONS = ("current", "former", "predecessor", "successor", "none")

VERDICTS: Mapping[tuple[str, Kinship], str] = {
    ("current", Kinship.SAME): "blocked",
    ("current", Kinship.NEAR): "held",
    ("current", Kinship.DISTINCT): "free",
    ("former", Kinship.SAME): "held",
    ("former", Kinship.NEAR): "held",
    ("former", Kinship.DISTINCT): "free",
    ("predecessor", Kinship.SAME): "held",
    ("predecessor", Kinship.NEAR): "held",
    ("predecessor", Kinship.DISTINCT): "free",
    ("successor", Kinship.SAME): "held",
    ("successor", Kinship.NEAR): "held",
    ("successor", Kinship.DISTINCT): "free",
    ("none", Kinship.SAME): "free",
    ("none", Kinship.NEAR): "free",
    ("none", Kinship.DISTINCT): "free",
}
"""What the name has to do with the banned partner × how like it the name typed is → the answer."""


def partner(name: str, key: str = "typed") -> dict[str, Any]:
    return {"id": key, "name": name, "name_identity": canonical_name(name), "code_identity": None}


def bar(name: str, *, subject: str = "partner_and_any_college", **rest: Any) -> dict[str, Any]:
    return {
        "partner_id": "banned",
        "partner_name": name,
        "partner_name_identity": canonical_name(name),
        "college_ids": ["college"],
        "person_id": "leader",
        "subject": subject,
        **rest,
    }


def bore(name: str, key: str = "banned", until_on: date | None = date(2028, 5, 31)) -> tuple[str, FormerName]:
    return key, FormerName(name=name, identity=canonical_name(name), until_on=until_on)


SCENES: Mapping[str, Callable[[str], tuple[dict[str, Any], Lineage]]] = {
    "current": lambda name: (bar(name), Lineage()),
    "former": lambda name: (bar(BANNED), lineage_of([bore(name)], [])),
    "predecessor": lambda name: (
        bar(BANNED),
        lineage_of([], [Succession("other", name, "banned", BANNED)]),
    ),
    "successor": lambda name: (bar(BANNED), lineage_of([], [Succession("banned", BANNED, "other", name)])),
    "none": lambda name: (bar(BANNED), lineage_of([bore(name, "other")], [])),
}


def tie(
    ban: dict[str, Any],
    lineage: Lineage,
    applicant: dict[str, Any] | None,
    *,
    colleges: frozenset[str] = frozenset({"college"}),
) -> Found | None:
    people = Applicant(partner=applicant, colleges=colleges, leaders=frozenset({"somebody"}))
    return tie_to(ban, people, lineage)


def verdict(found: Found | None) -> str:
    return "free" if found is None else "held" if found.tie in HELD else "blocked"


def answer(relation: str, name: str, written: str) -> str:
    """What is said to somebody who proposes with a partner written so."""
    ban, lineage = SCENES[relation](name)
    return verdict(tie(ban, lineage, partner(written)))


# ───────────────────────────── Every disguise, whoever bears the name


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("written", [NAME, *DISGUISED])
def test_disguised_name_is_answered_as_the_table_says(relation: str, written: str) -> None:
    assert answer(relation, NAME, written) == VERDICTS[relation, Kinship.SAME]


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize(("name", "other"), PERHAPS_ONE)
def test_similar_name_is_answered_as_the_table_says(relation: str, name: str, other: str) -> None:
    expected = VERDICTS[relation, Kinship.NEAR]

    assert (answer(relation, name, other), answer(relation, other, name)) == (expected, expected)


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize(("name", "other"), TWO)
def test_distinct_organisation_is_free_whatever_became_of_the_banned_one(
    relation: str, name: str, other: str
) -> None:
    assert (answer(relation, name, other), answer(relation, other, name)) == ("free", "free")


@pytest.mark.parametrize("relation", RELATIONS)
def test_no_partner_of_sixty_alarms_for_another(relation: str) -> None:
    alarms = [
        (name, written)
        for name, written in permutations(PARTNERS, 2)
        if answer(relation, name, written) != "free"
    ]

    assert alarms == []


@given(st.sampled_from(RELATIONS), st.sampled_from([*PARTNERS, NAME]), st.randoms(use_true_random=False))
def test_any_mixture_of_disguises_is_answered_as_the_table_says(
    relation: str, name: str, random: Random
) -> None:
    written = disguise_name(name, random)

    assert answer(relation, name, written) == VERDICTS[relation, kinship(name, written)]


# ───────────────────────────── What the reason says


def test_former_name_is_said_with_its_last_day() -> None:
    found = tie(*SCENES["former"](NAME), partner("中科abc聊城医药研究院"))

    assert found is not None
    assert found.params == {"former": NAME, "until": date(2028, 5, 31)}


def test_very_name_of_before_says_more_than_a_similar_present_one() -> None:
    lineage = lineage_of([bore("水城明德制药有限公司")], [])

    found = tie(bar("水城明德制药集团有限公司"), lineage, partner("水城明德制药有限公司"))

    assert found is not None
    assert found.tie == "ban_former_name"


@pytest.mark.parametrize(
    "written", ["水城明德制药有限公司", "水城明德制药", "水城恒信仪表厂", "冠州博远药业"]
)
def test_relative_is_met_under_any_name_it_bears_or_bore(written: str) -> None:
    lineage = lineage_of(
        [bore("水城恒信仪表厂", "other"), bore("冠州博远药业", "other")],
        [Succession("banned", BANNED, "other", "水城明德制药有限公司")],
    )

    found = tie(bar(BANNED), lineage, partner(written))

    assert found is not None
    assert found.tie == "ban_succession"


def test_partner_that_once_bore_the_banned_name_is_held() -> None:
    """The same organisation may have been entered twice, under the name of before and under the present one."""
    lineage = lineage_of([bore(NAME, "renamed")], [])

    found = tie(bar(NAME), lineage, partner("水城明德制药有限公司", "renamed"))

    assert found is not None
    assert (found.tie, found.params["former"]) == ("ban_former_name", NAME)


# ───────────────────────────── Lines


CHAIN = (("a", "b"), ("b", "c"), ("d", "c"), ("x", "y"))


def chain(*pairs: tuple[str, str]) -> Lineage:
    return lineage_of([], [Succession(one, one.upper(), other, other.upper()) for one, other in pairs])


@pytest.mark.parametrize(
    ("key", "relatives"),
    [("a", "bcd"), ("b", "acd"), ("c", "abd"), ("d", "abc"), ("x", "y"), ("y", "x"), ("z", "")],
)
def test_line_holds_everybody_who_ends_in_the_same_place(key: str, relatives: str) -> None:
    assert chain(*CHAIN).relatives(key) == frozenset(relatives)


def test_line_is_whole_in_whichever_order_it_is_read() -> None:
    lines = {chain(*order).relatives("a") for order in permutations(CHAIN)}

    assert lines == {frozenset("bcd")}


def test_rows_that_go_in_a_circle_never_hang() -> None:
    """No deed writes them; an edit of the tables might."""
    lineage = chain(("a", "b"), ("b", "c"), ("c", "a"), ("d", "b"))

    assert lineage.relatives("d") == frozenset("abc")
    assert lineage.relatives("a") == frozenset("bcd")


# ───────────────────────────── Colleges


@pytest.mark.parametrize(
    ("subject", "college", "expected"),
    [
        ("any_college", "college", "banned"),
        ("any_college", "merged", "ban_college"),
        ("any_college", "absorbed", "ban_college"),
        ("any_college", "other", None),
        ("partner_and_any_college", "college", "banned"),
        ("partner_and_any_college", "merged", "ban_college"),
        ("partner_and_any_college", "other", "ban_near"),
        ("partner", "merged", "banned"),
        ("project_leader", "merged", None),
    ],
)
def test_college_in_the_line_of_a_banned_one(subject: str, college: str, expected: str | None) -> None:
    lineage = chain(("college", "merged"), ("absorbed", "college"))

    found = tie(bar(NAME, subject=subject), lineage, partner(NAME), colleges=frozenset({college}))

    assert (str(found.tie) if found else None) == expected


def test_college_of_the_line_is_named_beside_the_banned_one() -> None:
    lineage = chain(("college", "merged"))

    found = tie(bar(NAME, subject="any_college"), lineage, partner(BANNED), colleges=frozenset({"merged"}))

    assert found is not None
    assert found.params == {"college": "MERGED", "other_college": "COLLEGE"}
