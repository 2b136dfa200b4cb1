"""What must never be false of a ledger's rows, each by itself and among each other.

One cause gives one fault: a cell already at fault takes no part in a further comparison.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from workflow.identity import canonical_code, canonical_name, code_problems
from workflow.ledger.cells import renewal_of
from workflow.ledger.days import Span
from workflow.ledger.rows import Fault, LedgerRow
from workflow.ledger.words import (
    STUDENTS,
    catalogue,
    leading_heading,
    leading_word,
    state_rules,
)

# What has happened lies on or before today; what has been agreed or ordered may lie ahead.
HAPPENED = ("approved_on", "signed_on", "final_on", "plaque_on")
_BASE_NUMBER = re.compile(r"LP\d{4}-\d{3,}")


@dataclass(slots=True, kw_only=True)
class RowReading:
    """One row while it is being read: values by field, and what was found wrong so far.

    `troubled` are the fields a fault has been told of; `places` give heading and cell of each field.
    `complete`: the sheet has every column a row cannot be without. `living`: the base lives on in its state.
    """

    sheet: str
    row: int
    complete: bool
    living: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    days: dict[str, Span] = field(default_factory=dict)
    places: dict[str, tuple[str, str]] = field(default_factory=dict)
    troubled: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Tell whether the row can be taken."""
        return self.complete and not self.faults

    def title(self, name: str) -> str:
        """Give the heading of a field as the file writes it."""
        return self.places[name][0] if name in self.places else leading_heading(name)

    def lacks(self, name: str) -> bool:
        """Tell whether a field is empty and no fault says why."""
        return name not in self.values and name not in self.troubled

    def fault(self, name: str, code: str, **params: str) -> None:
        """Note that a field keeps the row out."""
        self.troubled.add(name)
        self.faults.append(self._note(name, code, params))

    def warn(self, name: str, code: str, **params: str) -> None:
        """Note that a person should look at a field; the row is taken."""
        self.warnings.append(self._note(name, code, params))

    def take_day(self, name: str, span: Span, *, written: str) -> None:
        """Take a day; of a month without its day the last one counts, with a warning."""
        self.days[name] = span
        self.values[name] = span.last
        if span.month_only:
            self.warn(name, "month_only", value=written, day=span.last.isoformat())

    def finished(self) -> LedgerRow:
        """Give the row as read; only for one without faults."""
        students = {
            int(name.partition(":")[2]): count
            for name, count in self.values.items()
            if name.startswith(f"{STUDENTS}:")
        }
        taken: dict[str, Any] = {name: self.values.get(name) for name in LedgerRow.__dataclass_fields__}
        return LedgerRow(
            **taken
            | {
                "sheet": self.sheet,
                "row": self.row,
                "students": students,
                "other_colleges": self.values.get("other_colleges", ()),
                "programmes": self.values.get("programmes", ()),
                "renewal_note": self.values.get("renewal_note", ""),
                "remark": self.values.get("remark", ""),
                "funding_fen": self.values.get("funding"),
                "approximate": frozenset(name for name, span in self.days.items() if span.month_only),
            }
        )

    def _note(self, name: str, code: str, params: dict[str, str]) -> Fault:
        cell = self.places.get(name, ("", ""))[1]
        return Fault(
            sheet=self.sheet,
            row=self.row,
            column=self.title(name),
            cell=cell,
            code=code,
            params=params,
        )


def check_rows(rows: Sequence[RowReading], *, today: date) -> None:
    """Add to every row what is wrong with it."""
    for row in rows:
        for check in _ROW_CHECKS:
            check(row)
        _check_order(row, today)
        _check_future(row, today)
        _check_state(row, today)
    _check_numbers(rows)
    _check_living(rows)
    _check_codes(rows)


# ───────────────────────────── One row by itself


def _check_required(row: RowReading) -> None:
    for name in catalogue()["required"]:
        if name in row.places and row.lacks(name):
            row.fault(name, "missing")


def _check_wanted(row: RowReading) -> None:
    for name in catalogue()["wanted"]:
        if name in row.places and row.lacks(name):
            row.warn(name, "value_missing")


def _assume_terms(row: RowReading) -> None:
    """Fill what an empty cell means (Art. 4, 21), and say so."""
    for name, code in catalogue()["assumed"].items():
        if row.lacks(name):
            row.values[name] = code
            said = leading_word(name, code) if name in catalogue()["words"] else code
            row.warn(name, "value_assumed", value=said)


def _check_base_number(row: RowReading) -> None:
    number = row.values.get("base_number")
    if number and not _BASE_NUMBER.fullmatch(number):
        row.warn("base_number", "unusual_base_number", value=number)


def _check_credit_code(row: RowReading) -> None:
    """Take the first problem that keeps the code out; a wrong check digit is for a person to look at."""
    code = row.values.get("credit_code")
    problems = code_problems(code) if code else []
    hard = [problem for problem in problems if not problem.is_warning]
    if hard:
        row.fault("credit_code", f"code_{hard[0]}", value=str(code))
    elif problems:
        row.warn("credit_code", f"code_{problems[0]}", value=str(code))


def _check_year(row: RowReading) -> None:
    year, day = row.values.get("project_year"), row.values.get("approved_on")
    if year and day and year != day.year:
        row.warn("project_year", "year_differs", value=str(year), day=day.isoformat())


def _read_renewal(row: RowReading) -> None:
    note = row.values.get("renewal_note", "")
    renewed = renewal_of(note)
    row.values["renewed"] = bool(renewed)
    if renewed is None:
        row.warn("renewal_note", "renewal_unclear", value=note)


