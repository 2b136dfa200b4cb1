"""Several processes come to what one comes to, of the chains and of the tree."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete

from models import Base, Checkpoint, Database, Leaf
from tests.university import University
from tests.workflow.history import unlock
from tests.workflow.sealed import SealedLog
from workflow.side_by_side import spans, verify_log, verify_sealed
from workflow.verify import Kind, entries_in, verify
from workflow.verify_tree import verify_tree

ENTRIES = Base.metadata.tables["entries"]


class Watched(list[tuple[int, int]]):
    """How far a verification said it was."""

    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))

    @property
    def is_whole(self) -> bool:
        """It went forward only, and to the end."""
        return self == sorted(self) and self[-1][0] == self[-1][1]


def test_two_processes_find_in_the_chains_what_one_finds(database: Database) -> None:
    university = University.founded(database)
    cases = sorted(university.approved() for _ in range(4))
    with database.transaction() as session:
        unlock(session)
        for case_id in (cases[0], cases[3]):
            mine = (ENTRIES.c.stream == f"case:{case_id}", ENTRIES.c.seq == 2)
            session.execute(ENTRIES.update().where(*mine).values(source="api"))
    with database.reading() as session:
        alone = verify(session)
    watched = Watched()

    together = verify_log(database, processes=2, short=0, progress=watched)

    assert together == alone
    assert [finding.stream for finding in alone.findings] == [f"case:{cases[0]}", f"case:{cases[3]}"]
    assert watched.is_whole


def test_spans_hold_every_entry_once_and_about_equally_many(
    sqlite_database: Database, tmp_path: Path
) -> None:
    SealedLog.made(sqlite_database, tmp_path, entries=70, every=70)

    with sqlite_database.reading() as session:
        total = entries_in(session)
        shares = spans(session, total=total, count=3)
        counts = [verify(session, span=share).entries for share in shares]

    assert (sum(counts), len(counts)) == (total, 3)
    assert max(counts) <= 40


def test_two_processes_find_the_tree_sound_and_see_checkpoints_from_outside(
    database: Database, tmp_path: Path
) -> None:
    log = SealedLog.made(database, tmp_path, entries=600, every=100)
    watched = Watched()

    verdict = verify_sealed(database, outside=log.notes(), processes=2, short=0, progress=watched)

    assert (verdict.sound, verdict.entries) == (True, 601)
    assert watched.is_whole


def test_two_processes_name_what_one_names_in_the_tree(database: Database, tmp_path: Path) -> None:
    log = SealedLog.made(database, tmp_path, entries=600, every=100)
    outside = log.notes()
    with database.transaction() as session:
        unlock(session)
        session.execute(delete(Checkpoint).where(Checkpoint.size > 500))
        session.execute(delete(Leaf).where(Leaf.number == 333))
    with database.reading() as session:
        alone = verify_tree(session, outside=outside)

    assert verify_sealed(database, outside=outside, processes=2, short=0) == alone
    assert alone.first is not None
    assert (alone.first.kind, alone.first.seq) == (Kind.MISSING, 333)
