"""Check the tree: every leaf against its entry, the nodes against the leaves, the roots against the signed checkpoints.

It reads from the left, page by page, so that its memory does not grow with the log; a part of it can be checked alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from models import Checkpoint, Entry, Leaf, Node
from workflow.log import GENESIS, NotPlain, entry_hash, read
from workflow.merkle import Frontier, folded, leaf_hash, root
from workflow.notes import BadNote, Head, signers
from workflow.operations.sealing import public_keys, tree_size
from workflow.tree import LEVEL, STEP, WIDTH, BrokenTree, Tree, node_place
from workflow.verify import LIMIT, PAGE, Finding, Kind, Progress, Verdict

TREE = "tree"
"""In the place of a stream: the entry is known by its number in the tree only."""

_BEFORE = aliased(Entry)


def verify_tree(
    session: Session, *, outside: Sequence[str] = (), progress: Progress | None = None
) -> Verdict:
    """Check the whole tree, every checkpoint there is and those given from outside; the session sees one consistent state."""
    work = _Whole(session=session, progress=progress)
    findings = tuple(islice(work.findings(outside), LIMIT))
    return Verdict(entries=work.frontier.size, findings=findings)


@dataclass(kw_only=True)
class _Whole:
    """One pass from the left."""

    session: Session
    progress: Progress | None
    frontier: Frontier = field(default_factory=Frontier)
    heads: dict[int, list[Head]] = field(default_factory=dict)
    good: int = 0
    """The size of the last checkpoint that held."""

    def findings(self, outside: Sequence[str]) -> Iterator[Finding]:
        size = tree_size(self.session)
        yield from self._checkpoints(outside)
        for rows in pages(self.session, 0, size):
            nodes: dict[int, str] = {}
            for row in rows:
                yield from missing_before(row, self.frontier.size)
                yield from leaf_findings(row)
                nodes |= self._grow(row)
                yield from self._compared()
            yield from self._nodes(nodes)
            if self.progress is not None:
                self.progress(self.frontier.size, size)
        yield from self._end(size)

    def _grow(self, row: Any) -> dict[int, str]:
        grown = self.frontier.append(leaf_hash(bytes.fromhex(row.sealed)))
        return {node_place(level, place): node.hex() for level, place, node in grown if level % STEP == 0}

    def _nodes(self, nodes: dict[int, str]) -> Iterator[Finding]:
        if nodes:
            kept = dict(
                self.session.execute(select(Node.place, Node.hash).where(Node.place.in_(nodes))).all()
            )
            for place, digest in nodes.items():
                if kept.get(place) != digest:
                    yield _node_finding(place)

    def _checkpoints(self, outside: Sequence[str]) -> Iterator[Finding]:
        keys = public_keys(self.session)
        for row in self.session.execute(
            select(Checkpoint.size, Checkpoint.root, Checkpoint.note).order_by(Checkpoint.size)
        ):
            if (head := head_of(row, keys)) is None:
                yield Finding(kind=Kind.BAD_CHECKPOINT, stream=TREE, seq=row.size)
            else:
                self.heads.setdefault(head.size, []).append(head)
        for note in outside:
            found = Head.read(note)
            if keys and found.origin != keys[-1][0].origin:
                yield Finding(
                    kind=Kind.BAD_CHECKPOINT, stream=TREE, seq=found.size, details={"origin": found.origin}
                )
            self.heads.setdefault(found.size, []).append(found)

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

    def _end(self, size: int) -> Iterator[Finding]:
        for left in sorted(self.heads):
            if left > self.frontier.size:
                yield Finding(
                    kind=Kind.SHORTER, stream=TREE, seq=self.frontier.size, details={"wanted": left}
                )
        if size != self.frontier.size:
            yield Finding(kind=Kind.MISSING, stream=TREE, seq=self.frontier.size, details={"until": size - 1})


# ───────────────────────────── Parts, for the whole and for the continuous check


def pages(session: Session, first: int, until: int, *, chained: bool = False) -> Iterator[Sequence[Any]]:
    """Leaves from a number up to, not with, another, each with its entry.

    `chained`: also with `before`, the hash of the entry before it in its stream.
    """
    columns = [Leaf.number, Leaf.hash.label("sealed"), Entry.stream, Entry.seq, Entry.body, Entry.hash]
    query = select(*columns, *([_BEFORE.hash.label("before")] if chained else ()))
    query = query.select_from(Leaf).outerjoin(Entry, Entry.id == Leaf.entry_id)
    if chained:
        query = query.outerjoin(_BEFORE, (_BEFORE.stream == Entry.stream) & (_BEFORE.seq == Entry.seq - 1))
    query = query.order_by(Leaf.number).limit(PAGE)
    while first < until:
        page = session.execute(query.where(Leaf.number >= first, Leaf.number < until)).all()
        if not page:
            return
        yield page
        first = page[-1].number + 1


def missing_before(row: Any, expected: int) -> Iterator[Finding]:
    """The leaves that should stand before this one and do not."""
    if row.number > expected:
        yield Finding(kind=Kind.MISSING, stream=TREE, seq=expected, details={"until": row.number - 1})


def leaf_findings(row: Any) -> Iterator[Finding]:
    """Whether a leaf's entry is there and is the one taken in."""
    if row.body is None:
        yield Finding(kind=Kind.MISSING, stream=TREE, seq=row.number)
        return
    if entry_hash(row.body) != row.sealed or row.hash != row.sealed:
        yield Finding(kind=Kind.TREE_DIFFERS, stream=row.stream, seq=row.seq, details={"number": row.number})


