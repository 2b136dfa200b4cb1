"""Load the yearly notice of holidays from the command line, and say what is loaded."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.orm import Session

from web.cli.desk import Desk, as_json
from web.words import t
from workflow.errors import BadInput
from workflow.holidays import Notice, known_notice, read_notice, source_text
from workflow.operations.calendar import Preview, preview_notice
from workflow.operations.calendar_passes import Come, import_notice, under_way
from workflow.operations.deeds import Done
from workflow.queries import calendar as loaded
from workflow.queries import office
from workflow.words import label_text
from workflow.world import calendar as known_calendar
from workflow.world import editions_in_use

pass_desk = click.make_pass_decorator(Desk)

REASON = "lianpei calendar import"
"""The reason an import from the command line leaves in the log, where none is given."""


@click.group()
def calendar() -> None:
    """The holidays and make-up days. 放假安排。"""


@calendar.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--year", type=int, help="The year the file must be of. 文件所属年份。")
@click.option(
    "--known", type=int, metavar="YEAR", help="Take the year from the program. 使用程序自带的年历。"
)
@click.option("--reason", default=REASON, show_default=True, help="For the log. 记入日志的理由。")
@click.option("--dry-run", is_flag=True, help="Report only. 只检查，不写入。")
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def import_(
    desk: Desk,
    file: Path | None,
    year: int | None,
    known: int | None,
    reason: str,
    dry_run: bool,
    json_wanted: bool,
) -> None:
    """Load the notice in FILE (CSV: day, kind, name) and move every deadline it moves. 导入放假通知。"""
    if (file is None) == (known is None):
        raise click.UsageError(desk.say("calendar_either"))
    try:
        notice = _notice(desk, file, year, known)
    except BadInput as bad:
        sys.exit(_at_fault(desk, bad, json_wanted=json_wanted))
    with desk.database.reading() as session:
        preview = preview_notice(session, notice, ctx=desk.context(session))
        if not json_wanted:
            _tell_preview(desk, preview, *_names(desk, session, preview))
    if dry_run:
        _conclude_dry(desk, preview, json_wanted=json_wanted)
        return
    with desk.progress("calendar_moving") as progress:
        done, come = import_notice(
            desk.database, notice, reason=reason, context=desk.context, progress=progress
        )
    _conclude(desk, preview, done, come, json_wanted=json_wanted)
    if come.failed:
        desk.warn("calendar_failed", count=come.failed)
        sys.exit(1)


def _notice(desk: Desk, file: Path | None, year: int | None, known: int | None) -> Notice:
    """What is to be loaded; a year the program does not know ends the command. Raises BadInput with all that is wrong."""
    if file is not None:
        return read_notice(file.read_bytes(), year=year, source=file.name[:200])
    found = known_notice(known) if known is not None else None
    if found is None:
        desk.warn("calendar_unknown", year=known)
        sys.exit(1)
    return found


def _at_fault(desk: Desk, bad: BadInput, *, json_wanted: bool) -> int:
    texts = [t(f"fault.{fault.code}", desk.language, **fault.params) for fault in bad.faults]
    if json_wanted:
        rows = [fault.params.get("row") for fault in bad.faults]
        faults = [
            {"row": row, "code": fault.code, "text": text}
            for row, fault, text in zip(rows, bad.faults, texts, strict=True)
        ]
        as_json({"imported": False, "faults": faults})
    else:
        for text in texts:
            click.echo(text)
        desk.tell("calendar_at_fault", count=len(texts))
    return 1


def _names(desk: Desk, session: Session, preview: Preview) -> tuple[dict[str, str], dict[str, str]]:
    """The names of the bases and of the timers that move."""
    bases = office.base_names(session, [move.case_id for move in preview.moves])
    timers = {
        timer.name: label_text(timer.label, desk.language)
        for definition in editions_in_use(session).values()
        for timer in definition.timers.values()
    }
    return dict(bases), timers


def _tell_preview(desk: Desk, preview: Preview, bases: dict[str, str], timers: dict[str, str]) -> None:
    desk.tell(
        "calendar_days",
        year=preview.notice.year,
        added=preview.added,
        changed=preview.changed,
        taken_back=preview.taken_back,
    )
    for move in preview.moves:
        desk.tell(
            "calendar_move",
            base=bases.get(move.case_id) or move.case_id,
            timer=timers[move.timer],
            old=move.old_on,
            new=move.new_on,
        )


def _conclude_dry(desk: Desk, preview: Preview, *, json_wanted: bool) -> None:
    if json_wanted:
        as_json({**_days(preview), "imported": False, **preview.counts.by_name, "moves": _moves(preview)})
    else:
        desk.tell("calendar_would", **preview.counts.by_name)


def _conclude(desk: Desk, preview: Preview, done: Done | None, come: Come, *, json_wanted: bool) -> None:
    counts = come.counts
    changed = done is not None or counts.cases > 0
    if json_wanted:
        entry = None if done is None else f"{done.stream}#{done.seq}"
        as_json(
            {
                **_days(preview),
                "imported": changed,
                "entry": entry,
                **counts.by_name,
                "failed": come.failed,
                "moves": _moves(preview),
            }
        )
        return
    key = "calendar_done" if done else "calendar_finished" if counts.cases else "calendar_unchanged"
    desk.tell(key, year=preview.notice.year, **counts.by_name)


def _days(preview: Preview) -> dict[str, object]:
    return {
        "year": preview.notice.year,
        "added": preview.added,
        "changed": preview.changed,
        "taken_back": preview.taken_back,
        "faults": [],
    }


def _moves(preview: Preview) -> list[dict[str, object]]:
    return [
        {"case": move.case_id, "timer": move.timer, "old": move.old_on, "new": move.new_on}
        for move in preview.moves
    ]


@calendar.command()
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def status(desk: Desk, json_wanted: bool) -> None:
    """The years that are loaded, and whether the next is waited for. 已载入的年份。"""
    with desk.database.reading() as session:
        years = loaded.loaded_years(session)
        through = known_calendar(session).known_through
        wanted = loaded.wanted_year(session, today=desk.context(session).today)
        moving = under_way(session)
    if json_wanted:
        as_json(
            {
                "known_through": through if years else None,
                "years": [asdict(one) for one in years],
                "wanted": asdict(wanted) if wanted else None,
                "under_way": [asdict(one) for one in moving],
            }
        )
        return
    for one in years:
        desk.tell(
            "calendar_year",
            year=one.year,
            rest=one.rest_count,
            work=one.work_count,
            source=source_text(one.source, desk.language),
            at=one.loaded_at,
        )
    desk.tell("calendar_known" if years else "calendar_none", day=through)
    for come in moving:
        desk.tell(
            "calendar_under_way",
            year=come.year,
            done=come.looked_at,
            total=come.total,
            timers=come.counts.timers,
        )
    if wanted is not None:
        desk.warn("calendar_wanted", **asdict(wanted))


COMMANDS = (calendar,)
