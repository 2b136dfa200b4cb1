"""Check the tree: every leaf against its entry, the nodes against the leaves, the roots against the signed checkpoints.

It reads from the left, page by page, so that its memory does not grow with the log; a part of it can be checked alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import and_, false, func, not_, or_, select
from sqlalchemy.orm import Session

from models import Checkpoint, Leaf, Node
from models.database import streamed
from workflow import glance
from workflow.log import GENESIS, LARGEST, read
from workflow.merkle import EMPTY, Frontier, folded, leaf_hash, root
from workflow.notes import BadNote, Head, signers
from workflow.operations.sealing import public_keys, tree_size
from workflow.tree import LEVEL, LEVELS, STEP, WIDTH, BrokenTree, Tree, node_place
from workflow.unreadable import FAILURES
from workflow.verify import LIMIT, PAGE, Finding, Kind, Progress, Verdict, beyond_reading

TREE = "tree"
"""In the place of a stream: the entry is known by its number in the tree only."""


def verify_tree(
    session: Session, *, outside: Sequence[str] = (), progress: Progress | None = None
) -> Verdict:
    """Check the whole tree, every checkpoint there is and those given from outside; the session sees one consistent state."""
    work = _Stretch(session=session, until=tree_size(session), is_last=True, progress=progress)
    findings = tuple(islice(read_on(session, work.findings(outside)), LIMIT))
    return Verdict(entries=work.frontier.size, findings=findings)


READ = ("entries", "leaves", "nodes", "sealing", "checkpoints", "log_keys")
"""The tables a check of the tree reads."""


def read_on(session: Session, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings, and behind them the values over which the reading failed, if it did."""
    try:
        yield from findings
    except FAILURES as error:
        yield from beyond_reading(session, error, READ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A stretch of the tree that was gone through: the root before its first leaf and after its last, and whether all was well."""

    leaves: int
    begins: bytes
    ends: bytes
    is_sound: bool


def verify_stretch(session: Session, first: int, until: int | None, *, outside: Sequence[str] = ()) -> Passed:
    """Check the leaves from a number up to, not with, another, or to the end, and every checkpoint between.

    What lies before the first is taken from the nodes that are kept; whoever checks the stretch before it proves them.
    """
    try:
        frontier = Frontier.of(first, Tree(session).node)
    except BrokenTree:
        return Passed(leaves=0, begins=EMPTY, ends=EMPTY, is_sound=False)
    begins = frontier.root
    end = tree_size(session) if until is None else until
    work = _Stretch(session=session, frontier=frontier, until=end, is_last=until is None)
    is_sound = next(read_on(session, work.findings(outside)), None) is None
    return Passed(
        leaves=work.frontier.size - first, begins=begins, ends=work.frontier.root, is_sound=is_sound
    )


WINDOW = 10 * PAGE
"""Leaves whose checkpoints are read at once."""


@dataclass(kw_only=True)
class _Stretch:
    """One pass from the left; the last one also sees what lies beyond the tree's end."""

    session: Session
    until: int
    is_last: bool
    progress: Progress | None = None
    frontier: Frontier = field(default_factory=Frontier)
    heads: dict[int, list[Head]] = field(default_factory=dict)
    """The checkpoints still to be compared, by their sizes."""
    first: int = field(init=False)
    good: int = field(init=False)
    """The size of the last checkpoint that held."""

    def __post_init__(self) -> None:
        self.first = self.good = self.frontier.size

    def findings(self, outside: Sequence[str]) -> Iterator[Finding]:
        expected = self.first
        known = self.first if self.first else -1
        keys = public_keys(self.session)
        yield from self._given(outside, keys)
        if self.first == 0:
            yield from self._compared()
        for rows in pages(self.session, self.first, self.until):
            leaves = []
            for row in rows:
                if row[NUMBER] != expected:
                    yield from missing_before(row, expected)
                if (leaf := sound_leaf(row)) is None:
                    yield from leaf_findings(row)
                    leaf = leaf_of(row)
                leaves.append(leaf)
                expected = row[NUMBER] + 1
            if self.frontier.size + len(leaves) > known:
                yield from self._kept(keys, known, known + WINDOW)
                known += WINDOW
            yield from self._grow(leaves)
            if self.progress is not None:
                self.progress(self.frontier.size, self.until)
        if self.is_last:
            yield from self._kept(keys, known, None)
        yield from self._end()

    def _given(self, outside: Sequence[str], keys: Sequence[Any]) -> Iterator[Finding]:
        """Take those checkpoints from outside that fall into the stretch."""
        for note in outside:
            found = Head.read(note)
            if not self._holds(found.size):
                continue
            if keys and found.origin != keys[-1][0].origin:
                yield Finding(
                    kind=Kind.BAD_CHECKPOINT, stream=TREE, seq=found.size, details={"origin": found.origin}
                )
            self.heads.setdefault(found.size, []).append(found)

    def _kept(self, keys: Sequence[Any], after: int, until: int | None) -> Iterator[Finding]:
        """Take the log's own checkpoints beyond one size, up to and with another."""
        query = select(Checkpoint.size, Checkpoint.root, Checkpoint.note).where(Checkpoint.size > after)
        if until is not None:
            query = query.where(Checkpoint.size <= until)
        for row in self.session.execute(query.order_by(Checkpoint.size)):
            if not self._holds(row.size):
                continue
            if (head := head_of(row, keys)) is None:
                yield Finding(kind=Kind.BAD_CHECKPOINT, stream=TREE, seq=row.size)
            else:
                self.heads.setdefault(head.size, []).append(head)

    def _holds(self, size: int) -> bool:
        """Whether a checkpoint of a size is for this pass to compare."""
        return (size > self.first or self.first == 0) and (size <= self.until or self.is_last)

    def _grow(self, leaves: Sequence[bytes]) -> Iterator[Finding]:
        """Take leaves in, comparing the root wherever a checkpoint stands, and the nodes with those kept."""
        first, nodes = self.frontier.size, {}
        end = first + len(leaves)
        for stop in (*sorted(size for size in self.heads if first < size < end), end):
            part = leaves[self.frontier.size - first : stop - first]
            for level, place, node in self.frontier.extend(part):
                if level % STEP == 0:
                    nodes[node_place(level, place)] = node.hex()
            yield from self._compared()
        yield from self._nodes(nodes)

    def _nodes(self, nodes: dict[int, str]) -> Iterator[Finding]:
        if nodes:
            kept = dict(
                self.session.execute(select(Node.place, Node.hash).where(Node.place.in_(nodes))).all()
            )
            for place, digest in nodes.items():
                if kept.get(place) != digest:
                    yield _node_finding(place)

    def _compared(self) -> Iterator[Finding]:
        heads = self.heads.pop(self.frontier.size, None)
        if heads is None:
            return
        if any(head.root != self.frontier.root for head in heads):
            yield Finding(
                kind=Kind.CHECKPOINT_DIFFERS,
                stream=TREE,
                seq=self.good,
                details={"until": self.frontier.size - 1},
            )
        else:
            self.good = self.frontier.size

    def _end(self) -> Iterator[Finding]:
        reached = self.frontier.size
        for left in sorted(self.heads):
            if left > reached:
                yield Finding(kind=Kind.SHORTER, stream=TREE, seq=reached, details={"wanted": left})
        if reached != self.until:
            yield Finding(kind=Kind.MISSING, stream=TREE, seq=reached, details={"until": self.until - 1})
        if self.is_last:
            yield from stray_findings(self.session, self.until)


# ───────────────────────────── Parts, for the whole and for the continuous check


NUMBER, SEALED, HASH, BODY, STREAM, SEQ, BEFORE = range(7)
"""Where these stand in a row of a leaf with its entry; BEFORE only where it was asked for."""


def pages(
    session: Session, first: int, until: int, *, chained: bool = False
) -> Iterator[Sequence[glance.Row]]:
    """Leaves from a number up to, not with, another, each with its entry.

    `chained`: also with the hash of the entry before it in its stream.
    """
    body = glance.AS_TEXT[session.get_bind().dialect.name]["body"].replace("body", "entries.body")
    before, join = "", ""
    if chained:
        before = ", before.hash"
        join = "LEFT JOIN entries before ON before.stream = entries.stream AND before.seq = entries.seq - 1"
    statement = f"""
        SELECT number, leaves.hash, entries.hash, {body}, entries.stream, entries.seq{before}
        FROM leaves LEFT JOIN entries ON entries.id = leaves.entry_id {join}
        WHERE number >= $1 AND number < $2 ORDER BY number"""
    return streamed(session.connection(), statement, [first, until], page=PAGE)


def missing_before(row: glance.Row, expected: int) -> Iterator[Finding]:
    """The leaves that should stand before this one and do not."""
    if row[NUMBER] > expected:
        yield Finding(kind=Kind.MISSING, stream=TREE, seq=expected, details={"until": row[NUMBER] - 1})


def sound_leaf(row: glance.Row) -> bytes | None:
    """The hash of a leaf whose entry is the one taken in; None of any other."""
    if row[BODY] is None:
        return None
    digest = hashlib.sha256(glance.PREFIX + row[BODY]).digest()
    if digest.hex() != row[SEALED] or row[HASH] != row[SEALED]:
        return None
    return hashlib.sha256(b"\x00" + digest).digest()


def leaf_of(row: glance.Row) -> bytes:
    """The hash of a leaf, whatever its entry says now."""
    try:
        return leaf_hash(bytes.fromhex(row[SEALED]))
    except ValueError:
        return leaf_hash(b"")


def leaf_findings(row: glance.Row) -> Iterator[Finding]:
    """Whether a leaf's entry is there and is the one taken in."""
    if row[STREAM] is None:
        yield Finding(kind=Kind.MISSING, stream=TREE, seq=row[NUMBER])
    elif sound_leaf(row) is None:
        yield Finding(
            kind=Kind.TREE_DIFFERS, stream=row[STREAM], seq=row[SEQ], details={"number": row[NUMBER]}
        )


def chain_findings(row: glance.Row) -> Iterator[Finding]:
    """Whether a leaf's entry follows the one before it in its stream; one that is not there was told of."""
    if row[STREAM] is None:
        return
    try:
        prev = read((row[BODY] or b"").decode()).get("prev")
    except (ValueError, AttributeError):
        yield Finding(kind=Kind.UNREADABLE, stream=row[STREAM], seq=row[SEQ])
        return
    if prev != (GENESIS if row[SEQ] == 1 else row[BEFORE]):
        yield Finding(
            kind=Kind.CHAIN_BROKEN, stream=row[STREAM], seq=row[SEQ], details={"number": row[NUMBER]}
        )


def row_findings(session: Session, rows: Sequence[glance.Row]) -> Iterator[Finding]:
    """Whether the nodes over whole rows of leaves follow from them; the leaves come without a gap."""
    for begin in range(0, len(rows) - WIDTH + 1, WIDTH):
        part = rows[begin : begin + WIDTH]
        if part[0][NUMBER] % WIDTH == 0 and part[-1][NUMBER] == part[0][NUMBER] + WIDTH - 1:
            place = node_place(STEP, part[0][NUMBER] // WIDTH)
            node = folded([leaf_of(row) for row in part]).hex()
            if session.scalar(select(Node.hash).where(Node.place == place)) != node:
                yield _node_finding(place)


def stray_findings(session: Session, size: int) -> Iterator[Finding]:
    """Leaves and nodes beside the tree: an entry with such a leaf would never be taken in, and a node would stop its growth."""
    beside = select(Leaf.number).where(or_(Leaf.number < 0, Leaf.number >= size)).order_by(Leaf.number)
    for number in session.scalars(beside.limit(LIMIT)):
        yield Finding(kind=Kind.TREE_DIFFERS, stream=TREE, seq=number, details={"size": size})
    first = node_place(STEP, 0)
    levels = [level for level in range(STEP, LEVELS, STEP) if size >> level]
    inside = [
        and_(Node.place >= node_place(level, 0), Node.place < node_place(level, size >> level))
        for level in levels
    ]
    for place in session.scalars(
        select(Node.place)
        .where(or_(Node.place < first, not_(or_(false(), *inside))))
        .order_by(Node.place)
        .limit(LIMIT)
    ):
        yield _node_finding(place)


def upper_findings(session: Session) -> Iterator[Finding]:
    """Whether the nodes over other nodes follow from them; those of no tree are stray."""
    over_nodes = Node.place.between(node_place(2 * STEP, 0), node_place(LEVELS, 0) - 1)
    for row in session.execute(select(Node.place, Node.hash).where(over_nodes)):
        level, number = divmod(row.place, LEVEL)
        first = node_place(level - STEP, number * WIDTH)
        below = session.scalars(
            select(Node.hash).where(Node.place >= first, Node.place < first + WIDTH).order_by(Node.place)
        ).all()
        if len(below) != WIDTH or folded([bytes.fromhex(digest) for digest in below]).hex() != row.hash:
            yield _node_finding(row.place)


def head_findings(session: Session) -> Iterator[Finding]:
    """Whether the newest checkpoint is signed and is that of the tree, and the tree as long as its row says."""
    size = tree_size(session)
    there = session.scalar(select(func.max(Leaf.number)))
    if size != (0 if there is None else there + 1):
        yield Finding(
            kind=Kind.SHORTER, stream=TREE, seq=0 if there is None else there + 1, details={"wanted": size}
        )
    row = session.execute(
        select(Checkpoint.size, Checkpoint.root, Checkpoint.note).order_by(Checkpoint.size.desc()).limit(1)
    ).first()
    if row is None:
        return
    head = head_of(row, public_keys(session))
    if head is None:
        yield Finding(kind=Kind.BAD_CHECKPOINT, stream=TREE, seq=row.size)
    elif (found := compared(session, head)) is not None:
        yield found


def compared(session: Session, head: Head) -> Finding | None:
    """Compare the tree with a checkpoint, from wherever it comes; None when it is that of this log."""
    if tree_size(session) < head.size:
        return Finding(kind=Kind.SHORTER, stream=TREE, seq=tree_size(session), details={"wanted": head.size})
    try:
        same = root(Tree(session).node, head.size) == head.root
    except BrokenTree:
        same = False
    if same:
        return None
    return Finding(kind=Kind.CHECKPOINT_DIFFERS, stream=TREE, seq=0, details={"until": head.size - 1})


def head_of(row: Any, keys: Sequence[Any]) -> Head | None:
    """What a kept checkpoint says; None unless it says what its row does and the key in force then has signed it."""
    in_force = [key for key, first, last in keys if first <= row.size and (last is None or row.size <= last)]
    try:
        head = Head.read(row.note)
        is_signed = any(key.origin == head.origin for key in signers(row.note, in_force))
    except BadNote:
        return None
    return head if is_signed and (head.size, head.root.hex()) == (row.size, row.root) else None


def _node_finding(place: int) -> Finding:
    level, number = divmod(place, LEVEL)
    first = number << level if 0 <= level < LEVELS else 0
    details = {"level": level, "place": place}
    return Finding(kind=Kind.TREE_DIFFERS, stream=TREE, seq=min(first, LARGEST), details=details)


# ───────────────────────────── The newest checkpoint outside


def outside_finding(session: Session, folder: Path) -> Finding | None:
    """Compare the log with the newest checkpoint a folder outside holds; None when there is none or all is well.

    The session has read nothing yet: a checkpoint that is signed and brought there meanwhile would seem to be of a
    longer log. A checkpoint that cannot be read is a fault.
    """
    newest = _newest(folder)
    return next(read_on(session, _outside_findings(session, newest)), None) if newest is not None else None


def _outside_findings(session: Session, file: Path) -> Iterator[Finding]:
    try:
        head = Head.read(file.read_text(encoding="utf-8"))
    except (OSError, BadNote, UnicodeDecodeError):
        yield Finding(kind=Kind.BAD_CHECKPOINT, stream=TREE, seq=0, details={"file": file.name})
        return
    keys = public_keys(session)
    if keys and head.origin != keys[-1][0].origin:
        yield Finding(kind=Kind.BAD_CHECKPOINT, stream=TREE, seq=head.size, details={"origin": head.origin})
    elif (found := compared(session, head)) is not None:
        yield found


def _newest(folder: Path) -> Path | None:
    """The newest checkpoint's file, by its name; the folder may hold very many. None where there is none, or no folder."""
    try:
        with os.scandir(folder) as files:
            names = [file.name for file in files if fnmatch(file.name, "checkpoint-*.txt")]
    except OSError:
        return None
    return folder / max(names) if names else None
