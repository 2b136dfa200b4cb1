"""The bytes of the log: the specification holds word for word, and another verifier written from it agrees."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import select

from models import Database, Disclosure, Entry, HandIn, JointBase, PendingAct
from models.changes import INSERT, UPDATE, Change, write
from tests.university import SINGLE_FILE, University
from workflow import entries
from workflow.doctor import examine
from workflow.log import (
    CASE_FIELDS,
    FIELDS,
    GENESIS,
    KINDS,
    LARGEST,
    PERSONAL,
    UNLOGGED_COLUMNS,
    UNLOGGED_TABLES,
    NotPlain,
    canonical,
    commitment,
    entry_hash,
    read,
    respelled,
    sealed,
)
from workflow.operations import Receipt

ROOT = Path(__file__).parents[2]
SPECIFICATION = (ROOT / "docs" / "log-format.md").read_text(encoding="utf-8")
EXAMPLE = SPECIFICATION.split("## A worked example")[1]
TEXTS = re.findall(r"```json\n(.*?)\n```", EXAMPLE)
HASHES = re.findall(r"```text\n(.*?)\n```", EXAMPLE)
# ───────────────────────────── The specification


def test_worked_example_has_the_hashes_it_states() -> None:
    assert len(TEXTS) == len(HASHES) == 2
    assert [entry_hash(text) for text in TEXTS] == HASHES


def test_worked_example_is_chained_and_canonical() -> None:
    bodies = [read(text) for text in TEXTS]

    assert [canonical(body) for body in bodies] == TEXTS
    assert [body["prev"] for body in bodies] == [GENESIS, HASHES[0]]
    assert [body.keys() for body in bodies] == [FIELDS, FIELDS]


def test_worked_example_commits_to_the_name() -> None:
    salt, value = re.findall(r"its salt is `(\w+)` and\nits value `(\".*?\")`", EXAMPLE)[0]
    digest = hashlib.sha256(f"lianpei-commitment/1\n{salt}\n{value}".encode()).hexdigest()

    assert json.loads(TEXTS[0])["changes"][0]["set"]["name"] == {"commitment": digest}
    assert commitment(salt, json.loads(value)) == digest


def documented(heading: str) -> set[str]:
    section = SPECIFICATION.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_field_is_specified() -> None:
    common = documented("The fields of every entry")

    assert common == FIELDS
    assert documented("The fields of an entry in the stream of a case") == CASE_FIELDS - FIELDS


def test_every_kind_is_specified() -> None:
    section = SPECIFICATION.split("## Kinds\n")[1].split("\n## ")[0]
    tables = [part.split(":\n", 1) for part in re.split(r"\nIn the streams? of ", section)[1:]]
    sorts = {"a case": "case", "a person": "person", "the system": "system"}

    told = {
        sorts[head]: set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\|(.*?)\|", rest, re.MULTILINE))))
        for head, rest in tables
    }

    assert told == KINDS


def test_every_kind_has_its_word_and_its_writer() -> None:
    words = tomllib.loads((ROOT / "workflow" / "words" / "entries.toml").read_text(encoding="utf-8"))
    sources = " ".join(
        path.read_text(encoding="utf-8")
        for package in ("workflow", "web")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path != ROOT / "workflow" / "log.py"
    )
    kinds = {kind for known in KINDS.values() for kind in known}

    assert kinds - words["entry"]["kinds"].keys() == set()
    assert {kind for kind in kinds if f'"{kind}"' not in sources} == set()


@pytest.mark.parametrize(
    ("stream", "kind"),
    [("system:units", "gossip"), ("person:x", "unit_added"), ("case:x", "export"), ("x", "export")],
)
def test_kind_nobody_knows_is_not_written(sqlite_database: Database, stream: str, kind: str) -> None:
    here = University.founded(sqlite_database)

    with pytest.raises(ValueError, match=kind), here.database.transaction() as session:
        entries.append(session, stream, kind=kind, content={}, changes=[], ctx=here.ctx("office"))


def test_what_is_left_out_or_hidden_is_specified() -> None:
    flat = " ".join(SPECIFICATION.split())

    for table in UNLOGGED_TABLES:
        assert f"`{table}`" in flat.split("Left out are:")[1].split("##")[0]
    for table, columns in UNLOGGED_COLUMNS.items():
        for column in columns:
            assert f"`{table}.{column}`" in flat
    personal = flat.split("Personal are the columns")[1].split("and every field")[0]
    assert {part.split(".")[-1].strip("`") for part in re.findall(r"`[\w.]+`", personal)} == {
        column for columns in PERSONAL.values() for column in columns
    }


# ───────────────────────────── Spelling


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2, "Z": 3}, '{"Z":3,"a":2,"b":1}'),
        ({"ｚ": 1, "é": 2, "z": 3}, '{"z":3,"é":2,"ｚ":1}'),
        ([True, False, None, -7, 0], "[true,false,null,-7,0]"),
        ('"\\\b\f\n\r\t\x00\x1f\x7f/聊', '"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f/聊"'),
        (date(2026, 3, 10), '"2026-03-10"'),
        (datetime(2026, 3, 10, 2, tzinfo=UTC), '"2026-03-10T02:00:00.000000Z"'),
        (frozenset({"b", "a"}), '["a","b"]'),
        (("a", 1), '["a",1]'),
        (LARGEST, "9007199254740991"),
        ("e\u0301", '"e\u0301"'),
    ],
)
def test_value_has_one_spelling(value: Any, text: str) -> None:
    assert canonical(value) == text


@pytest.mark.parametrize("value", [1.5, 1.0, float("nan"), {"a": [0.1]}, b"bytes"])
def test_fraction_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical(value)


@pytest.mark.parametrize("value", [LARGEST + 1, -LARGEST - 1, {"a": [2**64]}])
def test_number_two_readers_could_read_otherwise_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        canonical(value)


@pytest.mark.parametrize(
    "text", ["", "{", "9007199254740992", "1.0", "[1e3]", "NaN", "[Infinity]", "[" * 100_000, "{} {}"]
)
def test_text_that_is_no_entry_is_not_read(text: str) -> None:
    with pytest.raises(NotPlain):
        read(text)


values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-LARGEST, LARGEST)
    | some.text(some.characters(codec="utf-8")),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(some.characters(codec="utf-8")), inner),
)


@given(values)
def test_spelling_is_read_back_and_spelled_alike(value: Any) -> None:
    text = canonical(value)

    assert read(text) == value
    assert respelled(read(text)) == canonical(read(text)) == text


# ───────────────────────────── Another verifier, from the page alone


def spelled(value: Any) -> str:
    """The canonical spelling, written down from the specification without any JSON writer."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(spelled(item) for item in value) + "]"
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda item: [ord(letter) for letter in item[0]])
        return "{" + ",".join(f"{spelled(name)}:{spelled(item)}" for name, item in members) + "}"
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
    letters = (
        short.get(letter) or (f"\\u{ord(letter):04x}" if ord(letter) < 32 else letter) for letter in value
    )
    return '"' + "".join(letters) + '"'


