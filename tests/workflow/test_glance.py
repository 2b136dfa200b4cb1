"""A glance passes nothing the exact reader would name, and doubts nothing that is written as the log writes it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from models import Database, Entry
from tests.workflow.history import unlock
from tests.workflow.sealed import SealedLog, entry_row, entry_text
from workflow.glance import REPEATED, prev_of
from workflow.log import (
    CASE_FIELDS,
    FIELDS,
    GENESIS,
    LARGEST,
    NotPlain,
    canonical,
    entry_hash,
    read,
    respelled,
)
from workflow.verify import Kind, verify
from workflow.verify_tree import verify_tree

EXAMPLES = int(os.environ.get("LIANPEI_EXAMPLES", "150"))

STREAM = "system:test"


def row_of(body: bytes, **columns: Any) -> tuple[Any, ...]:
    """What the database would give of an entry with this text, its hash and columns right."""
    said = json.loads(entry_text(STREAM, 1, GENESIS, 1))
    repeated = {column: said[name] for column, name in REPEATED.items()} | columns
    return (7, body, entry_hash(body.decode()), None, *repeated.values())


def is_sound(body: str) -> bool:
    """What the exact reader thinks of a text."""
    try:
        entry = read(body)
        return entry.keys() == FIELDS and type(entry["seq"]) is int and respelled(entry) == body
    except (NotPlain, AttributeError):
        return False


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["\x00\x1f\x7f\u2028\u2029", '"\\/', "\U0001f600￿", ",1.5", ":2e3]", "第／", "\b\f\n\r\t", "9" * 20]
)
NUMBERS = (
    st.sampled_from([0, -1, LARGEST, -LARGEST, LARGEST + 1, -LARGEST - 1, 2**63, 2**64, 10**30])
    | st.integers()
)
SIMPLE = st.none() | st.booleans() | TEXTS | NUMBERS
VALUES = st.recursive(
    SIMPLE | st.floats(allow_nan=False, allow_infinity=False),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
    max_leaves=8,
)  # fmt: skip
SPELLINGS = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "sort_keys": st.sampled_from([True, True, True, False]),
        "separators": st.sampled_from([(",", ":"), (",", ":"), (",", ":"), (", ", ":"), (",", ": ")]),
    }
)
ODD = st.sampled_from(
    [
        "1.0", "-0", "01", "1e2", "1E2", "0.5", "[1.0]", '{"a":1.0}', "[[1,2.5]]", "NaN", "Infinity", "-Infinity", "1_0",
        '{"a":1,"a":1}', '{"a":1,"a":2}', '{"b":1,"a":2}', '"\\/"', '"\\u0041"', '"\\u001F"', '"\\u0000"', '"\\ud800"',
        '"\\ud83d\\ude00"', '"\\u2028"', "{} ", "[]\n", "{}}", '"', "", "nul", "true ", "9007199254740992", "-9007199254740992",
        "9007199254740991", "1" * 400, "[" * 40 + "]" * 40, "[" * 5000 + "]" * 5000, '{},"details":{}', '{},"x":1', "\t{}",
    ]
)  # fmt: skip


def with_details(raw: str) -> str:
    """An entry's text with this in the place of its details."""
    whole = entry_text(STREAM, 1, GENESIS, 1, details="HERE")
    return whole.replace('"HERE"', raw)


@settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize="LIANPEI_EXAMPLES" not in os.environ
)
@given(st.builds(lambda value, spelling: json.dumps(value, **spelling), VALUES, SPELLINGS) | ODD)
def test_glance_passes_only_what_the_exact_reader_passes(raw: str) -> None:
    body = with_details(raw)

    assert prev_of(row_of(body.encode())) in ((GENESIS, None) if is_sound(body) else (None,))


@settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize="LIANPEI_EXAMPLES" not in os.environ
)
@given(
    st.recursive(
        st.none() | st.booleans() | TEXTS | st.integers(-LARGEST, LARGEST),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
        max_leaves=6,
    ).filter(lambda value: _depth(value) <= 8)
)
def test_what_the_log_writes_is_passed_at_a_glance(value: Any) -> None:
    assert prev_of(row_of(with_details(canonical(value)).encode())) == GENESIS


