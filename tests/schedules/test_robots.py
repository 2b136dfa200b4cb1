"""Robots of group chats: apprise's own plugins, speaking over real sockets to a server that stands for the services.

What is not tried here are the services themselves, and TLS to them: their addresses are replaced by one of the loopback.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import select

from models import Database, Notice
from schedules.delivery import MailPost, Robot, RobotPost
from schedules.delivery.robots import BadRobot, NotPosted, post, read_robots
from tests.schedules.post import queue
from tests.schedules.test_sorting import TOLD, TURN
from tests.university import University
from tests.workflow.routing import founded
from web.cli import main

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
ROLES = ("base_office", "college_head")
KEY = "0a1b2c3d-secret-key"
ADDRESSES = {
    "wecom": f"/cgi-bin/webhook/send?key={KEY}",
    "dingtalk": "/robot/send?access_token=0a1b2c3dsecret&secret=SEC0a1b2c3d",
    "feishu": f"/open-apis/bot/v2/hook/{KEY}",
}
TEXT = {
    "wecom": lambda said: said["text"]["content"],
    "dingtalk": lambda said: said["text"]["content"],
    "feishu": lambda said: said["content"]["text"],
}


@dataclass
class Service:
    """Keeps what is posted, and answers as told."""

    status: int = 200
    answer: dict[str, Any] = field(default_factory=lambda: {"errcode": 0, "code": 0})
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    host: str = ""


@pytest.fixture
def service() -> Iterator[Service]:
    here = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            here.posted.append((self.path, json.loads(self.rfile.read(length))))
            content = json.dumps(here.answer).encode()
            self.send_response(here.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.host = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield here
    server.shutdown()
    server.server_close()


def robot(service: Service, kind: str, audience: str = "base_office") -> Robot:
    text = f"{audience} http://{service.host}{ADDRESSES[kind]}"
    return read_robots(text, roles=ROLES, hosts=[service.host])[0]


@pytest.mark.parametrize("kind", ADDRESSES)
def test_message_reaches_the_service_as_it_wants_it(service: Service, kind: str) -> None:
    post(
        robot(service, kind), title="【联培基地】今天到期", text="期限：今天\nhttp://base.example.org/bases/1"
    )

    ((path, said),) = service.posted
    text = TEXT[kind](said)
    assert path.rstrip("/").startswith(ADDRESSES[kind].partition("&")[0])
    assert "【联培基地】今天到期" in text
    assert "http://base.example.org/bases/1" in text
    assert ("sign=" in path) is (kind == "dingtalk")


@pytest.mark.parametrize("kind", ADDRESSES)
@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, {"errcode": 93000, "code": 93000, "errmsg": "invalid", "msg": "invalid"}), (500, {})],
)
def test_refusal_is_a_failure_also_where_the_status_is_well(
    service: Service, kind: str, status: int, answer: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    service.status, service.answer = status, answer

    with caplog.at_level(logging.DEBUG), pytest.raises(NotPosted) as refused:
        post(robot(service, kind), title="t", text="x")

    assert ("93000 invalid" if answer else "500") in str(refused.value)
    assert "0a1b2c3d" not in str(refused.value)
    assert "0a1b2c3d" not in caplog.text


def test_address_shows_nowhere(service: Service) -> None:
    for kind in ADDRESSES:
        here = robot(service, kind)
        assert "0a1b2c3d" not in f"{here!r} {here.name} {here.channel}"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("base_office https://evil.example.org/robot/send?access_token=a", "host_not_allowed"),
        ("base_office http://oapi.dingtalk.com/robot/send?access_token=a", "host_not_allowed"),
        ("base_office https://oapi.dingtalk.com@evil.example.org/robot/send?access_token=a", "host_not_allowed"),
        ("base_office https://oapi.dingtalk.com:8443/robot/send?access_token=a", "host_not_allowed"),
        ("base_office file:///etc/passwd", "host_not_allowed"),
        ("base_office https://oapi.dingtalk.com/cgi-bin/webhook/send?key=a", "unknown_channel"),
        ("base_office https://open.feishu.cn/other", "unknown_channel"),
        ("base_office https://oapi.dingtalk.com/robot/send", "no_key"),
        ("base_office https://oapi.dingtalk.com/robot/send?access_token=a%0d%0ab", "no_key"),
        ("nobody https://oapi.dingtalk.com/robot/send?access_token=a", "unknown_role"),
        ("https://oapi.dingtalk.com/robot/send?access_token=a", "unknown_role"),
    ],
)  # fmt: skip
def test_robot_that_cannot_be_used_is_refused_by_its_number(entry: str, code: str) -> None:
    good = "base_office https://open.feishu.cn/open-apis/bot/v2/hook/abc"

    with pytest.raises(BadRobot) as refused:
        read_robots(f"{good}; {entry}", roles=ROLES)

    assert (refused.value.entry, refused.value.code) == (2, code)


def test_list_of_robots_is_read_with_its_units() -> None:
    found = read_robots(
        "base_office https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=a;"
        "college_head@计算机学院 https://oapi.dingtalk.com/robot/send?access_token=b",
        roles=ROLES,
    )

    assert [(one.role, one.unit, one.service) for one in found] == [
        ("base_office", None, "wecom"),
        ("college_head", "计算机学院", "dingtalk"),
    ]


def test_wrong_robot_stops_the_scheduler_with_the_variable_named(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANPEI_DATABASE_URL", sqlite_database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("LIANPEI_ROBOTS", "base_office https://evil.example.org/send?key=0a1b2c3d")

    done = CliRunner().invoke(main, ["--lang", "en", "scheduler"])

    assert done.exit_code == 2
    assert "LIANPEI_ROBOTS, entry 1: that host is not allowed" in done.output
    assert "0a1b2c3d" not in done.output


def test_missing_extra_is_told_with_what_to_install(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANPEI_DATABASE_URL", sqlite_database.url.render_as_string(hide_password=False))
    monkeypatch.setenv(
        "LIANPEI_ROBOTS", "base_office https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0a1b2c3d"
    )
    monkeypatch.setitem(sys.modules, "apprise", None)

    done = CliRunner().invoke(main, ["--lang", "en", "scheduler"])

    assert done.exit_code == 2
    assert ".[notify]" in done.output


# ───────────────────────────── From the outbox


@pytest.fixture
def here(database: Database) -> University:
    return founded(database)


def rows(here: University, robot: Robot) -> list[Notice]:
    with here.database.reading() as session:
        return list(session.scalars(select(Notice).where(Notice.channel == robot.channel)))


def test_each_event_is_told_once_to_the_robots_of_its_role_and_unit(
    here: University, service: Service
) -> None:
    case_id = here.open()
    office = robot(service, "wecom")
    heads = robot(service, "feishu", "college_head@计算机学院")
    others = robot(service, "dingtalk", "college_head@药学院")
    robots = (office, heads, others)
    with time_machine.travel(NOW, tick=True):
        for who in ("office", "second_office"):
            queue(here, who, "act", case_id=case_id, at=NOW, key="one-event", **TOLD)
        queue(here, "head", "your_turn", case_id=case_id, at=NOW, **TURN)
        mail = MailPost(database=here.database, server=None, robots=robots)
        for _ in range(2):
            mail.round(stop=lambda: False)
            for one in robots:
                RobotPost(database=here.database, robot=one, base_url="http://b").round(stop=lambda: False)

    told = [TEXT["wecom"](said) if "text" in said else TEXT["feishu"](said) for _, said in service.posted]
    assert len(told) == 2
    assert all(f"http://b/bases/{case_id}" in text for text in told)
    assert [len(rows(here, one)) for one in robots] == [1, 1, 0]
    assert all(row.sent_at for one in robots for row in rows(here, one))


def test_robot_that_refuses_is_tried_again_later(here: University, service: Service) -> None:
    case_id, office = here.open(), robot(service, "wecom")
    service.answer = {"errcode": 45009, "errmsg": "too many"}
    with time_machine.travel(NOW, tick=True):
        queue(here, "office", "act", case_id=case_id, at=NOW, **TOLD)
        MailPost(database=here.database, server=None, robots=[office]).round(stop=lambda: False)
        done = RobotPost(database=here.database, robot=office, base_url="http://b").round(stop=lambda: False)

    (row,) = rows(here, office)
    assert (done.failed, row.attempts, row.failure, row.sent_at) == (1, 1, "45009 too many", None)
    assert row.next_try_at is not None
