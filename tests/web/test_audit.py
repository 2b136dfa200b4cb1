"""The log as auditors read it: who may, what a filter leaves, what an entry proves, what an export takes."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, text

from models import Base, Database, Disclosure, Entry
from models.changes import write
from tests.university import PEOPLE
from tests.web.conftest import hidden, text_of
from tests.web.signing_in import KEY, PASSWORD, TOKEN, Browser, Site, site_over
from tests.web.test_admin import count_queries
from tests.web.xes import faults_of_xes
from web.audit.values import column_text
from web.words import catalogue
from workflow import entries
from workflow.log import UNLOGGED_COLUMNS, UNLOGGED_TABLES, entry_hash
from workflow.operations import office
from workflow.queries.log import COUNTED, LogFilter, log_count

READERS = ("administrator", "office", "second_office", "auditor", "member", "second_member")
BEHIND_THE_LOG = frozenset(
    {
        "calendar_passes", "checkpoint_places", "checkpoints", "disclosures", "drafts", "entries", "heartbeats",
        "idempotency_keys", "leaves", "log_watch", "nodes", "sealing", "streams",
    }
)  # fmt: skip
"""Tables no entry speaks of: the log itself, what it hides, and what decides nothing."""
OTHERS = tuple(name for name in PEOPLE if name not in READERS)


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(database, monkeypatch)


@pytest.fixture
def lite(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(sqlite_database, monkeypatch)


def _shown(browser: Browser, query: str = "") -> list[int]:
    """The ids of the entries a page lists."""
    page = browser.get(f"/audit{query}").get_data(as_text=True)
    return [int(found) for found in re.findall(r'href="/audit/(\d+)"', page)]


# ───────────────────────────── Who may


@pytest.mark.parametrize("who", READERS)
def test_readers_of_the_log_open_it(site: Site, who: str) -> None:
    site.university.proposed()
    browser = site.browser(who)

    assert [browser.get(address).status_code for address in ("/audit", "/audit/1")] == [200, 200]


@pytest.mark.parametrize("who", OTHERS)
def test_to_anybody_else_there_is_no_log(lite: Site, who: str) -> None:
    lite.university.proposed()
    before = lite.entry_count()
    browser = lite.browser(who)
    missing = browser.get("/no-such-page").get_data(as_text=True)

    answers = [browser.get(address) for address in ("/audit", "/audit/1", "/audit/999999")]
    sent = browser.send("/audit/export", {}, form="/password")

    assert [answer.status_code for answer in (*answers, sent)] == [404] * 4
    assert {answer.get_data(as_text=True)[-200:] for answer in answers} == {missing[-200:]}
    assert {entry.kind for entry in lite.entries()[before:]} == {"denied"}


@pytest.mark.parametrize(
    "address", ["/audit/0", "/audit/999999", "/audit/99999999999999999999999", "/audit/x", "/audit/-1"]
)
def test_entry_that_does_not_exist_is_not_there(site: Site, address: str) -> None:
    assert site.browser("auditor").get(address).status_code == 404


# ───────────────────────────── Filters


def test_filters_leave_what_they_say(site: Site) -> None:
    university = site.university
    one, other = (
        university.proposed(),
        university.proposed(who="other_leader", unit="药学院", partner="另一单位"),
    )
    university.act(one, "approve", "leader")
    with site.database.transaction() as session:
        office.add_unit(session, name="文学院", kind="college", reason="new", ctx=university.ctx("office"))
    browser = site.browser("auditor")
    rows = {entry.id: entry for entry in site.entries()}

    def left(query: str) -> set[int]:
        return set(_shown(browser, query))

    assert left(f"?case={one}") == {key for key, row in rows.items() if row.case_id == one}
    assert left("?who=other_leader") == {
        key for key, row in rows.items() if row.actor_id == university.people["other_leader"]
    }
    assert left("?who=N-office") == {
        key for key, row in rows.items() if row.actor_id == university.people["office"]
    }
    assert left("?kind=unit_added") == {key for key, row in rows.items() if row.kind == "unit_added"}
    assert left("?act=submit") == {key for key, row in rows.items() if row.act == "submit"}
    assert left(f"?unit={university.units['药学院']}") == {
        key for key, row in rows.items() if row.case_id == other
    }
    assert left("?refused=yes") == {key for key, row in rows.items() if row.kind == "denied"}
    assert left("?base=另一单位") == {key for key, row in rows.items() if row.case_id == other}
    assert left("?stream=system:units") == {key for key, row in rows.items() if row.stream == "system:units"}
    assert left(f"?edition={university.edition_id}") == {key for key, row in rows.items() if row.case_id}
    assert left("?source=timer") == set()
    assert left("?since=2026-03-10&until=2026-03-10&who=office") == left("?who=office")
    assert left("?since=2026-03-11&kind=unit_added") == set()
    assert left("?until=2026-03-09&kind=unit_added") == set()


def test_each_filter_is_a_chip_that_takes_it_away(lite: Site) -> None:
    page = (
        lite.browser("auditor")
        .get("/audit?kind=transition&since=2026-03-01&refused=yes")
        .get_data(as_text=True)
    )

    chips = re.findall(r'<li><a class="btn btn-outline-secondary" href="([^"]+)">([^<]+?) <', page)
    assert [(text, href.replace("&amp;", "&")) for href, text in chips] == [
        ("类别：办理", "/audit?refused=yes&since=2026-03-01"),
        ("被拒绝的：是", "/audit?kind=transition&since=2026-03-01"),
        ("自2026年3月1日", "/audit?kind=transition&refused=yes"),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "?case='",
        "?since=2026-02-30",
        "?unit=x",
        "?after=x",
        "?before=-1",
        "?actor=%00",
        "?who=%25",
        "?edition=1&refused=no",
    ],
)
def test_address_that_cannot_be_read_narrows_nothing(site: Site, query: str) -> None:
    assert site.browser("auditor").get(f"/audit{query}").status_code == 200


def _fill(site: Site, count: int) -> None:
    """Many entries in one stream, as the product writes them."""
    ctx = site.university.ctx("office")
    with site.database.transaction() as session:
        for number in range(count):
            write(
                session,
                entries.append(
                    session, "person:test", kind="export", content={"count": number}, changes=[], ctx=ctx
                ),
            )


def test_pages_follow_the_key_and_meet_without_a_gap(lite: Site) -> None:
    _fill(lite, 70)
    browser = lite.browser("auditor")
    address, pages = "/audit?kind=export", []

    while address:
        page = browser.get(address).get_data(as_text=True)
        pages.append([int(found) for found in re.findall(r'href="/audit/(\d+)"', page)])
        onward = re.search(r'href="([^"]+)" rel="next"', page)
        address = onward.group(1).replace("&amp;", "&") if onward else ""

    assert [len(shown) for shown in pages] == [30, 30, 10]
    assert sum(pages, []) == list(range(70, 0, -1))


def test_count_stops_at_its_limit(lite: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from web.audit import listing
    from workflow.queries import log

    monkeypatch.setattr(log, "COUNTED", 10)
    monkeypatch.setattr(listing, "COUNTED", 10)
    _fill(lite, 12)

    with lite.database.reading() as session:
        counted = log_count(session, LogFilter())
    page = lite.browser("auditor").get("/audit").get_data(as_text=True)

    assert (COUNTED, counted) == (10_000, 11)
    assert "多于10条记录" in page


# ───────────────────────────── One entry


def test_entry_shows_old_and_new_and_its_place_in_the_chain(site: Site) -> None:
    university = site.university
    with site.database.transaction() as session:
        office.add_unit(session, name="文学院", kind="college", reason="new", ctx=university.ctx("office"))
        office.change_person(
            session, university.people["leader"], name="王立新", email="w@example.org", phone=None, language="zh", reason="married",
            ctx=university.ctx("office"),
        )  # fmt: skip
        office.change_person(
            session, university.people["leader"], name="王力新", email="w@example.org", phone=None, language="en", reason="typo",
            ctx=university.ctx("office"),
        )  # fmt: skip
    browser = site.browser("auditor")

    page = browser.get("/audit/3").get_data(as_text=True)

    assert "校验通过" in page
    assert "王力新" in page
    assert "typo" in page
    assert 'href="/audit/2" rel="prev"' in page
    assert 'rel="next"' not in page
    assert site.entries()[2].hash in page
    assert json.loads(site.entries()[2].body)["prev"] in page


def test_entry_tells_only_what_is_another_than_before(lite: Site) -> None:
    browser = lite.browser()
    browser.send("/login", {"login": "auditor", "password": PASSWORD})

    page = browser.get(f"/audit/{lite.entries('signed_in')[-1].id}").get_data(as_text=True)

    assert "最近登录" in page
    assert "连续未成功次数" not in page.partition("<details>")[0]


def test_entry_about_an_account_names_it(lite: Site) -> None:
    account = lite.accounts["leader"]
    page = f"/admin/accounts/{account}/disable"
    lite.browser("administrator").send(page, {"reason": "left"}, form=page)

    shown = lite.browser("auditor").get(f"/audit/{lite.entries('account_disabled')[-1].id}")

    assert "<dt>账号</dt><dd>leader</dd>" in text_of(shown)


@pytest.mark.parametrize("what", ["bases", "calendar"])
def test_export_of_a_list_is_told_by_its_name(lite: Site, what: str) -> None:
    browser = lite.browser("auditor")
    assert browser.get(f"/{what}/export.csv").status_code == 200

    page = browser.get("/audit?kind=export").get_data(as_text=True)

    assert f">导出：{'基地' if what == 'bases' else '期限'}列表<" in page


def test_chips_name_what_they_stand_for(lite: Site) -> None:
    case_id = lite.university.open()
    university = lite.university
    browser = lite.browser("auditor")

    def chip(query: str) -> list[str]:
        page = unescape(browser.get(f"/audit?{query}").get_data(as_text=True))
        return re.findall(r'<li><a class="btn btn-outline-secondary"[^>]*>([^<]*?) <', page)

    assert chip(f"case={case_id}") == ["基地：未命名的申报"]
    assert chip(f"stream=case:{case_id}") == ["序列：未命名的申报"]
    assert chip(f"stream=person:{university.people['leader']}") == ["序列：leader"]
    assert chip("stream=system:meetings") == ["序列：会议"]
    assert chip("stream=system:nothing") == ["序列：nothing"]


def test_erased_name_is_shown_as_erased(lite: Site) -> None:
    university = lite.university
    with lite.database.transaction() as session:
        office.change_person(
            session, university.people["leader"], name="王立新", email=None, phone=None, language="zh", reason="r",
            ctx=university.ctx("office"),
        )  # fmt: skip
        for row in session.scalars(select(Disclosure)):
            row.salt = row.value = None

    page = lite.browser("auditor").get("/audit/1").get_data(as_text=True)

    assert "王立新" not in page
    assert "已依法删除" in page


def test_every_column_an_entry_can_change_has_a_word() -> None:
    """A new table or column needs its words in web/words/audit.toml, or auditors read the name a program has for it."""
    kept = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        if table.name not in UNLOGGED_TABLES | BEHIND_THE_LOG
        for column in table.columns
        if column.name not in UNLOGGED_COLUMNS.get(table.name, ()) and not column.primary_key
    }

    tables = {table for table, _ in kept if f"audit.table.{table}" not in catalogue()}
    columns = {column for _, column in kept if column_text(column, "zh") == column}

    assert (tables, columns) == (set(), set())


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "zh",
            [
                "拒绝：审计日志页面",
                "无此权限",
                "类别：拒绝；自2026年1月1日",
                "培养单位",
                "系统管理员",
            ],
        ),
        (
            "en",
            [
                "Denied: A page of the log",
                "not this person's role",
                "Kind: Denied; From 1 January 2026",
            ],
        ),
    ],
)
def test_entry_speaks_in_words(lite: Site, language: str, words: list[str]) -> None:
    university = lite.university
    lite.browser("leader").get("/audit")
    _export(lite.browser("auditor"), "?kind=denied&since=2026-01-01")
    with lite.database.transaction() as session:
        office.add_unit(session, name="文学院", kind="college", reason="r", ctx=university.ctx("office"))
        office.give_grant(
            session, person_id=university.people["leader"], role="administrator", unit_id=None,
            from_on=date(2026, 3, 10), until_on=None, reason="r", ctx=university.ctx("administrator"),
        )  # fmt: skip
    browser = lite.browser("auditor")
    browser.client.set_cookie("lang", language)

    pages = [browser.get(f"/audit/{entry.id}").get_data(as_text=True) for entry in lite.entries()]

    text = unescape(" ".join(page.partition("<details>")[0] for page in pages))
    assert [word for word in words if word not in text] == []
    assert [code for code in ("not_your_role", "audit.index", "commitment") if code in text] == []


TAMPERINGS = {
    "hash": (
        "UPDATE entries SET body = replace(body, 'the first', 'the faked') WHERE id = 2",
        2,
        "内容与校验码不一致",
    ),
    "columns": ("UPDATE entries SET kind = 'unit_renamed' WHERE id = 2", 2, "检索用的列与内容不一致"),
    "prev": ("DELETE FROM entries WHERE id = 1", 2, "与前一记录不相连"),
    "next": (f"UPDATE entries SET hash = '{'0' * 64}' WHERE id = 1", 1, "后一记录与此记录不相连"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_entry_that_was_touched_says_so_in_red(lite: Site, what: str) -> None:
    statement, entry_id, told = TAMPERINGS[what]
    with lite.database.transaction() as session:
        for name in ("one", "the first", "two"):
            office.add_unit(
                session, name=name, kind="college", reason="the first", ctx=lite.university.ctx("office")
            )
    with lite.database.transaction() as session:
        for verb in ("update", "delete"):
            session.execute(text(f"DROP TRIGGER entries_refuse_{verb}"))
        session.execute(text(statement))

    page = lite.browser("auditor").get(f"/audit/{entry_id}").get_data(as_text=True)

    assert told in page
    assert "校验通过" not in page
    assert 'class="errors"' in page


def test_entry_with_markup_in_it_is_shown_as_text(lite: Site) -> None:
    with lite.database.transaction() as session:
        office.add_unit(
            session,
            name="<b>x</b>",
            kind="college",
            reason="<script>alert(1)</script>",
            ctx=lite.university.ctx("office"),
        )

    page = lite.browser("auditor").get("/audit/1").get_data(as_text=True)

    assert "<script>alert" not in page
    assert "<b>x</b>" not in page


# ───────────────────────────── Export


def _export(browser: Browser, query: str = "") -> Any:
    return browser.send(f"/audit/export{query}", {}, form="/audit")


def _read(answer: Any) -> list[list[str]]:
    content = answer.get_data()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_export_takes_what_the_filter_leaves_and_leaves_one_entry(site: Site) -> None:
    university = site.university
    case_id = university.proposed()
    with site.database.transaction() as session:
        office.add_unit(session, name="文学院", kind="college", reason="new", ctx=university.ctx("office"))
    before = site.entry_count()

    answer = _export(site.browser("auditor"), f"?case={case_id}")
    rows = _read(answer)

    attachment = answer.headers["Content-Disposition"]
    assert attachment.startswith('attachment; filename="____-20')
    assert "filename*=UTF-8''%E5%AE%A1%E8%AE%A1%E6%97%A5%E5%BF%97-20" in attachment
    assert [row[1] for row in rows[1:]] == [f"case:{case_id}"] * (before - 1)
    assert [int(row[2]) for row in rows[1:]] == list(range(before - 1, 0, -1))
    assert rows[1][3] == "2026-03-10 10:00:00"
    written = site.entries()[before:]
    assert [entry.kind for entry in written] == ["export"]
    assert json.loads(written[0].body)["details"]["filters"] == {"case": case_id}


def _keys(page: str) -> dict[str, str]:
    """What a form of the page sends with it."""
    token, key = TOKEN.search(page), KEY.search(page)
    assert token is not None
    assert key is not None
    return {"csrf_token": token.group(1), "key": key.group(1)}


def test_export_sent_twice_leaves_one_entry(lite: Site) -> None:
    _fill(lite, 3)
    browser = lite.browser("auditor")
    both = _keys(browser.get("/audit").get_data(as_text=True))

    first, second = (_read(browser.client.post("/audit/export", data=both)) for _ in range(2))

    assert first == second
    assert lite.entry_count() == 4


def test_one_page_gives_every_kind_of_file(lite: Site) -> None:
    _fill(lite, 3)
    browser = lite.browser("auditor")
    both = _keys(browser.get("/audit").get_data(as_text=True))

    answers = [
        browser.client.post("/audit/export", data={**both, "file": file}) for file in ("csv", "xlsx", "jsonl")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [json.loads(entry.body)["details"]["file"] for entry in lite.entries("export")[-3:]] == [
        "csv", "xlsx", "jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "said"), [("zh", "此表单已用于另一次办理"), ("en", "This form has been used before")]
)
def test_export_with_a_key_that_was_used_says_so_and_sends_nobody_to_a_base(
    lite: Site, language: str, said: str
) -> None:
    _fill(lite, 3)
    browser = lite.browser("auditor")
    browser.client.set_cookie("lang", language)
    sent = {**hidden(browser.get("/audit")), "file": "csv"}
    browser.client.post("/audit/export", data=sent)
    before = lite.entry_count()

    answer = browser.client.post("/audit/export?until=2030-01-01", data=sent)

    assert answer.status_code == 409
    assert said in text_of(answer)
    assert "基地页面" not in text_of(answer)
    assert lite.entry_count() == before


def test_export_streams_more_than_one_batch(lite: Site) -> None:
    _fill(lite, 1100)

    rows = _read(_export(lite.browser("auditor")))

    assert [int(row[0]) for row in rows[1:]] == list(range(1100, 0, -1))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
def test_export_holds_no_formula(lite: Site, start: str) -> None:
    with lite.database.transaction() as session:
        office.add_unit(
            session,
            name="x",
            kind="college",
            reason=f"{start}cmd|' /C calc'!A0",
            ctx=lite.university.ctx("office"),
        )

    rows = _read(_export(lite.browser("auditor")))

    assert [cell for row in rows for cell in row if cell.startswith(start)] == []
    assert f"'{start}cmd|' /C calc'!A0" in rows[1]


def _file(browser: Browser, file: str, query: str = "") -> Any:
    return browser.send(f"/audit/export{query}", {"file": file}, form="/audit")


def test_workbook_holds_the_same_rows_as_text_alone(site: Site) -> None:
    with site.database.transaction() as session:
        office.add_unit(
            session, name="=1+1", kind="college", reason="=cmd()", ctx=site.university.ctx("office")
        )
    site.university.proposed()
    query = "?until=2026-03-11"

    book = load_workbook(io.BytesIO(_file(site.browser("auditor"), "xlsx", query).get_data()))
    lines = _read(_file(site.browser("auditor"), "csv", query))

    sheet = book.worksheets[0]
    cells = [[cell.value or "" for cell in row] for row in sheet.iter_rows()]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "inlineStr", "n"}
    assert [[text.removeprefix("'") for text in row] for row in lines] == cells
    assert any("=cmd()" in row for row in cells)
    assert (sheet.title, sheet.freeze_panes, sheet["A1"].font.b, sheet["A2"].font.b) == (
        "审计日志",
        "A2",
        True,
        False,
    )
    widths = {letter: column.width for letter, column in sheet.column_dimensions.items()}
    assert (widths["A"], widths["D"], widths["Q"]) == (8, 22, 48)


def test_lines_hold_each_entrys_own_text(site: Site) -> None:
    site.university.proposed()
    entries = {entry.hash: entry.body for entry in site.entries()}

    lines = _file(site.browser("auditor"), "jsonl").get_data(as_text=True).rstrip("\n").split("\n")

    told = [json.loads(line) for line in lines]
    assert [entry_hash(line[len('{"entry":') : -len(',"hash":""}') - 64]) for line in lines] == [
        one["hash"] for one in told
    ]
    assert {one["hash"] for one in told} == entries.keys()


def test_process_has_a_trace_per_base_and_names_nobody(site: Site) -> None:
    first, second = site.university.approved(), site.university.proposed()
    space = "{http://www.xes-standard.org/}"

    answer = _file(site.browser("auditor"), "xes")

    root = ElementTree.fromstring(answer.get_data())
    traces = root.findall(f"{space}trace")
    events = [
        [{item.get("key"): item.get("value") for item in event} for event in trace.findall(f"{space}event")]
        for trace in traces
    ]
    assert (root.tag, root.get("xes.version")) == (f"{space}log", "1849.2016")
    assert faults_of_xes(answer.get_data()) == []
    assert {trace[0].get("value") for trace in traces} == {"LP2026-001", "SB-2026-002"}
    assert {frozenset(event) for trace in events for event in trace} == {
        frozenset({"concept:name", "time:timestamp", "org:resource", "lifecycle:transition"})
    }
    assert {str(event["org:resource"])[0] for trace in events for event in trace} == {"r"}
    assert [len(trace) for trace in sorted(events, key=len)] == sorted(
        len([entry for entry in site.entries() if entry.stream == f"case:{case_id}"])
        for case_id in (first, second)
    )
    assert all(person not in answer.get_data(as_text=True) for person in site.university.people.values())


@pytest.mark.parametrize("file", ["csv", "xlsx", "jsonl", "xes"])
def test_export_of_nothing_says_so_and_leaves_no_entry(lite: Site, file: str) -> None:
    lite.university.proposed()
    browser, before = lite.browser("auditor"), lite.entry_count()

    answer = _file(browser, file, "?since=2099-01-01")

    assert answer.status_code == 303
    assert "没有符合条件的记录，没有导出任何文件" in browser.get(answer.location).get_data(as_text=True)
    assert lite.entry_count() == before


def test_export_of_another_kind_is_refused(lite: Site) -> None:
    assert _file(lite.browser("auditor"), "exe").status_code == 400
    assert lite.entry_count() == 0


def test_export_without_its_token_takes_nothing(lite: Site) -> None:
    answer = lite.browser("auditor").client.post("/audit/export", data={"key": "k" * 24})

    assert answer.status_code == 400
    assert lite.entry_count() == 0


def test_export_answers_to_no_link(lite: Site) -> None:
    assert lite.browser("auditor").get("/audit/export").status_code in (404, 405)
    assert lite.entry_count() == 0


def test_list_costs_the_same_for_few_and_many_rows(lite: Site) -> None:
    _fill(lite, 1)
    browser = lite.browser("auditor")
    browser.get("/audit")
    few = count_queries(lite, browser, "/audit")
    for number in range(5):
        lite.university.proposed(partner=f"单位{number}")
    _fill(lite, 20)

    assert count_queries(lite, browser, "/audit") == few + 1, (
        "one query more for the names of the bases, however many"
    )


def test_days_of_a_filter_are_beijing_days(lite: Site) -> None:
    """01:00 of the 10th in Beijing is 17:00 of the 9th in UTC."""
    from datetime import UTC, datetime

    with lite.database.transaction() as session:
        ctx = lite.university.ctx("office", at=datetime(2026, 3, 9, 17, 0, tzinfo=UTC))
        office.add_unit(session, name="x", kind="college", reason="r", ctx=ctx)
    browser = lite.browser("auditor")

    assert _shown(browser, "?since=2026-03-10&until=2026-03-10") == [1]
    assert _shown(browser, "?until=2026-03-09") == []
    with lite.database.reading() as session:
        assert session.scalars(select(Entry.effective_on)).one() == date(2026, 3, 10)
