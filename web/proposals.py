"""A proposal as a list of tasks: each section a form of its own whose draft is kept, then a review, then the decision's own pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import door, fields, pages
from web.decisions.saying import reasons_shown
from web.decisions.sent import keep_uploads, sent_form
from web.pages import Look
from web.words import t
from workflow import queries
from workflow.barring import Tie
from workflow.blockers import Blocker, Fault, Rank
from workflow.context import Context
from workflow.definition.values.acts import Act
from workflow.definition.values.edition import Definition
from workflow.errors import NotFound, WorkflowError
from workflow.explain.names import badge_of, title_of
from workflow.explain.values import value_text
from workflow.forms import read_values
from workflow.guards.calls import last_day
from workflow.identity import code_problems
from workflow.operations import open_case
from workflow.operations.answers import Made
from workflow.operations.papers import save_draft
from workflow.operations.repeats import once
from workflow.plan import Form, Plan, foresee, probe
from workflow.queries import Case
from workflow.reasons import Reason, fault_text, reasons_of
from workflow.snapshot import Row
from workflow.words import day_text
from workflow.world import lifecycles_in_use

Answer = str | tuple[str, int] | Response

blueprint = Blueprint("proposals", __name__)

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "basics": ("base_name",),
    "partner": ("partner",),
    "colleges": ("lead_college", "other_colleges", "programmes"),
    "eligibility": ("eligibility",),
    "plan": ("cooperation_plan",),
}
"""Section → its fields. A field the edition asks for beside these joins the first section."""

IDENTITY = frozenset({*Tie, "twin"})
"""Reasons that the partner check answers at once."""


def section_fields(act: Act, section: str) -> tuple[str, ...]:
    """The fields of a section that the edition asks for, in the file's order."""
    named = {name for names in SECTIONS.values() for name in names}
    own = SECTIONS[section]
    rest = section == next(iter(SECTIONS))
    return tuple(ask.field for ask in act.asks if ask.field in own or (rest and ask.field not in named))


# ───────────────────────────── Opening one


@blueprint.get("/proposals/new")
def new() -> Answer:
    """Choose the college to propose for, among those where the reader may; and of what, where they may several."""
    with pages.looking() as look:
        own = open_to(look)
        among = pages.lifecycles(look, usual=next(iter(own), ""))
        current, colleges = among.current, _own_colleges(look, among.current)
        page = render_template(
            "proposals/new.html",
            lifecycles=among.links("proposals.new", look.language, among=own),
            lifecycle=among.in_address,
            title=_title(among, look.language),
            role=current.roles[current.opens].label,
            office=current.roles[current.import_.by].label,
            colleges=colleges,
            call=_call(look, current),
            key=pages.new_request_key(),
        )
        return page if colleges else (page, 403)


def open_to(look: Look) -> tuple[str, ...]:
    """The lifecycles of which the reader may open a case."""
    known = lifecycles_in_use(look.session)
    return tuple(name for name, one in known.items() if look.rights.units_of(one.opens))


def _title(among: pages.Lifecycles, language: str) -> str:
    if not among.are_several:
        return t("proposals.new", language)
    return t("proposals.new_of", language, lifecycle=title_of(among.current.label, language))


def _own_colleges(look: Look, definition: Definition) -> list[Row]:
    own = look.rights.units_of(definition.opens)
    return [unit for key, unit in queries.units_by_id(look.session, kind="college").items() if key in own]


def _call(look: Look, definition: Definition) -> dict[str, Any] | None:
    """The call that is open today, or the next one; None while none is announced."""
    calls = sorted(queries.calls_of(look.session, definition.name), key=lambda call: call["opens_on"])
    today = look.ctx.today
    current = next((call for call in calls if call["opens_on"] <= today <= call["closes_on"]), None)
    coming = next((call for call in calls if call["opens_on"] > today), None)
    chosen = current or coming
    return {**chosen, "is_open": chosen is current} if chosen else None


@blueprint.post("/proposals/new")
def begin() -> Answer:
    """Open a draft; sent twice, the same draft is shown."""
    with pages.looking() as look:
        among = pages.lifecycles(look)
    unit = pages.key_in(request.form.get("unit", ""))
    if not unit:
        flash(t("proposals.choose_college", door.language()), "danger")
        return redirect(url_for("proposals.new", lifecycle=among.in_address), code=303)
    lifecycle = among.current.name
    case_id = door.act(lambda session, ctx: _opened(session, ctx, lifecycle, unit), key=pages.sent_key())
    return redirect(url_for("proposals.show", case_id=case_id), code=303)


