"""Load the demonstration."""

from __future__ import annotations

import click

from web.cli.desk import Desk
from web.demo.loading import load_demonstration
from workflow.operations.editions import is_empty

pass_desk = click.make_pass_decorator(Desk)


@click.group()
def demo() -> None:
    """The demonstration. 演示。"""


@demo.command()
@pass_desk
def load(desk: Desk) -> None:
    """Fill an empty database with a made-up university. 装入演示数据。"""
    if desk.config.is_production:
        raise click.ClickException(desk.say("demo_production"))
    desk.upgrade()
    with desk.database.reading() as session:
        empty = is_empty(session)
    if not empty:
        raise click.ClickException(desk.say("demo_refused"))
    accounts = load_demonstration(desk.database)
    desk.tell("demo_loaded")
    for account in accounts:
        desk.tell(
            "demo_account", login=account["login"], password=account["password"], role=account[desk.language]
        )


COMMANDS = (demo,)
