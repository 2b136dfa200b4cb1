"""Publish editions of lifecycle files, and set up what every installation needs before its first case."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Edition, Installation, new_key
from models.changes import INSERT, Change, write
from workflow import entries
from workflow.clock import DEMONSTRATION
from workflow.context import Context
from workflow.definition import DefinitionProblems, load, problems
from workflow.errors import EditionConflict
from workflow.holidays import SHIPPED
from workflow.periods import seed_rows
from workflow.world import REVISION


def publish(session: Session, source: bytes, *, ctx: Context) -> tuple[str, bool]:
    """Publish a lifecycle file; return its edition's id and whether it is new.

    The same bytes again change nothing. Raises DefinitionProblems for a faulty file and EditionConflict when the
    database holds the same label with other bytes: an edition never changes, a change needs a new label.
    """
    definition = load(source)
    known = session.execute(
        select(Edition.id, Edition.sha256).where(
            Edition.lifecycle == definition.name, Edition.label == definition.edition
        )
    ).first()
    if known is not None:
        if known.sha256 != definition.sha256:
            raise EditionConflict(
                "edition_conflict",
                lifecycle=definition.name,
                label=definition.edition,
                published=known.sha256,
                offered=definition.sha256,
            )
        return known.id, False
    if found := problems(source, file=definition.name):
        raise DefinitionProblems(found)
    row = {
        "id": new_key(),
        "lifecycle": definition.name,
        "label": definition.edition,
        "sha256": definition.sha256,
        "source": source.decode("utf-8"),
        "published_at": ctx.at,
    }
    change = Change(table="editions", op=INSERT, key=str(row["id"]), values=row)
    write(
        session,
        entries.append(
            session, "system:editions", kind="edition_published", content={}, changes=[change], ctx=ctx
        ),
    )
    return str(row["id"]), True


def shipped() -> Sequence[bytes]:
    """The lifecycle files that come with the product."""
    folder = files("workflow").joinpath("lifecycles")
    return [
        item.read_bytes()
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".toml")
    ]


def install(session: Session, *, demonstration: bool, ctx: Context) -> bool:
    """Set up an empty database: the calendar, the shipped editions, what it is for. Return False when it was set up before.

    Editions that the product ships are published at every start, so that a newer product brings its newer edition.
    """
    fresh = session.get(Installation, REVISION) is None
    if fresh:
        session.add(Installation(name=REVISION, value=1))
        session.add(Installation(name=DEMONSTRATION, value=demonstration))
        session.flush()
        _seed_calendar(session, ctx)
    for source in shipped():
        publish(session, source, ctx=ctx)
    return fresh


def _seed_calendar(session: Session, ctx: Context) -> None:
    """The announced rest days and make-up days that are known, one entry per year."""
    by_year: dict[int, list[Change]] = {}
    for day, kind, name in seed_rows():
        values = {"day": day, "kind": kind, "name": name}
        by_year.setdefault(day.year, []).append(
            Change(table="holidays", op=INSERT, key=day.isoformat(), values=values)
        )
    for year, days in sorted(by_year.items()):
        values = {"year": year, "source": SHIPPED, "loaded_at": ctx.at}
        changes = [*days, Change(table="calendar_years", op=INSERT, key=str(year), values=values)]
        content = {"year": year}
        write(
            session,
            entries.append(
                session, "system:calendar", kind="calendar_loaded", content=content, changes=changes, ctx=ctx
            ),
        )


def is_empty(session: Session) -> bool:
    """Say whether nothing has been set up in this database yet."""
    return not session.scalar(select(func.count()).select_from(Installation))
