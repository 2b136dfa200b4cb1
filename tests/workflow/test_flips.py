"""Every changed byte of an entry is found, and the entry it stands in is named and no other is.

Of a log of `LIANPEI_ENTRIES` entries every byte of the first and the last 200 is flipped in `LIANPEI_TRIALS` of its eight bits; with 10000
and 8 nothing is left out there, and every byte is also given each of its 255 other values. It is done in three ways: one flip in each of
many entries of a whole packet; each value alone, for a reader that has come as far as its entry; and some alone in a whole packet, of which
such a reader must have said the same.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select, text

from models import Database, Entry, Leaf
from tests.conftest import KINDS, Templates
from tests.workflow.history import passing, unlock
from tests.workflow.sealed import Files, SealedLog, files_of
from workflow.packet.verify import Check, Key, Verdict, check
from workflow.verify import verify
from workflow.verify_tree import verify_tree

ENTRIES = int(os.environ.get("LIANPEI_ENTRIES", "300"))
TRIALS = int(os.environ.get("LIANPEI_TRIALS", "1"))
BITS = min(8, TRIALS)

OTHERS = 255
"""Values a byte does not have."""

ONE_IN = 1 if TRIALS >= 8 else 1999
"""Of the other values of all bytes one in so many is tried."""

EDGE = 200
"""Entries at either end of which every byte is changed."""

BETWEEN = 400
"""Of the others so many are flipped beside them each time."""

APART = 3
"""From one entry whose line runs on or is broken to the next one planted with it."""

LINE_FEED = 10
ALL = 1 << 40
"""More faults than there can be, so that each is named however many come before it."""


class Flip(NamedTuple):
    """A byte of an entry's line, and the value it is given."""

    number: int
    place: int
    value: int

    def of(self, line: bytes) -> bytes:
        return line[: self.place] + bytes((self.value,)) + line[self.place + 1 :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A packet in parts."""

    files: Mapping[str, bytes]
    lines: Sequence[bytes]
    proof: Sequence[bytes]

    @property
    def edges(self) -> list[int]:
        """The first and the last entries."""
        length = len(self.lines)
        return [number for number in range(length) if number < EDGE or number >= length - EDGE]

    def bits(self, number: int) -> Iterator[Flip]:
        """So many bits of each byte of an entry's line, the same ones each time."""
        dice = random.Random(number)
        for place, byte in enumerate(self.lines[number]):
            for bit in dice.sample(range(8), BITS):
                yield Flip(number, place, byte ^ (1 << bit))

    def others(self, number: int) -> Iterator[Flip]:
        """The other values of each byte of an entry's line, or one in so many of them."""
        line = self.lines[number]
        for turn in range(number % ONE_IN, OTHERS * len(line), ONE_IN):
            place, further = divmod(turn, OTHERS)
            yield Flip(number, place, (line[place] + 1 + further) % 256)

    def any_of(self, number: int, dice: random.Random) -> Flip:
        place = dice.randrange(len(self.lines[number]))
        return Flip(number, place, self.lines[number][place] ^ dice.randrange(1, 256))

    def moves_lines(self, flip: Flip) -> bool:
        """Whether a line's end is taken away, or one comes into it."""
        return LINE_FEED in (flip.value, self.lines[flip.number][flip.place])

    def bad(self, flip: Flip) -> list[int]:
        """The entries to be named: its own, and the next as well when this line runs on into that."""
        runs_on = self.lines[flip.number][flip.place] == LINE_FEED and flip.number + 1 < len(self.lines)
        return [flip.number, flip.number + 1] if runs_on else [flip.number]

    def checked(self, flips: Iterable[Flip]) -> Verdict:
        """The verdict on the whole packet with these flips in it, at most one of an entry."""
        lines = list(self.lines)
        for flip in flips:
            lines[flip.number] = flip.of(lines[flip.number])
        return check(Files({**self.files, "entries.jsonl": b"".join(lines)}), most=ALL)


@pytest.fixture(scope="module")
def packet(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Packet:
    """Of its checkpoints the newest alone: the signatures of forty would take half as long as all the rest."""
    database = Database(templates.copy("sqlite"))
    log = SealedLog.made(database, tmp_path_factory.mktemp("packet"), entries=ENTRIES - 1, every=500)
    files = files_of(log.packet())
    database.dispose()
    for name in sorted(name for name in files if name.startswith("checkpoints/"))[:-1]:
        del files[name]
    lines, proof = (files[name].splitlines(keepends=True) for name in ("entries.jsonl", "proofs/tree.txt"))
    packet = Packet(files=files, lines=lines, proof=proof)
    assert packet.checked([]).sound
    return packet


# ───────────────────────────── Many at a time, in the whole packet


def test_flips_in_many_entries_are_each_named_and_nothing_else_is(packet: Packet) -> None:
    """No entry is named on another's account: those between and behind the changed ones are not."""
    dice, made = random.Random(ENTRIES), 0
    others = sorted({*range(len(packet.lines))} - {*packet.edges})
    for flips in _rounds(packet):
        some = [packet.any_of(number, dice) for number in dice.sample(others, min(BETWEEN, len(others)))]
        planted = [*flips, *(flip for flip in some if not packet.moves_lines(flip))]

        named = sorted({one.number for one in packet.checked(planted).findings}, key=str)
        assert named == sorted({number for flip in planted for number in packet.bad(flip)}, key=str), planted

        made += len(flips)
    assert made == BITS * sum(len(packet.lines[number]) for number in packet.edges)


def _rounds(packet: Packet) -> Iterator[list[Flip]]:
    """Every flip of the first and last entries, one of an entry at a time; where lines move, their neighbours stay as they are."""
    edges = packet.edges
    yield from _in_turn(
        [filter(lambda flip: not packet.moves_lines(flip), packet.bits(one)) for one in edges]
    )
    for first in range(APART):
        yield from _in_turn([filter(packet.moves_lines, packet.bits(one)) for one in edges[first::APART]])


def _in_turn(queues: Sequence[Iterable[Flip]]) -> Iterator[list[Flip]]:
    for turn in zip_longest(*queues):
        yield [flip for flip in turn if flip is not None]


# ───────────────────────────── Each alone, by a reader that has come so far


class Reader:
    """A reader that has found everything as it should be so far, and can go on from there as often as one likes."""

    def __init__(self, packet: Packet) -> None:
        self.packet, self.number = packet, 0
        self._run = Check(Files({}), [], None, ALL)
        self._run.keys = [Key(line) for line in packet.files["keys.txt"].decode().splitlines()]

    def come_to(self, number: int) -> None:
        self._read(self._run, self.packet.lines[self.number : number], self.number, number)
        self.number = number
        assert not self._run.findings

    def finds(self, flip: Flip) -> set[tuple[str, int | None]]:
        """Kinds and numbers of what is found in the changed line, and in the one behind it when lines have moved."""
        run = Check(Files({}), [], None, ALL)
        run.tree.size, run.tree.peaks = self._run.tree.size, list(self._run.tree.peaks)
        run.keys, run.heads = self._run.keys, dict(self._run.heads)
        end = flip.number + 1 + self.packet.moves_lines(flip)
        lines = self.packet.lines[flip.number : end]
        self._read(run, [flip.of(lines[0]), *lines[1:]], flip.number, end)
        return {(one.kind, one.number) for one in run.findings}

    def _read(self, run: Check, lines: Sequence[bytes], begin: int, end: int) -> None:
        proof = b"".join(self.packet.proof[begin:end])
        run.source = Files({"entries.jsonl": b"".join(lines), "proofs/tree.txt": proof})
        run._log()


@pytest.mark.parametrize("end", ["first", "last"])
def test_each_other_value_of_a_byte_names_its_entry(packet: Packet, end: str) -> None:
    reader, made = Reader(packet), 0
    edges = packet.edges[:EDGE] if end == "first" else packet.edges[-EDGE:]
    for number in edges:
        reader.come_to(number)
        for flip in packet.others(number):
            assert {one for _, one in reader.finds(flip)} == {*packet.bad(flip)}, flip
            made += 1
    assert made >= OTHERS * sum(len(packet.lines[number]) for number in edges) // ONE_IN - len(edges)


# ───────────────────────────── Some alone, in the whole packet


def test_flip_alone_is_named_alike_in_the_whole_packet(packet: Packet) -> None:
    """And anywhere: at both ends, between them, where lines end, and where one comes to an end too soon."""
    dice, length = random.Random(TRIALS), len(packet.lines)
    drawn = sorted([*dice.choices(packet.edges, k=9 * TRIALS), *dice.choices(range(length), k=9 * TRIALS)])
    flips = [packet.any_of(number, dice) for number in drawn]
    for number in (0, drawn[5], length - 1):
        end = len(packet.lines[number]) - 1
        flips += [Flip(number, place, LINE_FEED) for place in (0, 1, 40, end - 1)]
        flips += [Flip(number, end, value) for value in (0, 13, 32, 255)]
    reader = Reader(packet)
    for flip in sorted(flips):
        reader.come_to(flip.number)
        verdict = packet.checked([flip])

        assert verdict.findings[0].number == flip.number
        assert {(one.kind, one.number) for one in verdict.findings} == reader.finds(flip), flip


# ───────────────────────────── In the database


@pytest.fixture(scope="module", params=KINDS)
def database(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: Any
) -> Iterator[Database]:
    url = templates.copy(request.param)
    database = Database(url)
    SealedLog.made(database, tmp_path_factory.mktemp("log"), entries=ENTRIES - 1, every=500)
    yield database
    database.dispose()
    templates.drop(url)


@pytest.mark.parametrize("column", ["body", "hash"])
def test_flips_in_the_database_are_each_named_and_nothing_else_is(database: Database, column: str) -> None:
    """As far as they come to it: PostgreSQL refuses bytes that are no text, and in a hash no reader gets beyond them."""
    dice = random.Random(column)
    with database.reading() as session:
        query = select(Entry.id, Entry.stream, Entry.seq, Entry.body, Entry.hash).join(
            Leaf, Leaf.entry_id == Entry.id
        )
        rows = session.execute(query.order_by(Leaf.number)).all()
    for _ in range(4 * TRIALS):
        some = {*dice.sample(rows[:EDGE], 60), *dice.sample(rows[-EDGE:], 60), *dice.sample(rows, 60)}
        changed = {
            row: _flipped(getattr(row, column).encode(), dice, database.is_sqlite and column == "body")
            for row in some
        }
        with passing(database) as session:
            unlock(session)
            as_text = "CAST(:raw AS TEXT)" if database.is_sqlite else "convert_from(:raw, 'UTF8')"
            session.execute(
                text(f"UPDATE entries SET {column} = {as_text} WHERE id = :id"),
                [{"raw": raw, "id": row.id} for row, raw in changed.items()],
            )
            named = [
                {(one.stream, one.seq) for one in verified(session).findings}
                for verified in (verify, verify_tree)
            ]

        wanted = {(row.stream, row.seq) for row in some}
        assert named == [wanted, wanted]


def _flipped(raw: bytes, dice: random.Random, anything: bool) -> bytes:
    """The same with one bit changed; where not anything is taken, one that leaves it a text."""
    while True:
        place, bit = dice.randrange(len(raw)), 1 << dice.randrange(8)
        changed = raw[:place] + bytes((raw[place] ^ bit,)) + raw[place + 1 :]
        if anything or _is_text(changed):
            return changed


def _is_text(raw: bytes) -> bool:
    try:
        return "\0" not in raw.decode()
    except UnicodeDecodeError:
        return False
