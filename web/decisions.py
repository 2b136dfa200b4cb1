"""Deciding: a form, then what it will do, then a receipt. Nothing is pre-selected and nothing happens by a link."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import door, fields, pages
from web.pages import Look
from web.words import t
from workflow import explain, gather, queries
from workflow.blockers import Blocker, Fault, Rank
from workflow.context import Actor, Context
from workflow.definition.values import Act, Definition, FieldType
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.forms import CONTROL, read_form
from workflow.log import canonical
from workflow.operations import Receipt, Refusal, confirm, decline, perform
from workflow.operations.acts import form_of
from workflow.operations.papers import discard, save_draft, store_document
from workflow.plan import Form, Plan, decide, probe
from workflow.queries import Case, Names
from workflow.reasons import reason_of
from workflow.snapshot import Row, held_roles
from workflow.uploads import Upload, checked
from workflow.words import label_text

Answer = str | tuple[str, int] | Response

blueprint = Blueprint("decisions", __name__)

HOPELESS = frozenset({Rank.ROLE, Rank.TIME, Rank.FINAL})
"""Reasons that no value of the form can remove."""

LONGEST_REASON = 1000
LAST_ENTRY = 10**9
"""No chain is longer, and no database compares a larger number."""
CODE = re.compile(r"[a-z_]{1,60}")
"""What a warning is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a form sent, as it was typed."""

    raw: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = ""
    effective_on: str = ""
    confirmed: tuple[str, ...] = ()

    def flat(self) -> list[tuple[str, str]]:
        """Names and values that carry it through the next page."""
        pairs = list(fields.flat_of(self.raw))
        pairs += [("outcome", self.outcome)] if self.outcome else []
        pairs += [("effective_on", self.effective_on)] if self.effective_on else []
        return pairs

    def read(self, definition: Definition, act: Act) -> Form:
        """Read it as the engine does. Raises BadInput with every fault."""
        return read_form(
            definition,
            act,
            self.raw,
            outcome=self.outcome,
            effective_on=self.effective_on,
            confirmed=self.confirmed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Why a form is shown again."""

    faults: tuple[Fault, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    meanwhile: tuple[Row, ...] | None = None
    """What others did since the form was opened."""
    changed: bool = False
    """The consequences are no longer those that were shown."""
    key_reused: bool = False


def sent_form(definition: Definition) -> Sent:
    return Sent(
        raw=fields.raw_of(request.form, definition),
        outcome=pages.storable(request.form.get("outcome", "")),
        effective_on=pages.storable(request.form.get("effective_on", "")),
        confirmed=tuple(code for code in request.form.getlist("confirmed") if CODE.fullmatch(code)),
    )


# ───────────────────────────── The form


@blueprint.get("/bases/<uuid:case_id>/acts/<act>")
def form(case_id: UUID, act: str) -> Answer:
    """The form of an act, or every reason why it cannot be filled in now."""
    with pages.looking() as look:
        case = case_seen(look, str(case_id), act)
        if act == pages.PROPOSAL and case.snapshot.state == case.definition.initial:
            return redirect(url_for("proposals.show", case_id=case_id))
        plan = probe(case.snapshot, act, look.ctx)
        if is_hopeless(plan):
            return refused_page(look, case, plan), 403
        draft = queries.draft_of(look.session, str(case_id), act, person=look.rights.person)
        sent = from_draft(draft)
        return form_page(look, case, plan, sent, Wrong(), saved_at=draft["saved_at"] if draft else None)


def from_draft(draft: Row | None) -> Sent:
    kept: Mapping[str, Any] = draft["form"] if draft else {}
    fact = request.args.get("fact", "")
    raw = dict(kept.get("raw") or {})
    if fact:
        raw["fact"] = {"name": fact}
    return Sent(raw=raw, outcome=kept.get("outcome") or "", effective_on=kept.get("effective_on") or "")


def case_seen(look: Look, case_id: str, act: str | None, *, values: Mapping[str, Any] | None = None) -> Case:
    """The case with what its act needs. Raises NotFound for one the reader may not see, or that does not exist."""
    queries.seen(look.session, look.rights, case_id)
    return queries.case_for(look.session, case_id, ctx=look.ctx, act=act, values=values)


def is_hopeless(plan: Plan) -> bool:
    return any(blocker.rank in HOPELESS for blocker in plan.blockers)


def names_for(look: Look, case: Case, *, people: Iterable[str | None] = ()) -> Names:
    return queries.names_of(
        look.session,
        people=people,
        documents=case.snapshot.table("documents"),
        partners=case.snapshot.partners,
    )


def form_page(
    look: Look,
    case: Case,
    plan: Plan,
    sent: Sent,
    wrong: Wrong,
    *,
    saved_at: Any = None,
    key: str | None = None,
) -> str:
    """The form with what was typed into it, and what is wrong with it."""
    definition, act = case.definition, plan.act
    errors = fields.errors_of(wrong.faults, wrong.blockers, act, definition, look.language)
    setting = fields.Setting(
        snapshot=case.snapshot,
        names=names_for(look, case),
        colleges=list(queries.units_by_id(look.session, kind="college").values()),
        language=look.language,
        raw=sent.raw,
        errors=errors,
    )
    drawn = fields.drawn(setting, act)
    known = {item["name"].partition(".")[0] for item in drawn} | {"outcome", "effective_on"}
    loose = [fault for fault in wrong.faults if fault.field not in known]
    return render_template(
        "decisions/form.html",
        **frame(look, case, plan),
        fields=[*outcome_field(case, act, sent, errors, look.language), *drawn],
        effective=effective_field(look, case, sent, errors),
        fact=_chosen_fact(sent, act),
        either=[label_text(definition.fields[name].label, look.language) for name in act.either],
        others=[
            text
            for fault in loose
            for text in fields.errors_of([fault], [], act, definition, look.language)[fault.field]
        ],
        reasons=_case_reasons(wrong.blockers, act, definition, look.language),
        open_reasons=() if wrong.blockers else _case_reasons(plan.blockers, act, definition, look.language),
        wrong=wrong,
        meanwhile=told_meanwhile(look, case, wrong.meanwhile),
        key=key or pages.new_request_key(),
        back=pages.back(),
        saved_at=saved_at,
        has_files=any(definition.fields[ask.field].type is FieldType.DOCUMENT for ask in act.asks),
    )


def _case_reasons(
    blockers: Iterable[Blocker], act: Act, definition: Definition, language: str
) -> list[dict[str, str]]:
    return reasons_shown([b for b in blockers if fields.field_of(b, act) is None], definition, language)


def reason_shown(blocker: Blocker, definition: Definition, language: str) -> dict[str, str]:
    """A reason as a line of a list begins: with a capital letter in English."""
    reason = reason_of(blocker, definition, language)
    mend = "" if blocker.code == "not_your_role" else reason.mend  # The reason itself says whose act it is.
    texts = {"text": reason.text, "mend": mend, "from_on": reason.from_on}
    return {"basis": reason.basis, **{name: explain.headed(text, language) for name, text in texts.items()}}


def reasons_shown(blockers: Iterable[Blocker], definition: Definition, language: str) -> list[dict[str, str]]:
    return [reason_shown(blocker, definition, language) for blocker in blockers]


def _chosen_fact(sent: Sent, act: Act) -> str:
    fact = sent.raw.get("fact")
    name = fact.get("name") if isinstance(fact, Mapping) else None
    return name if isinstance(name, str) and name in act.facts else ""


def frame(look: Look, case: Case, plan: Plan) -> dict[str, Any]:
    """What every page of a decision says at its top."""
    snapshot = case.snapshot
    return {
        "case_id": snapshot.id,
        "act": plan.act.name,
        "label_of_act": explain.title_of(plan.act.label, look.language),
        "ground": explain.article_text(plan.act.basis, look.language),
        "name": snapshot.subject.get("base_name") or "",
        "number": snapshot.subject.get("base_number") or snapshot.subject.get("application_number") or "",
        "badge": explain.badge_of(case.definition, snapshot.state, look.language),
        "standing": explain.standing(snapshot, look.language),
        "version": case.version,
        "seq": snapshot.case["log_seq"],
    }


def outcome_field(
    case: Case, act: Act, sent: Sent, errors: Mapping[str, tuple[str, ...]], language: str
) -> list[dict[str, Any]]:
    """The choice of the outcome, where there is more than one and none follows by itself."""
    outcomes = act.outcomes_by_state.get(case.snapshot.state, act.outcomes)
    if len(outcomes) < 2:
        return []
    options = [
        {"value": name, "label": explain.title_of(case.definition.outcomes[name].label, language)}
        for name in outcomes
    ]
    return [
        {
            "name": "outcome", "type": "choice", "label": t("decision.outcome", language), "hint": "", "basis": "",
            "required": True, "errors": list(errors.get("outcome", ())), "value": sent.outcome, "options": options,
        }
    ]  # fmt: skip


def effective_field(
    look: Look, case: Case, sent: Sent, errors: Mapping[str, tuple[str, ...]]
) -> dict[str, Any] | None:
    """The effective day, for the roles that may state an earlier one."""
    if not held_roles(case.snapshot, look.rights.person) & set(case.definition.backdating):
        return None
    return {
        "name": "effective_on", "type": "date", "label": t("decision.effective_on", look.language),
        "hint": t("decision.effective_hint", look.language), "basis": explain.article_text("local", look.language),
        "required": False, "errors": list(errors.get("effective_on", ())), "value": sent.effective_on,
    }  # fmt: skip


def refused_page(look: Look, case: Case, plan: Plan) -> str:
    return render_template(
        "decisions/refused.html",
        **frame(look, case, plan),
        reasons=reasons_shown(plan.blockers, case.definition, look.language),
        back=pages.back(),
    )


def told_meanwhile(look: Look, case: Case, rows: tuple[Row, ...] | None) -> list[dict[str, Any]] | None:
    """Who did what since the form was opened."""
    if rows is None:
        return None
    definition, language = case.definition, look.language
    return [
        {
            "at": row["recorded_at"],
            "who": who_of(row, case.definition, language),
            "what": explain.act_label(definition, row["act"], language),
            "state": label_text(definition.states[row["to_state"]].label, language)
            if row["to_state"]
            else "",
        }
        for row in rows
    ]


def who_of(row: Row, definition: Definition, language: str) -> str:
    """Who an entry names: a person, or the system by what moved it."""
    if row["actor_name"]:
        return str(row["actor_name"])
    kind, _, name = row["actor"].partition(":")
    if kind == "system":
        return t("actor.system", language, name=explain.act_label(definition, name, language))
    return "—"


# ───────────────────────────── What it will do


@blueprint.post("/bases/<uuid:case_id>/acts/<act>/preview")
def preview(case_id: UUID, act: str) -> Answer:
    """Keep the files, read the form, and show what the act will do; or show the form again with everything that is wrong."""
    key, version, seq = pages.sent_key(), pages.sent_number("version"), pages.sent_number("seq")
    with pages.looking() as look:
        case = case_seen(look, str(case_id), act)
        plan = probe(case.snapshot, act, look.ctx)
        if any(blocker.rank is Rank.ROLE for blocker in plan.blockers):
            return refused_page(look, case, plan), 403
        sent = sent_form(case.definition)
    sent, upload_faults = keep_uploads(str(case_id), plan.act, case.definition, sent)
    if request.form.get("do") == "save":
        return _save(str(case_id), act, sent)
    with pages.looking() as look:
        return _previewed(look, str(case_id), act, sent, upload_faults, key=key, version=version, seq=seq)


def _save(case_id: str, act: str, sent: Sent) -> Answer:
    kept = {"raw": sent.raw, "outcome": sent.outcome, "effective_on": sent.effective_on}
    door.act(lambda session, ctx: save_draft(session, case_id, act, form=kept, ctx=ctx))
    flash(t("decision.saved", door.language()), "success")
    return redirect(url_for("decisions.form", case_id=case_id, act=act, back=pages.back()))


def _previewed(
    look: Look,
    case_id: str,
    act: str,
    sent: Sent,
    faults: tuple[Fault, ...],
    *,
    key: str,
    version: int,
    seq: int,
) -> Answer:
    case = case_seen(look, case_id, act)
    plan = probe(case.snapshot, act, look.ctx)
    if case.version != version:
        return stale_page(look, case, plan, sent, seq=seq)
    try:
        read = sent.read(case.definition, plan.act)
    except BadInput as bad:
        return form_page(look, case, plan, sent, Wrong(faults=(*bad.faults, *faults)), key=key), 400
    if faults or request.form.get("do") == "edit":
        return form_page(look, case, plan, sent, Wrong(faults=faults), key=key), 400 if faults else 200
    case = case_seen(look, case_id, act, values=read.values)
    plan = decide(case.snapshot, act, replace(read, confirmed=frozenset()), look.ctx, proposed_by=None)
    if plan.blockers:
        return form_page(look, case, plan, sent, Wrong(blockers=plan.blockers), key=key), 422
    return consequences_page(look, case, plan, read, sent, key=key)


def stale_page(look: Look, case: Case, plan: Plan, sent: Sent, *, seq: int) -> Answer:
    """Somebody was faster: who did what meanwhile, and the form with everything typed, on the case as it stands now."""
    meanwhile = queries.entries_since(look.session, case.snapshot.id, seq)
    wrong = Wrong(blockers=plan.blockers, meanwhile=meanwhile)
    return form_page(look, case, plan, sent, wrong), 409


def keep_uploads(
    case_id: str, act: Act, definition: Definition, sent: Sent
) -> tuple[Sent, tuple[Fault, ...]]:
    """Store the files of a form, each checked; what was refused is a fault of its field and the earlier file stays."""
    raw, faults = dict(sent.raw), list[Fault]()
    limit = door.config().upload_limit
    for ask in act.asks:
        upload = request.files.get(ask.field)
        if (
            definition.fields[ask.field].type is not FieldType.DOCUMENT
            or upload is None
            or not upload.filename
        ):
            continue
        try:
            file = checked(
                field=ask.field, name=upload.filename, content=upload.stream.read(limit + 1), limit=limit
            )
        except BadInput as bad:
            faults += bad.faults
            continue
        raw[ask.field] = _stored(case_id, ask.field, file)
    return replace(sent, raw=raw), tuple(faults)


def _stored(case_id: str, field: str, file: Upload) -> str:
    return door.act(lambda session, ctx: store_document(session, case_id, field=field, upload=file, ctx=ctx))


def digest_of(plan: Plan, form: Form) -> str:
    """A hash of what a page of consequences showed."""
    return hashlib.sha256(canonical(explain.shown(plan, form)).encode()).hexdigest()


def consequences_page(
    look: Look, case: Case, plan: Plan, read: Form, sent: Sent, *, key: str, changed: bool = False
) -> str:
    """What the act will do, from the plan that will carry it out."""
    definition, language = case.definition, look.language
    return render_template(
        "decisions/consequences.html",
        **frame(look, case, plan),
        following=following(look, case, plan, read),
        warnings=warnings_of(plan, definition, language),
        flat=sent.flat(),
        key=key,
        back=pages.back(),
        shown=digest_of(plan, read),
        changed=changed,
        confirmed=sent.confirmed,
    )


def warnings_of(plan: Plan, definition: Definition, language: str) -> list[dict[str, str]]:
    """What must be confirmed by a tick, each code once."""
    return [
        {"code": warning.code, **reason_shown(warning, definition, language)} for warning in plan.warnings
    ]


def following(look: Look, case: Case, plan: Plan, read: Form) -> dict[str, Any]:
    """The values of `macros/consequences.html`."""
    definition, language, snapshot = case.definition, look.language, case.snapshot
    names = names_for(look, case, people=queries.told(plan))
    after = plan.after.state if plan.after is not None else snapshot.state
    return {
        "from_state": explain.badge_of(definition, snapshot.state, language),
        "to_state": explain.badge_of(definition, after, language) if after != snapshot.state else None,
        "proposes": explain.proposes_text(plan, definition, language),
        "changes": explain.lines_of(plan, snapshot, read, names, language),
        "deadlines": explain.deadlines_of(plan, snapshot, language),
        "notices": explain.told_of(plan, names, language),
        "final": explain.finals_of(plan, snapshot, language),
    }


# ───────────────────────────── The decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The act would now do something else than was shown; nothing happened."""


@blueprint.post("/bases/<uuid:case_id>/acts/<act>")
def carry_out(case_id: UUID, act: str) -> Answer:
    """Carry out what was shown, once; anything in between stops it, and the page says what."""
    key, version, seq = pages.sent_key(), pages.sent_number("version"), pages.sent_number("seq")
    with pages.looking() as look:
        sent = sent_form(case_seen(look, str(case_id), act).definition)
    answer = _attempted(str(case_id), act, sent, key=key, version=version)
    if isinstance(answer, Receipt):
        return _to_receipt(answer)
    with pages.looking() as look:
        return _not_done(look, str(case_id), act, sent, answer, key=key, seq=seq)


def _attempted(
    case_id: str, act: str, sent: Sent, *, key: str, version: int
) -> Receipt | Refusal | Changed | WorkflowError:
    try:
        return door.act(
            lambda session, ctx: _as_shown(session, ctx, case_id, act, sent, version=version), key=key
        )
    except WorkflowError as error:
        if isinstance(error, BadInput) or error.code == "key_reused":
            return error
        raise


def _as_shown(
    session: Session, ctx: Context, case_id: str, act: str, sent: Sent, *, version: int
) -> Receipt | Refusal | Changed:
    look = pages.look_at(session, ctx)
    queries.seen(session, look.rights, case_id)
    gather.lock(session, case_id)
    definition = queries.case_for(session, case_id, ctx=ctx, act=act).definition
    read = sent.read(definition, definition.acts[act])
    case = queries.case_for(session, case_id, ctx=ctx, act=act, values=read.values)
    if case.version == version:
        unconfirmed = replace(read, confirmed=frozenset())
        plan = decide(case.snapshot, act, unconfirmed, ctx, proposed_by=None)
        if not plan.blockers and digest_of(plan, unconfirmed) != request.form.get("shown"):
            return Changed()
    answer = perform(session, case_id, act, form=read, version=version, ctx=ctx)
    if isinstance(answer, Receipt):
        discard(session, case_id, act, ctx=ctx)
    return answer


def _to_receipt(receipt: Receipt) -> Response:
    repeated = 1 if receipt.repeated else None
    return redirect(
        url_for(
            "decisions.receipt",
            case_id=receipt.case_id,
            seq=receipt.seq,
            repeated=repeated,
            back=pages.back(),
        ),
        code=303,
    )


def _not_done(
    look: Look,
    case_id: str,
    act: str,
    sent: Sent,
    answer: Refusal | Changed | WorkflowError,
    *,
    key: str,
    seq: int,
) -> Answer:
    """Nothing took effect: the reasons, with everything that was typed."""
    case = case_seen(look, case_id, act)
    plan = probe(case.snapshot, act, look.ctx)
    if isinstance(answer, BadInput):
        return form_page(look, case, plan, sent, Wrong(faults=answer.faults), key=key), 400
    if isinstance(answer, WorkflowError):
        return form_page(look, case, plan, sent, Wrong(key_reused=True)), 409
    if isinstance(answer, Refusal) and answer.stale is not None:
        return stale_page(look, case, plan, sent, seq=seq)
    if isinstance(answer, Refusal) and answer.blockers:
        if is_hopeless(plan):
            return refused_page(look, case, plan), 403
        return form_page(look, case, plan, sent, Wrong(blockers=answer.blockers), key=key), 422
    read = sent.read(case.definition, plan.act)
    case = case_seen(look, case_id, act, values=read.values)
    plan = decide(case.snapshot, act, replace(read, confirmed=frozenset()), look.ctx, proposed_by=None)
    changed = isinstance(answer, Changed)
    page = consequences_page(look, case, plan, read, sent, key=key, changed=changed)
    return page, 409 if changed else 422


# ───────────────────────────── The receipt


@blueprint.get("/bases/<uuid:case_id>/receipts/<int:seq>")
def receipt(case_id: UUID, seq: int) -> Answer:
    """What was recorded: its number, time and hash, and what comes next."""
    with pages.looking() as look:
        case = case_seen(look, str(case_id), None)
        row = queries.entry_of(look.session, str(case_id), seq) if seq < LAST_ENTRY else None
        if row is None:
            raise NotFound("no_such_entry", case=str(case_id), seq=seq)
        return render_template("decisions/receipt.html", **receipt_of(look, case, row))


def receipt_of(look: Look, case: Case, row: Row) -> dict[str, Any]:
    definition, language = case.definition, look.language
    what = explain.act_label(definition, row["act"], language)
    name = case.snapshot.subject.get("base_name") or case.snapshot.subject.get("application_number") or ""
    state = definition.states[row["to_state"] or case.snapshot.state].label
    key = "decision.proposed_done" if row["kind"] == "proposal" else "decision.done"
    return {
        "case_id": case.snapshot.id,
        "name": name,
        "paper": {
            "sentence": t(key, language, act=what, base=name, state=state),
            "number": t("entry.number", language, seq=row["seq"]),
            "at": row["recorded_at"],
            "hash": row["hash"],
            "lines": [explain.standing(case.snapshot, language)],
            "href": pages.back() or url_for("inbox.index"),
            "action": t("decision.back_to_list" if pages.back() else "decision.to_inbox", language),
            "repeated": request.args.get("repeated") == "1",
        },
    }


# ───────────────────────────── The second person


@blueprint.get("/bases/<uuid:case_id>/proposal")
def pending(case_id: UUID) -> Answer:
    """What another person proposed and what it will do, to confirm or to decline."""
    with pages.looking() as look:
        return pending_page(look, str(case_id), Wrong())


def pending_page(look: Look, case_id: str, wrong: Wrong, *, reason: str = "") -> Answer:
    queries.seen(look.session, look.rights, case_id)
    waiting = queries.pending_of(look.session, case_id)
    if waiting is None:
        case = queries.case_for(look.session, case_id, ctx=look.ctx)
        page = render_template(
            "decisions/no_proposal.html", name=case.snapshot.subject.get("base_name") or "", case_id=case_id,
            standing=explain.standing(case.snapshot, look.language),
        )  # fmt: skip
        return page, 409 if wrong.meanwhile is not None else 404
    case, read, plan = proposed_plan(look, case_id, waiting)
    own = waiting["proposed_by"] == look.rights.person
    page = render_template(
        "decisions/pending.html",
        **frame(look, case, plan),
        following=following(look, case, plan, read),
        proposer=waiting["proposer"],
        proposed_at=waiting["proposed_at"],
        pending_id=waiting["id"],
        own=own,
        reasons=reasons_shown([b for b in plan.blockers if not own], case.definition, look.language),
        wrong=wrong,
        reason=reason,
        key=pages.new_request_key(),
        back=pages.back(),
    )
    return page, 422 if wrong.faults else 200


def proposed_plan(look: Look, case_id: str, waiting: Row) -> tuple[Case, Form, Plan]:
    first = queries.case_for(look.session, case_id, ctx=look.ctx)
    read = form_of(waiting["form"], first.definition.fields)
    case = queries.case_for(
        look.session,
        case_id,
        ctx=look.ctx,
        act=waiting["act"],
        values=read.values,
        people=(waiting["proposed_by"],),
    )
    plan = decide(
        case.snapshot, waiting["act"], read, look.ctx, proposed_by=Actor(person=waiting["proposed_by"])
    )
    asked = {ask.field for ask in plan.act.asks}
    return (
        case,
        replace(read, values={name: value for name, value in read.values.items() if name in asked}),
        plan,
    )


@blueprint.post("/bases/<uuid:case_id>/proposal/<uuid:pending_id>/confirm")
def confirm_pending(case_id: UUID, pending_id: UUID) -> Answer:
    """Let what another person proposed take effect."""
    key, version = pages.sent_key(), pages.sent_number("version")
    answer = door.act(
        lambda session, ctx: _confirmed(session, ctx, str(case_id), str(pending_id), version=version), key=key
    )
    return _settled(str(case_id), answer)


def _confirmed(
    session: Session, ctx: Context, case_id: str, pending_id: str, *, version: int
) -> Receipt | Refusal:
    _is_of(session, ctx, case_id, pending_id)
    return confirm(session, pending_id, version=version, ctx=ctx)


def _is_of(session: Session, ctx: Context, case_id: str, pending_id: str) -> None:
    """Raise NotFound unless the proposal belongs to a case the person may see."""
    rights = pages.look_at(session, ctx).rights
    if queries.case_of_proposal(session, rights, pending_id)["case_id"] != case_id:
        raise NotFound("no_such_proposal", pending=pending_id)


@blueprint.post("/bases/<uuid:case_id>/proposal/<uuid:pending_id>/decline")
def decline_pending(case_id: UUID, pending_id: UUID) -> Answer:
    """Turn a proposal down with a reason, or take back one's own."""
    reason = request.form.get("reason", "").strip()
    if not reason or len(reason) > LONGEST_REASON or CONTROL.search(reason):
        wrong = Wrong(faults=(Fault(field="reason", code="reason_wanted"),))
        with pages.looking() as look:
            return pending_page(look, str(case_id), wrong, reason=reason)
    answer = door.act(
        lambda session, ctx: _declined(session, ctx, str(case_id), str(pending_id), reason=reason)
    )
    return _settled(str(case_id), answer)


def _declined(
    session: Session, ctx: Context, case_id: str, pending_id: str, *, reason: str
) -> Receipt | Refusal:
    _is_of(session, ctx, case_id, pending_id)
    return decline(session, pending_id, reason=reason, ctx=ctx)


def _settled(case_id: str, answer: Receipt | Refusal) -> Answer:
    if isinstance(answer, Receipt):
        return _to_receipt(answer)
    wrong = Wrong(blockers=answer.blockers, meanwhile=answer.stale)
    with pages.looking() as look:
        page = pending_page(look, case_id, wrong)
        return (page[0], 409 if answer.stale is not None else 403) if isinstance(page, tuple) else page
