"""Values of the engine as shapes of the API, said in the caller's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from models.changes import plain
from web import pages
from web.api.shapes.acts import Choice, FieldView, Receipt
from web.api.shapes.cases import Fact
from web.api.shapes.deadlines import CaseDeadline, Deadline, Suspended
from web.api.shapes.entries import Entry, EntryMark
from web.api.shapes.parts import Named
from web.api.shapes.problems import Fault, Reason
from web.api.tongue import fault_text as said_fault
from web.api.tongue import language, t
from workflow.blockers import Blocker
from workflow.blockers import Fault as FormFault
from workflow.deadlines import days_suspended, still
from workflow.definition.values.acts import Act
from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import Field, FieldType
from workflow.definition.values.labels import Label
from workflow.errors import BadInput, WorkflowError
from workflow.explain.names import act_label, role_label, system_text
from workflow.explain.values import value_text
from workflow.operations import Receipt as Written
from workflow.queries import Names, Rights, units_offered
from workflow.reasons import fault_text, reason_of
from workflow.snapshot import KEPT, Row, Snapshot
from workflow.timers import has_passed, stands_still
from workflow.words import article_text, label_text

# ───────────────────────────── Names


def called(name: str, label: Label) -> Named:
    """A thing of the lifecycle file."""
    return Named(name=name, text=label_text(label, language()))


def state(definition: Definition, name: str) -> Named:
    return called(name, definition.states[name].label)


def state_or_none(definition: Definition, name: str | None) -> Named | None:
    return state(definition, name) if name is not None and name in definition.states else None


def act(definition: Definition, name: str, *, pending: str | None = None) -> Named:
    """An act, a task, a timer or a kind of entry."""
    return Named(name=name, text=act_label(definition, name, language(), pending=pending))


def role(definition: Definition, name: str) -> Named:
    return Named(name=name, text=role_label(definition, name, language()))


def outcome(definition: Definition, name: str | None) -> Named | None:
    if name is None or name not in definition.outcomes:
        return None
    return called(name, definition.outcomes[name].label)


# ───────────────────────────── Reasons and faults


def reasons(blockers: Iterable[Blocker], definition: Definition) -> list[Reason]:
    """The blockers as the page shows them, in order."""
    return [_reason(blocker, definition) for blocker in blockers]


def _reason(blocker: Blocker, definition: Definition) -> Reason:
    said = reason_of(blocker, definition, language())
    return Reason(
        code=blocker.code,
        text=said.text,
        basis=blocker.basis,
        basis_text=said.basis,
        rank=blocker.rank.name.lower(),  # type: ignore[arg-type]  # the names of Rank are the words of the shape
        mend=[_mender(definition, name) for name in blocker.mend],
        from_on=blocker.from_on,
        params=plain(dict(blocker.params)),
    )


def _mender(definition: Definition, name: str) -> Named:
    return role(definition, name) if name in definition.roles else act(definition, name)


def deed_refused(refused: WorkflowError) -> Reason:
    """Why a deed outside any case did not happen, with whoever can do it."""
    roles = [str(name) for name in refused.params.get("roles", ())]
    texts = pages.roles_said(roles, language()) if roles else []
    return Reason(
        code=refused.code,
        text=t(f"deed.{refused.code}", **{**refused.params, "roles": texts}),
        basis="local",
        basis_text=article_text("local", language()),
        rank="role" if roles else "final",
        mend=[Named(name=name, text=text) for name, text in zip(roles, texts, strict=True)],
        from_on=None,
        params={name: plain(value) for name, value in refused.params.items()},
    )


def faults(bad: BadInput, definition: Definition | None) -> list[Fault]:
    """What is wrong with a form, field by field."""
    return [Fault(field=fault.field, code=fault.code, text=_said(fault, definition)) for fault in bad.faults]


def _said(fault: FormFault, definition: Definition | None) -> str:
    if definition is not None:
        return fault_text(fault, definition, language())
    return said_fault(fault.code, field=fault.field, **fault.params)


# ───────────────────────────── A case


def facts(snapshot: Snapshot, names: Names) -> list[Fact]:
    """What the case says of itself: every field it has a value for, in the file's order."""
    found = []
    for field in snapshot.definition.fields.values():
        value = _stored(snapshot, field)
        if value is None or value in ("", [], (), {}):
            continue
        found.append(
            Fact(
                name=field.name,
                label=label_text(field.label, language()),
                value=plain(value),
                text=value_text(snapshot.definition, field, value, names, language()),
            )
        )
    return found


def _stored(snapshot: Snapshot, field: Field) -> Any:
    if field.name not in KEPT and not snapshot.subject:
        return None
    return snapshot.stored(field.name)


def deadline(row: Row, definition: Definition, *, at: datetime) -> Deadline:
    """A timer of a case."""
    timer = definition.timers[row["name"]]
    return Deadline(
        name=timer.name,
        text=label_text(timer.label, language()),
        kind=row["kind"],
        due_on=row["due_on"],
        due_at=row["due_at"],
        nominal_on=row["nominal_on"],
        provisional=row["provisional"],
        status=row["status"],
        hold=row["hold"],
        overdue=row["ended_seq"] is None and row["kind"] == "due" and has_passed(row, at),
        armed_seq=row["armed_seq"],
        ended_seq=row["ended_seq"],
        period=row["period"],
        answered_by=act(definition, timer.answer) if timer.answer else None,
        basis=row["basis"],
        basis_text=article_text(row["basis"], language()),
    )