def _depth(value: Any) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (
        1 + max(map(_depth, below))
        if isinstance(value, (list, dict)) and value
        else int(isinstance(value, (list, dict)))
    )


@pytest.mark.parametrize("column", [name for name in REPEATED if name != "stream"])
def test_column_that_says_something_else_is_doubted(column: str) -> None:
    body = entry_text(STREAM, 1, GENESIS, 1).encode()

    assert prev_of(row_of(body)) == GENESIS
    assert prev_of(row_of(body, **{column: 2 if column == "seq" else "x"})) is None


def test_hash_fields_and_person_are_looked_at() -> None:
    body = entry_text(STREAM, 1, GENESIS, 1).encode()
    good = row_of(body)
    whole = json.loads(body)
    of_a_person = entry_text(STREAM, 1, GENESIS, 1, actor="person:p").encode()

    assert prev_of((*good[:2], "0" * 64, *good[3:])) is None
    assert prev_of((*good[:3], "p", *good[4:])) is None
    assert prev_of((*good[:1], None, *good[2:])) is None
    assert prev_of(row_of(body[:-1] + b',"zz":1}')) is None
    assert prev_of(row_of(canonical({**whole, "format": "lianpei-entry/2"}).encode())) is None
    assert (
        prev_of(row_of(canonical({name: whole[name] for name in whole if name != "ground"}).encode())) is None
    )
    assert prev_of(row_of(canonical({**whole, "seq": True}).encode())) is None
    person = row_of(of_a_person, actor="person:p")
    assert prev_of(person) is None
    assert prev_of((*person[:3], "p", *person[4:])) == GENESIS


def test_case_has_fields_of_its_own() -> None:
    whole = json.loads(entry_text("case:c", 1, GENESIS, 1))
    cased = canonical(dict.fromkeys(CASE_FIELDS) | whole).encode()

    assert prev_of(row_of(cased, stream="case:c")) == GENESIS
    assert prev_of(row_of(canonical(whole).encode(), stream="case:c")) is None


# ───────────────────────────── What only a file that was tampered with can hold


@pytest.mark.parametrize("bytes_", ["CAST(x'7b22ff7d' AS TEXT)", "CAST(body AS BLOB)", "x'ff'"])
def test_bytes_that_are_no_text_are_named(sqlite_database: Database, tmp_path: Any, bytes_: str) -> None:
    SealedLog.made(sqlite_database, tmp_path, entries=30)
    with sqlite_database.transaction() as session:
        unlock(session)
        session.execute(text(f"UPDATE entries SET body = {bytes_} WHERE stream = 'system:test1' AND seq = 3"))

    with sqlite_database.reading() as session:
        found, in_tree = verify(session).findings, verify_tree(session).findings

    assert (found[-1].kind, found[-1].stream, found[-1].seq) == (Kind.UNREADABLE, "system:test1", 3)
    assert [(one.kind, one.stream, one.seq) for one in in_tree] == [(Kind.TREE_DIFFERS, "system:test1", 3)]


def test_leaf_that_is_no_hash_is_named(database: Database, tmp_path: Any) -> None:
    SealedLog.made(database, tmp_path, entries=30)
    with database.transaction() as session:
        session.execute(text("UPDATE leaves SET hash = 'none' WHERE number = 5"))

    with database.reading() as session:
        assert (Kind.TREE_DIFFERS, 5) in [
            (one.kind, one.details.get("number")) for one in verify_tree(session).findings
        ]


def test_true_is_no_number(database: Database) -> None:
    """In Python `True == 1`, so a first entry that says `"seq":true` could pass for one."""
    body = canonical(json.loads(entry_text(STREAM, 1, GENESIS, 1)) | {"seq": True})
    with database.transaction() as session:
        session.add(Entry(**entry_row(STREAM, 1, GENESIS, 1) | {"body": body, "hash": entry_hash(body)}))

    with database.reading() as session:
        first = verify(session).first

    assert first is not None
    assert (first.kind, first.seq) == (Kind.MALFORMED, 1)
