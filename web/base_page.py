"""The parts of a base's page, in words: where it stands, what may be done, its cycle, its states, its papers, its people, its history."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import url_for

from web import pages
from web.decisions.saying import reason_shown, who_of
from web.fields import field_of
from web.pages import Look
from web.words import t
from workflow import routes
from workflow.blockers import Blocker
from workflow.definition.values.acts import Act, ActKind
from workflow.definition.values.edition import Definition
from workflow.definition.values.people import Held
from workflow.definition.values.routes import Step
from workflow.explain.deadlines import day_notes, left_text, still_notes
from workflow.explain.entries import DECIDED, entry_lines, entry_note, entry_title
from workflow.explain.names import act_label, badge_of, headed, role_label, title_of
from workflow.explain.standing import cycle_sentence, stand_ins, standing
from workflow.explain.values import value_text
from workflow.periods import beijing_day
from workflow.plan import Form, foresee, probe
from workflow.queries import Case, Names, Page
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.tasks import CONFIRM
from workflow.timers import FIRED, HELD, HELD_BY_IMPORT
from workflow.words import article_text, days_left_text, label_text


def top(look: Look, case: Case) -> dict[str, Any]:
    snapshot, subject = case.snapshot, case.snapshot.subject
    return {
        "name": subject.get("base_name") or "",
        "number": subject.get("base_number") or "",
        "application_number": subject.get("application_number") or "",
        "badge": badge_of(case.definition, snapshot.state, look.language),
        "standing": standing(snapshot, look.language),
        "stand_ins": stand_ins(snapshot, look.language),
        "is_draft": snapshot.state == case.definition.initial,
    }


def expected(case: Case) -> dict[str, Row]:
    """The acts somebody is waited for, with the task of each; a step that chooses waits for all it can choose."""
    waiting: dict[str, Row] = {}
    for row in case.snapshot.table("tasks"):
        if row["closed_at"] is None:
            step = case.definition.step(case.snapshot.state, row["act"])
            for name in step.choices.values() if step and step.choices else (row["act"],):
                waiting.setdefault(name, row)
    return waiting


def acts(look: Look, case: Case) -> dict[str, Any]:
    """Every act the state offers, beside those that are not possible now with all their reasons, from one snapshot."""
    allowed, refused = [], []
    waiting = expected(case)
    if case.snapshot.pending is not None:
        allowed.append(_pending_act(look, case))
    if case.definition.import_.by in held_roles(case.snapshot, look.rights.person) and _past(case.snapshot):
        allowed.append(_release_act(look, case))
    present = routes.standing(case.snapshot).step
    for act in case.acts:
        if act.kind is ActKind.BALLOT and (present is None or present.name != act.name):
            continue  # The steps of the decision say which one is not at hand.
        plan = probe(case.snapshot, act.name, look.ctx)
        label = title_of(act.label, look.language)
        if plan.allowed:
            allowed.append(
                {
                    "label": label,
                    "href": url_for("decisions.form", case_id=case.snapshot.id, act=act.name),
                    "note": _note(look, waiting.get(act.name), article_text(act.basis, look.language)),
                    "expected": act.name in waiting,
                }
            )
        else:
            href = _overriding(look, case, plan.act)
            refused.append(
                {"label": label, "reasons": linked_reasons(look, case, plan.blockers), "href": href}
            )
    allowed.sort(key=lambda item: not item["expected"])
    for item in allowed:
        item["minor"] = not item["expected"]
    return {"allowed": allowed, "refused": refused}


def choices(look: Look, case: Case, step: Step) -> dict[str, Any]:
    """What a step can choose: each transition with the results it records, possible or not yet."""
    results: dict[str, list[str]] = {}
    for outcome, name in step.choices.items():
        label = label_text(case.definition.outcomes[outcome].label, look.language)
        results.setdefault(name, []).append(label)
    allowed, refused = [], []
    for name, labels in results.items():
        plan = probe(case.snapshot, name, look.ctx)
        label = t("bases.choice", look.language, act=title_of(plan.act.label, look.language), results=labels)
        if plan.allowed:
            href = url_for("decisions.form", case_id=case.snapshot.id, act=name, back=pages.back())
            allowed.append(
                {"label": label, "href": href, "note": article_text(plan.act.basis, look.language)}
            )
        else:
            href = _overriding(look, case, plan.act)
            refused.append(
                {"label": label, "reasons": linked_reasons(look, case, plan.blockers), "href": href}
            )
    return {"allowed": allowed, "refused": refused}


def _overriding(look: Look, case: Case, act: Act) -> str:
    """The address of an act's form where a reason stated there removes everything that stands in the way, else nothing."""
    asked = {ask.field for ask in act.asks}
    stated = {need.params["unless"] for need in act.needs if need.params.get("unless") in asked}
    if not stated:
        return ""
    plan = foresee(
        case.snapshot, act.name, Form(values=dict.fromkeys(stated, "…")), look.ctx, proposed_by=None
    )
    if any(field_of(blocker, act) is None for blocker in plan.blockers):
        return ""
    return url_for("decisions.form", case_id=case.snapshot.id, act=act.name, back=pages.back())


