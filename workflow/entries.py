"""Write log entries: what a step of a plan, or an act outside any case, leaves for ever.

An entry holds every row the act changed, with old and new values, so that replaying the entries gives the tables.
`docs/log-format.md` says what each of its fields means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Base, Stream
from models.changes import INSERT, UPDATE, Change, key_column, key_value, plain
from models.database import insert_into
from workflow.context import Actor, Context
from workflow.definition.values.edition import Definition
from workflow.log import (
    FORMAT,
    GENESIS,
    PERSONAL,
    SEALED,
    UNLOGGED_COLUMNS,
    UNLOGGED_TABLES,
    Commitment,
    canonical,
    entry_hash,
    is_known,
    sealed,
)
from workflow.plan import Step
from workflow.snapshot import KEPT, Row, Snapshot, held_roles

OF_A_CASE = frozenset(
    {
        "agreements",
        "ballots",
        "bans",
        "cases",
        "clawbacks",
        "deadline_decisions",
        "duties",
        "grades",
        "hand_ins",
        "passages",
        "pending_acts",
        "rounds",
        "seats",
        "timers",
    }
)
"""Tables whose rows, like the subject's, belong to one case; only entries of the case's own stream change them."""

SHARED = {"act", "case", "effective_on", "from", "ground", "outcome", "to"}
"""Fields of every entry that an act outside any case may state; whatever else it says goes under `details`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An entry as it was written: its place, its text and its hash, and the rows that keep it."""

    seq: int
    act: str | None
    body: str
    hash: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hiding:
    """The personal values of one entry. Equal values share a commitment, so that erasing one erases them all."""

    fields: frozenset[str] = frozenset()
    """The form fields that are personal."""
    columns: frozenset[tuple[str, str]] = frozenset()
    """The columns, by table, that keep such fields."""
    made: dict[str, Commitment] = field(default_factory=dict)

    def commit(self, value: Any) -> Mapping[str, str] | None:
        if value is None:
            return None
        spelled = canonical(value)
        if spelled not in self.made:
            self.made[spelled] = Commitment.to(value)
        return {"commitment": self.made[spelled].digest}

    def hides(self, table: str, name: str) -> bool:
        return name in PERSONAL.get(table, frozenset()) or (table, name) in self.columns

    def column(self, table: str, name: str, value: Any) -> Any:
        if self.hides(table, name):
            return self.commit(value)
        if value is not None and name in SEALED.get(table, frozenset()):
            return {"sha256": sealed(value)}
        if name == "form" and self.fields and isinstance(value, Mapping):
            return self.form(value)
        return value

    def form(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A form's values by field; one kept as a proposal has them under `values`, a changed fact under its name."""
        hidden: dict[str, Any] = {}
        for name, value in values.items():
            if name in self.fields:
                hidden[name] = self.commit(value)
            elif name == "values" and isinstance(value, Mapping):
                hidden[name] = self.form(value)
            elif isinstance(value, Mapping) and value.get("name") in self.fields:
                hidden[name] = {**value, "value": self.commit(value.get("value"))}
            else:
                hidden[name] = value
        return hidden


_personal: dict[str, tuple[frozenset[str], frozenset[tuple[str, str]]]] = {}


CONFIDENTIAL = frozenset({("ballots", "choice"), ("ballots", "form")})
"""The columns that say what somebody chose."""


def _hiding(definition: Definition, *, confidential: frozenset[str] = frozenset()) -> _Hiding:
    """What an entry under this edition hides; worked out once per edition and process. `confidential`: fields of a ballot."""
    known = _personal.get(definition.sha256)
    if known is None:
        fields = frozenset(field.name for field in definition.fields.values() if field.personal)
        columns = {KEPT.get(name, (definition.subject, name)) for name in fields}
        known = _personal[definition.sha256] = (fields, frozenset(columns))
    if confidential:
        return _Hiding(fields=known[0] | confidential, columns=known[1] | CONFIDENTIAL)
    return _Hiding(fields=known[0], columns=known[1])


