"""Whatever was done to a sealed log is named by the check of the tree, at once or within a round of the continuous one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, event, insert, select, update
from sqlalchemy.orm import Session

from models import Checkpoint, Database, Entry, Leaf, LogKey, LogWatch, Node, Sealing, Stream
from schedules.outside import FolderPlace, take_out
from tests.conftest import KINDS, Templates
from tests.workflow.history import unlock
from tests.workflow.sealed import AT, CTX, SealedLog, entry_row
from workflow.log import entry_hash
from workflow.merkle import EMPTY, leaf_hash
from workflow.notes import Head
from workflow.operations.keys import rotate_key
from workflow.operations.sealing import tree_size
from workflow.operations.watching import PAUSE, ROUND, Part, look, watch
from workflow.queries.sealing import STALE, log_alarm, log_faults
from workflow.side_by_side import sound_until, stretches
from workflow.verify import Finding, Verdict, verify
from workflow.verify_tree import outside_finding, verify_stretch, verify_tree

NUMBER = 333
"""The leaf somebody is at."""


@pytest.fixture(scope="module", params=KINDS)
def log(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SealedLog]:
    """Six hundred entries and a checkpoint for every hundred; whoever tampers with it rolls back."""
    url = templates.copy(request.param)
    database = Database(url)
    yield SealedLog.made(database, tmp_path_factory.mktemp("log"), entries=600, every=100)
    database.dispose()
    templates.drop(url)


def found(verdict: Verdict) -> list[tuple[str, int | None]]:
    """Kinds and numbers in the tree."""
    return [(str(one.kind), _number(one)) for one in verdict.findings]


def _number(one: Finding) -> int | None:
    return one.seq if one.stream == "tree" else one.details.get("number")


def of_leaf(session: Session, number: int = NUMBER) -> Entry:
    return session.scalars(
        select(Entry).join(Leaf, Leaf.entry_id == Entry.id).where(Leaf.number == number)
    ).one()


def change_an_entry(session: Session) -> None:
    row = of_leaf(session)
    body = row.body.replace('"count":332', '"count":999')
    assert body != row.body
    session.execute(update(Entry).where(Entry.id == row.id).values(body=body, hash=entry_hash(body)))


def change_an_entry_and_its_leaf(session: Session) -> None:
    change_an_entry(session)
    digest = of_leaf(session).hash
    session.execute(update(Leaf).where(Leaf.number == NUMBER).values(hash=digest))


def delete_an_entry(session: Session) -> None:
    session.execute(delete(Entry).where(Entry.id == of_leaf(session).id))


def delete_a_leaf(session: Session) -> None:
    session.execute(delete(Leaf).where(Leaf.number == NUMBER))


def delete_an_entry_and_its_leaf(session: Session) -> None:
    delete_an_entry(session)
    delete_a_leaf(session)


def swap_two_leaves(session: Session) -> None:
    first, second = (session.get_one(Leaf, number) for number in (NUMBER, NUMBER + 1))
    one, two = (first.entry_id, first.hash), (second.entry_id, second.hash)
    session.execute(update(Leaf).where(Leaf.number == NUMBER).values(entry_id=-1))
    session.execute(update(Leaf).where(Leaf.number == NUMBER + 1).values(entry_id=one[0], hash=one[1]))
    session.execute(update(Leaf).where(Leaf.number == NUMBER).values(entry_id=two[0], hash=two[1]))


def change_a_node(session: Session) -> None:
    session.execute(update(Node).where(Node.place == (8 << 48) + 1).values(hash="0" * 64))


def cut_the_leaves(session: Session) -> None:
    session.execute(delete(Leaf).where(Leaf.number >= NUMBER))


def cut_everything(session: Session) -> None:
    """All that is kept of the end, so that nothing in the database speaks of it any more."""
    kept = select(Leaf.entry_id).where(Leaf.number < NUMBER)
    session.execute(delete(Entry).where(Entry.id.not_in(kept)))
    cut_the_leaves(session)
    session.execute(delete(Checkpoint).where(Checkpoint.size > NUMBER))
    session.execute(delete(Node).where(Node.place >= (8 << 48) + 1))
    session.execute(update(Sealing).values(size=NUMBER))
    for stream in session.scalars(select(Stream)):
        last = session.execute(
            select(Entry.seq, Entry.hash)
            .where(Entry.stream == stream.name)
            .order_by(Entry.seq.desc())
            .limit(1)
        ).one()
        stream.seq, stream.head = last.seq, last.hash
    session.flush()


def change_a_checkpoint(session: Session) -> None:
    note = session.get_one(Checkpoint, 601).note
    session.execute(
        update(Checkpoint).where(Checkpoint.size == 601).values(note=note.replace("\n601\n", "\n600\n"))
    )


def change_a_root(session: Session) -> None:
    session.execute(update(Checkpoint).where(Checkpoint.size == 601).values(root="0" * 64))


def put_a_leaf_before_the_tree(session: Session) -> None:
    """Its entry would never be taken in, for it has a leaf."""
    session.execute(insert(Leaf).values(number=-1, entry_id=9999, hash="0" * 64))


def put_a_leaf_behind_the_tree(session: Session) -> None:
    session.execute(insert(Leaf).values(number=601, entry_id=9999, hash="0" * 64))


def put_a_node_behind_the_tree(session: Session) -> None:
    """The tree could not grow over it."""
    session.execute(insert(Node).values(place=(8 << 48) + 2, hash="0" * 64))


def change_the_key(session: Session) -> None:
    session.execute(update(LogKey).values(until_size=600))


TAMPERING: dict[Callable[[Session], None], tuple[str, int | None]] = {
    change_an_entry: ("tree_differs", NUMBER),
    change_an_entry_and_its_leaf: ("checkpoint_differs", 301),
    delete_an_entry: ("missing", NUMBER),
    delete_a_leaf: ("missing", NUMBER),
    delete_an_entry_and_its_leaf: ("missing", NUMBER),
    swap_two_leaves: ("checkpoint_differs", 301),
    change_a_node: ("tree_differs", 256),
    cut_the_leaves: ("shorter", NUMBER),
    change_a_checkpoint: ("bad_checkpoint", 601),
    change_a_root: ("bad_checkpoint", 601),
    change_the_key: ("bad_checkpoint", 601),
    put_a_leaf_before_the_tree: ("tree_differs", -1),
    put_a_leaf_behind_the_tree: ("tree_differs", 601),
    put_a_node_behind_the_tree: ("tree_differs", 512),
}  # fmt: skip


def tampered(log: SealedLog, tamper: Callable[[Session], None], look: Callable[[Session], object]) -> None:
    with log.database.transaction() as session:
        unlock(session)
        tamper(session)
        session.flush()
        session.expire_all()
        look(session)
        session.rollback()


def test_sealed_log_is_sound(log: SealedLog) -> None:
    seen: list[tuple[int, int]] = []
    with log.database.reading() as session:
        verdict = verify_tree(
            session, outside=log.notes(), progress=lambda done, total: seen.append((done, total))
        )

    assert (found(verdict), verdict.entries, seen[-1]) == ([], 601, (601, 601))


@pytest.mark.parametrize("tamper", TAMPERING)
def test_tampering_is_named(log: SealedLog, tamper: Callable[[Session], None]) -> None:
    def look(session: Session) -> None:
        assert TAMPERING[tamper] in found(verify_tree(session))

    tampered(log, tamper, look)


def in_parts(session: Session, count: int, outside: Sequence[str] = ()) -> int | None:
    """Go through the tree in so many parts, as several processes do."""
    parts = stretches(tree_size(session), count)
    return sound_until(verify_stretch(session, *bounds, outside=outside) for bounds in parts)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
def test_sound_log_is_sound_in_parts(log: SealedLog, count: int) -> None:
    with log.database.reading() as session:
        assert in_parts(session, count, log.notes()) == 601


@pytest.mark.parametrize("count", [2, 3, 7, 8])
@pytest.mark.parametrize("tamper", TAMPERING)
def test_tampering_shows_in_parts(log: SealedLog, tamper: Callable[[Session], None], count: int) -> None:
    def look(session: Session) -> None:
        assert in_parts(session, count) is None

    tampered(log, tamper, look)


def test_end_cut_off_shows_in_the_last_part_against_a_checkpoint_outside(log: SealedLog) -> None:
    outside = log.notes()[-1]

    def look(session: Session) -> None:
        assert in_parts(session, 3) == NUMBER
        assert in_parts(session, 3, [outside]) is None

    tampered(log, cut_everything, look)


def test_end_cut_off_without_a_trace_shows_against_a_checkpoint_outside(log: SealedLog) -> None:
    outside = log.notes()[-1]

    def look(session: Session) -> None:
        assert verify(session).sound
        assert found(verify_tree(session)) == []
        assert found(verify_tree(session, outside=[outside])) == [("shorter", NUMBER)]

    tampered(log, cut_everything, look)


def test_checkpoint_of_another_log_is_told(log: SealedLog) -> None:
    with log.database.reading() as session:
        verdict = verify_tree(
            session, outside=[log.notes()[0].replace("example.edu.cn/1\n", "example.edu.cn/2\n", 1)]
        )

    assert [kind for kind, _ in found(verdict)] == ["bad_checkpoint"]


def test_checkpoint_of_nothing_is_compared_too(log: SealedLog) -> None:
    def note(root: bytes) -> str:
        return log.signer.note(Head(origin=log.signer.origin, size=0, root=root).text)

    with log.database.reading() as session:
        assert found(verify_tree(session, outside=[note(EMPTY)])) == []
        assert found(verify_tree(session, outside=[note(bytes(32))])) == [("checkpoint_differs", 0)]


def test_file_outside_that_cannot_be_read_is_told(log: SealedLog, tmp_path: Path) -> None:
    (tmp_path / "checkpoint-000000000601.txt").mkdir()

    with log.database.reading() as session:
        one = outside_finding(session, tmp_path)

    assert one is not None
    assert (str(one.kind), one.details) == ("bad_checkpoint", {"file": "checkpoint-000000000601.txt"})


def test_log_with_two_keys_is_sound(database: Database, tmp_path: Path) -> None:
    log = SealedLog.made(database, tmp_path, entries=5)
    log.signer = rotate_key(database, log.file, ctx=CTX, at=AT)
    log.seal()

    with database.reading() as session:
        assert verify_tree(session).sound


# ───────────────────────────── The continuous check


def round_of(database: Database, *, begin: int, folder: Path | None = None) -> int:
    """Let a whole round go by, and one part more; return how many faults it found."""
    return sum(watch(database, at=AT + PAUSE * (begin + part), folder=folder) for part in range(ROUND + 1))


@pytest.mark.parametrize("tamper", [*TAMPERING, cut_everything])
def test_continuous_check_finds_it_within_ten_minutes(
    database: Database, tmp_path: Path, tamper: Callable[[Session], None]
) -> None:
    assert timedelta(minutes=10) > (ROUND + 1) * PAUSE
    log = SealedLog.made(database, tmp_path, entries=600, every=300)
    folder = FolderPlace(folder=tmp_path / "outside")
    take_out(database, folder)
    assert round_of(database, begin=0, folder=folder.folder) == 0
    with database.reading() as session:
        assert log_alarm(session, at=AT + PAUSE * ROUND) is None
    with database.transaction() as session:
        unlock(session)
        tamper(session)

    assert round_of(log.database, begin=20, folder=folder.folder) > 0
    with database.reading() as session:
        assert log_alarm(session, at=AT + PAUSE * 29) == "found"
        assert log_faults(session)


def test_fault_stays_until_a_round_finds_none(database: Database, tmp_path: Path) -> None:
    SealedLog.made(database, tmp_path, entries=30)
    with database.transaction() as session:
        root = session.get_one(Checkpoint, 31).root
        session.execute(update(Checkpoint).values(root="0" * 64))
    alarms = []
    for part in range(4):
        watch(database, at=AT + PAUSE * part)
        with database.reading() as session:
            alarms.append(log_alarm(session, at=AT + PAUSE * part))
        if part == 1:
            with database.transaction() as session:
                session.execute(update(Checkpoint).where(Checkpoint.size == 31).values(root=root))
                session.execute(delete(Checkpoint).where(Checkpoint.size < 31))

    assert alarms == ["found", "found", None, None]


def test_check_that_has_stopped_is_no_good_sign(database: Database, tmp_path: Path) -> None:
    SealedLog.made(database, tmp_path, entries=5)
    watch(database, at=AT)

    with database.reading() as session:
        assert log_alarm(session, at=AT + STALE) is None
        assert log_alarm(session, at=AT + STALE + PAUSE) == "stale"


def test_check_cannot_be_put_off_to_a_far_day(database: Database, tmp_path: Path) -> None:
    """Nobody's row, and no clock that was set back, silences it."""
    SealedLog.made(database, tmp_path, entries=5)
    watch(database, at=AT + timedelta(days=900))
    with database.reading() as session:
        assert log_alarm(session, at=AT) == "stale"

    watch(database, at=AT)

    with database.reading() as session:
        assert log_alarm(session, at=AT) is None
        assert session.scalars(select(LogWatch.checked_at)).one() == AT


