"""Every entry comes into the tree once, in an order that respects its stream; checkpoints sign what is there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import delete, event, func, select, update
from sqlalchemy.orm import Session

from models import Checkpoint, Database, Entry, Leaf, LogKey, Node, Sealing
from models.schema import copy
from tests.conftest import Templates
from tests.university import University
from tests.workflow.sealed import SealedLog
from workflow.context import Actor, Context, Source
from workflow.errors import WorkflowError
from workflow.keyfile import KeyFault, read_key, successor, write_key
from workflow.merkle import Frontier, leaf_hash
from workflow.notes import Head, Signer, signers
from workflow.operations import keys, sealing
from workflow.operations.keys import make_key, rotate_key, signer_in_force
from workflow.operations.sealing import BATCH, USUAL, Pace, next_batch, public_keys, seal, take_in
from workflow.tree import STEP, Tree, node_place
from workflow.verify_tree import verify_tree

AT = datetime(2026, 11, 28, 2, tzinfo=UTC)
CTX = Context(actor=Actor(system="cli"), at=AT, source=Source.COMMAND)
ORIGIN = "example.edu.cn/1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.key"


def an_entry(stream: str, seq: int) -> Entry:
    return Entry(
        stream=stream, seq=seq, kind="test", actor="system:test", source="command", body="{}", hash=f"{seq:064x}",
        effective_on=date(2026, 11, 28), recorded_at=AT,
    )  # fmt: skip


def written(database: Database, count: int, stream: str = "system:test") -> None:
    with database.transaction() as session:
        known = session.scalar(select(func.count()).where(Entry.stream == stream)) or 0
        session.add_all(an_entry(stream, known + number) for number in range(1, count + 1))


def leaves(database: Database) -> list[Leaf]:
    with database.reading() as session:
        return list(session.scalars(select(Leaf).order_by(Leaf.number)))


def is_whole(database: Database) -> bool:
    """Whether every entry is in the tree once, with the hash it has, and the tree has its nodes."""
    with database.reading() as session:
        hashes = dict(session.execute(select(Entry.id, Entry.hash)).all())
        rows = session.execute(select(Leaf.number, Leaf.entry_id, Leaf.hash).order_by(Leaf.number)).all()
        kept = dict(session.execute(select(Node.place, Node.hash)).all())
        size = session.scalar(select(Sealing.size)) or 0
    grown, nodes = Frontier(), {}
    for row in rows:
        for level, place, node in grown.append(leaf_hash(bytes.fromhex(row.hash))):
            if level % STEP == 0:
                nodes[node_place(level, place)] = node.hex()
    in_order = [row.number for row in rows] == list(range(size))
    return in_order and {row.entry_id: row.hash for row in rows} == hashes and nodes == kept


# ───────────────────────────── Taking in


def test_everything_there_is_comes_into_the_tree(database: Database) -> None:
    University.founded(database).signed()
    written(database, 2 * BATCH)

    first, again = seal(database, signer=None, at=AT), seal(database, signer=None, at=AT)

    assert (first.taken, first.size, again.taken) == (2 * BATCH + 4, 2 * BATCH + 4, 0)
    assert is_whole(database)


def test_what_comes_later_comes_behind(database: Database) -> None:
    for size in (3, 1, 260, 0, 255):
        written(database, size)
        seal(database, signer=None, at=AT)

    assert [leaf.entry_id for leaf in leaves(database)] == sorted(leaf.entry_id for leaf in leaves(database))
    assert is_whole(database)


def test_sealer_with_nothing_to_do_writes_nothing(database: Database) -> None:
    written(database, 3)
    for _ in range(3):
        seal(database, signer=None, at=AT)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    seal(database, signer=None, at=AT)

    assert [one for one in statements if not one.lstrip().upper().startswith("SELECT")] == []


def test_entry_committed_late_is_taken_in_late(database: Database) -> None:
    """Its id is lower than those of entries that were committed, and sealed, before it; on SQLite nobody can be late."""
    if database.is_sqlite:
        pytest.skip("one writer at a time")
    with database.transaction() as slow:
        slow.add(an_entry("system:slow", 1))
        slow.flush()
        for _ in range(3):
            written(database, 2)
            seal(database, signer=None, at=AT)
        assert len(leaves(database)) == 6
    seal(database, signer=None, at=AT)

    taken = leaves(database)
    assert taken[-1].entry_id == min(leaf.entry_id for leaf in taken)
    assert is_whole(database)


def test_entry_left_behind_the_floor_is_found_by_a_look_at_the_whole(database: Database) -> None:
    written(database, 3)
    for _ in range(3):
        seal(database, signer=None, at=AT)
    with database.transaction() as session:
        session.execute(update(Sealing).values(floor=10**9, mark=10**9))
    written(database, 1)

    assert seal(database, signer=None, at=AT).taken == 0
    assert seal(database, signer=None, at=AT, whole=True).taken == 1


def test_entry_with_an_id_below_all_others_is_found_by_a_look_at_the_whole(database: Database) -> None:
    with database.transaction() as session:
        entry = an_entry("system:below", 1)
        entry.id = -5
        session.add(entry)

    assert seal(database, signer=None, at=AT, whole=True).taken == 1


def test_checkpoint_dated_far_ahead_does_not_keep_the_next_waiting(
    database: Database, tmp_path: Path
) -> None:
    """Its date is not signed: whoever sets it ahead, or has set the clock back, stops no checkpoint."""
    log = SealedLog.made(database, tmp_path, entries=5)
    with database.transaction() as session:
        session.execute(update(Checkpoint).values(signed_at=AT + timedelta(days=900)))
    log.write(5, 1)

    assert seal(database, signer=log.signer, at=AT).covered == 7


def test_restored_elsewhere_the_sealer_goes_on(database: Database) -> None:
    """The other server counts its transactions from lower numbers: the mark of the old one would never be reached."""
    written(database, 3)
    seal(database, signer=None, at=AT)
    with database.transaction() as session:
        session.execute(update(Sealing).values(mark_xid=2**60))
    for _ in range(2):
        written(database, 1)
        seal(database, signer=None, at=AT)

    with database.reading() as session:
        row = session.scalars(select(Sealing)).one()
    assert is_whole(database)
    assert row.mark_xid < 2**60
    assert database.is_sqlite or row.floor > 0


def test_nobody_who_writes_waits_for_the_sealer(database: Database) -> None:
    """While a batch is being read, and on PostgreSQL while it is being written, others write."""
    written(database, 5)
    with database.reading() as session:
        batch = next_batch(session)
        written(database, 1)
    if database.is_sqlite:
        return
    with database.transaction() as session:
        assert take_in(session, batch=batch)
        written(database, 1)


def test_of_two_sealers_one_takes_a_batch_in(database: Database) -> None:
    written(database, 5)
    with database.reading() as session:
        batch = next_batch(session)

    done = [database.run(lambda session: take_in(session, batch=batch)) for _ in range(2)]

    assert done == [True, False]
    assert is_whole(database)


def test_many_sealers_beside_writers_forget_nothing_and_take_nothing_twice(database: Database) -> None:
    until = threading.Event()

    def keep_sealing() -> None:
        while not until.is_set():
            seal(database, signer=None, at=AT)

    def keep_writing(stream: str) -> None:
        for _ in range(12):
            written(database, 2, stream)

    with ThreadPoolExecutor(6) as pool:
        sealers = [pool.submit(keep_sealing) for _ in range(3)]
        writers = [pool.submit(keep_writing, f"system:{name}") for name in ("one", "two", "three")]
        for writer in writers:
            writer.result()
        until.set()
        for sealer in sealers:
            sealer.result()
    seal(database, signer=None, at=AT)

    assert len(leaves(database)) == 72
    assert is_whole(database)
    with database.reading() as session:
        places = session.execute(
            select(Entry.stream, Entry.seq).join(Leaf, Leaf.entry_id == Entry.id).order_by(Leaf.number)
        ).all()
    for name in ("one", "two", "three"):
        assert [seq for stream, seq in places if stream == f"system:{name}"] == list(range(1, 25))


def test_sealer_cut_off_anywhere_leaves_a_whole_tree(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = make_key(database, file, ORIGIN, ctx=CTX)
    written(database, 299)
    for name in ("_grow", "_moved", "write_checkpoints"):
        with monkeypatch.context() as patch:
            patch.setattr(sealing, name, _cut_off_after(getattr(sealing, name)))
            with pytest.raises(KeyboardInterrupt):
                seal(database, signer=signer, at=AT)
        assert checkpoints(database) == []
        assert len(leaves(database)) in (0, 300)

    seal(database, signer=None, at=AT)
    assert is_whole(database)


def _cut_off_after(work: Callable[..., object]) -> Callable[..., object]:
    def cut(*given: object, **named: object) -> object:
        work(*given, **named)
        raise KeyboardInterrupt

    return cut


def test_tree_moves_house_with_the_log(sqlite_database: Database, templates: Templates) -> None:
    written(sqlite_database, 300)
    seal(sqlite_database, signer=None, at=AT)
    target = Database(templates.copy("postgresql"))

    copy(sqlite_database, target)
    written(target, 2)
    for _ in range(2):
        seal(target, signer=None, at=AT)

    assert len(leaves(target)) == 302
    assert is_whole(target)
    target.dispose()
    templates.drop(target.url.render_as_string(hide_password=False))


# ───────────────────────────── Checkpoints


def checkpoints(database: Database) -> list[Checkpoint]:
    with database.reading() as session:
        return list(session.scalars(select(Checkpoint).order_by(Checkpoint.size)))


def covered_sizes(database: Database) -> list[int]:
    return [row.size for row in checkpoints(database)]


def test_checkpoint_is_signed_after_so_many_entries_or_so_much_time(database: Database, file: Path) -> None:
    signer = make_key(database, file, ORIGIN, ctx=CTX)
    sizes = []
    for entries, minutes in ((0, 0), (99, 1), (1, 2), (1, 3), (0, 11), (0, 12), (0, 99), (250, 99)):
        written(database, entries)
        seal(database, signer=signer, at=AT + timedelta(minutes=minutes), pace=USUAL)
        sizes.append(checkpoints(database)[-1].size)

    assert sizes == [1, 1, 101, 101, 101, 102, 102, 352]


def test_each_hundredth_entry_of_a_burst_has_its_checkpoint(database: Database, tmp_path: Path) -> None:
    """A burst is taken in by few transactions; no two checkpoints lie further apart for that."""
    log = SealedLog.made(database, tmp_path, entries=0)
    log.seal()
    log.write(0, 37)
    seal(database, signer=log.signer, at=AT)
    log.write(37, BATCH + 250)

    seal(database, signer=log.signer, at=AT)

    sizes = covered_sizes(database)
    assert sizes == [1, 101, 201, 301, 401, 501, 538, 638, 738, 788]
    assert all(after - before <= USUAL.every for before, after in pairwise(sizes))
    with database.reading() as session:
        assert verify_tree(session).findings == ()


def test_burst_that_came_while_the_key_was_away_has_its_checkpoints_afterwards(
    database: Database, file: Path
) -> None:
    signer = make_key(database, file, ORIGIN, ctx=CTX)
    seal(database, signer=signer, at=AT)
    written(database, 2 * BATCH)
    seal(database, signer=None, at=AT)

    seal(database, signer=signer, at=AT, pace=Pace(every=1))

    assert covered_sizes(database) == list(range(1, 2 * BATCH + 2))


def test_first_checkpoint_of_a_long_log_does_for_everything_before_it(database: Database, file: Path) -> None:
    written(database, 450)
    seal(database, signer=None, at=AT)
    signer = make_key(database, file, ORIGIN, ctx=CTX)

    seal(database, signer=signer, at=AT)

    assert covered_sizes(database) == [451]


def test_signing_a_burst_costs_no_more_statements_than_signing_once(database: Database, file: Path) -> None:
    signer = make_key(database, file, ORIGIN, ctx=CTX)
    seal(database, signer=signer, at=AT)
    counts = []
    for entries in (100, 450):
        written(database, entries)
        statements: list[str] = []

        def counted(*given: object) -> None:
            statements.append(str(given[2]))  # noqa: B023 — called in this round

        event.listen(database.engine, "before_cursor_execute", counted)
        seal(database, signer=signer, at=AT)
        event.remove(database.engine, "before_cursor_execute", counted)
        counts.append(len(statements))

    assert counts[1] <= counts[0] + 4


def test_pace_can_be_set(database: Database, file: Path) -> None:
    signer = make_key(database, file, ORIGIN, ctx=CTX)
    seal(database, signer=signer, at=AT)
    written(database, 1)

    assert seal(database, signer=signer, at=AT, pace=Pace(every=2)).covered == 1
    assert seal(database, signer=signer, at=AT, pace=Pace(every=1)).covered == 2
    written(database, 1)
    assert seal(database, signer=signer, at=AT, pace=None).covered == 3


def test_checkpoint_signs_the_root_over_the_entries(database: Database, file: Path) -> None:
    signer = make_key(database, file, ORIGIN, ctx=CTX)
    written(database, 700)
    seal(database, signer=signer, at=AT)

    grown = Frontier()
    with database.reading() as session:
        for digest in session.scalars(select(Leaf.hash).order_by(Leaf.number)):
            grown.append(leaf_hash(bytes.fromhex(digest)))
    last = checkpoints(database)[-1]
    assert Head.read(last.note) == Head(origin=ORIGIN, size=701, root=grown.root)
    assert (last.root, signers(last.note, [signer.public])) == (grown.root.hex(), [signer.public])


def test_key_that_is_not_the_logs_signs_nothing(database: Database, file: Path) -> None:
    written(database, 1)
    with pytest.raises(WorkflowError, match="key_not_in_force"):
        seal(database, signer=Signer.fresh(ORIGIN), at=AT)
    make_key(database, file, ORIGIN, ctx=CTX)
    with pytest.raises(WorkflowError, match="key_not_in_force"):
        seal(database, signer=Signer.fresh(ORIGIN), at=AT)

    assert checkpoints(database) == []


# ───────────────────────────── Keys


def test_each_key_leaves_one_entry_that_names_it(database: Database, file: Path) -> None:
    first = make_key(database, file, ORIGIN, ctx=CTX)
    second = rotate_key(database, file, ctx=CTX, at=AT)

    with database.reading() as session:
        rows = session.scalars(select(Entry).where(Entry.stream == "system:log").order_by(Entry.seq)).all()
    assert [row.kind for row in rows] == ["key_made", "key_rotated"]
    assert first.public.text in rows[0].body
    assert first.public.text in rows[1].body
    assert second.public.text in rows[1].body
    assert "PRIVATE" not in rows[0].body + rows[1].body


def test_keys_change_hands_at_a_size(database: Database, file: Path) -> None:
    """The last key signs all that was in the tree before it went, and nothing after."""
    first = make_key(database, file, ORIGIN, ctx=CTX)
    written(database, 5)
    seal(database, signer=None, at=AT)
    second = rotate_key(database, file, ctx=CTX, at=AT)
    seal(database, signer=second, at=AT, pace=None)

    with database.reading() as session:
        known = public_keys(session)
    assert known == [(first.public, 0, 6), (second.public, 7, None)]
    assert [(row.size, signers(row.note, [first.public, second.public])) for row in checkpoints(database)] == [
        (6, [first.public]), (7, [second.public]),
    ]  # fmt: skip
    written(database, 1)
    with pytest.raises(WorkflowError, match="key_not_in_force"):
        seal(database, signer=first, at=AT, pace=None)


def test_second_first_key_is_refused(database: Database, file: Path, tmp_path: Path) -> None:
    make_key(database, file, ORIGIN, ctx=CTX)

    for place in (file, tmp_path / "other.key"):
        with pytest.raises(KeyFault, match="key_exists"):
            make_key(database, place, ORIGIN, ctx=CTX)
    assert not (tmp_path / "other.key").exists()


def test_first_key_cut_off_before_it_was_recorded_is_used(database: Database, file: Path) -> None:
    written_before = Signer.fresh(ORIGIN)
    write_key(file, written_before)

    assert make_key(database, file, "another/name", ctx=CTX) == written_before


def test_rotation_cut_off_after_it_was_recorded_is_finished(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key(database, file, ORIGIN, ctx=CTX)
    with monkeypatch.context() as patch:
        patch.setattr(keys, "take_over", lambda _file: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rotate_key(database, file, ctx=CTX, at=AT)
    waiting = read_key(successor(file))

    with database.reading() as session:
        assert signer_in_force(session, file) == waiting
    assert read_key(file) == waiting
    assert not successor(file).exists()


def test_rotation_cut_off_before_it_was_recorded_changes_nothing(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_key(database, file, ORIGIN, ctx=CTX)
    with monkeypatch.context() as patch:
        patch.setattr(keys, "record", lambda *_given, **_named: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rotate_key(database, file, ctx=CTX, at=AT)

    with database.reading() as session:
        assert signer_in_force(session, file) == first
    assert rotate_key(database, file, ctx=CTX, at=AT) == read_key(file)


def test_key_of_another_log_is_told_apart(database: Database, file: Path, tmp_path: Path) -> None:
    make_key(database, file, ORIGIN, ctx=CTX)
    stranger = tmp_path / "stranger.key"
    write_key(stranger, Signer.fresh(ORIGIN))

    with database.reading() as session, pytest.raises(KeyFault, match="key_of_another_log"):
        signer_in_force(session, stranger)
    with database.transaction() as session:
        session.execute(delete(LogKey))
    with database.reading() as session, pytest.raises(KeyFault, match="key_not_declared"):
        signer_in_force(session, file)


# ───────────────────────────── The tree as it is kept


def test_kept_tree_gives_every_node_of_a_log_longer_than_a_row(sqlite_database: Database) -> None:
    written(sqlite_database, 1100)
    seal(sqlite_database, signer=None, at=AT)
    hashes = [leaf_hash(bytes.fromhex(leaf.hash)) for leaf in leaves(sqlite_database)]

    with sqlite_database.reading() as session:
        tree = Tree(session)
        for level in range(11):
            for place in range(1100 >> level):
                expected = Frontier()
                for leaf in hashes[place << level : (place + 1) << level]:
                    expected.append(leaf)
                assert tree.node(level, place) == expected.root


def test_proofs_read_few_rows_however_long_the_log(sqlite_database: Database) -> None:
    written(sqlite_database, 1100)
    seal(sqlite_database, signer=None, at=AT)
    queries: list[Session] = []
    with sqlite_database.reading() as session:
        event.listen(session.get_bind(), "before_cursor_execute", lambda *_: queries.append(session))
        Frontier.of(1100, Tree(session).node)
    assert len(queries) <= 2
