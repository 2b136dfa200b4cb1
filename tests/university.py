"""A small university for tests: colleges, people in every role, a call, the calendar, and ways to move a base along.

Everything is done through the operations the product itself uses; only the people and units are set down directly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import insert

from models import (
    Blob,
    CalendarYear,
    Call,
    Case,
    Database,
    Duty,
    Edition,
    Grant,
    Holiday,
    Installation,
    Person,
    StoredDocument,
    Unit,
    new_key,
)
from workflow.context import Actor, Context, Source
from workflow.definition import load
from workflow.definition.values.edition import Definition
from workflow.forms import read_form
from workflow.operations import Receipt, Refusal, confirm, fire_due, open_case, perform
from workflow.operations.clockwork import Swept
from workflow.operations.rounds import RoundAct, Stated, act_on_round
from workflow.periods import BEIJING, seed_rows

ROUTED_FILE = Path(__file__).parent.parent / "workflow" / "lifecycles" / "base.toml"
"""The product's edition, in which decisions are reached by routes."""

SINGLE_FILE = Path(__file__).parent / "lifecycles" / "base_2024.toml"
"""The edition before it, in which each decision has one decider: what does not depend on routes is tested on it."""

People = Mapping[str, tuple[tuple[str, str | None], ...]]
"""name -> (role, unit) of the grants."""

UNITS = ("计算机学院", "药学院", "法学院")

BODIES: People = {
    "third_member": (("leading_group", None),),
    "fourth_member": (("leading_group", None),),
    "fifth_member": (("leading_group", None),),
    "near_expert": (("expert", None), ("college_officer", "计算机学院")),
    **{f"expert_{number}": (("expert", None),) for number in range(1, 7)},
}
"""More people, for decisions that several reach together: five members of the leading group, six experts of the pool."""

PEOPLE: People = {
    "leader": (("project_leader", "计算机学院"),),
    "other_leader": (("project_leader", "药学院"),),
    "head": (("college_head", "计算机学院"),),
    "other_head": (("college_head", "药学院"),),
    "officer": (("college_officer", "计算机学院"),),
    "office": (("base_office", None),),
    "second_office": (("base_office", None),),
    "member": (("leading_group", None),),
    "second_member": (("leading_group", None),),
    "auditor": (("auditor", None),),
    "administrator": (("administrator", None),),
    "expert": (("expert", None),),
    "partner": (),
    "stranger": (),
}

SIGNED = date(2026, 3, 10)
"""The day every life begins on: submitted, approved and signed. It follows that:

the mid-term opens on 2027-09-10, its report is due by 2027-11-09; the final opens on 2028-12-10; the cycle ends on
2029-03-10; the final report is due by 2029-05-09; an extended cycle ends on 2030-03-10.
"""

YEARS = (2026, 2027, 2028)
"""The years whose data the three years of a cycle ask for."""

CYCLE_OVER = date(2029, 3, 11)
EXTENSION_OVER = date(2030, 3, 11)
LATE_AGREEMENT_END = date(2031, 3, 9)
"""Far enough that no agreement ends during a life, extension included; within five years of signing."""


def instant(day: date, hour: int = 10, minute: int = 0) -> datetime:
    """An instant of a Beijing day, in UTC."""
    return datetime.combine(day, time(hour, minute), BEIJING).astimezone(UTC)


@cache
def _loaded(source: bytes) -> Definition:
    return load(source)


@cache
def _holidays() -> list[dict[str, Any]]:
    return [{"day": day, "kind": kind, "name": name} for day, kind, name in seed_rows()]


