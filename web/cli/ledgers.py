"""Bring the office's ledger in from the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from models import Database
from web.cli.desk import Desk, as_json
from workflow import clock
from workflow.context import Actor, Context, Source
from workflow.ledger import Fault, Ledger, LedgerError, annotate, describe, read_ledger
from workflow.operations.clockwork import release_held
from workflow.operations.ledger_import import Imported, Judged, bring_in, create_units, judge

pass_desk = click.make_pass_decorator(Desk)


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--lifecycle", default="base", show_default=True)
@click.option("--dry-run", is_flag=True, help="Report only. 只检查，不写入。")
@click.option(
    "--create-units", "units_wanted", is_flag=True, help="Add colleges nobody knows. 自动建立未知单位。"
)
@click.option("--clean-rows", is_flag=True, help="Bring in the rows without a fault. 只导入无误的行。")
@click.option(
    "--fire-past", is_flag=True, help="Confirm the deadlines already past. 确认已过期限并使其生效。"
)
@click.option(
    "--annotated",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the workbook back with its faults. 输出标注错误的台账。",
)
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def import_(
    desk: Desk,
    file: Path,
    lifecycle: str,
    dry_run: bool,
    units_wanted: bool,
    clean_rows: bool,
    fire_past: bool,
    annotated: Path | None,
    json_wanted: bool,
) -> None:
    """Bring in the bases of the ledger FILE (.xlsx). 导入基地台账。"""
    database = desk.database
    with database.reading() as session:
        ctx = _context(clock.now(session))
    try:
        ledger = read_ledger(file, today=ctx.today)
    except LedgerError as error:
        raise click.ClickException(describe(error, language=desk.language)) from None
    if annotated is not None:
        annotated.write_bytes(annotate(file, ledger, language=desk.language))
    with database.reading() as session:
        judged = judge(session, ledger, lifecycle=lifecycle, create_units=units_wanted)
    faults = (*ledger.faults, *judged.faults)
    if not json_wanted:
        _report(desk, ledger, judged, faults)
    refused = bool(faults) and not clean_rows
    imported: list[Imported] = []
    if not dry_run and not refused and judged.ready:
        imported = _write(
            desk, database, judged, lifecycle, ctx, units_wanted=units_wanted, fire_past=fire_past
        )
    _conclude(
        desk, ledger, judged, faults, imported, dry_run=dry_run, refused=refused, json_wanted=json_wanted
    )
    sys.exit(1 if faults else 0)


def _context(at: object) -> Context:
    from datetime import datetime

    assert isinstance(at, datetime)
    return Context(actor=Actor(system="cli"), at=at, source=Source.IMPORT)


def _report(desk: Desk, ledger: Ledger, judged: Judged, faults: Sequence[Fault]) -> None:
    for fault in faults:
        click.echo(f"{fault.sheet} {fault.row}: {describe(fault, language=desk.language)}")
    for warning in ledger.warnings:
        click.echo(
            desk.say(
                "warning", text=f"{warning.sheet} {warning.row}: {describe(warning, language=desk.language)}"
            ),
            err=True,
        )
    for column in ledger.unknown_columns:
        desk.warn("column_unread", column=column.header)
    for unit, rows in judged.new_units.items():
        desk.tell("unit_new", unit=unit, rows=", ".join(str(row.row) for row in rows))


def _write(
    desk: Desk,
    database: Database,
    judged: Judged,
    lifecycle: str,
    ctx: Context,
    *,
    units_wanted: bool,
    fire_past: bool,
) -> list[Imported]:
    """All rows in one transaction, then, when asked, the past deadlines case by case."""
    with database.transaction() as session:
        if units_wanted:
            create_units(session, list(judged.new_units), ctx=ctx)
        imported = bring_in(session, judged.ready, lifecycle=lifecycle, ctx=ctx)
    held = [item for item in imported if item.held]
    if fire_past and held:
        with click.progressbar(held, label=desk.say("firing_past"), file=sys.stderr) as items:
            for item in items:
                with database.transaction() as session:
                    release_held(session, item.case_id, ctx=ctx)
    return imported


def _conclude(
    desk: Desk,
    ledger: Ledger,
    judged: Judged,
    faults: Sequence[Fault],
    imported: Sequence[Imported],
    *,
    dry_run: bool,
    refused: bool,
    json_wanted: bool,
) -> None:
    if json_wanted:
        as_json(
            {
                "rows": ledger.row_count,
                "ready": len(judged.ready),
                "known": len(judged.known),
                "imported": len(imported),
                "faults": [
                    {
                        "sheet": f.sheet,
                        "row": f.row,
                        "cell": f.cell,
                        "text": describe(f, language=desk.language),
                    }
                    for f in faults
                ],
                "held": [
                    {"base": i.row.base_number, "timer": name, "day": day}
                    for i in imported
                    for name, day in i.held
                ],
                "new_units": {unit: [row.row for row in rows] for unit, rows in judged.new_units.items()},
            }
        )
        return
    for item in imported:
        for name, day in item.held:
            desk.tell("held", base=item.row.base_number, timer=name, day=day)
    desk.tell(
        "import_dry" if dry_run else "import_refused" if refused else "import_done",
        rows=ledger.row_count,
        imported=len(imported),
        ready=len(judged.ready),
        known=len(judged.known),
        faults=len({(f.sheet, f.row) for f in faults}),
    )


COMMANDS = (import_,)
