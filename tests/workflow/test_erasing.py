"""Erasing somebody: nothing of them is left anywhere, and the log, the tables and everybody else stay as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from models import Account, Base, Database, Disclosure, Draft, Duty, Entry, Person, StoredDocument
from tests.conftest import KINDS, Templates
from tests.university import University
from tests.workflow.history import OFFICE, founding, imported, link, office, passing
from workflow.context import Actor, Context, Source
from workflow.doctor import examine
from workflow.errors import BadInput, WorkflowError
from workflow.operations.accounts import create_account
from workflow.operations.deeds import Done
from workflow.operations.erasing import Erasing, erase, erasing, placeholder
from workflow.operations.papers import save_draft
from workflow.verify import verify


def _named(here: University) -> None:
    """Give everybody a name and a phone that nothing else is called."""
    with here.database.transaction() as session:
        for name, key in here.people.items():
            session.execute(
                update(Person).where(Person.id == key).values(name=f"某{name}先生", phone=f"139-{name}-0001")
            )


@pytest.fixture(scope="module", params=KINDS)
def rich(request: pytest.FixtureRequest, templates: Templates) -> Iterator[University]:
    """A base with a contact, an import, and the office at work; whoever changes it rolls the change back."""
    url = templates.copy(request.param)
    here = University.founded(Database(url))
    _named(here)
    founding(here, *OFFICE)
    here.cases = {"draft": here.reach("draft"), "signed": here.reach("agreement_signed")}  # type: ignore[attr-defined]
    imported(here)
    founding(here, "documents")
    office(here, here.cases)  # type: ignore[attr-defined]
    link(here)
    yield here
    here.database.dispose()
    templates.drop(url)


def _do(here: University, who: str, *, actor: str = "administrator", reason: str = "demand 12") -> Done:
    return here.database.run(
        lambda session: erase(session, here.people[who], reason=reason, ctx=here.ctx(actor))
    )


def _ahead(here: University, who: str) -> Erasing:
    with here.database.reading() as session:
        return erasing(session, here.people[who], ctx=here.ctx("administrator"))


def _troubles(session: Session) -> set[str]:
    return {str(one) for one in (*verify(session).findings, *examine(session))}


def _everything(session: Session) -> str:
    """Every text in every table."""
    tables = [table for table in Base.metadata.sorted_tables if table.name != "blobs"]
    return "\n".join(str(tuple(row)) for table in tables for row in session.execute(select(table)))


def test_no_entry_holds_a_personal_value(rich: University) -> None:
    with rich.database.reading() as session:
        columns = (
            Person.name, Person.staff_number, Person.email, Person.phone, Account.login, Duty.contact_name,
            Duty.contact_phone, StoredDocument.name,
        )  # fmt: skip
        values = {str(value) for column in columns for value in session.scalars(select(column)) if value}
        bodies = "\n".join(session.scalars(select(Entry.body)))
        kept = {str(value) for value in session.scalars(select(Disclosure.value)) if isinstance(value, str)}

    assert len(values) > 40
    assert {
        value for value in values | kept if json.dumps(value, ensure_ascii=False)[1:-1] in bodies
    } == set()


def _retired(session: Session, here: University, who: str) -> set[str]:
    """Somebody who was a base's contact, has an account and a draft, and holds nothing any more; return their values."""
    key, case_id = here.people[who], here.cases["signed"]  # type: ignore[attr-defined]
    create_account(
        session, person_id=key, login="wang-gone", password="two horses and a cart", reason="r", ctx=here.ctx("administrator")
    )  # fmt: skip
    save_draft(session, case_id, "amend", form={"reason": "Zhang San"}, ctx=here.ctx(who))
    session.execute(
        update(Duty)
        .where(Duty.contact_name == "Zhang San", Duty.case_id == case_id)
        .values(person_id=key, until_on=date(2027, 1, 1))
    )
    row = session.get_one(Person, key)
    return {
        row.name,
        str(row.phone),
        str(row.email),
        str(row.staff_number),
        "wang-gone",
        "Zhang San",
        "13000000000",
    }


