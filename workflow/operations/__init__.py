"""The one door: every change, whoever causes it, goes through here, in the transaction of the session it is given.

Operations flush, they never commit. What cannot be logged does not happen: an entry is written by the same statement
as the rows it speaks of.
"""

from workflow.operations.acts import confirm, decline, perform
from workflow.operations.answers import Receipt, Refusal
from workflow.operations.clockwork import Swept, fire_due, release_held
from workflow.operations.founding import new_case, open_case

__all__ = [
    "Receipt",
    "Refusal",
    "Swept",
    "confirm",
    "decline",
    "fire_due",
    "new_case",
    "open_case",
    "perform",
    "release_held",
]