@dataclass(kw_only=True)
class University:
    """A database with people and one published edition; `at` is the instant acts happen."""

    database: Database
    at: datetime = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
    people: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    edition_id: str = ""
    proposals: int = 0
    """How many proposals were written; each names another partner unless one is given."""

    # ── setting it up

    @classmethod
    def founded(
        cls,
        database: Database,
        *,
        file: Path = SINGLE_FILE,
        more: People = MappingProxyType({}),
    ) -> University:
        """Set down units, people, grants, the calendar, a call for 2026 and the edition in `file`."""
        source = file.read_bytes()
        here = cls(database=database, definition=_loaded(source))
        here.units = {name: new_key() for name in UNITS}
        here.people = {name: new_key() for name in {**PEOPLE, **more}}
        here.edition_id = new_key()
        with database.transaction() as session:
            for model, rows in here._first_rows(source, {**PEOPLE, **more}):
                session.execute(insert(model), rows)
        return here

    def _first_rows(self, source: bytes, people: People) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
        """What is there at the beginning, table by table, as plain rows: hundreds of tests begin so."""
        start, lifecycle = datetime(2020, 1, 1, tzinfo=UTC), self.definition.name
        yield Installation, [{"name": "revision", "value": 1}]
        edition = {"id": self.edition_id, "label": self.definition.edition, "sha256": self.definition.sha256}
        yield Edition, [{**edition, "lifecycle": lifecycle, "source": source.decode(), "published_at": start}]
        yield Unit, [{"id": key, "kind": "college", "name": name} for name, key in self.units.items()]
        yield (
            Person,
            [
                {
                    "id": key,
                    "staff_number": f"N-{name}",
                    "name": name,
                    "email": f"{name}@example.org",
                    "created_at": start,
                }
                for name, key in self.people.items()
            ],
        )
        yield (
            Grant,
            [
                {
                    "id": new_key(),
                    "person_id": self.people[name],
                    "role": role,
                    "from_on": start.date(),
                    "unit_id": self.units[unit] if unit else None,
                }
                for name, grants in people.items()
                for role, unit in grants
            ],
        )
        days = {"opens_on": date(2026, 3, 1), "closes_on": date(2026, 12, 31)}
        yield Call, [{"id": new_key(), "lifecycle": lifecycle, "year": 2026, **days}]
        yield Holiday, _holidays()
        yield (
            CalendarYear,
            [{"year": year, "source": "seed", "loaded_at": start} for year in range(2004, 2027)],
        )

    definition: Any = None

    # ── acting

    def ctx(self, who: str, *, at: datetime | None = None, key: str | None = None) -> Context:
        return Context(actor=Actor(person=self.people[who]), at=at or self.at, source=Source.PAGE, key=key)

    def open(self, who: str = "leader", unit: str = "计算机学院") -> str:
        with self.database.transaction() as session:
            return open_case(session, self.definition.name, unit_id=self.units[unit], ctx=self.ctx(who))

    def document(self, case_id: str, field_name: str, content: bytes = b"%PDF-1.4 test") -> str:
        """Store a document on a case, as an upload would."""
        digest = hashlib.sha256(content).hexdigest()
        document_id = new_key()
        with self.database.transaction() as session:
            if session.get(Blob, digest) is None:
                session.add(Blob(sha256=digest, content=content))
                session.flush()
            session.add(
                StoredDocument(
                    id=document_id,
                    case_id=case_id,
                    field=field_name,
                    name=f"{field_name}.pdf",
                    media_type="application/pdf",
                    size=len(content),
                    sha256=digest,
                    uploaded_at=self.at,
                )
            )
        return document_id

    def act(
        self,
        case_id: str,
        name: str,
        who: str,
        *,
        outcome: str | None = None,
        effective_on: date | None = None,
        confirmed: tuple[str, ...] = (),
        version: int | None = None,
        key: str | None = None,
        on_behalf_of: str | None = None,
        **raw: Any,
    ) -> Receipt | Refusal:
        """Perform an act with raw form values, on the present version unless another is named; perhaps for somebody else."""
        form = read_form(
            self.definition,
            self.definition.acts[name],
            raw,
            outcome=outcome,
            effective_on=effective_on,
            confirmed=confirmed,
        )
        form = replace(form, on_behalf_of=self.people[on_behalf_of] if on_behalf_of else None)
        seen = version if version is not None else self.case(case_id).version
        if outcome == "seal":
            self.declare(case_id, who)
        return self.database.run(
            lambda session: perform(
                session, case_id, name, form=form, version=seen, ctx=self.ctx(who, key=key)
            )
        )

    def declare(self, case_id: str, who: str) -> Receipt | Refusal:
        """Let an expert say that they have no conflict of interest, as they must before they seal a sheet."""
        version, act = self.case(case_id).version, RoundAct.DECLARE_NO_CONFLICT
        return self.database.run(
            lambda session: act_on_round(session, case_id, act, Stated(), version=version, ctx=self.ctx(who))
        )

    def done(self, case_id: str, name: str, who: str, **rest: Any) -> Receipt:
        """The same, and it must succeed."""
        answer = self.act(case_id, name, who, **rest)
        assert isinstance(answer, Receipt), answer
        return answer

    def refused(self, case_id: str, name: str, who: str, **rest: Any) -> list[str]:
        """The same, and it must be refused; return the codes of the reasons, in the order they are shown."""
        answer = self.act(case_id, name, who, **rest)
        assert isinstance(answer, Refusal), answer
        return (
            ["stale"]
            if answer.stale is not None
            else [blocker.code for blocker in (*answer.blockers, *answer.warnings)]
        )

    def assign(self, case_id: str, role: str, who: str) -> None:
        """Set down a duty of a person on a case, as the office would."""
        with self.database.transaction() as session:
            session.add(
                Duty(
                    id=new_key(),
                    case_id=case_id,
                    role=role,
                    person_id=self.people[who],
                    from_on=date(2020, 1, 1),
                )
            )

    def confirmed(self, case_id: str, who: str) -> Receipt | Refusal:
        """Confirm the open proposal of a case."""
        from sqlalchemy import select

        from models import PendingAct

        with self.database.transaction() as session:
            pending = session.scalar(
                select(PendingAct.id).where(PendingAct.case_id == case_id, PendingAct.status == "open")
            )
            assert pending is not None
            return confirm(
                session, pending, version=session.get_one(Case, case_id).version, ctx=self.ctx(who)
            )

    def sweep(self, at: datetime, *, limit: int = 100) -> Swept:
        """Look at the due timers at an instant until none is left, as one scheduler would."""
        self.at = max(self.at, at)
        ctx = Context(actor=Actor(system="sweep"), at=at, source=Source.TIMER)
        total = Swept()
        while True:
            with self.database.transaction() as session:
                swept = fire_due(session, ctx=ctx, limit=limit)
            if swept.cases == 0:
                return total
            total += swept

    def on(self, day: date, hour: int = 10) -> University:
        """Set the instant at which people act from now on; it may lie before an earlier one, for another case."""
        self.at = instant(day, hour)
        return self

    def tick(self, case_id: str, day: date, hour: int = 0) -> None:
        """Let one case's due timers take effect at an hour of a Beijing day, and people act then."""
        self.on(day, hour)
        ctx = Context(actor=Actor(system="sweep"), at=self.at, source=Source.TIMER)
        while True:
            with self.database.transaction() as session:
                swept = fire_due(session, ctx=ctx, limit=1, case_id=case_id)
            if swept.fired == swept.reminded == 0:
                return

    def case(self, case_id: str) -> Case:
        with self.database.reading() as session:
            return session.get_one(Case, case_id)

    def state(self, case_id: str) -> str:
        return self.case(case_id).state

    # ── the forms of the base's life

    def proposal(
        self,
        case_id: str,
        *,
        partner: str | None = None,
        code: str | None = None,
        unit: str = "计算机学院",
        others: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        items = self.definition.lists["eligibility"]
        if partner is None:
            partner = f"水城{self.proposals:04d}号研究院" if self.proposals else "水城人民医院"
            self.proposals += 1
        return {
            "base_name": f"{partner}研究生联合培养基地",
            "partner": {"name": partner, "kind": "public_institution", "credit_code": code or ""},
            "lead_college": self.units[unit],
            "other_colleges": [self.units[name] for name in others],
            "eligibility": {name: {"met": True, "note": "evidence"} for name in items},
            "cooperation_plan": self.document(case_id, "cooperation_plan"),
        }

    def agreement(
        self, case_id: str, *, first: date = SIGNED, last: date = date(2030, 3, 9)
    ) -> dict[str, Any]:
        return {
            "agreement_number": "XY-1",
            "signed_on": first.isoformat(),
            "agreement_first_day": first.isoformat(),
            "agreement_last_day": last.isoformat(),
            "agreement_scan": self.document(case_id, "agreement_scan"),
            "contact_person": "Zhang San",
            "contact_phone": "13000000000",
        }

    # ── a case put into each state, by real operations

    def reach(self, state: str, **rest: Any) -> str:
        """Put a fresh case into a state and leave the clock at the moment its next decision is due."""
        self.on(SIGNED)
        ways = {
            "draft": self.sent_back,
            "proposed": self.proposed,
            "approved": self.approved,
            "agreement_signed": self.signed,
            "midterm": self.in_midterm,
            "midterm_assessed": self.midterm_assessed,
            "final": self.in_final,
            "extended": self.extended,
            "rectification": self.in_rectification,
            "certified": self.certified,
            "not_approved": self.not_approved,
            "withdrawn": self.withdrawn,
            "revoked": self.revoked,
            "lapsed": self.lapsed,
            "exited": self.exited,
        }
        case_id = ways[state](**rest)
        assert self.state(case_id) == state
        return case_id

    def proposed(self, *, who: str = "leader", unit: str = "计算机学院", **rest: Any) -> str:
        case_id = self.open(who, unit)
        self.done(case_id, "submit", who, **self.proposal(case_id, unit=unit, **rest))
        return case_id

    def sent_back(self, **rest: Any) -> str:
        case_id = self.proposed(**rest)
        self.done(case_id, "send_back", "head", reasons_by_field={"base_name": "too long"})
        return case_id

    def not_approved(self, **rest: Any) -> str:
        case_id = self.proposed(**rest)
        self.done(case_id, "reject", "member", reason="not this year")
        return case_id

    def withdrawn(self, **rest: Any) -> str:
        case_id = self.proposed(**rest)
        self.done(case_id, "withdraw", rest.get("who", "leader"))
        return case_id

    def approved(self, **rest: Any) -> str:
        case_id = self.proposed(**rest)
        self.done(case_id, "approve", "member")
        return case_id

    def signed(self, *, last: date = date(2030, 3, 9), **rest: Any) -> str:
        case_id = self.approved(**rest)
        short = ("agreement_ends_before",) if last < CYCLE_OVER else ()
        self.done(case_id, "sign_agreement", "office", confirmed=short, **self.agreement(case_id, last=last))
        return case_id

    def exited(self, **rest: Any) -> str:
        case_id = self.signed(**rest)
        self.done(
            case_id,
            "exit",
            "office",
            reason="both agreed",
            exit_agreement=self.document(case_id, "exit_agreement"),
        )
        return case_id

    def lapsed(self, *, last: date = date(2027, 3, 9), **rest: Any) -> str:
        case_id = self.signed(last=last, **rest)
        self.tick(case_id, date.fromordinal(last.toordinal() + 1))
        return case_id

    def in_midterm(self, *, years: tuple[int, ...] = YEARS, first_year: int = 25, **rest: Any) -> str:
        """In the mid-term assessment, with the data of 2026 handed in where that is one of the years."""
        case_id = self.signed(**{"last": LATE_AGREEMENT_END, **rest})
        if 2026 in years:
            self.yearly(case_id, 2026, students=first_year, awards=0)
        self.tick(case_id, date(2027, 9, 10))
        self.on(date(2027, 9, 20))
        return case_id

    def midterm_assessed(self, **rest: Any) -> str:
        case_id = self.in_midterm(**rest)
        report = self.document(case_id, "progress_report_file")
        self.done(case_id, "progress_report", rest.get("who", "leader"), progress_report_file=report)
        self.done(case_id, "conclude_midterm", "office", outcome="passed", opinion="on the way")
        return case_id

    def in_final(self, *, years: tuple[int, ...] = YEARS, **rest: Any) -> str:
        """In the final assessment, with these years' data handed in, on the day after the cycle's last."""
        case_id = self.midterm_assessed(years=years, **rest)
        if 2027 in years:
            self.yearly(case_id, 2027)
        self.tick(case_id, date(2028, 12, 10))
        if 2028 in years:
            self.yearly(case_id, 2028)
        self.tick(case_id, CYCLE_OVER)
        return case_id

    def applied(self, **rest: Any) -> str:
        """In the final assessment, with an application for an extension."""
        case_id = self.in_final(**rest)
        application = self.document(case_id, "extension_application")
        self.done(case_id, "final_report", rest.get("who", "leader"), extension_application=application)
        return case_id

    def extended(self, **rest: Any) -> str:
        case_id = self.applied(**rest)
        self.done(case_id, "extend", "member", confirmed=("agreement_ends_before",))
        return case_id

    def in_extended_final(self, **rest: Any) -> str:
        """Back in the final assessment after an extension, on the day after the extended cycle's last."""
        case_id = self.extended(**rest)
        self.tick(case_id, date(2029, 12, 10))
        self.yearly(case_id, 2029)
        self.tick(case_id, EXTENSION_OVER)
        return case_id

    def in_rectification(self, **rest: Any) -> str:
        case_id = self.in_final(**rest)
        self.done(
            case_id,
            "order_rectification",
            "member",
            outcome="unqualified",
            reason="too few students",
            rectify_by="2029-09-10",
        )
        return case_id

    def evidence(self, case_id: str, who: str = "leader") -> None:
        self.done(
            case_id, "evidence", who, rectification_report=self.document(case_id, "rectification_report")
        )

    def certified(self, **rest: Any) -> str:
        case_id = self.in_final(**rest)
        self.done(case_id, "certify", "member", outcome="qualified", **self.verdict(case_id))
        return case_id

    def revoked(self, **rest: Any) -> str:
        case_id = self.in_rectification(**rest)
        self.evidence(case_id, rest.get("who", "leader"))
        self.on(CYCLE_OVER, 12)
        self.revoke(case_id)
        return case_id

    def revoke(self, case_id: str) -> None:
        """Revoke with both persons."""
        self.done(case_id, "revoke", "member", reason="not met", clawback=False)
        answer = self.confirmed(case_id, "office")
        assert isinstance(answer, Receipt), answer

    # ── forms of the later life

    def yearly(
        self,
        case_id: str,
        year: int,
        *,
        students: int = 25,
        awards: int = 2,
        on: date | None = None,
        who: str = "leader",
    ) -> None:
        """Hand in a year's data on 15 January after it, unless another day is given."""
        self.tick(case_id, on or date(year + 1, 1, 15), 10)
        self.done(case_id, "yearly_data", who, students_half_year=students, awards_won=awards)

    def verdict(self, case_id: str, *, met: tuple[str, ...] | None = None) -> dict[str, Any]:
        """What a certification states: the plaque's number and the criteria judged, all met unless some are named."""
        names = [item for name in ("qualified", "excellent") for item in self.definition.lists[name]]
        judged = names if met is None else met
        return {
            "plaque_number": f"P-{case_id[:8]}",
            "criteria": {name: {"met": name in judged, "note": "seen"} for name in names},
        }

    def renewal(self, case_id: str, *, signed: date, last: date, number: str = "XY-2") -> dict[str, Any]:
        return {
            "agreement_number": number,
            "signed_on": signed.isoformat(),
            "agreement_last_day": last.isoformat(),
            "agreement_scan": self.document(case_id, "agreement_scan", b"%PDF-1.4 renewal"),
        }


Founding = Callable[[Database], University]
"""How a university is founded in an empty database."""
