"""Accounts: what opens a door, what shuts it, and that no secret of it is ever written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models import Account, Entry, Knock
from tests.university import University
from workflow.context import Actor, Context, Source
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.operations import accounts
from workflow.operations.deeds import Done

AT = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
PASSWORD = "slow river 4711"
SECRET = "of the tests"


def _do(
    university: University, deed: Callable[..., Any], *args: Any, who: str = "administrator", **stated: Any
) -> Any:
    return university.database.run(lambda session: deed(session, *args, ctx=university.ctx(who), **stated))


def _account(university: University, who: str = "leader", *, login: str | None = None) -> str:
    done: Done = _do(
        university,
        accounts.create_account,
        person_id=university.people[who],
        login=login or who,
        password=PASSWORD,
        reason="r",
    )
    return done.subject


def _come_in(
    university: University, login: str, password: str = PASSWORD, *, at: datetime = AT
) -> accounts.SignedIn | None:
    with university.database.reading() as session:
        knocked = accounts.knock(session, login, password, at=at, secret=SECRET)
    return university.database.run(
        lambda session: accounts.sign_in(session, knocked, at=at, source=Source.PAGE)
    )


def _row(university: University, account_id: str) -> Account:
    with university.database.reading() as session:
        return session.get_one(Account, account_id)


def _kinds(university: University) -> list[str]:
    with university.database.reading() as session:
        return list(session.scalars(select(Entry.kind).order_by(Entry.id)))


@pytest.mark.dear
def test_password_is_hashed_as_dearly_as_the_library_advises(small: University) -> None:
    account_id = _account(small)

    assert _row(small, account_id).password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_account_opens_the_door_and_its_coming_is_one_entry(university: University) -> None:
    account_id = _account(university)

    came_in = _come_in(university, "LEADER")

    assert came_in == accounts.SignedIn(
        account_id=account_id, person_id=university.people["leader"], epoch=0, first_time=True
    )
    assert _kinds(university) == ["account_created", "signed_in"]
    assert _row(university, account_id).last_login_at == AT


def test_no_secret_is_ever_written_into_the_log(university: University) -> None:
    account_id = _account(university)
    _come_in(university, "leader", "a wrong password")
    _do(university, accounts.set_password, account_id, password="another river 0815", reason="forgotten")
    _come_in(university, "leader", "another river 0815")

    with university.database.reading() as session:
        log = " ".join(session.scalars(select(Entry.body)))
        digest = session.get_one(Account, account_id).password_hash
    assert [
        secret
        for secret in (PASSWORD, "a wrong password", "another river 0815", digest, "argon2")
        if secret in log
    ] == []


def test_password_changed_meanwhile_does_not_fit_any_more(university: University) -> None:
    account_id = _account(university)
    with university.database.reading() as session:
        knocked = accounts.knock(session, "leader", PASSWORD, at=AT, secret=SECRET)
    _do(university, accounts.set_password, account_id, password="another river 0815", reason="lost")

    came_in = university.database.run(
        lambda session: accounts.sign_in(session, knocked, at=AT, source=Source.PAGE)
    )

    assert came_in is None


def test_guesses_at_once_are_all_counted(university: University) -> None:
    account_id = _account(university)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _come_in(university, "leader", "wrong wrong wrong"), range(4)))

    assert _row(university, account_id).failed_count == 4
    assert _kinds(university).count("sign_in_failed") == 4


def test_attempts_while_the_door_is_shut_are_logged_and_lengthen_nothing(small: University) -> None:
    account_id = _account(small)
    for _ in range(5):
        _come_in(small, "leader", "wrong wrong wrong")
    until = _row(small, account_id).locked_until

    for _ in range(3):
        assert _come_in(small, "leader", at=AT + timedelta(seconds=30)) is None

    row = _row(small, account_id)
    assert (row.failed_count, row.locked_until) == (5, until)
    assert _kinds(small).count("sign_in_failed") == 8


def _unknown(university: University, login: str = "nobody") -> Knock:
    with university.database.reading() as session:
        return session.get_one(Knock, accounts.mark_of(login, secret=SECRET))


def test_login_nobody_has_is_paused_like_one_somebody_has(university: University) -> None:
    account_id = _account(university)

    for second in (0, 1, 2, 3, 4, 5, 70, 400):
        for login in ("leader", "nobody"):
            at = AT + timedelta(seconds=second)
            assert _come_in(university, login, "wrong wrong wrong", at=at) is None

    known, unknown = _row(university, account_id), _unknown(university)
    assert (unknown.failed_count, unknown.locked_until) == (known.failed_count, known.locked_until)
    assert unknown.failed_count == 7
    assert _kinds(university).count("sign_in_failed") == 16


def test_guesses_at_once_at_a_login_nobody_has_are_all_counted(university: University) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _come_in(university, "nobody", "wrong wrong wrong"), range(4)))

    assert _unknown(university).failed_count == 4
    assert _kinds(university) == ["sign_in_failed"] * 4


def test_nothing_is_compared_while_the_door_is_shut(
    small: University, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise guessing would cost the machine its time, and tell by it whether anybody has the login."""
    _account(small)
    for _ in range(5):
        for login in ("leader", "nobody"):
            _come_in(small, login, "wrong wrong wrong")
    compared: list[str] = []

    def note(_kept: str, password: str) -> bool:
        compared.append(password)
        return False

    monkeypatch.setattr(accounts, "_fits", note)

    for login in ("leader", "nobody", "somebody else"):
        _come_in(small, login, f"guess at {login}", at=AT + timedelta(seconds=30))

    assert compared == ["guess at somebody else"]


