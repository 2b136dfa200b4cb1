"""The pages of a meeting: convened, voted in with few clicks, paper votes, closed with its consequences shown, minutes."""

from __future__ import annotations

import io
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from docx.oxml.ns import qn
from sqlalchemy import select

from models import AgendaItem, Attendance, Ballot, Blob, Database, Meeting, Round, StoredDocument
from tests.conftest import Templates
from tests.university import Founding
from tests.web.browsing import chromium, served, widths
from tests.web.conftest import Statements, hidden, text_of
from tests.web.programs import Program, program
from tests.web.signing_in import PASSWORD, Browser, Site, site_over
from tests.workflow.routing import MEMBERS, at_vote, founded
from tests.workflow.test_meetings import called

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


@pytest.fixture
def founding() -> Founding:
    return founded


def meeting_over(site: Site, count: int, *, present: tuple[str, ...] = MEMBERS) -> str:
    """A meeting over some proposals that are at the vote; return its address."""
    cases = [at_vote(site.university) for _ in range(count)]
    return f"/meetings/{called(site.university, *cases, present=present).subject}"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ["水城人民医院研究生联合培养基地", "领导小组表决", "2026-01", "地点", "会议状态", "进行中"]),
        ("en", ["水城人民医院研究生联合培养基地", "vote of the leading group", "2026-01", "Place", "open"]),
    ],
)
def test_entry_of_a_meeting_names_what_it_speaks_of(lite: Site, language: str, words: list[str]) -> None:
    meeting_over(lite, 1)
    browser = lite.browser("auditor")
    browser.client.set_cookie("lang", language)

    page = text_of(browser.get(f"/audit/{lite.entries('meeting_convened')[-1].id}"))
    cells = re.findall(r'<t[dh] [^>]*data-label="[^"]*"[^>]*>([^<]*)<', page)

    assert [word for word in words if not any(word == cell for cell in cells)] == []
    assert [cell for cell in cells if re.match(r"[0-9a-f]{8}-[0-9a-f]{4}-", cell)] == []


def items(site: Site) -> list[AgendaItem]:
    with site.database.reading() as session:
        return list(session.scalars(select(AgendaItem).order_by(AgendaItem.place)))


def votes(site: Site) -> list[Ballot]:
    with site.database.reading() as session:
        rows = select(Ballot).join(Round).where(Round.step == "selection").order_by(Ballot.id)
        return list(session.scalars(rows))


def vote(site: Site, address: str, who: str, choices: list[str], **more: Any) -> Any:
    """Choose on each row in order, look at what it does, and confirm; return the page of results."""
    browser = site.browser(who)
    chosen = {
        f"choice.{item.id}": choice for item, choice in zip(items(site), choices, strict=False) if choice
    }
    check = browser.client.post(f"{address}/votes/check", data={**hidden(browser.get(address)), **chosen})
    if check.status_code != 200:
        return check
    return browser.client.post(f"{address}/votes", data={**hidden(check), **more})


# ───────────────────────────── Convening


def test_office_convenes_over_the_votes_that_are_open(site: Site) -> None:
    cases = [at_vote(site.university) for _ in range(2)]
    office, people = site.browser("office"), site.university.people

    answer = office.send(
        "/meetings/new",
        {
            "held_on": "2026-03-20",
            "place": "行政楼301",
            "chair": people["member"],
            "present": [people[name] for name in MEMBERS],
            "agenda": cases,
        },
    )

    page = text_of(office.get(answer.headers["Location"]))
    assert answer.status_code == 303
    assert "表决会议 2026-01" in page
    assert [item.case_id for item in items(site)] == cases


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("agenda", [], "议程没有任何事项"),
        ("present", [], "未选择到会成员"),
        ("place", "", "未填写“地点”"),
        ("chair", "x", "须为本机构现任成员"),
        ("held_on", "2026-03-19", "不能早于今天"),
        ("held_on", "soon", "须为日期"),
    ],
)
def test_refused_meeting_is_shown_again_as_it_was_typed(
    lite: Site, field: str, value: Any, text: str
) -> None:
    case_id, people = at_vote(lite.university), lite.university.people
    typed = {
        "held_on": "2026-03-20",
        "place": "行政楼301",
        "chair": people["member"],
        "present": [people["member"]],
        "agenda": [case_id],
        field: value,
    }

    answer = lite.browser("office").send("/meetings/new", typed)

    assert answer.status_code == 422
    assert text in text_of(answer)
    assert items(lite) == []


