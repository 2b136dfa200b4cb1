"""Whether the installation is well: for anybody to ask, without secrets, red when something is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from models import Database, Heartbeat, Incident, LogWatch, new_key
from tests.web.signing_in import Site, site_over
from workflow.clock import machine_time


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(database, monkeypatch)


def _beat(site: Site, *, ago: timedelta = timedelta(0), failure: str | None = None) -> None:
    at = machine_time() - ago
    with site.database.transaction() as session:
        session.add(Heartbeat(name="one:1", started_at=at, ticked_at=at, fired_count=0, failure=failure))


def _asked(site: Site) -> tuple[int, dict[str, Any]]:
    answer = site.browser().get("/health")
    return answer.status_code, answer.get_json()


def test_installation_with_a_beating_scheduler_is_well(site: Site) -> None:
    _beat(site)

    status, body = _asked(site)

    assert (status, sorted(body)) == (
        200,
        ["database", "due", "failure", "incidents", "lag_seconds", "last_tick", "log", "overdue", "status"],
    )
    assert (body["status"], body["database"], body["overdue"], body["incidents"]) == ("ok", "ok", 0, 0)


@pytest.mark.parametrize("ago", [None, timedelta(minutes=2)])
def test_installation_without_a_scheduler_is_not_well(site: Site, ago: timedelta | None) -> None:
    if ago is not None:
        _beat(site, ago=ago)

    assert _asked(site)[0] == 503


def test_scheduler_that_fails_is_not_well_and_its_failure_is_not_told(site: Site) -> None:
    _beat(site, failure="OperationalError: password=s3cret")

    status, body = _asked(site)

    assert status == 503
    assert "s3cret" not in str(body)


def test_timer_nobody_looked_at_is_not_well(site: Site) -> None:
    _beat(site)
    site.university.approved()

    status, body = _asked(site)

    assert (status, body["overdue"]) == (503, 1)


def test_incident_is_counted_and_no_fault_of_the_installation(site: Site) -> None:
    _beat(site)
    with site.database.transaction() as session:
        session.add(Incident(id=new_key(), kind="timer_failed", params={}, opened_at=machine_time()))

    status, body = _asked(site)

    assert (status, body["incidents"]) == (200, 1)


def test_database_that_does_not_answer_is_red_and_not_a_fault(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import text

    site = site_over(sqlite_database, monkeypatch)
    with sqlite_database.transaction() as session:
        session.execute(text("ALTER TABLE heartbeats RENAME TO gone"))

    status, body = _asked(site)

    told = ("due", "failure", "incidents", "lag_seconds", "last_tick", "overdue")
    assert (status, body) == (
        503,
        {"status": "failing", "database": "failing", **dict.fromkeys(told)},
    )


@pytest.mark.parametrize(
    ("ago", "shown", "status"),
    [
        (timedelta(minutes=1), [], 200),
        (timedelta(minutes=1), [{"kind": "missing", "stream": "tree", "seq": 7}], 503),
        (timedelta(minutes=11), [], 503),
    ],
)
def test_fault_in_the_log_and_a_check_that_stopped_are_not_well(
    site: Site, ago: timedelta, shown: list[dict[str, Any]], status: int
) -> None:
    _beat(site)
    at = machine_time() - ago
    with site.database.transaction() as session:
        session.add(
            LogWatch(
                name="log",
                due_at=at,
                position=0,
                newest=0,
                checked_at=at,
                round_ended_at=None,
                findings={"shown": shown, "round": []},
            )  # fmt: skip
        )

    assert _asked(site)[0] == status