def test_entry_of_a_login_nobody_has_tells_the_same_login_again_and_not_which(small: University) -> None:
    for login in ("Nobody", "ｎｏｂｏｄｙ", "another"):
        _come_in(small, login, "wrong wrong wrong")

    with small.database.reading() as session:
        bodies = [json.loads(body) for body in session.scalars(select(Entry.body).order_by(Entry.id))]
    first, second, third = (body["details"]["mark"] for body in bodies)
    assert first == second != third
    assert first == accounts.mark_of("nobody", secret=SECRET) != accounts.mark_of("nobody", secret="another")
    assert "nobody" not in str(bodies)


def test_coming_in_forgets_the_failures(small: University) -> None:
    account_id = _account(small)
    for _ in range(4):
        _come_in(small, "leader", "wrong wrong wrong")

    _come_in(small, "leader")

    assert _row(small, account_id).failed_count == 0


@pytest.mark.parametrize("password", ["", "x" * 10_000, "\x00", "密码" * 5])
def test_any_text_may_be_tried_as_a_password(small: University, password: str) -> None:
    _account(small)

    assert _come_in(small, "leader", password) is None


# ───────────────────────────── Passwords


def test_password_of_two_hundred_signs_fits_whole_or_not_at_all(small: University) -> None:
    account_id = _account(small)
    long = "0123456789" * 20
    _do(small, accounts.set_password, account_id, password=long, reason="r")

    assert _come_in(small, "leader", long) is not None
    assert _come_in(small, "leader", long + "x") is None


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_too_short"),
        ("leader 12345", "password_too_plain"),
        ("aaaaaaaaaaaa", "password_too_plain"),
        ("x1" * 101, "too_long"),
    ],
)
def test_password_that_is_too_plain_says_why(small: University, password: str, code: str) -> None:
    account_id = _account(small)

    with pytest.raises(BadInput) as bad:
        _do(small, accounts.set_password, account_id, password=password, reason="r")

    assert [fault.code for fault in bad.value.faults] == [code]


def test_first_passwords_are_never_the_same_and_good_enough(small: University) -> None:
    made = [accounts.new_password() for _ in range(200)]

    for password in made[:3]:
        account_id = _account(small, login=f"login-{made.index(password)}")
        _do(small, accounts.set_password, account_id, password=password, reason="r")

    assert len(set(made)) == 200
    assert {len(password) for password in made} == {19}


