"""What the office keeps: people, units, rights, calls, the outbox and incidents. Every change is one entry with its reason.

People and their rights are told of in the person's own stream, everything else in a `system:` stream. Article 8 gives
the daily business to the office; its rights are asked here, so that every door asks them alike.
"""

from workflow.operations.office.calls import change_call, open_call
from workflow.operations.office.mending import close_incident, resend_notice, resend_parked, try_mail
from workflow.operations.office.people import LANGUAGES, add_person, change_person
from workflow.operations.office.rights import give_grant, revoke_grant
from workflow.operations.office.units import UNIT_KINDS, add_unit, rename_unit

__all__ = [
    "LANGUAGES",
    "UNIT_KINDS",
    "add_person",
    "add_unit",
    "change_call",
    "change_person",
    "close_incident",
    "give_grant",
    "open_call",
    "rename_unit",
    "resend_notice",
    "resend_parked",
    "revoke_grant",
    "try_mail",
]