@pytest.mark.parametrize(
    ("who", "status"), [("office", 200), ("member", 200), ("auditor", 200), ("head", 404), ("leader", 404)]
)
def test_meeting_is_seen_by_those_concerned(lite: Site, who: str, status: int) -> None:
    address = meeting_over(lite, 1)

    assert lite.browser(who).get(address).status_code == status


@pytest.mark.parametrize("page", ["/close", "/present", "/new"])
def test_members_do_not_keep_the_meeting(lite: Site, page: str) -> None:
    address = "/meetings" if page == "/new" else meeting_over(lite, 1)

    assert lite.browser("member").get(f"{address}{page}").status_code == 404


def test_office_says_who_is_there(lite: Site) -> None:
    address = meeting_over(lite, 1, present=MEMBERS[:2])
    there = [lite.university.people[name] for name in MEMBERS[:4]]

    lite.browser("office").send(f"{address}/present", {"present": there})

    with lite.database.reading() as session:
        present = session.scalars(select(Attendance.person_id).where(Attendance.present)).all()
    assert sorted(present) == sorted(there)


# ───────────────────────────── Voting


def test_member_votes_on_all_rows_and_hears_of_each(site: Site) -> None:
    address = meeting_over(site, 3)

    answer = vote(site, address, "member", ["agree", "refuse", "abstain"])

    page = text_of(answer)
    assert answer.status_code == 200
    assert page.count("已记录（第") == 3
    said = {row.case_id: row.choice for row in votes(site)}
    assert [said[item.case_id] for item in items(site)] == ["agree", "refuse", "abstain"]
    assert "您已投票：不同意" in text_of(site.browser("member").get(address))


def test_row_without_a_choice_is_left_out(lite: Site) -> None:
    address = meeting_over(lite, 2)

    vote(lite, address, "member", ["", "agree"])

    assert len(votes(lite)) == 1


def test_nothing_chosen_is_said(lite: Site) -> None:
    address = meeting_over(lite, 1)

    answer = vote(lite, address, "member", [])

    assert (answer.status_code, votes(lite)) == (422, [])
    assert "没有选择任何一项" in text_of(answer)


def test_votes_sent_twice_are_cast_once(lite: Site) -> None:
    address = meeting_over(lite, 1)
    browser = lite.browser("member")
    chosen = {f"choice.{items(lite)[0].id}": "agree"}
    check = browser.client.post(f"{address}/votes/check", data={**hidden(browser.get(address)), **chosen})

    first = browser.client.post(f"{address}/votes", data=hidden(check))
    again = browser.client.post(f"{address}/votes", data=hidden(check))

    assert (first.status_code, again.status_code, len(votes(lite))) == (200, 200, 1)


def test_last_vote_does_not_tell_what_it_brings_about_before_it_is_cast(lite: Site) -> None:
    """The last to vote could otherwise try each choice and learn how the others voted."""
    address = meeting_over(lite, 1)
    for who in MEMBERS[:4]:
        vote(lite, address, who, ["agree"])
    browser = lite.browser(MEMBERS[4])
    name, page = f"choice.{items(lite)[0].id}", hidden(browser.get(address))

    checks = {
        choice: text_of(browser.client.post(f"{address}/votes/check", data={**page, name: choice}))
        for choice in ("agree", "refuse")
    }

    own = re.compile(r'value="(agree|refuse|[0-9a-f]{64})"|<strong>(同意|不同意)</strong>')
    assert own.sub("…", checks["agree"]) == own.sub("…", checks["refuse"])
    assert "其后如何，由全部表态共同决定" in checks["agree"]
    assert "批准立项" not in checks["agree"]
    assert lite.university.state(items(lite)[0].case_id) == "proposed"


