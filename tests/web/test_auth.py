"""The door: alike for everybody who knocks, and shut behind everybody who leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from models import Account, Database, Installation
from tests.web.signing_in import PASSWORD, Browser, Site, add_account, build, site_over
from web import auth
from web.app import csrf
from web.auth import local_address
from web.config import Environment, UnsafeConfiguration

NOON = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(database, monkeypatch)


@pytest.fixture
def light_site(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(sqlite_database, monkeypatch)


def _sign_in(browser: Browser, login: str, password: str = PASSWORD, **more: str) -> int:
    return browser.send("/login", {"login": login, "password": password, **more}).status_code


def _is_in(browser: Browser) -> bool:
    """Whether a page that asks for a sign-in opens."""
    return browser.get("/password").status_code == 200


# ───────────────────────────── Coming in


def test_sign_in_opens_pages_and_leaves_one_entry(site: Site) -> None:
    browser = site.browser()
    before = site.entry_count()

    status = _sign_in(browser, "office")

    assert (status, _is_in(browser)) == (302, True)
    assert [(entry.kind, entry.actor_id) for entry in site.entries()[before:]] == [
        ("signed_in", site.university.people["office"])
    ]


def test_login_is_read_in_any_case_and_width(light_site: Site) -> None:
    assert _sign_in(light_site.browser(), " ＯＦＦＩＣＥ ") == 302


def test_sign_in_renews_the_session(light_site: Site) -> None:
    browser = light_site.browser()
    browser.get("/login")
    with browser.client.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"
        token = cookie["csrf_token"]

    _sign_in(browser, "office")

    with browser.client.session_transaction() as cookie:
        assert "planted" not in cookie
        assert cookie.get("csrf_token") != token


def test_sign_in_leaves_no_remember_cookie(light_site: Site) -> None:
    answer = light_site.browser().send("/login", {"login": "office", "password": PASSWORD, "remember": "yes"})

    names = [header.partition("=")[0] for header in answer.headers.getlist("Set-Cookie")]
    assert names == ["session"]


@pytest.mark.parametrize("case", ["unknown", "wrong", "disabled", "locked"])
def test_refusal_is_the_same_page_whatever_is_wrong(site: Site, case: str) -> None:
    login, password = {"unknown": ("nobody", PASSWORD), "wrong": ("office", "not this one")}.get(
        case, ("office", PASSWORD)
    )
    with site.database.transaction() as session:
        account = session.get_one(Account, site.accounts["office"])
        account.disabled_at = NOON if case == "disabled" else None
        account.locked_until = datetime(2999, 1, 1, tzinfo=UTC) if case == "locked" else None
    before = site.entry_count()

    answer = site.browser().send("/login", {"login": login, "password": password})

    page = answer.get_data(as_text=True).replace(login, "…")
    page = page[page.index("<main") : page.index("</main>")]
    known = site.browser().send("/login", {"login": "member", "password": "x" * 12}).get_data(as_text=True)
    known = known.replace("member", "…")
    known = known[known.index("<main") : known.index("</main>")]
    assert answer.status_code == 403
    assert _without_token(page) == _without_token(known)
    assert [entry.kind for entry in site.entries()[before : before + 1]] == ["sign_in_failed"]
    assert site.entry_count() == before + 2


def _without_token(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "csrf_token" not in line)


def test_refusal_hashes_once_for_known_and_unknown_logins(
    light_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workflow.operations import accounts

    verified: list[str] = []
    verify = accounts._hasher.verify

    class Counting:
        hash = staticmethod(accounts._hasher.hash)

        @staticmethod
        def verify(password_hash: str, password: str) -> bool:
            verified.append(password)
            return verify(password_hash, password)

    monkeypatch.setattr(accounts, "_hasher", Counting)

    _sign_in(light_site.browser(), "nobody", "first guess at it")
    _sign_in(light_site.browser(), "office", "second guess at it")

    assert verified == ["first guess at it", "second guess at it"]


def test_failed_sign_in_keeps_nothing_that_was_typed(site: Site) -> None:
    _sign_in(site.browser(), "Passw0rd-typed-as-login", "and-a-wrong-one")
    _sign_in(site.browser(), "office", "another-wrong-one")

    bodies = " ".join(entry.body for entry in site.entries("sign_in_failed"))
    assert [entry.stream for entry in site.entries("sign_in_failed")] == [
        "system:accounts",
        f"person:{site.university.people['office']}",
    ]
    assert "assw0rd" not in bodies
    assert "wrong-one" not in bodies


# ───────────────────────────── Failing often


def test_door_closes_after_five_failures_and_opens_again(site: Site) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(5):
            _sign_in(site.browser(), "office", "wrong wrong wrong")
        at_once = _sign_in(site.browser(), "office")
        clock.shift(timedelta(seconds=61))
        later = _sign_in(site.browser(), "office")

    assert (at_once, later) == (403, 302)
    assert site.row(Account, site.accounts["office"]).failed_count == 0


def test_pause_grows_with_each_failure_up_to_an_hour(light_site: Site) -> None:
    pauses = []
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(13):
            _sign_in(light_site.browser(), "office", "wrong wrong wrong")
            until = light_site.row(Account, light_site.accounts["office"]).locked_until
            now = datetime.now(UTC)
            pauses.append(int((until - now).total_seconds()) if until else 0)
            clock.shift(timedelta(seconds=pauses[-1] + 1))

    assert pauses == [0, 0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_failures_of_one_account_do_not_close_another(light_site: Site) -> None:
    for _ in range(5):
        _sign_in(light_site.browser(), "office", "wrong wrong wrong")

    assert _sign_in(light_site.browser(), "member") == 302


# ───────────────────────────── Old cookies


def _log_out(site: Site, browser: Browser) -> None:
    browser.send("/logout", {}, form="/password")


def _change_password(site: Site, browser: Browser) -> None:
    fields = {"old": PASSWORD, "new": "another river 0815", "again": "another river 0815"}
    assert browser.send("/password", fields).status_code == 302


def _disable(site: Site, _browser: Browser) -> None:
    from workflow.operations.accounts import disable_account

    with site.database.transaction() as session:
        disable_account(
            session, site.accounts["office"], reason="left", ctx=site.university.ctx("administrator")
        )


def _revoke_sessions(site: Site, _browser: Browser) -> None:
    from workflow.operations.accounts import end_sessions

    with site.database.transaction() as session:
        end_sessions(
            session, site.accounts["office"], reason="lost phone", ctx=site.university.ctx("administrator")
        )


@pytest.mark.parametrize("ends", [_log_out, _change_password, _disable, _revoke_sessions])
def test_copied_cookie_opens_nothing_after_the_session_ended(
    site: Site, ends: Callable[[Site, Browser], None]
) -> None:
    browser, copy = site.browser(), site.browser()
    _sign_in(browser, "office")
    stolen = browser.client.get_cookie("session")
    assert stolen is not None
    copy.client.set_cookie("session", stolen.value)
    assert _is_in(copy)

    ends(site, browser)

    assert not _is_in(copy)


def test_password_change_keeps_the_browser_it_was_made_in(site: Site) -> None:
    browser = site.browser()
    _sign_in(browser, "office")

    _change_password(site, browser)

    assert _is_in(browser)
    assert _sign_in(site.browser(), "office", "another river 0815") == 302
    assert _sign_in(site.browser(), "office", PASSWORD) == 403


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"old": "not the old one", "new": "another river 0815", "again": "another river 0815"},
            "现用密码不正确",
        ),
        ({"old": PASSWORD, "new": "short", "again": "short"}, "少于10个字符"),
        ({"old": PASSWORD, "new": "office office", "again": "office office"}, "过于简单"),
        ({"old": PASSWORD, "new": "another river 0815", "again": "another river 0816"}, "两次输入不一致"),
    ],
)
def test_password_change_that_cannot_be_says_why(light_site: Site, fields: dict[str, str], told: str) -> None:
    browser = light_site.browser("office")

    answer = browser.send("/password", fields)

    assert answer.status_code == 422
    assert told in answer.get_data(as_text=True)
    assert light_site.row(Account, light_site.accounts["office"]).epoch == 0


def test_wrong_old_password_counts_at_the_door(light_site: Site) -> None:
    browser = light_site.browser("office")

    browser.send(
        "/password", {"old": "a wrong one here", "new": "another river 0815", "again": "another river 0815"}
    )

    assert light_site.row(Account, light_site.accounts["office"]).failed_count == 1
    assert [entry.kind for entry in light_site.entries("sign_in_failed")] == ["sign_in_failed"]


def test_forged_forwarding_header_changes_nothing(light_site: Site) -> None:
    browser = light_site.browser()
    _sign_in(browser, "office")

    answer = browser.client.get(
        "/password", headers={"X-Forwarded-For": "203.0.113.7", "User-Agent": "another"}
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "cookie", ["", "x", "x:0", "{account}", "{account}:", "{account}:1", "{account}:-0", "{account}:０"]
)
def test_cookie_that_names_no_open_session_is_a_stranger(light_site: Site, cookie: str) -> None:
    browser = light_site.browser()
    with browser.client.session_transaction() as held:
        held["_user_id"] = cookie.format(account=light_site.accounts["office"])

    assert browser.get("/password").status_code == 302


# ───────────────────────────── Where one lands


@pytest.mark.parametrize(
    ("address", "lands"),
    [
        ("/bases?state=final", "/bases?state=final"),
        ("/", "/"),
        ("//evil.example", None),
        ("/\\evil.example", None),
        ("\\\\evil.example", None),
        ("https://evil.example/", None),
        ("https:evil.example", None),
        ("javascript:alert(1)", None),
        ("/\t/evil.example", None),
        ("/\n/evil.example", None),
        ("evil", None),
        ("", None),
        (None, None),
    ],
)
def test_next_address_lands_on_this_site_or_nowhere(address: str | None, lands: str | None) -> None:
    assert local_address(address) == lands


def test_sign_in_goes_back_to_the_page_that_was_asked_for(light_site: Site) -> None:
    browser = light_site.browser()

    asked = browser.get("/password?x=1")
    answer = browser.send("/login", {"login": "office", "password": PASSWORD, "next": "/password?x=1"})

    assert (asked.status_code, asked.location) == (302, "/login?next=/password?x%3D1")
    assert answer.location == "/password?x=1"


def test_sign_in_never_goes_to_another_site(light_site: Site) -> None:
    answer = light_site.browser().send(
        "/login", {"login": "office", "password": PASSWORD, "next": "//evil.example"}
    )

    assert answer.location == light_site.browser("office").get("/login").location


def test_page_that_does_not_exist_answers_a_stranger_like_one_that_does(light_site: Site) -> None:
    browser = light_site.browser()

    assert browser.get("/no-such-page").status_code == browser.get("/password").status_code == 302


# ───────────────────────────── A form sent too late


def test_form_sent_after_the_session_ended_is_kept_through_the_sign_in(light_site: Site) -> None:
    browser = light_site.browser()
    asked = browser.client.post(
        "/somewhere?x=1",
        data={"reason": "typed <b>long</b>", "password": "s3cret", "key": "k"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    page = asked.get_data(as_text=True)
    kept = json.dumps({"action": "/somewhere?x=1", "values": [["reason", "typed <b>long</b>"], ["key", "k"]]})

    answer = browser.send("/login", {"login": "office", "password": PASSWORD, "kept": kept}).get_data(
        as_text=True
    )

    assert asked.status_code == 401
    assert "typed &lt;b&gt;long&lt;/b&gt;" in page
    assert "s3cret" not in page
    assert 'action="/somewhere?x=1"' in answer
    assert 'name="reason" value="typed &lt;b&gt;long&lt;/b&gt;"' in answer


def test_form_sent_from_another_site_is_not_kept(light_site: Site) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        page = light_site.browser().client.post("/somewhere", data={"reason": "planted"}, headers=headers)

        assert page.status_code == 401
        assert "planted" not in page.get_data(as_text=True)


@pytest.mark.parametrize(
    "kept",
    ["{", "[]", '{"action": "//evil", "values": []}', '{"action": 1, "values": [[1, 2, 3]]}', "[" * 5000],
)
def test_draft_that_cannot_be_read_is_left_aside(light_site: Site, kept: str) -> None:
    answer = light_site.browser().send("/login", {"login": "office", "password": PASSWORD, "kept": kept})

    assert answer.status_code == 302


@pytest.mark.parametrize("address", ["/login", "/logout", "/password", "/preferences"])
def test_form_without_its_token_changes_nothing(light_site: Site, address: str) -> None:
    browser = light_site.browser("office")

    answer = browser.client.post(address, data={"login": "office", "password": PASSWORD, "lang": "en"})

    assert answer.status_code == 400
    assert light_site.entry_count() == 0
    assert answer.headers.getlist("Set-Cookie") == [] or "lang=" not in str(answer.headers)


# ───────────────────────────── Demonstration, production, preferences


def test_demonstration_shows_its_accounts(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_over(sqlite_database, monkeypatch, demonstration=True)
    _list_accounts(site)

    page = site.browser().get("/login").get_data(as_text=True)

    assert "以办公室身份进入" in page
    assert PASSWORD in page


@pytest.mark.parametrize("case", ["not a demonstration", "production"])
def test_accounts_are_shown_nowhere_else(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    site = site_over(sqlite_database, monkeypatch, demonstration=case == "production")
    _list_accounts(site)
    if case == "production":
        site.app = build(
            sqlite_database,
            monkeypatch,
            environment=Environment.PRODUCTION,
            secret_key="s" * 40,
            base_url="https://example.org",
        )

    page = site.app.test_client().get("/login").get_data(as_text=True)

    assert PASSWORD not in page


def _list_accounts(site: Site) -> None:
    with site.database.transaction() as session:
        accounts = [{"login": "office", "password": PASSWORD, "zh": "办公室", "en": "the office"}]
        session.add(Installation(name="demonstration_accounts", value=accounts))


def test_first_sign_in_leads_to_ones_own_password_and_then_on(light_site: Site) -> None:
    with light_site.database.transaction() as session:
        session.get_one(Account, light_site.accounts["office"]).last_login_at = None
    browser = light_site.browser()

    first = browser.send("/login", {"login": "office", "password": PASSWORD, "next": "/bases"})
    fields = {"old": PASSWORD, "new": "another river 0815", "again": "another river 0815", "next": "/bases"}
    then = browser.send("/password", fields)

    assert (first.location, then.location) == ("/password?next=/bases", "/bases")


def test_sign_in_switched_off_opens_nothing(light_site: Site) -> None:
    light_site.app.config["LOGIN_DISABLED"] = True

    answer = light_site.browser().get("/password")

    assert answer.status_code == 500


def test_sign_in_switched_off_before_the_start_refuses_the_start() -> None:
    bare = Flask("bare")
    bare.config["LOGIN_DISABLED"] = True

    with pytest.raises(UnsafeConfiguration):
        auth.init_app(bare, csrf)


def test_preferences_are_kept_and_lead_back(light_site: Site) -> None:
    answer = light_site.browser().send(
        "/preferences", {"lang": "en", "text": "large", "next": "/login?next=/x"}, form="/login"
    )

    cookies = sorted(
        header.partition(";")[0] for header in answer.headers.getlist("Set-Cookie") if "session" not in header
    )
    assert (answer.status_code, answer.location, cookies) == (
        302,
        "/login?next=/x",
        ["lang=en", "text=large"],
    )


def test_preferences_take_no_unknown_word_and_no_foreign_address(light_site: Site) -> None:
    answer = light_site.browser().send(
        "/preferences", {"lang": "<b>", "text": "huge", "next": "//evil.example"}, form="/login"
    )

    assert "evil" not in str(answer.headers)
    assert "lang=" not in str(answer.headers)


def test_second_account_of_a_person_is_its_own_door(light_site: Site) -> None:
    with light_site.database.transaction() as session:
        add_account(session, light_site.university.people["office"], login="office.second")
    _sign_in(first := light_site.browser(), "office")
    _sign_in(second := light_site.browser(), "office.second")

    _log_out(light_site, first)

    assert (_is_in(first), _is_in(second)) == (False, True)
