"""A packet holds what was asked for and checks out where the product has never been; what is wrong with it is named."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, text

from models import Blob, Database, Entry
from tests.conftest import Templates
from tests.university import University
from tests.workflow.sealed import AT, CTX, SealedLog
from workflow.errors import NotFound
from workflow.keyfile import read_key
from workflow.notes import Head
from workflow.operations.keys import make_key, rotate_key
from workflow.operations.sealing import seal
from workflow.packet import verify
from workflow.packet.taking import case_called, take_packet, unit_called
from workflow.packet.verify import (
    MOST_FINDINGS,
    MOST_KEYS,
    Archive,
    Bad,
    Checkpoint,
    Folder,
    Key,
    Verdict,
    check,
    check_entry,
    ed25519_holds,
)
from workflow.packet.writing import PacketFault, Scope, write_packet
from workflow.queries.sealing import inclusion_of

VECTORS = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip
"""RFC 8032, 7.1: key, public key, message, signature."""


@pytest.fixture(scope="module")
def log(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedLog]:
    """Two hundred entries, a checkpoint for every 25; nobody changes it."""
    database = Database(templates.copy("sqlite"))
    yield SealedLog.made(database, tmp_path_factory.mktemp("log"), entries=200)
    database.dispose()


@pytest.fixture(scope="module")
def whole(log: SealedLog) -> bytes:
    return log.packet()


def parts(packet: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packet)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Mapping[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return raw.getvalue()


def verdict(packet: bytes, *outside: str) -> Verdict:
    return check(Archive(io.BytesIO(packet)), [Checkpoint(note.encode()) for note in outside])


def kinds(found: Verdict) -> list[tuple[str, int | None]]:
    return [(one.kind, one.number) for one in found.findings]


# ───────────────────────────── Ed25519


@pytest.mark.parametrize(("_secret", "public", "message", "signature"), VECTORS)
def test_signatures_of_the_test_vectors_hold_and_others_do_not(
    _secret: str, public: str, message: str, signature: str
) -> None:
    key, said, signed = (bytes.fromhex(one) for one in (public, message, signature))

    assert ed25519_holds(key, said, signed)
    assert not ed25519_holds(key, said + b"x", signed)
    for place in (0, 31, 32, 63):
        assert not ed25519_holds(key, said, signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :])
    assert not ed25519_holds(signed[:32], said, signed)
    assert not ed25519_holds(key, said, signed[:-1])


def test_signature_with_the_order_added_is_refused() -> None:
    """Otherwise a second signature could be made of any first."""
    key, said, signed = (bytes.fromhex(one) for one in VECTORS[1][1:])
    larger = int.from_bytes(signed[32:], "little") + verify.L

    assert not ed25519_holds(key, said, signed[:32] + larger.to_bytes(32, "little"))


# ───────────────────────────── A sound packet


def test_whole_packet_holds(log: SealedLog, whole: bytes) -> None:
    found = verdict(whole, *log.notes())

    assert kinds(found) == []
    assert (found.entries, found.size, found.whole) == (201, 201, True)
    assert found.keys == [log.signer.public.text]


def test_packet_checks_out_where_nothing_of_the_product_is(
    log: SealedLog, whole: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "packet"
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        archive.extractall(folder)
    outside, other = tmp_path / "outside.txt", tmp_path / "other.txt"
    outside.write_text(log.notes()[3], encoding="utf-8")
    other.write_text(log.notes()[3].replace("\n101\n", "\n102\n"), encoding="utf-8")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", "verify.py", *words],
            cwd=folder, capture_output=True, text=True, check=False, env={}, encoding="utf-8", timeout=60,
        )  # fmt: skip

    good, compared = run(), run("--checkpoint", str(outside))
    bad, missing, wrong = run("--checkpoint", str(other)), run("no-such-packet"), run("--no-such-option")
    assert (good.returncode, compared.returncode, good.stderr, compared.stderr) == (0, 0, "", "")
    assert log.signer.public.text in good.stdout
    assert (bad.returncode, missing.returncode, wrong.returncode) == (1, 1, 2)
    assert "Traceback" not in bad.stderr + missing.stderr + wrong.stderr


def test_verifier_imports_the_standard_library_only(tmp_path: Path) -> None:
    code = "import sys, verify; print([m for m in ('workflow', 'models', 'cryptography', 'sqlalchemy') if m in sys.modules])"
    (tmp_path / "verify.py").write_bytes(Path(str(verify.__file__)).read_bytes())

    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={},
        timeout=60,
    )

    assert done.stdout.strip() == "[]"


def test_same_log_gives_the_same_packet(log: SealedLog, whole: bytes) -> None:
    assert log.packet() == whole


@pytest.mark.parametrize(
    "scope", [Scope(until=date(2026, 11, 28)), Scope(since=date(2026, 11, 28)), Scope(until=date(2030, 1, 1))]
)
def test_period_holds_and_says_what_it_is(log: SealedLog, scope: Scope) -> None:
    packet = log.packet(scope=scope)
    found = verdict(packet, *log.notes())

    assert kinds(found) == []
    assert json.loads(parts(packet)["packet.json"])["scope"] == scope.plain


def test_base_and_unit_hold_with_proofs_for_every_checkpoint(database: Database, tmp_path: Path) -> None:
    university = University.founded(database)
    signer = make_key(database, tmp_path / "log.key", "example.edu.cn/1", ctx=CTX)
    one, other = (
        university.signed(),
        university.proposed(who="other_leader", unit="药学院", partner="另一单位"),
    )
    notes = []
    for _ in range(3):
        university.proposed()
        seal(database, signer=signer, at=AT, pace=None)
        with database.reading() as session:
            notes.append(
                session.execute(text("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")).scalar_one()
            )

    for scope, entries in (
        (Scope(case=one), 4),
        (Scope(case=other), 2),
        (Scope(unit=university.units["药学院"]), 2),
    ):
        file = io.BytesIO()
        with database.reading() as session:
            write_packet(session, file, scope=scope)
        found = verdict(file.getvalue(), *notes)
        assert (kinds(found), found.entries, found.whole) == ([], entries, False)


def test_documents_go_along_or_stay(database: Database, tmp_path: Path) -> None:
    university = University.founded(database)
    signer = make_key(database, tmp_path / "log.key", "example.edu.cn/1", ctx=CTX)
    case_id = university.signed()
    seal(database, signer=signer, at=AT, pace=None)
    with database.reading() as session:
        with_files, without = io.BytesIO(), io.BytesIO()
        write_packet(session, with_files, scope=Scope(case=case_id))
        write_packet(session, without, scope=Scope(case=case_id), with_documents=False)
        blobs = {row.sha256: row.content for row in session.scalars(select(Blob))}

    files = {
        name: content
        for name, content in parts(with_files.getvalue()).items()
        if name.startswith("documents/")
    }
    assert files
    assert all(blobs[name.removeprefix("documents/")] == content for name, content in files.items())
    assert not [name for name in parts(without.getvalue()) if name.startswith("documents/")]
    assert kinds(verdict(with_files.getvalue())) == kinds(verdict(without.getvalue())) == []
    everything = parts(with_files.getvalue())
    name = next(iter(files))
    assert ("document_differs", None) in kinds(verdict(packed({**everything, name: b"other"})))
    del everything[name]
    assert ("document_missing", None) in kinds(verdict(packed(everything)))


def test_log_with_two_keys_holds(sqlite_database: Database, tmp_path: Path) -> None:
    log = SealedLog.made(sqlite_database, tmp_path, entries=30)
    rotate_key(sqlite_database, log.file, ctx=CTX, at=AT)
    log.signer = read_key(log.file)
    log.write(30, 20)
    log.seal()
    packet = log.packet()

    found = verdict(packet, *log.notes())
    assert (kinds(found), len(found.keys)) == ([], 2)
    lines = parts(packet)["keys.txt"].split(b"\n")
    with_one = packed({**parts(packet), "keys.txt": lines[0] + b"\n"})
    assert "unknown_key" in [kind for kind, _ in kinds(verdict(with_one))]


# ───────────────────────────── Taking it


def test_taking_a_packet_leaves_one_entry_that_it_covers(database: Database, tmp_path: Path) -> None:
    university = University.founded(database)
    signer = make_key(database, tmp_path / "log.key", "example.edu.cn/1", ctx=CTX)
    case_id = university.signed()
    file = io.BytesIO()

    written = take_packet(database, file, signer=signer, ctx=CTX, at=AT)

    last = parts(file.getvalue())["entries.jsonl"].splitlines()[-1]
    assert (written.entries, written.size) == (6, 6)
    assert b'"kind":"export"' in last
    with database.reading() as session:
        number = session.execute(text("SELECT application_number FROM bases")).scalar_one()
        assert [case_called(session, name) for name in (number, case_id)] == [case_id] * 2
        assert unit_called(session, "药学院") == university.units["药学院"]
        for wrong in ("LP0000-000", "00000000-0000-0000-0000-000000000000"):
            with pytest.raises(NotFound):
                case_called(session, wrong)
            with pytest.raises(NotFound):
                unit_called(session, wrong)


def test_nothing_to_export_is_said(database: Database, tmp_path: Path) -> None:
    with pytest.raises(PacketFault, match="no_checkpoint"):
        take_packet(database, io.BytesIO(), signer=None, ctx=CTX, at=AT)
    signer = make_key(database, tmp_path / "log.key", "example.edu.cn/1", ctx=CTX)
    with pytest.raises(PacketFault, match="nothing_to_export"):
        take_packet(
            database, io.BytesIO(), signer=signer, ctx=CTX, at=AT, scope=Scope(until=date(2001, 1, 1))
        )


# ───────────────────────────── Packets that are none


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"not a zip"])
def test_what_is_no_zip_is_refused(raw: bytes) -> None:
    with pytest.raises(Bad):
        Archive(io.BytesIO(raw))


def test_empty_archive_is_no_packet() -> None:
    assert [kind for kind, _ in kinds(verdict(packed({})))].count("file_missing") == 4


@pytest.mark.parametrize("name", ["packet.json", "keys.txt", "entries.jsonl", "proofs/tree.txt"])
def test_packet_that_lacks_a_file_is_refused(whole: bytes, name: str) -> None:
    files = parts(whole)
    del files[name]

    found = verdict(packed(files))
    assert ("file_missing", None) in kinds(found)
    assert [one.place for one in found.findings if one.kind == "file_missing"] == [name]


@pytest.mark.parametrize(
    "name", ["notes.txt", "../evil", "documents/x", "proofs/other.txt", "checkpoints/x.txt"]
)
def test_packet_with_a_file_too_many_is_refused(whole: bytes, name: str) -> None:
    found = verdict(packed({**parts(whole), name: b"x"}))

    assert ("file_extra", None) in kinds(found)


@pytest.mark.parametrize("name", ["packet.json", "keys.txt", "entries.jsonl", "proofs/tree.txt"])
@pytest.mark.parametrize("content", [b"", b"\xff", b"{}\n", b"e 00\n", b"[" * 100_000, b"\n"])
def test_packet_with_a_damaged_file_is_refused(whole: bytes, name: str, content: bytes) -> None:
    assert not verdict(packed({**parts(whole), name: content})).sound


def test_bomb_is_refused_before_it_goes_off(whole: bytes) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("entries.jsonl", b"\x00" * 5_000_000)
    with pytest.raises(Bad):
        Archive(raw, most=1_000_000)
    with pytest.raises(Bad):
        Archive(io.BytesIO(whole), files=3)


def test_archive_that_lies_about_its_size_gives_no_more_than_allowed(whole: bytes) -> None:
    archive = Archive(io.BytesIO(whole), most=10_000_000)
    archive._left = 1000

    assert ("file_bad", None) in kinds(check(archive))


def test_name_that_stands_twice_is_refused(whole: bytes) -> None:
    raw = io.BytesIO(whole)
    with zipfile.ZipFile(raw, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("keys.txt", b"")

    with pytest.raises(Bad):
        Archive(raw)


def test_folder_and_archive_are_read_alike(whole: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        archive.extractall(tmp_path)

    assert Folder(str(tmp_path)).names() == Archive(io.BytesIO(whole)).names()
    assert check(Folder(str(tmp_path))).sound


@pytest.mark.parametrize(
    "line", ["", "0 - x", "0 - a+b+c", "a - a+00000000+AQ==", "0 - example.edu.cn/1+00000000+AQ=="]
)
def test_key_line_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(Bad):
        Key(line)


def test_many_files_too_many_do_not_hide_the_first_bad_entry(whole: bytes) -> None:
    files = parts(whole)
    lines = files["entries.jsonl"].splitlines(keepends=True)
    files["entries.jsonl"] = b"".join([*lines[:50], *lines[51:]])
    files |= {f"extra{number}": b"" for number in range(MOST_FINDINGS + 20)}

    found = verdict(packed(files))

    assert kinds(found)[0] == ("missing", 50)
    assert kinds(found).count(("file_extra", None)) == MOST_FINDINGS


def test_lines_without_end_are_not_read_to_the_end(whole: bytes) -> None:
    """A few kilobytes may unpack to millions of lines, and anybody may send them."""
    files = {**parts(whole), "entries.jsonl": b"\n" * 100_000}
    archive = Archive(io.BytesIO(packed(files)), most=10_000_000)

    found = check(archive)

    assert kinds(found)[0] == ("unreadable", 0)
    assert len(found.findings) == MOST_FINDINGS
    assert archive._left > 9_950_000 - len(files["keys.txt"])


def test_keys_without_number_are_refused(whole: bytes) -> None:
    files = parts(whole)
    files["keys.txt"] *= MOST_KEYS + 1

    assert [(one.kind, one.place) for one in verdict(packed(files)).findings] == [("file_bad", "keys.txt")]


@pytest.mark.parametrize(
    "scope", [None, [], "case", {"everything": "x"}, {"case": None}, {"case": ["x"]}, {"unit": {}}, False]
)
def test_scope_of_another_shape_is_refused(whole: bytes, scope: object) -> None:
    files = parts(whole)
    files["packet.json"] = json.dumps({**json.loads(files["packet.json"]), "scope": scope}).encode()

    found = verdict(packed(files))

    assert [(one.kind, one.place) for one in found.findings] == [("file_bad", "packet.json")]


def unpacked(packet: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(packet)) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize("target", ["/dev/zero", "elsewhere.jsonl"])
def test_link_in_the_place_of_a_file_is_not_followed(whole: bytes, tmp_path: Path, target: str) -> None:
    folder = unpacked(whole, tmp_path / "packet")
    (folder / "entries.jsonl").rename(tmp_path / "elsewhere.jsonl")
    (folder / "entries.jsonl").symlink_to(tmp_path / target)

    found = check(Folder(str(folder)))

    assert [(one.kind, one.place) for one in found.findings] == [("file_bad", "entries.jsonl")]


def test_linked_folder_is_a_file_too_many(whole: bytes, tmp_path: Path) -> None:
    folder = unpacked(whole, tmp_path / "packet")
    (folder / "more").symlink_to(tmp_path)

    found = check(Folder(str(folder)))

    assert [(one.kind, one.place) for one in found.findings] == [("file_extra", "more")]


def test_folder_holds_where_names_are_not_taken_to_be_utf_8(whole: bytes, tmp_path: Path) -> None:
    folder = unpacked(whole, tmp_path / "packet")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "gbk"}

    done = subprocess.run(
        [sys.executable, "verify.py"], cwd=folder, env=plain, capture_output=True, check=False, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, b""), done.stdout.decode()


def test_checkpoint_of_nothing_is_compared_too(log: SealedLog, whole: bytes) -> None:
    empty, other = hashlib.sha256(b"").digest(), bytes(32)

    def note(root: bytes) -> str:
        return log.signer.note(Head(origin=log.signer.origin, size=0, root=root).text)

    assert kinds(verdict(whole, note(empty))) == []
    assert kinds(verdict(whole, note(other))) == [("checkpoint_differs", 0)]


def test_path_of_a_proof_holds_hashes_only(log: SealedLog) -> None:
    """Every hash of the path has its 32 bytes; a shorter one is no proof, whatever it leads to."""
    with log.database.reading() as session:
        row = session.execute(select(Entry.id, Entry.body).order_by(Entry.id).limit(1)).one()
        proof = inclusion_of(session, row.id)
    assert proof is not None
    lines = proof.text.split("\n")
    lines[2] = base64.b64encode(bytes(31)).decode()
    keys = [Key(f"0 - {log.signer.public.text}")]

    assert check_entry(row.body.encode(), proof.text.encode(), keys)[1] == proof.number
    with pytest.raises(Bad, match="file_bad"):
        check_entry(row.body.encode(), "\n".join(lines).encode(), keys)
