"""What is known of a base: its facts, verdicts, papers and people."""

from __future__ import annotations

from typing import Any

from flask import url_for

from web.pages import Look
from web.words import t
from workflow.definition.values.edition import Definition
from workflow.definition.values.people import Held
from workflow.explain.names import act_label, headed, role_label, title_of
from workflow.explain.values import value_text
from workflow.queries import Case, Names
from workflow.snapshot import Row, Snapshot
from workflow.words import days_left_text, label_text


def facts(look: Look, case: Case, names: Names) -> list[dict[str, str]]:
    """The fields that have a value, except files, which have a list of their own, and what is personal."""
    snapshot, definition = case.snapshot, case.definition
    lines = []
    for field in definition.fields.values():
        value = snapshot.stored(field.name)
        if (
            value in (None, "", [], {})
            or field.personal
            or field.type in ("document", "reasons", "text", "fact")
        ):
            continue
        value = snapshot.partner if field.type == "partner" else value
        lines.append(
            {
                "name": title_of(field.label, look.language),
                "value": value_text(definition, field, value, names, look.language),
            }
        )
    return lines


def verdicts_in_words(
    look: Look, definition: Definition, verdicts: dict[str, tuple[Row, ...]]
) -> list[dict[str, Any]]:
    """The grades given and the bans imposed, with their days."""
    lines = [
        {
            "what": headed(act_label(definition, row["transition"], look.language), look.language),
            "value": label_text(definition.outcomes[row["outcome"]].label, look.language),
            "on": row["decided_on"],
            "note": row["opinion"] or row["reason"] or "",
        }
        for row in verdicts["grades"]
        if row["outcome"] in definition.outcomes
    ]
    lines += [
        {
            "what": title_of(definition.bans[row["name"]].label, look.language),
            "value": t("explain.ban", look.language, day=row["last_day"]),
            "on": row["decided_on"],
            "note": "",
        }
        for row in verdicts["bans"]
        if row["name"] in definition.bans
    ]
    return lines


def hand_ins(look: Look, definition: Definition, snapshot: Snapshot, names: Names) -> list[dict[str, Any]]:
    """What was handed in, newest first, with its values and whether it came late."""
    lines = []
    for row in sorted(snapshot.living("hand_ins"), key=lambda row: row["seq"], reverse=True):
        act = definition.acts.get(row["task"])
        values = [
            f"{title_of(definition.fields[name].label, look.language)} "
            + value_text(definition, definition.fields[name], value, names, look.language)
            for name, value in row["form"].items()
            if name in definition.fields and not definition.fields[name].personal
        ]
        what = title_of(act.label, look.language) if act else row["task"]
        lines.append(
            {
                "what": t("bases.of_year", look.language, what=what, year=row["period"])
                if row["period"]
                else what,
                "values": values,
                "on": row["handed_in_on"],
                "by": names.person(row["person_id"]),
                "late": row["late"],
                "imported": bool(row["form"].get("imported")),
            }
        )
    return lines


def agreements(look: Look, snapshot: Snapshot) -> list[dict[str, Any]]:
    """The signed agreement and its renewals, the latest last day first."""
    rows = sorted(snapshot.living("agreements"), key=lambda row: (row["last_day"], row["seq"]), reverse=True)
    return [
        {
            "number": row["number"] or "",
            "signed_on": row["signed_on"],
            "first_day": row["first_day"],
            "last_day": row["last_day"],
            "left": days_left_text(row["last_day"], look.ctx.today, look.language) if row is rows[0] else "",
        }
        for row in rows
    ]


def documents(look: Look, definition: Definition, snapshot: Snapshot, names: Names) -> list[dict[str, Any]]:
    """Every version of every file, newest first."""
    rows = sorted(snapshot.table("documents"), key=lambda row: row["uploaded_at"], reverse=True)
    return [
        {
            "name": row["name"],
            "field": headed(act_label(definition, row["field"], look.language), look.language),
            "size": t("bases.kilobytes", look.language, count=max(1, round(row["size"] / 1024))),
            "hash": row["sha256"],
            "at": row["uploaded_at"],
            "by": names.person(row["uploaded_by"]),
            "href": url_for("documents.download", document_id=row["id"]),
        }
        for row in rows
    ]


def duties(look: Look, case: Case, names: Names) -> list[dict[str, Any]]:
    """Who holds which duty; a contact nobody has linked can be linked by the office."""
    snapshot, definition = case.snapshot, case.definition
    rows = sorted(snapshot.table("duties"), key=lambda row: (row["from_on"], row["id"]), reverse=True)
    current = {
        row["id"]
        for role in definition.roles.values()
        if role.held is Held.DUTY
        for row in snapshot.duty(role.name)
    }
    return [
        {
            "id": row["id"],
            "role": headed(role_label(definition, row["role"], look.language), look.language),
            "who": names.person(row["person_id"]) or row["contact_name"] or "",
            "contact": row["contact_name"] if row["person_id"] else "",
            "linked": row["person_id"] is not None,
            "linkable": row["person_id"] is None and bool(definition.roles[row["role"]].stand_in),
            "from_on": row["from_on"],
            "until_on": row["until_on"],
            "current": row["id"] in current,
        }
        for row in rows
        if row["role"] in definition.roles
    ]
