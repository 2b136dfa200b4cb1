"""The guards a lifecycle file may name: pure functions from a view of the case to the reasons that stand in the way.

A guard never raises and never writes. An empty answer means nothing stands in the way. A day or value that is not
known yet gives no reason here: the form says by itself what it still wants. Names and parameters are part of the
file format and outlive changes of the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from workflow.barring import HELD, Applicant, Found, tie_to
from workflow.blockers import Blocker, Rank
from workflow.days import evaluate
from workflow.deadlines import asked_about, movable, resumed_by, room, suspended_by
from workflow.definition.values import Act, ActKind, Ban, Day, Item, Need, Timer
from workflow.periods import add, beijing_day
from workflow.snapshot import Row, Snapshot, held_roles
from workflow.timers import FIRED, falls_due, is_answered, running, stands_still, wanted


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


Guard = Callable[[View, Need], Iterator[Blocker]]


def _blocker(need: Need, code: str, rank: Rank, **rest: Any) -> Blocker:
    mend = rest.pop("mend", ())
    from_on = rest.pop("from_on", None)
    return Blocker(code=code, basis=need.basis, rank=rank, params=rest, mend=tuple(mend), from_on=from_on)


# ───────────────────────────── Days


def call_open(view: View, need: Need) -> Iterator[Blocker]:
    """Submit while a call is open, or until the day a reviewer named when sending back."""
    day = view.effective_on
    calls = [call for call in view.snapshot.world.calls if call["lifecycle"] == view.snapshot.definition.name]
    if any(call["opens_on"] <= day <= call["closes_on"] for call in calls):
        return
    until = _sent_back_until(view.snapshot, need)
    if until is not None and day <= until:
        return
    coming = min((call["opens_on"] for call in calls if call["opens_on"] > day), default=None)
    yield _blocker(need, "call_closed", Rank.TIME, from_on=coming, mend=_office(view), day=coming)


def _office(view: View) -> tuple[str, ...]:
    """The role that keeps calls, rights and what else an act may want mended."""
    return (view.snapshot.definition.import_.by,)


def _sent_back_until(snapshot: Snapshot, need: Need) -> date | None:
    """The last day to send again after a return: the one the reviewer named, else so long after the return."""
    returns = [row for row in snapshot.passages() if row["to_state"] == snapshot.state != row["from_state"]]
    if not returns:
        return None
    returned_on: date = returns[-1]["effective_on"]
    named: date | None = snapshot.stored(need.params["or_until"]) if "or_until" in need.params else None
    if named is not None and named >= returned_on:
        return named
    if "or_within" not in need.params:
        return None
    return add(returned_on, snapshot.length(need.params["or_within"]), snapshot.calendar)


def last_day(snapshot: Snapshot, act: Act) -> date | None:
    """The last day its guards promise for an act that a return has asked for again, or None where none does."""
    days = (_sent_back_until(snapshot, need) for need in act.needs if need.guard == call_open.__name__)
    return next((day for day in days if day is not None), None)


def in_order(view: View, need: Need) -> Iterator[Blocker]:
    """Each day is on or after the one before it; unknown days are passed over."""
    known = [(day, view.day(day)) for day in need.params["days"]]
    known = [(day, value) for day, value in known if value is not None]
    for (first, earlier), (second, later) in zip(known, known[1:], strict=False):
        if earlier is not None and later is not None and earlier > later:
            yield _blocker(
                need,
                "out_of_order",
                Rank.RULE,
                first=first.anchor,
                first_day=earlier,
                second=second.anchor,
                second_day=later,
            )


def not_past(view: View, need: Need) -> Iterator[Blocker]:
    """The day has not passed yet."""
    day = view.day(need.params["day"])
    if day is not None and day < view.effective_on:
        yield _blocker(need, "day_past", Rank.RULE, name=need.params["day"].anchor, day=day)


def at_most(view: View, need: Need) -> Iterator[Blocker]:
    """The day is not after a limit; unless a reason is given, where the rule allows one."""
    day, limit = view.day(need.params["day"]), view.day(need.params["limit"])
    if day is None or limit is None or day <= limit:
        return
    unless = need.params.get("unless")
    name = need.params["day"].anchor
    if unless is None:
        yield _blocker(need, "after_limit", Rank.RULE, name=name, day=day, limit=limit)
    elif not view.form.get(unless):
        yield _blocker(need, "too_late_a_day", Rank.RULE, name=name, day=day, limit=limit, unless=unless)


def covers(view: View, need: Need) -> Iterator[Blocker]:
    """The agreement reaches a day."""
    last, day = view.value("agreement_last_day"), view.day(need.params["day"])
    if last is not None and day is not None and last < day:
        yield _blocker(
            need, "agreement_ends_before", Rank.RULE, day=last, until=day, mend=("renew_agreement",)
        )


def later_than_before(view: View, need: Need) -> Iterator[Blocker]:
    """The new day is after the one the case has."""
    name = need.params["day"].anchor
    new, before = view.form.get(name), view.snapshot.stored(name)
    if new is not None and before is not None and new <= before:
        yield _blocker(need, "not_later", Rank.RULE, name=name, day=new, before=before)


def not_before(view: View, need: Need) -> Iterator[Blocker]:
    """Too early before a day."""
    day = view.day(need.params["day"])
    if day is not None and view.effective_on < day:
        yield _blocker(need, "too_early", Rank.TIME, day=day, from_on=day)


def passed_day(view: View, need: Need) -> Iterator[Blocker]:
    """The day's end has come, unless something has happened that lifts it."""
    unless = need.params.get("unless_happened")
    if unless and view.snapshot.times(unless):
        return
    day = view.day(need.params["day"])
    if day is not None and view.effective_on <= day:
        ripe = day + timedelta(days=1)
        yield _blocker(need, "not_yet_over", Rank.TIME, name=need.params["day"].anchor, day=day, from_on=ripe)