def chain_findings(row: Any) -> Iterator[Finding]:
    """Whether a leaf's entry follows the one before it in its stream; one that is not there was told of."""
    if row.body is None:
        return
    try:
        prev = read(row.body).get("prev")
    except (NotPlain, AttributeError):
        yield Finding(kind=Kind.UNREADABLE, stream=row.stream, seq=row.seq)
        return
    if prev != (GENESIS if row.seq == 1 else row.before):
        yield Finding(kind=Kind.CHAIN_BROKEN, stream=row.stream, seq=row.seq, details={"number": row.number})


def row_findings(session: Session, rows: Sequence[Any]) -> Iterator[Finding]:
    """Whether the nodes over whole rows of leaves follow from them; the leaves come without a gap."""
    for begin in range(0, len(rows) - WIDTH + 1, WIDTH):
        part = rows[begin : begin + WIDTH]
        if part[0].number % WIDTH == 0 and part[-1].number == part[0].number + WIDTH - 1:
            place = node_place(STEP, part[0].number // WIDTH)
            node = folded([leaf_hash(bytes.fromhex(row.sealed)) for row in part]).hex()
            if session.scalar(select(Node.hash).where(Node.place == place)) != node:
                yield _node_finding(place)


def upper_findings(session: Session) -> Iterator[Finding]:
    """Whether the nodes over other nodes follow from them."""
    for row in session.execute(select(Node.place, Node.hash).where(Node.place >= 2 * STEP * LEVEL)):
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
    return Finding(kind=Kind.TREE_DIFFERS, stream=TREE, seq=number << level, details={"level": level})


# ───────────────────────────── The newest checkpoint outside


def outside_finding(session: Session, folder: Path) -> Finding | None:
    """Compare the log with the newest checkpoint a folder outside holds; None when there is none or all is well."""
    files = sorted(folder.glob("checkpoint-*.txt"))
    if not files:
        return None
    try:
        head = Head.read(files[-1].read_text(encoding="utf-8"))
    except (BadNote, UnicodeDecodeError):
        return Finding(kind=Kind.BAD_CHECKPOINT, stream=TREE, seq=0, details={"file": files[-1].name})
    keys = public_keys(session)
    if keys and head.origin != keys[-1][0].origin:
        return Finding(kind=Kind.BAD_CHECKPOINT, stream=TREE, seq=head.size, details={"origin": head.origin})
    return compared(session, head)
