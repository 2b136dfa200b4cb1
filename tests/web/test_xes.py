"""The process-mining export keeps to the standard whatever the log holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.university import SINGLE_FILE, _loaded
from tests.web.xes import SPACE, faults_of_xes
from web.audit.export import activity
from web.audit.files import as_xes

AT = datetime(2026, 3, 10, 2, tzinfo=UTC)


def row(kind: str, *, case: str = "c1", number: str | None = "LP2026-001", minute: int = 0) -> dict[str, Any]:
    return {
        "case_id": case, "base_number": number, "application_number": None, "base_name": None,
        "kind": kind, "actor": "person:p1", "actor_id": "p1", "recorded_at": AT + timedelta(minutes=minute),
    }  # fmt: skip


def written(*rows: dict[str, Any], text: str = "approve") -> bytes:
    return "".join(as_xes(rows, lambda _: text)).encode()


def values(raw: bytes, key: str) -> list[str | None]:
    events = ElementTree.fromstring(raw).iter(f"{SPACE}event")
    return [one.get("value") for event in events for one in event if one.get("key") == key]


def test_export_keeps_to_the_standard() -> None:
    raw = written(row("open"), row("transition", minute=1), row("open", case="c2", number=None))

    assert faults_of_xes(raw) == []
    assert faults_of_xes(written()) == []
    assert [len(trace) for trace in ElementTree.fromstring(raw).iter(f"{SPACE}trace")] == [3, 2]


def test_proposal_starts_an_act_and_its_confirmation_completes_it() -> None:
    raw = written(row("proposal"), row("declined"), row("proposal"), row("withdrawn"), row("transition"))

    assert faults_of_xes(raw) == []
    assert values(raw, "lifecycle:transition") == ["start", "ate_abort", "start", "ate_abort", "complete"]


@pytest.mark.parametrize("text", ["a\x00b", "a\x0bb", "a\x1fb", "a\ufffeb", "a\uffffb"])
def test_characters_no_xml_may_hold_are_replaced(text: str) -> None:
    raw = written(row("open", number=text), text=text)

    assert faults_of_xes(raw) == []
    assert values(raw, "concept:name") == ["a\ufffdb"]


def test_marks_of_xml_come_through() -> None:
    text = "<&>\"'\n 基地 😀"

    assert values(written(row("open"), text=text), "concept:name") == [text]


@pytest.mark.parametrize(("known", "name"), [
    ({"base_number": "LP2026-001", "application_number": "SB2026-002", "base_name": "水城"}, "LP2026-001"),
    ({"application_number": "SB2026-002", "base_name": "水城"}, "SB2026-002"),
    ({"base_name": "水城"}, "水城 (a43a40bfad18)"),
    ({}, "019d08f8-8d00-74a3-ac1d-a43a40bfad18"),
])  # fmt: skip
def test_trace_is_called_by_what_people_know_the_base_by(known: dict[str, str], name: str) -> None:
    one = {**row("open", case="019d08f8-8d00-74a3-ac1d-a43a40bfad18", number=None), **known}

    (trace,) = ElementTree.fromstring(written(one)).findall(f"{SPACE}trace")

    assert trace[0].get("value") == name


@pytest.mark.parametrize(("kind", "act", "name"), [
    ("transition", "approve", "approve"),
    ("proposal", "approve", "approve"),
    ("document", "approve", "approve · Upload"),
    ("urged", "approve", "approve · Urged"),
    ("open", None, "Opened"),
    ("duty", "project_leader", "Duty: project leader"),
])  # fmt: skip
def test_what_is_done_about_a_step_is_told_apart(kind: str, act: str | None, name: str) -> None:
    definition = _loaded(SINGLE_FILE.read_bytes())

    assert activity({"kind": kind, "act": act}, definition, "en") == name


BREAKS = {
    "order": ("</trace>", '</trace><classifier name="Late" keys="concept:name"/>'),
    "a key twice": ('<string key="org:resource" value="r1"/>', '<string key="org:resource" value="r1"/>' * 2),
    "type": ('<date key="time:timestamp"', '<string key="time:timestamp"'),
    "undeclared": ('<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>', ""),
    "a global missing": ('<string key="org:resource" value="r1"/>', ""),
    "transition": ('value="complete"/></event>', 'value="done"/></event>'),
    "instant": ("2026-03-10T02:00:00.000+00:00", "2026-03-10T02:00:00.000"),
    "scope": ('scope="trace"', 'scope="log"'),
    "classifier": ('keys="concept:name"', 'keys="concept:instance"'),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_the_check_finds_what_breaks_the_standard(name: str) -> None:
    good = written(row("open")).decode()
    before, after = BREAKS[name]
    assert before in good

    assert faults_of_xes(good.replace(before, after).encode()) != []