def days_ahead(view: View, need: Need) -> Iterator[Blocker]:
    """A deadline lies between a shortest and a longest time from the decision that set it, moves included.

    No decision sets one into the past; an amendment says what was decided, whenever that was.
    """
    name = need.params["day"].anchor
    day = view.form.get(name)
    start = (view.day(need.params["from"]) if "from" in need.params else None) or view.effective_on
    if day is None:
        return
    calendar = view.snapshot.calendar
    first = add(start, view.snapshot.length(need.params["min"]), calendar)
    last = add(start, view.snapshot.length(need.params["max"]), calendar)
    if not view.act.facts:
        first = max(first, beijing_day(view.at))
    if last < first:
        yield _blocker(need, "no_day_left", Rank.FINAL, name=name, day=last)
    elif not first <= day <= last:
        yield _blocker(need, "outside_bounds", Rank.RULE, name=name, day=day, first=first, last=last)


def deadline_movable(view: View, need: Need) -> Iterator[Blocker]:
    """The deadline that runs may be moved: it is unanswered, and the new day lies within the bounds.

    A day left empty says that it stays, which is said only where somebody is asked.
    """
    name, snapshot = need.params["day"].anchor, view.snapshot
    if view.act.facts and name not in view.form:
        return
    timer = movable(snapshot)
    if timer is None or (view.act.facts and snapshot.stored(name) is None):
        yield _blocker(need, "no_deadline_to_move", Rank.FINAL, state=snapshot.state)
        return
    if still := list(_stands_still(view, need, timer)):
        yield from still
        return
    day, asked = view.form.get(name), asked_about(snapshot) is not None
    if day is None and view.form and not asked:
        yield _blocker(need, "field_missing", Rank.MATERIAL, field=name)
    found = room(timer, snapshot, most=snapshot.length(need.params["most"]), today=beijing_day(view.at))
    if found is not None and found.last < found.first and (day is not None or not asked):
        yield _blocker(need, "moved_to_the_last", Rank.FINAL, task=timer.name, day=found.last)
    elif found is not None and day is not None and not found.first <= day <= found.last:
        yield _blocker(
            need, "outside_bounds", Rank.RULE, name=name, day=day, first=found.first, last=found.last
        )


def deadline_suspendable(view: View, need: Need) -> Iterator[Blocker]:
    """The deadline the act suspends runs: it is neither answered, nor over, nor suspended already."""
    snapshot = view.snapshot
    timer = suspended_by(snapshot, view.act.name)
    row = running(snapshot, timer) if timer is not None else None
    if timer is not None and is_answered(timer, snapshot):
        yield _blocker(need, "answered_already", Rank.FINAL, task=timer.name)
    elif timer is None or row is None:
        yield _blocker(need, "no_deadline_to_suspend", Rank.FINAL, state=snapshot.state)
    elif stands_still(row):
        yield from _stands_still(view, need, timer)
    elif row["status"] == FIRED or row["due_at"] <= view.at:
        yield _blocker(need, "deadline_over", Rank.FINAL, task=timer.name, day=row["due_on"])


