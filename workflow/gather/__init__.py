"""Load snapshots: lock the cases, then read everything about them.

The lock is a statement of its own because PostgreSQL gives each statement its own view of the database.
"""

from workflow.gather.locking import Located, claim, hold_identities, lock, look, look_at
from workflow.gather.reading import gather
from workflow.gather.wishes import Wish

__all__ = ["Located", "Wish", "claim", "gather", "hold_identities", "lock", "look", "look_at"]
