"""Put a notice into words: its subject and its lines, the same for mail and for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow.definition.values.edition import Definition
from workflow.definition.values.labels import Label
from workflow.explain.names import act_label
from workflow.periods import Kind
from workflow.tasks import NAME_PANEL
from workflow.words import LANGUAGES, article_text, say

NOBODY = "—"
"""What stands for a name that is not known any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a message says: whom it greets, the matter itself, and how to go on."""

    greeting: str
    middle: tuple[str, ...]
    closing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One notice as people read it."""

    subject: str
    body: Body

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything from the greeting to the sender, with an empty line where a paragraph begins."""
        *links, sender = self.body.closing
        return (self.body.greeting, "", *self.body.middle, "", *links, "", sender)

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a message needs to know besides the notice's own parameters."""

    definition: Definition
    base: str
    name: str
    language: str
    link: str
    today: date
    proposer: str = ""
    by: str = ""
    """The name of whoever the notice comes from, where it says so."""
    link_until: date | None = None
    """The last day of a link that works once; None for the address of a page."""


def checkpoint_letter(sizes: Sequence[int]) -> tuple[str, str]:
    """The subject and the text of the mail that brings checkpoints to the auditors, in both languages."""
    size, earlier = sizes[-1], len(sizes) - 1
    subject = " / ".join(say("notice.checkpoint_subject", language, size=size) for language in LANGUAGES)
    lines = [say("notice.checkpoint_text", language, size=size) for language in LANGUAGES]
    if earlier:
        lines += [say("notice.checkpoint_earlier", language, count=earlier) for language in LANGUAGES]
    return subject, "\n".join(lines) + "\n"


def compose(template: str, params: Mapping[str, Any], about: About) -> Message:
    """Write the message of a notice. Raises KeyError for a template there is no text for."""
    subject, body = _WRITERS[template](params, about)
    return Message(subject=subject, body=body)


def _say(about: About, key: str, **params: Any) -> str:
    return say(f"notice.{key}", about.language, **params)


def _label(definition: Definition, name: str) -> Label:
    """The label of an act, a timer or a step of a route."""
    if name in definition.acts:
        return definition.acts[name].label
    if name in definition.timers:
        return definition.timers[name].label
    return next(step.label for step in definition.steps if step.name == name)


def _frame(about: About, *middle: str) -> Body:
    closing = [_say(about, "line.link", link=about.link)]
    if about.link_until is not None:
        closing.append(_say(about, "line.link_once", day=about.link_until))
    closing.append(_say(about, "line.sender"))
    return Body(greeting=_say(about, "line.greeting", name=about.name), middle=middle, closing=tuple(closing))


