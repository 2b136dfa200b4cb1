"""Robots of group chats: WeCom, DingTalk and Feishu, through apprise, which is an extra and imported when it is needed.

The address of a robot is a secret: whoever knows it may post. It comes from the environment, is never stored, shown or
logged, and goes to a host on a list only (`HOSTS`, and what the installation adds).
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

WECOM, DINGTALK, FEISHU = "wecom", "dingtalk", "feishu"

HOSTS: Mapping[str, str] = MappingProxyType(
    {"qyapi.weixin.qq.com": WECOM, "oapi.dingtalk.com": DINGTALK, "open.feishu.cn": FEISHU}
)
"""Where each service takes posts."""

_PATHS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        WECOM: re.compile(r"/cgi-bin/webhook/send/?", re.ASCII),
        DINGTALK: re.compile(r"/robot/send/?", re.ASCII),
        FEISHU: re.compile(r"/open-apis/bot/v2/hook/([\w-]+)/?", re.ASCII),
    }
)
_SECRET = re.compile(r"[\w-]+", re.ASCII)
_AUDIENCE = re.compile(r"([a-z_]+)(?:@(\S+))?")


class BadRobot(ValueError):
    """An entry of the list of robots that cannot be used: which, and why. The address is not repeated."""

    def __init__(self, entry: int, code: str) -> None:
        super().__init__(f"LIANPEI_ROBOTS, entry {entry}: {code}")
        self.entry, self.code = entry, code


class NotPosted(Exception):
    """The robot did not take the message; the text says why, without the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """A robot in a group chat, and whose notices it repeats there."""

    role: str
    unit: str | None
    service: str
    origin: str = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """What it is known by in the outbox: its service and a digest that gives nothing away."""
        digest = hashlib.sha256("\0".join(self.secrets.values()).encode()).hexdigest()[:8]
        return f"{self.service}-{digest}"

    @property
    def channel(self) -> str:
        return f"robot:{self.name}"


def read_robots(text: str, *, roles: Collection[str], hosts: Collection[str] = ()) -> tuple[Robot, ...]:
    """Read `role[@unit] address; …`; `hosts` are further hosts, such as a relay, and may be spoken to without TLS.

    Raises BadRobot for the first entry that cannot be used.
    """
    entries = [entry.strip() for entry in re.split(r"[;\n]", text) if entry.strip()]
    return tuple(_robot(entry, number, roles, hosts) for number, entry in enumerate(entries, start=1))


def _robot(entry: str, number: int, roles: Collection[str], hosts: Collection[str]) -> Robot:
    audience, _, url = entry.partition(" ")
    found = _AUDIENCE.fullmatch(audience)
    if found is None or found[1] not in roles:
        raise BadRobot(number, "unknown_role")
    parts = urlsplit(url.strip())
    if parts.netloc not in hosts and (parts.scheme != "https" or parts.netloc not in HOSTS):
        raise BadRobot(number, "host_not_allowed")
    service = next((name for name, path in _PATHS.items() if path.fullmatch(parts.path)), None)
    if service is None or HOSTS.get(parts.netloc, service) != service:
        raise BadRobot(number, "unknown_channel")
    secrets = _secrets(service, parts.path, parse_qs(parts.query))
    if not secrets or not all(_SECRET.fullmatch(value) for value in secrets.values()):
        raise BadRobot(number, "no_key")
    return Robot(
        role=found[1],
        unit=found[2],
        service=service,
        origin=f"{parts.scheme}://{parts.netloc}",
        secrets=MappingProxyType(secrets),
    )


def _secrets(service: str, path: str, query: Mapping[str, list[str]]) -> dict[str, str]:
    match service:
        case "wecom":
            return {"key": query.get("key", [""])[0]}
        case "dingtalk":
            given = {"token": query.get("access_token", [""])[0], "secret": query.get("secret", [""])[0]}
            return {name: value for name, value in given.items() if value or name == "token"}
        case _:
            found = _PATHS[service].fullmatch(path)
            return {"token": found[1] if found else ""}


# ───────────────────────────── Posting


def is_installed() -> bool:
    """Whether the extra that robots need is there."""
    try:
        import apprise  # noqa: F401  # asked for, not used
    except ImportError:
        return False
    return True


def post(robot: Robot, *, title: str, text: str) -> None:
    """Post one message. Raises NotPosted, also where the service answers that it did not take it."""
    from apprise import LogCapture

    plugin = _plugin(robot)
    with _answers() as answered, LogCapture(level=logging.WARNING) as said:
        taken = plugin.notify(title=title, body=text)
        words = said.getvalue().strip()
    refusal = next((answer for answer in answered if answer), None)
    if not taken or refusal:
        raise NotPosted(_redacted(refusal or words or "no answer", robot))


def _plugin(robot: Robot) -> Any:
    """The apprise plugin of the service, speaking to the robot's own origin."""
    from apprise.plugins.dingtalk import NotifyDingTalk
    from apprise.plugins.feishu import NotifyFeishu
    from apprise.plugins.wecombot import NotifyWeComBot

    # Both print addresses when they are asked for every detail.
    for name in ("apprise", "urllib3"):
        logging.getLogger(name).setLevel(logging.INFO)
    kind = {WECOM: NotifyWeComBot, DINGTALK: NotifyDingTalk, FEISHU: NotifyFeishu}[robot.service]
    plugin = kind(**robot.secrets)
    plugin.redirects = False
    plugin.notify_url = _moved(plugin.notify_url, robot.origin)
    if robot.service == WECOM:
        plugin.api_url = _moved(plugin.api_url, robot.origin)
    return plugin


def _moved(url: str, origin: str) -> str:
    parts = urlsplit(url)
    return origin + url.removeprefix(f"{parts.scheme}://{parts.netloc}")


_heard = threading.local()


class _Listening:
    """Stands before `requests` in a plugin that looks at the status only: these services refuse with status 200."""

    def __init__(self, requests: Any) -> None:
        self._requests = requests

    def __getattr__(self, name: str) -> Any:
        return getattr(self._requests, name)

    def post(self, *args: Any, **kwargs: Any) -> Any:
        response = self._requests.post(*args, **kwargs)
        heard = getattr(_heard, "answers", None)
        if heard is not None:
            heard.append(_refusal(response.content))
        return response


def _refusal(content: bytes) -> str | None:
    """What the service says it refused for; None where it says nothing of the sort."""
    try:
        answer = json.loads(content[:10_000])
    except ValueError:
        return None
    code = answer.get("errcode", answer.get("code")) if isinstance(answer, dict) else None
    return f"{code} {answer.get('errmsg', answer.get('msg', ''))}" if code else None


@contextmanager
def _answers() -> Iterator[list[str | None]]:
    """What the services answer to the posts of this thread meanwhile."""
    from apprise.plugins import dingtalk, feishu, wecombot

    for module in (dingtalk, feishu, wecombot):
        if not isinstance(module.requests, _Listening):
            module.requests = _Listening(module.requests)
    _heard.answers = []
    try:
        yield _heard.answers
    finally:
        _heard.answers = None


def _redacted(text: str, robot: Robot) -> str:
    for value in robot.secrets.values():
        text = text.replace(value, "…")
    return text
