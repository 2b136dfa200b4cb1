"""What is the same for all cases of a moment, read once and kept until somebody changes it.

Every change of a setting, a call, the calendar, a name or a succession moves the database's `revision`; an act reads that
number with the case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, aliased

from models import CalendarYear, Call, Edition, Holiday, Installation, Partner, PartnerName, Setting, Unit
from workflow.definition import load
from workflow.definition.values.edition import Definition
from workflow.lineage import FormerName, Lineage, Succession, lineage_of
from workflow.periods import Calendar, beijing_day
from workflow.snapshot import Row, World

REVISION = "revision"

_worlds: WeakKeyDictionary[Engine, World] = WeakKeyDictionary()
_definitions: dict[str, Definition] = {}


def world(session: Session, revision: int | None) -> World:
    """The world at a revision; None asks the database for the number first."""
    engine = session.get_bind().engine
    if revision is None:
        revision = session.scalar(select(Installation.value).where(Installation.name == REVISION)) or 0
    known = _worlds.get(engine)
    if known is None or known.revision != revision:
        known = _read(session, revision)
        _worlds[engine] = known
    return known


def _read(session: Session, revision: int) -> World:
    settings: dict[str, list[Row]] = {}
    for row in session.execute(
        select(Setting.lifecycle, Setting.name, Setting.value, Setting.from_on).order_by(
            Setting.from_on, Setting.recorded_at, Setting.id
        )
    ).mappings():
        settings.setdefault(row["lifecycle"], []).append(dict(row))
    calls = session.execute(select(Call.lifecycle, Call.year, Call.opens_on, Call.closes_on)).mappings()
    return World(
        revision=revision,
        calendar=calendar(session),
        settings={name: tuple(rows) for name, rows in settings.items()},
        calls=tuple(dict(row) for row in calls),
        lineage=lineage(session),
    )


def calendar(session: Session) -> Calendar:
    """The calendar as loaded: days that differ from the plain week, known through the last year of an unbroken run."""
    days = session.execute(select(Holiday.day, Holiday.kind))
    years = session.execute(select(CalendarYear.year, CalendarYear.loaded_at))
    return calendar_of(
        {row.day: row.kind for row in days}, {row.year: beijing_day(row.loaded_at) for row in years}
    )


def calendar_of(days: Mapping[date, str], years: Mapping[int, date]) -> Calendar:
    """The calendar of announced days by kind and of loaded years by the day they were loaded on."""
    last = min(years, default=0)
    while last + 1 in years:
        last += 1
    return Calendar(
        rest=frozenset(day for day, kind in days.items() if kind == "rest"),
        work=frozenset(day for day, kind in days.items() if kind == "work"),
        known_through=date(last or 1, 12, 31),
        loaded_on=max(years.values(), default=None),
    )


def holiday_names(session: Session, first: date, last: date) -> dict[date, str]:
    """What the announced days of a span are called, both ends included."""
    rows = session.execute(select(Holiday.day, Holiday.name).where(Holiday.day.between(first, last)))
    return {row.day: row.name for row in rows}


def lineage(session: Session) -> Lineage:
    """The former names of partners, and who came after whom among partners and among units."""
    columns = (PartnerName.partner_id, PartnerName.name, PartnerName.name_identity, PartnerName.until_on)
    newest_first = select(*columns).order_by(PartnerName.until_on.desc(), PartnerName.id.desc())
    return lineage_of(
        (
            (row.partner_id, FormerName(name=row.name, identity=row.name_identity, until_on=row.until_on))
            for row in session.execute(newest_first)
        ),
        [*_successions(session, Partner), *_successions(session, Unit)],
    )


def _successions(session: Session, kind: type[Partner] | type[Unit]) -> Iterator[Succession]:
    after = aliased(kind)
    rows = session.execute(
        select(kind.id, kind.name, after.id, after.name)
        .join(after, after.id == kind.succeeded_by)
        .where(kind.succeeded_by.is_not(None))
    )
    yield from (Succession(*row) for row in rows)


def bump(session: Session) -> None:
    """Say that something of the world has changed; every process reads it anew at its next act."""
    row = session.get(Installation, REVISION, with_for_update=True)
    if row is None:
        session.add(Installation(name=REVISION, value=1))
    else:
        row.value = row.value + 1
    session.flush()


def definition_of(session: Session, sha256: str) -> Definition:
    """The definition with these bytes; each is parsed once per process."""
    found = _definitions.get(sha256)
    if found is None:
        source = session.scalar(select(Edition.source).where(Edition.sha256 == sha256).limit(1))
        if source is None:
            raise LookupError(f"no edition has the bytes {sha256}")
        found = load(source)
        _definitions[sha256] = found
    return found


def lifecycles_in_use(session: Session) -> dict[str, Definition]:
    """The present edition of every lifecycle that is published, by its name, the first published first."""
    return {definition.name: definition for definition in editions_in_use(session).values()}


def editions_in_use(session: Session) -> dict[str, Definition]:
    """Every published edition by its row's id, the first published first."""
    rows = session.execute(
        select(Edition.id, Edition.sha256).order_by(Edition.published_at, Edition.lifecycle, Edition.id)
    )
    return {edition_id: definition_of(session, sha256) for edition_id, sha256 in rows.all()}


def current_edition(session: Session, lifecycle: str) -> tuple[str, Definition]:
    """The edition published last, which new cases follow."""
    row = session.execute(
        select(Edition.id, Edition.sha256)
        .where(Edition.lifecycle == lifecycle)
        .order_by(Edition.published_at.desc(), Edition.id.desc())
        .limit(1)
    ).first()
    if row is None:
        raise LookupError(f"no edition of {lifecycle} is published")
    return row.id, definition_of(session, row.sha256)
