"""One's own tokens: shown once, kept as a hash, ended at once, and one entry for each of it."""

from __future__ import annotations

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from sqlalchemy import event, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from models import Account, ApiToken, Database, IdempotencyKey
from tests.web.signing_in import Browser, Site, site_over
from workflow.clock import machine_time

SHOWN = re.compile(r">(lp_[A-Za-z0-9_-]{43})<")


@pytest.fixture(autouse=True)
def only_ours() -> None:
    """All places of the site are in."""


@pytest.fixture
def site(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(sqlite_database, monkeypatch)


def _issued(browser: Browser, **fields: str) -> str:
    answer = browser.send("/tokens", {"name": "数据同步", "days": "30", **fields})
    found = SHOWN.search(answer.get_data(as_text=True))
    assert found is not None, answer.get_data(as_text=True)
    return found[1]


def _me(site: Site, text: str) -> TestResponse:
    return site.app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {text}"})


def _tokens(site: Site) -> list[ApiToken]:
    with site.database.reading() as session:
        return list(session.scalars(select(ApiToken).order_by(ApiToken.id)))


def test_token_speaks_for_the_person_who_made_it(site: Site) -> None:
    text = _issued(site.browser("leader"))

    told = _me(site, text).json

    assert told is not None
    assert (told["name"], told["token_name"]) == ("leader", "数据同步")


def test_token_is_kept_nowhere_but_as_its_hash(site: Site) -> None:
    text = _issued(site.browser("leader"))

    with site.database.reading() as session:
        bodies = [entry.body for entry in site.entries()]
        answers = [json.dumps(row.answer) for row in session.scalars(select(IdempotencyKey))]

    assert text not in "".join([*bodies, *answers])
    assert _tokens(site)[0].sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_issuing_and_ending_leave_one_entry_each(site: Site) -> None:
    browser = site.browser("leader")
    _issued(browser)
    token_id = _tokens(site)[0].id

    browser.send(f"/tokens/{token_id}/revoke", {}, form="/tokens")
    browser.send(f"/tokens/{token_id}/revoke", {}, form="/tokens")

    kinds = [entry.kind for entry in site.entries("token_issued", "token_revoked")]
    assert kinds == ["token_issued", "token_revoked"]


def test_ended_token_opens_nothing(site: Site) -> None:
    browser = site.browser("leader")
    text = _issued(browser)

    browser.send(f"/tokens/{_tokens(site)[0].id}/revoke", {}, form="/tokens")

    assert _me(site, text).status_code == 401


def test_same_form_twice_makes_one_token(site: Site) -> None:
    browser = site.browser("leader")
    page = browser.get("/tokens").get_data(as_text=True)
    token, key = (re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("csrf_token", "key"))
    assert token is not None
    assert key is not None
    sent = {"csrf_token": token[1], "key": key[1], "name": "同步", "days": "30"}
    browser.client.post("/tokens", data=sent)

    again = browser.client.post("/tokens", data=sent)

    assert (again.status_code, len(_tokens(site))) == (302, 1)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": ""}, "未填写名称"),
        ({"name": "x" * 101}, "最多100字"),
        ({"days": "36500"}, "天数须在1至366之间"),
        ({"days": "-1"}, "天数须在1至366之间"),
    ],
)
def test_bad_form_is_shown_again_and_nothing_is_made(site: Site, fields: dict[str, str], text: str) -> None:
    answer = site.browser("leader").send("/tokens", {"name": "同步", "days": "30", **fields})

    assert answer.status_code == 422
    assert text in answer.get_data(as_text=True)
    assert _tokens(site) == []


def test_token_of_somebody_else_cannot_be_ended(site: Site) -> None:
    text = _issued(site.browser("leader"))
    other = site.browser("other_leader")

    token_id, nobodys = _tokens(site)[0].id, "01900000-0000-7000-8000-000000000000"

    hidden = other.send(f"/tokens/{token_id}/revoke", {}, form="/tokens")
    missing = other.send(f"/tokens/{nobodys}/revoke", {}, form="/tokens")

    assert hidden.status_code == missing.status_code == 404
    assert hidden.get_data(as_text=True).replace(token_id, nobodys) == missing.get_data(as_text=True)
    assert _me(site, text).status_code == 200


def test_list_shows_only_own_tokens(site: Site) -> None:
    _issued(site.browser("leader"), name="只给我自己")

    assert "只给我自己" in site.browser("leader").get("/tokens").get_data(as_text=True)
    assert "只给我自己" not in site.browser("other_leader").get("/tokens").get_data(as_text=True)


def test_token_of_a_disabled_account_opens_nothing(site: Site) -> None:
    text = _issued(site.browser("leader"))

    _change_account(site, "leader", disabled_at=site.university.at)

    assert _me(site, text).status_code == 401