def test_vote_that_would_now_decide_is_not_cast_unseen(lite: Site) -> None:
    address = meeting_over(lite, 1)
    for who in MEMBERS[:3]:
        vote(lite, address, who, ["agree"])
    browser = lite.browser(MEMBERS[3])
    chosen = {f"choice.{items(lite)[0].id}": "agree"}
    check = browser.client.post(f"{address}/votes/check", data={**hidden(browser.get(address)), **chosen})
    vote(lite, address, MEMBERS[4], ["agree"])

    answer = browser.client.post(f"{address}/votes", data=hidden(check))

    assert answer.status_code == 409
    assert "情况已有变化" in text_of(answer)
    assert len(votes(lite)) == 4


def test_absent_member_has_no_form_and_is_refused(lite: Site) -> None:
    address = meeting_over(lite, 1, present=MEMBERS[:4])
    browser = lite.browser(MEMBERS[4])
    page = browser.get(address)
    (item,) = items(lite)
    version = str(lite.university.case(item.case_id).version)
    chosen = {f"choice.{item.id}": "agree", f"version.{item.id}": version}

    check = browser.client.post(f"{address}/votes/check", data={**hidden(page), **chosen})
    answer = browser.client.post(f"{address}/votes", data=hidden(check))

    assert 'type="radio"' not in page.get_data(as_text=True)
    assert "不在到会成员名单中" in text_of(answer)
    assert votes(lite) == []


def test_one_refused_row_leaves_the_others(lite: Site) -> None:
    address = meeting_over(lite, 2)
    browser = lite.browser("member")
    first, second = items(lite)
    chosen = {f"choice.{item.id}": "agree" for item in (first, second)}
    check = browser.client.post(f"{address}/votes/check", data={**hidden(browser.get(address)), **chosen})
    lite.university.done(first.case_id, "selection", "member", outcome="refuse")

    answer = browser.client.post(f"{address}/votes", data=hidden(check))

    assert answer.status_code == 409
    assert text_of(answer).count("已记录（第") == 1
    assert sorted(str(row.choice) for row in votes(lite)) == ["agree", "refuse"]


def test_chair_and_office_see_who_has_not_voted_and_members_do_not(lite: Site) -> None:
    address = meeting_over(lite, 1)
    vote(lite, address, "second_member", ["refuse"])

    pages = {who: text_of(lite.browser(who).get(address)) for who in ("member", "office", "third_member")}

    for who in ("member", "office"):
        assert "有表决权的成员5人，法定人数为其2/3（向上取整）即4票，弃权计入；已投1票，未达到" in pages[who]
        assert "尚未投票" in pages[who]
    assert "尚未投票" not in pages["third_member"]
    assert all("不同意1票" not in page for page in pages.values())


def test_meeting_costs_the_same_for_one_row_and_for_many(
    templates: Templates, monkeypatch: pytest.MonkeyPatch, at_ten: object
) -> None:
    """On PostgreSQL, where all cases are read in one statement; SQLite reads each table of each case where it lies."""
    url = templates.copy("postgresql")
    database = Database(url)
    site = site_over(database, monkeypatch, university=founded(database))
    addresses = [meeting_over(site, 1), meeting_over(site, 4)]
    browser = site.browser("member")
    costs = []

    for address in (addresses[0], *addresses):
        with Statements(database) as sent:
            browser.get(address)
        costs.append(len(sent.texts))
    database.dispose()
    templates.drop(url)

    assert costs[1] == costs[2]


def test_inbox_leads_into_the_meeting(lite: Site) -> None:
    address = meeting_over(lite, 1, present=MEMBERS[:4])

    assert f'href="{address}"' in text_of(lite.browser("member").get("/"))
    assert f'href="{address}"' not in text_of(lite.browser(MEMBERS[4]).get("/"))