def test_each_part_is_looked_at_once(database: Database, tmp_path: Path) -> None:
    SealedLog.made(database, tmp_path, entries=5)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    watch(database, at=AT)
    before = len(statements)

    watch(database, at=AT)
    watch(database, at=AT + PAUSE / 2)

    assert not [one for one in statements[before:] if not one.lstrip().upper().startswith("SELECT")]
    with database.reading() as session:
        assert session.scalars(select(LogWatch.checked_at)).one() == AT


def test_slices_cover_a_log_of_any_length(sqlite_database: Database, tmp_path: Path) -> None:
    """Longer than a slice's least length, so that it takes several parts; a fault at the end is found."""
    log = SealedLog.made(sqlite_database, tmp_path, entries=5000, every=5000)
    assert round_of(sqlite_database, begin=0) == 0
    with sqlite_database.transaction() as session:
        unlock(session)
        row = of_leaf(session, 4999)
        session.execute(update(Entry).where(Entry.id == row.id).values(body=row.body + " "))

    assert round_of(log.database, begin=20) > 0


def test_new_entries_are_looked_at_at_once(database: Database, tmp_path: Path) -> None:
    """Somebody slips an entry in that does not follow the one before; it is sealed, and found with the next part."""
    log = SealedLog.made(database, tmp_path, entries=5)
    round_of(database, begin=0)
    with database.transaction() as session:
        session.add(Entry(**entry_row("system:test0", 2, "f" * 64, 77)))
    log.seal()

    watch(database, at=AT + PAUSE * 30)

    with database.reading() as session:
        assert log_faults(session) == [{"kind": "chain_broken", "stream": "system:test0", "seq": 2}]


