"""One link in two browsers at the same moment: one comes in, one ballot counts, and nobody sees an error of ours.

`LIANPEI_TRIALS` says how many panels are raced for on each database, three links each; 1 unless told.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import time_machine
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from models import Ballot, Database, Entry, Seat
from tests.university import SIGNED
from tests.web.conftest import hidden
from tests.web.signing_in import Browser, Site, site_over
from tests.web.test_ballots import typed
from tests.web.test_invitations import declare, mailed, named
from tests.web.test_urging import founded_panel
from tests.workflow.routing import EXPERTS, founded
from workflow.operations.invitations import invite

TRIALS = int(os.environ.get("LIANPEI_TRIALS", "1"))
STEP = "midterm_experts"


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(database, monkeypatch, university=founded(database))


def at_once(*clients: Callable[[], TestResponse]) -> list[TestResponse]:
    barrier = Barrier(len(clients))

    def run(client: Callable[[], TestResponse]) -> TestResponse:
        barrier.wait()
        return client()

    with ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(run, clients))


def declaring(browser: Browser, link: str) -> Callable[[], TestResponse]:
    """A browser that has the declaration before it."""
    page = browser.get(link)
    return lambda: declare(browser, link, page=page)


def sealing(site: Site, browser: Browser, address: str) -> Callable[[], TestResponse]:
    """A browser that has the consequences of its sheet before it."""
    check = browser.client.post(
        f"{address}/preview", data={**hidden(browser.get(address)), **typed(site.university)}
    )
    sent = hidden(check)
    return lambda: browser.client.post(address, data=sent)


def count(site: Site, case_id: str, who: str) -> tuple[int, int, int]:
    """How often a link of the person was used up, they declared, and their ballot stands."""
    person = site.university.people[who]
    with site.database.reading() as session:
        used = select(func.count()).where(
            Entry.kind == "invitation_used", Entry.actor_id == person, Entry.body.contains(case_id)
        )
        declared = select(func.count()).where(
            Entry.kind == "declared", Entry.case_id == case_id, Entry.actor_id == person
        )
        seats = select(func.count()).where(
            Seat.case_id == case_id, Seat.person_id == person, Seat.declared_seq.is_not(None)
        )
        cast = select(func.count()).where(
            Ballot.case_id == case_id, Ballot.person_id == person, Ballot.voided_seq.is_(None)
        )
        assert session.scalar(seats) == session.scalar(declared)
        return session.scalar(used) or 0, session.scalar(declared) or 0, session.scalar(cast) or 0


def test_link_used_in_two_browsers_at_once_lets_one_in(site: Site) -> None:
    for _ in range(TRIALS):
        site.university.on(SIGNED)
        case_id = founded_panel(site)
        with time_machine.travel(site.university.at, tick=False):
            named(site, case_id)
            links = mailed(site)
            told = {
                who: sorted(
                    answer.status_code
                    for answer in at_once(*(declaring(site.browser(), links[who]) for _ in range(2)))
                )
                for who in EXPERTS[:3]
            }

        assert told == dict.fromkeys(EXPERTS[:3], [303, 410])
        assert [count(site, case_id, who) for who in EXPERTS[:3]] == [(1, 1, 0)] * 3


def test_sheet_sealed_in_two_browsers_at_once_counts_once(site: Site) -> None:
    """Each browser came by a link of its own: the mail's, and the one an urging brought later."""
    for _ in range(TRIALS):
        site.university.on(SIGNED)
        case_id = founded_panel(site)
        here = site.university
        with time_machine.travel(here.at, tick=False):
            named(site, case_id)
            links = mailed(site)
            told = {}
            for who in EXPERTS[:3]:
                with site.database.transaction() as session:
                    fresh = invite(session, case_id, here.people[who], STEP, at=here.at)
                assert fresh is not None
                browsers = [site.browser(), site.browser()]
                for browser, link in zip(browsers, (links[who], f"/invitations/{fresh.token}"), strict=True):
                    address = declare(browser, link).location
                told[who] = sorted(
                    answer.status_code
                    for answer in at_once(*(sealing(site, browser, address) for browser in browsers))
                )

        assert {who: codes[0] for who, codes in told.items()} == dict.fromkeys(EXPERTS[:3], 303)
        assert max(code for codes in told.values() for code in codes) < 500
        assert [count(site, case_id, who) for who in EXPERTS[:3]] == [(2, 1, 1)] * 3
