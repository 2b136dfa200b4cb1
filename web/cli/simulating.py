"""Run a copy of the database, or made-up bases, forward, and tell what happened when. The database itself is only read."""

from __future__ import annotations

import csv
import io
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import click
from dateutil.relativedelta import relativedelta

from models import Database
from models.schema import status as schema_status
from schedules.sweep import sweep
from web.cli.desk import Desk, as_json
from web.words import catalogue, t
from workflow import clock, simulation
from workflow.definition import DefinitionProblems, load
from workflow.definition.values.edition import Definition
from workflow.explain.names import act_label, role_label
from workflow.periods import BEIJING, beijing_day
from workflow.queries import office
from workflow.simulation import BadAssumption, Count, Outlook, Report
from workflow.words import day_text, label_text
from workflow.world import editions_in_use

pass_desk = click.make_pass_decorator(Desk)

LAST_DAY = date(2099, 12, 31)
MOST_YEARS, MOST_BASES = 50, 1000
COLUMNS = ("year", "what", "name", "role", "count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command was asked for, read and found good."""

    start: date
    until: date
    people: simulation.People
    said: str
    bases: int | None
    lifecycle: str
    source: bytes | None


@click.command()
@click.option(
    "--bases", type=click.IntRange(1, MOST_BASES), help="Made-up bases instead of a copy. 虚拟基地数。"
)
@click.option("--years", type=click.IntRange(1, MOST_YEARS), help="How far; 5 unless said. 推演年数。")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Or the last day. 或结束日。")
@click.option(
    "--people", default="on-time", show_default=True,
    help="on-time, late, never, or on-time=70,late=20,never=10. 人员假设。",
)  # fmt: skip
@click.option(
    "--seed", type=int, default=1, show_default=True, help="The same seed, the same answer. 随机种子。"
)
@click.option("--lifecycle", default=None, help="Of the made-up bases; base unless said. 虚拟基地的规则。")
@click.option(
    "--file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A lifecycle file for made-up bases. 规则文件。",
)  # fmt: skip
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the table to a file. 写入 CSV。",
)
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def simulate(desk: Desk, /, table: Path | None, json_wanted: bool, **options: Any) -> None:
    """Try out the years to come on a copy of the database; nobody is told. 推演今后若干年。"""
    if table is not None and not table.absolute().parent.is_dir():
        raise click.UsageError(_say(desk, "no_folder", file=str(table)))
    asked = _asked(desk, **options)
    with tempfile.TemporaryDirectory(prefix="lianpei-") as folder:
        found = _run(desk, asked, Path(folder))
    report, definitions = found.report, found.definitions
    if table is not None:
        table.write_bytes(_csv(desk, report, definitions).encode("utf-8-sig"))
    if json_wanted:
        as_json(_as_data(found, asked))
    else:
        _tell(desk, found, asked)
        if table is not None:
            click.echo(_say(desk, "written", file=str(table)))
    if report.failed:
        sys.exit(1)


def _say(desk: Desk, key: str, **params: Any) -> str:
    return t(f"simulation.{key}", desk.language, **params)


# ───────────────────────────── What is asked for


def _asked(
    desk: Desk, *, bases: int | None, years: int | None, until: datetime | None, people: str, seed: int,
    lifecycle: str | None, file: Path | None,
) -> Asked:  # fmt: skip
    """Read the options; whatever cannot be is wrong usage."""
    for option, value in (("--lifecycle", lifecycle), ("--file", file)):
        if value is not None and bases is None:
            raise click.UsageError(_say(desk, "only_bases", option=option))
    try:
        assumed = simulation.people_of(people, seed=seed)
    except BadAssumption as bad:
        raise click.UsageError(_say(desk, f"fault.{bad.code}", **bad.params)) from None
    source = file.read_bytes() if file is not None else None
    start = _today(desk) if bases is None else beijing_day(clock.machine_time())
    return Asked(
        start=start, until=_until(desk, start, years, until), people=assumed, said=people, bases=bases,
        lifecycle=_lifecycle(desk, lifecycle, source), source=source,
    )  # fmt: skip


def _today(desk: Desk) -> date:
    """The database's own day. A database that is not there, or of another schema, cannot be copied."""
    url = desk.database.url
    if desk.database.is_sqlite and not (url.database and Path(url.database).exists()):
        raise click.UsageError(_say(desk, "no_database"))
    current, head = schema_status(desk.database)
    if current != head:
        raise click.UsageError(_say(desk, "no_database"))
    with desk.database.reading() as session:
        return beijing_day(clock.now(session))


def _until(desk: Desk, start: date, years: int | None, until: datetime | None) -> date:
    if years is not None and until is not None:
        raise click.UsageError(_say(desk, "either_until"))
    day = until.date() if until is not None else start + relativedelta(years=years or 5)
    if day <= start:
        told = {"day": day_text(day, desk.language), "today": day_text(start, desk.language)}
        raise click.UsageError(_say(desk, "bad_until", **told))
    if day > LAST_DAY:
        raise click.UsageError(_say(desk, "too_far", day=day_text(LAST_DAY, desk.language)))
    return day


