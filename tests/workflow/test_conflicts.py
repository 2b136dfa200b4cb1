"""Who is kept out by a declared conflict: asked of one person, and of everybody at once."""

from __future__ import annotations

from models import Database
from tests.workflow.routing import at_vote, founded
from workflow.conflicts import conflict_of, kept_out
from workflow.queries import case_for


def test_everybody_at_once_is_each_by_themselves(sqlite_database: Database) -> None:
    here = founded(sqlite_database, recuse_own_head=True)
    case_id = at_vote(here)
    here.assign(case_id, "project_leader", "second_member")
    with here.database.reading() as session:
        everybody = tuple(here.people.values())
        snapshot = case_for(session, case_id, ctx=here.ctx("office"), people=everybody).snapshot

    one_by_one = {
        (person, role)
        for person in everybody
        for role in snapshot.definition.roles
        if conflict_of(snapshot, person, (role,)) is not None
    }

    at_once = {(person, role) for role in snapshot.definition.roles for person in kept_out(snapshot, role)}
    named = {name for name, key in here.people.items() if (key, "expert") in at_once}
    assert at_once == one_by_one
    assert {"near_expert", "head", "officer", "second_member"} <= named
    assert (here.people["second_member"], "leading_group") in at_once
