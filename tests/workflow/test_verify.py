"""Every way of tampering with the log is found, and the entry it happened to is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Base, Database
from models.changes import write
from tests.conftest import KINDS, Templates
from tests.university import University
from tests.workflow.history import passing, unlock
from workflow import entries
from workflow.log import canonical, entry_hash
from workflow.verify import PAGE, Kind, Verdict, verify

ENTRIES = Base.metadata.tables["entries"]
CASES = Base.metadata.tables["cases"]
DISCLOSURES = Base.metadata.tables["disclosures"]


def verdict(university: University) -> Verdict:
    with university.database.reading() as session:
        return verify(session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A database with one case whose agreement is signed."""

    database: Database
    case_id: str


@pytest.fixture(scope="module", params=KINDS)
def signed(request: pytest.FixtureRequest, templates: Templates) -> Iterator[Signed]:
    """One per database; whoever tampers with it rolls back."""
    url = templates.copy(request.param)
    database = Database(url)
    yield Signed(database=database, case_id=University.founded(database).signed())
    database.dispose()
    templates.drop(url)


class Forger:
    """Somebody who may write into the tables of one case's stream: open 1, submit 2, approve 3, sign 4."""

    def __init__(self, session: Session, case_id: str) -> None:
        unlock(session)
        self.session, self.case_id, self.stream = session, case_id, f"case:{case_id}"

    def row(self, seq: int) -> dict[str, Any]:
        query = select(ENTRIES).where(ENTRIES.c.stream == self.stream, ENTRIES.c.seq == seq)
        return dict(self.session.execute(query).mappings().one())

    def put(self, place: int, /, **values: Any) -> None:
        mine = (ENTRIES.c.stream == self.stream, ENTRIES.c.seq == place)
        self.session.execute(ENTRIES.update().where(*mine).values(**values))

    def rewrite(self, seq: int, **fields: Any) -> str:
        """Change fields of an entry's text and compute its hash anew."""
        body = canonical(json.loads(self.row(seq)["body"]) | fields)
        self.put(seq, body=body, hash=entry_hash(body))
        return entry_hash(body)

    def respell(self, seq: int, body: str) -> None:
        self.put(seq, body=body, hash=entry_hash(body))

    def delete(self, *seqs: int) -> None:
        self.session.execute(ENTRIES.delete().where(ENTRIES.c.stream == self.stream, ENTRIES.c.seq.in_(seqs)))

    def end(self, **values: Any) -> None:
        self.session.execute(CASES.update().where(CASES.c.id == self.case_id).values(**values))


def flip_a_byte(forger: Forger) -> None:
    forger.put(3, body=forger.row(3)["body"].replace('"act":"approve"', '"act":"approvf"'))


def change_the_hash(forger: Forger) -> None:
    forger.put(3, hash="0" * 64)


def delete_from_the_middle(forger: Forger) -> None:
    forger.delete(3)


def delete_the_first(forger: Forger) -> None:
    forger.delete(1)


def swap_two(forger: Forger) -> None:
    forger.put(2, seq=99)
    forger.put(3, seq=2)
    forger.put(99, seq=3)


def cut_the_tail(forger: Forger) -> None:
    forger.delete(3, 4)


def cut_the_tail_and_set_the_end_back(forger: Forger) -> None:
    forger.end(log_seq=3, log_head=forger.row(3)["hash"])


def remove_the_whole_stream(forger: Forger) -> None:
    forger.delete(1, 2, 3, 4)


def change_the_actor_and_rehash(forger: Forger) -> None:
    forger.rewrite(2, actor="system:sweep")
    forger.put(2, actor="system:sweep", actor_id=None)


def change_the_last_actor_and_rehash(forger: Forger) -> None:
    forger.rewrite(4, actor="system:sweep")
    forger.put(4, actor="system:sweep", actor_id=None)


def rewrite_everything_but_the_end(forger: Forger) -> None:
    head = forger.rewrite(2, source="api")
    head = forger.rewrite(3, prev=head)
    forger.rewrite(4, prev=head)
    forger.put(2, source="api")


def name_another_predecessor(forger: Forger) -> None:
    forger.rewrite(3, prev="f" * 64)