def deadline_resumable(view: View, need: Need) -> Iterator[Blocker]:
    """The deadline the act lets run again stands still, and would not be over before anybody could meet it."""
    snapshot = view.snapshot
    timer = resumed_by(snapshot, view.act.name)
    suspension = snapshot.suspension(timer.name) if timer is not None else None
    if timer is not None and is_answered(timer, snapshot):
        yield _blocker(need, "answered_already", Rank.FINAL, task=timer.name)
    elif timer is None or running(snapshot, timer) is None:
        yield _blocker(need, "no_deadline_to_suspend", Rank.FINAL, state=snapshot.state)
    elif suspension is None:
        yield _blocker(need, "not_suspended", Rank.FINAL, task=timer.name)
    else:
        first = beijing_day(view.at) - timedelta(days=suspension["days_left"])
        if view.effective_on < first:
            yield _blocker(
                need, "resumed_too_early", Rank.RULE, task=timer.name, day=view.effective_on, first=first
            )


def _stands_still(view: View, need: Need, timer: Timer) -> Iterator[Blocker]:
    """A deadline that is suspended neither moves nor passes until it runs again."""
    suspension = view.snapshot.suspension(timer.name)
    if suspension is not None:
        mend = view.snapshot.definition.acts[timer.resumed_by].by if timer.resumed_by else ()
        yield _blocker(
            need, "stands_still", Rank.RULE, task=timer.name, day=suspension["decided_on"],
            left=suspension["days_left"], mend=mend,
        )  # fmt: skip


# ───────────────────────────── What has happened, what was given


def never(view: View, need: Need) -> Iterator[Blocker]:
    """None of these transitions has happened."""
    for transition in need.params["happened"]:
        day = view.snapshot.happened_on(transition)
        if day is not None:
            yield _blocker(need, "already_happened", Rank.FINAL, transition=transition, day=day)


def given(view: View, need: Need) -> Iterator[Blocker]:
    """A field is given, for the outcomes that ask for it."""
    only, but = need.params.get("if_outcome"), need.params.get("unless_outcome")
    if view.outcome is None or (only and view.outcome != only) or (but and view.outcome == but):
        return
    if not view.form.get(need.params["field"]):
        yield _blocker(need, "field_wanted", Rank.MATERIAL, field=need.params["field"], outcome=view.outcome)


def any_of(view: View, need: Need) -> Iterator[Blocker]:
    """At least one of some fields of the form is filled in."""
    if not any(view.form.get(field) for field in need.params["fields"]):
        yield _blocker(need, "one_of_wanted", Rank.MATERIAL, fields=list(need.params["fields"]))


def handed_in(view: View, need: Need) -> Iterator[Blocker]:
    """A field has been handed in during this stay in the state, before a step was first opened where one is named."""
    field, before = need.params["field"], need.params.get("before")
    rows = [row for row in _of_this_stay(view, "hand_ins") if row["form"].get(field)]
    opened = min(
        (row["opened_seq"] for row in _of_this_stay(view, "rounds") if row["step"] == before), default=None
    )
    if any(opened is None or row["seq"] < opened for row in rows):
        return
    if rows:
        yield _blocker(need, "handed_in_too_late", Rank.FINAL, field=field, step=before)
    else:
        mend = _handed_in_by(view, field)
        yield _blocker(need, "not_handed_in", Rank.MATERIAL, field=field, mend=mend)


def not_handed_in(view: View, need: Need) -> Iterator[Blocker]:
    """Nothing that answers a task has been handed in during this stay in the state."""
    timer = view.snapshot.definition.timers[need.params["task"]]
    if is_answered(timer, view.snapshot):
        yield _blocker(need, "answered_already", Rank.FINAL, task=timer.name)


def _handed_in_by(view: View, field: str) -> tuple[str, ...]:
    """The roles whose task it is to hand a field in."""
    tasks = [act for act in view.snapshot.definition.acts.values() if act.kind is ActKind.TASK]
    return tuple(
        dict.fromkeys(role for act in tasks for role in act.by if any(ask.field == field for ask in act.asks))
    )


def _of_this_stay(view: View, table: str) -> list[Row]:
    return [row for row in view.snapshot.living(table) if row["stay"] == view.snapshot.case["stay"]]