def _kept(session: Session) -> dict[str, str]:
    rows = session.execute(
        select(Disclosure.commitment, Disclosure.value).where(Disclosure.salt.is_not(None))
    )
    return {row.commitment: str(row.value) for row in rows}


def _erase(session: Session, here: University, who: str) -> Done:
    return erase(session, here.people[who], reason="demand 12", ctx=here.ctx("administrator"))


def test_erased_person_is_nowhere_and_the_log_is_whole(rich: University) -> None:
    key = rich.people["partner"]
    with passing(rich.database) as session:
        was = _retired(session, rich, "partner")
        before = _troubles(session)
        ahead = erasing(session, key, ctx=rich.ctx("administrator"))

        done = _erase(session, rich, "partner")
        session.expire_all()

        left = _everything(session)
        assert {value for value in was if value in left} == set()
        assert (ahead.in_use, ahead.values >= 7) == ({}, True)
        assert _troubles(session) <= before
        entry = session.scalars(select(Entry).where(Entry.kind == "person_erased")).one()
        assert (entry.stream, entry.hash) == (f"person:{key}", done.hash)
        assert session.get_one(Person, key).name == placeholder() == "已依法删除 · erased by law"
        assert session.scalars(select(Account).where(Account.person_id == key)).one().disabled_at is not None
        assert session.scalars(select(Draft).where(Draft.person_id == key)).all() == []


def test_everybody_else_keeps_their_values(rich: University) -> None:
    with passing(rich.database) as session:
        _retired(session, rich, "partner")
        before = _kept(session)

        _erase(session, rich, "partner")

        assert {"某leader先生", "某head先生", "王五"} <= {*before.values()}
        assert (
            _kept(session).items()
            >= {
                key: value for key, value in before.items() if value in ("某leader先生", "某head先生", "王五")
            }.items()
        )


@pytest.mark.parametrize(("who", "held"), [("auditor", "grants"), ("leader", "duties")])
def test_whoever_still_holds_something_is_not_erased(small: University, who: str, held: str) -> None:
    small.proposed()
    with small.database.reading() as session:
        before = _everything(session)

    with pytest.raises(WorkflowError) as refused:
        _do(small, who)

    assert refused.value.code == "still_in_use"
    assert refused.value.params[held] == 1
    assert _ahead(small, who).in_use[held] == 1
    with small.database.reading() as session:
        assert _everything(session) == before


@pytest.mark.parametrize(
    ("actor", "who", "code"),
    [("office", "stranger", "not_your_role"), ("leader", "stranger", "not_your_role"), ("administrator", "administrator", "own_person")],
)  # fmt: skip
def test_erasing_is_an_administrators_and_never_of_oneself(
    small: University, actor: str, who: str, code: str
) -> None:
    with pytest.raises(WorkflowError) as refused:
        _do(small, who, actor=actor)

    assert refused.value.code == code


def test_nobody_is_erased_twice_or_without_a_reason(small: University) -> None:
    with pytest.raises(BadInput):
        _do(small, "stranger", reason=" ")
    _do(small, "stranger")

    with pytest.raises(WorkflowError) as again:
        _do(small, "stranger")

    assert again.value.code == "already_erased"


def test_reason_and_count_are_all_the_entry_says(small: University) -> None:
    ctx = Context(actor=Actor(system="cli"), at=small.at, source=Source.COMMAND)
    small.database.run(lambda session: erase(session, small.people["stranger"], reason="demand 12", ctx=ctx))

    with small.database.reading() as session:
        body = json.loads(session.scalars(select(Entry.body)).one())
        row = session.execute(text("SELECT count(*) FROM disclosures WHERE value IS NULL")).scalar_one()
    assert body["details"] == {"reason": "demand 12", "count": 0}
    assert {change["table"] for change in body["changes"]} == {"people"}
    assert row == 0