def begin_elsewhere(forger: Forger) -> None:
    forger.rewrite(1, prev="f" * 64)


def redate_the_column(forger: Forger) -> None:
    forger.put(3, recorded_at=datetime(2020, 1, 1, tzinfo=UTC))


def blame_another_in_the_column(forger: Forger) -> None:
    forger.put(3, actor_id=None)


def add_an_entry(forger: Forger) -> None:
    body = canonical(json.loads(forger.row(4)["body"]) | {"seq": 5, "prev": forger.row(4)["hash"]})
    row = forger.row(4) | {"seq": 5, "body": body, "hash": entry_hash(body)}
    del row["id"]
    forger.session.execute(ENTRIES.insert().values(**row))


def respell_with_a_blank(forger: Forger) -> None:
    forger.respell(3, forger.row(3)["body"].replace('{"account":', '{ "account":', 1))


def say_a_field_twice(forger: Forger) -> None:
    forger.respell(3, forger.row(3)["body"].replace('{"account":', '{"account":"x","account":', 1))


def write_no_json(forger: Forger) -> None:
    forger.respell(3, "approved, trust me")


def write_a_fraction(forger: Forger) -> None:
    forger.respell(3, forger.row(3)["body"].replace('"seq":3', '"seq":3.0', 1))


def write_a_number_nobody_reads_alike(forger: Forger) -> None:
    forger.respell(3, forger.row(3)["body"].replace('"details":{}', '"details":{"n":9007199254740993}', 1))


def add_a_field(forger: Forger) -> None:
    forger.rewrite(3, remark="trust me")


def drop_a_field(forger: Forger) -> None:
    body = json.loads(forger.row(3)["body"])
    del body["basis"]
    forger.respell(3, canonical(body))


def claim_another_format(forger: Forger) -> None:
    forger.rewrite(3, format="lianpei-entry/2")


def exchange_a_personal_value(forger: Forger) -> None:
    forger.session.execute(DISCLOSURES.update().values(value="Li Si"))


def keep_the_value_but_not_the_salt(forger: Forger) -> None:
    forger.session.execute(DISCLOSURES.update().values(salt=None))


def remove_a_personal_value(forger: Forger) -> None:
    forger.session.execute(DISCLOSURES.delete())


@pytest.mark.parametrize(
    ("tamper", "kind", "seq"),
    [
        (flip_a_byte, Kind.HASH_DIFFERS, 3),
        (change_the_hash, Kind.HASH_DIFFERS, 3),
        (delete_from_the_middle, Kind.MISSING, 3),
        (delete_the_first, Kind.MISSING, 1),
        (swap_two, Kind.COLUMN_DIFFERS, 2),
        (cut_the_tail, Kind.MISSING, 3),
        (cut_the_tail_and_set_the_end_back, Kind.END_DIFFERS, 4),
        (remove_the_whole_stream, Kind.MISSING, 1),
        (change_the_actor_and_rehash, Kind.CHAIN_BROKEN, 2),
        (change_the_last_actor_and_rehash, Kind.END_DIFFERS, 4),
        (rewrite_everything_but_the_end, Kind.END_DIFFERS, 4),
        (name_another_predecessor, Kind.CHAIN_BROKEN, 3),
        (begin_elsewhere, Kind.CHAIN_BROKEN, 1),
        (redate_the_column, Kind.COLUMN_DIFFERS, 3),
        (blame_another_in_the_column, Kind.COLUMN_DIFFERS, 3),
        (add_an_entry, Kind.END_DIFFERS, 5),
        (respell_with_a_blank, Kind.NOT_CANONICAL, 3),
        (say_a_field_twice, Kind.NOT_CANONICAL, 3),
        (write_no_json, Kind.UNREADABLE, 3),
        (write_a_fraction, Kind.UNREADABLE, 3),
        (write_a_number_nobody_reads_alike, Kind.UNREADABLE, 3),
        (add_a_field, Kind.MALFORMED, 3),
        (drop_a_field, Kind.MALFORMED, 3),
        (claim_another_format, Kind.MALFORMED, 3),
        (exchange_a_personal_value, Kind.COMMITMENT_BROKEN, 4),
        (keep_the_value_but_not_the_salt, Kind.COMMITMENT_BROKEN, 4),
        (remove_a_personal_value, Kind.VALUE_MISSING, 4),
    ],
)
def test_tampering_names_the_first_bad_entry(
    signed: Signed, tamper: Callable[[Forger], None], kind: Kind, seq: int
) -> None:
    case_id = signed.case_id
    with passing(signed.database) as session:
        tamper(Forger(session, case_id))

        first = verify(session).first

    assert first is not None
    assert (first.kind, first.stream, first.seq) == (kind, f"case:{case_id}", seq)


