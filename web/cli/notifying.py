"""Notices from the command line: does what is configured reach anybody?"""

from __future__ import annotations

import sys

import click

from schedules.delivery.trying import try_mail, try_robot
from web.cli.desk import Desk
from workflow import clock
from workflow.addresses import is_address

pass_desk = click.make_pass_decorator(Desk)


@click.group()
def notify() -> None:
    """Mail and group robots. 邮件与群机器人。"""


@notify.command()
@click.option("--to", required=True, help="A mail address, or the name of a robot. 邮箱地址或机器人名称。")
@pass_desk
def test(desk: Desk, to: str) -> None:
    """Send one test message now and say what became of it. 立即发送一条测试通知。"""
    failure = _tried(desk, to)
    if failure is not None:
        desk.warn("notify_failed", to=to, failure=failure)
        sys.exit(1)
    desk.tell("notify_sent", to=to)


def _tried(desk: Desk, to: str) -> str | None:
    robot = next((one for one in desk.robots if one.name == to), None)
    if robot is not None:
        return try_robot(robot, language=desk.language, base_url=desk.config.base_url)
    if not is_address(to):
        known = ", ".join(one.name for one in desk.robots) or "—"
        raise click.UsageError(desk.say("notify_to", to=repr(to), robots=known))
    if desk.mail_server is None:
        raise click.UsageError(desk.say("notify_no_server"))
    return try_mail(desk.mail_server, to=to, language=desk.language, at=clock.machine_time())


COMMANDS = (notify,)
