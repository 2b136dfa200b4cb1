"""Bring a database to the present schema."""

from __future__ import annotations

from models.database import Base, Database


def create_all(database: Database) -> None:
    """Create every table at once, for a database that has none."""
    with database.engine.begin() as connection:
        Base.metadata.create_all(connection)
