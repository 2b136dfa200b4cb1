"""The works: mails that wait or are parked, incidents, and how the schedulers are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import request, url_for

from web import door, pages
from web.admin import blueprint
from web.admin.lists import Cell, Listing, cell, listed
from web.admin.sheets import Answer, Page, ask, choices, filled, reason
from web.words import catalogue, t
from workflow.messages import TEMPLATES
from workflow.operations import office as deeds
from workflow.queries import office
from workflow.queries.schedulers import Beat, ClockWork, clock_work

INCIDENTS = ("open", "all")


# ───────────────────────────── Outbox


CHANNELS = ("mail", "robot")


@blueprint.get("/outbox")
def outbox() -> str:
    """The notices of one status, by channel, kind and person."""
    language = door.language()
    status = pages.asked("status") if pages.asked("status") in office.OUTBOX else "waiting"
    wanted = office.OutboxFilter(
        status=status,
        channel=pages.asked("channel") if pages.asked("channel") in CHANNELS else "",
        template=pages.asked("template") if pages.asked("template") in TEMPLATES else "",
        text=pages.asked("q"),
    )
    with pages.looking() as look:
        found = office.notices_page(
            look.session, wanted, after=request.args.get("after"), before=request.args.get("before")
        )
        count = office.notices_count(look.session, wanted)
        empty = "" if found.rows else _nothing_found(look, wanted)
    asked = {"channel": wanted.channel, "template": wanted.template, "q": wanted.text}
    return listed(
        Listing(
            title=t("admin.place.outbox", language),
            columns=("name", "channel", "base", "what", "queued_at", "state", "act"),
            rows=tuple(_notice_row(row, language) for row in found.rows),
            intro=t(
                "admin.outbox.count_most" if count >= office.MOST else "admin.outbox.count",
                language,
                count=count,
            ),
            actions=_outbox_actions(status, language),
            search=_outbox_search(wanted, language),
            tabs=_tabs("admin.outbox", office.OUTBOX, status, "admin.outbox.is."),
            turn=pages.turn(found, "admin.outbox", status=status, **asked),
            empty=empty,
        )
    )


def _nothing_found(look: pages.Look, wanted: office.OutboxFilter) -> str:
    """That there is none; where none waits, how many have gone out."""
    if wanted.status != "waiting":
        return t("admin.outbox.none", look.language)
    sent = office.notices_count(look.session, replace(wanted, status="sent"))
    key = "none_waiting_most" if sent >= office.MOST else "none_waiting"
    return t(f"admin.outbox.{key}", look.language, sent=sent)


def _outbox_actions(status: str, language: str) -> tuple[tuple[str, str], ...]:
    trial = (t("admin.outbox.try", language), url_for("admin.try_mail"))
    if status != "parked":
        return (trial,)
    return (t("admin.outbox.resend_kind", language), url_for("admin.resend_kind")), trial


def _outbox_search(wanted: office.OutboxFilter, language: str) -> tuple[Any, ...]:
    return (
        ask("status", "choice", options=choices(office.OUTBOX, "admin.outbox.is."), value=wanted.status,
            label=t("admin.column.status", language)),
        ask("channel", "choice", options=choices(CHANNELS, "admin.channel."), value=wanted.channel,
            label=t("admin.column.channel", language)),
        ask("template", "choice", options=choices(sorted(TEMPLATES), "admin.template."), value=wanted.template),
        ask("q", required=False, value=wanted.text),
    )  # fmt: skip


def _tabs(endpoint: str, names: tuple[str, ...], chosen: str, words: str) -> tuple[dict[str, Any], ...]:
    language = door.language()
    return tuple(
        {
            "href": url_for(endpoint, status=name),
            "label": t(f"{words}{name}", language),
            "here": name == chosen,
        }
        for name in names
    )


def _notice_row(row: Any, language: str) -> tuple[Cell, ...]:
    links: tuple[tuple[str, str], ...] = ()
    if row["parked_at"]:
        links = ((t("admin.outbox.resend", language), url_for("admin.resend", notice_id=row["id"])),)
    return (
        cell(row["name"]),
        cell(t(f"admin.channel.{'mail' if row['channel'] == 'mail' else 'robot'}", language)),
        _base(row),
        cell(t(f"admin.template.{row['template']}", language)),
        cell(row["queued_at"]),
        _notice_state(row, language),
        Cell(links=links),
    )


def _notice_state(row: Any, language: str) -> Cell:
    if row["sent_at"]:
        return Cell(text=t("admin.outbox.is.sent", language), at=row["sent_at"])
    failure = _failure_text(row["failure"], language)
    if row["failure"] == "switched_off":
        return Cell(text=t("admin.outbox.is.unwanted", language), note=failure)
    if row["parked_at"]:
        return Cell(text=t("admin.outbox.is.parked", language), at=row["parked_at"], note=failure)
    return Cell(text=t("admin.outbox.next", language), at=row["next_try_at"], note=failure)


def _failure_text(failure: str | None, language: str) -> str:
    """Why a mail did not go out: in words where we know, else as the other side said it."""
    key = f"admin.outbox.because.{failure}"
    return t(key, language) if key in catalogue() else failure or ""


def _base(row: Any) -> Cell:
    if not row["case_id"]:
        return Cell()
    name = row["base_name"] or row["base_number"] or row["case_id"][:8]
    return Cell(text=name, href=url_for("bases.show", case_id=row["case_id"]), note=row["base_number"] or "")


@blueprint.route("/outbox/<uuid:notice_id>/resend", methods=["GET", "POST"])
def resend(notice_id: UUID) -> Answer:
    """Let a parked mail try again."""
    language, key = door.language(), str(notice_id)
    with pages.looking() as look:
        row = office.notice_of(look.session, key)
    page = Page(
        title=t("admin.outbox.resend", language),
        action=t("admin.outbox.resend", language),
        back=url_for("admin.outbox", status="parked"),
        facts=((t("admin.column.failure", language), _failure_text(row["failure"], language) or "—"),),
    )
    return filled(
        page,
        (reason(),),
        lambda session, ctx, typed: deeds.resend_notice(session, key, reason=typed.text("reason"), ctx=ctx),
    )


@blueprint.route("/outbox/resend", methods=["GET", "POST"])
def resend_kind() -> Answer:
    """Let every parked notice of one kind try again."""
    language = door.language()
    page = Page(
        title=t("admin.outbox.resend_kind", language),
        action=t("admin.outbox.resend", language),
        back=url_for("admin.outbox", status="parked"),
        intro=t("admin.outbox.resend_kind_intro", language),
    )
    kinds = ask("template", "choice", options=choices(sorted(TEMPLATES), "admin.template."))
    return filled(
        page,
        (kinds, reason()),
        lambda session, ctx, typed: deeds.resend_parked(
            session, typed.text("template"), reason=typed.text("reason"), ctx=ctx
        ),
    )


@blueprint.route("/outbox/test", methods=["GET", "POST"])
def try_mail() -> Answer:
    """Send a test mail to oneself, on the way every mail takes."""
    language = door.language()
    page = Page(
        title=t("admin.outbox.try", language),
        action=t("admin.outbox.try", language),
        back=url_for("admin.outbox"),
        intro=t("admin.outbox.try_intro", language),
    )
    return filled(page, (), lambda session, ctx, _typed: deeds.try_mail(session, ctx=ctx))


# ───────────────────────────── Incidents


@blueprint.get("/incidents")
def incidents() -> str:
    """What the office must look at."""
    language = door.language()
    status = "all" if pages.asked("status") == "all" else "open"
    with pages.looking() as look:
        found = office.incidents_page(
            look.session,
            open_only=status == "open",
            after=request.args.get("after"),
            before=request.args.get("before"),
        )
    return listed(
        Listing(
            title=t("admin.place.incidents", language),
            columns=("what", "base", "opened_at", "closed_at", "act"),
            rows=tuple(_incident_row(row, language) for row in found.rows),
            tabs=_tabs("admin.incidents", INCIDENTS, status, "admin.incidents.is."),
            turn=pages.turn(found, "admin.incidents", status=status),
            empty=t("admin.incidents.none", language),
        )
    )


def incident_text(kind: str) -> str:
    """What an incident is; its code where there is no word for it."""
    key = f"admin.incident.{kind}"
    return t(key, door.language()) if key in catalogue() else kind


def _incident_row(row: Any, language: str) -> tuple[Cell, ...]:
    links: tuple[tuple[str, str], ...] = ()
    if row["closed_at"] is None:
        links = (
            (t("admin.incidents.close", language), url_for("admin.close_incident", incident_id=row["id"])),
        )
    details = ", ".join(str(value) for value in (row["params"] or {}).values())
    return (
        Cell(text=incident_text(row["kind"]), note=details[:200]),
        _base(row),
        cell(row["opened_at"]),
        cell(row["closed_at"]),
        Cell(links=links),
    )


@blueprint.route("/incidents/<uuid:incident_id>/close", methods=["GET", "POST"])
def close_incident(incident_id: UUID) -> Answer:
    """Say how an incident was dealt with."""
    language, key = door.language(), str(incident_id)
    with pages.looking() as look:
        row = office.incident_of(look.session, key)
    page = Page(
        title=t("admin.incidents.close", language),
        action=t("admin.incidents.close", language),
        back=url_for("admin.incidents"),
        facts=((t("admin.column.what", language), incident_text(row["kind"])),),
    )
    return filled(
        page,
        (reason(),),
        lambda session, ctx, typed: deeds.close_incident(session, key, reason=typed.text("reason"), ctx=ctx),
    )


# ───────────────────────────── Schedulers


@blueprint.get("/scheduler")
def scheduler() -> str:
    """The last signs of life of the schedulers, and what they have not come to."""
    language = door.language()
    with pages.looking() as look:
        work = clock_work(look.session)
    return listed(
        Listing(
            title=t("admin.place.scheduler", language),
            columns=("scheduler", "started_at", "ticked_at", "fired", "state"),
            rows=tuple(_beat_row(beat, language) for beat in work.beats),
            intro=_said(work, language),
            empty=t("admin.scheduler.none", language),
        )
    )


def _said(work: ClockWork, language: str) -> str:
    """Whether any scheduler runs, what waits, for how long, and what failed; that none has ever run stands in the list's place."""
    if not work.beats and not work.due:
        return ""
    alone = "" if work.is_alive else t("admin.scheduler.none", language)
    word = "late" if work.overdue else "some_due" if work.due else "none_late"
    said = t(
        f"admin.scheduler.{word}",
        language,
        count=work.overdue or work.due,
        lag=round(work.lag.total_seconds()),
    )
    failed = t("admin.scheduler.incidents", language, count=work.incidents) if work.incidents else ""
    return " ".join(filter(None, (alone, said, failed)))


def _beat_row(beat: Beat, language: str) -> tuple[Cell, ...]:
    return (
        cell(beat.name),
        cell(beat.started_at),
        cell(beat.ticked_at),
        cell(beat.fired),
        Cell(text=t(f"admin.scheduler.is.{beat.standing}", language), note=beat.failure or ""),
    )
