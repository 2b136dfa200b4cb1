"""One test message by the way the others take, at once and past the outbox: for whoever sets an installation up."""

from __future__ import annotations

from datetime import datetime

from models import new_key
from schedules.delivery.letters import Letter, Part
from schedules.delivery.mail import Broken, MailServer, Refused, Unreachable
from schedules.delivery.robots import NotPosted, Robot, post
from schedules.delivery.writing import envelope
from workflow.messages import trial


def try_mail(server: MailServer, *, to: str, language: str, at: datetime) -> str | None:
    """Mail a test message to an address; say why it was not taken, None when it was."""
    message = trial(name=to, language=language, link=server.base_url)
    part = Part(template="test", message=message, base="", link=server.base_url, day=None, deadline=None)
    letter = Letter(
        stable_key=f"test:{new_key()}",
        address=to,
        language=language,
        name=to,
        external=True,
        written_at=at,
        case_id=None,
        parts=(part,),
    )
    try:
        with server.open() as line:
            line.send(envelope(letter, sender=server.sender, base_url=server.base_url))
    except (Refused, Broken, Unreachable) as failure:
        return str(failure)
    return None


def try_robot(robot: Robot, *, language: str, base_url: str) -> str | None:
    """Post a test message through a robot; say why it was not taken, None when it was."""
    message = trial(name=robot.name, language=language, link=base_url)
    try:
        post(robot, title=message.subject, text="\n".join((*message.body.middle, base_url)))
    except NotPosted as failure:
        return str(failure)
    return None
