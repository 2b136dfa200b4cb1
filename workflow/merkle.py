"""The Merkle tree over the log, RFC 9162: hashes, proofs, and how each is checked. Pure: it reads no database.

A leaf holds the 32 bytes of an entry's hash. `docs/log-format.md` is the specification of what is proven with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

EMPTY = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""

BLOCK = 8
"""Up to this level many leaves are taken into a tree as one subtree."""

Nodes = Callable[[int, int], bytes]
"""The hash of a complete subtree: of its level (0 is a leaf) and its place among those of its level."""


class BadProof(ValueError):
    """A proof does not lead to the root, or cannot be one at all."""


def leaf_hash(held: bytes) -> bytes:
    """Hash what a leaf holds."""
    return hashlib.sha256(b"\x00" + held).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbours into the node above them."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: the roots of the complete subtrees it consists of, from the left."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)

    @classmethod
    def of(cls, size: int, nodes: Nodes) -> Frontier:
        """Take up a tree of `size` leaves where it was left."""
        return cls(size, [nodes(level, place) for level, place in peaks(size)])

    def append(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add the hash of the next leaf; give each node that is complete by it, as level, place and hash."""
        return self.join(0, leaf)

    def extend(self, leaves: Sequence[bytes]) -> Iterator[tuple[int, int, bytes]]:
        """Add the hashes of many leaves, faster than one by one; give the nodes complete by them from level BLOCK on."""
        first = self.size
        for level, place in covering(first, first + len(leaves), most=BLOCK):
            begin = (place << level) - first
            node = folded(leaves[begin : begin + (1 << level)])
            grown = self.join(level, node)
            if level == BLOCK:
                yield level, place, node
            yield from (one for one in grown if one[0] >= BLOCK)

    def join(self, level: int, node: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add a whole complete subtree. Raises BadProof where none of its size can stand."""
        if self.size % (1 << level):
            raise BadProof("a subtree stands where none of its size can")
        self.size += 1 << level
        grown = []
        while (self.size >> level) & 1 == 0:
            node = node_hash(self._peaks.pop(), node)
            level += 1
            grown.append((level, (self.size >> level) - 1, node))
        self._peaks.append(node)
        return iter(grown)

    @property
    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self._peaks:
            return EMPTY
        node = self._peaks[-1]
        for left in reversed(self._peaks[:-1]):
            node = node_hash(left, node)
        return node


def peaks(size: int) -> list[tuple[int, int]]:
    """The complete subtrees a tree of `size` leaves consists of, from the left, as level and place."""
    return list(covering(0, size))


def covering(first: int, end: int, *, most: int = 64) -> Iterator[tuple[int, int]]:
    """The fewest complete subtrees that hold the leaves from `first` up to, not with, `end`; from the left.

    `most`: the highest level they may have.
    """
    while first < end:
        level = min((end - first).bit_length() - 1, most)
        if first:
            level = min(level, (first & -first).bit_length() - 1)
        yield level, first >> level
        first += 1 << level


def folded(hashes: Sequence[bytes]) -> bytes:
    """The root of a complete subtree, whose leaves or lower nodes are as many as a power of two."""
    sha256 = hashlib.sha256
    while len(hashes) > 1:
        each = iter(hashes)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in zip(each, each, strict=False)]
    return hashes[0]


def root(nodes: Nodes, size: int) -> bytes:
    """The root of the tree of the first `size` leaves."""
    return _over(nodes, 0, size) if size else EMPTY


def inclusion(nodes: Nodes, number: int, size: int) -> list[bytes]:
    """Prove that a leaf is in the tree of the first `size` (RFC 9162, 2.1.3.1)."""
    path, first, end = [], 0, size
    while end - first > 1:
        middle = first + _half(end - first)
        if number < middle:
            path.append(_over(nodes, middle, end))
            end = middle
        else:
            path.append(_over(nodes, first, middle))
            first = middle
    return path[::-1]


def consistency(nodes: Nodes, earlier: int, later: int) -> list[bytes]:
    """Prove that the tree of the first `earlier` leaves is the beginning of a later one (RFC 9162, 2.1.4.1)."""
    path, first, end, whole = [], 0, later, True
    while earlier != end:
        middle = first + _half(end - first)
        if earlier <= middle:
            path.append(_over(nodes, middle, end))
            end = middle
        else:
            path.append(_over(nodes, first, middle))
            first, whole = middle, False
    return ([] if whole else [_over(nodes, first, end)]) + path[::-1]


def _half(count: int) -> int:
    """The largest power of two below a count of at least two."""
    return 1 << ((count - 1).bit_length() - 1)


def _over(nodes: Nodes, first: int, end: int) -> bytes:
    """The hash over a range of leaves that begins where a subtree can."""
    hashes = [nodes(level, place) for level, place in covering(first, end)]
    node = hashes.pop()
    while hashes:
        node = node_hash(hashes.pop(), node)
    return node


# ───────────────────────────── Checking


def root_by_inclusion(leaf: bytes, number: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root a proof of inclusion leads to (RFC 9162, 2.1.3.2). Raises BadProof when it has not the right length."""
    if not 0 <= number < size:
        raise BadProof("the leaf lies outside the tree")
    place, last, node = number, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise BadProof("the proof is too long")
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while place & 1 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    return node


def check_consistency(
    earlier: int, later: int, earlier_root: bytes, later_root: bytes, path: Sequence[bytes]
) -> None:
    """Raise BadProof unless the earlier tree is the beginning of the later one (RFC 9162, 2.1.4.2)."""
    if not 0 < earlier <= later or (earlier == later) != (not path):
        raise BadProof("the proof has not the right length")
    if earlier == later:
        if earlier_root != later_root:
            raise BadProof("two roots of one size differ")
        return
    hashes = [earlier_root, *path] if earlier & (earlier - 1) == 0 else [*path]
    place, last = earlier - 1, later - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = hashes[0]
    for node in hashes[1:]:
        if last == 0:
            raise BadProof("the proof is too long")
        if place & 1 or place == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while place & 1 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, node)
        place, last = place >> 1, last >> 1
    if last or old != earlier_root or new != later_root:
        raise BadProof("the proof does not lead from the one root to the other")
