"""A small university for tests: colleges, people in every role, a call, the calendar, and ways to move a base along.

Everything is done through the operations the product itself uses; only the people and units are set down directly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from models import (
    Blob,
    CalendarYear,
    Call,
    Case,
    Database,
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
from workflow.forms import read_form
from workflow.operations import Receipt, Refusal, confirm, fire_due, open_case, perform
from workflow.operations.clockwork import Swept
from workflow.periods import seed_rows

BASE_FILE = Path(__file__).parent.parent / "workflow" / "lifecycles" / "base.toml"

PEOPLE: Mapping[str, tuple[tuple[str, str | None], ...]] = {
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
    "stranger": (),
}
"""name -> (role, unit) of the grants."""

SIGNED = date(2026, 3, 10)


@dataclass(kw_only=True)
class University:
    """A database with people and one published edition; `at` is the instant acts happen."""

    database: Database
    at: datetime = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
    people: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    edition_id: str = ""

    # ── setting it up

    @classmethod
    def founded(cls, database: Database, *, file: Path = BASE_FILE) -> University:
        """Set down units, people, grants, the calendar, a call for 2026 and the edition in `file`."""
        here = cls(database=database)
        source = file.read_bytes()
        definition = load(source)
        start = datetime(2020, 1, 1, tzinfo=UTC)
        with database.transaction() as session:
            session.add(Installation(name="revision", value=1))
            edition = Edition(
                id=new_key(), lifecycle=definition.name, label=definition.edition, sha256=definition.sha256,
                source=source.decode(), published_at=start,
            )
            session.add(edition)
            here.edition_id = edition.id
            for name in ("计算机学院", "药学院", "法学院"):
                unit = Unit(id=new_key(), kind="college", name=name)
                here.units[name] = unit.id
                session.add(unit)
            session.flush()
            for name, grants in PEOPLE.items():
                person = Person(id=new_key(), staff_number=f"N-{name}", name=name, email=f"{name}@example.org", created_at=start)
                here.people[name] = person.id
                session.add(person)
                session.flush()
                for role, unit_name in grants:
                    session.add(
                        Grant(
                            id=new_key(), person_id=person.id, role=role, from_on=date(2020, 1, 1),
                            unit_id=here.units[unit_name] if unit_name else None,
                        )
                    )
            session.add(Call(id=new_key(), lifecycle=definition.name, year=2026, opens_on=date(2026, 3, 1), closes_on=date(2026, 12, 31)))
            session.add_all(Holiday(day=day, kind=kind, name=name) for day, kind, name in seed_rows())
            session.add_all(CalendarYear(year=year, source="seed", loaded_at=start) for year in range(2004, 2027))
        here.definition = definition
        return here

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
                    id=document_id, case_id=case_id, field=field_name, name=f"{field_name}.pdf", media_type="application/pdf",
                    size=len(content), sha256=digest, uploaded_at=self.at,
                )
            )
        return document_id

    def act(
        self, case_id: str, name: str, who: str, *, outcome: str | None = None, effective_on: date | None = None,
        confirmed: tuple[str, ...] = (), version: int | None = None, key: str | None = None, **raw: Any,
    ) -> Receipt | Refusal:
        """Perform an act with raw form values, on the present version unless another is named."""
        form = read_form(
            self.definition, self.definition.acts[name], raw, outcome=outcome, effective_on=effective_on, confirmed=confirmed
        )
        seen = version if version is not None else self.case(case_id).version
        return self.database.run(
            lambda session: perform(session, case_id, name, form=form, version=seen, ctx=self.ctx(who, key=key))
        )

    def done(self, case_id: str, name: str, who: str, **rest: Any) -> Receipt:
        """The same, and it must succeed."""
        answer = self.act(case_id, name, who, **rest)
        assert isinstance(answer, Receipt), answer
        return answer

    def confirmed(self, case_id: str, who: str) -> Receipt | Refusal:
        """Confirm the open proposal of a case."""
        from sqlalchemy import select

        from models import PendingAct

        with self.database.transaction() as session:
            pending = session.scalar(select(PendingAct.id).where(PendingAct.case_id == case_id, PendingAct.status == "open"))
            assert pending is not None
            return confirm(session, pending, version=session.get_one(Case, case_id).version, ctx=self.ctx(who))

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

    def case(self, case_id: str) -> Case:
        with self.database.reading() as session:
            return session.get_one(Case, case_id)

    def state(self, case_id: str) -> str:
        return self.case(case_id).state

    # ── the forms of the base's life

    def proposal(self, case_id: str, *, partner: str = "水城人民医院", code: str | None = None, unit: str = "计算机学院") -> dict[str, Any]:
        items = self.definition.lists["eligibility"]
        return {
            "base_name": f"{partner}研究生联合培养基地",
            "partner": {"name": partner, "kind": "public_institution", "credit_code": code or ""},
            "lead_college": self.units[unit],
            "eligibility": {name: {"met": True, "note": "evidence"} for name in items},
            "cooperation_plan": self.document(case_id, "cooperation_plan"),
        }

    def agreement(self, case_id: str, *, first: date = SIGNED, last: date = date(2030, 3, 9)) -> dict[str, Any]:
        return {
            "agreement_number": "XY-1", "signed_on": first.isoformat(), "agreement_first_day": first.isoformat(),
            "agreement_last_day": last.isoformat(), "agreement_scan": self.document(case_id, "agreement_scan"),
            "contact_person": "Zhang San", "contact_phone": "13000000000",
        }

    def proposed(self, *, who: str = "leader", unit: str = "计算机学院", **rest: Any) -> str:
        case_id = self.open(who, unit)
        self.done(case_id, "submit", who, **self.proposal(case_id, unit=unit, **rest))
        return case_id

    def approved(self, **rest: Any) -> str:
        case_id = self.proposed(**rest)
        self.done(case_id, "approve", "member")
        return case_id

    def signed(self, *, last: date = date(2030, 3, 9), **rest: Any) -> str:
        case_id = self.approved(**rest)
        self.done(case_id, "sign_agreement", "office", **self.agreement(case_id, last=last))
        return case_id