def no_ballot_yet(view: View, need: Need) -> Iterator[Blocker]:
    """Nobody has cast a ballot in any round of a step during this stay in the state."""
    step = need.params["step"]
    begun = {row["id"] for row in _of_this_stay(view, "rounds") if row["step"] == step}
    if any(ballot["round_id"] in begun for ballot in view.snapshot.living("ballots")):
        yield _blocker(need, "ballot_cast", Rank.FINAL, step=step)


def overdue(view: View, need: Need) -> Iterator[Blocker]:
    """A task was not handed in and its deadline has passed; asked for one outcome only."""
    only = need.params.get("if_outcome")
    if only and view.outcome != only:
        return
    task = need.params["task"]
    if is_answered(view.snapshot.definition.timers[task], view.snapshot):
        yield _blocker(need, "was_handed_in", Rank.RULE, task=task)
        return
    if still := list(_stands_still(view, need, view.snapshot.definition.timers[task])):
        yield from still
        return
    last = _deadline(view, task)
    if last is not None and view.effective_on <= last:
        yield _blocker(
            need, "deadline_not_passed", Rank.TIME, task=task, day=last, from_on=last + timedelta(days=1)
        )


def _deadline(view: View, timer: str) -> date | None:
    """The last day of a deadline as it stands, moved to a working day."""
    for row in view.snapshot.table("timers"):
        if row["name"] == timer:
            due_on: date = row["due_on"]
            return due_on
    rule = view.snapshot.definition.timers.get(timer)
    if rule is None or not isinstance(rule.day, Day):
        return None
    falls = falls_due(rule, rule.day, view.snapshot)
    return falls.day if falls is not None else None


def second_chance_used(view: View, need: Need) -> Iterator[Blocker]:
    """Revoke only after the second chance of Art. 18: an extension that has ended, or a rectification that failed."""
    if view.snapshot.state == "rectification":
        if view.snapshot.hand_ins("evidence", in_this_stay=True):
            return
        if still := list(_stands_still(view, need, view.snapshot.definition.timers["evidence"])):
            yield from still
            return
        last = _deadline(view, "evidence")
        if last is not None and view.effective_on <= last:
            yield _blocker(
                need, "rectification_running", Rank.TIME, day=last, from_on=last + timedelta(days=1)
            )
        return
    if not view.snapshot.times("extend"):
        yield _blocker(need, "no_second_chance_yet", Rank.RULE)
        return
    end = view.snapshot.dates().get("cycle_end")
    if end is not None and view.effective_on <= end:
        yield _blocker(
            need, "not_yet_over", Rank.TIME, name="cycle_end", day=end, from_on=end + timedelta(days=1)
        )


# ───────────────────────────── Who acts, and who else


def granted_on(view: View, need: Need) -> Iterator[Blocker]:
    """Whoever acts holds a role by a grant on the unit they name; somebody who may not act at all is told only that."""
    role, field = need.params["role"], need.params["unit"]
    unit = view.value(field)
    if unit is None or view.person is None or not held_roles(view.snapshot, view.person) & set(view.act.by):
        return
    granted = {
        grant["unit_id"]
        for grant in view.snapshot.grants
        if grant["person_id"] == view.person and grant["role"] == role
    }
    if unit not in granted:
        yield _blocker(need, "not_granted_on", Rank.RULE, field=field, roles=[role], mend=_office(view))


def no_twin(view: View, need: Need) -> Iterator[Blocker]:
    """No other living case has the same values of the fields `same`."""
    wanted_values = {field: _identity(view, field) for field in need.params["same"]}
    if any(value is None for value in wanted_values.values()):
        return
    states = view.snapshot.definition.groups.get(need.params["among"], frozenset())
    for twin in view.snapshot.twins:
        if twin["state"] in states and all(
            _shares(view, twin, field, value) for field, value in wanted_values.items()
        ):
            number = twin.get("base_number") or twin.get("application_number")
            yield _blocker(
                need, "twin", Rank.RULE, number=number, name=twin.get("base_name"), case=twin["case_id"]
            )


def _shares(view: View, twin: Row, field: str, value: Any) -> bool:
    """Say whether another case has the value; a partner is the same by its canonical name, too."""
    same: bool = twin.get(f"{field}_id") == value
    if field != "partner" or same or view.partner is None:
        return same
    return twin["partner_name_identity"] == view.partner["name_identity"] or _by_former_name(view, twin)


