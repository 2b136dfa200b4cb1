"""The tree has the roots RFC 9162 gives, each of its proofs leads to them, and no other proof does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from workflow.merkle import (
    EMPTY,
    BadProof,
    Frontier,
    check_consistency,
    consistency,
    covering,
    folded,
    inclusion,
    leaf_hash,
    node_hash,
    peaks,
    root,
    root_by_inclusion,
)

INPUTS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of the trees of the first 0, 1 … 8 inputs: the vectors certificate transparency has been tested with since RFC 6962."""

MOST = 40


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def nodes_of(hashes: list[bytes]) -> Callable[[int, int], bytes]:
    return lambda level, place: folded(hashes[place << level : (place + 1) << level])


def defined(hashes: list[bytes]) -> bytes:
    """The root as the RFC defines it, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return node_hash(defined(hashes[:half]), defined(hashes[half:]))


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_tree_has_the_root_of_the_test_vectors(size: int) -> None:
    hashes = [leaf_hash(held) for held in INPUTS[:size]]
    grown = Frontier()
    for leaf in hashes:
        grown.append(leaf)

    assert root(nodes_of(hashes), size).hex() == grown.root.hex() == ROOTS[size]


def test_proof_of_inclusion_is_that_of_the_test_vectors() -> None:
    hashes = [leaf_hash(held) for held in INPUTS]

    assert [node.hex()[:8] for node in inclusion(nodes_of(hashes), 5, 8)] == [
        "bc1a0643", "ca854ea1", "d37ee418",
    ]  # fmt: skip
    assert [node.hex()[:8] for node in consistency(nodes_of(hashes), 6, 8)] == [
        "0ebc5d34", "ca854ea1", "d37ee418",
    ]  # fmt: skip


def test_every_tree_grown_leaf_by_leaf_is_the_defined_one() -> None:
    hashes = leaves(MOST)
    grown = Frontier()

    assert grown.root == EMPTY
    for size, leaf in enumerate(hashes, start=1):
        for level, place, node in grown.append(leaf):
            assert node == nodes_of(hashes)(level, place)
        taken_up = Frontier.of(size, nodes_of(hashes))
        assert grown.root == taken_up.root == root(nodes_of(hashes), size) == defined(hashes[:size])


def test_subtrees_joined_make_the_tree_of_their_leaves() -> None:
    hashes = leaves(MOST)
    for cut in range(MOST):
        joined = Frontier()
        for level, place in (*covering(0, cut), *covering(cut, MOST)):
            joined.join(level, nodes_of(hashes)(level, place))
        assert joined.root == defined(hashes)

    with pytest.raises(BadProof):
        Frontier(1, hashes[:1]).join(1, hashes[0])


def test_covering_holds_each_leaf_once_and_begins_where_it_can() -> None:
    for first in range(MOST):
        for end in range(first, MOST):
            held = [
                leaf
                for level, place in covering(first, end)
                for leaf in range(place << level, (place + 1) << level)
            ]
            assert held == list(range(first, end))
    assert peaks(11) == [(3, 0), (1, 4), (0, 10)]


def test_every_proof_of_inclusion_leads_to_the_root_and_no_other_does() -> None:
    hashes = leaves(MOST)
    nodes = nodes_of(hashes)
    for size in range(1, MOST + 1):
        top = defined(hashes[:size])
        for number in range(size):
            path = inclusion(nodes, number, size)
            assert root_by_inclusion(hashes[number], number, size, path) == top
            assert _led(hashes[number], number, size, [*path, top]) != top
            assert not path or _led(hashes[number], number, size, path[:-1]) != top
            assert not path or _led(hashes[number], number, size, [EMPTY, *path[1:]]) != top
            assert size == 1 or _led(hashes[number], (number + 1) % size, size, path) != top


def _led(leaf: bytes, number: int, size: int, path: list[bytes]) -> bytes | None:
    try:
        return root_by_inclusion(leaf, number, size, path)
    except BadProof:
        return None


@pytest.mark.parametrize(("number", "size"), [(-1, 1), (1, 1), (0, 0)])
def test_leaf_outside_the_tree_has_no_proof(number: int, size: int) -> None:
    with pytest.raises(BadProof):
        root_by_inclusion(EMPTY, number, size, [])


def test_every_proof_of_consistency_holds_and_no_other_does() -> None:
    hashes = leaves(MOST)
    nodes = nodes_of(hashes)
    tops = [defined(hashes[:size]) for size in range(MOST + 1)]
    for later in range(1, MOST + 1):
        for earlier in range(1, later + 1):
            path = consistency(nodes, earlier, later)
            check_consistency(earlier, later, tops[earlier], tops[later], path)
            for wrong in (
                (earlier, later, EMPTY, tops[later], path),
                (earlier, later, tops[earlier], EMPTY, path),
                (earlier, later, tops[earlier], tops[later], [*path, EMPTY]),
                (earlier, later, tops[earlier], tops[later], path[:-1] if path else [EMPTY]),
            ):
                with pytest.raises(BadProof):
                    check_consistency(*wrong)
