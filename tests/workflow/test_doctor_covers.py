"""Every table is either compared with the log, row by row and field by field, or named here with the reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Date, Integer, String, select

from models import Base, Database
from models.changes import key_column
from models.types import Key, UTCDateTime
from tests.conftest import KINDS, Templates
from tests.university import University
from tests.workflow.history import passing, without_foreign_keys
from tests.workflow.routing import EXPERTS, at_vote, do, founded
from tests.workflow.test_doctor import CASE_TABLES, OTHER_KEY, TABLES, logged_columns, other
from tests.workflow.test_meetings import called, closed, items, vote
from workflow.doctor import examine
from workflow.operations.delegations import give_delegation
from workflow.operations.mailing import choose_mail
from workflow.operations.rounds import name_experts

TOGETHER = (
    "rounds",
    "seats",
    "ballots",
    "meetings",
    "agenda_items",
    "attendances",
    "delegations",
    "mail_choices",
)
"""Tables that several people's decisions write."""

WORDS = {"seats.kind": "before", "meetings.status": "closed", "mail_choices.pace": "daily"}
"""Columns a check constraint allows only certain words in."""

WITH: Mapping[str, Mapping[str, object]] = {
    "meetings.status": {"closed_at": University.at},
    "meetings.closed_at": {"status": "closed"},
}
"""What a check constraint wants edited along with a column."""

NOT_REPLAYED: Mapping[str, str] = {
    "blobs": "bytes, compared with the hash that names them and looked up for each document",
    "calendar_passes": "how far the deadlines were moved after a loading; each move is an entry",
    "checkpoint_places": "where checkpoints were taken to; the verifier's",
    "checkpoints": "signed heads of the tree; the verifier's",
    "counters": "compared with the numbers the entries gave",
    "disclosures": "what entries commit to; the verifier opens every commitment, and those erased are counted",
    "drafts": "typed and not sent: nothing was decided",
    "entries": "the log itself; the verifier's",
    "heartbeats": "of the schedulers, which decide nothing",
    "idempotency_keys": "answers that were given, each naming its entry",
    "incidents": "what a machine could not do; their closing is an entry",
    "installation": "a number that moves with each change of the world; the demonstration's clock, which entries move",
    "invitations": "links, kept as a hash; their use is an entry",
    "knocks": "failures at the door with a login nobody has or a token; each is an entry",
    "leaves": "the tree over the log; the verifier computes it again",
    "log_keys": "public keys; their changes are entries, and the verifier compares them",
    "log_watch": "how far the continuous check has come",
    "nodes": "the tree over the log; the verifier computes it again",
    "notices": "those entries name are looked up; when they went out decides nothing",
    "rungs": "which reminders went out",
    "sealing": "how far the tree has come; the verifier's",
    "slips": "the choices of a secret vote; the entry that closes it reveals them",
    "streams": "the ends of the chains; the verifier's",
    "tasks": "whose turn it is follows from the case, and is computed again",
}


@pytest.fixture(scope="module", params=KINDS)
def together(request: pytest.FixtureRequest, templates: Templates) -> Iterator[University]:
    """A vote in a meeting, a panel that was named, and a delegation; whoever edits a row rolls the edit back."""
    url = templates.copy(request.param)
    here = founded(Database(url), expert_review_on=True)
    panel = at_vote(here)
    do(here, name_experts, panel, [here.people[name] for name in EXPERTS[:3]], who="office")
    ctx = here.ctx("head")
    here.database.run(
        lambda session: give_delegation(
            session, person_id=here.people["head"], delegate_id=here.people["stranger"], role="college_head",
            unit_id=here.units["计算机学院"], from_on=ctx.today, until_on=ctx.today.replace(day=30), reason="away", ctx=ctx,
        )
    )  # fmt: skip
    here.database.run(lambda session: choose_mail(session, {"copies": "off"}, ctx=ctx))
    for number in range(3):
        here.declare(panel, EXPERTS[number])
        here.act(panel, "expert_review", EXPERTS[number], outcome="seal", eligibility_opinion=opinion(here))
    meeting = called(here, panel)
    (item,) = items(here, meeting)
    for who in ("member", "second_member", "third_member", "fourth_member"):
        vote(here, meeting, item, who, "agree")
    closed(here, meeting, item)
    yield here
    here.database.dispose()
    templates.drop(url)


