"""The tree as the database keeps it: every leaf, and of the nodes above them only each eighth level."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Leaf, Node
from workflow.merkle import folded, leaf_hash

STEP = 8
"""Levels between those that are kept; so a proof reads a few rows of 256 hashes, whatever the log's length."""

WIDTH = 1 << STEP
KEPT_ROWS = 32
"""Rows remembered; who goes through the tree from the left reads each once."""

LEVEL = 1 << 48
"""How far apart the levels lie in the numbering of the nodes."""


LEVELS = 64
"""No tree is so high: it would have more leaves than a database can number."""


class BrokenTree(LookupError):
    """A leaf or node the tree must have is not there."""


class Tree:
    """Gives the hash of any complete subtree, reading a row of 256 hashes at a time and remembering the last of them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: dict[tuple[int, int], list[bytes]] = {}

    def node(self, level: int, place: int) -> bytes:
        """The hash of a complete subtree. Raises BrokenTree when the rows for it are not there."""
        base = level - level % STEP
        count = 1 << (level - base)
        row, begin = divmod(place * count, WIDTH)
        hashes = self._row(base, row)[begin : begin + count]
        if len(hashes) < count:
            raise BrokenTree(f"level {level}, place {place}")
        return folded(hashes)

    def _row(self, base: int, row: int) -> list[bytes]:
        if (base, row) not in self._read:
            if len(self._read) >= KEPT_ROWS:
                del self._read[next(iter(self._read))]
            self._read[base, row] = self._leaves(row) if base == 0 else self._nodes(base, row)
        return self._read[base, row]

    def _leaves(self, row: int) -> list[bytes]:
        first = row * WIDTH
        rows = self._session.execute(
            select(Leaf.number, Leaf.hash)
            .where(Leaf.number >= first, Leaf.number < first + WIDTH)
            .order_by(Leaf.number)
        ).all()
        _unbroken([number for number, _ in rows], first)
        return [leaf_hash(_raw(digest)) for _, digest in rows]

    def _nodes(self, base: int, row: int) -> list[bytes]:
        first = node_place(base, row * WIDTH)
        rows = self._session.execute(
            select(Node.place, Node.hash)
            .where(Node.place >= first, Node.place < first + WIDTH)
            .order_by(Node.place)
        ).all()
        _unbroken([place for place, _ in rows], first)
        return [_raw(digest) for _, digest in rows]


def node_place(level: int, place: int) -> int:
    """The number under which a node is kept."""
    return level * LEVEL + place


def _unbroken(numbers: list[int], first: int) -> None:
    if numbers != list(range(first, first + len(numbers))):
        raise BrokenTree(f"rows from {first}")


def _raw(digest: str) -> bytes:
    try:
        return bytes.fromhex(digest)
    except (ValueError, TypeError):
        raise BrokenTree(f"no hash: {digest}") from None
