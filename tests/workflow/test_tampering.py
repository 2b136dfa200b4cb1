"""Whatever somebody does to a packet is found, and the first bad entry is named; against one checkpoint kept outside, even with the key.

`LIANPEI_ENTRIES` entries, 10,000 for a trial. Single bytes of entries are the subject of `test_flips.py`.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from models import Checkpoint, Database, Entry, Leaf, Node, Sealing, Stream
from models.schema import copy
from tests.conftest import Templates
from tests.workflow.history import unlock
from tests.workflow.sealed import ORIGIN, STREAMS, Files, SealedLog, entry_row, entry_text, files_of
from workflow.keyfile import read_key
from workflow.notes import Head as Said
from workflow.notes import Signer
from workflow.packet import verify
from workflow.packet.verify import Checkpoint as Head
from workflow.packet.verify import Verdict, check

ENTRIES = int(os.environ.get("LIANPEI_ENTRIES", "300"))
TRIALS = int(os.environ.get("LIANPEI_TRIALS", "1"))
EVERY = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A packet of the whole log, in parts; a checkpoint from its middle and its last, both kept outside."""

    files: Mapping[str, bytes]
    middle: str
    last: str

    @property
    def lines(self) -> list[bytes]:
        return self.files["entries.jsonl"].splitlines(keepends=True)

    def with_lines(self, lines: list[bytes]) -> Verdict:
        return self.verdict({**self.files, "entries.jsonl": b"".join(lines)})

    def verdict(self, files: Mapping[str, bytes]) -> Verdict:
        return check(Files(files), [Head(self.middle.encode())])


def first(found: Verdict) -> tuple[str, int | None]:
    return (found.findings[0].kind, found.findings[0].number)


@pytest.fixture(scope="module")
def log(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedLog]:
    database = Database(templates.copy("sqlite"))
    yield SealedLog.made(database, tmp_path_factory.mktemp("log"), entries=ENTRIES - 1, every=EVERY)
    database.dispose()