def of_step(step: Step, definition: Definition, prev: str, at: datetime) -> Written:
    """Write down one step of a plan in the stream of its case, after the entry whose hash is `prev`."""
    before = step.before
    asked = definition.acts[step.act].asks if step.confidential else ()
    hiding = _hiding(
        definition, confidential=frozenset({"", *(ask.field for ask in asked)} if step.confidential else ())
    )
    documents = {row["id"]: row["sha256"] for row in before.table("documents")}
    cited = (value for value in step.form.values() if isinstance(value, str) and value in documents)
    content = {
        "act": step.act,
        "outcome": None if step.confidential else step.outcome,
        "from": step.from_state,
        "to": step.to_state,
        "case": before.id,
        "unit": _unit(step),
        "effective_on": step.effective_on,
        "ground": step.ground,
        "lifecycle": definition.name,
        "edition": {"label": definition.edition, "sha256": definition.sha256},
        "basis": step.basis,
        "by_basis": step.by_basis,
        "roles": sorted(held_roles(before, step.actor.person)),
        "proposed_by": step.proposed_by,
        "confirmed": step.confirmed,
        "corrects": step.corrects,
        "due_at": step.due_at,
        "form": hiding.form(step.form),
        "documents": {document: documents[document] for document in cited},
        "changes": list(_spelled((*step.changes, *step.ended, *step.armed), before, hiding)),
        "notices": [change.values["stable_key"] for change in step.notices],
        "details": dict(step.details),
    }
    return _written(
        content,
        stream=f"case:{before.id}",
        seq=step.seq,
        prev=prev,
        kind=step.kind,
        actor=step.actor,
        source=str(step.source),
        at=at,
        hiding=hiding,
    )


def _unit(step: Step) -> Any:
    """The college the case belongs to, as the act leaves it."""
    unit = step.before.subject.get("lead_college_id")
    for change in step.changes:
        if change.table == step.before.definition.subject:
            unit = change.values.get("lead_college_id", unit)
    return unit


def _written(
    content: Mapping[str, Any],
    *,
    stream: str,
    seq: int,
    prev: str,
    kind: str,
    actor: Actor,
    source: str,
    at: datetime,
    hiding: _Hiding,
) -> Written:
    """Spell the entry, hash it, and repeat in columns what people search by. Raises ValueError for a kind nobody knows."""
    if not is_known(kind, stream):
        raise ValueError(f"the log knows no entries of the kind {kind} in the stream {stream}")
    body = canonical(
        {
            **content,
            "format": FORMAT,
            "stream": stream,
            "seq": seq,
            "prev": prev,
            "kind": kind,
            "recorded_at": at,
            "actor": actor.text,
            "account": actor.account,
            "on_behalf_of": actor.on_behalf_of,
            "source": source,
        }
    )
    digest = entry_hash(body)
    row = {
        "stream": stream,
        "seq": seq,
        "kind": kind,
        "act": content["act"],
        "outcome": content["outcome"],
        "from_state": content["from"],
        "to_state": content["to"],
        "case_id": content["case"],
        "unit_id": content["unit"],
        "ground": content["ground"],
        "actor_id": actor.person,
        "actor": actor.text,
        "source": source,
        "effective_on": content["effective_on"],
        "recorded_at": at,
        "body": body,
        "hash": digest,
        "on_behalf_of": actor.on_behalf_of,
    }
    changes = [Change(table="entries", op=INSERT, key=f"{stream}#{seq}", values=row)]
    for secret in hiding.made.values():
        values = {"commitment": secret.digest, "salt": secret.salt, "value": secret.value}
        changes.append(Change(table="disclosures", op=INSERT, key=secret.digest, values=values))
    return Written(seq=seq, act=content["act"], body=body, hash=digest, changes=tuple(changes))