MADE_BEFORE = (
    "accounts",
    "calendar_years",
    "calls",
    "documents",
    "editions",
    "grants",
    "holidays",
    "people",
    "settings",
    "units",
)
"""Tables whose rows may be older than the log: one too many is named only when an entry has made some row of the table."""

SHARED = sorted({*TABLES, *TOGETHER} - {*MADE_BEFORE} - {*CASE_TABLES, "rounds", "seats", "ballots"})

ALLOWED: Mapping[str, object] = {
    "api_tokens.expires_at": University.at + timedelta(days=1),
    "meetings.status": "open",
    "mail_choices.pace": "daily",
    "delegations.from_on": date(2026, 3, 1),
    "delegations.until_on": date(2026, 3, 2),
    "delegations.person_id": "01900000-0000-7000-8000-000000000001",
}
"""What check constraints allow in the columns of a row made up."""


@pytest.fixture(scope="module", params=KINDS)
def bare(request: pytest.FixtureRequest, templates: Templates) -> Iterator[University]:
    """A university whose log has never spoken of anything but one case."""
    url = templates.copy(request.param)
    here = University.founded(Database(url))
    here.signed()
    yield here
    here.database.dispose()
    templates.drop(url)


@pytest.mark.parametrize("name", SHARED)
def test_row_nobody_decided_is_named_where_the_log_never_spoke_of_the_table(
    bare: University, name: str
) -> None:
    table = Base.metadata.tables[name]
    with bare.database.reading() as session:
        case_id = str(session.scalar(select(Base.metadata.tables["cases"].c.id)))
    with passing(bare.database) as session:
        without_foreign_keys(session)
        row = {column.name: made_up(column, case_id) for column in table.columns if not column.nullable}
        session.execute(table.insert().values(row))

        named = {(one.table, one.key) for one in examine(session)}

    assert (name, str(row[key_column(name)])) in named


def made_up(column: Column[Any], case_id: str) -> object:
    """Some value a column takes; what belongs to a case is put to the one there is."""
    if column.name == "case_id":
        return case_id
    if str(column) in ALLOWED:
        return ALLOWED[str(column)]
    kinds: tuple[tuple[type, object], ...] = (
        (Key, OTHER_KEY), (Boolean, True), (Integer, 1), (UTCDateTime, University.at), (Date, University.at.date()),
        (JSON, []), (String, "x"),
    )  # fmt: skip
    return next(value for kind, value in kinds if isinstance(column.type, kind))


def opinion(here: University) -> dict[str, object]:
    return {name: {"met": True, "note": "seen"} for name in here.definition.lists["eligibility"]}


def test_every_table_is_replayed_or_named_with_its_reason() -> None:
    assert {*TABLES, *TOGETHER, *NOT_REPLAYED} == Base.metadata.tables.keys()
    assert {*TABLES, *TOGETHER}.isdisjoint(NOT_REPLAYED)


def test_what_several_decided_gives_no_finding(together: University) -> None:
    with together.database.reading() as session:
        assert examine(session) == []


@pytest.mark.parametrize("name", TOGETHER)
def test_edited_field_of_what_several_decide_is_named(together: University, name: str) -> None:
    table = Base.metadata.tables[name]
    key = table.c[key_column(name)]
    with together.database.reading() as session:
        row = session.execute(select(table).order_by(key)).mappings().first()
    assert row is not None, f"nobody wrote a row of {name}"

    missed = []
    for column in logged_columns(table):
        with passing(together.database) as session:
            without_foreign_keys(session)
            value = WORDS.get(f"{name}.{column.name}") or other(name, column, row[column.name])
            session.execute(
                table.update()
                .where(key == row[key.name])
                .values({**WITH.get(f"{name}.{column.name}", {}), column.name: value})
            )
            named = {(found.table, found.key, found.column) for found in examine(session)}
        if (name, str(row[key.name]), column.name) not in named:
            missed.append(column.name)

    assert missed == []


@pytest.mark.parametrize("name", TOGETHER)
def test_deleted_row_of_what_several_decide_is_named(together: University, name: str) -> None:
    table = Base.metadata.tables[name]
    key = table.c[key_column(name)]
    with passing(together.database) as session:
        without_foreign_keys(session)
        chosen = session.scalars(select(key).order_by(key)).first()
        session.execute(table.delete().where(key == chosen))

        named = {(found.table, found.key) for found in examine(session)}

    assert (name, str(chosen)) in named