def case_deadline(row: Row, snapshot: Snapshot, *, at: datetime) -> CaseDeadline:
    """A timer of one case, and how it stands still."""
    found = still(snapshot, row["name"]) if stands_still(row) else None
    runs = row["ended_seq"] is None
    return CaseDeadline(
        **dict(deadline(row, snapshot.definition, at=at)),
        suspended=Suspended(since=found.since, reason=found.reason, days_left=found.left) if found else None,
        days_suspended=days_suspended(snapshot, row["name"], until=snapshot.today) if runs else 0,
    )


# ───────────────────────────── A form


def field_view(definition: Definition, name: str, *, required: bool, units: Mapping[str, Row]) -> FieldView:
    """A field of a form, with the values it may take."""
    field = definition.fields[name]
    return FieldView(
        name=name,
        text=label_text(field.label, language()),
        type=str(field.type),
        required=required,
        basis=field.basis,
        hint=label_text(field.hint, language()) if field.hint else None,
        longest=field.longest if field.type in (FieldType.LINE, FieldType.TEXT, FieldType.PERSON) else None,
        personal=field.personal,
        choices=_choices(definition, field, units),
    )


def _choices(definition: Definition, field: Field, units: Mapping[str, Row]) -> list[Choice]:
    match field.type:
        case FieldType.CHOICE:
            return [
                Choice(value=value, text=label_text(label, language()))
                for value, label in field.one_of.items()
            ]
        case FieldType.UNIT | FieldType.UNITS:
            return [Choice(value=unit["id"], text=unit["name"]) for unit in units.values()]
        case FieldType.CHECKLIST:
            items = [item for listed in field.lists for item in definition.lists[listed].values()]
            return [Choice(value=item.name, text=label_text(item.label, language())) for item in items]
        case _:
            return []


def form_fields(
    definition: Definition, known: Act, units: Mapping[str, Row], rights: Rights
) -> list[FieldView]:
    """The fields of an act's form; those of which exactly one is wanted are optional one by one."""
    asked = [
        field_view(
            definition,
            ask.field,
            required=ask.required and ask.field not in known.either,
            units=_offered(units, units_offered(rights, known, ask.field)),
        )
        for ask in known.asks
    ]
    return [
        view.model_copy(update={"choices": _facts(definition, known)})
        if view.type == FieldType.FACT
        else view
        for view in asked
    ]


def _offered(units: Mapping[str, Row], only: tuple[str, ...] | None) -> Mapping[str, Row]:
    return units if only is None else {key: unit for key, unit in units.items() if key in only}


def _facts(definition: Definition, known: Act) -> list[Choice]:
    return [
        Choice(value=name, text=label_text(definition.fields[name].label, language())) for name in known.facts
    ]


# ───────────────────────────── The log


def entry(row: Row, definition: Definition | None, *, actor: str) -> Entry:
    """An entry; outside any case there is no definition, and names stay as they are."""
    return Entry(
        stream=row["stream"],
        seq=row["seq"],
        kind=_kind(row["kind"]),
        act=_act_of(row["act"], definition),
        outcome=outcome(definition, row["outcome"]) if definition else None,
        from_state=state_or_none(definition, row["from_state"]) if definition else None,
        to_state=state_or_none(definition, row["to_state"]) if definition else None,
        actor=actor,
        actor_id=row["actor_id"],
        source=Named(name=row["source"], text=t(f"entry.sources.{row['source']}")),
        effective_on=row["effective_on"],
        recorded_at=row["recorded_at"],
        hash=row["hash"],
        case_id=row["case_id"],
    )


def _kind(name: str) -> Named:
    from web.words import catalogue

    key = f"entry.kinds.{name}"
    return Named(name=name, text=t(key) if key in catalogue() else name)


def _act_of(name: str | None, definition: Definition | None) -> Named | None:
    if name is None:
        return None
    return act(definition, name) if definition else Named(name=name, text=name)


def actor_name(row: Row, name: str | None, definition: Definition | None) -> str:
    """A person's name, and for whom they acted if for another; the system by the timer that moved it."""
    if name is not None:
        lender = row.get("for_name")
        return t("entry.acted_for", actor=name, who=lender) if lender else name
    return system_text(definition, row["actor"], language())


def receipt(written: Written, definition: Definition) -> Receipt:
    """What an act left behind."""
    return Receipt(
        case_id=written.case_id,
        act=written.act,
        seq=written.seq,
        hash=written.hash,
        recorded_at=written.recorded_at,
        state=state(definition, written.state),
        version=written.version,
        proposed=written.proposed,
        repeated=written.repeated,
        entries=[EntryMark(seq=seq, act=name, hash=digest) for seq, name, digest in written.entries],
    )


def is_overdue(due_on: date | None, today: date) -> bool:
    """A deadline's own day still counts."""
    return due_on is not None and due_on < today
