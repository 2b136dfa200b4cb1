"""The names a lifecycle file may use and the engine must honour: guards with their parameters, effects, reserved words.

They are part of the format and outlive changes of code; a test holds them against the guards and effects there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from workflow.definition.values.settings import SettingType
from workflow.hours import ON_WORKING_DAYS, QUIET_HOURS


class ParamKind(StrEnum):
    """What a guard's parameter names, and so how it is read and checked."""

    DAY = "day"
    """A day expression; given to the guard as `Day`."""
    DAYS = "days"
    """Two or more day expressions, in order; given as a tuple of `Day`."""
    FIELD = "field"
    """A field of the file."""
    FIELDS = "fields"
    """Fields of the file; given as a tuple."""
    ANSWER = "answer"
    """A field of the act's own form."""
    ANSWERS = "answers"
    """Fields of the act's own form; given as a tuple."""
    HANDED_IN = "handed_in"
    """A field of a task's form."""
    SETTING = "setting"
    """A setting that holds a period."""
    GROUP = "group"
    """A group of states, by its name."""
    TRANSITION = "transition"
    TRANSITIONS = "transitions"
    """Transitions; given as a tuple."""
    TASK = "task"
    """A task with a deadline."""
    OUTCOME = "outcome"
    """An outcome the act offers."""
    LIST = "list"
    """A list that a checklist of the act's own form is judged by."""
    BAN = "ban"
    ROLE = "role"
    STEP = "step"
    """A step people take part in by ballots."""
    FLAG = "flag"
    """true or false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter of a guard."""

    kind: ParamKind
    required: bool = True


def _must(kind: ParamKind) -> Param:
    return Param(kind=kind)


def _may(kind: ParamKind) -> Param:
    return Param(kind=kind, required=False)


# A day that is not known (an imported base without an approval day, a field left empty) binds nobody.
GUARDS: Mapping[str, Mapping[str, Param]] = MappingProxyType(
    {
        "call_open": {"or_until": _may(ParamKind.FIELD), "or_within": _may(ParamKind.SETTING)},
        "checklist_met": {"list": _must(ParamKind.LIST)},
        "no_twin": {"same": _must(ParamKind.FIELDS), "among": _must(ParamKind.GROUP)},
        "granted_on": {"role": _must(ParamKind.ROLE), "unit": _must(ParamKind.ANSWER)},
        "in_order": {"days": _must(ParamKind.DAYS)},
        "not_past": {"day": _must(ParamKind.DAY)},
        "not_before": {"day": _must(ParamKind.DAY)},
        "passed_day": {"day": _must(ParamKind.DAY), "unless_happened": _may(ParamKind.TRANSITION)},
        "at_most": {
            "day": _must(ParamKind.DAY),
            "limit": _must(ParamKind.DAY),
            "unless": _may(ParamKind.ANSWER),
        },
        "days_ahead": {
            "day": _must(ParamKind.DAY),
            "min": _must(ParamKind.SETTING),
            "max": _must(ParamKind.SETTING),
            "from": _may(ParamKind.DAY),
        },
        "covers": {"day": _must(ParamKind.DAY)},
        "later_than_before": {"day": _must(ParamKind.DAY)},
        "given": {
            "field": _must(ParamKind.ANSWER),
            "if_outcome": _may(ParamKind.OUTCOME),
            "unless_outcome": _may(ParamKind.OUTCOME),
        },
        "handed_in": {"field": _must(ParamKind.HANDED_IN), "before": _may(ParamKind.STEP)},
        "no_ballot_yet": {"step": _must(ParamKind.STEP)},
        "any_of": {"fields": _must(ParamKind.ANSWERS)},
        "overdue": {"task": _must(ParamKind.TASK), "if_outcome": _may(ParamKind.OUTCOME)},
        "criteria_met": {"unless": _may(ParamKind.ANSWER)},
        "yearly_data_on_time": {"unless": _may(ParamKind.ANSWER)},
        "never": {"happened": _must(ParamKind.TRANSITIONS)},
        "second_chance_used": {},
        "nothing_built_on": {},
        "nothing_overdue_after": {},
        "new_identity_allowed": {"on": _must(ParamKind.BAN)},
        "deadline_movable": {"day": _must(ParamKind.DAY), "most": _must(ParamKind.SETTING)},
        "deadline_suspendable": {},
        "deadline_resumable": {},
        "not_handed_in": {"task": _must(ParamKind.TASK)},
    }
)

EFFECTS = frozenset(
    {
        "number_application",
        "number_base",
        "start_cycle",
        "record_agreement",
        "name_partner_contact",
        "withdraw_plaque",
        "flag_students_on_site",
        "record_grade",
        "enter_register",
        "record_clawback",
        "record_deadline",
        "record_suspension",
        "record_resumption",
    }
)

WANT_AN_OUTCOME = frozenset({"record_grade"})
"""Effects that keep the recorded word, so the act must offer one."""

SUBJECTS = frozenset({"bases"})
"""The tables that can hold a lifecycle's subject, one-to-one with its case."""

READ_BY_ENGINE: Mapping[str, SettingType] = MappingProxyType(
    {
        "backdate_limit": SettingType.PERIOD,
        QUIET_HOURS: SettingType.HOURS,
        ON_WORKING_DAYS: SettingType.YES_NO,
    }
)
"""Settings that no element of the file refers to, because every lifecycle's acts and mails are held to them; and their type."""

BAN_SUBJECTS = ("partner_and_any_college", "partner", "any_college", "project_leader")
"""Whom a ban may bind: the words a ban's setting chooses from."""

FAMILIES = ("neutral", "moving", "active", "certified", "attention", "revoked", "ended")
"""The looks a state may have; a page draws each with its own shape and fill."""

CERTIFYING = "certified"
"""The look of a state in which a case stands for what it was meant to become."""

PUNISHING = "revoked"
"""The look of a state that takes away what a case stood for; only people bring a case there."""

RESERVED = frozenset(
    {
        *(
            "any",
            "same",
            "undo",
            "back",
            "timer",
            "whose_turn",
            "today",
            "every",
            "old",
            "times",
            "happened",
            "not",
            "is",
        ),
        # Keys of every act's form and of the log, which a field or a transition must not take over.
        *("outcome", "effective_on", "import", "local"),
    }
)
