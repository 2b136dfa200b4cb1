"""What is under way in the demonstration: a proposal at every step of its route, two assessments, and a meeting.

Everything is done through the operations, by the people whose turn it is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case, Database, JointBase, Unit
from workflow import clock
from workflow.context import Actor, Context, Source
from workflow.definition.values.edition import Definition
from workflow.definition.values.routes import Choice
from workflow.forms import read_form
from workflow.operations import Receipt, open_case, perform
from workflow.operations.meetings import convene
from workflow.operations.papers import store_document
from workflow.operations.rounds import RoundAct, Stated, act_on_round, name_experts
from workflow.uploads import Upload
from workflow.world import current_edition

SHEET_OF_PAPER = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
SEEN = "见合作计划"
MARK = 85
PLACE = "行政楼三楼会议室"

OFFICE, CHAIR, GROUP = "office", "chair", "leading_group"
MEMBERS = (CHAIR, "member", "member2", "member3", "member4")
EXPERTS = ("expert1", "expert2", "expert3", "expert4", "expert5")
"""The panel of every case, two of them from outside the university; the others of the pool are free to take over a seat."""
SEALED_SO_FAR = 2
"""How many of a panel have sealed their sheets where it is still at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The demonstration's database, its edition, and its people by login."""

    database: Database
    definition: Definition
    people: Mapping[str, str]

    def act(self, login: str, work: Callable[[Session, Context], Any]) -> Any:
        """Let a person do something, in a transaction of its own."""
        with self.database.transaction() as session:
            ctx = Context(actor=Actor(person=self.people[login]), at=clock.now(session), source=Source.PAGE)
            return work(session, ctx)

    def decide(
        self, login: str, case_id: str, name: str, raw: Mapping[str, Any] | None = None, **more: Any
    ) -> None:
        """Let a person carry out an act. Raises RuntimeError where it is refused: the demonstration would be wrong."""
        form = read_form(self.definition, self.definition.acts[name], raw or {}, **more)
        self._done(
            login,
            case_id,
            lambda session, ctx, version: perform(
                session, case_id, name, form=form, version=version, ctx=ctx
            ),
        )

    def name_panel(self, case_id: str) -> None:
        people = [self.people[login] for login in EXPERTS]
        self._done(
            OFFICE,
            case_id,
            lambda session, ctx, version: name_experts(session, case_id, people, version=version, ctx=ctx),
        )

    def declare(self, login: str, case_id: str) -> None:
        """Let an expert say first that they have no conflict of interest."""
        act = RoundAct.DECLARE_NO_CONFLICT
        self._done(
            login,
            case_id,
            lambda session, ctx, version: act_on_round(
                session, case_id, act, Stated(), version=version, ctx=ctx
            ),
        )

    def hand_in(self, login: str, case_id: str, field: str, name: str) -> str:
        """Store a file that a form is to name."""
        upload = Upload(name=name, media_type="application/pdf", content=SHEET_OF_PAPER)
        stored: str = self.act(
            login, lambda session, ctx: store_document(session, case_id, field=field, upload=upload, ctx=ctx)
        )
        return stored

    def _done(self, login: str, case_id: str, work: Callable[[Session, Context, int], Any]) -> None:
        answer = self.act(
            login, lambda session, ctx: work(session, ctx, session.get_one(Case, case_id).version)
        )
        if not isinstance(answer, Receipt):
            raise RuntimeError(f"the demonstration was refused: {answer}")


def set_under_way(database: Database, people: Mapping[str, str], *, lifecycle: str) -> None:
    """File the proposals and bring each to its step, take two bases into their assessments, convene the meeting."""
    with database.reading() as session:
        town = Town(database=database, definition=current_edition(session, lifecycle)[1], people=people)
    known = tomllib.loads(files("web.demo").joinpath("under_way.toml").read_text(encoding="utf-8"))
    filed = [(proposal["at"], _filed(town, proposal)) for proposal in known["proposals"]]
    _in_midterm(town, **known["midterm"])
    _in_final(town, **known["final"])
    _convened(town, [case_id for at, case_id in filed if at == "selection"])


# ───────────────────────────── Proposals


def _filed(town: Town, proposal: Mapping[str, Any]) -> str:
    """Open a proposal, let whoever has the turn agree until it is at the step it is to wait at; return its case."""
    lifecycle = town.definition.name
    with town.database.reading() as session:
        unit_id = session.scalar(select(Unit.id).where(Unit.name == proposal["college"])) or ""
    case_id: str = town.act(
        proposal["leader"], lambda session, ctx: open_case(session, lifecycle, unit_id=unit_id, ctx=ctx)
    )
    for stage, go_on in WAY:
        if stage == proposal["at"]:
            break
        go_on(town, case_id, proposal)
    if proposal["at"] == "expert_review":
        _judged(town, case_id, "expert_review", _opinion(town), by=EXPERTS[:SEALED_SO_FAR])
    return case_id


