"""An edition whose decisions have single deciders, with the product's own acts for deadlines that stand still or move."""

from __future__ import annotations

import re
from pathlib import Path

from models import Database
from tests.university import ROUTED_FILE, SINGLE_FILE, University

ACTS = ("suspend_deadline", "resume_deadline", "move_rectification")
MOVED_BY = 'moved_by = "set_report_deadline"\n'
SIGN_BY = 'answer   = "sign_agreement"\n'
BOTH = 'suspended_by = "suspend_deadline"\nresumed_by = "resume_deadline"\n'


def act_of(name: str) -> str:
    """How the product's file states an act."""
    found = re.search(
        rf"^\[transitions\.{name}\].*?(?=^\[|^# ─)", ROUTED_FILE.read_text("utf-8"), re.M | re.S
    )
    assert found is not None
    return found[0]


def text() -> str:
    source = SINGLE_FILE.read_text("utf-8")
    assert (source.count(MOVED_BY), source.count(SIGN_BY)) == (2, 1)
    source = source.replace(MOVED_BY, MOVED_BY + BOTH).replace(SIGN_BY, SIGN_BY + BOTH)
    first, rest = source.split("[transitions.revoke]", 1)
    return first + "".join(act_of(name) for name in ACTS) + "[transitions.revoke]" + rest


def founded(database: Database, folder: Path) -> University:
    file = folder / "still.toml"
    file.write_text(text(), encoding="utf-8")
    return University.founded(database, file=file)
