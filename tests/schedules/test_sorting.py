"""When mail goes out and what goes together: quiet hours, working days, one mail a day, and what each person chose."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from icalendar import Calendar
from sqlalchemy import delete

from models import Database, Duty, JointBase, MailChoice, Notice, Person, Setting, new_key
from schedules.delivery import MailServer, deliver
from tests.conftest import Templates
from tests.schedules.post import BadServer, listening, mails, queue
from tests.schedules.test_delivery import body
from tests.university import University
from tests.workflow.routing import founded
from workflow.mailing import kind_of
from workflow.messages import TEMPLATES
from workflow.periods import BEIJING
from workflow.world import bump

TURN = {"act": "college_opinion", "basis": "5", "day": "2026-03-10"}
TOLD = {
    "act": "approve",
    "outcome": None,
    "from": "proposed",
    "to": "approved",
    "day": "2026-03-10",
    "basis": "5, 7",
}
REPORT: dict[str, Any] = {"timer": "sign_by", "answer": None, "days": 7, "period": None, "sequence": 4}

Office = tuple[University, BadServer, MailServer, str, str]


def beijing(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


@pytest.fixture(scope="module")
def house(templates: Templates) -> Iterator[tuple[University, str, str]]:
    """A university with two bases, led by the leader and by nobody linked."""
    url = templates.copy("sqlite")
    database = Database(url)
    here = founded(database, quiet_hours="20:00-08:00", reminders_on_working_days=True)
    cases = [here.open(), here.open()]
    with database.transaction() as session:
        for case_id, name in zip(cases, ("甲基地", "乙基地"), strict=True):
            session.get_one(JointBase, case_id).base_name = name
    yield here, cases[0], cases[1]
    database.dispose()
    templates.drop(url)


@pytest.fixture
def office(house: tuple[University, str, str]) -> Iterator[Office]:
    here, first, second = house
    with here.database.transaction() as session:
        for table in (Notice, MailChoice):
            session.execute(delete(table))
    server = BadServer()
    with listening(server) as reached:
        yield here, server, reached, first, second


def at(office: Office, text: str) -> list[Any]:
    """The mails one look at the outbox sends at a Beijing time."""
    here, box, server, _, _ = office
    known = len(box.received)
    with time_machine.travel(beijing(text), tick=True):
        deliver(here.database, server, stop=lambda: False)
    return box.received[known:]


def choose(here: University, who: str, kind: str, pace: str) -> None:
    with here.database.transaction() as session:
        session.add(MailChoice(id=new_key(), person_id=here.people[who], kind=kind, pace=pace))


# ───────────────────────────── When


@pytest.mark.parametrize(
    ("template", "params", "queued", "held_at", "sent_at"),
    [
        ("your_turn", TURN, "2026-03-10 22:00", ("2026-03-10 23:00", "2026-03-11 07:59"), "2026-03-11 08:00"),
        ("your_turn", TURN, "2026-03-13 22:00", ("2026-03-13 22:00",), "2026-03-14 08:00"),  # a Saturday
        ("act", TOLD, "2026-03-13 22:00", ("2026-03-13 22:00",), "2026-03-14 08:00"),
        ("reminder", {**REPORT, "day": "2026-05-08"}, "2026-05-01 00:00", ("2026-05-01 09:00",), "2026-05-06 08:00"),
        # The window would open only after the deadline: the reminder goes at once.
        ("reminder", {**REPORT, "day": "2026-05-02"}, "2026-05-01 00:00", (), "2026-05-01 00:00"),
        ("overdue", {**REPORT, "day": "2026-04-30"}, "2026-05-01 00:00", ("2026-05-01 09:00",), "2026-05-06 08:00"),
    ],
)  # fmt: skip
def test_notice_goes_out_at_the_first_allowed_instant(
    office: Office, template: str, params: dict[str, Any], queued: str, held_at: tuple[str, ...], sent_at: str
) -> None:
    here, _, _, case_id, _ = office
    queue(here, "leader", template, case_id=case_id, at=beijing(queued), **params)

    early = [at(office, moment) for moment in held_at]
    then = at(office, sent_at)

    assert early == [[]] * len(held_at)
    assert len(then) == 1


def test_hours_the_office_sets_count_at_once(office: Office) -> None:
    here, _, _, case_id, _ = office
    queue(here, "leader", "your_turn", case_id=case_id, at=beijing("2026-03-10 22:00"), **TURN)
    row = Setting(
        id=new_key(), lifecycle="base", name="quiet_hours", value="none", from_on=beijing("2026-03-10 00:00").date(),
        reason="for a while", recorded_at=beijing("2026-03-10 00:00"),
    )  # fmt: skip
    with here.database.transaction() as session:
        session.add(row)

        bump(session)

    sent = at(office, "2026-03-10 22:01")
    with here.database.transaction() as session:
        session.execute(delete(Setting).where(Setting.reason == "for a while"))
        bump(session)

    assert len(sent) == 1


# ───────────────────────────── Together


def test_forty_notices_make_two_mails(office: Office) -> None:
    here, _, _, first, second = office
    opened = beijing("2026-03-10 07:00")
    for _ in range(10):
        queue(here, "leader", "act", case_id=first, at=opened, **TOLD)
        queue(here, "leader", "act", case_id=second, at=opened, **TOLD)
        queue(here, "leader", "your_turn", "your_turn", case_id=first, at=opened, **TURN)

    morning = at(office, "2026-03-10 08:00")
    queue(here, "leader", "act", case_id=first, at=beijing("2026-03-10 09:00"), **TOLD)
    noon = [*at(office, "2026-03-10 09:00"), *at(office, "2026-03-10 19:00")]
    tomorrow = at(office, "2026-03-11 08:00")

    assert [m["Subject"] for m in morning] == ["【联培基地】有20件事项请您查看"] * 2
    assert noon == []
    assert len(tomorrow) == 1
    assert all(row.sent_at for row in mails(here))


def test_digest_lists_each_notice_under_its_base_with_its_link(office: Office) -> None:
    here, _, _, first, second = office
    queued = beijing("2026-04-01 09:00")
    queue(here, "leader", "act", case_id=second, at=queued, **TOLD)
    queue(here, "leader", "reminder", case_id=first, at=queued, **{**REPORT, "day": "2026-05-08"})

    (digest,) = at(office, "2026-04-01 10:00")

    lines = body(digest).splitlines()
    assert digest["Subject"] == "【联培基地】有2件事项请您查看，最近的期限为2026年5月8日"
    assert lines.index("甲基地") < lines.index(f"  http://base.example.org/bases/{first}")
    assert lines.index("乙基地") < lines.index(f"  http://base.example.org/bases/{second}")
    assert f'href="http://base.example.org/bases/{second}"' in body(digest, "html")
    assert digest["In-Reply-To"] is None


def test_one_or_two_that_ask_for_an_act_come_alone(office: Office) -> None:
    here, _, _, first, second = office
    queued = beijing("2026-03-10 09:00")
    queue(here, "leader", "your_turn", case_id=first, at=queued, **TURN)
    queue(here, "leader", "your_turn", case_id=second, at=queued, **TURN)
    queue(here, "leader", "act", case_id=second, at=queued, **TOLD)

    sent = at(office, "2026-03-10 10:00")

    assert len(sent) == 3
    assert all("件事项" not in m["Subject"] for m in sent)


def test_letter_keeps_its_set_and_its_message_id_when_it_is_sent_again(office: Office) -> None:
    here, box, server, first, _ = office
    queue(here, "leader", "act", "act", case_id=first, at=beijing("2026-03-10 09:00"), **TOLD)
    box.answers = {"text": "drop"}
    (lost,) = at(office, "2026-03-10 09:00")
    box.answers = {}
    queue(here, "leader", "act", case_id=first, at=beijing("2026-03-10 09:05"), **TOLD)

    (again,) = at(office, "2026-03-10 09:10")

    assert again["Message-ID"] == lost["Message-ID"]
    assert body(again) == body(lost)


def test_calendar_entry_moves_with_its_deadline_and_goes_when_it_is_met(office: Office) -> None:
    here, _, _, first, _ = office
    timer = {"timer": "sign_by", "answer": "sign_agreement", "period": None, "basis": "local"}
    story: list[tuple[str, dict[str, Any]]] = [
        ("reminder", {"days": 7, "day": "2026-05-08", "sequence": 4}),
        (
            "deadline_moved",
            {
                "old": "2026-05-08",
                "day": "2026-06-08",
                "provisional": False,
                "why": "sign_agreement",
                "sequence": 9,
            },
        ),
        (
            "deadline_met",
            {
                "act": "sign_agreement",
                "until": "2026-06-08",
                "day": "2026-04-03",
                "late": False,
                "sequence": 12,
            },
        ),
    ]

    sent = []
    for day, (template, params) in enumerate(story, start=1):
        moment = f"2026-04-{day:02d} 10:00"
        queue(here, "leader", template, case_id=first, at=beijing(moment), **timer, **params)
        sent += at(office, moment)

    parts = [next(iter(mail.iter_attachments())) for mail in sent]
    events = [Calendar.from_ical(part.get_payload(decode=True)).walk("VEVENT")[0] for part in parts]
    assert [part.get_content_type() for part in parts] == ["text/calendar"] * 3
    assert [part.get_content_charset() for part in parts] == ["utf-8"] * 3
    assert events[0]["summary"] == "登记协议签订（甲基地）"
    assert len({event["uid"] for event in events}) == 1
    assert [(event["sequence"], str(event.decoded("dtstart")), event["status"]) for event in events] == [
        (4, "2026-05-08", "CONFIRMED"),
        (9, "2026-06-08", "CONFIRMED"),
        (12, "2026-06-08", "CANCELLED"),
    ]


def test_mails_about_one_base_are_one_thread(office: Office) -> None:
    here, _, _, first, second = office
    for case_id in (first, second, first):
        queue(here, "leader", "your_turn", case_id=case_id, at=beijing("2026-03-10 09:00"), **TURN)
        at(office, "2026-03-10 09:00")

    mails_sent = office[1].received
    roots = [mail["In-Reply-To"] for mail in mails_sent]
    assert roots[0] == roots[2] != roots[1]
    assert [mail["References"] for mail in mails_sent] == roots
    assert {mail["Auto-Submitted"] for mail in mails_sent} == {"auto-generated"}
    assert {mail["List-Id"] for mail in mails_sent} == {"<notices.example.org>"}
    assert not any(word in body(mails_sent[0], "html") for word in ("<img", "<script", "<link", "style="))


# ───────────────────────────── What each person chose


def test_kind_switched_off_brings_no_mail_and_stays_on_the_page(office: Office) -> None:
    here, _, _, first, _ = office
    choose(here, "leader", "decisions", "off")
    queue(here, "leader", "act", case_id=first, at=beijing("2026-03-10 09:00"), **TOLD)

    sent = at(office, "2026-03-10 10:00")

    (row,) = mails(here, "leader")
    assert sent == []
    assert (row.failure, row.next_try_at, row.parked_at) == ("switched_off", None, None)


def test_responsible_person_gets_the_mails_about_a_deadline_all_the_same(office: Office) -> None:
    here, _, _, first, _ = office
    for who in ("leader", "head"):
        choose(here, who, "deadlines", "off")
        queue(
            here,
            who,
            "reminder",
            case_id=first,
            at=beijing("2026-04-01 09:00"),
            **{**REPORT, "day": "2026-05-08"},
        )

    sent = at(office, "2026-04-01 10:00")

    assert [m["To"] for m in sent] == ["leader@example.org"]


def test_stand_ins_of_a_base_nobody_leads_are_responsible(office: Office) -> None:
    here, _, _, _, second = office
    with here.database.transaction() as session:
        session.execute(delete(Duty).where(Duty.case_id == second))
    choose(here, "head", "deadlines", "off")
    queue(
        here,
        "head",
        "reminder",
        case_id=second,
        at=beijing("2026-04-01 09:00"),
        **{**REPORT, "day": "2026-05-08"},
    )

    assert [m["To"] for m in at(office, "2026-04-01 10:00")] == ["head@example.org"]


def test_decisions_wanted_at_once_come_at_once(office: Office) -> None:
    here, _, _, first, _ = office
    choose(here, "leader", "decisions", "at_once")

    sent = []
    for hour in (9, 10, 11):
        moment = f"2026-03-10 {hour:02d}:00"
        queue(here, "leader", "act", case_id=first, at=beijing(moment), **TOLD)
        sent += at(office, moment)

    assert len(sent) == 3


def test_every_notice_there_are_words_for_is_of_a_kind() -> None:
    assert {kind_of(template) for template in TEMPLATES}


# ───────────────────────────── Addresses


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org\nBcc: all@example.org",
        "a@example.org\r\nX: y",
        "a b@example.org",
        "a@example.org, b@example.org",
    ],
)
def test_address_that_could_smuggle_a_header_never_reaches_a_server(office: Office, address: str) -> None:
    here, box, _, first, _ = office

    with here.database.transaction() as session:
        person = session.get_one(Person, here.people["stranger"])
        person.email = address
    queue(here, "stranger", "act", case_id=first, at=beijing("2026-03-10 09:00"), **TOLD)

    sent = at(office, "2026-03-10 10:00")

    (row,) = mails(here, "stranger")
    assert (sent, box.connections) == ([], 0)
    assert row.failure == "bad_address"
    assert row.parked_at is not None
    assert row.parked_at - beijing("2026-03-10 10:00") < timedelta(minutes=1)
