"""Look after the database: bring it up to date, tell its state, copy it safely."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from sqlalchemy.exc import ArgumentError

from models import Database
from models.schema import CannotCopy
from models.schema import backup as back_up
from models.schema import copy as copy_rows
from models.schema import status as schema_status
from web.cli.desk import Desk, as_json
from workflow.operations.editions import install

pass_desk = click.make_pass_decorator(Desk)


@click.group()
def db() -> None:
    """The database. 数据库。"""


@db.command()
@pass_desk
def upgrade(desk: Desk) -> None:
    """Bring the schema up to date and publish the shipped editions. 升级数据库。"""
    desk.upgrade()
    with desk.database.transaction() as session:
        install(session, demonstration=False, ctx=desk.context(session))
    desk.tell("db_upgraded")


@db.command()
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def status(desk: Desk, json_wanted: bool) -> None:
    """Tell whether the schema is up to date; exit status 1 when it is not. 查看数据库版本。"""
    current, head = schema_status(desk.database)
    if json_wanted:
        as_json({"current": current, "head": head, "up_to_date": current == head})
    else:
        desk.tell("db_status", current=current or "—", head=head)
    sys.exit(0 if current == head else 1)


@db.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@pass_desk
def backup(desk: Desk, target: Path) -> None:
    """Copy the database to TARGET at one consistent point, while it is in use. 备份数据库。"""
    if target.exists():
        raise click.UsageError(desk.say("file_exists", file=str(target)))
    back_up(desk.database, target)
    desk.tell("db_backed_up", file=str(target), size=target.stat().st_size)


@db.command()
@click.option("--to", "url", required=True, help="postgresql+psycopg://… / sqlite:///…")
@pass_desk
def copy(desk: Desk, url: str) -> None:
    """Move house: copy every row into the empty database at URL, of either kind. 把全部数据搬到另一个空数据库。"""
    try:
        target = Database(url)
    except ArgumentError as error:
        raise click.UsageError(str(error)) from None
    try:
        with desk.progress("copying") as progress:
            copy_rows(desk.database, target, progress=progress)
    except CannotCopy as error:
        desk.warn("db_not_copied", because=str(error))
        sys.exit(1)
    finally:
        target.dispose()
    desk.tell("db_copied", url=target.url.render_as_string(hide_password=True))


COMMANDS = (db,)
