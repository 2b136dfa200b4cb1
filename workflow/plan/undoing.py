"""Undoing the last transition: the changes of its entry, reversed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from models.changes import INSERT, UPDATE, Change
from workflow.guards.view import View
from workflow.snapshot import VOIDABLE


def undone_seq(view: View) -> int | None:
    return view.snapshot.undone["seq"] if view.snapshot.undone else None


def undone(view: View, seq: int) -> Iterator[Change]:
    """Back to the state before the last transition, with its dates: updates are reversed, new rows marked as undone."""
    snapshot = view.snapshot
    body = snapshot.undone
    if body is None:
        return
    for change in body["changes"]:
        if change["table"] == "cases":
            back = {
                name: value
                for name, value in change["was"].items()
                if name in ("state", "stay", "pins", "dates")
            }
            if "facts" in change["was"]:
                back["facts"] = _facts_back(
                    snapshot.case["facts"], new=change["set"]["facts"], old=change["was"]["facts"]
                )
            back["entered_on"] = date.fromisoformat(change["was"].get("entered_on") or body["effective_on"])
            yield Change(table="cases", op=UPDATE, key=snapshot.id, values={**back, "closed_at": None})
        elif change["op"] == INSERT and change["table"] in VOIDABLE:
            yield Change(table=change["table"], op=UPDATE, key=change["key"], values={"voided_seq": seq})
        elif change["op"] == UPDATE and change["table"] == snapshot.definition.subject:
            yield Change(table=change["table"], op=UPDATE, key=change["key"], values=_dated(change["was"]))


def _facts_back(now: Mapping[str, Any], *, new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as they are, those an act changed set back; what was amended since stays amended."""
    back = dict(now)
    for name in {*new, *old}:
        if new.get(name) != old.get(name) and now.get(name) == new.get(name):
            back.pop(name, None)
            if name in old:
                back[name] = old[name]
    return back


def _dated(was: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: date.fromisoformat(value) if name.endswith("_on") and isinstance(value, str) else value
        for name, value in was.items()
    }