def _act(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    definition = about.definition
    act = definition.acts[params["act"]]
    middle = [
        _say(
            about,
            "line.happened",
            base=about.base,
            act=act.label,
            day=date.fromisoformat(params["day"]),
            state=definition.states[params["to"]].label,
        ),
    ]
    if params.get("outcome"):
        middle.append(_say(about, "line.outcome", outcome=definition.outcomes[params["outcome"]].label))
    middle.append(_say(about, "line.basis", basis=article_text(params["basis"], about.language)))
    return _say(about, "act_subject", act=act.label, base=about.base), _frame(about, *middle)


def _confirm(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    act = about.definition.acts[params["act"]]
    middle = [
        _say(about, "line.proposed", who=about.proposer or NOBODY, base=about.base, act=act.label),
        _say(about, "line.basis", basis=article_text("local", about.language)),
    ]
    return _say(about, "confirm_subject", act=act.label, base=about.base), _frame(about, *middle)


def _ban_lifted(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    """Which ban is lifted, and from when what it refused is possible again."""
    definition = about.definition
    act, ban = definition.acts[params["act"]].label, definition.bans[params["ban"]]
    day, from_on = (date.fromisoformat(params[name]) for name in ("day", "from_on"))
    middle = [
        _say(about, "line.was_refused", act=act, partner=params["partner"], ban=ban.label),
        _say(about, "line.lifted", day=day),
        _say(about, "line.again", act=act, day=from_on),
        _say(about, "line.basis", basis=article_text("local", about.language)),
    ]
    subject = _say(about, "lifted_subject", ban=ban.label, partner=params["partner"], act=act, day=from_on)
    return subject, _frame(about, *middle)


def _late_opening(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    """How late what began, and that the deadline counting on it may be moved or left."""
    definition = about.definition
    act, timer = definition.acts[params["act"]], definition.timers[params["task"]]
    day, until = (date.fromisoformat(params[name]) for name in ("day", "until"))
    middle = [
        _say(
            about,
            "line.late",
            base=about.base,
            what=definition.timers[params["opening"]].label,
            day=day,
            count=params["late"],
        ),
        _say(about, "line.move_or_leave", task=timer.label, until=until, act=act.label),
        _say(about, "line.basis", basis=article_text(act.basis, about.language)),
    ]
    return _say(about, "late_subject", act=act.label, count=params["late"], base=about.base), _frame(
        about, *middle
    )


def _moved(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    """From which day a deadline moved to which, and why."""
    timer = about.definition.timers[params["timer"]]
    old, day = (date.fromisoformat(params[name]) for name in ("old", "day"))
    middle = [
        _say(about, "line.moved", what=timer.label, base=about.base, old=old, day=day),
        *_unsure(params, about),
        _why_moved(params["why"], about),
        _say(about, "line.basis", basis=article_text(params["basis"], about.language)),
    ]
    return _say(about, "moved_subject", what=timer.label, base=about.base, day=day), _frame(about, *middle)


def _why_moved(why: str, about: About) -> str:
    """The act that moved a deadline, or what else did."""
    if why in about.definition.acts:
        return _say(about, "line.because_act", act=about.definition.acts[why].label)
    known = why in ("setting_moved", "calendar_moved")
    return _say(about, f"line.because_{why}" if known else "line.because_other")


def _unsure(params: Mapping[str, Any], about: About) -> Iterator[str]:
    """That a day may move again, where the holidays of its year are not announced."""
    if params.get("provisional"):
        yield _say(about, "line.provisional")


def _met(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    """That what people were reminded of has been handed in, and whether in time."""
    timer = about.definition.timers[params["timer"]]
    day, until = (date.fromisoformat(params[name]) for name in ("day", "until"))
    middle = [
        _say(about, "line.met", what=timer.label, base=about.base, day=day),
        _say(about, "line.was_late" if params["late"] else "line.in_time", until=until),
        _say(about, "line.basis", basis=article_text(params["basis"], about.language)),
    ]
    return _say(about, "met_subject", what=timer.label, base=about.base), _frame(about, *middle)


def _turn(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    what = _called(about, params["act"])
    middle = [
        _say(about, "line.asked", what=what, base=about.base),
        *_sent_back(params, about),
        _say(about, "line.basis", basis=article_text(params["basis"], about.language)),
    ]
    return _say(about, "turn_subject", act=what, base=about.base), _frame(about, *middle)


def _turn_over(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    """That what somebody was asked for has ended: the task it went on without is waited for again."""
    definition = about.definition
    what, task = _label(definition, params["act"]), definition.timers[params["task"]].label
    middle = [
        _say(
            about,
            "line.turn_over",
            what=what,
            base=about.base,
            task=task,
            day=date.fromisoformat(params["until"]),
        ),
        _say(about, "line.ballots_stay", task=task),
        _say(about, "line.basis", basis=article_text(params["basis"], about.language)),
    ]
    return _say(about, "turn_over_subject", act=what, base=about.base), _frame(about, *middle)


def _sent_back(params: Mapping[str, Any], about: About) -> Iterator[str]:
    """Of what was handed in and sent back: by whom, and why."""
    if "by" in params:
        yield _say(about, "line.sent_back", who=about.by or NOBODY)
        if params["reason"]:
            yield _say(about, "line.reason", reason=params["reason"])


def _called(about: About, name: str) -> Label | str:
    """What is asked for: an act, a step, or the naming of a panel."""
    return say("explain.name_panel", about.language) if name == NAME_PANEL else _label(about.definition, name)


def _urged(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    """Who waits for what, and by when it is due."""
    what = act_label(about.definition, params["act"], about.language)
    middle = [_say(about, "line.urged", who=about.by or NOBODY, what=what, base=about.base)]
    if params["due"]:
        middle.append(_say(about, "line.by_when", day=date.fromisoformat(params["due"])))
    return _say(about, "urged_subject", act=what, base=about.base), _frame(about, *middle)


def _aside(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    """Which expert stands aside, so that another is named."""
    act = about.definition.acts[params["act"]]
    middle = [
        _say(about, "line.aside", who=about.by or NOBODY, what=act.label, base=about.base),
        _say(about, "line.basis", basis=article_text(params["basis"], about.language)),
    ]
    return _say(about, "aside_subject", act=act.label, base=about.base), _frame(about, *middle)


def _copied(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    """Who took part in what; their choice only where it is open to everybody at once."""
    act = about.definition.acts[params["act"]]
    middle = [_say(about, "line.copied", who=about.by or NOBODY, what=act.label, base=about.base)]
    if params["outcome"]:
        middle.append(_say(about, "line.outcome", outcome=about.definition.outcomes[params["outcome"]].label))
    middle.append(_say(about, "line.copied_sight"))
    return _say(about, "copied_subject", act=act.label, base=about.base), _frame(about, *middle)


def _reminder(params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    """By what day what is asked, what is missing, and what happens if nothing is done."""
    definition = about.definition
    timer = definition.timers[params["timer"]]
    answer = definition.acts[params["answer"]] if params.get("answer") else None
    what = timer.label if answer is None else answer.label
    day = date.fromisoformat(params["day"])
    left = (day - about.today).days
    subject_key = "reminder_subject" if left > 0 else "today_subject" if left == 0 else "overdue_subject"
    subject = _say(about, subject_key, count=abs(left), day=day, what=what, base=about.base)
    middle = [
        _say(about, "line.asked", what=what, base=about.base),
        _say(about, "line.by_when", day=day),
        *_unsure(params, about),
        _say(about, "line.basis", basis=article_text(timer.basis, about.language)),
    ]
    if answer is not None:
        asked = [ask.field for ask in answer.asks if ask.required or ask.field in answer.either]
        wanted = asked if timer.answered_by is None else [timer.answered_by]
        items = [definition.fields[name].label for name in wanted]
        if items:
            middle.append(_say(about, "line.missing", items=items))
    if timer.kind is Kind.DUE and timer.escalate:
        roles = [
            role.label
            for role in definition.roles.values()
            if role.name in _escalated(definition, timer.escalate)
        ]
        middle.append(_say(about, "line.consequence", roles=roles))
    elif timer.fires:
        middle.append(_say(about, "line.ends", act=definition.acts[timer.fires].label))
    return subject, _frame(about, *middle)


def entry_title(params: Mapping[str, Any], about: About) -> str:
    """What a deadline is called in a calendar, where a count of days left would soon be wrong."""
    name = params.get("answer") or params["timer"]
    return _say(about, "calendar_entry", what=_label(about.definition, name), base=about.base)


def _escalated(definition: Definition, setting: str) -> frozenset[str]:
    default = definition.settings[setting].default
    return frozenset(default.values()) if isinstance(default, Mapping) else frozenset()


def trial(*, name: str, language: str, link: str) -> Message:
    """The message that only shows that messages come through."""
    body = Body(
        greeting=say("notice.line.greeting", language, name=name),
        middle=(say("notice.line.test", language),),
        closing=(say("notice.line.link", language, link=link), say("notice.line.sender", language)),
    )
    return Message(subject=say("notice.test_subject", language), body=body)


def _test(_params: Mapping[str, Any], about: About) -> tuple[str, Body]:
    message = trial(name=about.name, language=about.language, link=about.link)
    return message.subject, message.body


_WRITERS: Mapping[str, Callable[[Mapping[str, Any], About], tuple[str, Body]]] = {
    "act": _act,
    "asked_to_confirm": _confirm,
    "ban_lifted": _ban_lifted,
    "deadline_met": _met,
    "deadline_moved": _moved,
    "late_opening": _late_opening,
    "your_turn": _turn,
    "turn_over": _turn_over,
    "stood_aside": _aside,
    "urged": _urged,
    "copied": _copied,
    "reminder": _reminder,
    "overdue": _reminder,
    "test": _test,
}

TEMPLATES = frozenset(_WRITERS)
"""The notices there are words for."""
