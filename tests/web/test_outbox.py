"""The outbox: found by status, channel, kind and person; what is parked goes again, a letter whole; a test mail takes the usual way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from sqlalchemy import select, update

from models import Database, Entry, Notice, Person
from schedules.delivery import deliver
from tests.schedules.post import BadServer, listening, mails, queue
from tests.schedules.test_sorting import TOLD, TURN
from tests.web.conftest import text_of
from tests.web.signing_in import Site, site_over
from tests.workflow.routing import founded

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_ours() -> None:
    """All places of the site are in."""


@pytest.fixture
def site(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, at_ten: object) -> Iterator[Site]:
    with time_machine.travel(NOW, tick=True):
        yield site_over(sqlite_database, monkeypatch, university=founded(sqlite_database))


def parked(site: Site, who: str, *templates: str, letter: bool = False) -> list[str]:
    case_id = site.university.open()
    ids = queue(site.university, who, *templates, case_id=case_id, at=NOW, **{**TOLD, **TURN})
    values = {
        "parked_at": NOW,
        "next_try_at": None,
        "attempts": 8,
        "failure": "SMTPRecipientsRefused: 550 gone",
    }
    with site.database.transaction() as session:
        session.execute(update(Notice).where(Notice.id.in_(ids)).values(**values))
        if letter:
            session.execute(update(Notice).where(Notice.id.in_(ids)).values(letter=ids[0], letter_at=NOW))
    return ids


def rows_of(site: Site, address: str) -> str:
    return text_of(site.browser("office").get(address))


def test_outbox_is_narrowed_by_kind_and_person_and_counts_what_it_found(site: Site) -> None:
    parked(site, "leader", "act", "act")
    parked(site, "head", "your_turn")

    everything = rows_of(site, "/admin/outbox?status=parked")
    of_head = rows_of(site, "/admin/outbox?status=parked&q=head@example.org")
    robots = rows_of(site, "/admin/outbox?status=parked&channel=robot")

    assert "共3条" in everything
    assert "550 gone" in everything
    assert "共1条" in of_head
    assert "共0条" in robots


@pytest.mark.parametrize(
    ("language", "none", "of_leader"),
    [
        ("zh", "没有等待发送的通知；已发送3条。", "没有等待发送的通知；已发送2条。"),
        ("en", "No notice waits to be sent; 3 were sent.", "No notice waits to be sent; 2 were sent."),
    ],
)
def test_outbox_in_which_none_waits_says_how_many_were_sent(
    site: Site, language: str, none: str, of_leader: str
) -> None:
    sent = [*parked(site, "leader", "act", "act"), *parked(site, "head", "your_turn")]
    with site.database.transaction() as session:
        values = {"sent_at": NOW, "parked_at": None, "failure": None}
        session.execute(update(Notice).where(Notice.id.in_(sent)).values(**values))
    office = site.browser("office")
    office.client.set_cookie("lang", language)

    everything = text_of(office.get("/admin/outbox"))
    narrowed = text_of(office.get("/admin/outbox?q=leader@example.org"))
    stopped = text_of(office.get("/admin/outbox?status=parked"))

    assert none in everything
    assert of_leader in narrowed
    assert none not in stopped


def test_letter_is_sent_again_whole(site: Site) -> None:
    first, second = parked(site, "leader", "act", "act", letter=True)
    page = f"/admin/outbox/{second}/resend"

    site.browser("office").send(page, {"reason": "the mailbox is there again"}, form=page)

    assert {(row.id, row.parked_at, row.attempts) for row in mails(site.university, "leader")} == {
        (first, None, 0),
        (second, None, 0),
    }


def test_everything_parked_of_one_kind_is_sent_again_in_one_act(site: Site) -> None:
    parked(site, "leader", "act", "act")
    parked(site, "head", "your_turn")
    page = "/admin/outbox/resend"

    answer = site.browser("office").send(
        page, {"template": "act", "reason": "the server is mended"}, form=page
    )
    again = site.browser("office").send(page, {"template": "act", "reason": "once more"}, form=page)

    waiting = {row.template for row in mails(site.university) if row.next_try_at is not None}
    with site.database.reading() as session:
        kinds = list(session.scalars(select(Entry.kind).where(Entry.stream == "system:outbox")))
    assert (answer.status_code, again.status_code) == (302, 422)
    assert waiting == {"act"}
    assert kinds == ["notices_resent"]


def test_test_mail_takes_the_way_of_every_mail(site: Site) -> None:
    page = "/admin/outbox/test"
    office = BadServer()

    site.browser("office").send(page, {}, form=page)
    with listening(office) as server:
        deliver(site.database, server, stop=lambda: False)

    assert [(m["To"], m["Subject"]) for m in office.received] == [
        ("office@example.org", "【联培基地】测试通知")
    ]
    assert "测试通知" not in rows_of(site, "/?list=copied")


def test_test_mail_without_an_address_says_what_is_missing(site: Site) -> None:

    with site.database.transaction() as session:
        session.get_one(Person, site.university.people["office"]).email = None
    page = "/admin/outbox/test"

    answer = site.browser("office").send(page, {}, form=page)

    assert answer.status_code == 422
    assert "没有登记邮箱" in text_of(answer)
    assert mails(site.university, "office") == []
