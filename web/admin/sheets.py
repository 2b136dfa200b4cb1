"""The forms of the administration: what a form asks for, what was typed into it, and what is wrong with it.

A form is sent with a key; sent twice, it is done once and answered twice. After an error it is shown as it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from flask import flash, redirect, render_template, request
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import door, pages
from web.words import catalogue, t
from workflow.blockers import Fault
from workflow.context import Context
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.explain.names import title_of
from workflow.operations.deeds import Done
from workflow.operations.repeats import once

OUR_OWN = frozenset({"csrf_token", "key", "step", "shown"})
"""What a form sends beside its fields."""

Answer = Response | str | tuple[str, int]
Deed = Callable[[Session, Context, "Typed"], Done]


# ───────────────────────────── What a form asks for


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One field, as the macro `field` shows it. `label` and `hint` are texts in the reader's language."""

    name: str
    type: str
    label: str
    required: bool = True
    hint: str = ""
    basis: str = ""
    options: tuple[Mapping[str, str], ...] = ()
    longest: int | None = None
    value: Any = ""
    errors: tuple[str, ...] = ()
    items: tuple[Any, ...] = ()


def ask(name: str, kind: str = "line", *, required: bool = True, value: Any = "", **more: Any) -> Ask:
    """A field of the administration: its label is `admin.field.<name>`, its hint `admin.hint.<name>` if there is one."""
    language = door.language()
    given: dict[str, Any] = {
        "hint": t(f"admin.hint.{name}", language) if f"admin.hint.{name}" in catalogue() else ""
    }
    if "label" not in more:
        given["label"] = t(f"admin.field.{name}", language)
    shown = value.isoformat() if isinstance(value, date) else "" if value is None else value
    return Ask(name=name, type=kind, required=required, value=shown, **{**given, **more})


def reason() -> Ask:
    """Why: asked for with every change."""
    return ask("reason", "text", longest=2000)


def choices(values: Iterable[str], prefix: str) -> tuple[Mapping[str, str], ...]:
    """Options whose words are in the catalogue under a prefix, which ends in a dot."""
    language = door.language()
    return tuple({"value": value, "label": t(f"{prefix}{value}", language)} for value in values)


# ───────────────────────────── What was typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The values of a sent form; days are read, everything else is text."""

    values: Mapping[str, str]
    days: Mapping[str, date | None] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return self.values.get(name, "")

    def given(self, name: str) -> str | None:
        """The text, None where there is none."""
        return self.values.get(name, "").strip() or None

    def day(self, name: str) -> date | None:
        return self.days.get(name)

    def yes(self, name: str) -> bool:
        return self.values.get(name) == "yes"

    def number(self, name: str) -> int:
        """A whole number; -1, which no deed takes, for anything else."""
        text = self.values.get(name, "").strip()
        return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else -1


def typed(asks: Iterable[Ask]) -> Typed:
    """Read the sent form. Raises BadInput for a name the form does not have, and for days that are none."""
    known = {one.name: one for one in asks}
    faults = [
        Fault(field=name[:60], code="unknown_field")
        for name in request.form
        if name not in known.keys() | OUR_OWN
    ]
    values = {name: request.form.get(name, "") for name in known}
    days: dict[str, date | None] = {}
    for one in known.values():
        if one.type == "date":
            days[one.name] = None
            text = values[one.name].strip()
            if text:
                try:
                    days[one.name] = _day(text)
                except ValueError:
                    faults.append(Fault(field=one.name, code="not_a_date"))
    if faults:
        raise BadInput(tuple(faults))
    return Typed(values=values, days=days)


def _day(text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(text)
    return date.fromisoformat(text)


# ───────────────────────────── Filling it in


def lifecycle_fact(among: pages.Lifecycles) -> tuple[tuple[str, str], ...]:
    """The fact that says which lifecycle a form is about; none where there is only one."""
    if not among.are_several:
        return ()
    language = door.language()
    return ((t("admin.column.lifecycle", language), title_of(among.current.label, language)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What stands around a form."""

    title: str
    action: str
    """The verb on the button."""
    back: str
    """The address the form was opened from; also where one lands after it."""
    intro: str = ""
    facts: tuple[tuple[str, Any], ...] = ()
    danger: bool = False
    uploads: bool = False
    """Whether a file may be sent with the form."""


def filled(
    page: Page, asks: tuple[Ask, ...], deed: Deed, *, after: Callable[[Done], Answer] | None = None
) -> Answer:
    """Show the form, or do what was sent and go back to where it was opened from."""
    if request.method == "GET":
        return shown(page, asks, key=pages.new_request_key())
    key = pages.sent_key()
    try:
        done = do(asks, deed, key=key)
    except BadInput as bad:
        return shown(page, as_typed(asks, bad.faults), key=key, others=others(asks, bad.faults)), 422
    except NotFound:
        raise
    except WorkflowError as refused:
        return shown(page, as_typed(asks), key=key, others=(refusal(refused),)), 422
    if after is not None:
        return after(done)
    tell(done, page.title)
    return redirect(page.back)


def do(asks: tuple[Ask, ...], deed: Deed, *, key: str) -> Done:
    """Read the form and do its deed, once for the key. Raises BadInput and WorkflowError."""
    read = typed(asks)
    asked = [pages.here(), {name: read.values[name] for name in sorted(read.values) if name != "password"}]
    try:
        return door.act(
            lambda session, ctx: once(
                session, what=asked, ctx=ctx, kind=Done, work=lambda: deed(session, ctx, read)
            ),
            key=key,
        )
    except IntegrityError as error:
        # Somebody else took the same name, number or login in the same moment.
        raise WorkflowError("taken_meanwhile") from error


def shown(page: Page, asks: tuple[Ask, ...], *, key: str, others: tuple[str, ...] = ()) -> str:
    return render_template("admin/form.html", page=page, fields=asks, key=key, others=others)


def as_typed(asks: Iterable[Ask], faults: Iterable[Fault] = ()) -> tuple[Ask, ...]:
    """The fields as they were typed, each with what is wrong with it."""
    found = tuple(faults)
    return tuple(
        replace(
            one,
            value=request.form.get(one.name, ""),
            errors=tuple(fault_text(fault, one.label) for fault in found if fault.field == one.name),
        )
        for one in asks
    )


def others(asks: Iterable[Ask], faults: Iterable[Fault]) -> tuple[str, ...]:
    """What is wrong with no field of the form in particular."""
    names = {one.name for one in asks}
    return tuple(fault_text(fault, fault.field) for fault in faults if fault.field not in names)


def fault_text(fault: Fault, label: str) -> str:
    key = f"fault.{fault.code}"
    return t(
        key if key in catalogue() else "fault.unreadable", door.language(), **{**fault.params, "field": label}
    )


def refusal(refused: WorkflowError) -> str:
    """Why a deed did not happen."""
    language = door.language()
    params = dict(refused.params)
    if "roles" in params:
        params["roles"] = pages.roles_said(params["roles"], language)
    key = f"deed.{refused.code}"
    return t(key if key in catalogue() else "admin.refused", language, **params)


def tell(done: Done, what: str) -> None:
    """Say on the next page what was recorded, or that it had been before."""
    key = "admin.repeated" if done.repeated else "admin.recorded"
    flash(
        t(key, door.language(), what=what, seq=done.seq, at=done.recorded_at, hash=done.hash[:12]), "success"
    )
