"""The lists an outcome is judged by: what was answered on the form, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflow.blockers import Blocker, Rank
from workflow.definition.values.acts import Need
from workflow.definition.values.forms import Item
from workflow.guards.view import View


def checklist_met(view: View, need: Need) -> Iterator[Blocker]:
    """Every item of the list is met, with its evidence; of items that share a word, one."""
    answers = view.value(_list_field(view, need.params["list"])) or {}
    if not answers and "checklist_given" not in view.form:
        return
    yield from _unmet(view.snapshot.definition.lists[need.params["list"]], answers, need)


def _list_field(view: View, name: str) -> str:
    for field in view.snapshot.definition.fields.values():
        if name in field.lists:
            return field.name
    return name


def _unmet(items: Mapping[str, Item], answers: Mapping[str, Any], need: Need) -> Iterator[Blocker]:
    shared = {item.one_of for item in items.values() if item.one_of and _met(answers, item.name)}
    asked: set[str] = set()
    for item in items.values():
        if _met(answers, item.name):
            if not (answers[item.name].get("note") or "").strip():
                yield _criterion(item, "evidence_missing", Rank.MATERIAL)
        elif item.one_of is None or (item.one_of not in shared and item.one_of not in asked):
            asked.add(item.one_of or "")
            yield _criterion(item, "item_unmet" if item.one_of is None else "none_of_items_met", Rank.RULE)


def _met(answers: Mapping[str, Any], name: str) -> bool:
    return bool((answers.get(name) or {}).get("met"))


def _criterion(item: Item, code: str, rank: Rank, **params: Any) -> Blocker:
    return Blocker(code=code, basis=item.basis, rank=rank, params={"item": item.name, **params})


def criteria_met(view: View, need: Need) -> Iterator[Blocker]:
    """The criteria of the outcome hold: what can be counted is counted, the rest was judged on the form (Art. 18)."""
    if view.outcome is None or view.form.get(need.params.get("unless", "")):
        return
    answers = view.form.get("criteria") or {}
    for name in view.snapshot.definition.outcomes[view.outcome].lists:
        items = view.snapshot.definition.lists[name]
        met = {item.name for item in items.values() if _holds(view, item, answers)}
        shared = {items[name].one_of for name in met if items[name].one_of}
        for item in items.values():
            if item.name in met or (item.one_of and item.one_of in shared):
                continue
            if item.counted:
                have, want = measured(view, item), wanted_count(view, item)
                yield _criterion(item, "too_few", Rank.RULE, have=have, want=want)
            else:
                yield _criterion(item, "item_unmet", Rank.RULE)


def _holds(view: View, item: Item, answers: Mapping[str, Any]) -> bool:
    if item.counted:
        return measured(view, item) >= wanted_count(view, item)
    return _met(answers, item.name)


def wanted_count(view: View, item: Item) -> int:
    value = view.snapshot.definition.terms[item.at_least or ""].value
    return value if isinstance(value, int) else 0


def measured(view: View, item: Item) -> int:
    """The sum over the cycle, or for a yearly field the least of the last three years; imported figures do not count."""
    counts, counted = view.snapshot.definition.counts, item.counted or ""
    rows = [
        row
        for row in view.snapshot.living("hand_ins")
        if row["period"] is not None and not row["form"].get("imported")
    ]
    if counted in counts:
        field = counts[counted].sums
        return sum(int(row["form"].get(field) or 0) for row in rows)
    by_year = {row["period"]: int(row["form"].get(counted) or 0) for row in rows}
    last = max(by_year, default=0)
    return min(by_year.get(year, 0) for year in range(last - 2, last + 1))