def _opened(session: Session, ctx: Context, lifecycle: str, unit: str) -> str:
    def work() -> Made:
        return Made(id=open_case(session, lifecycle, unit_id=unit, ctx=ctx))

    return once(session, what=["open", lifecycle, unit], ctx=ctx, kind=Made, work=work).id


# ───────────────────────────── What was typed so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A draft being written: its case, what was typed, and what a reviewer said."""

    case: Case
    act: Act
    raw: Mapping[str, Any]
    saved_at: Any = None
    returned: Mapping[str, str] = field(default_factory=dict)
    """Field → what the reviewer wants changed."""
    returned_by: Row | None = None

    @property
    def definition(self) -> Definition:
        return self.case.definition

    def read(self) -> tuple[dict[str, Any], list[Fault]]:
        """The values that can be read, and what is wrong with the others."""
        return read_values(self.definition, self.act, self.raw)


def proposal_of(look: Look, case_id: str) -> Proposal:
    """Read a draft. Raises NotFound for a case that is no draft any more, or that the reader may not write."""
    act = queries.definition_for(look.session, case_id).proposal
    case = pages.case_seen(look, case_id, act.name if act else None)
    if act is None or case.snapshot.state != case.definition.initial:
        raise NotFound("no_such_draft", case=case_id)
    plan = probe(case.snapshot, act.name, look.ctx)
    if any(blocker.rank is Rank.ROLE for blocker in plan.blockers):
        raise WorkflowError("not_your_role", roles=list(act.by))
    draft = queries.draft_of(look.session, case_id, act.name, person=look.rights.person)
    kept = (draft["form"].get("raw") or {}) if draft else {}
    stored = {
        ask.field: fields.typed_again(case.snapshot, case.definition.fields[ask.field]) for ask in act.asks
    }
    before = {name: value for name, value in stored.items() if value is not None}
    return Proposal(
        case=case,
        act=act,
        raw={**before, **kept},
        saved_at=draft["saved_at"] if draft else None,
        returned=_returned(case),
    )


def _returned(case: Case) -> dict[str, str]:
    """What a reviewer wants changed, where the last passage brought the proposal back."""
    passages = case.snapshot.passages()
    if not passages or passages[-1]["to_state"] != case.definition.initial:
        return {}
    return dict(case.snapshot.stored("reasons_by_field") or {})


# ───────────────────────────── The list of tasks


@blueprint.get("/proposals/<uuid:case_id>")
def show(case_id: UUID) -> Answer:
    """The sections with how far each has come, or the base's page once the proposal has been sent."""
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        if case.snapshot.state != case.definition.initial:
            return redirect(url_for("bases.show", case_id=case_id))
        proposal = proposal_of(look, str(case_id))
        return render_template(
            "proposals/show.html", **frame(look, proposal), sections=_progress(look, proposal)
        )


def frame(look: Look, proposal: Proposal) -> dict[str, Any]:
    subject = proposal.case.snapshot.subject
    name = proposal.raw.get("base_name")
    return {
        "case_id": proposal.case.snapshot.id,
        "name": name if isinstance(name, str) else subject.get("base_name") or "",
        "number": subject.get("application_number") or "",
        "badge": badge_of(proposal.definition, proposal.case.snapshot.state, look.language),
        "saved_at": proposal.saved_at,
        "returned": [
            {"field": title_of(proposal.definition.fields[place].label, look.language), "text": text}
            for place, text in proposal.returned.items()
            if place in proposal.definition.fields
        ],
        "resubmit_by": _resubmit_by(proposal, look.language),
    }


def _resubmit_by(proposal: Proposal, language: str) -> str:
    day = last_day(proposal.case.snapshot, proposal.act) if proposal.returned else None
    return day_text(day, language) if day else ""


def _progress(look: Look, proposal: Proposal) -> list[dict[str, Any]]:
    """Each section as empty, begun, wrong, to be changed, or filled in."""
    values, faults = proposal.read()
    wrong = {fault.field for fault in faults}
    sections = []
    for name in SECTIONS:
        places = section_fields(proposal.act, name)
        if not places:
            continue
        state = _section_state(proposal, places, values, wrong)
        sections.append({"name": name, "state": state, "href": _section_address(proposal, name)})
    return sections