# ───────────────────────────── Paper votes


def entered(
    site: Site, address: str, member: str, choices: list[str], *, scan: bool = True, **more: Any
) -> Any:
    office = site.browser("office")
    page = f"{address}/papers/{site.university.people[member]}"
    data: dict[str, Any] = {
        f"choice.{item.id}": choice for item, choice in zip(items(site), choices, strict=False) if choice
    }
    data |= hidden(office.get(page))
    if scan:
        data["scan"] = (io.BytesIO(PDF), "纸质票.pdf")
    check = office.client.post(f"{page}/check", data=data, content_type="multipart/form-data")
    if check.status_code != 200:
        return check
    return office.client.post(page, data={**hidden(check), **more})


def test_clerk_enters_paper_votes_of_a_member(site: Site) -> None:
    address = meeting_over(site, 2)

    answer = entered(site, address, "second_member", ["agree", "refuse"])

    assert text_of(answer).count("已记录（第") == 2
    cast = votes(site)
    assert {row.cast_by for row in cast} == {site.university.people["office"]}
    assert {row.person_id for row in cast} == {site.university.people["second_member"]}
    assert all(row.form["scan"] for row in cast)
    case_id = items(site)[0].case_id
    assert "代录" in text_of(site.browser("office").get(f"/bases/{case_id}"))


def paper_check(
    site: Site, address: str, member: str, choices: list[str], *, office: Browser | None = None
) -> Any:
    """The page of consequences of a member's paper votes."""
    office = office or site.browser("office")
    page = f"{address}/papers/{site.university.people[member]}"
    chosen = {f"choice.{item.id}": choice for item, choice in zip(items(site), choices, strict=False)}
    data = {**hidden(office.get(page)), **chosen, "scan": (io.BytesIO(PDF), "纸质票.pdf")}
    return office.client.post(f"{page}/check", data=data, content_type="multipart/form-data")


def test_paper_votes_are_shown_before_they_are_entered(site: Site) -> None:
    address = meeting_over(site, 2)

    page = text_of(paper_check(site, address, "second_member", ["agree", "refuse"]))

    assert "核对：代录second_member的纸质票" in page
    assert ("同意" in page, "不同意" in page) == (True, True)
    assert votes(site) == []


def test_scan_left_on_the_page_of_consequences_is_no_document(lite: Site) -> None:
    address = meeting_over(lite, 2)

    check = paper_check(lite, address, "second_member", ["agree", "refuse"])

    assert check.status_code == 200
    assert all(entry.act != "scan" for entry in lite.entries("document"))
    with lite.database.reading() as session:
        assert session.scalars(select(StoredDocument.id).where(StoredDocument.field == "scan")).all() == []
        assert (
            session.scalars(select(Blob.until).where(Blob.sha256 == sha256(PDF).hexdigest())).one()
            is not None
        )


def test_scan_that_was_never_sent_is_none(lite: Site) -> None:
    address = meeting_over(lite, 1)
    office = lite.browser("office")
    sent = hidden(paper_check(lite, address, "second_member", ["agree"], office=office))
    forged = {name: "x" if name.startswith("scan.") else value for name, value in sent.items()}

    answer = office.client.post(f"{address}/papers/{lite.university.people['second_member']}", data=forged)

    assert "没有纸质表决票的扫描件" in text_of(answer)
    assert votes(lite) == []


# ───────────────────────────── Paper votes of a program


def set_aside(
    site: Site, address: str, caller: Program | None = None, *, field: str = "scan", content: bytes = PDF
) -> Any:
    data = {"field": field, "file": (io.BytesIO(content), "纸质票.pdf")}
    return (caller or program(site, "office")).call("POST", f"{address}/scans", data=data)


