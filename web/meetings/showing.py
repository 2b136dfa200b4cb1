"""One meeting: who is there, what is on the agenda and how far each row has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import render_template, url_for

from web import pages
from web.decisions.saying import reasons_shown
from web.meetings import blueprint
from web.pages import Look
from web.words import t
from workflow import queries, routes
from workflow.definition.values.routes import MORE_TIME_FOR, Choice, StepKind
from workflow.explain.names import act_label, badge_of, headed, title_of
from workflow.operations.bodies import bodies, body_label
from workflow.operations.meetings import OPEN
from workflow.operations.transcribing import SCAN
from workflow.plan import probe
from workflow.queries import Names
from workflow.queries import meetings as asked
from workflow.queries.meetings import Agendum, Count
from workflow.snapshot import Row
from workflow.words import label_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One meeting as its reader may see it."""

    look: Look
    meeting: Row
    attendance: tuple[Row, ...]
    agenda: tuple[Agendum, ...]
    names: Names
    keepers: frozenset[str]
    """The roles that convene the body and keep its meetings."""
    body: str
    """What its members are called."""

    @property
    def is_open(self) -> bool:
        return bool(self.meeting["status"] == OPEN)

    @property
    def is_office(self) -> bool:
        return bool(self.look.rights.roles & self.keepers)

    @property
    def leads(self) -> bool:
        """Whether the reader chairs the meeting or keeps it: they see who has not voted."""
        return self.is_office or self.look.rights.person == self.meeting["chair_id"]

    @property
    def is_there(self) -> bool:
        reader = self.look.rights.person
        return any(row["person_id"] == reader and row["present"] for row in self.attendance)


def sight_of(look: Look, meeting_id: str) -> Sight:
    """Read a meeting whole. Raises NotFound."""
    agenda = asked.agenda_of(look.session, meeting_id, ctx=look.ctx)
    people = {person for item in agenda for person in item.electorate}
    people |= {
        ballot[name] for item in agenda for ballot in item.ballots for name in ("person_id", "cast_by")
    }
    people |= {row["uploaded_by"] for item in agenda for row in item.snapshot.table("documents")}
    meeting = asked.meeting_of(look.session, meeting_id)
    return Sight(
        look=look,
        meeting=meeting,
        keepers=bodies(look.session).get(meeting["role"], frozenset()),
        body=title_of(body_label(look.session, meeting["role"]), look.language),
        attendance=asked.attendance_of(look.session, meeting_id),
        agenda=agenda,
        names=queries.names_of(look.session, people=people),
    )


@blueprint.get("/<uuid:meeting_id>")
def show(meeting_id: UUID) -> str:
    """Every row with what was said of it so far, and the reader's form to vote on all of them."""
    with pages.looking() as look:
        return page_of(sight_of(look, str(meeting_id)))


def page_of(sight: Sight, *, problems: tuple[str, ...] = ()) -> str:
    rows = [row_of(sight, item) for item in sight.agenda]
    return render_template(
        "meetings/show.html",
        meeting=sight.meeting,
        body=sight.body,
        attendance=sight.attendance,
        rows=rows,
        is_open=sight.is_open,
        is_office=sight.is_office,
        leads=sight.leads,
        may_vote=any(row["choices"] for row in rows),
        papers=on_paper(sight),
        key=pages.new_request_key(),
        others=problems,
    )


# ───────────────────────────── A row


def row_of(sight: Sight, item: Agendum) -> dict[str, Any]:
    language, snapshot = sight.look.language, item.snapshot
    subject = snapshot.subject
    mine = next((b for b in item.ballots if b["person_id"] == sight.look.rights.person), None)
    may_vote, reasons = _may_vote(sight, item) if mine is None else (False, [])
    return {
        "id": item.id,
        "place": item.place,
        "name": subject.get("base_name") or t("bases.unnamed", language),
        "number": subject.get("application_number") or subject.get("base_number") or "",
        "href": url_for("bases.show", case_id=snapshot.id),
        "badge": badge_of(item.definition, snapshot.state, language),
        "what": motion_text(item, language),
        "said": said_before(sight, item),
        "documents": _documents(sight, item),
        "version": snapshot.case["version"],
        "seq": snapshot.case["log_seq"],
        "is_open": item.is_open,
        "mine": choice_text(item, mine, language) if mine else "",
        "choices": _choices(item, language) if may_vote else [],
        "reasons": reasons,
        "waiting": waiting_for(sight, item),
        "quorum": quorum_text(item.count, language),
        "majority": majority_text(item.count, language, told=not item.is_open),
        "result": result_text(item, language),
    }


def _may_vote(sight: Sight, item: Agendum) -> tuple[bool, list[dict[str, str]]]:
    """Whether the reader votes on the row here and now; if they are there and may not, every reason."""
    if not (sight.is_open and sight.is_there and item.is_open):
        return False, []
    plan = probe(item.snapshot, item.step.name, sight.look.ctx, on_behalf_of=None)
    if plan.on_behalf_of is not None:
        return False, []
    return plan.allowed, reasons_shown(plan.blockers, item.definition, sight.look.language)


def _choices(item: Agendum, language: str) -> list[dict[str, str]]:
    outcomes = item.definition.acts[item.step.name].outcomes
    return [
        {"value": name, "label": title_of(item.definition.outcomes[name].label, language)}
        for name in outcomes
    ]


