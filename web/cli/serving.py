"""Serve the site, run the scheduler, or both in one process for one office on one machine."""

from __future__ import annotations

import logging
import os
import signal
import stat
import sys
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import click
from flask import Flask

from models.database import ReadOnly
from schedules.heartbeat import Scheduler
from schedules.holidays import move_deadlines
from schedules.outside import CommandPlace, FolderPlace, MailPlace, Place
from schedules.seal import Sealer
from schedules.sweep import sweep as sweep_once
from web.app import create_app
from web.cli.desk import Desk, as_json
from web.cli.keys import make_first, tell_fault
from web.config import DEFAULT_SECRET, INSTANCE, UnsafeConfiguration, new_secret
from web.words import t
from workflow.keyfile import KeyFault
from workflow.operations.editions import install, is_empty
from workflow.operations.sealing import Pace, key_in_force
from workflow.queries.schedulers import ClockWork, clock_work
from workflow.queries.sealing import ENOUGH, deliveries

pass_desk = click.make_pass_decorator(Desk)


@click.command()
@click.option("--host", default=None, help="127.0.0.1")
@click.option("--port", type=int, default=None, help="8000")
@pass_desk
def run(desk: Desk, host: str | None, port: int | None) -> None:
    """Serve the site and run the scheduler in one process. 启动网站和调度（单机）。"""
    _log_to_stderr()
    _keep_secret(desk)
    try:
        _prepare(desk)
        _keep_key(desk)
    except ReadOnly:
        # The site shows the alarm and lets auditors look.
        _serve(desk, host, port)
        return
    scheduler = _scheduler(desk)
    scheduler.start()
    try:
        _serve(desk, host, port)
    finally:
        scheduler.stop()


@click.command()
@click.option("--host", default=None, help="127.0.0.1")
@click.option("--port", type=int, default=None, help="8000")
@click.option("--threads", type=click.IntRange(1, 64), default=8, show_default=True)
@pass_desk
def web(desk: Desk, host: str | None, port: int | None, threads: int) -> None:
    """Serve the site only; deadlines need a scheduler beside it. 仅启动网站。"""
    _log_to_stderr()
    _serve(desk, host, port, threads=threads)


@click.command()
@click.option("--status", "status_only", is_flag=True, help="Tell how the schedulers are. 查看调度状态。")
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def scheduler(desk: Desk, status_only: bool, json_wanted: bool) -> None:
    """Run a scheduler until it is told to stop. 启动调度进程。"""
    if status_only:
        _status(desk, json_wanted)
        return
    _log_to_stderr()
    desk.database.demand_open()
    beat = _scheduler(desk)
    beat.serve(begun=lambda: desk.tell("scheduler_runs", name=beat.name))


@click.command()
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def sweep(desk: Desk, json_wanted: bool) -> None:
    """Let everything due take effect now, once. 立即处理一次到期事项。"""
    move_deadlines(desk.database, stop=lambda: False)
    swept = sweep_once(desk.database, at=None, stop=lambda: False)
    if json_wanted:
        as_json({"cases": swept.cases, "fired": swept.fired, "reminded": swept.reminded})
    else:
        desk.tell("swept", cases=swept.cases, fired=swept.fired, reminded=swept.reminded)


def _status(desk: Desk, json_wanted: bool) -> None:
    """Tell how the clock's work stands, and warn of what is amiss with the places outside, which is no fault of it."""
    names = [place.name for place in _places(desk)]
    with desk.database.reading() as session:
        work, outside = clock_work(session), deliveries(session, names)
    for place in outside:
        if place.failure is not None:
            desk.warn(
                "place_failing",
                place=t(f"audit.checkpoint_place.{place.name}", desk.language),
                failure=place.failure,
            )
    if json_wanted:
        as_json({**_as_told(work), "outside": [asdict(place) for place in outside]})
    else:
        _tell(desk, work)
    sys.exit(0 if work.is_well else 1)


def _as_told(work: ClockWork) -> dict[str, Any]:
    return {
        "healthy": work.is_well,
        "last_tick": work.last_tick,
        "lag_seconds": round(work.lag.total_seconds()),
        "due": work.due,
        "overdue": work.overdue,
        "incidents": work.incidents,
        "failure": work.failure,
        "schedulers": [asdict(beat) for beat in work.beats],
    }


