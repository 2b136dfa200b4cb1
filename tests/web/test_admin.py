"""The administration: open to two roles and to nobody else; each change once, with one entry, and nothing lost on an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from models import (
    Account,
    CalendarYear,
    Call,
    Database,
    Edition,
    Grant,
    IdempotencyKey,
    Incident,
    Notice,
    Partner,
    Person,
    Setting,
    Unit,
    new_key,
)
from models.changes import INSERT, Change, write
from tests.university import PEOPLE
from tests.web.conftest import text_of
from tests.web.signing_in import KEY, TOKEN, Browser, Site, site_over
from tests.workflow.routing import founded

ADMITTED = ("administrator", "office")
OTHERS = tuple(name for name in PEOPLE if name not in (*ADMITTED, "second_office"))
NOWHERE = "01980000-0000-7000-8000-000000000000"


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return _with_rows(site_over(database, monkeypatch))


@pytest.fixture
def lite(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return _with_rows(site_over(sqlite_database, monkeypatch))


def _with_rows(site: Site) -> Site:
    """A parked mail, an open incident and two partners beside the university."""
    at = site.university.at
    notice: dict[str, Any] = {
        "id": NOTICE, "stable_key": "k", "case_id": None, "person_id": site.university.people["leader"], "channel": "mail",
        "template": "act", "params": {}, "queued_at": at, "next_try_at": None, "sent_at": None, "read_at": None, "attempts": 8,
        "parked_at": at, "failure": "no_address",
    }  # fmt: skip
    incident: dict[str, Any] = {
        "id": INCIDENT, "case_id": None, "kind": "timer_failed", "params": {"failure": "x"}, "opened_at": at, "closed_at": None,
    }  # fmt: skip
    with site.database.transaction() as session:
        partners = [
            _partner_row(site, PARTNER, "水城仪表厂"),
            _partner_row(site, OTHER_PARTNER, "莘州律师协会"),
        ]
        for table, row in (
            ("notices", notice), ("incidents", incident), ("delegations", _delegation_row(site)),
            *(("partners", row) for row in partners),
        ):  # fmt: skip
            write(session, [Change(table=table, op=INSERT, key=row["id"], values=row)])
    return site


def _delegation_row(site: Site) -> dict[str, Any]:
    people = site.university.people
    return {
        "id": DELEGATION, "person_id": people["head"], "delegate_id": people["officer"], "role": "college_head",
        "unit_id": None, "from_on": site.university.at.date(), "until_on": site.university.at.date(), "reason": "away",
        "granted_at": site.university.at, "revoked_at": None,
    }  # fmt: skip


def _partner_row(site: Site, key: str, name: str) -> dict[str, Any]:
    return {
        "id": key, "name": name, "kind": "enterprise", "credit_code": None, "name_identity": name, "code_identity": None,
        "succeeded_by": None, "created_at": site.university.at,
    }  # fmt: skip


NOTICE, INCIDENT, PARTNER, OTHER_PARTNER, DELEGATION = (new_key() for _ in range(5))

PAGES = (
    "/admin", "/admin/people", "/admin/people/new", "/admin/people/{person}", "/admin/people/{person}/edit",
    "/admin/people/{person}/account", "/admin/people/{person}/erase", "/admin/people/{person}/delegations/new", "/admin/delegations",
    "/admin/delegations/{delegation}/revoke", "/admin/people/{person}/grants/new", "/admin/grants", "/admin/grants/{grant}/revoke",
    "/admin/units", "/admin/units/new", "/admin/units/{unit}/rename", "/admin/units/{unit}/successor",
    "/admin/partners", "/admin/partners/new", "/admin/partners/{partner}/rename", "/admin/partners/{partner}/successor",
    "/admin/calls", "/admin/calls/new", "/admin/calls/{call}",
    "/admin/calendar", "/admin/calendar/2026", "/admin/calendar/import",
    "/admin/settings", "/admin/settings/sign_within", "/admin/settings/escalation", "/admin/editions", "/admin/editions/{edition}",
    "/admin/outbox", "/admin/outbox/{notice}/resend", "/admin/outbox/resend", "/admin/outbox/test",
    "/admin/incidents", "/admin/incidents/{incident}/close",
    "/admin/scheduler", "/admin/accounts", "/admin/accounts/{account}/disable", "/admin/accounts/{account}/enable",
    "/admin/accounts/{account}/sign_out", "/admin/accounts/{account}/password",
)  # fmt: skip


def _address(site: Site, page: str) -> str:
    with site.database.reading() as session:
        return page.format(
            person=site.university.people["leader"],
            grant=session.scalar(select(Grant.id).where(Grant.person_id == site.university.people["leader"])),
            unit=site.university.units["法学院"],
            college=site.university.units["药学院"],
            partner=PARTNER,
            delegation=DELEGATION,
            call=session.scalar(select(Call.id)),
            edition=session.scalar(select(Edition.id)),
            account=site.accounts["leader"],
            notice=NOTICE,
            incident=INCIDENT,
        )


def test_every_page_of_the_administration_is_listed_here(lite: Site) -> None:
    """A new page joins the table, so that its access is tested from both sides."""
    shape = re.compile(r"<[^>]*:?(\w+)>")
    known = {re.sub(r"\{\w+\}", "*", page) for page in PAGES}

    rules = {
        shape.sub("*", rule.rule) for rule in lite.app.url_map.iter_rules() if rule.rule.startswith("/admin")
    }  # fmt: skip

    assert rules - known - {"/admin/accounts/*/*", "/admin/settings/*", "/admin/calendar/*"} == set()


# ───────────────────────────── Who may come in


@pytest.mark.parametrize("who", ADMITTED)
def test_office_and_administrator_open_every_page(site: Site, who: str) -> None:
    browser = site.browser(who)

    answers = {page: browser.get(_address(site, page)).status_code for page in PAGES}

    assert answers == dict.fromkeys(PAGES, 200)


@pytest.mark.parametrize("who", OTHERS)
def test_anybody_else_finds_nothing_here(lite: Site, who: str) -> None:
    browser = lite.browser(who)
    missing = browser.get("/no-such-page")

    for page in PAGES:
        seen, sent = (
            browser.get(_address(lite, page)),
            browser.send(_address(lite, page), {}, form="/password"),
        )

        assert seen.status_code == 404, page
        assert _main(seen.get_data(as_text=True)) == _main(missing.get_data(as_text=True)), page
        assert sent.status_code in (404, 405), page


def _main(page: str) -> str:
    return page[page.index("<main") :] if "<main" in page else page


def test_attempt_to_come_in_is_logged_once(site: Site) -> None:
    site.browser("leader").get("/admin/people")

    entries = site.entries()

    assert [(entry.kind, entry.stream) for entry in entries] == [
        ("denied", f"person:{site.university.people['leader']}")
    ]


def test_without_a_sign_in_every_page_asks_for_it(lite: Site) -> None:
    browser = lite.browser()

    answers = {browser.get(_address(lite, page)).status_code for page in PAGES}

    assert answers == {302}


KEYS = ("person", "grant", "unit", "partner", "call", "edition", "account", "notice", "incident")
MISSING = [
    *(page.replace(f"{{{name}}}", NOWHERE) for page in PAGES for name in KEYS if f"{{{name}}}" in page),
    "/admin/settings/no_such_setting",
    "/admin/calendar/1999",
    "/admin/people/not-a-key",
    "/admin/accounts/x/explode",
]


@pytest.mark.parametrize("page", MISSING)
def test_page_of_something_that_does_not_exist_is_not_there(lite: Site, page: str) -> None:
    assert lite.browser("administrator").get(page).status_code == 404


# ───────────────────────────── Changes


FORMS: Mapping[str, tuple[str, dict[str, str], str]] = {
    "person_added": (
        "/admin/people/new",
        {"name": "孙丽", "staff_number": "2026001", "external": "no", "email": "", "phone": "", "language": "zh"},
        "/admin/people",
    ),
    "person_changed": (
        "/admin/people/{person}/edit",
        {"name": "new name", "email": "", "phone": "", "language": "en"},
        "/admin/people/{person}",
    ),
    "grant_given": (
        "/admin/people/{stranger}/grants/new",
        {"role": "college_head", "unit": "{unit}", "from_on": "2026-01-01", "until_on": ""},
        "/admin/people/{stranger}",
    ),
    "grant_revoked": ("/admin/grants/{grant}/revoke", {}, "/admin/people/{person}"),
    "unit_added": ("/admin/units/new", {"name": "文学院", "kind": "college"}, "/admin/units"),
    "unit_renamed": ("/admin/units/{unit}/rename", {"name": "法律学院", "from_on": "2026-01-01"}, "/admin/units"),
    "unit_succeeded": ("/admin/units/{unit}/successor", {"successor": "{college}"}, "/admin/units"),
    "partner_added": (
        "/admin/partners/new",
        {"name": "东阿智能装备有限公司", "kind": "enterprise", "credit_code": ""},
        "/admin/partners",
    ),
    "partner_renamed": (
        "/admin/partners/{partner}/rename",
        {"name": "水城精密仪器有限公司", "from_on": "2026-01-01"},
        "/admin/partners",
    ),
    "partner_succeeded": ("/admin/partners/{partner}/successor", {"successor": "莘州律师协会"}, "/admin/partners"),
    "call_opened": (
        "/admin/calls/new",
        {"year": "2030", "opens_on": "2030-03-01", "closes_on": "2030-04-30"},
        "/admin/calls",
    ),
    "call_changed": ("/admin/calls/{call}", {"opens_on": "2026-02-01", "closes_on": "2026-11-30"}, "/admin/calls"),
    "notice_resent": ("/admin/outbox/{notice}/resend", {}, "/admin/outbox?status=parked"),
    "notices_resent": ("/admin/outbox/resend", {"template": "act"}, "/admin/outbox?status=parked"),
    "incident_closed": ("/admin/incidents/{incident}/close", {}, "/admin/incidents"),
    "account_disabled": ("/admin/accounts/{account}/disable", {}, "/admin/accounts"),
    "sessions_ended": ("/admin/accounts/{account}/sign_out", {}, "/admin/accounts"),
}  # fmt: skip
"""Kind of the entry → address, fields, where one lands."""


def _filled(site: Site, kind: str) -> tuple[str, dict[str, str], str]:
    address, fields, lands = FORMS[kind]
    stranger = {"{stranger}": site.university.people["stranger"]}

    def there(text: str) -> str:
        return _address(site, text.replace("{stranger}", stranger["{stranger}"]))

    return (
        there(address),
        {"reason": "asked for", **{name: there(value) for name, value in fields.items()}},
        there(lands),
    )


@pytest.mark.parametrize("kind", FORMS)
def test_form_leaves_one_entry_and_goes_back(site: Site, kind: str) -> None:
    address, fields, lands = _filled(site, kind)
    browser = site.browser("administrator")

    answer = browser.send(address, fields)
    told = browser.get(answer.location).get_data(as_text=True)

    assert (answer.status_code, answer.location) == (302, lands)
    assert [entry.kind for entry in site.entries()] == [kind]
    assert "已记录" in told


@pytest.mark.parametrize("kind", FORMS)
def test_form_sent_twice_is_done_once(lite: Site, kind: str) -> None:
    address, fields, _ = _filled(lite, kind)
    browser = lite.browser("administrator")
    page = browser.get(address).get_data(as_text=True)
    both = {**fields, "csrf_token": _found(TOKEN, page), "key": _found(KEY, page)}

    first, second = (browser.client.post(address, data=both) for _ in range(2))
    told = browser.get(second.location).get_data(as_text=True)

    assert (first.status_code, second.status_code) == (302, 302)
    assert [entry.kind for entry in lite.entries()] == [kind]
    assert "无需重复" in told


def _found(pattern: re.Pattern[str], page: str) -> str:
    match = pattern.search(page)
    assert match is not None
    return match.group(1)


@pytest.mark.parametrize("kind", FORMS)
def test_form_without_its_token_or_key_changes_nothing(lite: Site, kind: str) -> None:
    address, fields, _ = _filled(lite, kind)
    browser = lite.browser("administrator")
    token = _found(TOKEN, browser.get(address).get_data(as_text=True))

    bare = browser.client.post(address, data={**fields, "key": "k" * 24})
    keyless = browser.client.post(address, data={**fields, "csrf_token": token})

    assert (bare.status_code, keyless.status_code) == (400, 400)
    assert lite.entry_count() == 0


@pytest.mark.parametrize("kind", FORMS)
def test_form_without_a_reason_keeps_what_was_typed(lite: Site, kind: str) -> None:
    address, fields, _ = _filled(lite, kind)
    typed = {**fields, "reason": " ", **({"name": "typed <b>"} if "name" in fields else {})}

    answer = lite.browser("administrator").send(address, typed)
    page = answer.get_data(as_text=True)

    assert answer.status_code == 422
    assert "未填写“理由”" in page
    assert "typed <b>" not in page
    assert "name" not in fields or "typed &lt;b&gt;" in page
    assert lite.entry_count() == 0


@pytest.mark.parametrize("field", ["person_id", "actor", "recorded_at", "epoch"])
def test_field_the_form_does_not_have_is_refused(lite: Site, field: str) -> None:
    address, fields, _ = _filled(lite, "unit_added")

    answer = lite.browser("administrator").send(address, {**fields, field: "forged"})

    assert answer.status_code == 422
    assert lite.entry_count() == 0


@pytest.mark.parametrize(
    "day", ["2026-02-30", "yesterday", "1900-01-01", "2026-1-1", "9999-12-31", "２０２６-01-01"]
)
def test_day_that_is_none_says_so(lite: Site, day: str) -> None:
    address, fields, _ = _filled(lite, "unit_renamed")

    answer = lite.browser("administrator").send(address, {**fields, "from_on": day})

    assert answer.status_code == 422
    assert lite.entry_count() == 0


def test_nobody_gives_a_role_to_themselves_in_the_browser(lite: Site) -> None:
    address = f"/admin/people/{lite.university.people['office']}/grants/new"
    fields = {"role": "leading_group", "unit": "", "from_on": "2026-01-01", "until_on": "", "reason": "r"}

    answer = lite.browser("office").send(address, fields)

    assert answer.status_code == 422
    assert "不能给自己授予角色" in answer.get_data(as_text=True)
    assert lite.entry_count() == 0


def test_office_makes_no_administrator_and_touches_no_administrators_account(lite: Site) -> None:
    browser = lite.browser("office")
    fields = {"role": "administrator", "unit": "", "from_on": "2026-01-01", "until_on": "", "reason": "r"}

    given = browser.send(f"/admin/people/{lite.university.people['stranger']}/grants/new", fields)
    reset = browser.send(f"/admin/accounts/{lite.accounts['administrator']}/password", {"reason": "r"})

    assert (given.status_code, reset.status_code) == (422, 422)
    assert lite.entry_count() == 0


# ───────────────────────────── Partners and units through time


def test_renamed_and_succeeded_partner_is_found_by_every_name(site: Site) -> None:
    browser = site.browser("office")
    stated = {"name": "水城精密仪器有限公司", "from_on": "2026-03-01", "reason": "renamed"}
    browser.send(f"/admin/partners/{PARTNER}/rename", stated)
    browser.send(f"/admin/partners/{PARTNER}/successor", {"successor": "莘州律师协会", "reason": "merged"})

    pages = [
        _main(browser.get(f"/admin/partners?q={text}").get_data(as_text=True))
        for text in ("仪表厂", "精密", "nobody")
    ]

    assert ["水城精密仪器有限公司" in page for page in pages] == [True, True, False]
    assert ["水城仪表厂（至2026年2月28日）" in page for page in pages] == [True, True, False]
    assert ["莘州律师协会" in page for page in pages] == [True, True, False]


def test_successor_taken_back_is_gone_from_the_list(lite: Site) -> None:
    browser = lite.browser("office")
    address = f"/admin/partners/{PARTNER}/successor"
    browser.send(address, {"successor": "莘州律师协会", "reason": "merged"})
    filled = browser.get(address).get_data(as_text=True)

    browser.send(address, {"successor": "", "reason": "a mistake"})

    assert 'value="莘州律师协会"' in filled
    assert lite.row(Partner, PARTNER).succeeded_by is None


def test_merged_unit_shows_where_it_went(lite: Site) -> None:
    browser, units = lite.browser("office"), lite.university.units
    address = f"/admin/units/{units['法学院']}/successor"
    offered = browser.get(address).get_data(as_text=True)

    browser.send(address, {"successor": units["药学院"], "reason": "merged"})

    assert (f'value="{units["药学院"]}"' in offered, f'value="{units["法学院"]}"' in offered) == (True, False)
    assert lite.row(Unit, units["法学院"]).succeeded_by == units["药学院"]
    assert _main(browser.get("/admin/units").get_data(as_text=True)).count("药学院") == 2


@pytest.mark.parametrize(
    ("page", "fields", "zh", "en"),
    [
        (
            "/admin/partners/{partner}/rename",
            {"name": "莘州 律師協會", "from_on": "2026-01-01"},
            "“合作单位全称”是合作单位“莘州律师协会”现在的名称；如两家前后承继，请登记承继单位",
            "“Full name of the partner” is the name of the partner “莘州律师协会”; if one came after the other, record the successor",
        ),
        (
            "/admin/partners/{partner}/successor",
            {"successor": "水城仪表厂"},
            "“承继单位”不能是该单位自身",
            "“Successor” cannot be the same one",
        ),
        (
            "/admin/partners/{partner}/successor",
            {"successor": "nobody anybody knows"},
            "系统中没有这一合作单位，请核对名称或统一社会信用代码，或先登记该单位",
            "no such partner is known; please check the name or code, or add the partner first",
        ),
        (
            "/admin/partners/new",
            {"name": "水城儀表廠", "kind": "enterprise", "credit_code": ""},
            "系统中已有该合作单位，名称为“水城仪表厂”",
            "this partner is known already, as “水城仪表厂”",
        ),
        (
            "/admin/units/{unit}/successor",
            {"successor": "{unit}"},
            "“承继单位”不能是该单位自身",
            "“Successor” cannot be the same one",
        ),
        (
            "/admin/units/{unit}/successor",
            {"successor": "no key"},
            "“承继单位”不在可选范围内",
            "“Successor” is not one of the choices",
        ),
    ],
)
def test_what_cannot_be_recorded_says_so_in_both_languages(
    site: Site, page: str, fields: dict[str, str], zh: str, en: str
) -> None:
    browser = site.browser("office")
    stated = {"reason": "r", **{name: _address(site, value) for name, value in fields.items()}}
    address = _address(site, page)

    answers = []
    for language in ("zh", "en"):
        browser.client.set_cookie("lang", language)
        answers.append(browser.send(address, stated))

    assert [answer.status_code for answer in answers] == [422, 422]
    assert [
        text in answer.get_data(as_text=True) for text, answer in zip((zh, en), answers, strict=True)
    ] == [True, True]
    assert site.entry_count() == 0


# ───────────────────────────── Passwords


def test_account_shows_its_first_password_once_and_it_opens_the_door(site: Site) -> None:
    address = f"/admin/people/{site.university.people['stranger']}/account"
    browser = site.browser("administrator")
    page = browser.get(address).get_data(as_text=True)
    both = {"csrf_token": _found(TOKEN, page), "key": _found(KEY, page), "login": "New.Login", "reason": "r"}

    first = browser.client.post(address, data=both).get_data(as_text=True)
    second = browser.client.post(address, data=both).get_data(as_text=True)
    password = _found(re.compile(r'id="one-time-password">([^<]+)<'), first)
    came_in = site.browser().send("/login", {"login": "new.login", "password": password})

    assert came_in.status_code == 302
    assert "one-time-password" not in second
    assert [entry.kind for entry in site.entries()] == ["account_created", "signed_in"]
    assert _written_anywhere(site, password) == []


def test_password_reset_ends_sessions_and_shows_the_new_one(site: Site) -> None:
    leader = site.browser("leader")
    assert leader.get("/password").status_code == 200

    answer = site.browser("administrator").send(
        f"/admin/accounts/{site.accounts['leader']}/password", {"reason": "r"}
    )
    password = _found(re.compile(r'id="one-time-password">([^<]+)<'), answer.get_data(as_text=True))

    assert leader.get("/password").status_code == 302
    assert site.browser().send("/login", {"login": "leader", "password": password}).status_code == 302
    assert _written_anywhere(site, password) == []


def _written_anywhere(site: Site, secret: str) -> list[str]:
    """Where a secret stands in the log or among the kept answers."""
    with site.database.reading() as session:
        hashes = list(session.scalars(select(Account.password_hash)))
        answers = [str(answer) for answer in session.scalars(select(IdempotencyKey.answer))]
    texts = [entry.body for entry in site.entries()] + answers
    return [text for text in texts if secret in text or any(digest in text for digest in hashes)]


# ───────────────────────────── Settings


def _setting(site: Site, browser: Browser, **stated: str) -> Any:
    fields = {
        "value": "30",
        "value.unit": "days",
        "from_on": _today(site),
        "reason": "the council asked",
        **stated,
    }
    return browser.send("/admin/settings/sign_within", fields)


def _today(site: Site) -> str:
    from workflow import clock
    from workflow.periods import beijing_day

    with site.database.reading() as session:
        return beijing_day(clock.now(session)).isoformat()


def _hidden(page: str) -> dict[str, str]:
    from html import unescape

    return {
        name: unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    }


def test_setting_shows_what_it_moves_and_then_moves_it(site: Site) -> None:
    case_id = _waiting(site)
    browser = site.browser("office")
    before = site.entry_count()

    shown = _setting(site, browser)
    page = shown.get_data(as_text=True)
    untouched = site.entry_count()
    done = browser.client.post("/admin/settings/sign_within", data=_hidden(page[page.index("<main") :]))

    assert (shown.status_code, untouched) == (200, before)
    assert "共1个基地、1项期限" in page
    assert (done.status_code, done.location) == (302, "/admin/settings")
    assert [(entry.kind, entry.stream) for entry in site.entries()[before:]] == [
        ("setting_changed", "system:settings"),
        ("setting_moved", f"case:{case_id}"),
    ]


def _waiting(site: Site) -> str:
    """A base approved just now, so that its deadline to sign is to come."""
    from datetime import UTC, datetime

    university = site.university
    now = datetime.now(UTC)
    with site.database.transaction() as session:
        call = session.scalars(select(Call)).one()
        call.closes_on = call.closes_on.replace(year=2099)
    university.at = now
    return university.approved()


def test_change_whose_consequences_changed_is_shown_again(lite: Site) -> None:
    browser = lite.browser("office")
    page = _setting(lite, browser).get_data(as_text=True)
    _waiting(lite)
    before = lite.entry_count()

    answer = browser.client.post("/admin/settings/sign_within", data=_hidden(page[page.index("<main") :]))

    assert answer.status_code == 409
    assert "情况有变化" in answer.get_data(as_text=True)
    assert lite.entry_count() == before
    with lite.database.reading() as session:
        assert session.scalars(select(Setting.id)).all() == []


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"value": "soon"}, "须为时长"),
        ({"value": "-5"}, "须为时长"),
        ({"value.unit": "weeks"}, "须为时长"),
        ({"from_on": "2020-01-01"}, "不能早于今天"),
        ({"reason": ""}, "未填写“理由”"),
        ({"value": "90"}, "没有变更"),
    ],
)
def test_setting_that_cannot_stand_keeps_what_was_typed(
    lite: Site, stated: dict[str, str], told: str
) -> None:
    answer = _setting(lite, lite.browser("office"), **stated)
    page = answer.get_data(as_text=True)

    assert answer.status_code == 422
    assert told in page
    assert "reason" in stated or "the council asked" in page


def test_ladder_is_stated_role_by_role(lite: Site) -> None:
    browser = lite.browser("office")
    address = "/admin/settings/escalation"
    names = re.findall(r'name="(value\.\w+)"', browser.get(address).get_data(as_text=True))
    fields = {**dict.fromkeys(names, ""), "value.project_leader": "2", "value.base_office": "20"}

    page = browser.send(address, {**fields, "from_on": _today(lite), "reason": "r"}).get_data(as_text=True)
    browser.client.post(address, data=_hidden(page[page.index("<main") :]))

    with lite.database.reading() as session:
        assert session.scalars(select(Setting.value)).all() == [{"2": "project_leader", "20": "base_office"}]


def test_share_is_stated_and_shown_in_words(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object
) -> None:
    lite = site_over(sqlite_database, monkeypatch, university=founded(sqlite_database))
    browser = lite.browser("office")
    address = "/admin/settings/majority"
    listed = browser.get("/admin/settings").get_data(as_text=True)

    page = browser.send(
        address, {"value": "3/5", "value.kind": "least", "from_on": _today(lite), "reason": "r"}
    ).get_data(as_text=True)
    browser.client.post(address, data=_hidden(page[page.index("<main") :]))

    assert "超过1/2" in listed
    assert "1月31日" in listed
    assert "more than" not in listed
    assert "至少3/5" in browser.get("/admin/settings").get_data(as_text=True)
    with lite.database.reading() as session:
        kept = session.scalars(select(Setting.value).where(Setting.name == "majority")).all()
    assert kept == ["3/5"]


# ───────────────────────────── Lists


def test_list_of_people_pages_by_key_and_finds(lite: Site) -> None:
    with lite.database.transaction() as session:
        for number in range(40):
            session.add(
                Person(
                    id=new_key(),
                    staff_number=f"P{number:03}",
                    name=f"人员{number:03}",
                    created_at=lite.university.at,
                )
            )
    browser = lite.browser("administrator")

    first = browser.get("/admin/people").get_data(as_text=True)
    older = _found(re.compile(r'href="([^"]+)" rel="next"'), first).replace("&amp;", "&")
    second = browser.get(older).get_data(as_text=True)
    found = browser.get("/admin/people?q=人员007").get_data(as_text=True)

    shown = [set(re.findall(r">(人员\d{3})<", page)) for page in (first, second)]
    assert (len(shown[0]), len(shown[1]), shown[0] & shown[1]) == (30, 10, set())
    assert re.findall(r">(人员\d{3})<", found) == ["人员007"]


@pytest.mark.parametrize(
    "address",
    ["/admin/people", "/admin/grants", "/admin/accounts", "/admin/units", "/admin/partners", "/admin/calls"],
)
def test_list_costs_the_same_for_few_and_many_rows(lite: Site, address: str) -> None:
    browser = lite.browser("administrator")
    browser.get(address)
    few = count_queries(lite, browser, address)
    with lite.database.transaction() as session:
        for number in range(30):
            person = Person(
                id=new_key(), staff_number=f"P{number}", name=f"人员{number}", created_at=lite.university.at
            )
            session.add(person)
            session.add(Unit(id=new_key(), kind="college", name=f"学院{number}"))
            session.add(Partner(**_partner_row(lite, new_key(), f"第{number}研究院")))
            session.flush()
            session.add(
                Account(
                    id=new_key(),
                    person_id=person.id,
                    login=f"p{number}",
                    password_hash="x",
                    created_at=lite.university.at,
                )
            )
            session.add(
                Grant(id=new_key(), person_id=person.id, role="expert", from_on=lite.university.at.date())
            )

    assert count_queries(lite, browser, address) == few


def count_queries(site: Site, browser: Browser, address: str) -> int:
    """How many statements a page sends; on SQLite readers have an engine of their own, so all are heard."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    assert browser.get(address).status_code == 200
    event.remove(Engine, "before_cursor_execute", note)
    return len([statement for statement in seen if statement.startswith("SELECT")])