@given(values)
def test_specified_spelling_is_the_products(value: Any) -> None:
    assert spelled(value) == canonical(value)


def test_verifier_written_from_the_page_agrees(database: Database) -> None:
    here = University.founded(database)
    case_id = here.reach("revoked")

    with database.reading() as session:
        rows = session.execute(select(Entry.body, Entry.hash).order_by(Entry.stream, Entry.seq)).all()
        disclosed = {row.commitment: (row.salt, row.value) for row in session.scalars(select(Disclosure))}
        end = here.case(case_id).log_head

    tables: dict[tuple[str, str], dict[str, Any]] = {}
    prev, seq = "0" * 64, 0
    for text, digest in rows:
        body = json.loads(text)
        assert spelled(body) == text
        assert hashlib.sha256(b"lianpei-entry/1\n" + text.encode()).hexdigest() == digest
        assert (body["prev"], body["seq"]) == (prev, seq + 1)
        prev, seq = digest, seq + 1
        for change in body["changes"]:
            row = tables.setdefault((change["table"], change["key"]), {})
            for column, old in change.get("was", {}).items():
                assert row.get(column) == old, (text, column)
            row.update(change["set"])
        for digest in re.findall(r'"commitment":"(\w+)"', text):
            salt, value = disclosed[digest]
            said = f"lianpei-commitment/1\n{salt}\n{spelled(value)}"
            assert hashlib.sha256(said.encode()).hexdigest() == digest
    assert prev == end
    assert tables["cases", case_id]["state"] == "revoked"
    assert [row["wanted"] for (table, _), row in tables.items() if table == "clawbacks"] == [False]


# ───────────────────────────── What an entry says


def bodies(database: Database, case_id: str) -> list[dict[str, Any]]:
    with database.reading() as session:
        texts = session.scalars(
            select(Entry.body).where(Entry.stream == f"case:{case_id}").order_by(Entry.seq)
        ).all()
    return [json.loads(text) for text in texts]


def test_entry_names_roles_confirmed_warnings_and_what_the_second_person_did(database: Database) -> None:
    here = University.founded(database)
    case_id = here.reach("revoked")

    proposal, confirmation = bodies(database, case_id)[-2:]

    assert (proposal["kind"], proposal["roles"], proposal["proposed_by"]) == (
        "proposal", ["leading_group"], here.people["member"],
    )  # fmt: skip
    assert (confirmation["kind"], confirmation["roles"], confirmation["proposed_by"], confirmation["actor"]) == (
        "transition", ["base_office"], here.people["member"], f"person:{here.people['office']}",
    )  # fmt: skip