# ───────────────────────────── The newest checkpoint outside


def test_folder_outside_speaks_against_another_log(database: Database, tmp_path: Path) -> None:
    log = SealedLog.made(database, tmp_path, entries=20)
    folder = tmp_path / "outside"

    def said() -> str | None:
        with database.reading() as session:
            fault = outside_finding(session, folder)
        return str(fault.kind) if fault else None

    assert said() is None
    take_out(database, FolderPlace(folder=folder))
    assert said() is None
    (file,) = folder.iterdir()
    note = file.read_text("utf-8")
    later = folder / "checkpoint-000000000099.txt"
    for wrong, kind in (
        (note.replace("\n21\n", "\n99\n"), "shorter"),
        (note.replace("example.edu.cn/1\n", "example.edu.cn/2\n", 1), "bad_checkpoint"),
        (log.notes()[0].replace("\n21\n", "\n20\n"), "checkpoint_differs"),
        ("", "bad_checkpoint"),
    ):
        later.write_text(wrong, encoding="utf-8")
        assert said() == kind


def test_checkpoint_brought_outside_while_the_log_is_looked_at_is_no_fault(
    database: Database, tmp_path: Path
) -> None:
    log = SealedLog.made(database, tmp_path, entries=20)
    folder = FolderPlace(folder=tmp_path / "outside")
    take_out(database, folder)
    went_on: list[int] = []

    def go_on(*_given: object) -> None:
        if not went_on:
            went_on.append(1)
            log.write(20, 3)
            log.seal()
            take_out(database, folder)

    with database.reading() as session:
        session.connection()
        event.listen(session.get_bind(), "after_cursor_execute", go_on)
        seen = look(session, Part(position=0, newest=0), folder=folder.folder)
        event.remove(session.get_bind(), "after_cursor_execute", go_on)

    assert len(list(folder.folder.iterdir())) == 2
    assert list(seen.findings) == []


def test_leaf_is_the_hash_of_what_the_entry_says(log: SealedLog) -> None:
    with log.database.reading() as session:
        row = of_leaf(session)
        assert session.get_one(Leaf, NUMBER).hash == row.hash == entry_hash(row.body)
    assert len(leaf_hash(bytes.fromhex(row.hash))) == 32