def test_other_streams_stay_sound_beside_a_bad_one(university: University) -> None:
    cases = [university.approved(), university.approved(), university.approved()]
    with university.database.transaction() as session:
        flip_a_byte(Forger(session, cases[1]))

    found = verdict(university)

    assert {(finding.stream, finding.seq) for finding in found.findings} == {(f"case:{cases[1]}", 3)}
    assert found.streams == 3


def test_several_faults_are_all_named(university: University) -> None:
    cases = [university.approved(), university.approved()]
    with university.database.transaction() as session:
        change_the_hash(Forger(session, cases[0]))
    with university.database.transaction() as session:
        mine = (ENTRIES.c.stream == f"case:{cases[1]}", ENTRIES.c.seq == 2)
        session.execute(ENTRIES.delete().where(*mine))

    found = [(finding.kind, finding.stream, finding.seq) for finding in verdict(university).findings]

    assert found == [
        (Kind.HASH_DIFFERS, f"case:{cases[0]}", 3),
        (Kind.MISSING, f"case:{cases[1]}", 2),
    ]


def test_any_changed_character_is_found(sqlite_database: Database) -> None:
    university = University.founded(sqlite_database)
    case_id = university.signed()
    with sqlite_database.transaction() as session:
        forger = Forger(session, case_id)
        for seq in (1, 2, 3, 4):
            body = forger.row(seq)["body"]
            for place in range(seq, len(body), 97):
                other = chr(ord(body[place]) + 1)
                forger.put(seq, body=body[:place] + other + body[place + 1 :])
                first = verify(session).first
                assert first is not None, f"character {place} of entry {seq}"
                assert (first.kind, first.seq) == (Kind.HASH_DIFFERS, seq), (
                    f"character {place} of entry {seq}"
                )
            forger.put(seq, body=body)
        assert verify(session).sound


# ───────────────────────────── Honest logs


def denials(university: University, case_id: str, *, count: int) -> None:
    """Fill a person's stream."""
    with university.database.transaction() as session:
        for number in range(count):
            content = {"act": "approve", "case": case_id, "refused": ["not_your_role"], "number": number}
            ctx = university.ctx("stranger")
            rows = entries.append(
                session, ctx.actor.text, kind="denied", content=content, changes=[], ctx=ctx
            )
            write(session, rows)


def test_honest_log_is_sound_across_pages(university: University) -> None:
    case_id = university.signed()
    denials(university, case_id, count=PAGE)
    seen: list[tuple[int, int]] = []

    with university.database.reading() as session:
        found = verify(session, progress=lambda done, total: seen.append((done, total)))

    assert found == Verdict(entries=PAGE + 4, streams=2)
    assert seen == [(PAGE, PAGE + 4), (PAGE + 4, PAGE + 4)]


def test_fault_on_a_later_page_is_named(university: University) -> None:
    case_id = university.proposed()
    denials(university, case_id, count=PAGE)
    stream = university.ctx("stranger").actor.text
    with university.database.transaction() as session:
        unlock(session)
        session.execute(
            ENTRIES.update().where(ENTRIES.c.stream == stream, ENTRIES.c.seq == PAGE).values(kind="x")
        )

    found = verdict(university).findings

    assert [(one.kind, one.stream, one.seq, one.details["column"]) for one in found] == [
        (Kind.COLUMN_DIFFERS, stream, PAGE, "kind")
    ]


def test_erased_personal_value_is_no_fault(university: University) -> None:
    university.signed()
    with university.database.transaction() as session:
        session.execute(DISCLOSURES.update().values(salt=None, value=None))

    assert verdict(university).sound


def test_empty_log_is_sound(database: Database) -> None:
    with database.reading() as session:
        assert verify(session) == Verdict()
