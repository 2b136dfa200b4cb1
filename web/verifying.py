"""Check a packet, or one entry with its proof, without signing in. What is sent is looked at and not kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from web import door
from web.audit.wording import what_text
from workflow.log import entry_hash
from workflow.operations.sealing import public_keys
from workflow.packet.verify import Archive, Bad, Checkpoint, Finding, Key, check, check_entry
from workflow.queries.editions import editions_of
from workflow.queries.sealing import PROOF, note_of
from workflow.unreadable import told_as_damage

blueprint = Blueprint("verifying", __name__)

MOST_BYTES = 64 * 1024 * 1024
"""What an archive may unpack to here; a larger one is checked offline."""

MOST_FILES = 500
NOT_READ = {"no ZIP": "no_zip", "too large": "too_large"}
"""Why an archive is not read at all, and what the page calls that."""

LONGEST = 1024 * 1024
"""Bytes of a text somebody pastes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """What an entry that holds says of itself, in words."""

    at: datetime
    what: str
    place: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came out: the faults, or what holds."""

    findings: Sequence[Finding] = ()
    entries: int = 0
    size: int = 0
    number: int | None = None
    """Of a single entry, its number in the log."""
    says: Says | None = None
    """Of a single entry that holds."""
    status: int = field(default=200)


@blueprint.get("/verify")
def form() -> str:
    """Both forms, empty."""
    return render_template("verify.html", answer=None, receipt="", is_empty=False)


@blueprint.post("/verify")
def verify() -> tuple[str, int]:
    """The verdict on what was sent; 422 when it does not hold, 400 when nothing was."""
    receipt, file = request.form.get("receipt", ""), request.files.get("packet")
    answer = None
    if file is not None and file.filename:
        answer = _packet(file)
    elif receipt.strip():
        answer = _receipt(receipt)
    page = render_template("verify.html", answer=answer, receipt=receipt, is_empty=answer is None)
    return page, 400 if answer is None else 422 if answer.findings else 200


def _packet(file: FileStorage) -> Answer:
    try:
        archive = Archive(file.stream, MOST_BYTES, MOST_FILES)
    except Bad as bad:
        return Answer(findings=[Finding(NOT_READ.get(str(bad), "file_bad"))])
    verdict = check(archive)
    findings = list(verdict.findings)
    if verdict.keys or not findings:  # a packet that lacks too much to tell its keys is of no known log
        findings += _strange(verdict.keys, verdict.size, verdict.root)
    return Answer(findings=findings, entries=verdict.entries, size=verdict.size)


def _strange(keys: Sequence[str], size: int, root: bytes) -> list[Finding]:
    """What sound packets of another log have in common: other keys, or another root at a size this log has signed."""
    with told_as_damage(), door.database().reading() as session:
        ours = {key.text for key, _, _ in public_keys(session)}
        note = note_of(session, size)
    if not keys or not {*keys} <= ours:
        return [Finding("other_log")]
    if note is None or Checkpoint(note.encode()).root != root:
        return [Finding("checkpoint_differs", None, str(size))]
    return []


def _receipt(text: str) -> Answer:
    """Check the entry and the proof in a receipt; the lines for reading above them prove nothing."""
    if len(text.encode()) > LONGEST:
        return Answer(findings=[Finding("receipt_bad")])
    entry, proof = _parts(text)
    with told_as_damage(), door.database().reading() as session:
        keys = [
            Key(f"{first} {'-' if last is None else last} {key.text}")
            for key, first, last in public_keys(session)
        ]
        try:
            checkpoint, number = check_entry(entry.encode(), proof.encode(), keys)
        except Bad as bad:
            return Answer(findings=[Finding("receipt_bad" if str(bad) == "file_bad" else str(bad))])
        return Answer(size=checkpoint.size, number=number, says=_says(session, entry))


def _parts(receipt: str) -> tuple[str, str]:
    """The entry, which is the line above the proof, and the proof. Browsers send lines that end in CR LF; neither has a CR."""
    head, found, tail = receipt.replace("\r\n", "\n").partition(f"{PROOF}\n")
    return head.rstrip().rpartition("\n")[2].strip(), f"{found}{tail.rstrip()}\n"


def _says(session: Session, entry: str) -> Says:
    body = json.loads(entry)
    definition = editions_of(session).of_body(body)
    return Says(
        at=datetime.fromisoformat(body["recorded_at"]),
        what=what_text(body, definition, door.language()),
        place=f"{body['stream']} · {body['seq']}",
        hash=entry_hash(entry),
    )