def _read_timeliness(row: RowReading) -> None:
    if (word := row.values.get("data_on_time")) is not None:
        row.values["data_on_time"] = word == "yes"


def _drop_lead_from_others(row: RowReading) -> None:
    lead, others = row.values.get("lead_college"), row.values.get("other_colleges", ())
    row.values["other_colleges"] = tuple(college for college in others if college != lead)


_ROW_CHECKS: tuple[Callable[[RowReading], None], ...] = (
    _check_required,
    _check_wanted,
    _assume_terms,
    _check_base_number,
    _check_credit_code,
    _check_year,
    _read_renewal,
    _read_timeliness,
    _drop_lead_from_others,
)


def _check_order(row: RowReading, today: date) -> None:
    """Compare days in pairs; a pair in the wrong order is told once, at the cell more likely wrong."""
    for rule in catalogue()["order"]:
        names = (rule["earlier"], rule["later"])
        if row.troubled & set(names) or not row.days.keys() >= set(names):
            continue
        earlier, later = (row.days[name] for name in names)
        if earlier.first > later.last:
            _tell_order(row, rule, today)


def _tell_order(row: RowReading, rule: dict[str, str], today: date) -> None:
    earlier, later = rule["earlier"], rule["later"]
    # A day that has happened cannot lie ahead, so that cell is wrong whatever the other one holds.
    blamed = earlier if earlier in HAPPENED and row.days[earlier].first > today else later
    row.fault(
        blamed,
        rule["code"],
        earlier=row.title(earlier),
        earlier_day=row.values[earlier].isoformat(),
        later=row.title(later),
        later_day=row.values[later].isoformat(),
    )
    row.troubled |= {earlier, later}


def _check_future(row: RowReading, today: date) -> None:
    for name in HAPPENED:
        span = row.days.get(name)
        if span and name not in row.troubled and span.first > today:
            row.fault(
                name,
                "day_in_future",
                day=span.first.isoformat(),
                today=today.isoformat(),
            )


def _check_state(row: RowReading, today: date) -> None:
    """Hold the row against what its state cannot be without, then settle the state itself."""
    if "state" not in row.values:
        return
    state = row.values["state"]
    _check_needs(row, state)
    _check_grade(row, state)
    _check_past(row, state, today)
    rules = state_rules(state)
    row.living = rules["living"]
    if "after_midterm" in rules and "midterm_result" in row.values:
        row.values["state"] = rules["after_midterm"]


def _check_needs(row: RowReading, state: str) -> None:
    rules, said = state_rules(state), leading_word("state", state)
    for name in rules.get("needs", []):
        if row.lacks(name):
            row.fault(name, "missing_for_state", state=said)
    for name in rules.get("wants", []):
        if row.lacks(name):
            row.warn(name, "value_missing")
    if rules.get("before_agreement"):
        for name in ("signed_on", "agreement_last_day"):
            if name in row.values:
                row.warn(name, "agreement_before_state", state=said)


def _check_grade(row: RowReading, state: str) -> None:
    grade, grades = row.values.get("final_grade"), state_rules(state).get("grades")
    if grade and grades and grade not in grades:
        said = leading_word("final_grade", grade)
        row.fault(
            "final_grade",
            "grade_does_not_fit",
            state=leading_word("state", state),
            value=said,
        )


def _check_past(row: RowReading, state: str, today: date) -> None:
    for name in state_rules(state).get("past", []):
        span = row.days.get(name)
        if span and name not in row.troubled and span.first >= today:
            row.fault(
                name,
                "day_not_past",
                state=leading_word("state", state),
                day=span.first.isoformat(),
                today=today.isoformat(),
            )


# ───────────────────────────── The rows among each other


def _check_numbers(rows: Sequence[RowReading]) -> None:
    """A base number stands once; the later row is at fault."""
    first: dict[str, RowReading] = {}
    for row in rows:
        number = row.values.get("base_number")
        if number is None:
            continue
        other = first.setdefault(number, row)
        if other is not row:
            row.fault("base_number", "duplicate_base_number", value=number, **_place_of(other))


def _check_living(rows: Sequence[RowReading]) -> None:
    """One partner has one living base with one lead college; the partner is known by code or by name."""
    first: dict[tuple[str, str, str], RowReading] = {}
    for row in rows:
        if "base_number" in row.troubled or not row.living:
            continue
        others = [first.setdefault(key, row) for key in _partnership(row)]
        other = next((other for other in others if other is not row), None)
        if other is not None:
            row.fault("partner_name", "duplicate_living_base", **_place_of(other))


def _check_codes(rows: Sequence[RowReading]) -> None:
    """A code under two partners' names is for a person to look at: they will be taken as one partner."""
    first: dict[str, RowReading] = {}
    for row in rows:
        code, name = row.values.get("credit_code"), row.values.get("partner_name")
        if code is None or name is None or "credit_code" in row.troubled:
            continue
        other = first.setdefault(canonical_code(code), row)
        if canonical_name(other.values["partner_name"]) != canonical_name(name):
            row.warn("credit_code", "code_of_another_name", value=code, **_place_of(other))


def _partnership(row: RowReading) -> list[tuple[str, str, str]]:
    name, code, college = (row.values.get(key) for key in ("partner_name", "credit_code", "lead_college"))
    if not name or not college:
        return []
    keys = [("name", canonical_name(name), canonical_name(college))]
    if code and "credit_code" not in row.troubled:
        keys.append(("code", canonical_code(code), canonical_name(college)))
    return keys


def _place_of(row: RowReading) -> dict[str, str]:
    return {"other_sheet": row.sheet, "other_row": str(row.row)}