def linked_reasons(look: Look, case: Case, blockers: tuple[Blocker, ...]) -> list[dict[str, Any]]:
    """Every reason with, where an act of this state mends it, the address of that act."""
    offered = {act.name for act in case.acts}
    listed = []
    for blocker in blockers:
        mending = next((name for name in blocker.mend if name in offered), None)
        shown = reason_shown(blocker, case.definition, look.language, case_id=case.snapshot.id)
        if mending:
            shown["href"] = url_for("decisions.form", case_id=case.snapshot.id, act=mending)
        listed.append(shown)
    return listed


def _past(snapshot: Snapshot) -> list[Row]:
    return [row for row in snapshot.table("timers") if row["hold"] == HELD_BY_IMPORT]


def held_by_import(look: Look, snapshot: Snapshot) -> list[dict[str, Any]]:
    """The deadlines an import found past, in due order, with what each brings about once it is confirmed."""
    lines = []
    for row in sorted(_past(snapshot), key=lambda row: (row["due_at"], row["name"])):
        timer = snapshot.definition.timers[row["name"]]
        fires = snapshot.definition.acts[timer.fires].label if timer.fires else None
        key = "bases.takes_effect" if fires else "bases.counts_as_missed"
        lines.append(
            {
                "label": timer_label(snapshot.definition, row, look.language),
                "on": row["due_on"],
                "left": days_left_text(row["due_on"], look.ctx.today, look.language),
                "basis": article_text(row["basis"], look.language),
                "effect": t(key, look.language, **({"act": fires} if fires else {})),
            }
        )
    return lines


def _release_act(look: Look, case: Case) -> dict[str, Any]:
    return {
        "label": t("bases.confirm_past", look.language),
        "href": url_for("bases.past_deadlines", case_id=case.snapshot.id),
        "note": t("bases.past_count", look.language, count=len(_past(case.snapshot))),
        "expected": True,
    }


def _note(look: Look, task: Row | None, ground: str) -> str:
    if task is None or task["due_on"] is None:
        return ground
    left = days_left_text(task["due_on"], look.ctx.today, look.language)
    return f"{ground} {t('bases.due', look.language, day=task['due_on'], left=left)}"


def _pending_act(look: Look, case: Case) -> dict[str, Any]:
    pending = case.snapshot.pending
    name = pending["act"] if pending else ""
    return {
        "label": act_label(case.definition, CONFIRM, look.language, pending=name),
        "href": url_for("decisions.pending", case_id=case.snapshot.id),
        "note": t("bases.waits_for_second", look.language),
        "expected": True,
    }


# ── the cycle and its deadlines


def cycle(look: Look, snapshot: Snapshot) -> dict[str, Any] | None:
    """The bar of `macros/cycle.html`, or None while no cycle runs."""
    dates = snapshot.dates()
    start, end = dates.get("cycle_start"), dates.get("cycle_end")
    if start is None or end is None:
        return None
    today, span = look.ctx.today, max((end - start).days, 1)

    def place(day: date) -> float:
        share: float = min(max((day - start).days / span, 0), 1)
        return round(share * 100, 2)

    agreement = snapshot.agreement
    last_day = agreement["last_day"] if agreement else None
    return {
        "sentence": cycle_sentence(start, end, today, look.language),
        "starts_on": start,
        "ends_on": end,
        "done": place(today),
        "today": place(today) if start <= today <= end else None,
        "agreement": {"at": place(last_day), "on": last_day} if last_day and last_day != end else None,
        "milestones": [
            {**mark, "at": place(mark["on"])} for mark in _milestones(look, snapshot) if mark["on"] <= end
        ],
    }


def _milestones(look: Look, snapshot: Snapshot) -> list[dict[str, Any]]:
    """The passages that moved the base since its cycle began, then the timers that run, each on its day."""
    definition, language = snapshot.definition, look.language
    marks = [
        {
            "label": headed(act_label(definition, row["transition"], language), language),
            "on": row["effective_on"],
            "state": "done",
            "left": "",
            "basis": "",
        }
        for row in _since_start(snapshot)
        if row["from_state"] != row["to_state"]
    ]
    coming = sorted((row for row in snapshot.table("timers")), key=lambda row: row["due_at"])
    first = next((row["id"] for row in coming if timer_state(look, row) == "coming"), None)
    return [*marks, *(_mark(look, snapshot, row, is_next=row["id"] == first) for row in coming)]


