"""What IEEE 1849 asks of a log, as far as ours goes: a check of our own, strict where the standard lets be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

SPACE = "{http://www.xes-standard.org/}"
ATTRIBUTES = ("string", "date", "int", "float", "boolean", "id")
ORDER = {
    "log": ("extension", "global", "classifier", "attribute", "trace", "event"),
    "trace": ("attribute", "event"),
    "event": ("attribute",),
    "global": ("attribute",),
}
"""What may stand in an element, in this order."""

NEEDED = {
    "extension": {"name", "prefix", "uri"},
    "global": {"scope"},
    "classifier": {"name", "keys"},
    "trace": set(),
    "event": set(),
}
STANDARD = {
    "concept": {"name": "string", "instance": "string"},
    "lifecycle": {"model": "string", "transition": "string", "state": "string"},
    "org": {"resource": "string", "role": "string", "group": "string"},
    "time": {"timestamp": "date"},
}
"""Attributes of the standard's extensions, and their types."""

TRANSITIONS = {
    "schedule", "assign", "withdraw", "reassign", "start", "suspend", "resume", "pi_abort", "ate_abort", "complete", "autoskip",
    "manualskip", "unknown",
}  # fmt: skip
"""The words of the standard's own course of an activity."""


def faults_of_xes(raw: bytes) -> list[str]:
    """Whatever is wrong with a log, in words."""
    try:
        root = ElementTree.fromstring(raw)
    except ElementTree.ParseError as error:
        return [str(error)]
    return list(_faults(root))


def _faults(root: Element) -> Iterator[str]:
    if root.tag != f"{SPACE}log" or not re.fullmatch(r"\d+\.\d+", root.get("xes.version", "")):
        yield "no log of a version"
    prefixes = [one.get("prefix", "") for one in root.iter(f"{SPACE}extension")]
    if len(set(prefixes)) < len(prefixes):
        yield "an extension twice"
    for element in root.iter():
        yield from _element(element, set(prefixes))
    globals_ = {one.get("scope"): one for one in root.findall(f"{SPACE}global")}
    if len(globals_) < len(root.findall(f"{SPACE}global")) or not globals_.keys() <= {"trace", "event"}:
        yield "scopes of globals"
    for scope, declared in globals_.items():
        wanted = {(one.tag, one.get("key")) for one in declared}
        for element in root.iter(f"{SPACE}{scope}"):
            for _, key in wanted - {(one.tag, one.get("key")) for one in element}:
                yield f"a {scope} without {key}"
    of_events = {one.get("key") for one in globals_.get("event", ())}
    for classifier in root.findall(f"{SPACE}classifier"):
        if not set(classifier.get("keys", "").split()) <= of_events:
            yield f"classifier {classifier.get('name')} of keys that are not global"


def _element(element: Element, prefixes: set[str]) -> Iterator[str]:
    name = element.tag.removeprefix(SPACE)
    if name in ATTRIBUTES:
        yield from _attribute(element, name, prefixes)
    elif name != "log" and element.attrib.keys() != NEEDED.get(name):
        yield f"{name} with {sorted(element.attrib)}"
    if name in ("extension", "classifier") and not re.fullmatch(r"[A-Za-z_][\w.-]*", element.get("name", "")):
        yield f"{name} named {element.get('name')}"
    sorts = [_sort(child) for child in element]
    allowed = ORDER.get(name, ())
    if not set(sorts) <= set(allowed) or sorts != sorted(sorts, key=allowed.index):
        yield f"{name} holds {sorts[:8]}"
    keys = [child.get("key") for child in element if _sort(child) == "attribute"]
    if len(set(keys)) < len(keys):
        yield f"{name} with a key twice: {keys}"


def _sort(element: Element) -> str:
    name = element.tag.removeprefix(SPACE)
    return "attribute" if name in ATTRIBUTES else name


def _attribute(element: Element, kind: str, prefixes: set[str]) -> Iterator[str]:
    key, value = element.get("key", ""), element.get("value", "")
    prefix, _, name = key.partition(":")
    if element.attrib.keys() != {"key", "value"}:
        yield f"{key} with {sorted(element.attrib)}"
    if prefix not in prefixes or STANDARD.get(prefix, {}).get(name) != kind:
        yield f"{kind} {key} of no extension declared"
    if key == "lifecycle:transition" and value not in TRANSITIONS:
        yield f"transition {value}"
    if kind == "date" and (not _is_instant(value)):
        yield f"no instant: {value}"


def _is_instant(value: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value):
        return False
    return datetime.fromisoformat(value).tzinfo is not None