def motion_text(item: Agendum, language: str) -> str:
    """What is voted on: the step, and the act somebody moved where there is one."""
    step = title_of(item.step.label, language)
    moved = item.round["motion"]
    if not moved:
        return step
    outcome = item.definition.outcomes.get(moved.get("outcome") or "")
    label = label_text(outcome.label, language) if outcome else ""
    act = act_label(item.definition, moved["act"], language)
    return t("meetings.motion", language, step=step, act=act, outcome=label) if label else f"{step}: {act}"


def choice_text(item: Agendum, ballot: Row, language: str) -> str:
    """What a ballot says; of a secret one that it was cast."""
    if ballot["choice"] is None:
        return t("meetings.secret", language)
    return title_of(item.definition.outcomes[ballot["choice"]].label, language)


def said_before(sight: Sight, item: Agendum) -> list[dict[str, str]]:
    """The opinions of the steps before the vote, in their order: the college's, the office's, the experts'."""
    language, lines = sight.look.language, []
    steps = {step.name: step for step in item.definition.steps}
    for run in routes.rounds(item.snapshot):
        step = steps[run["step"]]
        if run["closed_seq"] is None or step.kind not in (StepKind.SIGN, StepKind.SCORE):
            continue
        cast = routes.ballots(item.snapshot, run)
        text = _experts(cast, language) if step.kind is StepKind.SCORE else _signed(item, cast, language)
        if text:
            lines.append({"step": title_of(step.label, language), "text": text})
    return lines


def _signed(item: Agendum, cast: list[Row], language: str) -> str:
    texts = []
    for ballot in cast:
        choice = title_of(item.definition.outcomes[ballot["choice"]].label, language)
        comment = ballot["form"].get("comment")
        key = "meetings.opinion" if comment else "meetings.opinion_alone"
        texts.append(t(key, language, choice=choice, **({"comment": comment} if comment else {})))
    return t("meetings.between", language).join(texts)


def _experts(cast: list[Row], language: str) -> str:
    """How many sheets there are and, where they hold marks, the mean of each sheet's sum."""
    sealed = [ballot["form"] for ballot in cast if ballot["choice"] == Choice.SCORE]
    if not sealed:
        return ""
    sums = [total for total in map(_marks, sealed) if total is not None]
    if not sums:
        return t("meetings.sheets", language, count=len(sealed))
    tenths = round(10 * sum(sums) / len(sums))
    return t("meetings.marks", language, count=len(sealed), mean=f"{tenths // 10}.{tenths % 10}")


def _marks(form: Any) -> int | None:
    marks = [
        entry["mark"]
        for value in form.values()
        if isinstance(value, dict)
        for entry in value.values()
        if isinstance(entry, dict) and entry.get("mark") is not None
    ]
    return sum(marks) if marks else None


def _documents(sight: Sight, item: Agendum) -> list[dict[str, str]]:
    """The newest file of each field."""
    newest: dict[str, Row] = {}
    for row in sorted(item.snapshot.table("documents"), key=lambda row: (row["uploaded_at"], row["id"])):
        newest[row["field"]] = row
    return [
        {
            "name": row["name"],
            "field": headed(
                act_label(item.definition, row["field"], sight.look.language), sight.look.language
            ),
            "href": url_for("documents.download", document_id=row["id"]),
        }
        for row in newest.values()
        if row["field"] != SCAN
    ]


def waiting_for(sight: Sight, item: Agendum) -> list[str]:
    """Who may vote and has not, for whoever leads the meeting."""
    if not (sight.leads and item.is_open):
        return []
    return sorted(sight.names.person(person) for person in item.electorate if owes(item, person))


def owes(item: Agendum, person: str) -> bool:
    """Whether a member's vote on a row is still to come."""
    voted = {ballot["person_id"] for ballot in item.ballots}
    return item.is_open and person in item.electorate and person not in voted


def on_paper(sight: Sight) -> list[Row]:
    """Those present whose vote the office may enter from paper."""
    reader = sight.look.rights.person
    return [
        row
        for row in sight.attendance
        if row["present"]
        and row["person_id"] != reader
        and any(owes(item, row["person_id"]) for item in sight.agenda)
    ]


# ───────────────────────────── The count, in words and numbers


def quorum_text(count: Count, language: str) -> str:
    """How many ballots are needed, how that follows, and how many there are."""
    key = "meetings.quorum_reached" if count.ballots >= count.quorum else "meetings.quorum_open"
    share = count.rules["quorum"].removeprefix("more than ")
    return t(key, language, members=count.members, share=share, quorum=count.quorum, ballots=count.ballots)


def majority_text(count: Count, language: str, *, told: bool) -> str:
    """What carries; with the numbers once they may be told."""
    share = count.rules["majority"]
    kind = "more" if share.startswith("more than ") else "least"
    named = share.removeprefix("more than ")
    if not told:
        return t(f"meetings.majority_{kind}", language, share=named)
    return t(
        f"meetings.counted_{kind}", language, share=named, agree=count.agree, refuse=count.refuse,
        abstain=count.abstain, both=count.agree + count.refuse,
    )  # fmt: skip


def result_text(item: Agendum, language: str) -> str:
    """What a round came to; nothing while it is open."""
    result = item.round["result"]
    if result is None:
        return "" if item.is_open else t("meetings.result.overtaken", language)
    return t(f"meetings.result.{result_name(result)}", language)


def result_name(result: str) -> str:
    """The result of a vote as it is called in a meeting, whatever task a vote that ended uncounted waits for."""
    return "more_time" if result.startswith(MORE_TIME_FOR) else result
