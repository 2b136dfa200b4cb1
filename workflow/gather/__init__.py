"""Load snapshots: lock the cases, then read everything about them.

The lock is a statement of its own because PostgreSQL gives each statement its own view of the database.
"""

from workflow.gather.locking import (
    LONGEST_PAUSE,
    TIMER_FAILED,
    Located,
    Waiting,
    claim,
    hold_identities,
    lock,
    look,
    look_at,
    waiting,
)
from workflow.gather.reading import gather
from workflow.gather.wishes import Wish

__all__ = [
    "LONGEST_PAUSE",
    "TIMER_FAILED",
    "Located",
    "Waiting",
    "Wish",
    "claim",
    "gather",
    "hold_identities",
    "lock",
    "look",
    "look_at",
    "waiting",
]
