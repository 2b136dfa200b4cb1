"""What was uploaded comes back byte for byte, as a download, to those who may see its base, and to nobody else."""

from __future__ import annotations

import hashlib
import io

import pytest
from sqlalchemy import func, select

from models import Blob, StoredDocument
from tests.university import University
from tests.web.conftest import hidden, text_of
from tests.web.signing_in import TOKEN, Site

PDF = b"%PDF-1.4\n1 0 obj << >> endobj\n%%EOF\n"
MISSING = "01900000-0000-7000-8000-000000000000"


def _upload(site: Site, name: str, content: bytes) -> tuple[str, int]:
    """Upload a cooperation plan; return the case and the answer's status."""
    case_id = site.university.open()
    browser = site.browser("leader")
    address = f"/proposals/{case_id}/plan"
    sent = {**hidden(browser.get(address)), "cooperation_plan": (io.BytesIO(content), name)}
    answer = browser.client.post(address, data=sent, content_type="multipart/form-data")
    return case_id, answer.status_code


def _document(site: Site, case_id: str) -> StoredDocument:
    with site.database.reading() as session:
        return session.scalars(select(StoredDocument).where(StoredDocument.case_id == case_id)).one()


def test_file_comes_back_byte_for_byte_as_an_attachment(site: Site) -> None:
    case_id, status = _upload(site, "合作计划（终稿）.pdf", PDF)
    document = _document(site, case_id)

    answer = site.browser("office").get(f"/documents/{document.id}")

    assert status == 303
    assert answer.get_data() == PDF
    assert document.sha256 == hashlib.sha256(PDF).hexdigest()
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="______________.pdf"; '
        "filename*=UTF-8''%E5%90%88%E4%BD%9C%E8%AE%A1%E5%88%92%EF%BC%88%E7%BB%88%E7%A8%BF%EF%BC%89.pdf"
    ).replace("______________", "_" * 8)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Content-Type"] == "application/pdf"


@pytest.mark.parametrize("who", ["other_head", "other_leader", "stranger"])
def test_hidden_file_is_answered_like_a_missing_one(site: Site, who: str) -> None:
    case_id, _ = _upload(site, "计划.pdf", PDF)
    document = _document(site, case_id)
    browser = site.browser(who)

    there, missing = browser.get(f"/documents/{document.id}"), browser.get(f"/documents/{MISSING}")

    assert (there.status_code, missing.status_code) == (404, 404)
    assert text_of(there).replace(document.id, "") == text_of(missing).replace(MISSING, "")


def test_download_leaves_one_entry_and_asking_for_its_headers_none(site: Site) -> None:
    case_id, _ = _upload(site, "计划.pdf", PDF)
    document = _document(site, case_id)
    browser = site.browser("office")

    browser.client.head(f"/documents/{document.id}")
    before = len(site.entries("download"))
    browser.get(f"/documents/{document.id}")

    assert (before, len(site.entries("download"))) == (0, 1)


def test_refused_download_leaves_none(site: Site) -> None:
    case_id, _ = _upload(site, "计划.pdf", PDF)

    site.browser("stranger").get(f"/documents/{_document(site, case_id).id}")

    assert site.entries("download") == []


def test_upload_leaves_its_entry_without_its_name(site: Site) -> None:
    case_id, _ = _upload(site, "张三的计划.pdf", PDF)

    entry = site.entries("document")[0]

    assert (entry.case_id, entry.act) == (case_id, "cooperation_plan")
    assert hashlib.sha256(PDF).hexdigest() in entry.body
    assert "张三" not in entry.body


def test_upload_does_not_make_anybodys_form_stale(site: Site) -> None:
    case_id, _ = _upload(site, "计划.pdf", PDF)

    assert site.university.case(case_id).version == 1


def test_same_file_twice_is_kept_once(site: Site) -> None:
    case_id, _ = _upload(site, "计划.pdf", PDF)
    browser = site.browser("leader")
    address = f"/proposals/{case_id}/plan"
    sent = {**hidden(browser.get(address)), "cooperation_plan": (io.BytesIO(PDF), "计划.pdf")}

    browser.client.post(address, data=sent, content_type="multipart/form-data")

    with site.database.reading() as session:
        counts = [session.scalar(select(func.count()).select_from(table)) for table in (StoredDocument, Blob)]
    assert counts == [1, 1]


def test_equal_bytes_of_two_bases_share_their_blob(site: Site) -> None:
    _upload(site, "甲.pdf", PDF)
    _upload(site, "乙.pdf", PDF)

    with site.database.reading() as session:
        counts = [session.scalar(select(func.count()).select_from(table)) for table in (StoredDocument, Blob)]
    assert counts == [2, 1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("计划.html", b"<html></html>"),
        ("计划.svg", b"<svg onload='alert(1)'/>"),
        ("计划.pdf", b"<html><script>alert(1)</script></html>"),
        ("计划.pdf", b""),
        ("计划.docm", b"PK\x03\x04"),
    ],
)
def test_hostile_file_is_refused_with_a_reason_and_not_kept(site: Site, name: str, content: bytes) -> None:
    _, status = _upload(site, name, content)

    with site.database.reading() as session:
        kept = session.scalar(select(func.count()).select_from(StoredDocument))
    assert (status, kept) == (400, 0)


def test_file_of_another_base_cannot_be_named(university: University, site: Site) -> None:
    other = university.open()
    theirs = university.document(other, "cooperation_plan")
    case_id = university.open()
    browser = site.browser("leader")
    address = f"/proposals/{case_id}/plan"

    browser.client.post(address, data={**hidden(browser.get(address)), "cooperation_plan.kept": theirs})

    assert "的文件不属于本基地，请重新上传" in text_of(browser.get(f"/proposals/{case_id}/review"))


def test_file_larger_than_the_limit_is_refused(site: Site) -> None:
    case_id = site.university.open()
    browser = site.browser("leader")
    address = f"/proposals/{case_id}/plan"
    page = hidden(browser.get(address))
    large = PDF + bytes(20 * 1024 * 1024)

    answer = browser.client.post(
        address,
        data={**page, "cooperation_plan": (io.BytesIO(large), "大.pdf")},
        content_type="multipart/form-data",
    )

    assert answer.status_code == 400
    assert "超过20 MB" in text_of(answer)


def test_reader_who_may_not_act_uploads_nothing(university: University, site: Site) -> None:
    case_id = university.approved()
    browser = site.browser("auditor")
    found = TOKEN.search(browser.get("/bases").get_data(as_text=True))
    assert found is not None
    before = site.entry_count()

    answer = browser.client.post(
        f"/bases/{case_id}/acts/sign_agreement/preview",
        data={
            "csrf_token": found.group(1), "key": "k" * 20, "version": "3", "seq": "3",
            "agreement_scan": (io.BytesIO(PDF), "协议.pdf"),
        },
        content_type="multipart/form-data",
    )  # fmt: skip

    assert answer.status_code == 403
    assert site.entry_count() == before