def _spelled(changes: Iterable[Change], before: Snapshot | None, hiding: _Hiding) -> Iterator[dict[str, Any]]:
    """The rows changed, with old values where there were any; personal values as commitments, secrets not at all.

    What a personal value was before, an earlier entry of the stream has already committed to.
    """
    for change in changes:
        if change.table in UNLOGGED_TABLES:
            continue
        left_out = UNLOGGED_COLUMNS.get(change.table, frozenset()) | {key_column(change.table)}
        kept = {name: value for name, value in change.values.items() if name not in left_out}
        if change.op == UPDATE and not kept:
            continue
        item: dict[str, Any] = {"table": change.table, "op": change.op, "key": str(plain(change.key))}
        item["set"] = {name: hiding.column(change.table, name, value) for name, value in kept.items()}
        if change.op == UPDATE:
            item["was"] = _was(change.table, kept, _old_row(change, before) or {}, hiding)
        yield item


def _was(table: str, kept: Mapping[str, Any], old: Row, hiding: _Hiding) -> dict[str, Any]:
    return {name: hiding.column(table, name, old.get(name)) for name in kept if not hiding.hides(table, name)}


def _old_row(change: Change, before: Snapshot | None) -> Row | None:
    if before is None:
        return None
    if change.table == "cases":
        return before.case
    if change.table == before.definition.subject:
        return before.subject
    if change.table == "partners":
        return next((row for row in before.partners if row["id"] == change.key), None)
    return next((row for row in before.table(change.table) if row["id"] == change.key), None)


# ───────────────────────────── Outside any case


def append(
    session: Session,
    stream: str,
    *,
    kind: str,
    content: Mapping[str, Any],
    changes: Sequence[Change],
    ctx: Context,
    was: Mapping[str, Row] | None = None,
    unit_id: str | None = None,
) -> list[Change]:
    """Plan an entry in a `person:` or `system:` stream; return the rows to write, the given changes among them.

    The stream's end is locked, so that two entries never share a place. `was` gives the old rows by key; those it does
    not give are read. Raises ValueError for a row of a case: only the case's own stream tells of it.
    """
    strangers = sorted({change.table for change in changes} & OF_A_CASE)
    if strangers:
        raise ValueError(f"rows of a case change in the case's own stream: {', '.join(strangers)}")
    session.execute(_ensure_stream(session, stream))
    end = session.execute(
        select(Stream.seq, Stream.head).where(Stream.name == stream).with_for_update()
    ).one()
    hiding = _Hiding()
    spelled = list(_spelled(changes, None, hiding))
    for item in spelled:
        if "was" in item:
            old = (was or {}).get(item["key"]) or _stored(session, item["table"], item["key"])
            item["was"] = _was(item["table"], item["set"], old, hiding)
    shared = {
        "act": None,
        "case": None,
        "from": None,
        "ground": None,
        "outcome": None,
        "to": None,
        "effective_on": ctx.today,
    }
    shared |= {name: value for name, value in content.items() if name in SHARED}
    details = {name: value for name, value in content.items() if name not in SHARED}
    written = _written(
        {**shared, "unit": unit_id, "changes": spelled, "details": details},
        stream=stream,
        seq=end.seq + 1,
        prev=end.head,
        kind=kind,
        actor=ctx.actor,
        source=str(ctx.source),
        at=ctx.at,
        hiding=hiding,
    )
    moved = Change(table="streams", op=UPDATE, key=stream, values={"seq": written.seq, "head": written.hash})
    return [*changes, *written.changes, moved]


def _stored(session: Session, table: str, key: str) -> Row:
    columns = Base.metadata.tables[table]
    row = (
        session.execute(select(columns).where(columns.c[key_column(table)] == key_value(table, key)))
        .mappings()
        .first()
    )
    return dict(row) if row is not None else {}


def _ensure_stream(session: Session, stream: str) -> Any:
    return insert_into(session, Stream).values(name=stream, seq=0, head=GENESIS).on_conflict_do_nothing()
