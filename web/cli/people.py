"""Make accounts and give roles from the command line, for the first administrator above all."""

from __future__ import annotations

from datetime import datetime

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Account, Person, Unit
from web.cli.desk import Desk
from workflow.blockers import Fault
from workflow.errors import BadInput, WorkflowError
from workflow.operations.accounts import canonical_login, create_account, new_password
from workflow.operations.erasing import erase as erase_now
from workflow.operations.erasing import erasing
from workflow.operations.office import add_person, give_grant
from workflow.queries.roles import roles_of
from workflow.words import say

pass_desk = click.make_pass_decorator(Desk)

REASON = "命令行 command line"


@click.group()
def user() -> None:
    """People and their roles. 人员与角色。"""


@user.command()
@click.argument("login")
@click.option("--name", required=True, help="姓名")
@click.option("--staff-number", default=None, help="工号")
@click.option("--email", default=None)
@click.option("--external", is_flag=True, help="Has no staff number. 校外人员。")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@pass_desk
def add(
    desk: Desk,
    login: str,
    name: str,
    staff_number: str | None,
    email: str | None,
    external: bool,
    language: str,
) -> None:
    """Add a person with the account LOGIN; prints a first password. 新建人员和账号。"""
    password = new_password()
    with desk.database.transaction() as session:
        ctx = desk.context(session)
        with _faults(desk):
            person = add_person(
                session, name=name, staff_number=staff_number, email=email, phone=None, language=language,
                external=external, reason=REASON, ctx=ctx,
            )  # fmt: skip
            create_account(
                session, person_id=person.subject, login=login, password=password, reason=REASON, ctx=ctx
            )
    desk.tell("user_added", login=canonical_login(login), password=password)


@user.command()
@click.argument("login")
@click.argument("role")
@click.option("--unit", default=None, help="单位名称")
@click.option("--from", "from_on", type=click.DateTime(["%Y-%m-%d"]), default=None)
@click.option("--until", "until_on", type=click.DateTime(["%Y-%m-%d"]), default=None)
@pass_desk
def grant(
    desk: Desk, login: str, role: str, unit: str | None, from_on: datetime | None, until_on: datetime | None
) -> None:
    """Give LOGIN the ROLE, on a unit where the role needs one. 授予角色。"""
    with desk.database.transaction() as session:
        given = roles_of(session).given
        if role not in given:
            raise click.UsageError(desk.say("role_unknown", role=role, roles=given))
        ctx = desk.context(session)
        with _faults(desk):
            give_grant(
                session, person_id=_person(desk, session, login), role=role, unit_id=_unit(desk, session, unit),
                from_on=from_on.date() if from_on else ctx.today, until_on=until_on.date() if until_on else None,
                reason=REASON, ctx=ctx,
            )  # fmt: skip
    desk.tell("user_granted", login=login, role=role)


def _person(desk: Desk, session: Session, login: str) -> str:
    person_id = session.scalar(select(Account.person_id).where(Account.login == canonical_login(login)))
    if person_id is None:
        raise click.ClickException(desk.say("user_unknown", login=login))
    return person_id


def _unit(desk: Desk, session: Session, name: str | None) -> str | None:
    if name is None:
        return None
    unit_id = session.scalar(select(Unit.id).where(Unit.name == name))
    if unit_id is None:
        raise click.ClickException(desk.say("unit_unknown", unit=name))
    return unit_id


@click.command()
@click.option("--person", "number", required=True, help="工号 staff number")
@click.option("--reason", required=True, help="依据，不写个人信息 the demand, without personal data")
@click.option("--yes", is_flag=True, help="不再询问 do not ask")
@pass_desk
def erase(desk: Desk, number: str, reason: str, yes: bool) -> None:
    """Erase a person on lawful demand; the log still verifies. 依法删除个人信息。"""
    with desk.database.reading() as session:
        person_id = session.scalar(select(Person.id).where(Person.staff_number == number))
        if person_id is None:
            raise click.ClickException(desk.say("nobody", number=number))
        ahead = erasing(session, person_id, ctx=desk.context(session))
    desk.tell(
        "erase_ahead", values=ahead.values, accounts=ahead.accounts, duties=ahead.duties, drafts=ahead.drafts
    )
    if not yes:
        click.confirm(desk.say("erase_sure"), abort=True)
    with desk.database.transaction() as session, _faults(desk):
        try:
            done = erase_now(session, person_id, reason=reason, ctx=desk.context(session))
        except WorkflowError as refused:
            if isinstance(refused, BadInput):
                raise
            why = say(f"deed.{refused.code}", desk.language, **refused.params)
            raise click.ClickException(desk.say("erase_refused", reason=why)) from None
    desk.tell("erased", stream=done.stream, seq=done.seq, hash=done.hash[:12])


class _faults:  # noqa: N801 (used as a `with` statement, it reads as one)
    """Turn what is wrong with the values into sentences and exit status 1."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, BadInput):
            raise click.ClickException("; ".join(self._text(fault) for fault in error.faults)) from None

    def _text(self, fault: Fault) -> str:
        return f"{fault.field}: {say(f'fault.{fault.code}', self._desk.language, field=fault.field, **fault.params)}"


COMMANDS = (user, erase)
