"""The guards a lifecycle file may name: pure functions from a view of the case to the reasons that stand in the way.

A guard never raises and never writes. An empty answer means nothing stands in the way. A day or value that is not
known yet gives no reason here: the form says by itself what it still wants. Names and parameters are part of the
file format and outlive changes of the code.
"""

from __future__ import annotations

from collections.abc import Mapping

from workflow.guards.bans import new_identity_allowed
from workflow.guards.calls import call_open
from workflow.guards.criteria import checklist_met, criteria_met
from workflow.guards.days import (
    at_most,
    covers,
    days_ahead,
    in_order,
    later_than_before,
    not_before,
    not_past,
    passed_day,
)
from workflow.guards.deadlines import (
    deadline_movable,
    deadline_resumable,
    deadline_suspendable,
    overdue,
    second_chance_used,
)
from workflow.guards.material import any_of, given, handed_in, not_handed_in, yearly_data_on_time
from workflow.guards.past import never, no_ballot_yet, nothing_built_on, nothing_overdue_after
from workflow.guards.rights import granted_on
from workflow.guards.twins import no_twin
from workflow.guards.view import Guard

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