def _section_address(proposal: Proposal, section: str) -> str:
    return url_for("proposals.section", case_id=proposal.case.snapshot.id, section=section)


def _section_state(
    proposal: Proposal, places: tuple[str, ...], values: Mapping[str, Any], wrong: set[str]
) -> str:
    required = {ask.field for ask in proposal.act.asks if ask.required}
    if wrong & set(places):
        return "wrong"
    if set(proposal.returned) & set(places):
        return "returned"
    if all(place in values for place in places if place in required):
        return "filled"
    return "begun" if any(place in values for place in places) else "empty"


# ───────────────────────────── One section


@blueprint.get("/proposals/<uuid:case_id>/<section>")
def section(case_id: UUID, section: str) -> Answer:
    """The form of a section, with what was typed and what a reviewer said."""
    with pages.looking() as look:
        proposal = proposal_of(look, str(case_id))
        return _section_page(look, proposal, section, ())


def _section_page(look: Look, proposal: Proposal, section: str, faults: tuple[Fault, ...]) -> str:
    if section not in SECTIONS:
        raise NotFound("no_such_section", section=section)
    definition, act = proposal.definition, proposal.act
    errors = dict(fields.errors_of(faults, (), act, definition, look.language))
    for place, text in proposal.returned.items():
        said = t("proposals.returned_text", look.language, text=text)
        errors[place] = (*errors.get(place, ()), said)
    setting = fields.Setting(
        snapshot=proposal.case.snapshot,
        names=pages.names_for(look, proposal.case),
        colleges=list(queries.units_by_id(look.session, kind="college").values()),
        rights=look.rights,
        language=look.language,
        raw=proposal.raw,
        errors=errors,
    )
    places = section_fields(act, section)
    return render_template(
        "proposals/section.html",
        **frame(look, proposal),
        section=section,
        fields=fields.drawn(setting, act, only=places),
        verdict=partner_verdict(look, proposal) if "partner" in places else None,
        checks_partner="partner" in places,
    )


@blueprint.post("/proposals/<uuid:case_id>/<section>")
def save(case_id: UUID, section: str) -> Answer:
    """Keep a section as it was typed; go on where everything in it can be read, else show what is wrong."""
    with pages.looking() as look:
        proposal = proposal_of(look, str(case_id))
        if section not in SECTIONS:
            raise NotFound("no_such_section", section=section)
    places = section_fields(proposal.act, section)
    sent = sent_form(proposal.definition)
    sent, upload_faults = keep_uploads(str(case_id), proposal.act, proposal.definition, sent)
    typed = {name: value for name, value in sent.raw.items() if name in places}
    raw = {**{name: value for name, value in proposal.raw.items() if name not in places}, **typed}
    unknown = tuple(Fault(field=name[:60], code="unknown_field") for name in sent.raw if name not in places)
    act = proposal.act.name
    door.act(lambda session, ctx: _kept(session, ctx, str(case_id), act, raw, places))
    with pages.looking() as look:
        return _after_saving(look, str(case_id), section, places, (*unknown, *upload_faults))


def _kept(
    session: Session, ctx: Context, case_id: str, act: str, raw: Mapping[str, Any], places: tuple[str, ...]
) -> None:
    """Save the draft; a cleared field is kept as empty, so that the stored value does not come back."""
    cleared = {name: "" for name in places if name not in raw}
    save_draft(session, case_id, act, form={"raw": {**raw, **cleared}}, ctx=ctx)


def _after_saving(
    look: Look, case_id: str, section: str, places: tuple[str, ...], more: tuple[Fault, ...]
) -> Answer:
    proposal = proposal_of(look, case_id)
    faults = (*(fault for fault in proposal.read()[1] if fault.field in places), *more)
    if faults:
        return _section_page(look, proposal, section, faults), 400
    if request.form.get("do") == "stay":
        return redirect(_section_address(proposal, section), code=303)
    following = [
        name
        for name in list(SECTIONS)[list(SECTIONS).index(section) + 1 :]
        if section_fields(proposal.act, name)
    ]
    if request.form.get("do") == "list":
        return redirect(url_for("proposals.show", case_id=case_id), code=303)
    if following:
        return redirect(_section_address(proposal, following[0]), code=303)
    return redirect(url_for("proposals.review", case_id=case_id), code=303)


# ───────────────────────────── The partner, checked at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known about a partner as it was typed."""

    stops: tuple[Reason, ...] = ()
    holds: tuple[Reason, ...] = ()
    """What the leading group will have to find on."""
    notes: tuple[str, ...] = ()
    checked: bool = False


