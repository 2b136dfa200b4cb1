"""Replay the log and compare it with every table a decision writes.

Which rows an entry must have made:
- the rows of a case (`entries.OF_A_CASE` and its subject's table): always, and an entry of the case's own stream;
- partners, their names and the others of `shared.ALWAYS_MADE_BY_ENTRIES`: always;
- those of any other table: from the first row on that an entry made in it. A table the log never spoke of is not
  compared, and a row made before is compared in the columns entries have changed.

Besides, what follows from a case is computed again (`projections`), every notice an entry names is in the outbox,
counters stand at the last number given, files and editions have the bytes their hashes name, the bytes of every document are
there, no more personal values are erased than entries tell, every running deadline is looked at in time, and the clock of a
demonstration is where entries moved it.
"""

from workflow.doctor.examining import examine
from workflow.doctor.replaying import as_of

__all__ = ["as_of", "examine"]
