"""Plan an act without touching the database: may it happen, and if so what exactly will be written.

The same plan draws the button, fills the consequences page and is carried out by `workflow.operations`. A plan is a
chain of steps, one per log entry: the act itself, and every timer it lets take effect at once.
"""

from workflow.plan.clock import catch_up
from workflow.plan.deciding import decide, probe
from workflow.plan.following import follow
from workflow.plan.foreseeing import foresee
from workflow.plan.moving import voided
from workflow.plan.notices import notice, recipients
from workflow.plan.values import Form, Plan, Step, form_of

__all__ = [
    "Form",
    "Plan",
    "Step",
    "catch_up",
    "decide",
    "follow",
    "foresee",
    "form_of",
    "notice",
    "probe",
    "recipients",
    "voided",
]
