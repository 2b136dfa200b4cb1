"""Write log entries: what a step of a plan, or an act outside any case, leaves for ever.

An entry holds every row the act changed, with old and new values, so that replaying the entries gives the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Stream
from models.changes import INSERT, UPDATE, Change, plain
from workflow.context import Context
from workflow.definition.values import Definition
from workflow.log import FORMAT, GENESIS, PERSONAL, SECRET, Commitment, canonical, entry_hash
from workflow.plan import Step
from workflow.snapshot import Row, Snapshot

UNLOGGED_TABLES = frozenset({"counters", "notices", "tasks", "timers"})
"""Counters follow from the numbers given; notices and timers have keys of their own in an entry; tasks are a projection."""

UNLOGGED_COLUMNS: Mapping[str, frozenset[str]] = {"cases": frozenset({"log_seq", "log_head"}), "timers": frozenset({"wake_at"})}
"""Columns that follow from the chain itself, or only spare the sweep a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An entry as it was written: its place, its text and its hash, and the rows that keep it."""

    seq: int
    act: str | None
    body: str
    hash: str
    changes: tuple[Change, ...]


def of_step(step: Step, definition: Definition, prev: str, at: datetime) -> Written:
    """Write down one step of a plan in the stream of its case, after the entry whose hash is `prev`."""
    before = step.before
    secrets: list[Commitment] = []
    documents = {row["id"]: row["sha256"] for row in before.table("documents")}
    form = {name: _form_value(name, value, definition, secrets) for name, value in step.form.items()}
    content = {
        "lifecycle": definition.name,
        "edition": {"label": definition.edition, "sha256": definition.sha256},
        "act": step.act,
        "outcome": step.outcome,
        "from": step.from_state,
        "to": step.to_state,
        "proposed_by": step.proposed_by,
        "effective_on": step.effective_on,
        "basis": step.basis,
        "by_basis": step.by_basis,
        "form": form,
        "documents": {value: documents[value] for value in map(str, step.form.values()) if value in documents},
        "changes": list(_spelled(step.changes, before, secrets)),
        "armed": [_without(change.values, "timers") for change in step.armed],
        "ended": [{"id": change.key, "set": _without(change.values, "timers")} for change in step.ended],
        "notices": [{"key": c.values["stable_key"], "to": c.values["person_id"], "channel": c.values["channel"]} for c in step.notices],
        "corrects": step.corrects,
    }
    return _written(
        stream=f"case:{before.id}", seq=step.seq, prev=prev, kind=step.kind, content=content, secrets=secrets, at=at,
        actor=step.actor, source=str(step.source),
        columns={
            "act": step.act, "outcome": step.outcome, "from_state": step.from_state, "to_state": step.to_state,
            "case_id": before.id, "unit_id": before.subject.get("lead_college_id"), "effective_on": step.effective_on,
        },
    )


def _written(
    *, stream: str, seq: int, prev: str, kind: str, content: Mapping[str, Any], secrets: list[Commitment], at: datetime,
    actor: Any, source: str, columns: Mapping[str, Any],
) -> Written:
    body = canonical(
        {
            "format": FORMAT, "stream": stream, "seq": seq, "prev": prev, "kind": kind, "recorded_at": at,
            "actor": actor.text, "account": actor.account, "on_behalf_of": actor.on_behalf_of, "source": source, **content,
        }
    )
    digest = entry_hash(body)
    row = {
        "stream": stream, "seq": seq, "kind": kind, "act": None, "outcome": None, "from_state": None, "to_state": None,
        "case_id": None, "unit_id": None, "ground": None, "actor_id": actor.person, "actor": actor.text, "source": source,
        "recorded_at": at, "body": body, "hash": digest, **columns,
    }
    changes = [Change(table="entries", op=INSERT, key=f"{stream}#{seq}", values=row)]
    for secret in secrets:
        values = {"commitment": secret.digest, "salt": secret.salt, "value": secret.value}
        changes.append(Change(table="disclosures", op=INSERT, key=secret.digest, values=values))
    return Written(seq=seq, act=columns.get("act"), body=body, hash=digest, changes=tuple(changes))


def _form_value(name: str, value: Any, definition: Definition, secrets: list[Commitment]) -> Any:
    field = definition.fields.get(name)
    if field is not None and field.personal:
        return _commit(value, secrets)
    return plain(value)


def _commit(value: Any, secrets: list[Commitment]) -> Mapping[str, str] | None:
    if value is None:
        return None
    secret = Commitment.to(value)
    secrets.append(secret)
    return {"commitment": secret.digest}


def _spelled(changes: Iterable[Change], before: Snapshot | None, secrets: list[Commitment]) -> Iterator[dict[str, Any]]:
    """The rows changed, with old values where there were any; personal values as commitments, secrets not at all."""
    for change in changes:
        if change.table in UNLOGGED_TABLES:
            continue
        kept = _without(change.values, change.table)
        item: dict[str, Any] = {"table": change.table, "op": change.op, "key": change.key}
        item["set"] = {name: _hidden(change.table, name, value, secrets) for name, value in kept.items()}
        if change.op == UPDATE:
            old = _old_row(change, before) or {}
            item["was"] = {name: _hidden(change.table, name, old.get(name), secrets) for name in kept}
        yield item


def _hidden(table: str, column: str, value: Any, secrets: list[Commitment]) -> Any:
    if column in PERSONAL.get(table, frozenset()):
        return _commit(value, secrets)
    return plain(value)


def _without(values: Mapping[str, Any], table: str) -> dict[str, Any]:
    left_out = UNLOGGED_COLUMNS.get(table, frozenset()) | SECRET.get(table, frozenset())
    return {name: value for name, value in values.items() if name not in left_out}


def _old_row(change: Change, before: Snapshot | None) -> Row | None:
    if before is None:
        return None
    if change.table == "cases":
        return before.case
    if change.table == before.definition.subject:
        return before.subject
    return next((row for row in before.table(change.table) if row["id"] == change.key), None)


# ───────────────────────────── Outside any case


def append(
    session: Session, stream: str, *, kind: str, content: Mapping[str, Any], changes: Sequence[Change], ctx: Context,
    was: Mapping[str, Row] | None = None, unit_id: str | None = None,
) -> list[Change]:
    """Plan an entry in a `person:` or `system:` stream; return the rows to write, the given changes among them.

    The stream's end is locked, so that two entries never share a place. `was` gives the old rows by key.
    """
    session.execute(_ensure_stream(session, stream))
    end = session.execute(select(Stream.seq, Stream.head).where(Stream.name == stream).with_for_update()).one()
    secrets: list[Commitment] = []
    spelled = list(_spelled(changes, None, secrets))
    for item in spelled:
        old = (was or {}).get(item["key"])
        if old is not None and "was" in item:
            item["was"] = {name: _hidden(item["table"], name, old.get(name), secrets) for name in item["set"]}
    written = _written(
        stream=stream, seq=end.seq + 1, prev=end.head, kind=kind, secrets=secrets, at=ctx.at, actor=ctx.actor,
        source=str(ctx.source), content={"effective_on": ctx.today, "changes": spelled, **content},
        columns={"effective_on": ctx.today, "unit_id": unit_id, "act": content.get("act"), "case_id": content.get("case")},
    )
    moved = Change(table="streams", op=UPDATE, key=stream, values={"seq": written.seq, "head": written.hash})
    return [*changes, *written.changes, moved]


def _ensure_stream(session: Session, stream: str) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    return insert(Stream).values(name=stream, seq=0, head=GENESIS).on_conflict_do_nothing()
