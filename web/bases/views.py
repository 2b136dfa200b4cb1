"""The page of one base, what a step of its route can choose, deadlines an import found past, and who an imported name is."""

from __future__ import annotations

from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from web import door, pages, route_page
from web.bases import blueprint
from web.bases.acts import acts, choices, held_by_import
from web.bases.cycle import cycle, deadlines, way_through
from web.bases.heading import top
from web.bases.history import history_in_words
from web.bases.known import agreements, documents, duties, facts, hand_ins, verdicts_in_words
from web.decisions.saying import reasons_shown
from web.seats.offering import about_round
from workflow import queries, way
from workflow.blockers import Fault
from workflow.errors import BadInput, NotFound
from workflow.explain.names import title_of
from workflow.explain.seats import people_of
from workflow.operations import Receipt, release_held
from workflow.operations.duties import link_duty
from workflow.operations.reopening import may_reopen, offered
from workflow.snapshot import held_roles
from workflow.words import article_text


@blueprint.get("/bases/<uuid:case_id>")
def show(case_id: UUID) -> str:
    """Where a base stands, what may be done, its cycle, its states, its papers, its people and its history."""
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        marks = {"after": request.args.get("after"), "before": request.args.get("before")}
        history = queries.history_page(look.session, str(case_id), **marks)
        verdicts = queries.verdicts_of(look.session, str(case_id))
        snapshot = case.snapshot
        people = [row["person_id"] for row in (*snapshot.table("duties"), *snapshot.table("hand_ins"))]
        people += [row["uploaded_by"] for row in snapshot.table("documents")]
        shown, before = route_page.stops_of(look, case)
        people += [*way.people_named((*shown, *before)), *people_of(history.rows)]
        names = queries.names_of(
            look.session, people=people, documents=snapshot.table("documents"), partners=snapshot.partners
        )
        may_link = case.definition.import_.by in held_roles(snapshot, look.rights.person)
        return render_template(
            "bases/show.html",
            case_id=str(case_id),
            **top(look, case),
            **acts(look, case),
            route=route_page.route(look, case, names, shown, before),
            offer=about_round(look, case),
            cycle=cycle(look, snapshot),
            deadlines=deadlines(look, snapshot),
            way=way_through(look, case),
            facts=facts(look, case, names),
            verdicts=verdicts_in_words(look, case.definition, verdicts),
            agreements=agreements(look, snapshot),
            hand_ins=hand_ins(look, case.definition, snapshot, names),
            documents=documents(look, case.definition, snapshot, names),
            duties=duties(look, case, names),
            may_link=may_link,
            may_reopen=may_reopen(snapshot, look.rights.person) is None and bool(offered(snapshot)),
            found=queries.people_found(look.session, pages.asked("person")) if may_link else [],
            person_text=pages.asked("person"),
            version=case.version,
            history=history_in_words(look, case.definition, names, history),
            turn=pages.turn(history, "bases.show", case_id=case_id),
        )


# ───────────────────────────── A step that chooses


@blueprint.get("/bases/<uuid:case_id>/steps/<name>")
def step(case_id: UUID, name: str) -> str | Redirect:
    """What a step of the route can choose; where it can choose only one transition, that one's form.

    A mail leads here as well: of a state the case has left, the base's page says what became of it.
    """
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        found = case.definition.step(case.snapshot.state, name)
        known = case.definition.any_step(name)
        if found is None and known is not None and known.choices:
            return redirect(url_for("bases.show", case_id=case_id))
        if found is None or not found.choices:
            raise NotFound("no_such_step", step=name)
        if len(set(found.choices.values())) == 1:
            only = next(iter(found.choices.values()))
            return redirect(url_for("decisions.form", case_id=case_id, act=only, back=pages.back()))
        return render_template(
            "bases/step.html",
            case_id=str(case_id),
            label_of_step=title_of(found.label, look.language),
            ground=article_text(found.basis, look.language),
            **top(look, case),
            **choices(look, case, found),
        )


# ───────────────────────────── Deadlines an import found past


@blueprint.get("/bases/<uuid:case_id>/past-deadlines")
def past_deadlines(case_id: UUID) -> str | tuple[str, int]:
    """The deadlines that were past when the ledger came in, and what confirming them brings about."""
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        held = held_by_import(look, case.snapshot)
        may = case.definition.import_.by in held_roles(case.snapshot, look.rights.person)
        page = render_template(
            "bases/past_deadlines.html", case_id=str(case_id), held=held, **top(look, case), may=may
        )
        return page if may else (page, 403)


@blueprint.post("/bases/<uuid:case_id>/past-deadlines")
def release(case_id: UUID) -> Redirect | tuple[str, int]:
    """Let the past deadlines of an imported base take effect, in due order."""
    with pages.looking() as look:
        queries.seen(look.session, look.rights, str(case_id))
    answer = door.act(lambda session, ctx: release_held(session, str(case_id), ctx=ctx))
    if isinstance(answer, Receipt):
        return redirect(url_for("decisions.receipt", case_id=case_id, seq=answer.seq), code=303)
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        reasons = reasons_shown(answer.blockers, case.definition, look.language)
        page = render_template(
            "bases/past_deadlines.html",
            case_id=str(case_id),
            held=[],
            **top(look, case),
            may=False,
            reasons=reasons,
        )
    return page, 409


# ───────────────────────────── Who an imported name is


@blueprint.post("/bases/<uuid:case_id>/duties/<uuid:duty_id>/link")
def link(case_id: UUID, duty_id: UUID) -> Redirect | tuple[str, int]:
    """Link an imported name to a person."""
    person, version = pages.key_in(request.form.get("person", "")), pages.sent_number("version")
    if not person:
        raise BadInput((Fault(field="person", code="unreadable"),))
    with pages.looking() as look:
        queries.seen(look.session, look.rights, str(case_id))
    answer = door.act(
        lambda session, ctx: link_duty(
            session, str(case_id), str(duty_id), person_id=person, version=version, ctx=ctx
        )
    )
    if isinstance(answer, Receipt):
        return redirect(url_for("decisions.receipt", case_id=case_id, seq=answer.seq), code=303)
    if answer.stale is not None:
        return render_template("error.html", code=409, key="stale"), 409
    return render_template("error.html", code=403, key="refused"), 403
