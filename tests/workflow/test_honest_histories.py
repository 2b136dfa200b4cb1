"""Nobody who is honest is ever accused: crashes, backups, moves, rotated keys and erased people leave a log every check holds good.

`LIANPEI_EXAMPLES` says how many lives are tried, 1000 for a trial; the same ones each time unless `LIANPEI_SEED` is given.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from models import Database
from tests.conftest import Templates
from tests.university import University
from tests.workflow.honest import SEALING, Honest, founded

EXAMPLES = int(os.environ.get("LIANPEI_EXAMPLES", "8"))
SEED = int(os.environ.get("LIANPEI_SEED", "20261128"))
MOVING = 8
"""Of so many lives one may move to PostgreSQL, where a new database takes its time."""


@pytest.fixture(scope="module")
def beginning(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> tuple[University, Path]:
    """A university and its key before anything has happened."""
    folder = tmp_path_factory.mktemp("beginning")
    here = founded(Database(templates.copy("sqlite")), folder)
    here.database.dispose()
    return here, folder


@pytest.fixture
def empty(postgresql_url: str) -> Iterator[Callable[[], str]]:
    """Makes PostgreSQL databases without a table, dropped again at the end."""
    made: list[str] = []
    engine = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")

    def make() -> str:
        made.append(f"lianpei_honest_{os.getpid()}_{len(made)}")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {made[-1]} STRATEGY file_copy"))
        return make_url(postgresql_url).set(database=made[-1]).render_as_string(hide_password=False)

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    engine.dispose()


def test_honest_history_alarms_nobody(
    beginning: tuple[University, Path], empty: Callable[[], str], tmp_path: Path
) -> None:
    happened: set[str] = set()
    deaths = cycle(range(1, SEALING + 1))
    for number in range(EXAMPLES):
        life = _begun(*beginning, tmp_path / str(number), deaths, seed=SEED + number)
        life.empty = empty if number % MOVING == 0 else None
        try:
            alarms = list(life.lived().alarms())
        finally:
            life.close()
        assert alarms == [], (SEED + number, life.told)
        happened |= set(life.told)
        shutil.rmtree(life.folder)

    assert {f"killed_sealing at {place}" for place in range(1, SEALING + 1)} <= happened
    assert {"killed_acting", "restored", "rotated", "erased", "rolled_back"} <= happened


def _begun(here: University, key: Path, folder: Path, deaths: Iterator[int], *, seed: int) -> Honest:
    folder.mkdir()
    shutil.copy(key / "log.key", folder / "log.key")
    file = folder / "one.sqlite3"
    shutil.copy(str(here.database.url.database), file)
    mine = University(
        database=Database(f"sqlite:///{file}"), people=here.people, units=here.units, edition_id=here.edition_id,
        definition=here.definition,
    )  # fmt: skip
    return Honest(dice=random.Random(seed), deaths=deaths, here=mine, folder=folder)