def sent_papers(
    site: Site, address: str, member: str, scan: str, choices: list[str], caller: Program | None = None
) -> Any:
    rows = [
        {"item_id": item.id, "version": site.university.case(item.case_id).version, "outcome": choice}
        for item, choice in zip(items(site), choices, strict=True)
    ]
    body = {"person_id": site.university.people[member], "scan": scan, "rows": rows}
    return (caller or program(site, "office")).send(f"{address}/papers", body, key="k1")


def test_program_enters_paper_votes_as_the_page_does(site: Site) -> None:
    address = meeting_over(site, 2)
    scan = set_aside(site, address)

    answer = sent_papers(site, address, "second_member", scan.get_json()["scan"], ["agree", "refuse"])
    again = sent_papers(site, address, "second_member", scan.get_json()["scan"], ["agree", "refuse"])

    assert (scan.status_code, answer.status_code) == (201, 200)
    assert [row["done"] for row in answer.get_json()["items"]] == [True, True]
    assert [row["receipt"]["seq"] for row in again.get_json()["items"]] == [
        row["receipt"]["seq"] for row in answer.get_json()["items"]
    ]
    cast = votes(site)
    assert [(row.person_id, row.cast_by) for row in cast] == [
        (site.university.people["second_member"], site.university.people["office"])
    ] * 2
    assert all(row.form["scan"] for row in cast)


def test_program_enters_no_paper_vote_without_its_scan(lite: Site) -> None:
    address = meeting_over(lite, 1)

    answer = sent_papers(lite, address, "second_member", "x", ["agree"])

    problem = answer.get_json()["items"][0]["problem"]
    assert [blocker["code"] for blocker in problem["blockers"]] == ["scan_missing"]
    assert votes(lite) == []


@pytest.mark.parametrize("who", ["member", "auditor", "head"])
def test_only_the_office_of_the_body_enters_paper_votes(lite: Site, who: str) -> None:
    address = meeting_over(lite, 1)

    caller = program(lite, who)
    refused = [
        set_aside(lite, address, caller),
        sent_papers(lite, address, "second_member", "x", ["agree"], caller),
    ]

    assert [answer.status_code for answer in refused] == [403, 403]


@pytest.mark.parametrize(("field", "content"), [("plan", PDF), ("scan", b"MZ no document")])
def test_program_sends_no_other_file_for_a_scan(lite: Site, field: str, content: bytes) -> None:
    answer = set_aside(lite, meeting_over(lite, 1), field=field, content=content)

    assert answer.status_code == 422


def test_paper_vote_that_closes_the_vote_says_so_and_no_more(lite: Site) -> None:
    address = meeting_over(lite, 1)
    all_agree(lite, address, *MEMBERS[:4], choices=["agree"])

    page = text_of(paper_check(lite, address, MEMBERS[4], ["agree"]))
    answer = entered(lite, address, MEMBERS[4], ["agree"])

    assert "此项使“领导小组表决”结束" in page
    assert "批准立项" not in page
    assert lite.university.state(items(lite)[0].case_id) == "approved"
    assert "随之" in text_of(answer)


def test_paper_vote_that_would_now_close_the_vote_is_not_entered(lite: Site) -> None:
    """Shown as one of several, it became the last; whoever enters it is to see that first."""
    address = meeting_over(lite, 1)
    all_agree(lite, address, *MEMBERS[:3], choices=["agree"])
    office = lite.browser("office")
    check = paper_check(lite, address, MEMBERS[4], ["agree"], office=office)
    vote(lite, address, MEMBERS[3], ["agree"])

    person = lite.university.people[MEMBERS[4]]
    answer = office.client.post(f"{address}/papers/{person}", data=hidden(check))

    assert (answer.status_code, len(votes(lite))) == (409, 4)
    assert lite.university.state(items(lite)[0].case_id) == "proposed"


