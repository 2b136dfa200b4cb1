"""Anybody may check a packet or one entry; and a site whose log is not the one outside writes nothing and says so."""

from __future__ import annotations

import io
import json
import re
import zipfile
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from models import Checkpoint, Database, Entry, Leaf
from schedules.outside import FolderPlace, file_name, take_out
from tests.web.signing_in import PASSWORD, Browser, Site, build, site_over
from tests.workflow.sealed import SealedLog
from workflow.packet.verify import Checkpoint as Head
from workflow.queries.sealing import inclusion_of


@pytest.fixture
def site(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(sqlite_database, monkeypatch)


@pytest.fixture
def log(site: Site, tmp_path: Path) -> SealedLog:
    return SealedLog.made(site.database, tmp_path, entries=40)


@pytest.fixture
def passer_by(site: Site) -> Browser:
    browser = site.browser()
    browser.client.set_cookie("lang", "en")
    return browser


def sent(browser: Browser, packet: bytes) -> tuple[int, str]:
    return _read(browser.send("/verify", {"packet": (io.BytesIO(packet), "packet.zip")}))


def pasted(browser: Browser, entry: str, proof: str) -> tuple[int, str]:
    return _read(browser.send("/verify", {"receipt": f"{entry}\n\n{proof}"}))


def _read(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_data(as_text=True)


def repacked(packet: bytes, **changed: bytes) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packet)) as old, zipfile.ZipFile(raw, "w") as new:
        for name in old.namelist():
            new.writestr(name, changed.get(name.partition(".")[0], old.read(name)))
    return raw.getvalue()


# ───────────────────────────── A packet


def test_passer_by_checks_a_packet(passer_by: Browser, log: SealedLog) -> None:
    status, page = sent(passer_by, log.packet())

    assert (status, "Everything holds: 41 entries of the first 41" in page) == (200, True)


def test_packet_with_a_changed_entry_does_not_hold(passer_by: Browser, log: SealedLog) -> None:
    packet = log.packet()
    with zipfile.ZipFile(io.BytesIO(packet)) as archive:
        lines = archive.read("entries.jsonl").replace(b'"count":7,', b'"count":8,')

    status, page = sent(passer_by, repacked(packet, entries=lines))

    assert (status, "entry 8:" in page, "Everything holds" in page) == (422, True, False)


def test_sound_packet_of_another_log_does_not_hold(
    passer_by: Browser, log: SealedLog, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = SealedLog.made(database, tmp_path / "other", entries=40)

    status, page = sent(passer_by, other.packet())

    assert (status, "it is of another log" in page) == (422, True)
    assert log.signer != other.signer


def test_packet_of_a_log_that_forked_under_the_same_key_does_not_hold(
    passer_by: Browser, log: SealedLog
) -> None:
    packet = log.packet()
    with log.database.transaction() as session:
        session.execute(Checkpoint.__table__.delete().where(Checkpoint.size == 41))  # type: ignore[attr-defined]

    assert sent(passer_by, packet)[0] == 422


@pytest.mark.parametrize("raw", [b"", b"nothing", b"PK\x03\x04" + b"\x00" * 50])
def test_what_is_no_packet_is_refused_with_a_message(passer_by: Browser, log: SealedLog, raw: bytes) -> None:
    status, page = sent(passer_by, raw)

    assert (status, "this is no ZIP file" in page) == (422, True)


def test_packet_that_lacks_its_proofs_is_not_called_another_log(passer_by: Browser, log: SealedLog) -> None:
    packet = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(log.packet())) as whole, zipfile.ZipFile(packet, "w") as part:
        for name in whole.namelist():
            if not name.startswith("proofs/"):
                part.writestr(name, whole.read(name))

    status, page = sent(passer_by, packet.getvalue())

    assert (status, "a file is missing" in page, "it is of another log" in page) == (422, True, False)


def test_bomb_is_refused(passer_by: Browser, log: SealedLog) -> None:
    raw = io.BytesIO()
    with (
        zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("entries.jsonl", "w") as file,
    ):
        for _ in range(70):
            file.write(b"\x00" * 1024 * 1024)

    status, page = sent(passer_by, raw.getvalue())

    assert (status, "too large" in page) == (422, True)


def test_nothing_sent_is_told(passer_by: Browser, log: SealedLog) -> None:
    status, page = _read(passer_by.send("/verify", {"receipt": " \r\n"}))

    assert (status, "Choose a packet" in page) == (400, True)
    assert passer_by.get("/verify").status_code == 200


def test_checking_leaves_nothing(site: Site, passer_by: Browser, log: SealedLog) -> None:
    before = site.entry_count()

    sent(passer_by, log.packet())

    assert site.entry_count() == before


# ───────────────────────────── One entry


def one(log: SealedLog, number: int) -> tuple[str, str]:
    """An entry's text and its proof."""
    with log.database.reading() as session:
        row = session.execute(
            select(Entry.id, Entry.body).join(Leaf, Leaf.entry_id == Entry.id).where(Leaf.number == number)
        ).one()
        included = inclusion_of(session, row.id)
        assert included is not None
        return row.body, included.text


@pytest.mark.parametrize("number", [0, 17, 40])
def test_entry_and_its_proof_hold(passer_by: Browser, log: SealedLog, number: int) -> None:
    entry, proof = one(log, number)

    status, page = pasted(passer_by, f"\r\n{entry}\r\n", proof.replace("\n", "\r\n"))

    assert (status, f"this is entry {number} of this log" in page) == (200, True)


