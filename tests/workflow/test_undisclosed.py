"""What the last ballot of a confidential round comes to is not told before it is cast: it would tell how the others voted."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from models import Database
from tests.university import University
from tests.workflow.routing import EXPERTS, MEMBERS, at_vote, do, founded
from workflow import queries
from workflow.explain.consequences import promised
from workflow.forms import read_form
from workflow.operations.rounds import name_experts
from workflow.plan import Form, Plan
from workflow.plan.deciding import decide
from workflow.plan.foreseeing import foresee

ROOT = Path(__file__).resolve().parents[2]
SPLITS = [("agree",) * 4, ("refuse",) * 4, ("agree", "agree", "refuse", "refuse"), ("abstain",) * 4]


def plans(
    here: University, case_id: str, step: str, who: str, outcome: str, **raw: Any
) -> tuple[Form, Plan, Plan]:
    """The form, what is shown of it and what would be written."""
    form = read_form(here.definition, here.definition.acts[step], raw, outcome=outcome)
    with here.database.reading() as session:
        case = queries.case_for(session, case_id, ctx=here.ctx(who), act=step, values=form.values)
    ctx = here.ctx(who)
    return (
        form,
        foresee(case.snapshot, step, form, ctx, proposed_by=None),
        decide(case.snapshot, step, form, ctx, proposed_by=None),
    )


def voted(here: University, choices: tuple[str, ...]) -> str:
    case_id = at_vote(here)
    for who, choice in zip(MEMBERS, choices, strict=False):
        here.done(case_id, "selection", who, outcome=choice)
    return case_id


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize("choice", ["agree", "refuse", "abstain", "recuse"])
def test_last_vote_shows_the_same_whatever_the_others_chose(
    sqlite_database: Database, choice: str, secret: bool
) -> None:
    here = founded(sqlite_database, secret_ballot=secret)
    told = []
    for split in SPLITS:
        form, shown, _ = plans(here, voted(here, split), "selection", MEMBERS[4], choice)
        told.append((promised(shown, form), len(shown.steps), shown.after and shown.after.state))

    assert all(one == told[0] for one in told)
    assert told[0][1:] == (1, "proposed")


@pytest.mark.parametrize("choice", ["agree", "refuse", "abstain"])
def test_last_vote_shows_nothing_of_what_follows(sqlite_database: Database, choice: str) -> None:
    here = founded(sqlite_database)
    _, shown, written = plans(here, voted(here, SPLITS[2]), "selection", MEMBERS[4], choice)
    step = shown.steps[0]

    assert shown.undisclosed == "selection"
    assert {change.table for change in step.changes} == {"cases", "ballots"}
    assert (step.armed, step.ended, step.turns, step.notices, step.details) == ((), (), (), (), {})
    assert any(change.table == "rounds" for change in written.steps[0].changes)


def test_what_is_shown_is_a_true_part_of_what_is_written(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    case_id = voted(here, SPLITS[0])
    _, shown, written = plans(here, case_id, "selection", MEMBERS[4], "agree")

    part = [(change.table, change.op, {**change.values, "id": None}) for change in shown.steps[0].changes]
    whole = [(change.table, change.op, {**change.values, "id": None}) for change in written.steps[0].changes]

    assert part
    assert all(one in whole for one in part)


def test_vote_that_others_still_wait_for_is_shown_whole(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    _, shown, _ = plans(here, voted(here, ("agree",) * 3), "selection", MEMBERS[4], "agree")

    assert shown.undisclosed is None


def test_last_sheet_shows_nothing_of_what_follows(sqlite_database: Database) -> None:
    here = founded(sqlite_database, expert_review_on=True)
    case_id = at_vote(here)
    do(here, name_experts, case_id, [here.people[name] for name in EXPERTS[:3]], who="office")
    sheet = {name: {"met": True, "note": "seen"} for name in here.definition.lists["eligibility"]}
    for name in EXPERTS[:2]:
        here.done(case_id, "expert_review", name, outcome="seal", eligibility_opinion=sheet)

    here.declare(case_id, EXPERTS[2])
    _, shown, written = plans(here, case_id, "expert_review", EXPERTS[2], "seal", eligibility_opinion=sheet)

    assert shown.undisclosed == "expert_review"
    assert shown.steps[0].notices == ()
    assert written.steps[0].notices != ()


def test_pages_and_programs_ask_only_for_what_may_be_shown() -> None:
    asked = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "web").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and any(name.name == "decide" for name in node.names)
    ]

    assert asked == [], "what a page shows before an act comes from workflow.plan.foresee"