def _submitted(town: Town, case_id: str, proposal: Mapping[str, Any]) -> None:
    with town.database.reading() as session:
        unit_id = session.scalar(select(Unit.id).where(Unit.name == proposal["college"]))
    raw = {
        "base_name": f"{proposal['partner']}研究生联合培养基地",
        "partner": {"name": proposal["partner"], "kind": proposal["kind"]},
        "lead_college": unit_id,
        "eligibility": _all_met(town),
        "cooperation_plan": town.hand_in(proposal["leader"], case_id, "cooperation_plan", "合作计划.pdf"),
    }
    town.decide(proposal["leader"], case_id, "submit", raw)


def _signed_by_college(town: Town, case_id: str, proposal: Mapping[str, Any]) -> None:
    town.decide(proposal["head"], case_id, "college_opinion", outcome=Choice.AGREE)


def _checked(town: Town, case_id: str, _proposal: Mapping[str, Any]) -> None:
    town.decide(OFFICE, case_id, "form_check", outcome=Choice.AGREE)


def _reviewed(town: Town, case_id: str, _proposal: Mapping[str, Any]) -> None:
    _judged(town, case_id, "expert_review", _opinion(town), by=EXPERTS)


def _voted(town: Town, case_id: str, _proposal: Mapping[str, Any]) -> None:
    for login in MEMBERS:
        town.decide(login, case_id, "selection", outcome=Choice.AGREE)


WAY: tuple[tuple[str, Callable[[Town, str, Mapping[str, Any]], None]], ...] = (
    ("draft", _submitted),
    ("college_opinion", _signed_by_college),
    ("form_check", _checked),
    ("expert_review", _reviewed),
    ("selection", _voted),
)
"""Where a proposal may wait, and what takes it on from there."""


def _opinion(town: Town) -> dict[str, Any]:
    return {"eligibility_opinion": _all_met(town)}


def _all_met(town: Town) -> dict[str, Any]:
    return {item: {"met": True, "note": SEEN} for item in town.definition.lists["eligibility"]}


def _judged(town: Town, case_id: str, step: str, sheet: Mapping[str, Any], *, by: tuple[str, ...]) -> None:
    """Name the panel, and let these of it seal the same sheet."""
    town.name_panel(case_id)
    for login in by:
        town.declare(login, case_id)
        town.decide(login, case_id, step, sheet, outcome=Choice.SCORE)


# ───────────────────────────── Assessments


def _in_midterm(town: Town, *, number: str, leader: str) -> None:
    """The office opens a mid-term by hand, and the report waits for the college."""
    case_id = _case(town, number)
    town.decide(OFFICE, case_id, "open_midterm")
    report = town.hand_in(leader, case_id, "progress_report_file", "进展报告.pdf")
    town.decide(leader, case_id, "progress_report", {"progress_report_file": report})


def _in_final(town: Town, *, number: str, leader: str, head: str) -> None:
    """The office opens a final assessment by hand; the college has signed, and some experts have sealed."""
    case_id = _case(town, number)
    town.decide(OFFICE, case_id, "open_final")
    report = town.hand_in(leader, case_id, "final_report_file", "结项报告.pdf")
    town.decide(leader, case_id, "final_report", {"final_report_file": report})
    town.decide(head, case_id, "final_college", outcome=Choice.AGREE)
    marks = {name: {"mark": MARK, "remark": SEEN} for name in town.definition.sheets["assessment"]}
    _judged(town, case_id, "final_experts", {"assessment": marks}, by=EXPERTS[:SEALED_SO_FAR])


def _case(town: Town, number: str) -> str:
    with town.database.reading() as session:
        return session.scalars(select(JointBase.case_id).where(JointBase.base_number == number)).one()


def _convened(town: Town, agenda: list[str]) -> None:
    """The office convenes the leading group over the proposals that are at its vote; everybody is there."""
    town.act(
        OFFICE,
        lambda session, ctx: convene(
            session, role=GROUP, held_on=ctx.today, place=PLACE, chair=town.people[CHAIR],
            present=[town.people[login] for login in MEMBERS], agenda=agenda, ctx=ctx,
        ),
    )  # fmt: skip