def _change_account(site: Site, who: str, **values: object) -> None:
    with site.database.transaction() as session:
        account = session.get_one(Account, site.accounts[who])
        for name, value in values.items():
            setattr(account, name, value)


def test_token_past_its_last_instant_opens_nothing(site: Site) -> None:
    text = _issued(site.browser("leader"))

    _expire(site)

    assert _me(site, text).status_code == 401


def _expire(site: Site) -> None:
    def work(session: Session) -> None:
        token = session.scalars(select(ApiToken)).one()
        token.created_at, token.expires_at = (
            site.university.at.replace(year=2020),
            site.university.at.replace(year=2021),
        )

    site.database.run(work)


def test_use_of_a_token_is_noted(site: Site) -> None:
    text = _issued(site.browser("leader"))
    before = _tokens(site)[0].last_used_at

    _me(site, text)

    assert before is None
    assert _tokens(site)[0].last_used_at is not None


# ───────────────────────────── Tokens that open nothing


def _failures(site: Site) -> list[tuple[str, str, dict[str, str]]]:
    """Stream, source and details of the failures at the door."""
    return [
        (entry.stream, entry.source, json.loads(entry.body)["details"])
        for entry in site.entries("sign_in_failed")
    ]


def test_token_that_opens_nothing_leaves_one_entry_without_it(site: Site) -> None:
    ended = _issued(site.browser("leader"))
    _expire(site)
    unknown = "lp_" + "x" * 43

    answers = [_me(site, text).status_code for text in (ended, unknown)]

    person = f"person:{site.university.people['leader']}"
    known, stranger = _failures(site)
    assert answers == [401, 401]
    assert known == (person, "api", {"token": _tokens(site)[0].id})
    assert stranger[:2] == ("system:accounts", "api")
    assert re.fullmatch(r"\{'mark': '[0-9a-f]{64}'\}", str(stranger[2]))
    bodies = "".join(entry.body for entry in site.entries())
    for text in (ended, unknown):
        assert text not in bodies
        assert hashlib.sha256(text.encode()).hexdigest() not in bodies.replace(_issue_entry(site), "")


def _issue_entry(site: Site) -> str:
    """The entry of a token's issue keeps its hash, as the table does."""
    (entry,) = site.entries("token_issued")
    return entry.body


def test_request_without_a_token_leaves_no_entry(site: Site) -> None:
    before = site.entry_count()

    site.app.test_client().get("/api/v1/me")

    assert site.entry_count() == before


def test_tokens_that_open_nothing_do_not_flood_the_log(site: Site) -> None:
    """Five entries, then one when the pause is over, which doubles; those nobody was given count together."""
    ended = _issued(site.browser("leader"))
    _expire(site)
    counts = []
    with time_machine.travel(machine_time(), tick=False) as clock:
        for seconds in (0, 59, 2, 100, 21):
            clock.shift(seconds)
            for number in range(9):
                _me(site, ended)
                _me(site, f"lp_{number:043d}")
            streams = [stream for stream, _, _ in _failures(site)]
            counts.append((streams.count("system:accounts"), len(streams)))

    assert counts == [(5, 10), (5, 10), (6, 12), (6, 12), (7, 14)]


def test_while_its_door_is_shut_a_token_costs_no_write(site: Site) -> None:
    for number in range(9):
        _me(site, f"lp_{number:043d}")
    begun: list[object] = []
    event.listen(site.database.engine, "begin", begun.append)

    answer = _me(site, "lp_" + "x" * 43)

    assert (answer.status_code, begun) == (401, [])


def test_token_that_is_turned_away_shuts_no_other_door(site: Site) -> None:
    good = _issued(site.browser("other_leader"))
    for number in range(9):
        _me(site, f"lp_{number:043d}")

    assert _me(site, good).status_code == 200


def test_bad_token_at_once_is_logged_no_oftener(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_over(database, monkeypatch)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: _me(site, f"lp_{number:043d}").status_code, range(24)))

    assert answers == [401] * 24
    assert len(_failures(site)) == 5


def test_over_a_log_that_is_not_the_one_outside_programs_read_and_write_nothing(site: Site) -> None:
    text = _issued(site.browser("leader"))
    before = site.entry_count()
    site.database.close_for_writing()
    sent = {"Authorization": f"Bearer {text}", "Idempotency-Key": "1", "Accept-Language": "en"}

    read, wrong = _me(site, text), _me(site, "lp_" + "x" * 43)
    asked = {"lifecycle": "base", "unit": site.university.units["计算机学院"]}
    act = site.app.test_client().post("/api/v1/cases", headers=sent, json=asked)

    assert (read.status_code, wrong.status_code, act.status_code) == (200, 401, 503), act.get_data()
    assert (act.json or {})["type"] == "read_only"
    assert site.entry_count() == before