def _by_former_name(view: View, twin: Row) -> bool:
    """Say whether one of two partners bears a name the other bore. Two codes tell them apart: a name may pass on."""
    partner, before = view.partner or {}, view.snapshot.world.lineage.names_before
    if partner["code_identity"] and twin["partner_code_identity"]:
        return False
    return partner["name_identity"] in {name.identity for name in before(twin["partner_id"])} or twin[
        "partner_name_identity"
    ] in {name.identity for name in before(partner["id"])}


def _identity(view: View, field: str) -> Any:
    if field == "partner":
        return view.partner["id"] if view.partner else None
    return view.value(field)


def bans_against(view: View, ban: Ban) -> Iterator[tuple[Row, Found]]:
    """The bans in force that concern the partner, colleges or leader of the act, each with how."""
    snapshot = view.snapshot
    applicant = Applicant(
        partner=view.partner,
        colleges=view.college_ids,
        leaders=frozenset(row["person_id"] for row in snapshot.duty(snapshot.definition.opens)),
    )
    for bar in snapshot.bars:
        if bar["name"] != ban.name or bar["last_day"] < min(view.effective_on, snapshot.today):
            continue
        found = tie_to(bar, applicant, snapshot.world.lineage)
        if found is not None:
            yield bar, found


def barred(view: View, ban: Ban) -> Iterator[Blocker]:
    """What a declared ban says against the act: blocked until its last day, or held for a person to look at."""
    for bar, found in bans_against(view, ban):
        possible = bar["last_day"] + timedelta(days=1)
        params = {
            "partner": bar["partner_name"],
            "number": bar["base_number"],
            "day": bar["last_day"],
            "possible": possible,
            "ban": bar["id"],
            **found.params,
        }
        basis = "local" if found.tie in HELD else ban.basis
        yield Blocker(code=str(found.tie), basis=basis, rank=Rank.RULE, params=params, from_on=possible)


def new_identity_allowed(view: View, need: Need) -> Iterator[Blocker]:
    """A change of partner or college does not slip past a ban."""
    if not {"partner", "lead_college", "other_colleges"} & view.form.keys():
        return
    yield from barred(view, view.snapshot.definition.bans[need.params["on"]])


# ───────────────────────────── Lists and measured criteria


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


def yearly_data_on_time(view: View, need: Need) -> Iterator[Blocker]:
    """No year's data came late or is missing (Art. 18), unless the leading group recorded an override."""
    if view.form.get(need.params.get("unless", "")):
        return
    for row in view.snapshot.living("hand_ins"):
        if row["period"] is not None and row["late"]:
            yield _blocker(need, "yearly_data_late", Rank.RULE, year=row["period"])
    for row in view.snapshot.table("timers"):
        if row["period"] is not None and row["status"] == FIRED and row["ended_seq"] is None:
            mend = view.snapshot.definition.acts[row["name"]].by
            yield _blocker(need, "yearly_data_missing", Rank.RULE, year=row["period"], mend=mend)


# ───────────────────────────── Corrections


def nothing_built_on(view: View, need: Need) -> Iterator[Blocker]:
    """There is a transition to undo, and no later act elsewhere names its entry as its ground."""
    if view.snapshot.undone is None:
        yield _blocker(need, "nothing_to_undo", Rank.FINAL)
    elif view.snapshot.built_on:
        yield _blocker(need, "built_on", Rank.FINAL, seq=view.snapshot.undone["seq"])


def nothing_overdue_after(view: View, need: Need) -> Iterator[Blocker]:
    """After the act no opening or end would be overdue at once; the missing fact must come with it."""
    if view.after is None:
        return
    for want in wanted(view.after):
        if want.timer.fires and view.after.state in want.timer.while_ and want.falls.at <= view.at:
            yield _blocker(
                need,
                "overdue_after",
                Rank.RULE,
                timer=want.timer.name,
                day=want.falls.day,
                today=beijing_day(view.at),
            )


GUARDS: Mapping[str, Guard] = {
    guard.__name__: guard
    for guard in (
        any_of,
        at_most,
        call_open,
        checklist_met,
        covers,
        criteria_met,
        days_ahead,
        deadline_movable,
        deadline_resumable,
        deadline_suspendable,
        given,
        granted_on,
        handed_in,
        in_order,
        later_than_before,
        never,
        new_identity_allowed,
        no_ballot_yet,
        no_twin,
        not_before,
        not_handed_in,
        not_past,
        nothing_built_on,
        nothing_overdue_after,
        overdue,
        passed_day,
        second_chance_used,
        yearly_data_on_time,
    )
}
