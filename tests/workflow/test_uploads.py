"""What is accepted comes back byte for byte; what could run, hide or burst is refused with its reason."""

from __future__ import annotations

import io
import zipfile

import pytest

from workflow.errors import BadInput
from workflow.uploads import checked

LIMIT = 1024 * 1024
PDF = b"%PDF-1.4\n1 0 obj << >> endobj\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
JPG = b"\xff\xd8\xff\xe0" + bytes(16) + b"\xff\xd9"
WORD = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SHEET = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"


def _office(kind: bytes = WORD, **parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"<Types><Override ContentType='" + kind + b"'/></Types>")
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("计划.pdf", PDF, "application/pdf"),
        ("PLAN.PDF", PDF, "application/pdf"),
        ("图.png", PNG, "image/png"),
        ("图.jpg", JPG, "image/jpeg"),
        ("图.jpeg", JPG, "image/jpeg"),
        ("计划.docx", _office(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("表.xlsx", _office(SHEET), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ],
)
def test_file_of_a_known_kind_is_accepted_unchanged(name: str, content: bytes, media_type: str) -> None:
    upload = checked(field="plan", name=name, content=content, limit=LIMIT)

    assert (upload.name, upload.media_type, upload.content) == (name, media_type, content)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.pdf", b"", "file_empty"),
        ("a.pdf", PDF + bytes(LIMIT), "file_too_large"),
        ("a.html", b"<html></html>", "file_kind_not_allowed"),
        ("a.svg", b"<svg onload='x'/>", "file_kind_not_allowed"),
        ("a.zip", _office(), "file_kind_not_allowed"),
        ("a.docm", _office(), "file_kind_not_allowed"),
        ("a.pdf.exe", PDF, "file_kind_not_allowed"),
        ("a.pdf", b"<html><script>1</script></html>", "file_is_not_its_kind"),
        ("a.pdf", b"\n" + PDF, "file_is_not_its_kind"),
        ("a.png", PDF, "file_is_not_its_kind"),
        ("a.docx", PDF, "file_is_not_its_kind"),
        ("a.docx", _office(SHEET), "file_is_not_its_kind"),
        ("a.xlsx", _office(), "file_is_not_its_kind"),
        ("a.pdf", b"%PDF-1.4 <script>1</script>\n%%EOF", "file_hides_another"),
        ("a.pdf", PDF + _office(), "file_hides_another"),
        ("a.png", PNG + b"<ScRiPt>1</script>", "file_hides_another"),
        ("a.jpg", JPG + b"<?php 1", "file_hides_another"),
        ("a.pdf", b"%PDF-1.4 cut off", "file_incomplete"),
        ("a.docx", _office()[:60], "file_incomplete"),
        ("a.docx", b"PK\x03\x04" + bytes(40), "file_incomplete"),
        ("a.pdf", b"%PDF-1.4 /OpenAction << /JavaScript (1) >>\n%%EOF", "file_has_macros"),
        ("a.docx", _office(word__vbaProject_dot_bin=b"1"), "file_has_macros"),
        ("a.docx", _office(WORD.replace(b".main", b".macroEnabled.main")), "file_has_macros"),
        ("a.docx", _office(word__embeddings__x_dot_exe=b"MZ"), "file_has_macros"),
        ("a.docx", _office(word__document_dot_xml=bytes(400 * 1024)), "file_unpacks_too_large"),
        ("a.docx", _office(**{"..__..__etc__passwd": b"1"}), "file_hides_another"),
        ("", PDF, "file_name_missing"),
        (".pdf", PDF, "file_name_missing"),
        ("pdf", PDF, "file_name_missing"),
        ("长" * 147 + ".pdf", PDF, "file_name_too_long"),
    ],
)
def test_file_that_is_no_plain_document_is_refused_with_its_reason(
    name: str, content: bytes, code: str
) -> None:
    with pytest.raises(BadInput) as refused:
        checked(field="plan", name=name, content=content, limit=LIMIT)

    assert [(fault.field, fault.code) for fault in refused.value.faults] == [("plan", code)]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\Users\\me\\计划.pdf", "计划.pdf"),
        ("a\x00b\r\n.pdf", "ab.pdf"),
        ("a\u202egpj.pdf", "agpj.pdf"),
        ("..计划.pdf", "计划.pdf"),
        ("长" * 146 + ".pdf", "长" * 146 + ".pdf"),
    ],
)
def test_name_loses_its_path_and_what_cannot_be_seen(given: str, kept: str) -> None:
    assert checked(field="plan", name=given, content=PDF, limit=LIMIT).name == kept


@pytest.mark.parametrize("code", ["file_empty", "file_too_large", "file_has_macros"])
def test_reason_is_said_in_both_languages(code: str) -> None:
    from workflow.words import shared

    assert sorted(shared().entries[f"fault.{code}"]) == ["en", "zh"]