@pytest.mark.parametrize(
    "query", ["?after=x", "?before='", "?after=9", "?on=never", "?unit=x", "?role=x&status=y", "?q=%25%27"]
)
@pytest.mark.parametrize(
    "address", ["/admin/people", "/admin/grants", "/admin/accounts", "/admin/outbox", "/admin/incidents"]
)
def test_address_that_cannot_be_read_is_no_fault(lite: Site, address: str, query: str) -> None:
    assert lite.browser("administrator").get(address + query).status_code == 200


@pytest.mark.parametrize(
    ("language", "lifecycle", "source"),
    [
        ("zh", "研究生联合培养基地（联培基地）", "国务院办公厅通知（程序自带）"),
        ("en", "Joint training base", "the State Council’s notice, as the program brings it"),
    ],
)
def test_lists_name_lifecycles_and_sources_in_words(
    lite: Site, language: str, lifecycle: str, source: str
) -> None:
    with lite.database.transaction() as session:
        session.get_one(CalendarYear, 2026).source = "chinesecalendar"
    browser = lite.browser("office")
    browser.client.set_cookie("lang", language)

    editions, calendar = (text_of(browser.get(f"/admin/{place}")) for place in ("editions", "calendar"))

    assert f'<div class="quiet">{lifecycle}</div>' in editions
    assert source in calendar
    assert "chinesecalendar" not in calendar


def test_edition_shows_its_digest_and_its_drawing(lite: Site) -> None:
    page = lite.browser("office").get(f"/admin/editions/{lite.university.edition_id}").get_data(as_text=True)

    assert lite.university.definition.sha256 in page
    assert "stateDiagram-v2" in page


def test_resent_notice_waits_and_closed_incident_is_gone(lite: Site) -> None:
    browser = lite.browser("office")
    browser.send(f"/admin/outbox/{NOTICE}/resend", {"reason": "the address is mended"})
    browser.send(f"/admin/incidents/{INCIDENT}/close", {"reason": "done by hand"})

    assert lite.row(Notice, NOTICE).parked_at is None
    assert lite.row(Incident, INCIDENT).closed_at is not None
    assert f"/admin/incidents/{INCIDENT}/close" not in browser.get("/admin/incidents").get_data(as_text=True)