def _lifecycle(desk: Desk, name: str | None, source: bytes | None) -> str:
    if source is None:
        known = [load(shipped).name for shipped in simulation.shipped()]
        if name is not None and name not in known:
            raise click.UsageError(_say(desk, "no_lifecycle", name=name))
        return name or known[0]
    try:
        return load(source).name
    except DefinitionProblems as faulty:
        lines = "\n".join(problem.line(desk.language) for problem in faulty.problems)
        raise click.UsageError(lines) from None


# ───────────────────────────── Running it


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the run came to, with the words it is told in."""

    report: Report
    definitions: tuple[Definition, ...]
    bases: Mapping[str, str]
    """The names of the bases that failed."""


def _run(desk: Desk, asked: Asked, folder: Path) -> Found:
    database, proposals = _world(desk, asked, folder)
    outlook = Outlook(
        start=asked.start, until=asked.until, people=asked.people, lifecycle=asked.lifecycle, proposals=proposals
    )  # fmt: skip
    try:
        with desk.progress("simulating") as move, _unlogged():
            stuck = simulation.run(database, outlook, sweep=_swept, progress=move)
        since = datetime.combine(asked.start, time(), BEIJING).astimezone(UTC)
        report = simulation.counted(database, since=since, stuck=stuck)
        with database.reading() as session:
            return Found(
                report=report,
                definitions=tuple(editions_in_use(session).values()),
                bases=office.base_names(session, [one.case_id for one in report.failed]),
            )
    finally:
        database.dispose()


def _swept(database: Database, at: datetime) -> None:
    sweep(database, at=at, stop=lambda: False)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep what the sweep logs of a failing case out of the answer, which names the case and the reason itself."""
    log = logging.getLogger(sweep.__module__)
    log.disabled, before = True, log.disabled
    try:
        yield
    finally:
        log.disabled = before


def _world(desk: Desk, asked: Asked, folder: Path) -> tuple[Database, tuple[simulation.Proposal, ...]]:
    if asked.bases is None:
        return simulation.copied(desk.database, folder), ()
    return simulation.found(
        folder, source=asked.source, lifecycle=asked.lifecycle, cases=asked.bases, start=asked.start,
        until=asked.until, seed=asked.people.seed,
    )  # fmt: skip


# ───────────────────────────── Telling it


def _cells(desk: Desk, count: Count, definitions: tuple[Definition, ...]) -> tuple[str, ...]:
    return (
        str(count.year),
        _say(desk, f"what.{count.what}"),
        _name(desk, count, definitions),
        _role(desk, count.role, definitions),
        str(count.count),
    )


def _name(desk: Desk, count: Count, definitions: tuple[Definition, ...]) -> str:
    """What a count is of, by the words of the lifecycle file, or of messages."""
    if count.what == "notice":
        key = f"admin.template.{count.name}"
        return t(key, desk.language) if key in catalogue() else count.name
    for definition in definitions:
        if count.name in definition.timers and count.what == "missed":
            return label_text(definition.timers[count.name].label, desk.language)
        if count.name in definition.acts or definition.any_step(count.name) is not None:
            return act_label(definition, count.name, desk.language)
    return act_label(definitions[0], count.name, desk.language) if definitions else count.name


def _role(desk: Desk, role: str, definitions: tuple[Definition, ...]) -> str:
    known = next((definition for definition in definitions if role in definition.roles), None)
    return role_label(known, role, desk.language) if known is not None else role


def _csv(desk: Desk, report: Report, definitions: tuple[Definition, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_say(desk, f"column.{name}") for name in COLUMNS])
    writer.writerows(_cells(desk, count, definitions) for count in report.counts)
    return out.getvalue()


def _as_data(found: Found, asked: Asked) -> dict[str, Any]:
    report = found.report
    return {
        "start": asked.start,
        "until": asked.until,
        "people": asked.said,
        "seed": asked.people.seed,
        "counts": [asdict(count) for count in report.counts],
        "peaks": [{"year": peak.day.year, **asdict(peak)} for peak in report.peaks],
        "stuck": report.stuck,
        "failed": [{**asdict(one), "base": found.bases.get(one.case_id, "")} for one in report.failed],
    }


def _tell(desk: Desk, found: Found, asked: Asked) -> None:
    language, report, definitions = desk.language, found.report, found.definitions
    told = {"start": day_text(asked.start, language), "until": day_text(asked.until, language)}
    click.echo(_say(desk, "title", people=asked.said, seed=asked.people.seed, **told))
    click.echo(_say(desk, "assumed"))
    if not report.counts:
        click.echo(_say(desk, "nothing"))
    for row in [
        tuple(_say(desk, f"column.{name}") for name in COLUMNS),
        *(_cells(desk, count, definitions) for count in report.counts),
    ]:
        click.echo("\t".join(row))
    for peak in report.peaks:
        figures = {"acts": peak.acts, "notices": peak.notices}
        click.echo(_say(desk, "peak", year=str(peak.day.year), day=day_text(peak.day, language), **figures))
    if report.stuck:
        click.echo(_say(desk, "stuck", count=report.stuck))
    for one in report.failed:
        base = found.bases.get(one.case_id) or one.case_id
        click.echo(_say(desk, "failed", base=base, day=day_text(one.since, language), reason=one.reason))


COMMANDS = (simulate,)
