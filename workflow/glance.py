"""See at a glance that an entry is as it should be. What does not show at once is left to the exact reader, which says why.

A glance may doubt an entry that is sound, and never passes one that is not: whatever `workflow.verify` would name, it
doubts. It reads the bytes as the database streams them, without a word of SQLAlchemy, for that is where the time goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from sqlalchemy.orm import Session

from models.database import streamed
from workflow.log import CASE_FIELDS, FIELDS, FORMAT, LARGEST

REPEATED: Mapping[str, str] = {
    "stream": "stream", "seq": "seq", "kind": "kind", "act": "act", "outcome": "outcome", "from_state": "from",
    "to_state": "to", "case_id": "case", "unit_id": "unit", "ground": "ground", "actor": "actor", "source": "source",
    "effective_on": "effective_on", "recorded_at": "recorded_at", "on_behalf_of": "on_behalf_of",
}  # fmt: skip
"""Column of the table -> field of the text it repeats."""

AS_TEXT: Mapping[str, Mapping[str, str]] = {
    "sqlite": {
        "body": "CASE typeof(body) WHEN 'text' THEN CAST(body AS BLOB) END",
        "recorded_at": "replace(replace(recorded_at, 'T', 't'), ' ', 'T') || 'Z'",
    },
    "postgresql": {
        "body": "convert_to(body, 'UTF8')",
        "actor_id": "actor_id::text",
        "case_id": "case_id::text",
        "unit_id": "unit_id::text",
        "on_behalf_of": "on_behalf_of::text",
        "effective_on": "to_char(effective_on, 'YYYY-MM-DD')",
        "recorded_at": """to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    },
}
"""How a column is read as the text an entry has for it, where it is not kept so."""

ID, BODY, HASH, ACTOR_ID, STREAM, SEQ = range(6)
"""Where these stand in a row."""

PREFIX = f"{FORMAT}\n".encode()

Row = tuple[Any, ...]


def rows(
    session: Session, conditions: Sequence[str], values: Sequence[Any], *, page: int
) -> Iterator[Sequence[Row]]:
    """The entries in the order of the streams, some at a time; `conditions` speak of `values` as $1, $2."""
    as_text = AS_TEXT[session.get_bind().dialect.name]
    columns = [as_text.get(name, name) for name in ("id", "body", "hash", "actor_id", *REPEATED)]
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    statement = f"SELECT {', '.join(columns)} FROM entries {where}ORDER BY stream, seq"
    return streamed(session.connection(), statement, values, page=page)


def prev_of(row: Row) -> str | None:
    """The hash the entry names as that before it; None unless text, spelling, hash and columns are all as they should be."""
    body = row[BODY]
    if body is None or hashlib.sha256(PREFIX + body).hexdigest() != row[HASH]:
        return None
    try:
        entry = (_read_of_case if row[STREAM].startswith("case:") else _read)(body)
        spelled = _spell(entry)
    except (ValueError, RecursionError):
        return None
    if spelled != body or entry.format != FORMAT:
        return None
    actor = entry.actor
    if row[STREAM:] != _said(entry) or row[ACTOR_ID] != (actor[7:] if actor.startswith("person:") else None):
        return None
    prev: str = entry.prev
    return prev


# ───────────────────────────── Reading and spelling


DEPTH = 8
"""How deep values may be nested to be read at a glance."""


def _values_to(depth: int) -> Any:
    """The type of the values an entry may hold: no fraction, no number too large."""
    number = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
    if depth == 0:
        return None | bool | str | number
    below = _values_to(depth - 1)
    deeper: Any = list[below] | dict[str, below]  # type: ignore[valid-type] # a type made as the program runs
    return None | bool | str | number | deeper


_TYPES = {"actor": str, "format": str, "prev": str, "seq": int, "stream": str}


def _reader(fields: frozenset[str]) -> Callable[[bytes], Any]:
    """Reads an object with exactly these fields; of a field that stands twice it keeps the last, which its spelling shows."""
    value = _values_to(DEPTH)
    members = [
        (_attribute(name), _TYPES.get(name, value), msgspec.field(name=name)) for name in sorted(fields)
    ]
    kind = msgspec.defstruct("Entry", members, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(kind).decode


def _attribute(name: str) -> str:
    return "from_" if name == "from" else name


_read, _read_of_case = _reader(FIELDS), _reader(CASE_FIELDS)
_spell = msgspec.json.Encoder(order="sorted").encode
_said = attrgetter(*(_attribute(name) for name in REPEATED.values()))