@pytest.fixture(scope="module")
def taken(log: SealedLog) -> Taken:
    notes = log.notes()
    return Taken(files=files_of(log.packet()), middle=notes[len(notes) // 2], last=notes[-1])


# ───────────────────────────── Bytes beside the entries


def flipped(raw: bytes, place: int, bit: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :]


@pytest.mark.parametrize("name", ["keys.txt", "proofs/tree.txt"])
def test_flipped_bytes_of_proofs_and_keys_are_found(taken: Taken, name: str) -> None:
    dice, raw = random.Random(name), taken.files[name]
    for _ in range(12 * TRIALS):
        place = dice.randrange(len(raw))
        changed = flipped(raw, place, 1 << dice.randrange(7))
        if name == "keys.txt" and changed.split(b" ")[2:] == raw.split(b" ")[2:]:
            continue
        assert not taken.verdict({**taken.files, name: changed}).sound, place


def test_every_flipped_byte_of_a_checkpoint_is_found(taken: Taken) -> None:
    name = max(name for name in taken.files if name.startswith("checkpoints/"))
    raw = taken.files[name]
    keys = [verify.Key(line) for line in taken.files["keys.txt"].decode().splitlines()]
    for place in range(len(raw)):
        try:
            read = Head(flipped(raw, place, 1))
        except verify.Bad:
            continue
        assert read.fault(keys) is not None, place


# ───────────────────────────── Entries


def test_deleted_entry_is_named(taken: Taken) -> None:
    for number in (0, 1, 137, ENTRIES - 1):
        lines = taken.lines
        del lines[number]
        assert first(taken.with_lines(lines)) == ("missing", number)


def test_inserted_entry_is_named(taken: Taken) -> None:
    for number in (0, 77, ENTRIES - 1):
        body = entry_text("system:test0", 9, "0" * 64, 9).encode()
        line = b'{"entry":' + body + b',"number":%d}\n' % number
        lines = taken.lines
        for place in (number, number + 1):
            found = taken.with_lines([*lines[:place], line, *lines[place:]])
            assert found.findings[0].number == number


def test_doubled_entry_is_named(taken: Taken) -> None:
    lines = taken.lines
    assert first(taken.with_lines([*lines[:51], lines[50], *lines[51:]])) == ("out_of_place", 50)
    assert first(taken.with_lines([*lines, lines[50]])) == ("out_of_place", 50)


def test_swapped_entries_are_named(taken: Taken) -> None:
    lines = taken.lines
    lines[60], lines[61] = lines[61], lines[60]

    assert taken.with_lines(lines).findings[0].number == 60


def renumbered(taken: Taken, number: int, change: Callable[[bytes], bytes]) -> Verdict:
    lines = taken.lines
    lines[number] = change(lines[number])
    assert lines[number] != taken.lines[number]
    return taken.with_lines(lines)


SPELLINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "re-dated": lambda line: line.replace(b'"effective_on":"2026-11-28"', b'"effective_on":"2026-11-27"'),
    "recorded at another time": lambda line: line.replace(b'"recorded_at":"2026', b'"recorded_at":"2025'),
    "another actor": lambda line: line.replace(b'"actor":"system:cli"', b'"actor":"system:api"'),
    "another order of keys": lambda line: line.replace(
        b'"account":null,"act":null', b'"act":null,"account":null'
    ),
    "1 as 1.0": lambda line: line.replace(b'"seq":', b'"seq":1.0,"x":', 1),
    "a fraction": lambda line: line.replace(b'"count":', b'"count":0.5,"x":', 1),
    "an exponent": lambda line: line.replace(b'"count":', b'"count":1e0,"x":', 1),
    "a key twice": lambda line: line.replace(b'"act":null', b'"act":null,"act":null'),
    "a key twice, the first another": lambda line: line.replace(b'"act":null', b'"act":"approve","act":null'),
    "NFD": lambda line: unicodedata.normalize("NFD", line.decode()).encode(),
    "an escaped slash": lambda line: line.replace("／no.".encode(), b"\\/no."),
    "an escaped letter": lambda line: line.replace(b'"kind":"clock', b'"kind":"\\u0063lock'),
    "a blank": lambda line: line.replace(b'"act":null', b'"act": null'),
    "a trailing newline": lambda line: line.replace(b',"number"', b'\n,"number"'),
    "an empty line": lambda line: line + b"\n",
    "CR LF": lambda line: line.replace(b"\n", b"\r\n"),
    "a byte-order mark": lambda line: b"\xef\xbb\xbf" + line,
    "a surrogate": lambda line: line.replace("第".encode(), b"\xed\xa0\x80"),
    "deep nesting": lambda line: line.replace(b'"changes":[]', b'"changes":' + b"[" * 9000 + b"]" * 9000),
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_another_text_or_spelling_is_named(taken: Taken, name: str) -> None:
    number = 140
    found = renumbered(taken, number, SPELLINGS[name]).findings[0].number

    assert found in ((number, number + 1) if name == "an empty line" else (number,))


# ───────────────────────────── Whoever has the packet's program, or the key, and time


def rebuilt(bodies: list[str], taken: Taken, *, sign: Signer | None = None) -> dict[str, bytes]:
    """A packet over other texts with everything in it computed anew; the checkpoints are re-signed with a key, or kept."""
    tree, proof, lines, files = verify.Growing(), [], [], dict(taken.files)
    sizes = {int(name[12:-4]) for name in files if name.startswith("checkpoints/")}
    sizes = {size for size in sizes if size < len(bodies)} | {len(bodies)}
    for name in [name for name in files if name.startswith("checkpoints/") and sign is not None]:
        del files[name]
    for number, body in enumerate(bodies):
        digest = verify.entry_hash(body.encode())
        tree.join(0, verify.leaf_hash(digest))
        proof.append(f"e {digest.hex()}\n")
        lines.append(f'{{"entry":{body},"number":{number}}}\n')
        if sign is not None and number + 1 in sizes:
            said = Said(origin=sign.origin, size=number + 1, root=tree.root())
            files[f"checkpoints/{number + 1:012d}.txt"] = sign.note(said.text).encode()
    about = json.loads(files["packet.json"]) | {"size": len(bodies), "entries": len(bodies)}
    return files | {
        "entries.jsonl": "".join(lines).encode(),
        "proofs/tree.txt": "".join(proof).encode(),
        "packet.json": json.dumps(about).encode(),
    }


def rewritten(taken: Taken, number: int, *, only: bool = False) -> list[str]:
    """The texts with one changed, and, unless it is that one only, every later one of its stream chained anew."""
    bodies = [line[9:].rpartition(b',"number"')[0].decode() for line in taken.lines]
    bodies[number] = bodies[number].replace('"actor":"system:cli"', '"actor":"system:abc"')
    last: dict[str, str] = {}
    for place, body in enumerate(bodies):
        entry = verify.read_entry(body.encode())
        if place > number and not only:
            entry["prev"] = last.get(entry["stream"], entry["prev"])
            bodies[place] = verify._spell(entry)
        last[entry["stream"]] = verify.entry_hash(bodies[place].encode()).hex()
    return bodies


def test_rewrite_with_recomputed_hashes_is_found(taken: Taken) -> None:
    found = taken.verdict(rebuilt(rewritten(taken, 137), taken))

    sizes = [int(Path(name).stem) for name in taken.files if name.startswith("checkpoints/")]
    assert first(found) == ("checkpoint_differs", max([0, *(size for size in sizes if size <= 137)]))


@pytest.mark.parametrize("number", [20, 137, 220])
def test_middle_only_edit_is_named_by_the_chain(taken: Taken, number: int) -> None:
    """Its hash, leaf and tree are computed anew, the texts after it are left: the next two of its stream give it away."""
    found = taken.verdict(rebuilt(rewritten(taken, number, only=True), taken))

    told = {(one.kind, one.number) for one in found.findings}
    assert {("checkpoint_differs", number), ("chain_broken", number)} <= told
    assert found.findings[0].number == number
    assert [one.number for one in found.findings if one.kind == "chain_broken"] == [number]


def test_of_two_neighbours_that_disagree_the_later_is_named_unless_it_is_vouched_for(
    log: SealedLog, taken: Taken
) -> None:
    """Every checkpoint is signed anew: the chain alone is left to tell."""
    last = ENTRIES - 1
    last_but_one = last - STREAMS

    vouched = check(Files(rebuilt(rewritten(taken, 137, only=True), taken, sign=log.signer)))
    at_the_end = check(Files(rebuilt(rewritten(taken, last_but_one, only=True), taken, sign=log.signer)))

    assert (len(vouched.findings), first(vouched)) == (1, ("chain_broken", 137))
    assert (len(at_the_end.findings), first(at_the_end)) == (1, ("chain_broken", last))


def test_entry_of_the_chain_whose_prev_was_changed_is_named(log: SealedLog, taken: Taken) -> None:
    """The next one names neither what it was nor what it is: of the two that disagree the later is the bad one."""
    bodies = [line[9:].rpartition(b',"number"')[0].decode() for line in taken.lines]
    prev = verify.read_entry(bodies[137].encode())["prev"]
    bodies[137] = bodies[137].replace(prev, "5" * 64)

    found = check(Files(rebuilt(bodies, taken, sign=log.signer)))

    assert first(found) == ("chain_broken", 137)


# ───────────────────────────── Keys and checkpoints kept outside


def test_keys_that_leave_a_gap_overlap_or_end_are_found(taken: Taken) -> None:
    raw = taken.files["keys.txt"].decode()
    assert raw.startswith("0 - ")
    for changed in (raw.replace("0 -", "1 -"), raw.replace("0 -", f"0 {ENTRIES}"), raw * 2):
        found = taken.verdict({**taken.files, "keys.txt": changed.encode()})
        assert "key_differs" in [one.kind for one in found.findings], changed


def test_key_no_entry_tells_of_is_found(taken: Taken) -> None:
    """A stranger's key is written into the packet and signs every checkpoint; the log still tells of its own."""
    key, size = Signer.fresh(ORIGIN), ENTRIES
    bodies = [line[9:].rpartition(b',"number"')[0].decode() for line in taken.lines]
    own = taken.files["keys.txt"].decode().replace("0 -", f"0 {size}")
    both = {"keys.txt": f"{own}{size + 1} - {key.public.text}\n".encode()}
    alone = {"keys.txt": f"0 - {key.public.text}\n".encode()}

    beside = check(Files({**taken.files, **both}))
    instead = check(Files({**rebuilt(bodies, taken, sign=key), **alone}))

    assert first(beside) == ("key_differs", None)
    assert first(instead)[0] == "key_differs"
    assert instead.findings[0].number == 0


def test_checkpoint_outside_with_a_false_signature_is_found(taken: Taken) -> None:
    """What was kept outside is a witness only when the log's key signed it."""
    text, blank, tail = taken.middle.rpartition("\n\n")
    name, signature = tail.rsplit(" ", 1)
    raw = bytearray(base64.b64decode(signature))
    raw[20] ^= 1
    forged = f"{text}{blank}{name} {base64.b64encode(raw).decode()}\n"

    assert first(check(Files(taken.files), [Head(forged.encode())])) == ("bad_signature", None)
    assert check(Files(taken.files), [Head(taken.middle.encode())]).sound


@pytest.mark.parametrize("scope", [[], "", {"case ": "1"}, None])
def test_scope_that_is_none_is_found(taken: Taken, scope: Any) -> None:
    about = json.loads(taken.files["packet.json"]) | {"scope": scope}

    found = taken.verdict({**taken.files, "packet.json": json.dumps(about).encode()})

    assert (first(found), found.findings[0].place) == (("file_bad", None), "packet.json")


@pytest.mark.parametrize("stream", ['["system:test4"]', "{}", "7", "null"])
def test_stream_that_is_no_text_is_named(log: SealedLog, taken: Taken, stream: str) -> None:
    bodies = [line[9:].rpartition(b',"number"')[0].decode() for line in taken.lines]
    bodies[-1] = re.sub('"stream":"[^"]*"', f'"stream":{stream}', bodies[-1])

    assert first(check(Files(rebuilt(bodies, taken, sign=log.signer)))) == ("malformed", ENTRIES - 1)


# ───────────────────────────── Whoever has the key, and time


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("stream", ["x"], "malformed"),
        ("prev", {}, "malformed"),
        ("seq", True, "malformed"),
        ("changes", [{"table": "documents", "set": {"sha256": []}}], "checkpoint_differs"),
    ],
)
def test_field_of_another_sort_is_named_and_ends_nothing(
    taken: Taken, field: str, value: object, kind: str
) -> None:
    bodies = rewritten(taken, 137, only=True)
    bodies[137] = verify._spell(verify.read_entry(bodies[137].encode()) | {field: value})

    found = taken.verdict(rebuilt(bodies, taken)).findings
    assert kind in [one.kind for one in found if one.number is not None and 100 <= one.number <= 144]
    assert "file_bad" not in [one.kind for one in found]


