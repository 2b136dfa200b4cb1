"""Loads a lifecycle file: bytes in, a proved `Definition` or every mistake at once out."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

from workflow.definition.acts import Acts, read_timers, read_transitions
from workflow.definition.explore import explore
from workflow.definition.problems import DefinitionProblems, Findings, Problem, shown
from workflow.definition.routes import read_routes
from workflow.definition.rules import MOST_ARTICLES, read_bans, read_conflicts, read_head, read_import
from workflow.definition.table import Book, Sort, Table
from workflow.definition.values.edition import Definition
from workflow.definition.values.routes import BY_BALLOT, StepKind
from workflow.definition.vocabulary import read_vocabulary
from workflow.definition.when import read_dates
from workflow.definition.whole import check_whole

MOST_BYTES = 1_000_000
DEEPEST_KEY = 10
UNNAMED = "lifecycle"
"""The file named in problems where only the text was given."""

# A key of very many parts costs the TOML reader time that grows with their square.
_DEEP_KEY = re.compile(rf"(?<![\w\"'-])(?:[\w\"'-]++[ \t]*+\.[ \t]*+){{{DEEPEST_KEY}}}")
_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)")

_SORTS = {
    "states": Sort.STATE,
    "groups": Sort.GROUP,
    "roles": Sort.ROLE,
    "fields": Sort.FIELD,
    "terms": Sort.TERM,
    "settings": Sort.SETTING,
    "dates": Sort.DATE,
    "transitions": Sort.TRANSITION,
    "timers": Sort.TIMER,
    "outcomes": Sort.OUTCOME,
    "lists": Sort.LIST,
    "sheets": Sort.SHEET,
    "counts": Sort.COUNT,
    "bans": Sort.BAN,
}


def load(text: str | bytes) -> Definition:
    """Give the definition a lifecycle file states. Raises DefinitionProblems with every mistake in it."""
    source = text.encode() if isinstance(text, str) else text
    return _load(source, file=UNNAMED)


def load_file(path: Path) -> Definition:
    """Give the definition a file states. Raises DefinitionProblems, and OSError where it cannot be read."""
    return _load(path.read_bytes(), file=str(path))


def problems(source: bytes, *, file: str) -> list[Problem]:
    """Give every mistake of a lifecycle file, in the order of its sections; empty where it may be published.

    A file without one is tried out from act to act; what must not be is a mistake, too. An edition that was published
    is loaded without that, for what its cases were promised outlives a check that has learnt more.
    """
    definition, found = _read(source, file)
    if definition is None or found:
        return found
    findings = Findings(file=file)
    explore(definition, findings)
    return findings.problems


def _load(source: bytes, *, file: str) -> Definition:
    definition, found = _read(source, file)
    if definition is None or found:
        raise DefinitionProblems(found)
    return definition


def _read(source: bytes, file: str) -> tuple[Definition | None, list[Problem]]:
    findings = Findings(file=file)
    raw = _parse(source, findings)
    if raw is None:
        return None, findings.problems
    book = Book(findings=findings, articles=_articles(raw))
    root = Table(raw, "", book)
    _declare(root, book)
    definition = _build(root, sha256=hashlib.sha256(source).hexdigest())
    root.close()
    check_whole(definition, book)
    return definition, findings.problems


def _parse(source: bytes, findings: Findings) -> dict[str, Any] | None:
    """Read the TOML. Hostile or broken input is one finding, never an exception."""
    if len(source) > MOST_BYTES:
        findings.add("", "too_large", most=MOST_BYTES, size=len(source))
        return None
    try:
        text = source.decode("utf-8-sig")
        if _DEEP_KEY.search(text):
            findings.add("", "too_deep")
            return None
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        findings.add("", "not_utf8", line=source[: error.start].count(b"\n") + 1)
    except RecursionError:
        findings.add("", "too_deep")
    except ValueError as error:
        found = _PLACE.search(str(error))
        line = found["line"] if found and found["line"] else str(source.count(b"\n") + 1)
        findings.add("", "not_toml", line=line, reason=shown(_PLACE.sub("", str(error))))
    return None


def _articles(raw: dict[str, Any]) -> int:
    """Look ahead for the number of articles, since every basis is checked against it."""
    head = raw.get("lifecycle")
    articles = head.get("articles") if isinstance(head, dict) else None
    return articles if isinstance(articles, int) and 0 < articles <= MOST_ARTICLES else MOST_ARTICLES


def _declare(root: Table, book: Book) -> None:
    """Enter every name before anything is read, so that elements may refer to later ones."""
    for section, sort in _SORTS.items():
        for name, _ in root.entries(section):
            book.declare(sort, name, f"{section}.{shown(name)}")
    for name, timer in root.tables("timers"):
        if "hands_in" in timer.raw:
            book.declare(Sort.TASK, name, timer.path)
    for _, route in root.tables("routes"):
        for name, raw in list(route.raw.items()):
            if isinstance(raw, dict) and raw.get("kind") == StepKind.TASK:
                _declare_task(name, raw, route.at(name), book)
            elif isinstance(raw, dict) and raw.get("kind") in tuple(BY_BALLOT):
                book.declare(Sort.STEP, name, route.at(name))


def _declare_task(name: str, raw: dict[str, Any], path: str, book: Book) -> None:
    book.declare(Sort.TASK, name, path)
    if "due" in raw:
        # Its name was checked as the task's; the two are one element.
        book.names[Sort.TIMER].setdefault(name, path)


def _build(root: Table, *, sha256: str) -> Definition:
    head = read_head(root.table("lifecycle"))
    words = read_vocabulary(root)
    dates = read_dates(root, words)
    read = Acts(words=words)
    read_timers(root, read)
    read_routes(root, read)
    read_transitions(root, read)
    return Definition(
        name=head.name,
        edition=head.edition,
        label=head.label,
        source=head.source,
        articles=head.articles,
        initial=head.initial,
        subject=head.subject,
        opens=head.opens,
        backdating=head.backdating,
        sha256=sha256,
        terms=words.terms,
        settings=words.settings,
        roles=words.roles,
        states=words.states,
        groups=words.groups,
        dates=dates,
        acts=read.acts,
        timers=read.timers,
        routes=read.routes,
        fields=words.fields,
        outcomes={**words.outcomes, **read.outcomes_added},
        lists=words.lists,
        sheets=words.sheets,
        counts=words.counts,
        bans=read_bans(root, words),
        conflicts=read_conflicts(root, words),
        import_=read_import(root.table("import")),
    )