def test_confirmed_warning_is_named(database: Database) -> None:
    here = University.founded(database)
    case_id = here.signed(last=date(2027, 3, 9))

    assert bodies(database, case_id)[-1]["confirmed"] == ["agreement_ends_before"]


def test_act_of_the_clock_tells_when_it_was_due_and_when_it_came(database: Database) -> None:
    here = University.founded(database)
    case_id = here.signed()
    here.sweep(datetime(2027, 10, 20, 6, tzinfo=UTC))

    opened = bodies(database, case_id)[-1]

    assert (opened["act"], opened["actor"], opened["source"]) == (
        "open_midterm",
        "system:midterm_opens",
        "timer",
    )
    assert (opened["due_at"], opened["effective_on"], opened["recorded_at"]) == (
        "2027-09-09T16:00:00.000000Z", "2027-09-10", "2027-10-20T06:00:00.000000Z",
    )  # fmt: skip


def test_decision_cites_the_documents_by_their_hash(database: Database) -> None:
    here = University.founded(database)
    case_id = here.signed()

    signed = bodies(database, case_id)[-1]

    scan = signed["form"]["agreement_scan"]
    assert signed["documents"] == {scan: hashlib.sha256(b"%PDF-1.4 test").hexdigest()}


def test_personal_values_stand_in_no_entry(database: Database) -> None:
    here = University.founded(database)
    case_id = here.signed()

    with database.reading() as session:
        texts = session.scalars(select(Entry.body)).all()
    signed = bodies(database, case_id)[-1]

    assert not any("Zhang San" in text or "13000000000" in text for text in texts)
    duty = next(change["set"] for change in signed["changes"] if change["table"] == "duties")
    assert signed["form"]["contact_person"] == duty["contact_name"]


PERSONAL_BASE = SINGLE_FILE.read_text(encoding="utf-8").replace(
    'students_half_year    = { type = "count",', 'students_half_year    = { type = "count", personal = true,'
).replace('base_name             = { type = "line",', 'base_name             = { type = "line", personal = true,')  # fmt: skip


def test_personal_field_is_hidden_wherever_its_form_is_kept(database: Database, tmp_path: Path) -> None:
    """A hand-in, and a proposal to change a personal fact, keep whole forms in a column of their own."""
    file = tmp_path / "base.toml"
    file.write_text(PERSONAL_BASE, encoding="utf-8")
    here = University.founded(database, file=file)
    case_id = here.signed()
    here.yearly(case_id, 2026, students=987654)
    fact = {"name": "base_name", "value": "更正后的名称"}
    here.done(case_id, "amend", "office", fact=fact, reason="misspelt")
    assert isinstance(here.confirmed(case_id, "second_office"), Receipt)

    with database.reading() as session:
        texts = "".join(session.scalars(select(Entry.body)))
        kept = session.scalars(select(HandIn.form)).one()
        proposed = session.scalars(select(PendingAct.form)).one()
        now = session.scalars(select(JointBase.base_name)).one()
        found = examine(session)

    assert kept["students_half_year"] == 987654
    assert proposed["values"]["fact"] == fact
    assert "987654" not in texts
    assert "更正后的名称" not in texts
    assert (now, found) == ("更正后的名称", [])


def test_secret_enters_as_its_hash_and_old_rows_are_read(database: Database) -> None:
    here = University.founded(database)
    row = {
        "id": here.edition_id, "person_id": here.people["office"], "login": "office", "password_hash": "$argon2id$one",
        "epoch": 0, "disabled_at": None, "failed_count": 0, "locked_until": None, "last_login_at": None,
        "created_at": here.at,
    }  # fmt: skip
    made = Change(table="accounts", op=INSERT, key=here.edition_id, values=row)
    moved = Change(
        table="accounts",
        op=UPDATE,
        key=here.edition_id,
        values={"password_hash": "$argon2id$two", "epoch": 1},
    )
    ctx = here.ctx("administrator")
    for change in (made, moved):
        with database.transaction() as session:
            write(
                session,
                entries.append(
                    session, "system:test", kind="unit_added", content={}, changes=[change], ctx=ctx
                ),
            )

    with database.reading() as session:
        texts = session.scalars(select(Entry.body).order_by(Entry.seq)).all()

    assert not any("argon2" in text for text in texts)
    change = json.loads(texts[1])["changes"][0]
    assert change["set"] == {"epoch": 1, "password_hash": {"sha256": sealed("$argon2id$two")}}
    assert change["was"] == {"epoch": 0, "password_hash": {"sha256": sealed("$argon2id$one")}}


def test_row_of_a_case_is_told_of_in_its_own_stream_only(database: Database) -> None:
    here = University.founded(database)
    case_id = here.proposed()
    change = Change(table="cases", op=UPDATE, key=case_id, values={"state": "approved"})

    with database.transaction() as session, pytest.raises(ValueError, match="the case's own stream"):
        entries.append(
            session, "system:x", kind="unit_added", content={}, changes=[change], ctx=here.ctx("office")
        )