# ───────────────────────────── The office


@pytest.mark.parametrize("login", ["", " ", "a", "-a", "a b", "ünï", "x" * 61, "a;b"])
def test_login_that_cannot_be_is_refused(small: University, login: str) -> None:
    with pytest.raises(BadInput) as bad:
        _account(small, login=login or " ")

    assert {fault.field for fault in bad.value.faults} == {"login"}
    assert _kinds(small) == []


def test_login_is_taken_in_any_spelling(small: University) -> None:
    _account(small, login="leader.one")

    with pytest.raises(BadInput) as bad:
        _account(small, "head", login="ＬＥＡＤＥＲ.one")

    assert [fault.code for fault in bad.value.faults] == ["taken"]


DEEDS: dict[str, Callable[[University, str], Any]] = {
    "password_set": lambda u, key: _do(
        u, accounts.set_password, key, password="another river 0815", reason="r"
    ),
    "account_disabled": lambda u, key: _do(u, accounts.disable_account, key, reason="r"),
    "sessions_ended": lambda u, key: _do(u, accounts.end_sessions, key, reason="r"),
}


@pytest.mark.parametrize("kind", DEEDS)
def test_deed_on_an_account_moves_its_epoch_with_one_entry(university: University, kind: str) -> None:
    account_id = _account(university)

    DEEDS[kind](university, account_id)

    assert _row(university, account_id).epoch == 1
    assert _kinds(university) == ["account_created", kind]


def test_disabled_account_opens_nothing_until_it_is_enabled(university: University) -> None:
    account_id = _account(university)
    DEEDS["account_disabled"](university, account_id)

    shut = _come_in(university, "leader")
    with pytest.raises(WorkflowError) as again:
        DEEDS["account_disabled"](university, account_id)
    _do(university, accounts.enable_account, account_id, reason="back")

    assert shut is None
    assert again.value.code == "already_disabled"
    assert _come_in(university, "leader") is not None


def test_account_in_use_cannot_disable_itself(small: University) -> None:
    account_id = _account(small, "administrator")
    ctx = Context(
        actor=Actor(person=small.people["administrator"], account=account_id), at=AT, source=Source.PAGE
    )

    with pytest.raises(WorkflowError) as refused:
        small.database.run(lambda session: accounts.disable_account(session, account_id, reason="r", ctx=ctx))

    assert refused.value.code == "own_account"


@pytest.mark.parametrize("who", ["leader", "head", "member", "auditor", "stranger"])
@pytest.mark.parametrize("kind", DEEDS)
def test_accounts_are_the_offices_alone(
    small: University, kind: str, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = _account(small, "head")
    acting = small.ctx
    monkeypatch.setattr(small, "ctx", lambda _who, **more: acting(who, **more))

    with pytest.raises(WorkflowError) as refused:
        DEEDS[kind](small, account_id)

    assert refused.value.code == "not_your_role"


@pytest.mark.parametrize("kind", DEEDS)
def test_office_touches_no_account_of_those_who_watch_it(
    small: University, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = _account(small, "auditor")
    acting = small.ctx
    monkeypatch.setattr(small, "ctx", lambda _who, **more: acting("office", **more))

    with pytest.raises(WorkflowError) as refused:
        DEEDS[kind](small, account_id)

    assert refused.value.code == "not_your_role"
    assert _row(small, account_id).epoch == 0


def test_unknown_account_does_not_exist(small: University) -> None:
    with pytest.raises(NotFound):
        _do(small, accounts.end_sessions, "01980000-0000-7000-8000-000000000000", reason="r")


def test_entry_of_a_deed_names_the_account_and_the_reason(small: University) -> None:
    account_id = _account(small)

    with small.database.reading() as session:
        body = json.loads(session.scalars(select(Entry.body)).one())
    assert body["details"] == {"reason": "r", "account": account_id}
