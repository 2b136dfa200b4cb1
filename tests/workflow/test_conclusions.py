"""What a route comes to is held to the same rules as an act of a person: numbers, bans, the step that was named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from models import Ban, Base, Database, new_key
from tests.university import ROUTED_FILE, University
from tests.workflow.routing import MEMBERS, at_vote, do, founded, proposed, rounds
from workflow.operations.rounds import close_vote

BANNED_UNTIL = date(2027, 3, 9)


def ban_partner_of(here: University, case_id: str) -> None:
    """Set down a ban on the case's own partner and college, as another base's revocation would."""
    with here.database.transaction() as session:
        bases = Base.metadata.tables["bases"]
        row = session.execute(select(bases).where(bases.c.case_id == case_id)).mappings().one()
        session.add(
            Ban(
                id=new_key(),
                case_id=case_id,
                seq=1,
                name="reapplication",
                subject="partner",
                partner_id=row["partner_id"],
                college_ids=[row["lead_college_id"]],
                person_id=None,
                decided_on=date(2024, 3, 9),
                last_day=BANNED_UNTIL,
            )
        )


def number(here: University, case_id: str) -> str | None:
    bases = Base.metadata.tables["bases"]
    with here.database.reading() as session:
        found: str | None = session.scalar(select(bases.c.base_number).where(bases.c.case_id == case_id))
    return found


def test_vote_numbers_the_second_base_of_a_year(database: Database) -> None:
    here = founded(database)
    cases = [at_vote(here), at_vote(here)]

    for case_id in cases:
        for who in MEMBERS:
            here.done(case_id, "selection", who, outcome="agree")

    assert [number(here, case_id) for case_id in cases] == ["LP2026-001", "LP2026-002"]


def test_closing_a_vote_numbers_the_second_base_of_a_year(sqlite_database: Database) -> None:
    here = founded(sqlite_database)
    cases = [at_vote(here), at_vote(here)]

    for case_id in cases:
        for who in MEMBERS[:4]:
            here.done(case_id, "selection", who, outcome="agree")
        do(here, close_vote, case_id, who="office")

    assert [number(here, case_id) for case_id in cases] == ["LP2026-001", "LP2026-002"]


def test_public_notice_numbers_the_bases_it_approves_together(database: Database) -> None:
    here = founded(database, publicity_on=True)
    cases = [at_vote(here), at_vote(here)]
    for case_id in cases:
        for who in MEMBERS:
            here.done(case_id, "selection", who, outcome="agree")

    here.tick(cases[0], date(2026, 3, 18))
    here.tick(cases[1], date(2026, 3, 18))

    assert [number(here, case_id) for case_id in cases] == ["LP2026-001", "LP2026-002"]


@pytest.mark.parametrize("way", ["last ballot", "closing", "notice"])
def test_ban_imposed_during_the_route_holds_the_approval(sqlite_database: Database, way: str) -> None:
    """The ban keeps out of the state, whichever way the route comes to it (Art. 18)."""
    here = founded(sqlite_database, publicity_on=way == "notice")
    case_id = at_vote(here)
    ban_partner_of(here, case_id)

    for who in MEMBERS[: 4 if way == "closing" else 5]:
        here.done(case_id, "selection", who, outcome="agree")
    if way == "closing":
        do(here, close_vote, case_id, who="office")
    if way == "notice":
        here.tick(case_id, date(2026, 3, 18))

    assert here.state(case_id) == "proposed"
    assert rounds(here, case_id)[-1] == ("publicity", "passed" if way == "notice" else "skipped")
    assert here.refused(case_id, "approve", "member") == ["banned"]


def test_missed_deadline_leads_to_the_step_it_names(sqlite_database: Database, tmp_path: Path) -> None:
    """Not to the step after it: without a report the college and the experts have nothing to look at."""
    file = tmp_path / "base.toml"
    text = ROUTED_FILE.read_text(encoding="utf-8")
    file.write_text(text.replace('overdue  = "midterm_college"', 'overdue  = "conclusion"'), encoding="utf-8")
    here = founded(sqlite_database, file=file)
    case_id = at_vote(here)
    for who in MEMBERS:
        here.done(case_id, "selection", who, outcome="agree")
    here.done(case_id, "sign_agreement", "office", **here.agreement(case_id))
    here.tick(case_id, date(2027, 11, 10))

    here.done(case_id, "conclude_midterm", "office", outcome="not_held", reason="no report came")

    assert here.state(case_id) == "midterm_assessed"


def test_ban_holds_what_a_timer_would_fire(sqlite_database: Database, tmp_path: Path) -> None:
    """A lifecycle may let silence approve; a ban keeps out of the state all the same."""
    file = tmp_path / "base.toml"
    text = ROUTED_FILE.read_text(encoding="utf-8")
    text = text.replace(
        'to    = "approved"\nby    = "leading_group"',
        'to    = "approved"\nby    = ["timer", "leading_group"]',
    )
    file.write_text(f"{text}\n{SILENCE}", encoding="utf-8")
    here = founded(sqlite_database, file=file)
    banned, free = proposed(here), proposed(here)
    ban_partner_of(here, banned)

    for case_id in (banned, free):
        here.tick(case_id, date(2026, 6, 10))

    assert (here.state(banned), here.state(free)) == ("proposed", "approved")


SILENCE = """
[timers.silence]
label = { zh = "默认同意", en = "silence approves" }
while = "proposed"
ends  = "submit + 90 days"
basis = "local"
fires = "approve"
"""