def test_paper_votes_sent_twice_are_entered_once(site: Site) -> None:
    """The second answer is the first, though the vote is closed by then."""
    address = meeting_over(site, 1)
    all_agree(site, address, *MEMBERS[:4], choices=["agree"])
    office = site.browser("office")
    sent = hidden(paper_check(site, address, MEMBERS[4], ["agree"], office=office))
    page = f"{address}/papers/{site.university.people[MEMBERS[4]]}"

    answers = [office.client.post(page, data=sent) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(votes(site)) == 5


def test_paper_vote_without_its_scan_is_refused(lite: Site) -> None:
    address = meeting_over(lite, 1)

    answer = entered(lite, address, "second_member", ["agree"], scan=False)

    assert (answer.status_code, votes(lite)) == (422, [])
    assert "请上传纸质票扫描件" in text_of(answer)


def test_row_voted_on_is_not_offered_for_paper(lite: Site) -> None:
    address = meeting_over(lite, 1)
    office, offer = lite.browser("office"), f"{address}/papers/{lite.university.people['second_member']}"
    assert f'href="{offer}"' in text_of(office.get(address))

    vote(lite, address, "second_member", ["refuse"])

    assert f'href="{offer}"' not in text_of(office.get(address))
    page = text_of(office.get(offer))
    assert "没有可代录的事项" in page


# ───────────────────────────── Closing and minutes


def all_agree(site: Site, address: str, *who: str, choices: list[str]) -> None:
    for name in who:
        vote(site, address, name, choices)


def close(site: Site, address: str) -> Any:
    office = site.browser("office")
    return office.client.post(f"{address}/close", data=hidden(office.get(f"{address}/close")))


def test_closing_is_shown_first_and_then_done_row_by_row(site: Site) -> None:
    address = meeting_over(site, 2)
    all_agree(site, address, *MEMBERS[:4], choices=["agree"])
    shown = text_of(site.browser("office").get(f"{address}/close"))

    answer = close(site, address)

    first, second = items(site)
    assert "同意4票，不同意0票，弃权0票；同意票须超过（4＋0）＝4票的1/2" in shown
    assert "随之生效：批准立项" in shown
    assert "未达到法定人数" in shown
    assert text_of(answer).count("已记录（第") == 2
    assert site.university.state(first.case_id) == "approved"
    assert site.university.state(second.case_id) == "proposed"
    assert site.row(Meeting, address.rpartition("/")[2]).status == "closed"


def test_row_that_changed_since_it_was_shown_stays_open(lite: Site) -> None:
    address = meeting_over(lite, 1)
    all_agree(lite, address, *MEMBERS[:3], choices=["agree"])
    office = lite.browser("office")
    shown = hidden(office.get(f"{address}/close"))
    vote(lite, address, MEMBERS[3], ["agree"])

    answer = office.client.post(f"{address}/close", data=shown)

    assert answer.status_code == 409
    assert lite.row(Meeting, address.rpartition("/")[2]).status == "open"
    assert lite.university.state(items(lite)[0].case_id) == "proposed"


def minutes(site: Site, address: str, who: str = "office") -> Any:
    browser = site.browser(who)
    return browser.client.post(f"{address}/minutes", data=hidden(browser.get(address)))


def test_minutes_say_who_was_there_what_was_counted_and_what_came_of_it(site: Site) -> None:
    address = meeting_over(site, 1, present=MEMBERS[:4])
    all_agree(site, address, *MEMBERS[:3], choices=["agree"])
    entered(site, address, MEMBERS[3], ["refuse"])
    close(site, address)

    answer = minutes(site, address)

    paper = Document(io.BytesIO(answer.get_data()))
    text = "\n".join(paragraph.text for paragraph in paper.paragraphs)
    assert "会议纪要 2026-01" in text
    assert "缺席成员：fifth_member" in text
    assert "法定人数为其2/3（向上取整）即4票" in text
    assert "同意3票，不同意1票，弃权0票；同意票须超过（3＋1）＝4票的1/2" in text
    assert "fourth_member的票由office代录或代投" in text
    assert "表决结果：通过" in text
    assert "主持人：____" in text
    fonts = {
        style.element.rPr.rFonts.get(qn("w:eastAsia")) for style in paper.styles if hasattr(style, "font")
    }
    assert fonts == {"SimSun"}


def test_minutes_are_a_logged_export(lite: Site) -> None:
    address = meeting_over(lite, 1)
    close(lite, address)

    answer = minutes(lite, address, "member")

    (entry,) = lite.entries("export")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert entry.actor_id == lite.university.people["member"]
    assert '"meeting":"2026-01"' in entry.body


def test_open_meeting_has_no_minutes(lite: Site) -> None:
    address = meeting_over(lite, 1)

    assert minutes(lite, address).status_code == 404
    assert lite.entries("export") == []


# ───────────────────────────── In a browser

TWELVE = 12
MOST_CLICKS = 15


def _signed_in(browser: Any, address: str, login: str, *, language: str = "zh", width: int = 1280) -> Any:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale="zh-CN" if language == "zh" else "en-GB"
    )
    page = context.new_page()
    page.goto(f"{address}/login")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", PASSWORD)
    with page.expect_navigation():
        page.press("input[name=password]", "Enter")
    return page