def test_rewrite_signed_with_the_stolen_key_is_found_against_one_checkpoint_outside(
    log: SealedLog, taken: Taken
) -> None:
    forged = rebuilt(rewritten(taken, 20), taken, sign=log.signer)

    assert check(Files(forged)).sound, "by itself it cannot be told from the truth"
    assert first(taken.verdict(forged))[0] == "checkpoint_differs"


def test_tail_cut_off_and_signed_anew_is_found(log: SealedLog, taken: Taken) -> None:
    bodies = rewritten(taken, 0)[: ENTRIES // 3]
    bodies[0] = taken.lines[0][9:].rpartition(b',"number"')[0].decode()
    whole = [line[9:].rpartition(b',"number"')[0].decode() for line in taken.lines][: ENTRIES // 3]
    forged = rebuilt(whole, taken, sign=log.signer)

    assert check(Files(forged)).sound
    assert first(taken.verdict(forged)) == ("shorter", ENTRIES // 3)


def test_lines_cut_off_are_named(taken: Taken) -> None:
    assert first(taken.with_lines(taken.lines[:-3])) == ("missing", ENTRIES - 3)


def test_new_log_under_the_old_name_is_found(log: SealedLog, taken: Taken) -> None:
    """It begins with the true entry of its key."""
    key_made = taken.lines[0][9:].rpartition(b',"number"')[0].decode()
    others, prev = [key_made], "0" * 64
    for number in range(1, ENTRIES):
        others.append(entry_text("system:new", number, prev, number))
        prev = verify.entry_hash(others[-1].encode()).hex()
    forged = rebuilt(others, taken, sign=log.signer)

    assert check(Files(forged)).sound
    assert first(taken.verdict(forged))[0] == "checkpoint_differs"


def test_entry_left_out_of_the_whole_is_named(taken: Taken) -> None:
    """The forger leaves a subtree in its place, as if it had not been asked for."""
    proof = taken.files["proofs/tree.txt"].splitlines(keepends=True)
    leaf = verify.leaf_hash(bytes.fromhex(proof[90][2:-1].decode()))
    proof[90] = f"0 {leaf.hex()}\n".encode()
    lines = taken.lines
    del lines[90]
    about = json.loads(taken.files["packet.json"]) | {"entries": ENTRIES - 1}
    files = {
        **taken.files,
        "entries.jsonl": b"".join(lines),
        "proofs/tree.txt": b"".join(proof),
        "packet.json": json.dumps(about).encode(),
    }

    assert first(taken.verdict(files)) == ("missing", 90)


def test_rollback_to_an_older_backup_is_found(log: SealedLog, taken: Taken, templates: Templates) -> None:
    """The older state goes on: other entries are written and signed with the same key, as if nothing had been lost."""
    older = Database(templates.copy("sqlite"))
    copy_into(log.database, older, size=101)
    again = SealedLog(database=older, file=log.file, signer=read_key(log.file))
    again.write(5000, ENTRIES)
    again.seal()
    forged = files_of(again.packet())
    older.dispose()

    assert check(Files(forged)).sound
    assert first(taken.verdict(forged))[0] == "checkpoint_differs"


def copy_into(source: Database, target: Database, *, size: int) -> None:
    """The state a database had when its tree had a size."""
    url = target.url.render_as_string(hide_password=False)
    target.dispose()
    Path(str(target.url.database)).unlink()
    fresh = Database(url)
    copy(source, fresh)
    with fresh.transaction() as session:
        unlock(session)
        kept = select(Leaf.entry_id).where(Leaf.number < size)
        session.execute(delete(Entry).where(Entry.id.not_in(kept)))
        session.execute(delete(Leaf).where(Leaf.number >= size))
        session.execute(delete(Checkpoint).where(Checkpoint.size > size))
        session.execute(delete(Node).where(Node.place >= (8 << 48) + size // 256))
        session.execute(update(Sealing).values(size=size, floor=0, mark=0))
        for stream in session.scalars(select(Stream)):
            last = session.execute(
                select(Entry.seq, Entry.hash)
                .where(Entry.stream == stream.name)
                .order_by(Entry.seq.desc())
                .limit(1)
            ).one()
            stream.seq, stream.head = last.seq, last.hash
    fresh.dispose()


def test_helper_makes_entries_the_log_would_write() -> None:
    assert verify.read_entry(entry_row("system:x", 1, "0" * 64, 1)["body"].encode())["seq"] == 1
