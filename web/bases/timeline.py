"""How long a base was in which state, and what moved it: a sentence, a bar and a table, to whoever sees the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, url_for
from flask_login import current_user

from web import pages
from web.bases.heading import top
from web.decisions.saying import who_of
from web.pages import Look
from web.words import t
from workflow import queries
from workflow.definition.values.edition import Definition
from workflow.explain.entries import entry_title
from workflow.explain.names import badge_of
from workflow.operations.deeds import READERS_OF_THE_LOG
from workflow.periods import beijing_day
from workflow.snapshot import Row
from workflow.stays import Spent, Stay, stays_of, time_spent

blueprint = Blueprint("base_timeline", __name__)

NARROWEST = 8
"""Per cent of the bar a part must have for its number to fit in on a phone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was read for the page."""

    look: Look
    definition: Definition
    stays: Sequence[Stay]
    may_read_log: bool

    @property
    def counted(self) -> list[Stay]:
        return [stay for stay in self.stays if stay.counts]

    @property
    def first(self) -> date:
        return self.counted[0].from_on

    @property
    def last(self) -> date:
        """The day the base came to its end, or today."""
        stay = self.counted[-1]
        return stay.from_on if self.is_final(stay) else self.look.ctx.today

    def is_final(self, stay: Stay) -> bool:
        return self.definition.states[stay.state].end

    def days(self, stay: Stay) -> int | None:
        """The days a stay counts; None for one that was undone and for the end."""
        return stay.days(self.look.ctx.today) if stay.counts and not self.is_final(stay) else None


@blueprint.get("/bases/<uuid:case_id>/timeline")
def show(case_id: UUID) -> str:
    """Every stay of a base in a state, with its days, and the days of each state in all."""
    with pages.looking() as look:
        case = pages.case_seen(look, str(case_id), None)
        known = Known(
            look=look,
            definition=case.definition,
            stays=stays_of(queries.moves_of(look.session, str(case_id))),
            may_read_log=bool(current_user.roles & {*READERS_OF_THE_LOG}),
        )
        sentence = _sentence(known)
        return render_template(
            "bases/timeline.html",
            case_id=str(case_id),
            sentence=sentence,
            bar=_bar(known, sentence),
            stays=_rows(known),
            may_read_log=known.may_read_log,
            **top(look, case),
        )


def _sentence(known: Known) -> str:
    language, today, present = known.look.language, known.look.ctx.today, known.counted[-1]
    ends = frozenset(name for name, state in known.definition.states.items() if state.end)
    spent = [one for one in time_spent(known.stays, today=today, ends=ends) if one.days]
    key = "ended" if known.is_final(present) else "lasting" if spent else "new"
    return t(
        f"timeline.{key}",
        language,
        first=known.first,
        last=known.last,
        count=(known.last - known.first).days,
        spent=[_spent(known, one) for one in spent],
        state=known.definition.states[present.state].label,
        days=present.days(today),
    )


def _spent(known: Known, spent: Spent) -> str:
    label, key = known.definition.states[spent.state].label, "spent" if spent.times == 1 else "spent_in"
    return t(f"timeline.{key}", known.look.language, state=label, days=spent.days, times=spent.times)


def _bar(known: Known, sentence: str) -> dict[str, Any] | None:
    """The bar of `macros/stays.html`; None where not a day has passed."""
    span = (known.last - known.first).days
    if span <= 0:
        return None
    parts = []
    for number, stay in enumerate(known.counted, start=1):
        share = 100 * (known.days(stay) or 0) / span
        at = 100 * (stay.from_on - known.first).days / span
        if share:
            parts.append(
                {
                    "number": str(number) if share >= NARROWEST else "",
                    "at": round(at, 2),
                    "width": round(share, 2),
                    "middle": round(at + share / 2, 2),
                    "family": known.definition.states[stay.state].family,
                }
            )
    return {"sentence": sentence, "starts_on": known.first, "ends_on": known.last, "parts": parts}


def _rows(known: Known) -> list[dict[str, Any]]:
    number, rows = 0, []
    for stay in known.stays:
        number += stay.counts
        rows.append({**_row(known, stay), "number": number if stay.counts else None})
    return rows


def _row(known: Known, stay: Stay) -> dict[str, Any]:
    days, recorded_on = known.days(stay), beijing_day(stay.entry["recorded_at"])
    return {
        "badge": badge_of(known.definition, stay.state, known.look.language),
        "from_on": stay.from_on,
        "recorded_on": recorded_on if recorded_on != stay.from_on else None,
        "until_on": stay.until_on,
        "is_final": known.is_final(stay),
        "days": "—" if days is None else days,
        "by": _move(known, stay.entry),
        "undone_by": _move(known, stay.undone_by) if stay.undone_by else None,
    }


def _move(known: Known, row: Row) -> dict[str, Any]:
    """What moved the base, who, and where its entry is: the log's page for those who read the log, else the receipt."""
    case_id, language = row["case_id"], known.look.language
    return {
        "what": entry_title(row, known.definition, language),
        "who": who_of(row, known.definition, language),
        "number": row["seq"],
        "href": url_for("audit.entry", entry_id=row["id"])
        if known.may_read_log
        else url_for("decisions.receipt", case_id=case_id, seq=row["seq"]),
    }
