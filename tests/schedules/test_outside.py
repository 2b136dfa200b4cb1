"""Checkpoints leave the house to every place, again after a failure, and no place holds another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import select, update

from models import CheckpointPlace, Database
from schedules.delivery import MailServer
from schedules.outside import CommandPlace, FolderPlace, MailPlace, NotTaken, file_name, take_out
from tests.schedules.test_delivery import Postbox, postbox
from tests.workflow.sealed import AT, SealedLog
from workflow.clock import machine_time
from workflow.operations.outside import LEASE, Parcel
from workflow.queries.sealing import seal_state

__all__ = ["postbox"]
PARCEL = Parcel(size=7, note="example.edu.cn/1\n7\n…\n\n— a b\n")


@pytest.fixture
def log(database: Database, tmp_path: Path) -> SealedLog:
    return SealedLog.made(database, tmp_path, entries=5)


@dataclass
class Elsewhere:
    """Keeps what it is given, or fails as told."""

    name: str = "elsewhere"
    at_once: int = 1
    missed: int = 100
    taken: list[int] = field(default_factory=list)
    failing: bool = False
    meanwhile: Callable[[], object] = lambda: None

    def take(self, parcels: Sequence[Parcel]) -> None:
        self.meanwhile()
        if self.failing:
            raise NotTaken("no route")
        self.taken += [parcel.size for parcel in parcels]


def row(log: SealedLog, name: str = "elsewhere") -> CheckpointPlace:
    with log.database.reading() as session:
        return session.get_one(CheckpointPlace, name)


def sealed_further(log: SealedLog, count: int) -> None:
    """So many entries more, a checkpoint for each."""
    for number in range(count):
        log.write(5 + number, 1)
        log.seal()


def test_each_checkpoint_goes_out_once(log: SealedLog) -> None:
    place = Elsewhere()

    assert [take_out(log.database, place) for _ in range(3)] == [1, 0, 0]
    sealed_further(log, 3)
    assert [take_out(log.database, place) for _ in range(2)] == [3, 0]

    assert place.taken == [6, 7, 8, 9]
    assert (row(log).size, row(log).failure, row(log).attempts) == (9, None, 0)


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_place_gets_the_latest_of_those_it_missed_the_smallest_first(log: SealedLog, at_once: int) -> None:
    place = Elsewhere(at_once=at_once, missed=5)
    take_out(log.database, place)
    sealed_further(log, 8)

    assert take_out(log.database, place) == 5

    assert place.taken == [6, 10, 11, 12, 13, 14]
    assert row(log).size == 14


def test_place_that_fails_on_the_way_goes_on_where_it_stopped(log: SealedLog) -> None:
    place = Elsewhere()
    sealed_further(log, 3)

    def fail_at_the_third() -> None:
        place.failing = len(place.taken) == 2

    place.meanwhile = fail_at_the_third
    with time_machine.travel(AT, tick=False) as clock:
        stopped = take_out(log.database, place)
        place.meanwhile = lambda: setattr(place, "failing", False)
        clock.shift(timedelta(seconds=31))
        went_on = take_out(log.database, place)

    assert (stopped, went_on, place.taken) == (2, 2, [6, 7, 8, 9])


def test_place_said_to_have_more_than_was_signed_is_sent_to_all_the_same(log: SealedLog) -> None:
    """Somebody sets its row so that it would never be sent to again, and all would look well kept."""
    place = Elsewhere()
    take_out(log.database, place)
    with log.database.transaction() as session:
        session.execute(
            update(CheckpointPlace).values(size=10**6, next_try_at=machine_time() + timedelta(days=900))
        )
    with log.database.reading() as session:
        state = seal_state(session)
    assert (state.outside, state.unprotected) == (0, 6)

    taken = take_out(log.database, place)

    assert (taken, place.taken, row(log).size) == (1, [6, 6], 6)


def test_log_without_checkpoints_sends_none(database: Database) -> None:
    assert take_out(database, Elsewhere()) == 0


def test_place_that_failed_is_tried_again_after_a_pause_that_doubles(log: SealedLog) -> None:
    place, pauses = Elsewhere(failing=True), []
    with time_machine.travel(AT, tick=False) as clock:
        for _ in range(8):
            take_out(log.database, place)
            pause = row(log).next_try_at - row(log).next_try_at.__class__.now(AT.tzinfo)
            pauses.append(pause.total_seconds())
            take_out(log.database, place)
            clock.shift(pause)
        assert (row(log).attempts, row(log).failure) == (8, "no route")
        place.failing = False
        assert take_out(log.database, place) == 1

    assert pauses == [30, 60, 120, 240, 480, 600, 600, 600]
    assert (row(log).attempts, row(log).failure) == (0, None)


def test_while_one_sends_to_a_place_no_other_does_and_other_places_go_on(log: SealedLog) -> None:
    other = Elsewhere(name="other")
    twin = Elsewhere()
    place = Elsewhere(meanwhile=lambda: (take_out(log.database, other), take_out(log.database, twin)))

    take_out(log.database, place)

    assert (place.taken, other.taken, twin.taken) == ([6], [6], [])


def test_checkpoint_whose_sender_died_goes_out_when_its_lease_is_over(log: SealedLog) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    place = Elsewhere(meanwhile=die)
    with time_machine.travel(AT, tick=False) as clock:
        with pytest.raises(KeyboardInterrupt):
            take_out(log.database, place)
        assert take_out(log.database, Elsewhere()) == 0
        clock.shift(LEASE + timedelta(seconds=1))
        assert take_out(log.database, Elsewhere()) == 1


# ───────────────────────────── The kinds of places


def test_folder_gets_a_file_for_each_checkpoint(log: SealedLog, tmp_path: Path) -> None:
    folder = FolderPlace(folder=tmp_path / "outside" / "here")

    take_out(log.database, folder)
    sealed_further(log, 2)
    take_out(log.database, folder)
    folder.take([Parcel(size=6, note=log.notes()[0])])

    assert {file.name: file.read_text("utf-8") for file in folder.folder.iterdir()} == {
        f"checkpoint-{size:012d}.txt": note for size, note in zip((6, 7, 8), log.notes(), strict=True)
    }


def test_folder_keeps_what_it_has_when_another_checkpoint_claims_its_place(tmp_path: Path) -> None:
    (tmp_path / file_name(7)).write_text("another", encoding="utf-8")

    with pytest.raises(NotTaken, match="there already"):
        FolderPlace(folder=tmp_path).take([PARCEL])
    assert (tmp_path / file_name(7)).read_text("utf-8") == "another"


def test_folder_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NotTaken, match="Not a directory|File exists"):
        FolderPlace(folder=tmp_path / "file").take([PARCEL])


def test_mailbox_gets_the_checkpoint_as_it_is(log: SealedLog, postbox: tuple[Postbox, MailServer]) -> None:
    box, server = postbox
    place = MailPlace(server=server, address="auditors@example.org")

    take_out(log.database, place)
    sealed_further(log, 2)
    take_out(log.database, place)
    box.refusing = True
    with pytest.raises(NotTaken, match="451"):
        place.take([PARCEL])

    notes = log.notes()
    for letter, sizes in zip(box.received, ((6,), (7, 8)), strict=True):
        attached = {part.get_filename(): part.get_content() for part in letter.iter_attachments()}
        assert letter["To"] == "auditors@example.org"
        assert attached.keys() == {file_name(size) for size in sizes}
        for size in sizes:
            assert attached[file_name(size)].replace("\r\n", "\n") == notes[size - 6]
    bodies = [letter.get_body(("plain",)) for letter in box.received]
    one, two = [body.get_content() for body in bodies if body is not None]
    assert "earlier" not in one
    assert "1 earlier checkpoint is attached, too" in two
    assert "另附此前的1个检查点" in two


def test_command_gets_the_checkpoint_on_its_input(tmp_path: Path) -> None:
    kept = tmp_path / "it is kept; here"
    code = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read())"

    CommandPlace(words=[sys.executable, "-c", code, str(kept)]).take([PARCEL, PARCEL])

    assert kept.read_text("utf-8") == PARCEL.note * 2


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('no space left')", "exit status 1: no space left"),
        ("import os, time; os.fork(); time.sleep(60)", "no answer"),
    ],
)
def test_command_that_fails_or_hangs_is_given_up(code: str, said: str) -> None:
    with pytest.raises(NotTaken, match=said):
        CommandPlace(words=[sys.executable, "-c", code], seconds=1.5).take([PARCEL])


def test_command_that_is_none_is_told() -> None:
    with pytest.raises(NotTaken, match="No such file"):
        CommandPlace.read("no-such-command --at all").take([PARCEL])
    for text in ("", "'unclosed"):
        with pytest.raises(ValueError, match="command|quotation"):
            CommandPlace.read(text)


# ───────────────────────────── What it says


def test_state_says_how_many_entries_only_the_key_protects(log: SealedLog, tmp_path: Path) -> None:
    take_out(log.database, Elsewhere())
    log.write(5, 3)
    log.seal()
    log.write(8, 2)

    with log.database.reading() as session:
        state = seal_state(session)
    assert (state.size, state.covered, state.outside, state.unsealed, state.unprotected) == (9, 9, 6, 2, 5)
    assert state.lacks_places
    take_out(log.database, FolderPlace(folder=tmp_path))
    with log.database.reading() as session:
        assert not seal_state(session).lacks_places
        assert session.scalars(select(CheckpointPlace.name).order_by(CheckpointPlace.name)).all() == [
            "directory", "elsewhere",
        ]  # fmt: skip
