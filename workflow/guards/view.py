"""One act about to happen, as a guard sees it, and the reason a guard gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from workflow.blockers import Blocker, Rank
from workflow.days import evaluate
from workflow.definition.values.acts import Act, Need
from workflow.definition.values.days import Day
from workflow.snapshot import Row, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One act about to happen: the case, the form's values, and the circumstances. `after` is the case as it would be."""

    snapshot: Snapshot
    act: Act
    form: Mapping[str, Any]
    outcome: str | None
    effective_on: date
    at: datetime
    person: str | None = None
    """Who acts; None: nobody in person, such as the clock."""
    since: datetime | None = None
    """For an act of the clock, the instant its timer was due; None: the act takes effect when it is recorded."""
    after: Snapshot | None = None
    on_behalf_of: str | None = None
    """The person whose right the actor uses, as their delegate."""

    def day(self, day: Day) -> date | None:
        """A day of the file; form values come before stored ones, and today is the effective day."""
        return evaluate(day, self.snapshot.scope({**self.form, "today": self.effective_on}))

    def value(self, field: str) -> Any:
        """The value the case would have after the act; a field the form asks for and was left empty is empty then."""
        return self.form[field] if field in self.form else self.snapshot.stored(field)

    @property
    def partner(self) -> Row | None:
        given: Row | None = self.form.get("partner")
        return given if given is not None else self.snapshot.partner

    @property
    def college_ids(self) -> frozenset[str]:
        """The colleges taking part, the lead college among them."""
        lead = self.value("lead_college")
        return frozenset(filter(None, [lead, *(self.value("other_colleges") or ())]))

    @property
    def office(self) -> tuple[str, ...]:
        """The role that keeps calls, rights and what else an act may want mended."""
        return (self.snapshot.definition.import_.by,)

    def of_this_stay(self, table: str) -> list[Row]:
        """The living rows of a table that came since the case entered its state."""
        return [row for row in self.snapshot.living(table) if row["stay"] == self.snapshot.case["stay"]]


Guard = Callable[[View, Need], Iterator[Blocker]]


def blocker(need: Need, code: str, rank: Rank, **rest: Any) -> Blocker:
    """A reason on the ground of a need; `mend` and `from_on` are the blocker's own, the rest are its parameters."""
    mend = rest.pop("mend", ())
    from_on = rest.pop("from_on", None)
    return Blocker(code=code, basis=need.basis, rank=rank, params=rest, mend=tuple(mend), from_on=from_on)
