#!/usr/bin/env python3
"""Check a packet of the log: python3 verify.py [PACKET] [--checkpoint FILE]…   核验审计包。

PACKET is a folder or a ZIP file; without it, the folder this file lies in. It needs Python 3.9 or later and nothing else,
and trusts nothing in the packet: `docs/log-format.md` says what is checked and why that suffices.

Exit status: 0 everything holds, 1 something does not (the first bad entry is named), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import sys
import zipfile
from typing import Any

FORMAT = "lianpei-entry/1"
PACKET = "lianpei-packet/1"
GENESIS = "0" * 64
LARGEST = 2**53 - 1
LONGEST_LINE = 16 * 1024 * 1024
LONGEST_NOTE = 16_384
CHUNK = 1 << 20
MOST_FINDINGS = 100
MOST_KEYS = 1000
EXPECTED = ("packet.json", "keys.txt", "entries.jsonl", "proofs/tree.txt")
BESIDE = ("verify.py", "说明.txt")
SCOPE = frozenset(("case", "unit", "since", "until"))

FIELDS = frozenset(
    (
        "account", "act", "actor", "case", "changes", "details", "effective_on", "format", "from", "ground", "kind",
        "on_behalf_of", "outcome", "prev", "recorded_at", "seq", "source", "stream", "to", "unit",
    )
)  # fmt: skip
CASE_FIELDS = FIELDS | {
    "basis", "by_basis", "confirmed", "corrects", "documents", "due_at", "edition", "form", "lifecycle", "notices",
    "proposed_by", "roles",
}  # fmt: skip

KINDS = {
    "bad_signature": ("检查点签名不符", "the signature of a checkpoint is false"),
    "chain_broken": ("与同一序列的上一条不衔接", "the entry does not follow the one before it in its stream"),
    "checkpoint_bad": ("检查点无法识别", "a checkpoint cannot be read"),
    "checkpoint_differs": ("日志与检查点不符", "the log is not the one the checkpoint was made of"),
    "document_differs": ("文件内容与记录不符", "a document is not the one the entry names"),
    "document_missing": ("缺少文件", "a document is missing"),
    "entry_differs": ("与原记录不符", "the entry is not the one that was recorded"),
    "file_bad": ("文件损坏或格式不符", "a file is damaged or not of the format"),
    "file_extra": ("多出文件", "a file does not belong here"),
    "file_missing": ("缺少文件", "a file is missing"),
    "key_differs": ("公钥与记录所载不符", "a public key is not one the log tells of"),
    "malformed": ("字段不全或有多余", "the entry lacks a field or has one too many"),
    "missing": ("缺少此条", "the entry is missing"),
    "no_proof": ("包内没有对应此检查点的证明", "the packet holds no proof for this checkpoint"),
    "not_canonical": ("写法不规范", "the entry is not in its one spelling"),
    "not_covered": ("没有检查点覆盖", "no checkpoint covers the packet"),
    "other_log": ("属于另一日志", "it is of another log"),
    "out_of_place": ("多出或重复，或次序有误", "the entry is too many, stands twice, or in the wrong place"),
    "shorter": ("日志比检查点所记录的短", "the log is shorter than the checkpoint says"),
    "unknown_key": ("检查点未由日志密钥签名", "a checkpoint is not signed by the log's key"),
    "unreadable": ("无法读取", "the entry cannot be read"),
}


class Bad(Exception):
    """What was read cannot be what it should be."""


class Enough(Exception):
    """So many entries are bad that the rest is not looked at."""


class Finding:
    """One fault: its kind, the number of the entry it is about (None: of none), and where it was seen."""

    def __init__(self, kind: str, number: int | None = None, place: str = "") -> None:
        self.kind, self.number, self.place = kind, number, place

    def __repr__(self) -> str:
        return f"Finding({self.kind!r}, {self.number!r}, {self.place!r})"


class Verdict:
    """What was looked at and what was found, the first bad entry first."""

    def __init__(
        self, entries: int, size: int, findings: list[Finding], keys: list[str], *, root: bytes, whole: bool
    ) -> None:
        self.entries, self.size, self.keys, self.root, self.whole = entries, size, keys, root, whole
        self.findings = sorted(findings, key=lambda found: (found.number is None, found.number or 0))

    @property
    def sound(self) -> bool:
        return not self.findings


# ───────────────────────────── Ed25519 (RFC 8032), checking only

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]  # X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z


def _add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _double(p: Point) -> Point:
    a, b = p[0] * p[0] % P, p[1] * p[1] % P
    h, g = a + b, a - b
    e, f = h - (p[0] + p[1]) * (p[0] + p[1]) % P, 2 * p[2] * p[2] % P + g
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _sum_of(first: int, p: Point, second: int, q: Point) -> Point:
    """Both multiples, added: one row of doublings serves both."""
    both = _add(p, q)
    result: Point = (0, 1, 1, 0)
    for bit in range(max(first.bit_length(), second.bit_length()) - 1, -1, -1):
        result = _double(result)
        if first >> bit & 1:
            result = _add(result, both if second >> bit & 1 else p)
        elif second >> bit & 1:
            result = _add(result, q)
    return result


def _point(raw: bytes) -> Point | None:
    """Read a point; None when the bytes are none, or not its one spelling."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


_BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is that of the key's owner."""
    if len(key) != 32 or len(signature) != 64 or _BASE is None:
        return False
    owner, drawn = _point(key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if owner is None or drawn is None or scalar >= L:
        return False
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = _sum_of(scalar, _BASE, hashed, (P - owner[0], owner[1], 1, P - owner[3])), drawn
    same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    same_y = (left[1] * right[2] - right[1] * left[2]) % P == 0
    return same_x and same_y


# ───────────────────────────── The tree (RFC 9162)


def leaf_hash(held: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + held).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Growing:
    """A tree that grows from the left by leaves or whole subtrees."""

    def __init__(self) -> None:
        self.size, self.peaks = 0, []  # type: int, list[bytes]

    def join(self, level: int, node: bytes) -> None:
        if self.size % (1 << level):
            raise Bad("proofs/tree.txt")
        self.size += 1 << level
        size = self.size >> level
        while not size & 1:
            node = node_hash(self.peaks.pop(), node)
            size >>= 1
        self.peaks.append(node)

    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        node = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            node = node_hash(left, node)
        return node


def root_by_inclusion(leaf: bytes, number: int, size: int, path: list[bytes]) -> bytes:
    """The root a proof of inclusion leads to. Raises Bad when it has not the right length."""
    if not 0 <= number < size:
        raise Bad("index")
    place, last, node = number, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise Bad("proof")
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise Bad("proof")
    return node


# ───────────────────────────── Checkpoints and keys

KEY = re.compile(r"([0-9]{1,18}) ([0-9]{1,18}|-) ([^\s+]{1,120})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
SIGNED = re.compile(r"— (\S+) (\S+)")
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


class Key:
    """A public key of the log and the sizes it signs."""

    def __init__(self, line: str) -> None:
        found = KEY.fullmatch(line)
        if found is None:
            raise Bad("keys.txt")
        self.first = int(found[1])
        self.last = None if found[2] == "-" else int(found[2])
        self.name, self.hint, raw = found[3], found[4], decoded(found[5])
        marked = self.name.encode() + b"\n" + raw
        if raw[:1] != b"\x01" or len(raw) != 33 or hashlib.sha256(marked).hexdigest()[:8] != self.hint:
            raise Bad("keys.txt")
        self.raw = raw[1:]
        self.text = f"{found[3]}+{found[4]}+{found[5]}"

    def signs(self, size: int) -> bool:
        return self.first <= size and (self.last is None or size <= self.last)


def _in_line(keys: list[Key]) -> bool:
    """Whether each key signs from where the one before it ends, the first from 0 and the last without end."""
    begins = [0, *(-1 if key.last is None else key.last + 1 for key in keys)]
    return [key.first for key in keys] == begins[:-1] and (not keys or keys[-1].last is None)


class Checkpoint:
    """A signed head of the log. Raises Bad for what is none."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) > LONGEST_NOTE:
            raise Bad("checkpoint")
        try:
            note = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Bad("checkpoint") from None
        text, blank, tail = note.rpartition("\n\n")
        lines = text.split("\n")
        if not blank or not tail.endswith("\n") or len(lines) < 3 or NUMBER.fullmatch(lines[1]) is None:
            raise Bad("checkpoint")
        self.origin, self.size, self.root = lines[0], int(lines[1]), decoded(lines[2])
        self._text = f"{text}\n".encode()
        self._signatures = []
        for line in tail[:-1].split("\n"):
            found = SIGNED.fullmatch(line)
            if found is None:
                raise Bad("checkpoint")
            self._signatures.append((found[1], decoded(found[2])))
        if len(self.root) != 32 or not self.origin:
            raise Bad("checkpoint")

    def fault(self, keys: list[Key]) -> str | None:
        """What is wrong with its signature, or None."""
        for name, signature in self._signatures:
            hint = signature[:4].hex()
            for key in keys:
                if key.hint == hint and key.name == name and key.signs(self.size):
                    holds = self.origin == name and ed25519_holds(key.raw, self._text, signature[4:])
                    return None if holds else "bad_signature"
        return "unknown_key"


def decoded(text: str) -> bytes:
    """Read base64 in its one spelling. Raises Bad."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Bad("base64") from None
    if base64.b64encode(raw).decode() != text:
        raise Bad("base64")
    return raw


# ───────────────────────────── Entries


def _refuse(text: str) -> object:
    raise ValueError(text)


def _whole(text: str) -> int:
    number = int(text)
    if not -LARGEST <= number <= LARGEST:
        raise ValueError(text)
    return number


_decoder = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse, parse_int=_whole)
_read, _read_raw = _decoder.decode, _decoder.raw_decode
_spell = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode
_PREFIX = FORMAT.encode() + b"\n"
_BEGIN = b'{"entry":'
_ENTRY_LINE = re.compile(rb'\{"entry":(.*),"number":(0|[1-9][0-9]{0,17})\}\n')
_STEP = re.compile(rb"(e|0|[1-9][0-9]?) ([0-9a-f]{64})\n")


def entry_hash(body: bytes) -> bytes:
    """The hash of an entry's text."""
    return hashlib.sha256(_PREFIX + body).digest()


def read_entry(body: bytes) -> dict[str, Any]:
    """Read an entry's text. Raises Bad with the kind of what is wrong with it."""
    try:
        text = body.decode("utf-8")
        # What stands behind the object shows when it is spelled again.
        entry, _ = _read_raw(text)
        spelled = _spell(entry)
    except (ValueError, RecursionError):
        raise Bad("unreadable") from None
    if not isinstance(entry, dict):
        raise Bad("malformed")
    stream, prev = entry.get("stream"), entry.get("prev")
    if not isinstance(stream, str) or not isinstance(prev, str) or type(entry.get("seq")) is not int:
        raise Bad("malformed")
    wanted = CASE_FIELDS if stream.startswith("case:") else FIELDS
    if entry.keys() != wanted or entry["format"] != FORMAT:
        raise Bad("malformed")
    if spelled != text:
        raise Bad("not_canonical")
    return entry


def documents_of(entry: dict[str, Any]) -> set[str]:
    """The hashes of the documents an entry brings or rests on."""
    cited = entry.get("documents")
    digests = list(cited.values()) if isinstance(cited, dict) else []
    for change in entry["changes"] if isinstance(entry["changes"], list) else ():
        if (
            isinstance(change, dict)
            and change.get("table") == "documents"
            and isinstance(change.get("set"), dict)
        ):
            digests.append(change["set"].get("sha256"))
    return {digest for digest in digests if isinstance(digest, str)}


# ───────────────────────────── Where the packet lies


class Folder:
    """A packet that was unpacked."""

    def __init__(self, path: str) -> None:
        self._path = path

    def names(self) -> list[str]:
        found = []
        for folder, folders, files in os.walk(self._path):
            folders[:] = [name for name in folders if name != "__pycache__"]
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            found += [
                os.path.relpath(os.path.join(folder, name), self._path).replace(os.sep, "/")
                for name in files + links
            ]
        # A packet's names are UTF-8, whatever this machine takes names to be.
        return sorted(os.fsencode(name).decode("utf-8", "replace") for name in found)

    def open(self, name: str) -> Any:
        path = os.path.join(self._path, *name.split("/"))
        # A link leads out of the packet, and a device never ends.
        if os.path.islink(path) or not os.path.isfile(path):
            raise Bad(name)
        return open(path, "rb")


class Archive:
    """A packet as a ZIP file. `most`: bytes it may unpack to. Raises Bad for what is no packet."""

    def __init__(self, file: Any, most: int = 1 << 44, files: int = 1_000_000) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except Exception:  # a hostile file may break its reading in any way
            raise Bad("no ZIP") from None
        listed = [info for info in self._zip.infolist() if not info.is_dir()]
        self._left = most
        if len(listed) > files or sum(info.file_size for info in listed) > most:
            raise Bad("too large")
        if len({info.filename for info in listed}) < len(listed):
            raise Bad("a name twice")
        self._names = sorted(info.filename for info in listed)

    def names(self) -> list[str]:
        return self._names

    def open(self, name: str) -> Any:
        return _Counted(self, self._zip.open(name))

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise Bad("too large")


class _Counted:
    """A file of an archive that may not give more than the archive has left, whatever its directory says."""

    def __init__(self, archive: Archive, file: Any) -> None:
        self._archive, self._file = archive, file

    def __enter__(self) -> _Counted:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def read(self, count: int) -> bytes:
        return self._spent(self._file.read(count))

    def readline(self, count: int) -> bytes:
        return self._spent(self._file.readline(count))

    def _spent(self, raw: bytes) -> bytes:
        self._archive.spend(len(raw))
        return raw


# ───────────────────────────── The whole packet


class Check:
    """One run over a packet."""

    def __init__(self, source: Any, outside: list[Checkpoint], progress: Any, most: int) -> None:
        self.source, self.outside, self.progress, self.most = source, outside, progress, most
        self.findings = []  # type: list[Finding]
        self.of_none = self.of_entries = 0
        self.keys = []  # type: list[Key]
        self.marks = {}  # type: dict[int, list[Checkpoint]]
        self.heads = {}  # type: dict[str, tuple[int, str, int]]
        self.doubts = {}  # type: dict[str, tuple[Finding, int]]
        self.differing = []  # type: list[tuple[Finding, int]]
        self.told = set()  # type: set[str]
        self.documents = set()  # type: set[str]
        # Of entries that were named: whoever follows one of them in its stream is not to blame for that.
        self.lost = set()  # type: set[str]
        self.tree = Growing()
        self.entries = self.good = 0
        self.whole = True
        self.gap = None  # type: int | None
        self.stream = ""

    def run(self) -> Verdict:
        try:
            about = self._about()
            self.stream = f"case:{about['scope']['case']}" if list(about["scope"]) == ["case"] else ""
            self._heads()
            self._log()
            self._ends(about)
            self._files(about)
        except Bad as bad:
            self._found("file_bad", place=str(bad))
        except Enough:
            pass
        except Exception as error:  # a hostile file may break its reading in any way
            self._found("file_bad", place=type(error).__name__)
        keys = [key.text for key in self.keys]
        root = self.tree.root()
        return Verdict(self.entries, self.tree.size, self.findings, keys, root=root, whole=self.whole)

    def _found(self, kind: str, number: int | None = None, place: str = "") -> Finding:
        """Keep a finding. Of an entry and of none they are counted apart, so that many of the one hide none of the other.

        Raises Enough for an entry too many.
        """
        finding = Finding(kind, number, place)
        self.of_none += number is None
        self.of_entries += number is not None
        if self.of_entries > self.most:
            raise Enough
        if number is not None or self.of_none <= self.most:
            self.findings.append(finding)
        return finding

    def _lose(self, kind: str, number: int, digest: bytes) -> None:
        """Name an entry of which nothing more can be said, not even which stream it belongs to."""
        self._found(kind, number)
        self.lost.add(digest.hex())

    # ── what the packet says of itself

    def _about(self) -> dict[str, Any]:
        names = self.source.names()
        for name in EXPECTED:
            if name not in names:
                self._found("file_missing", place=name)
        for name in names:
            known = name in EXPECTED or name in BESIDE
            if not known and not re.fullmatch(r"checkpoints/\d{12,18}\.txt|documents/[0-9a-f]{64}", name):
                self._found("file_extra", place=name)
        if any(found.kind == "file_missing" for found in self.findings):
            raise Bad("packet")
        try:
            about = _read(self._small("packet.json").decode("utf-8"))
            wanted = {"format", "origin", "size", "entries", "documents", "scope"}
            if (
                about.keys() != wanted
                or about["format"] != PACKET
                or about["documents"] not in ("files", "hashes")
                or not _is_scope(about["scope"])
            ):
                raise Bad("packet.json")
        except (ValueError, AttributeError):
            raise Bad("packet.json") from None
        return dict(about)

    def _small(self, name: str) -> bytes:
        with self.source.open(name) as file:
            raw = file.read(CHUNK + 1)
        if len(raw) > CHUNK:
            raise Bad(name)
        return bytes(raw)

    def _heads(self) -> None:
        """Read keys and checkpoints, and check the signatures."""
        try:
            lines = self._small("keys.txt").decode("utf-8").split("\n")
        except UnicodeDecodeError:
            raise Bad("keys.txt") from None
        if lines[-1:] != [""] or len(lines) > MOST_KEYS:
            raise Bad("keys.txt")
        self.keys = [Key(line) for line in lines[:-1]]
        if not _in_line(self.keys):
            self._found("key_differs", place="keys.txt")
        for name in self.source.names():
            if name.startswith("checkpoints/"):
                self._head(name)
        for checkpoint in self.outside:
            self.marks.setdefault(checkpoint.size, []).append(checkpoint)

    def _head(self, name: str) -> None:
        try:
            checkpoint = Checkpoint(self._small(name))
        except Bad:
            self._found("checkpoint_bad", place=name)
            return
        fault = checkpoint.fault(self.keys)
        if fault is not None:
            self._found(fault, place=name)
        if name != f"checkpoints/{checkpoint.size:012d}.txt":
            self._found("checkpoint_bad", place=name)
        self.marks.setdefault(checkpoint.size, []).append(checkpoint)

    # ── the log

    def _log(self) -> None:
        """Follow the proof and the entries side by side, from the left."""
        with self.source.open("entries.jsonl") as entries, self.source.open("proofs/tree.txt") as proof:
            line = self._line(entries)
            if 0 in self.marks:
                self._compare()
            while True:
                step = proof.readline(200)
                if not step:
                    break
                level, node = _step(step)
                if level is None:
                    line = self._entry(node, line, entries)
                    self.tree.join(0, leaf_hash(node))
                else:
                    self.gap = self.tree.size if self.whole else self.gap
                    self.whole = False
                    self.tree.join(level, node)
                if self.tree.size in self.marks:
                    self._compare()
            while line is not None:
                self._found("out_of_place", line[1])
                line = self._line(entries)
        self._name_first_bad()

    def _line(self, entries: Any) -> Any:
        """The next line: the text in it (None where it is no line of an entry), its number, its bytes; None at the end."""
        raw = entries.readline(LONGEST_LINE)
        if not raw:
            return None
        # Nearly always it is the next one.
        expected = self.tree.size + 1
        tail = b',"number":%d}\n' % expected
        if raw.endswith(tail) and raw.startswith(_BEGIN):
            return (raw[len(_BEGIN) : -len(tail)], expected, raw)
        found = _ENTRY_LINE.fullmatch(raw)
        return (None, self.tree.size, raw) if found is None else (found[1], int(found[2]), raw)

    def _entry(self, digest: bytes, line: Any, entries: Any) -> Any:
        """Take the entry whose turn it is; give the next line of the file."""
        number = self.tree.size
        self.entries += 1
        if self.progress is not None and self.entries % 1000 == 0:
            self.progress(self.entries)
        while line is not None and line[0] is not None and line[1] != number:
            if entry_hash(line[0]) == digest:
                # It is the entry whose turn it is, under another number.
                self._found("out_of_place", number)
                break
            if line[1] > number:
                self._lose("missing", number, digest)
                return line
            self._found("out_of_place", line[1])
            line = self._line(entries)
        if line is None:
            self._lose("missing", number, digest)
            return None
        if line[0] is None:
            self._lose("unreadable", number, digest)
            return self._line_after_a_broken_one(entries)
        self._body(number, line[0], digest)
        return self._line(entries)

    def _line_after_a_broken_one(self, entries: Any) -> Any:
        """The next line that is not the rest of the one before: a line feed may have come into that."""
        line = self._line(entries)
        is_rest = line is not None and line[0] is None and not line[2].startswith(_BEGIN)
        return self._line(entries) if is_rest else line

    def _body(self, number: int, body: bytes, digest: bytes) -> None:
        is_recorded = entry_hash(body) == digest
        if not is_recorded:
            self._lose("entry_differs", number, digest)
        try:
            entry = read_entry(body)
        except Bad as bad:
            self._lose(str(bad), number, digest)
            return
        if is_recorded:
            self._chain(number, entry)
            self.heads[entry["stream"]] = (entry["seq"], digest.hex(), number)
            if entry["stream"] == "system:log":
                self._key_told(number, entry)
        if b'"documents"' in body:
            self.documents |= documents_of(entry)

    def _chain(self, number: int, entry: dict[str, Any]) -> None:
        stream, seq, prev = entry["stream"], entry["seq"], entry["prev"]
        must_follow = self.whole or stream == self.stream
        last = self.heads.get(stream)
        if prev in self.lost:
            follows = True
        elif last is None:
            follows = prev == GENESIS if seq == 1 else not must_follow
        elif seq == last[0] + 1:
            follows = prev == last[1]
        else:
            follows = seq > last[0] and not must_follow
        if stream in self.doubts:
            # Two before it disagree. If it names the later one, that is the one that was written, and the earlier is not.
            finding, earlier = self.doubts.pop(stream)
            if last is not None and seq == last[0] + 1 and follows:
                finding.number = earlier
        if not follows:
            finding = self._found("chain_broken", number)
            if last is not None and seq == last[0] + 1:
                self.doubts[stream] = (finding, last[2])

    def _key_told(self, number: int, entry: dict[str, Any]) -> None:
        """The keys the log tells of are those the packet shows."""
        if entry["kind"] in ("key_made", "key_rotated") and isinstance(entry["details"], dict):
            told = str(entry["details"].get("new"))
            self.told.add(told)
            if told not in {key.text for key in self.keys}:
                self._found("key_differs", number)

    def _compare(self) -> None:
        """Compare the tree as it stands with every checkpoint of this size."""
        root = self.tree.root()
        for checkpoint in self.marks.pop(self.tree.size):
            if checkpoint.root == root:
                continue
            last = self.tree.size - 1
            self.differing.append((self._found("checkpoint_differs", self.good, f"{self.good}-{last}"), last))
            return
        self.good = self.tree.size

    def _name_first_bad(self) -> None:
        """Of the entries among which a checkpoint shows a bad one, name the first that shows by itself or in a chain, if any."""
        known = [one for one in self.findings if one.kind != "checkpoint_differs"]
        broken = sorted(one.number for one in known if one.number is not None)
        for finding, last in self.differing:
            first = finding.number or 0
            finding.number = next((number for number in broken if first <= number <= last), first)

    # ── what must have come out

    def _ends(self, about: dict[str, Any]) -> None:
        size = self.tree.size
        origins = {key.name for key in self.keys} | {about["origin"]}
        if len(origins) != 1 or any(one.origin not in origins for one in self.outside):
            self._found("other_log", place=", ".join(sorted(map(str, origins))))
        for one in self.outside:
            fault = one.fault(self.keys) if one.size <= size and one.origin in origins else None
            if fault is not None:
                self._found(fault, place=f"{one.origin} {one.size}")
        for key in self.keys:
            if self.whole and not self.lost and key.text not in self.told:
                self._found("key_differs", place=key.text)
        if not about["scope"] and self.gap is not None:
            self._found("missing", self.gap)
        if about["size"] != size or about["entries"] != self.entries:
            self._found("file_bad", place="packet.json")
        if not self.entries:
            self._found("file_bad", place="entries.jsonl")
        if self.good != size or not size:
            self._found("not_covered")
        for left in sorted(self.marks):
            if left > size:
                self._found("shorter", size, f"{size} < {left}")
            else:
                self._found("no_proof", place=str(left))

    def _files(self, about: dict[str, Any]) -> None:
        there = {name[len("documents/") :] for name in self.source.names() if name.startswith("documents/")}
        if about["documents"] == "files":
            for digest in sorted(self.documents - there):
                self._found("document_missing", place=digest)
        for digest in sorted(there):
            if digest not in self.documents or about["documents"] != "files":
                self._found("file_extra", place=f"documents/{digest}")
            with self.source.open(f"documents/{digest}") as file:
                if _hashed(file) != digest:
                    self._found("document_differs", place=digest)


def _is_scope(scope: Any) -> bool:
    return (
        isinstance(scope, dict) and scope.keys() <= SCOPE and all(isinstance(x, str) for x in scope.values())
    )


def _step(raw: bytes) -> Any:
    """One line of the proof: the hash of an entry of the packet (level None), or of a subtree that is not in it."""
    found = _STEP.fullmatch(raw)
    level = None if found is None or found[1] == b"e" else int(found[1])
    if found is None or (level is not None and level > 63):
        raise Bad("proofs/tree.txt")
    return level, binascii.unhexlify(found[2])


def _hashed(file: Any) -> str:
    held = hashlib.sha256()
    for chunk in iter(lambda: file.read(CHUNK), b""):
        held.update(chunk)
    return held.hexdigest()


def check(source: Any, outside: Any = (), progress: Any = None, most: int = MOST_FINDINGS) -> Verdict:
    """Check a packet against itself, and against checkpoints kept outside; at `most` so many faults are named."""
    return Check(source, list(outside), progress, most).run()


# ───────────────────────────── One entry and its proof


def check_entry(entry: bytes, proof: bytes, keys: list[Key]) -> tuple[Checkpoint, int]:
    """Check a text of an entry and its proof (C2SP tlog-proof); give the checkpoint and the entry's number.

    Raises Bad with the kind of what does not hold.
    """
    head, blank, note = proof.partition(b"\n\n")
    lines = head.split(b"\n")
    if not blank or lines[:1] != [b"c2sp.org/tlog-proof@v1"] or len(lines) < 2 or len(lines) > 80:
        raise Bad("file_bad")
    try:
        checkpoint = Checkpoint(note)
    except Bad:
        raise Bad("checkpoint_bad") from None
    try:
        index, *siblings = [line.decode("ascii") for line in lines[1:]]
        path = [decoded(sibling) for sibling in siblings]
    except (Bad, UnicodeDecodeError):
        raise Bad("file_bad") from None
    if not index.startswith("index ") or NUMBER.fullmatch(index[6:]) is None:
        raise Bad("file_bad")
    if any(len(node) != 32 for node in path):
        raise Bad("file_bad")
    if checkpoint.origin not in {key.name for key in keys}:
        raise Bad("other_log")
    fault = checkpoint.fault(keys)
    if fault is not None:
        raise Bad(fault)
    read_entry(entry)
    number = int(index[6:])
    try:
        root = root_by_inclusion(leaf_hash(entry_hash(entry)), number, checkpoint.size, path)
    except Bad:
        raise Bad("file_bad") from None
    if root != checkpoint.root:
        raise Bad("entry_differs")
    return checkpoint, number


# ───────────────────────────── The command


def say(verdict: Verdict, write: Any) -> None:
    """Say what came out, in both languages."""
    for key in verdict.keys:
        write(f"密钥 key: {key}\n")
    for found in verdict.findings[:20]:
        chinese, english = KINDS.get(found.kind, (found.kind, found.kind))
        where = f"第{found.number}号记录 entry {found.number}: " if found.number is not None else ""
        write(f"✗ {where}{chinese} / {english}{f' [{found.place}]' if found.place else ''}\n")
    if verdict.sound:
        part = "完整日志 the whole log" if verdict.whole else "部分日志 part of the log"
        write(f"✓ 全部相符 everything holds: {verdict.entries} / {verdict.size} ({part})\n")
    else:
        first = verdict.findings[0]
        at = f" {first.number}" if first.number is not None else ""
        write(f"✗ 未通过，首个异常{at}（{len(verdict.findings)}）/ does not hold; first bad entry{at}\n")


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packet", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--checkpoint", action="append", default=[], metavar="FILE")
    given = parser.parse_args(words)
    outside = []
    for name in given.checkpoint:
        try:
            with open(name, "rb") as file:
                outside.append(Checkpoint(file.read(LONGEST_NOTE + 1)))
        except (OSError, Bad):
            sys.stdout.write(f"✗ 检查点无法识别 / no checkpoint: {name}\n")
            return 1
    try:
        source = Folder(given.packet) if os.path.isdir(given.packet) else Archive(given.packet)
    except Bad as bad:
        sys.stdout.write(f"✗ 不是审计包 / no packet: {given.packet} ({bad})\n")
        return 1
    verdict = check(source, outside)
    say(verdict, sys.stdout.write)
    return 0 if verdict.sound else 1


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    sys.exit(main(sys.argv[1:]))