def test_what_is_not_so_is_told(passer_by: Browser, log: SealedLog) -> None:
    entry, proof = one(log, 17)
    other, _ = one(log, 18)
    for text, said, expected in (
        (entry.replace('"count":16', '"count":17'), proof, "not the one that was recorded"),
        (other, proof, "not the one that was recorded"),
        (entry, proof.replace("index 17", "index 18"), "not the one that was recorded"),
        (entry, proof.replace("index 17", "index 41"), "the receipt is not whole"),
        (entry, proof.replace("\n41\n", "\n42\n"), "signature of a checkpoint is false"),
        (entry, proof.replace("example.edu.cn/1", "example.edu.cn/2"), "another log"),
        (entry, "c2sp.org/tlog-proof@v1\nindex 0\n\nx\n", "cannot be read"),
        (entry, "nothing", "the receipt is not whole"),
        ("nothing", proof, "cannot be read"),
        (json.dumps(json.loads(entry), ensure_ascii=False), proof, "not in its one spelling"),
        (entry.replace('"seq":', '"seq":1,"seq":'), proof, "not in its one spelling"),
    ):
        status, page = pasted(passer_by, text, said)
        assert (status, expected in page) == (422, True), (text[:40], said[:40])
        assert "this is entry" not in page


def receipt_on(browser: Browser, entry_id: int) -> str:
    """The receipt a page of the log gives, as it is copied from there."""
    page = browser.get(f"/audit/{entry_id}").get_data(as_text=True)
    found = re.search(r'<textarea[^>]* id="receipt-text"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    return unescape(found.group(1)) if found else ""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_receipt_copied_from_the_log_holds_when_it_is_pasted(
    site: Site, passer_by: Browser, tmp_path: Path, language: str
) -> None:
    case_id = site.university.approved()
    SealedLog.made(site.database, tmp_path, entries=0).seal()
    auditor = site.browser("auditor")
    auditor.client.set_cookie("lang", language)
    (entry,) = [row for row in site.entries() if row.act == "approve"]

    receipt = receipt_on(auditor, entry.id)
    status, page = _read(passer_by.send("/verify", {"receipt": receipt.replace("\n", "\r\n")}))

    assert entry.body in receipt
    assert entry.hash in receipt.partition("{")[0]
    assert "http://localhost/verify" in receipt
    assert (status, "of this log, proven by" in page) == (200, True)
    for said in ("10 March 2026 10:00", "Approve", f"case:{case_id} · 3", entry.hash):
        assert said in page


def test_head_of_a_receipt_proves_nothing_and_its_text_does(
    site: Site, passer_by: Browser, log: SealedLog
) -> None:
    receipt = receipt_on(site.browser("auditor"), 8)
    head, _, rest = receipt.partition("\n\n")
    changed = rest.replace('"count":', '"count":1')
    other = receipt_on(site.browser("auditor"), 9).split("\n\n")[1]
    proof = rest.partition("\n\n")[2]

    def sent_in(text: str) -> tuple[int, bool]:
        status, page = _read(passer_by.send("/verify", {"receipt": text}))
        return status, "this is entry" in page

    assert sent_in(f"anything\n\n{rest}") == (200, True)
    assert sent_in(f"{head}\n\n{changed}") == (422, False)
    assert sent_in(f"{head}\n\n{other}\n\n{proof}") == (
        422,
        False,
    )
    assert sent_in(head) == (422, False)


def test_page_of_an_entry_tells_when_no_checkpoint_covers_it(site: Site, log: SealedLog) -> None:
    auditor = site.browser("auditor")
    auditor.client.set_cookie("lang", "en")
    log.write(40, 1)
    with log.database.reading() as session:
        last = session.scalars(select(Entry.id).order_by(-Entry.id)).first() or 0

    assert receipt_on(auditor, last) == ""
    assert "No checkpoint covers this entry yet" in auditor.get(f"/audit/{last}").get_data(as_text=True)


# ───────────────────────────── Another log than the one outside


def test_site_over_a_shorter_log_reads_and_writes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "outside"
    log = SealedLog.made(database, tmp_path, entries=20)
    take_out(database, FolderPlace(folder=folder))
    (folder / file_name(99)).write_text(log.notes()[0].replace("\n21\n", "\n99\n"), encoding="utf-8")
    site = site_over(database, monkeypatch)
    before = site.entry_count()
    site.app = build(database, monkeypatch, checkpoint_dir=folder)
    closed, reader = site.browser(), site.browser("auditor")
    closed.client.set_cookie("lang", "en")

    refused = closed.send("/login", {"login": "auditor", "password": PASSWORD})
    page = closed.get("/login").get_data(as_text=True)

    assert refused.status_code == 503
    assert "Nothing can be written now" in page
    assert closed.get("/health").status_code == 503
    assert reader.get("/audit/checkpoints").status_code == 200
    assert site.entry_count() == before


def test_site_over_the_log_outside_writes(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SealedLog.made(database, tmp_path, entries=20)
    take_out(database, FolderPlace(folder=tmp_path / "outside"))

    site_over(database, monkeypatch, checkpoint_dir=tmp_path / "outside")

    assert not database.is_closed_for_writing


def test_checkpoint_is_read_alike_by_both_readers(log: SealedLog) -> None:
    head = Head(log.notes()[-1].encode())

    assert (head.size, head.origin) == (41, "example.edu.cn/1")
