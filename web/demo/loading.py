"""Load the demonstration into an empty database, through the same operations and log as real work."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from importlib.resources import files
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, Database, Duty, Installation, Unit
from workflow import clock
from workflow.clock import OFFSET
from workflow.context import Actor, Context, Source
from workflow.forms import read_form
from workflow.ledger import read_ledger
from workflow.operations import Receipt, open_case, perform
from workflow.operations.accounts import create_account
from workflow.operations.duties import link_duty
from workflow.operations.editions import install
from workflow.operations.ledger_import import bring_in, create_units, judge
from workflow.operations.office import add_person, give_grant, open_call
from workflow.operations.papers import store_document
from workflow.uploads import Upload
from workflow.world import current_edition

LIFECYCLE = "base"
YEARS_OF_CALLS = 6
ACCOUNTS = "demonstration_accounts"

REASON = "演示数据 demonstration data"
SINCE_YEARS = 5
"""How long ago the demonstration's people got their roles."""

PLAN_TEXT = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)

PLAN = Upload(name="合作计划.pdf", media_type="application/pdf", content=PLAN_TEXT)

PROPOSALS = (
    ("leader", "计算机学院", "聊城云帆软件有限公司", "enterprise", "submitted"),
    ("leader2", "化学化工学院", "聊城绿源环境监测中心", "public_institution", "submitted"),
    ("leader", "计算机学院", "聊城数据科学研究所", "research_institute", "approved"),
    ("leader", "计算机学院", "聊城智慧交通协会", "social_organisation", "draft"),
)
"""leader, college, partner, kind of partner, how far it has come."""


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
    for leader, college, partner, kind, stage in PROPOSALS:
        _propose(database, ids, leader=leader, college=college, partner=partner, kind=kind, stage=stage)
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
            session, name=person["name"], staff_number=person["number"], email=f"{login}@example.org", phone=None,
            language="zh", external=False, reason=REASON, ctx=ctx,
        ).subject  # fmt: skip
        create_account(
            session, person_id=ids[login], login=login, password=people["password"], reason=REASON, ctx=ctx
        )
        for role, *unit in person["grants"]:
            give_grant(
                session, person_id=ids[login], role=role, unit_id=units[unit[0]] if unit else None, from_on=since,
                until_on=None, reason=REASON, ctx=ctx,
            )  # fmt: skip
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
    """The two leaders who have accounts are linked to the bases that name them."""
    names: dict[str | None, str] = {"王立新": ids["leader"], "赵海燕": ids["leader2"]}
    office = replace(ctx, actor=Actor(person=ids["office"]), source=Source.PAGE)
    duties = session.execute(
        select(Duty.id, Duty.contact_name, Case.id, Case.version)
        .join(Case, Case.id == Duty.case_id)
        .where(Duty.role == "project_leader", Duty.contact_name.in_(names))
    ).all()
    for duty_id, name, case_id, version in duties:
        link_duty(session, case_id, duty_id, person_id=names[name], version=version, ctx=office)


def _propose(
    database: Database,
    ids: Mapping[str, str],
    *,
    leader: str,
    college: str,
    partner: str,
    kind: str,
    stage: str,
) -> None:
    """One proposal, as its leader would file it and the leading group decide it."""

    def act(work: Callable[[Session, Context], Any], login: str) -> Any:
        with database.transaction() as session:
            return work(
                session, Context(actor=Actor(person=ids[login]), at=clock.now(session), source=Source.PAGE)
            )

    with database.reading() as session:
        unit_id = session.scalar(select(Unit.id).where(Unit.name == college)) or ""
        _, definition = current_edition(session, LIFECYCLE)
    case_id: str = act(lambda session, ctx: open_case(session, LIFECYCLE, unit_id=unit_id, ctx=ctx), leader)
    if stage == "draft":
        return
    document_id = act(
        lambda session, ctx: store_document(session, case_id, field="cooperation_plan", upload=PLAN, ctx=ctx),
        leader,
    )
    raw = {
        "base_name": f"{partner}研究生联合培养基地",
        "partner": {"name": partner, "kind": kind},
        "lead_college": unit_id,
        "eligibility": {
            item: {"met": True, "note": "见合作计划"} for item in definition.lists["eligibility"]
        },
        "cooperation_plan": document_id,
    }
    _must(act(lambda session, ctx: _perform(session, case_id, "submit", raw, ctx), leader))
    if stage == "approved":
        _must(act(lambda session, ctx: _perform(session, case_id, "approve", {}, ctx), "chair"))


def _perform(session: Session, case_id: str, name: str, raw: Mapping[str, Any], ctx: Context) -> Any:
    case = session.get_one(Case, case_id)
    _, definition = current_edition(session, LIFECYCLE)
    form = read_form(definition, definition.acts[name], raw)
    return perform(session, case_id, name, form=form, version=case.version, ctx=ctx)


def _must(answer: Any) -> None:
    if not isinstance(answer, Receipt):
        raise RuntimeError(f"the demonstration's own proposal was refused: {answer}")