@blueprint.post("/proposals/<uuid:case_id>/partner/check")
def check_partner(case_id: UUID) -> Answer:
    """The verdict on the partner as it is typed now, as a part of the page; nothing is kept."""
    with pages.looking() as look:
        proposal = proposal_of(look, str(case_id))
        typed = sent_form(proposal.definition).raw.get("partner")
        changed = Proposal(case=proposal.case, act=proposal.act, raw={**proposal.raw, "partner": typed})
        return render_template("proposals/_verdict.html", verdict=partner_verdict(look, changed))


def partner_verdict(look: Look, proposal: Proposal) -> Verdict:
    """Compare the partner with the bans in force and the living bases, and look at its code."""
    values, faults = proposal.read()
    notes = [
        fault_text(fault, proposal.definition, look.language) for fault in faults if fault.field == "partner"
    ]
    if "partner" not in values:
        return Verdict(notes=tuple(notes))
    case, plan = planned(look, proposal, values)
    partner = values["partner"]
    if (
        any(problem.is_warning for problem in code_problems(partner["credit_code"] or ""))
        and partner["credit_code"]
    ):
        notes.append(t("proposals.check_digit", look.language))
    known = _known_partner(case, partner)
    if known is not None and known["name"] != partner["name"]:
        notes.append(t("proposals.known_as", look.language, name=known["name"]))
    return Verdict(
        stops=_identity(plan.blockers, case, look.language),
        holds=_identity(plan.warnings, case, look.language),
        notes=tuple(notes),
        checked=True,
    )


def _identity(blockers: tuple[Blocker, ...], case: Case, language: str) -> tuple[Reason, ...]:
    return reasons_of([b for b in blockers if b.code in IDENTITY], case.definition, language)


def _known_partner(case: Case, partner: Mapping[str, Any]) -> Row | None:
    """The organisation the system already knows under this code or name."""
    code, name = partner["code_identity"], partner["name_identity"]
    rows = case.snapshot.partners
    by_code = next((row for row in rows if code and row["code_identity"] == code), None)
    return by_code or next((row for row in rows if row["name_identity"] == name), None)


def planned(look: Look, proposal: Proposal, values: Mapping[str, Any]) -> tuple[Case, Plan]:
    """What submitting these values would do, or what stands in its way."""
    case_id, name = proposal.case.snapshot.id, proposal.act.name
    case = queries.case_for(look.session, case_id, ctx=look.ctx, act=name, values=values)
    return case, foresee(case.snapshot, name, Form(values=values), look.ctx, proposed_by=None)


# ───────────────────────────── Review


@blueprint.get("/proposals/<uuid:case_id>/review")
def review(case_id: UUID) -> Answer:
    """Everything that was filled in, and everything that still stands in the way of submitting it."""
    with pages.looking() as look:
        proposal = proposal_of(look, str(case_id))
        values, faults = proposal.read()
        case, plan = planned(look, proposal, values)
        errors = fields.errors_of(faults, plan.blockers, proposal.act, proposal.definition, look.language)
        loose = [b for b in plan.blockers if fields.field_of(b, proposal.act) is None]
        return render_template(
            "proposals/review.html",
            **frame(look, proposal),
            parts=_parts(look, proposal, values, errors),
            reasons=reasons_shown(loose, proposal.definition, look.language),
            ready=plan.allowed and not faults,
            act=proposal.act.name,
            flat=list(fields.flat_of({name: value for name, value in proposal.raw.items() if value != ""})),
            version=case.version,
            seq=case.snapshot.case["log_seq"],
            key=pages.new_request_key(),
        )


def _parts(
    look: Look, proposal: Proposal, values: Mapping[str, Any], errors: Mapping[str, tuple[str, ...]]
) -> list[dict[str, Any]]:
    """The sections with their fields in words and what is wrong with each."""
    names = pages.names_for(look, proposal.case)
    return [
        {
            "name": section,
            "href": _section_address(proposal, section),
            "lines": [
                {
                    "label": title_of(proposal.definition.fields[place].label, look.language),
                    "value": value_text(
                        proposal.definition,
                        proposal.definition.fields[place],
                        values.get(place),
                        names,
                        look.language,
                    ),
                    "errors": errors.get(place, ()),
                }
                for place in section_fields(proposal.act, section)
            ],
        }
        for section in SECTIONS
        if section_fields(proposal.act, section)
    ]
