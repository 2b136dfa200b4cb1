"""The entries of an export for programs, lines of JSON and XES, written as they are read: no file is ever held whole in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from workflow.snapshot import Row


def as_jsonl(rows: Iterable[Row]) -> Iterator[str]:
    """Each entry's own text, byte for byte, with its hash: what a verifier wants."""
    for row in rows:
        yield f'{{"entry":{row["text"]},"hash":"{row["hash"]}"}}\n'


XES_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<global scope="trace"><string key="concept:name" value=""/></global>
<global scope="event"><string key="concept:name" value=""/><date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/>
<string key="org:resource" value=""/><string key="lifecycle:transition" value="complete"/></global>
<classifier name="Activity" keys="concept:name"/>
<classifier name="Step" keys="concept:name lifecycle:transition"/>
<string key="lifecycle:model" value="standard"/>
"""

MOMENTS = {"proposal": "start", "declined": "ate_abort", "withdrawn": "ate_abort"}
"""What an entry is in the standard's own course of an activity; without a word of its own it completes one."""

NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters no XML may hold, however they are written."""
UNKNOWN = "\ufffd"
"""What stands in their place."""


def as_xes(rows: Iterable[Row], activity: Callable[[Row], str]) -> Iterator[str]:
    """One trace per base (IEEE 1849), rows in the order of its entries; people are numbered, never named."""
    yield XES_HEAD
    people: dict[str, str] = {}
    open_case = None
    for row in rows:
        if row["case_id"] != open_case:
            yield ("</trace>\n" if open_case else "") + f"<trace>{_string('concept:name', _base(row))}\n"
            open_case = row["case_id"]
        yield _event(row, activity(row), people)
    yield ("</trace>\n" if open_case else "") + "</log>\n"


def _base(row: Mapping[str, Any]) -> str:
    """What a base is known by: its number, or its application's. A draft has its name only, which others may bear too."""
    number = row["base_number"] or row["application_number"]
    if number or not row["base_name"]:
        return str(number or row["case_id"])
    return f"{row['base_name']} ({row['case_id'][-12:]})"


def _event(row: Mapping[str, Any], activity: str, people: dict[str, str]) -> str:
    who = people.setdefault(row["actor"], f"r{len(people) + 1}") if row["actor_id"] else row["actor"]
    at = row["recorded_at"].isoformat(timespec="milliseconds")
    date = f'<date key="time:timestamp" value={quoteattr(at)}/>'
    moment = _string("lifecycle:transition", MOMENTS.get(row["kind"], "complete"))
    return f"<event>{_string('concept:name', activity)}{date}{_string('org:resource', who)}{moment}</event>\n"


def _string(key: str, value: str) -> str:
    return f"<string key={quoteattr(key)} value={quoteattr(NO_XML.sub(UNKNOWN, value))}/>"
