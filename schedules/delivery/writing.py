"""A letter as a mail: text and HTML alike, its place in the thread of its base, a calendar entry for a deadline it names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schedules.delivery.letters import Letter, Part
from workflow.ics import calendar_bytes, deadline_event
from workflow.periods import beijing_day
from workflow.words import say

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def envelope(letter: Letter, *, sender: str, base_url: str) -> EmailMessage:
    """The mail of a letter. Its Message-ID follows from its first notice, so a second copy is known as one."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = letter.address
    message["Subject"] = subject_of(letter)
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = message_id(letter.stable_key, sender)
    if letter.case_id is not None:
        root = message_id(f"base:{letter.case_id}", sender)
        message["In-Reply-To"] = message["References"] = root
    message["List-Id"] = f"<notices.{_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    choose = "" if letter.external else f"{base_url}/account/notices"
    message.set_content(text_of(letter, choose))
    message.add_alternative(html_of(letter, choose), subtype="html")
    events = [
        deadline_event(part.deadline, at=letter.written_at)
        for part in letter.parts
        if part.deadline is not None
    ]
    if events:
        name = say("notice.calendar", letter.language)
        message.add_attachment(
            calendar_bytes(events, name=name),
            maintype="text",
            subtype="calendar",
            filename="deadlines.ics",
            params={"charset": "utf-8", "method": "PUBLISH"},
        )
    return message


def message_id(stable_key: str, sender: str) -> str:
    return f"<{hashlib.sha256(stable_key.encode()).hexdigest()[:32]}@{_domain(sender)}>"


def _domain(sender: str) -> str:
    return sender.rpartition("@")[2].strip("> ") or "localhost"


def subject_of(letter: Letter) -> str:
    if len(letter.parts) == 1:
        return letter.parts[0].message.subject
    days = [part.day for part in letter.parts if part.day and part.day >= beijing_day(letter.written_at)]
    key = "digest_subject_by" if days else "digest_subject"
    by = {"day": min(days)} if days else {}
    return say(f"notice.{key}", letter.language, count=len(letter.parts), **by)


def text_of(letter: Letter, choose: str) -> str:
    """The mail as plain text."""
    lines = list(letter.parts[0].message.lines) if len(letter.parts) == 1 else list(_digest_lines(letter))
    if choose:
        lines.append(say("notice.line.choose", letter.language, link=choose))
    return "\n".join(lines) + "\n"


def _digest_lines(letter: Letter) -> Iterator[str]:
    yield say("notice.line.greeting", letter.language, name=letter.name)
    yield ""
    yield say("notice.line.digest", letter.language, count=len(letter.parts))
    for base, items in by_base(letter):
        yield ""
        yield base
        for item in items:
            yield f"- {item.title}"
            yield f"  {item.part.link}"
            yield from (f"  {note}" for note in item.notes)
    yield ""
    yield say("notice.line.sender", letter.language)


def by_base(letter: Letter) -> list[tuple[str, list[Item]]]:
    """The notices of a letter under the base each is about; what is about none comes last."""
    items = sorted(
        (Item(part=part, language=letter.language) for part in letter.parts), key=lambda i: i.part.base
    )
    return [
        (base or say("notice.digest_other", letter.language), list(group))
        for base, group in groupby(items, key=lambda item: item.part.base)
    ]


class Item:
    """One line of a digest."""

    def __init__(self, *, part: Part, language: str) -> None:
        self.part = part
        prefix = say("notice.prefix", language)
        self.title = part.message.subject.removeprefix(prefix)
        self.notes = part.message.body.closing[1:-1]
        """What must be known of a link that works once."""
        if part.template == "urged" and part.day is not None:
            self.notes = (say("notice.line.by_when", language, day=part.day), *self.notes)


def html_of(letter: Letter, choose: str) -> str:
    """The same as HTML: nothing is fetched, nothing is styled, headings and lists as they are read aloud."""
    return _TEMPLATES.get_template("letter.html").render(
        letter=letter,
        language=letter.language,
        subject=subject_of(letter),
        single=letter.parts[0].message if len(letter.parts) == 1 else None,
        link=letter.parts[0].link,
        groups=by_base(letter),
        choose=choose,
        say=lambda key, **params: say(f"notice.{key}", letter.language, **params),
    )