def _since_start(snapshot: Snapshot) -> list[Row]:
    """The passages from the one that stands at the beginning of the cycle on."""
    passages = list(snapshot.passages())
    start = snapshot.dates().get("cycle_start")
    first = next((place for place, row in enumerate(passages) if start and row["effective_on"] >= start), 0)
    same_day = [place for place, row in enumerate(passages) if row["effective_on"] == start]
    anchor = [
        place for place in same_day if passages[place]["transition"] == snapshot.setting("cycle_starts")
    ]
    return passages[anchor[0] if anchor else first :]


def _mark(look: Look, snapshot: Snapshot, row: Row, *, is_next: bool) -> dict[str, Any]:
    state = timer_state(look, row)
    return {
        "label": timer_label(snapshot.definition, row, look.language),
        "on": row["due_on"],
        "state": "next" if state == "coming" and is_next else state,
        "left": left_text(row, snapshot, look.language),
        "basis": article_text(row["basis"], look.language),
    }


def timer_state(look: Look, row: Row) -> str:
    if row["status"] == HELD:
        return "held"
    if row["status"] == FIRED or row["due_at"] <= look.ctx.at:
        return "overdue"
    return "coming"


def deadlines(look: Look, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Every timer that runs, with its nominal and its moved day and what is to be known about it."""
    rows = sorted(snapshot.table("timers"), key=lambda row: (row["due_at"], row["name"]))
    definition = snapshot.definition
    return [
        {
            "label": timer_label(definition, row, look.language),
            "on": row["due_on"],
            "nominal": row["nominal_on"],
            "left": left_text(row, snapshot, look.language),
            "overdue": timer_state(look, row) == "overdue",
            "state": timer_state(look, row),
            "notes": [
                *day_notes(row, look.language),
                *still_notes(row, snapshot, look.language),
            ],
            "kind": str(row["kind"]),
            "hold": row["hold"] or "",
            "basis": article_text(row["basis"], look.language),
        }
        for row in rows
    ]


def hold_text(hold: str | None, language: str) -> str:
    """Why a timer waits, by the word of its hold; nothing for one that does not."""
    return t(f"bases.hold.{hold}", language) if hold else ""


def timer_label(definition: Definition, row: Row, language: str) -> str:
    label = title_of(definition.timers[row["name"]].label, language)
    return t("bases.of_year", language, what=label, year=row["period"]) if row["period"] else label


# ── the way through the states


def way(look: Look, case: Case) -> dict[str, Any]:
    """The states the base went through, the one it is in, and those an act or the clock can lead to from here."""
    snapshot, definition = case.snapshot, case.definition
    past = [
        row["from_state"] for row in snapshot.passages() if row["from_state"] not in (None, row["to_state"])
    ]
    targets: dict[str, list[str]] = {}
    for act in case.acts:
        if act.to in definition.states and act.to != snapshot.state:
            targets.setdefault(str(act.to), []).append(label_text(act.label, look.language))
    return {
        "past": [badge_of(definition, state, look.language) for state in past],
        "now": badge_of(definition, snapshot.state, look.language),
        "next": [
            {"badge": badge_of(definition, state, look.language), "acts": acts}
            for state, acts in targets.items()
        ],
    }


# ── what is known of the base


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


# ── what happened


def history_in_words(look: Look, definition: Definition, names: Names, history: Page) -> list[dict[str, Any]]:
    """The entries in runs: decisions stand open, routine between them is folded."""
    groups: list[dict[str, Any]] = []
    for row in history.rows:
        routine = row["kind"] not in DECIDED
        if not groups or groups[-1]["routine"] != routine:
            groups.append({"routine": routine, "label": "", "entries": []})
        groups[-1]["entries"].append(_entry(look, definition, names, row))
    for group in groups:
        group["label"] = t("bases.routine", look.language, count=len(group["entries"]))
    return groups


def _entry(look: Look, definition: Definition, names: Names, row: Row) -> dict[str, Any]:
    language = look.language
    moved = row["from_state"] != row["to_state"]
    recorded = row["recorded_at"]
    effective = row["effective_on"]
    return {
        "number": row["seq"],
        "at": recorded,
        "effective_on": effective if effective != beijing_day(recorded) else None,
        "who": who_of(row, definition, language),
        "what": entry_title(row, definition, language),
        "from_state": _state_word(definition, row["from_state"], language) if moved else "",
        "to_state": _state_word(definition, row["to_state"], language) if moved else "",
        "basis": article_text(row["body"]["basis"], language) if row["body"].get("basis") else "",
        "note": entry_note(row, definition, names, language),
        "changes": entry_lines(row, definition, names, language),
        "hash": row["hash"][:12],
        "href": url_for("decisions.receipt", case_id=row["case_id"], seq=row["seq"]),
    }


def _state_word(definition: Definition, state: str | None, language: str) -> str:
    return label_text(definition.states[state].label, language) if state else ""
