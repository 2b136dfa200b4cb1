"""One's own tokens: shown once, kept as a hash, ended at once, and one entry for each of it."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from models import Account, ApiToken, Database, IdempotencyKey
from tests.web.signing_in import Browser, Site, site_over

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
