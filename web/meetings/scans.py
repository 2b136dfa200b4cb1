"""Scans that were sent and that no ballot names yet: what a page or a program holds of one meanwhile."""

from __future__ import annotations

from dataclasses import asdict

from itsdangerous import BadSignature, URLSafeSerializer

from web import door
from workflow import clock
from workflow.operations.papers import Paper, set_aside
from workflow.uploads import Upload


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(door.config().secret_key, salt="scan")


def left_aside(scan: Upload) -> str:
    """Set a scan aside for a day, and return the signed text that names it, so that nobody names bytes they never sent."""
    paper = door.database().run(lambda session: set_aside(session, scan, at=clock.now(session)))
    return str(_signer().dumps(asdict(paper)))


def named_by(text: str) -> Paper | None:
    """The scan a signed text names; None for any other text."""
    try:
        return Paper(**_signer().loads(text))
    except BadSignature:
        return None
