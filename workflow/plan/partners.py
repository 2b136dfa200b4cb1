"""Which partner is meant by a name and a code, and the rows that keep one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from models import new_key
from models.changes import INSERT, UPDATE, Change
from workflow.snapshot import Row


def resolved_partner(rows: Iterable[Row], entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The partner row meant by a name and a code: the code decides, then the canonical name; else it is a new one.

    A partner known by name alone keeps the code it now comes with, so that it is known by it under any other name.
    """
    known = tuple(rows)
    code, name = entry.get("code_identity"), entry["name_identity"]
    by_code = next((row for row in known if code and row["code_identity"] == code), None)
    by_name = next(
        (row for row in known if row["name_identity"] == name and (not code or not row["code_identity"])),
        None,
    )
    found = by_code or by_name
    if found is None:
        return {"id": new_key(), **entry, "new": True}
    if code and not found["code_identity"]:
        return {**found, "credit_code": entry["credit_code"], "code_identity": code, "learnt": True}
    return dict(found)


def partner_kept(value: Mapping[str, Any], at: datetime) -> Iterator[Change]:
    """Keep a partner nobody knew, or the code of one known by name alone."""
    if value.get("new"):
        yield _new_partner(value, at)
    elif value.get("learnt"):
        codes = {name: value[name] for name in ("credit_code", "code_identity")}
        yield Change(table="partners", op=UPDATE, key=value["id"], values=codes)


def _new_partner(value: Mapping[str, Any], at: datetime) -> Change:
    row = {
        "id": value["id"],
        "name": value["name"],
        "kind": value["kind"],
        "credit_code": value["credit_code"],
        "name_identity": value["name_identity"],
        "code_identity": value["code_identity"],
        "succeeded_by": None,
        "created_at": at,
    }
    return Change(table="partners", op=INSERT, key=row["id"], values=row)
