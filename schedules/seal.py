"""Seal the log: entries into the tree, and signed checkpoints of it. The rule is the engine's; this only keeps the beat."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from models import Database
from workflow.clock import machine_time
from workflow.keyfile import KeyFault
from workflow.notes import Signer
from workflow.operations.keys import signer_in_force
from workflow.operations.sealing import USUAL, Pace, Sealed, key_in_force, seal

WHOLE_EVERY = 3600.0
"""Seconds after which a sealer looks through the whole log once more, not only at its end."""


@dataclass(kw_only=True)
class Sealer:
    """Seals one log at one pace. Any number may beat on one database."""

    key: Path
    pace: Pace = USUAL
    _whole_at: float = field(default=0.0, init=False)

    def seal(self, database: Database) -> Sealed:
        """Take in what there is and sign what is due. Raises KeyFault when the log has a key and this is not it.

        What the file's key does not sign is in the tree all the same.
        """
        whole = time.monotonic() >= self._whole_at
        signer, fault = None, None
        try:
            signer = self._signer(database)
        except KeyFault as found:
            fault = found
        sealed = seal(database, signer=signer, at=machine_time(), pace=self.pace, whole=whole)
        if whole:
            self._whole_at = time.monotonic() + WHOLE_EVERY
        if fault is not None:
            raise fault
        return sealed

    def _signer(self, database: Database) -> Signer | None:
        """The key, or None for a log that has none yet."""
        with database.reading() as session:
            if key_in_force(session) is None:
                return None
            return signer_in_force(session, self.key)