def _tell(desk: Desk, work: ClockWork) -> None:
    for beat in work.beats:
        standing = t(f"admin.scheduler.is.{beat.standing}", desk.language)
        desk.tell("beat", name=beat.name, at=beat.ticked_at, standing=standing, failure=beat.failure or "—")
    lag = round(work.lag.total_seconds())
    desk.tell("scheduler_state", due=work.due, overdue=work.overdue, lag=lag, incidents=work.incidents)


def _prepare(desk: Desk) -> None:
    """Bring the embedded database up to date and, when it is new, fill it. Raises ReadOnly."""
    from web.demo.loading import load_demonstration

    desk.upgrade()
    with desk.database.transaction() as session:
        empty = is_empty(session)
        if not empty or desk.config.is_production:
            install(session, demonstration=False, ctx=desk.context(session))
    if empty and not desk.config.is_production:
        desk.tell("demo_loading")
        for account in load_demonstration(desk.database):
            desk.tell(
                "demo_account",
                login=account["login"],
                password=account["password"],
                role=account[desk.language],
            )


def _serve(desk: Desk, host: str | None, port: int | None, *, threads: int = 8) -> None:
    """Answer requests until SIGTERM; requests in hand are finished. An address that cannot be had is said so."""
    import waitress

    app = _app(desk)
    host, port = host or desk.config.host, port or desk.config.port

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
    try:
        server = waitress.create_server(app, host=host, port=port, threads=threads, ident=None)
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(desk.say("no_address", host=host, port=port, reason=reason)) from None
    desk.tell("serving", url=f"http://{host}:{port}")
    server.run()


def _app(desk: Desk) -> Flask:
    try:
        return create_app(desk.config, database=desk.database)
    except UnsafeConfiguration as unsafe:
        raise click.ClickException("; ".join(t(reason, desk.language) for reason in unsafe.reasons)) from None


def _keep_secret(desk: Desk) -> None:
    """An embedded installation without a secret makes one and keeps it beside its database, readable by its owner only."""
    if desk.config.is_production or desk.config.secret_key != DEFAULT_SECRET:
        return
    file = INSTANCE / "secret"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(new_secret())
    from dataclasses import replace

    desk.config = replace(desk.config, secret_key=Path(file).read_text().strip())


def _keep_key(desk: Desk) -> None:
    """An embedded installation makes the key that signs its log; one that cannot be used is told of, and the site runs."""
    with desk.database.reading() as session:
        has_key = key_in_force(session) is not None
    if has_key:
        return
    try:
        make_first(desk, None)
    except KeyFault as fault:
        tell_fault(desk, fault)


def _scheduler(desk: Desk) -> Scheduler:
    return Scheduler(
        desk.database,
        server=desk.mail_server,
        robots=desk.robots,
        base_url=desk.config.base_url,
        sealer=_sealer(desk),
        places=_places(desk),
    )


def _sealer(desk: Desk) -> Sealer:
    config = desk.config
    pace = Pace(every=config.checkpoint_entries, at_latest=timedelta(minutes=config.checkpoint_minutes))
    return Sealer(key=config.log_key, pace=pace)


def _places(desk: Desk) -> list[Place]:
    """The places outside that get every checkpoint; fewer than there should be are told of."""
    config, found = desk.config, list[Place]()
    if config.checkpoint_dir is not None:
        found.append(FolderPlace(folder=config.checkpoint_dir))
    if config.auditors is not None and desk.mail_server is not None:
        found.append(MailPlace(server=desk.mail_server, address=config.auditors))
    if config.checkpoint_command is not None:
        try:
            found.append(CommandPlace.read(config.checkpoint_command))
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    if len(found) < ENOUGH:
        desk.warn("places_few", count=len(found), wanted=ENOUGH)
    return found


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for talkative in ("alembic", "apscheduler", "transitions", "waitress"):
        logging.getLogger(talkative).setLevel(logging.WARNING)


COMMANDS = (run, web, scheduler, sweep)
