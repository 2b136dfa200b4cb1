"""What comes in from outside: read by the fields of the file, every fault named, nothing unknown kept, no other error."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Database
from tests.university import SINGLE_FILE, University
from workflow.blockers import Fault
from workflow.definition import load
from workflow.errors import BadInput
from workflow.forms import read_form
from workflow.operations import Receipt
from workflow.plan import Form

DEFINITION = load(SINGLE_FILE.read_bytes())
KEY = "01a20a7f-483d-7ce2-8fbc-339b8e125960"


def read(act: str, raw: dict[str, Any], **rest: Any) -> Form:
    return read_form(DEFINITION, DEFINITION.acts[act], raw, **rest)


def faults(act: str, raw: dict[str, Any], **rest: Any) -> list[tuple[str, str]]:
    """What is wrong with a form: field and code, all at once."""
    with pytest.raises(BadInput) as caught:
        read(act, raw, **rest)
    return [(fault.field, fault.code) for fault in caught.value.faults]


# ───────────────────────────── What is good


def test_values_are_read_by_their_fields() -> None:
    form = read(
        "sign_agreement",
        {
            "agreement_number": "  XY-1 ", "signed_on": "2026-03-10", "agreement_last_day": "2029-03-10",
            "agreement_scan": KEY, "contact_person": "张三", "contact_phone": "", "reason": "一\r\n二",
        },
    )  # fmt: skip

    assert form.values == {
        "agreement_number": "XY-1", "signed_on": date(2026, 3, 10), "agreement_last_day": date(2029, 3, 10),
        "agreement_scan": KEY, "contact_person": "张三", "reason": "一\n二",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0", 0),
        ("1", 100),
        ("30000.5", 3_000_050),
        ("1,234.56", 123_456),
        (12, 1200),
        ("999999999999.99", 99_999_999_999_999),
    ],
)
def test_money_becomes_whole_fen(text: Any, fen: int) -> None:
    assert read("revoke", {"clawback_amount": text}).values == {"clawback_amount": fen}


@pytest.mark.parametrize(
    ("text", "truth"), [("yes", True), ("no", False), (True, True), (False, False), ("1", True), ("0", False)]
)
def test_yes_and_no_are_read(text: Any, truth: bool) -> None:
    assert read("revoke", {"clawback": text}).values == {"clawback": truth}


def test_units_named_twice_count_once() -> None:
    assert read("submit", {"other_colleges": [KEY, KEY]}).values == {"other_colleges": (KEY,)}


def test_empty_values_are_left_out() -> None:
    assert (
        read("submit", {"base_name": "", "other_colleges": [], "eligibility": {}, "partner": None}).values
        == {}
    )


# ───────────────────────────── What is not


@pytest.mark.parametrize(
    ("act", "field", "value", "code"),
    [
        ("sign_agreement", "signed_on", "2026-02-29", "no_such_day"),
        ("sign_agreement", "signed_on", "2026-13-01", "no_such_day"),
        ("sign_agreement", "signed_on", "10.03.2026", "not_a_date"),
        ("sign_agreement", "signed_on", "2026-3-10", "not_a_date"),
        ("sign_agreement", "signed_on", "２０２６-03-10", "not_a_date"),
        ("sign_agreement", "signed_on", "2026-03-10T00:00:00", "not_a_date"),
        ("sign_agreement", "signed_on", "1899-12-31", "date_out_of_range"),
        ("sign_agreement", "signed_on", "9999-12-31", "date_out_of_range"),
        ("sign_agreement", "signed_on", "0000-00-00", "no_such_day"),
        ("sign_agreement", "signed_on", 20260310, "not_a_date"),
        ("sign_agreement", "signed_on", ["2026-03-10"], "not_a_date"),
        ("sign_agreement", "signed_on", {"year": 2026}, "not_a_date"),
        ("sign_agreement", "agreement_number", "x" * 61, "too_long"),
        ("sign_agreement", "agreement_number", "a\nb", "one_line_only"),
        ("sign_agreement", "agreement_number", "a\x00b", "control_characters"),
        ("sign_agreement", "agreement_number", "a\x1b[31mb", "control_characters"),
        ("sign_agreement", "agreement_number", "a\ud800b", "control_characters"),
        ("sign_agreement", "agreement_number", 7, "not_text"),
        ("sign_agreement", "agreement_number", ["a"], "not_text"),
        ("sign_agreement", "agreement_number", True, "not_text"),
        ("sign_agreement", "reason", "x" * 4001, "too_long"),
        ("sign_agreement", "agreement_scan", "../../etc/passwd", "not_an_identifier"),
        ("sign_agreement", "agreement_scan", KEY.upper(), "not_an_identifier"),
        ("sign_agreement", "agreement_scan", 7, "not_an_identifier"),
        ("yearly_data", "students_half_year", -1, "not_a_count"),
        ("yearly_data", "students_half_year", "1.5", "not_a_count"),
        ("yearly_data", "students_half_year", 1.5, "not_a_count"),
        ("yearly_data", "students_half_year", "1000000", "not_a_count"),
        ("yearly_data", "students_half_year", 10**30, "not_a_count"),
        ("yearly_data", "students_half_year", True, "not_a_count"),
        ("yearly_data", "students_half_year", "٢٥", "not_a_count"),
        ("yearly_data", "students_half_year", float("nan"), "not_a_count"),
        ("revoke", "clawback_amount", "-5", "not_money"),
        ("revoke", "clawback_amount", "5.001", "not_money"),
        ("revoke", "clawback_amount", "1e9", "not_money"),
        ("revoke", "clawback_amount", "1000000000000", "not_money"),
        ("revoke", "clawback_amount", float("inf"), "not_money"),
        ("revoke", "clawback", "maybe", "not_yes_or_no"),
        ("revoke", "clawback", 1, "not_yes_or_no"),
        ("revoke", "clawback", [], None),
        ("submit", "other_colleges", "not a key", "not_an_identifier"),
        ("submit", "other_colleges", {"a": 1}, "not_a_list"),
        ("submit", "other_colleges", [KEY] * 101, "not_a_list"),
        ("submit", "other_colleges", [7], "not_an_identifier"),
        ("submit", "partner", "水城人民医院", "not_a_partner"),
        ("submit", "partner", {"name": "x", "kind": "enterprise", "id": KEY}, "not_a_partner"),
        ("submit", "partner", {"name": "", "kind": "enterprise"}, "partner_name_missing"),
        ("submit", "partner", {"name": "（）——", "kind": "enterprise"}, "partner_name_missing"),
        ("submit", "partner", {"name": "某院", "kind": "club"}, "partner_kind_missing"),
        ("submit", "partner", {"name": "某院", "kind": ["enterprise"]}, "partner_kind_missing"),
        ("submit", "partner", {"name": 7, "kind": "enterprise"}, "not_text"),
        ("submit", "partner", {"name": "某院", "kind": "enterprise", "credit_code": "123"}, "code_wrong_length"),
        ("submit", "eligibility", ["standing"], "unknown_item"),
        ("submit", "eligibility", {"no_such_item": {"met": True}}, "unknown_item"),
        ("submit", "eligibility", {"standing": True}, "not_an_answer"),
        ("submit", "eligibility", {"standing": {"met": True, "by": "me"}}, "not_an_answer"),
        ("submit", "eligibility", {"standing": {"met": "perhaps"}}, "not_yes_or_no"),
        ("submit", "eligibility", {"standing": {"met": True, "note": "x" * 2001}}, "too_long"),
        ("send_back", "reasons_by_field", "too long", "unknown_field"),
        ("send_back", "reasons_by_field", {"state": "approved"}, "unknown_field"),
        ("send_back", "reasons_by_field", {"base_name": "x" * 1001}, "too_long"),
        ("amend", "fact", {"name": "state", "value": "approved"}, "unknown_choice"),
        ("amend", "fact", {"name": "base_number", "value": "LP2020-001"}, "unknown_choice"),
        ("amend", "fact", {"name": "base_name", "value": ""}, "fact_value_missing"),
        ("amend", "fact", {"name": "base_name", "value": ["x"]}, "not_text"),
        ("amend", "fact", {"name": "base_name", "value": "x", "old": "y"}, "not_a_fact"),
        ("amend", "fact", {"name": ["base_name"], "value": "x"}, "unknown_choice"),
        ("amend", "fact", "base_name", "not_a_fact"),
    ],
)  # fmt: skip
def test_value_that_cannot_be_read_is_named(act: str, field: str, value: Any, code: str | None) -> None:
    if code is None:
        assert read(act, {field: value}).values == {}
    else:
        assert faults(act, {field: value}) == [(field, code)]


@pytest.mark.parametrize(
    "name",
    ["actor", "state", "version", "effective_on", "outcome", "case_id", "id", "__class__", "signed_on "],
)
def test_forged_and_unknown_fields_are_refused(name: str) -> None:
    assert faults("withdraw", {name: "x"}) == [(name, "unknown_field")]


def test_field_of_another_act_is_unknown_here() -> None:
    assert faults("approve", {"plaque_number": "P-1"}) == [("plaque_number", "unknown_field")]


def test_all_faults_come_at_once() -> None:
    raw = {
        "signed_on": "x",
        "agreement_last_day": "2026-02-30",
        "agreement_scan": "y",
        "state": "approved",
        "contact_person": 5,
    }

    told = faults("sign_agreement", raw, outcome="passed", effective_on="yesterday")

    assert sorted(told) == [
        ("agreement_last_day", "no_such_day"),
        ("agreement_scan", "not_an_identifier"),
        ("contact_person", "not_text"),
        ("effective_on", "not_a_date"),
        ("outcome", "unknown_choice"),
        ("signed_on", "not_a_date"),
        ("state", "unknown_field"),
    ]


@pytest.mark.parametrize("outcome", ["excellent", "approved", 7, ["passed"], {"passed": True}])
def test_outcome_the_act_does_not_offer_is_refused(outcome: Any) -> None:
    assert faults("conclude_midterm", {"opinion": "x"}, outcome=outcome) == [("outcome", "unknown_choice")]


def test_confirmations_that_are_no_words_are_dropped() -> None:
    form = read("extend", {}, confirmed=["agreement_ends_before", 7, None, ["x"]])

    assert form.confirmed == frozenset({"agreement_ends_before"})


def test_outcome_of_another_state_is_refused_by_the_plan(sqlite_database: Database) -> None:
    """In rectification nobody can be graded `unqualified`: the act reads, the state says no."""
    university = University.founded(sqlite_database)
    case_id = university.in_final()

    reasons = university.refused(
        case_id, "order_rectification", "member", outcome="not_submitted", reason="x", rectify_by="2029-09-10"
    )

    assert reasons == ["deadline_not_passed"]


def test_document_of_another_case_is_refused(sqlite_database: Database) -> None:
    university = University.founded(sqlite_database)
    other = university.approved()
    case_id = university.approved()
    form = university.agreement(case_id) | {"agreement_scan": university.document(other, "agreement_scan")}

    assert university.refused(case_id, "sign_agreement", "office", **form) == ["document_unknown"]


def test_unknown_unit_is_refused(sqlite_database: Database) -> None:
    university = University.founded(sqlite_database)
    case_id = university.open()

    assert university.refused(
        case_id, "submit", "leader", **university.proposal(case_id) | {"lead_college": KEY}
    ) == ["unit_unknown", "not_granted_on"]


def test_exactly_one_of_report_and_application_is_handed_in(sqlite_database: Database) -> None:
    university = University.founded(sqlite_database)
    case_id = university.in_final()
    both = {
        name: university.document(case_id, name) for name in ("final_report_file", "extension_application")
    }

    told = [university.refused(case_id, "final_report", "leader", **form) for form in ({}, both)]

    assert told == [["exactly_one"], ["exactly_one"]]


def test_largest_values_are_kept_as_they_were_stated(database: Database) -> None:
    university = University.founded(database)
    case_id = university.in_rectification()
    university.evidence(case_id)
    longest = "长" * 4000

    university.done(
        case_id, "revoke", "member", reason=longest, clawback=True, clawback_amount="999999999999.99"
    )

    answer = university.confirmed(case_id, "office")
    assert isinstance(answer, Receipt), answer
    assert university.case(case_id).facts["reason"] == longest


# ───────────────────────────── Anything at all

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(), max_size=40)
    | st.sampled_from(
        ["2026-03-10", KEY, "yes", "1", "passed", "enterprise", "base_name", "\x00", "\ud800", "9" * 40]
    )
    | st.dates()
)
keys = st.text(max_size=10) | st.sampled_from(
    [
        "name",
        "kind",
        "credit_code",
        "met",
        "note",
        "value",
        "standing",
        "base_name",
        "partner",
        "rectify_by",
        "lead_college",
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(act=st.sampled_from(sorted(DEFINITION.acts)), value=st.data())
def test_reading_raises_nothing_but_bad_input(act: str, value: st.DataObject) -> None:
    """Whatever is sent: it is read, or every fault is named; what is read can be written into the log."""
    fields = [ask.field for ask in DEFINITION.acts[act].asks]
    names = st.sampled_from(fields) | st.text(max_size=8) if fields else st.text(max_size=8)
    raw = value.draw(st.dictionaries(names, anything, max_size=5))
    outcome, day, words = value.draw(anything), value.draw(anything), value.draw(st.lists(anything))

    found, told = read_or_faults(act, raw, outcome=outcome, effective_on=day, confirmed=words)

    assert (found is None) == bool(told)
    assert all(fault.code for fault in told)
    if found is not None:
        assert found.values.keys() <= set(fields)
        assert json.dumps(found.values, default=str).encode()


def read_or_faults(act: str, raw: dict[str, Any], **rest: Any) -> tuple[Form | None, tuple[Fault, ...]]:
    try:
        return read(act, raw, **rest), ()
    except BadInput as bad:
        return None, bad.faults


@settings(max_examples=150, deadline=None)
@given(value=st.data())
def test_nearly_right_partner_checklist_and_fact_are_read_or_refused(value: st.DataObject) -> None:
    """Closer to what the reader expects than pure noise."""
    partner = st.fixed_dictionaries(
        {},
        optional={
            "name": scalars,
            "kind": scalars | st.just("enterprise"),
            "credit_code": scalars | st.text(max_size=20),
        },
    )
    answers = st.dictionaries(
        st.sampled_from([*DEFINITION.lists["eligibility"], "nothing"]),
        anything | st.fixed_dictionaries({"met": scalars, "note": scalars}),
    )
    fact = st.fixed_dictionaries(
        {"name": st.sampled_from(DEFINITION.acts["amend"].facts), "value": anything | partner}
    )
    submitted = {"partner": value.draw(partner), "eligibility": value.draw(answers)}
    amended = {"fact": value.draw(fact), "reason": "x"}

    for act, raw in (("submit", submitted), ("amend", amended)):
        found, told = read_or_faults(act, raw)
        assert (found is None) == bool(told)
