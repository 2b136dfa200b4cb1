"""Load the demonstration into an empty database, through the same operations and log as real work."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from importlib.resources import files
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, Database, Duty, Installation, Unit, new_key
from models.changes import INSERT, Change, write
from workflow import clock, entries
from workflow.clock import OFFSET
from workflow.context import Actor, Context, Source
from workflow.forms import read_form
from workflow.ledger import read_ledger
from workflow.operations import Receipt, open_case, perform
from workflow.operations.editions import install
from workflow.operations.ledger_import import bring_in, create_units, judge
from workflow.operations.papers import store_document
from workflow.world import bump, current_edition

LIFECYCLE = "base"
YEARS_OF_CALLS = 6
ACCOUNTS = "demonstration_accounts"

PLAN_TEXT = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

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


def _logged(session: Session, stream: str, kind: str, changes: Sequence[Change], ctx: Context) -> None:
    write(session, entries.append(session, stream, kind=kind, content={}, changes=changes, ctx=ctx))


def _insert(table: str, values: Mapping[str, Any]) -> Change:
    row = {"id": new_key(), **values}
    return Change(table=table, op=INSERT, key=str(row["id"]), values=row)


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
    hasher, ids = PasswordHasher(), {}
    for person in people["people"]:
        row = _insert(
            "people",
            {
                "staff_number": person["number"], "name": person["name"], "email": f"{person['login']}@example.org",
                "phone": None, "language": "zh", "external": False, "created_at": ctx.at,
            },
        )
        account = _insert(
            "accounts",
            {
                "person_id": row.key, "login": person["login"], "password_hash": hasher.hash(people["password"]), "epoch": 0,
                "disabled_at": None, "failed_count": 0, "locked_until": None, "last_login_at": None, "created_at": ctx.at,
            },
        )
        _logged(session, f"person:{row.key}", "person_added", [row, account], ctx)
        for role, *unit in person["grants"]:
            grant = _insert(
                "grants",
                {
                    "person_id": row.key, "role": role, "unit_id": units[unit[0]] if unit else None,
                    "from_on": date(ctx.today.year - 5, 1, 1), "until_on": None, "revoked_at": None, "reason": None,
                },
            )
            _logged(session, f"person:{row.key}", "grant_given", [grant], ctx)
        ids[person["login"]] = row.key
    return ids


def _open_calls(session: Session, ctx: Context) -> None:
    """A call for every year the demonstration may reach, open from March to the end of the year."""
    for year in range(ctx.today.year, ctx.today.year + YEARS_OF_CALLS):
        opens = date(year, 3, 1) if date(year, 3, 1) <= ctx.today or year > ctx.today.year else ctx.today
        call = _insert("calls", {"lifecycle": LIFECYCLE, "year": year, "opens_on": opens, "closes_on": date(year, 12, 31)})
        _logged(session, "system:calls", "call_opened", [call], ctx)
    bump(session)


def _link_leaders(session: Session, ids: Mapping[str, str], ctx: Context) -> None:
    """The two leaders who have accounts are linked to the bases that name them."""
    from workflow.operations.duties import link_duty

    names = {"王立新": ids["leader"], "赵海燕": ids["leader2"]}
    duties = session.execute(
        select(Duty.id, Duty.contact_name).where(Duty.role == "project_leader", Duty.contact_name.in_(names))
    ).all()
    for duty_id, name in duties:
        link_duty(session, duty_id, person_id=names[name], ctx=ctx)


def _propose(
    database: Database, ids: Mapping[str, str], *, leader: str, college: str, partner: str, kind: str, stage: str
) -> None:
    """One proposal, as its leader would file it and the leading group decide it."""

    def act(work: Callable[[Session, Context], Any], login: str) -> Any:
        with database.transaction() as session:
            return work(session, Context(actor=Actor(person=ids[login]), at=clock.now(session), source=Source.PAGE))

    with database.reading() as session:
        unit_id = session.scalar(select(Unit.id).where(Unit.name == college)) or ""
        _, definition = current_edition(session, LIFECYCLE)
    case_id: str = act(lambda session, ctx: open_case(session, LIFECYCLE, unit_id=unit_id, ctx=ctx), leader)
    if stage == "draft":
        return
    document_id = act(
        lambda session, ctx: store_document(
            session, case_id, field="cooperation_plan", name="合作计划.pdf", content=PLAN_TEXT, ctx=ctx
        ),
        leader,
    )
    raw = {
        "base_name": f"{partner}研究生联合培养基地",
        "partner": {"name": partner, "kind": kind},
        "lead_college": unit_id,
        "eligibility": {item: {"met": True, "note": "见合作计划"} for item in definition.lists["eligibility"]},
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

