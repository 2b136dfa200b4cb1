"""Whoever opens the database compares its log with the newest checkpoint outside; on another log, or a shorter one, nothing is written."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from models import Database
from workflow.verify import Finding
from workflow.verify_tree import outside_finding


def guard(database: Database, folder: Path | None) -> Finding | None:
    """Close the database for writing when its log is not the one the folder's newest checkpoint was made of.

    A command says so and refuses to write; a site says so in a line of its log, a banner on every page and a red `/health`.
    Whoever has found out why, and wants to go on from here, takes that checkpoint out of the folder, keeps it, and starts
    again.
    """
    if folder is None:
        return None
    try:
        with database.reading() as session:
            found = outside_finding(session, folder)
    except SQLAlchemyError:
        # A database without tables, or one that does not answer, has said nothing that could be compared.
        return None
    if found is not None:
        database.close_for_writing()
    return found