def test_twelve_proposals_are_voted_on_with_at_most_fifteen_clicks(lite: Site) -> None:
    address = meeting_over(lite, TWELVE)
    clicks = 0

    with served(lite.app) as root, chromium() as browser:
        page = _signed_in(browser, root, "second-member")

        def click(target: Any) -> None:
            nonlocal clicks
            clicks += 1
            target.click()

        with page.expect_navigation():
            click(page.locator(f"main a[href='{address}']"))
        for item in items(lite):
            click(page.locator(f"input[name='choice.{item.id}'][value=agree]"))
        with page.expect_navigation():
            click(page.locator("main form .btn-primary"))
        with page.expect_navigation():
            click(page.locator("main form .btn-primary"))
        result = page.inner_text("main")

    assert result.count("已记录（第") == TWELVE
    assert len(votes(lite)) == TWELVE
    assert clicks <= MOST_CLICKS


CHECK = "/papers-check"
"""The page of consequences of paper votes, which is come to by its form alone."""


def _to_the_check(page: Any, address: str, rows: list[AgendaItem]) -> None:
    page.goto(address)
    for item in rows:
        page.check(f"input[name='choice.{item.id}'][value=agree]")
    page.set_input_files(
        "input[name=scan]", {"name": "纸质票.pdf", "mimeType": "application/pdf", "buffer": PDF}
    )
    with page.expect_navigation():
        page.locator("main form .btn-primary").click()
    assert page.locator("input[name=key]").count() == 1
    assert page.url.endswith("/check")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_fit_the_screen_and_axe_finds_nothing(lite: Site, language: str, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    address = meeting_over(lite, 2)
    vote(lite, address, "third_member", ["agree", "agree"])
    person = lite.university.people["fourth_member"]
    pages = {
        "second-member": ("/", address),
        "office": (
            address,
            "/meetings",
            f"{address}/close",
            f"{address}/papers/{person}",
            "/admin/delegations",
        ),
        "head": ("/delegations", "/delegations/new"),
    }
    found, wide = [], []

    with served(lite.app) as root, chromium() as browser:
        for login, paths in pages.items():
            for width in widths(language):
                page = _signed_in(browser, root, login, language=language, width=width)
                for path in (*paths, *([CHECK] if login == "office" else [])):
                    if path == CHECK:
                        _to_the_check(page, f"{root}{address}/papers/{person}", items(lite))
                    else:
                        page.goto(root + path)
                    name = re.sub(r"\W+", "-", path.replace(address, "meeting").replace(person, "member"))
                    page.screenshot(path=tmp_path / f"{login}{name}-{width}-{language}.png", full_page=True)
                    found += [
                        (login, path, violation["id"]) for violation in Axe().run(page).response["violations"]
                    ]
                    if page.evaluate("document.documentElement.scrollWidth") > width:
                        wide.append((login, path, width))
                page.context.close()

    assert found == []
    assert wide == []
