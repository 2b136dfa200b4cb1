"""The command line `lianpei`. Exit status 0 good, 1 found something wrong, 2 wrong usage."""

from __future__ import annotations

import sys

import click
from sqlalchemy.exc import SQLAlchemyError

from models.database import ReadOnly
from models.schema import is_behind
from web.cli import (
    auditing,
    calendars,
    databases,
    demonstrating,
    keys,
    ledgers,
    lifecycles,
    notifying,
    people,
    serving,
    simulating,
)
from web.cli.desk import Desk, say
from workflow.errors import WorkflowError
from workflow.packet.writing import PacketFault
from workflow.unreadable import Damaged


def _said_of(ctx: click.Context, error: SQLAlchemyError) -> str:
    """What the database failed with; of one that lacks tables, what to do."""
    if is_behind(error):
        return say(ctx, "cli.database_behind")
    return say(ctx, "cli.database_failed", reason=str(getattr(error, "orig", error)).strip())


class Commands(click.Group):
    """A group whose faults are sentences, not tracebacks."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SQLAlchemyError as error:
            click.echo(_said_of(ctx, error), err=True)
            ctx.exit(1)
        except ReadOnly:
            click.echo(say(ctx, "cli.not_written"), err=True)
            ctx.exit(1)
        except PacketFault as fault:
            click.echo(say(ctx, f"packet_fault.{fault.code}", **fault.params), err=True)
            ctx.exit(1)
        except Damaged:
            click.echo(say(ctx, "cli.damaged"), err=True)
            ctx.exit(1)
        except WorkflowError as error:
            click.echo(say(ctx, "cli.refused", code=error.code, params=str(error.params)), err=True)
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--lang", type=click.Choice(["zh", "en"]), envvar="LIANPEI_LANG", help="zh / en")
@click.pass_context
def main(ctx: click.Context, lang: str | None) -> None:
    """lianpei 联培: joint training bases under their regulation."""
    ctx.obj = Desk.from_environment(lang)


MODULES = (
    serving, databases, people, lifecycles, ledgers, calendars, notifying, auditing, keys, demonstrating,
    simulating,
)  # fmt: skip

for module in MODULES:
    for command in module.COMMANDS:
        main.add_command(command)


if __name__ == "__main__":
    sys.exit(main())
