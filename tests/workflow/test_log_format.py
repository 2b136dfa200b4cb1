"""The sealed example of docs/log-format.md is true: what a reader computes from it by hand is what the product computes."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from workflow.log import entry_hash
from workflow.packet.verify import (
    Bad,
    Checkpoint,
    Growing,
    Key,
    check,
    check_entry,
    leaf_hash,
    node_hash,
)

SPECIFICATION = (Path(__file__).parents[2] / "docs" / "log-format.md").read_text(encoding="utf-8")
TEXTS = re.findall(r"```json\n(.*?)\n```", SPECIFICATION)


class Packet:
    """The packet the example describes, in memory."""

    def __init__(self, **changed: bytes) -> None:
        about = {
            "format": "lianpei-packet/1", "origin": "log.example/1", "size": 2, "entries": 1, "documents": "hashes",
            "scope": {"since": "2026-03-11"},
        }  # fmt: skip
        self.files = {
            "packet.json": json.dumps(about).encode(),
            "entries.jsonl": f'{{"entry":{TEXTS[1]},"number":1}}\n'.encode(),
            "proofs/tree.txt": block("tree"),
            "keys.txt": block("keys"),
            "checkpoints/000000000002.txt": block("checkpoint"),
            **changed,
        }

    def names(self) -> list[str]:
        return sorted(self.files)

    def open(self, name: str) -> io.BytesIO:
        return io.BytesIO(self.files[name])


def block(name: str) -> bytes:
    """What the one block of that name holds, with the line feed of its last line."""
    [found] = re.findall(rf"```{name}\n(.*?\n)```", SPECIFICATION, re.DOTALL)
    return str(found).encode()


def hashes() -> list[bytes]:
    return [bytes.fromhex(entry_hash(text)) for text in TEXTS]


def test_leaves_and_root_are_those_of_the_entries() -> None:
    leaves = [leaf_hash(digest) for digest in hashes()]
    tree = Growing()
    for leaf in leaves:
        tree.join(0, leaf)

    assert block("leaves").decode().split() == [leaf.hex() for leaf in leaves]
    assert block("root").decode().split() == [tree.root().hex()] == [node_hash(*leaves).hex()]


def test_checkpoint_is_of_that_root_and_signed_by_that_key() -> None:
    key, checkpoint = Key(block("keys").decode().rstrip("\n")), Checkpoint(block("checkpoint"))

    assert (checkpoint.origin, checkpoint.size) == (key.name, 2)
    assert checkpoint.root.hex() == block("root").decode().strip()
    assert checkpoint.fault([key]) is None


def test_proof_leads_from_the_first_entry_to_the_checkpoint() -> None:
    key = Key(block("keys").decode().rstrip("\n"))

    checkpoint, number = check_entry(TEXTS[0].encode(), block("proof"), [key])

    assert (checkpoint.size, number) == (2, 0)
    assert not holds(TEXTS[1].encode(), key)


def holds(entry: bytes, key: Key) -> bool:
    try:
        check_entry(entry, block("proof"), [key])
    except Bad:
        return False
    return True


def test_packet_of_the_example_verifies_and_another_does_not() -> None:
    whole = check(Packet())
    other = check(Packet(**{"entries.jsonl": Packet().files["entries.jsonl"].replace(b"abroad", b"Abroad")}))

    assert (whole.findings, whole.entries, whole.size, whole.whole) == ([], 1, 2, False)
    assert [(one.kind, one.number) for one in other.findings] == [("entry_differs", 1)]
