"""Load the demonstration into an empty database, through the same operations and log as real work."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from importlib.resources import files
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, Database, Duty, Installation, Unit
from web.demo.under_way import set_under_way
from workflow import clock
from workflow.clock import OFFSET
from workflow.context import Actor, Context, Source
from workflow.ledger import read_ledger
from workflow.operations.accounts import create_accounts
from workflow.operations.duties import link_duty
from workflow.operations.editions import install
from workflow.operations.ledger_import import bring_in, create_units, judge
from workflow.operations.office import add_person, give_grant, open_call

LIFECYCLE = "base"
YEARS_OF_CALLS = 6
ACCOUNTS = "demonstration_accounts"

REASON = "演示数据 demonstration data"
LEADERS = {"leader": "王立新", "leader2": "赵海燕", "leader3": "周志强", "leader4": "杨玉兰"}
"""The leaders of the ledger's bases who have an account, by login."""

SINCE_YEARS = 5
"""How long ago the demonstration's people got their roles."""


def load_demonstration(database: Database) -> list[dict[str, str]]:
    """Fill an empty database; return the accounts with their passwords and what each may do, in both languages."""
    with database.transaction() as session:
        ctx = Context(actor=Actor(system="demonstration"), at=clock.now(session), source=Source.COMMAND)
        install(session, demonstration=True, ctx=ctx)
        session.add(Installation(name=OFFSET, value=0))
        _bring_ledger_in(session, ctx)
        people = tomllib.loads(files("web.demo").joinpath("people.toml").read_text(encoding="utf-8"))
        ids = _add_people(session, people, ctx)
        accounts = [
            {"login": person["login"], "password": people["password"], "zh": person["zh"], "en": person["en"]}
            for person in people["people"]
        ]
        session.add(Installation(name=ACCOUNTS, value=accounts))
        _open_calls(session, ctx)
        _link_leaders(session, ids, ctx)
    set_under_way(database, ids, lifecycle=LIFECYCLE)
    return accounts


def _bring_ledger_in(session: Session, ctx: Context) -> None:
    """The sample ledger; its past deadlines stay held until somebody confirms them."""
    content = files("web.demo").joinpath("ledger_sample.xlsx").read_bytes()
    imported = replace(ctx, source=Source.IMPORT)
    ledger = read_ledger(content, today=ctx.today)
    judged = judge(session, ledger, lifecycle=LIFECYCLE, create_units=True)
    create_units(session, list(judged.new_units), ctx=imported)
    bring_in(session, judged.ready, lifecycle=LIFECYCLE, ctx=imported)


def _add_people(session: Session, people: Mapping[str, Any], ctx: Context) -> dict[str, str]:
    """People, accounts and grants, one entry each; return the people's ids by login."""
    units = {name: unit_id for unit_id, name in session.execute(select(Unit.id, Unit.name))}
    ids: dict[str, str] = {}
    since = date(ctx.today.year - SINCE_YEARS, 1, 1)
    for person in people["people"]:
        login = person["login"]
        ids[login] = add_person(
            session, name=person["name"], staff_number=person.get("number"), email=f"{login}@example.org",
            phone=None, language="zh", external=person.get("external", False), reason=REASON, ctx=ctx,
        ).subject  # fmt: skip
        for role, *unit in person["grants"]:
            give_grant(
                session, person_id=ids[login], role=role, unit_id=units[unit[0]] if unit else None, from_on=since,
                until_on=None, reason=REASON, ctx=ctx,
            )  # fmt: skip
    create_accounts(session, ids, password=people["password"], reason=REASON, ctx=ctx)
    return ids


def _open_calls(session: Session, ctx: Context) -> None:
    """A call for every year the demonstration may reach, open from March, this year's from now, to the year's end."""
    for year in range(ctx.today.year, ctx.today.year + YEARS_OF_CALLS):
        opens = min(date(year, 3, 1), ctx.today) if year == ctx.today.year else date(year, 3, 1)
        open_call(
            session,
            lifecycle=LIFECYCLE,
            year=year,
            opens_on=opens,
            closes_on=date(year, 12, 31),
            reason=REASON,
            ctx=ctx,
        )


def _link_leaders(session: Session, ids: Mapping[str, str], ctx: Context) -> None:
    """The leaders who have accounts are linked to the bases that name them."""
    names: dict[str | None, str] = {name: ids[login] for login, name in LEADERS.items()}
    office = replace(ctx, actor=Actor(person=ids["office"]), source=Source.PAGE)
    duties = session.execute(
        select(Duty.id, Duty.contact_name, Case.id, Case.version)
        .join(Case, Case.id == Duty.case_id)
        .where(Duty.role == "project_leader", Duty.contact_name.in_(names))
    ).all()
    for duty_id, name, case_id, version in duties:
        link_duty(session, case_id, duty_id, person_id=names[name], version=version, ctx=office)
