"""Check the log and the tables it accounts for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import IO

import click

from web.cli.desk import Desk, as_json
from web.cli.keys import signer_or_none
from workflow.clock import machine_time
from workflow.definition.values.edition import Definition
from workflow.doctor import examine
from workflow.log import canonical
from workflow.notes import BadNote, Head
from workflow.operations.deeds import EARLIEST as FIRST
from workflow.operations.deeds import LATEST as LAST
from workflow.packet.taking import case_called, take_packet, unit_called
from workflow.packet.writing import Scope, write_packet
from workflow.queries.as_of import Standing, standings
from workflow.side_by_side import verify_log, verify_sealed
from workflow.snapshot import Row
from workflow.world import editions_in_use

pass_desk = click.make_pass_decorator(Desk)


@click.group()
def log() -> None:
    """The log. 日志。"""


@log.command()
@click.option(
    "--checkpoint", "files", type=click.Path(path_type=Path, dir_okay=False), multiple=True,
    help="A checkpoint kept outside; may be given several times. 外部保存的检查点。",
)  # fmt: skip
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def verify(desk: Desk, files: tuple[Path, ...], json_wanted: bool) -> None:
    """Check every entry, the tree and every checkpoint, and name the first bad entry. 校验日志。"""
    outside = [_checkpoint(desk, file) for file in files]
    with desk.progress("verifying") as progress:
        verdict = verify_log(desk.database, progress=progress)
    with desk.progress("verifying_tree") as progress:
        sealed = verify_sealed(desk.database, outside=outside, progress=progress)
    findings = [*verdict.findings, *sealed.findings]
    if json_wanted:
        as_json(
            {
                "entries": verdict.entries,
                "sealed": sealed.entries,
                "findings": [_plain(one) for one in findings],
            }
        )
    else:
        for finding in findings:
            desk.tell("log_bad", kind=str(finding.kind), stream=finding.stream, seq=finding.seq)
        desk.tell("log_found" if findings else "log_good", count=verdict.entries, found=len(findings))
    sys.exit(1 if findings else 0)


def _checkpoint(desk: Desk, file: Path) -> str:
    """Read a checkpoint from a file; one that is none is wrong usage of the command."""
    try:
        note = file.read_text(encoding="utf-8")
        Head.read(note)
    except (OSError, UnicodeDecodeError, BadNote):
        desk.warn("no_checkpoint", file=str(file))
        sys.exit(1)
    return note


@log.command()
@click.option(
    "--out", "target", type=click.Path(path_type=Path, dir_okay=False), required=True, help="PACKET.zip"
)
@click.option("--base", default=None, help="A base's number. 基地编号。")
@click.option("--unit", default=None, help="A unit's name. 单位名称。")
@click.option(
    "--from", "since", type=click.DateTime(["%Y-%m-%d"]), default=None, help="The first day. 起始日。"
)
@click.option("--to", "until", type=click.DateTime(["%Y-%m-%d"]), default=None, help="The last day. 截止日。")
@click.option("--without-documents", is_flag=True, help="Their hashes only. 不含文件，只含其校验码。")
@pass_desk
def export(
    desk: Desk,
    target: Path,
    base: str | None,
    unit: str | None,
    since: datetime | None,
    until: datetime | None,
    without_documents: bool,
) -> None:
    """Write a packet that can be checked where this product has never been. 导出审计包。"""
    if target.exists():
        raise click.UsageError(desk.say("file_exists", file=str(target)))
    for bound in (since, until):
        if bound is not None:
            _within_the_calendar(desk, bound.date())
    signer = signer_or_none(desk)
    with desk.database.reading() as session:
        ctx = desk.context(session)
        scope = Scope(
            case=case_called(session, base) if base else None,
            unit=unit_called(session, unit) if unit else None,
            since=since.date() if since else None,
            until=until.date() if until else None,
        )
    with _whole_or_none(target) as file, desk.progress("exporting") as progress:
        if desk.database.is_closed_for_writing:
            # Evidence of a log that is not to be trusted: as it is, and nothing is written to it.
            with desk.database.reading() as session:
                written = write_packet(
                    session, file, scope=scope, with_documents=not without_documents, progress=progress
                )
        else:
            written = take_packet(
                desk.database, file, signer=signer, ctx=ctx, at=machine_time(), scope=scope,
                with_documents=not without_documents, progress=progress,
            )  # fmt: skip
    desk.tell("log_exported", count=written.entries, size=written.size, file=str(target))


@contextmanager
def _whole_or_none(target: Path) -> Iterator[IO[bytes]]:
    """A new file that appears under its name only when it is whole."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        raise click.ClickException(str(error)) from None
    finally:
        unfinished.unlink(missing_ok=True)


@click.command()
@click.option("--json", "json_wanted", is_flag=True)
@click.option(
    "--as-of",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="截至此日24时（北京）the end of this day in Beijing",
)
@click.option("--base", "number", default=None, help="基地编号或申报编号 its number; with --as-of")
@pass_desk
def doctor(desk: Desk, json_wanted: bool, day: datetime | None, number: str | None) -> None:
    """Replay the log and compare it with every table a decision writes, or tell how bases stood on a day. 用日志核对数据。"""
    if day is not None:
        _stood(desk, day.date(), number, json_wanted=json_wanted)
        return
    if number is not None:
        raise click.UsageError(desk.say("base_without_day"))
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


def _within_the_calendar(desk: Desk, day: date) -> None:
    if not FIRST <= day <= LAST:
        raise click.UsageError(desk.say("day_out_of_range", first=FIRST, last=LAST))


def _stood(desk: Desk, day: date, number: str | None, *, json_wanted: bool) -> None:
    """Tell each base as the log had left it; exit status 1 where there was none."""
    _within_the_calendar(desk, day)
    count = 0
    with desk.database.reading() as session:
        editions = editions_in_use(session)
        for row, found in standings(session, day, number=number):
            count += 1
            if json_wanted:
                click.echo(canonical({"case": row["id"], "day": day, "tables": {**found.tables}}))
            else:
                _tell_standing(desk, row, found, editions)
    if not count:
        desk.warn("as_of_none", day=day)
        sys.exit(1)


def _tell_standing(desk: Desk, row: Row, found: Standing, editions: Mapping[str, Definition]) -> None:
    case = found.case or {}
    definition = editions[case["edition_id"]]
    desk.tell(
        "as_of_base", number=row["base_number"] or row["application_number"] or row["id"], name=row["base_name"],
        state=definition.states[case["state"]].label,
    )  # fmt: skip
    labels = {name: known.label for name, known in definition.dates.items()}
    for name, value in (case.get("dates") or {}).items():
        desk.tell("as_of_line", what=labels.get(name, name), value=str(value))
    for agreement in found.tables.get("agreements", ()):
        desk.tell(
            "as_of_agreement",
            number=agreement.get("number"),
            first=agreement.get("first_day"),
            last=agreement.get("last_day"),
        )
    for timer in found.running():
        desk.tell("as_of_line", what=definition.timers[timer["name"]].label, value=timer["due_on"])
    for one in found.rounds():
        desk.tell("as_of_round", step=one["step"], result=one.get("result"))
    for duty in found.tables.get("duties", ()):
        desk.tell("as_of_duty", role=duty["role"], who=duty.get("person_id"))


def _plain(item: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(item)  # type: ignore[call-overload, no-any-return]  # both findings are dataclasses


COMMANDS = (log, doctor)
