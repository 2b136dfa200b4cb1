"""Check the log and the tables it accounts for."""

from __future__ import annotations

import sys

import click

from web.cli.desk import Desk, as_json
from workflow.doctor import examine
from workflow.verify import verify as verify_log

pass_desk = click.make_pass_decorator(Desk)


@click.group()
def log() -> None:
    """The log. 日志。"""


@log.command()
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def verify(desk: Desk, json_wanted: bool) -> None:
    """Check every entry of the log, and name the first bad one. 校验日志。"""
    with desk.database.reading() as session, desk.progress("verifying") as progress:
        verdict = verify_log(session, progress=progress)
    if json_wanted:
        as_json({"entries": verdict.entries, "findings": [_plain(finding) for finding in verdict.findings]})
    else:
        for finding in verdict.findings:
            desk.tell("log_bad", kind=str(finding.kind), stream=finding.stream, seq=finding.seq)
        desk.tell(
            "log_good" if not verdict.findings else "log_found",
            count=verdict.entries,
            found=len(verdict.findings),
        )
    sys.exit(1 if verdict.findings else 0)


@click.command()
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def doctor(desk: Desk, json_wanted: bool) -> None:
    """Replay the log and compare it with every table a decision writes. 用日志核对数据。"""
    with desk.database.reading() as session, desk.progress("examining") as progress:
        found = examine(session, progress=progress)
    if json_wanted:
        as_json([_plain(item) for item in found])
    else:
        for item in found:
            desk.tell(
                "doctor_bad",
                table=item.table,
                row=item.key,
                column=item.column,
                expected=str(item.expected),
                found=str(item.found),
            )
        desk.tell("doctor_good" if not found else "doctor_found", found=len(found))
    sys.exit(1 if found else 0)


def _plain(item: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(item)  # type: ignore[call-overload, no-any-return]  # both findings are dataclasses


COMMANDS = (log, doctor)
