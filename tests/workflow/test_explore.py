"""Everything a lifecycle allows is tried before it is published: each kind of fault is planted once in the base's own file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from models import Database
from tests.university import ROUTED_FILE, SIGNED, SINGLE_FILE, instant
from workflow.context import Actor, Context, Source
from workflow.definition import DefinitionProblems, Problem, explore, load, problems
from workflow.definition.situations import Setting, Situation, moves
from workflow.operations.editions import publish

BASE = ROUTED_FILE.read_text(encoding="utf-8")

FOUND_BY_TRYING = {
    *("does_not_leave", "ban_leaks", "nobody_can_act", "refusal_without_target", "punishes_alone"),
    *("no_way_on", "no_outcome_leads_out", "too_many_situations"),
}

TO_VOTE = (
    "draft: submit → proposed: college_opinion agree → proposed: form_check agree → "
    "proposed: expert_review sealed → "
)
TO_APPROVED = TO_VOTE + "proposed: selection carried → "
TO_MIDTERM = TO_APPROVED + "approved: sign_agreement → agreement_signed: open_midterm → "
TO_FINAL = (
    TO_MIDTERM + "midterm: progress_report overdue → midterm: midterm_college agree → "
    "midterm: midterm_experts sealed → midterm: conclusion passed → midterm_assessed: open_final → "
)
TO_GRADING = (
    TO_FINAL + "final: final_report overdue → final: final_college agree → final: final_experts sealed → "
)
TO_RECTIFICATION = TO_GRADING + "final: grading unqualified → final: final_vote carried → "


def replaced(*pairs: tuple[str, str]) -> str:
    """Give the base's file with some pieces replaced, each of which stands there once."""
    text = BASE
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the file"
        text = text.replace(old, new)
    return text


def found_in(text: str) -> list[Problem]:
    return problems(text.encode(), file="base.toml")


# ───────────────────────────── The plants

ONE_PERSON_REVOKES = (
    ('by     = "leading_group"\nsecond = "base_office"                 # another', 'by     = ["timer", "leading_group"] # another'),
    ('asks   = ["reason", "clawback", "clawback_amount?"', 'asks   = ["reason?", "clawback?", "clawback_amount?"'),
)  # fmt: skip
"""A revocation that the clock could carry out, were there a timer or a route that fires it."""

TIMER_REVOKES = (
    *ONE_PERSON_REVOKES,
    (
        "[bans.reapplication]",
        """[timers.rectify_over]
label = { zh = "整改期满", en = "rectification over" }
while = "rectification"
ends  = "rectify_by"
basis = "18"
fires = "revoke"

[bans.reapplication]""",
    ),
)


def silence_revokes() -> str:
    """The steps of a rectification are the report and a public notice, and what nobody objects to is the revocation."""
    text = replaced(*ONE_PERSON_REVOKES).replace(
        'by     = ["timer", "leading_group"]', 'by     = "leading_group"'
    )
    text = text.replace('overdue  = "evidence_check"', 'overdue  = "rectification_notice"')
    text = text.replace(
        '[routes.rectification]\nbasis = "local"', '[routes.rectification]\nbasis = "local"\nthen = "revoke"'
    )
    start = text.index("[routes.rectification.evidence_check]")
    end = text.index("[transitions.revoke]")
    notice = """[routes.rectification.rectification_notice]
label = { zh = "公示", en = "notice" }
kind  = "publicity"
by    = "base_office"
lasts = "publicity_days"

"""
    return text[:start] + notice + text[end:]


NOT_AFTER_A_VOTE = '{ guard = "no_ballot_yet", basis = "local", step = "final_vote" },'

VOTE_BARS_ITS_OWN_OUTCOME = (
    ('{ guard = "passed_day",          basis = "17"', f'{NOT_AFTER_A_VOTE}\n  {{ guard = "passed_day",          basis = "17"'),
    ('needs = [\n  { guard = "never",     basis', f'needs = [\n  {NOT_AFTER_A_VOTE}\n  {{ guard = "never",     basis'),
    ('{ guard = "passed_day", basis = "17",    day', f'{NOT_AFTER_A_VOTE}\n  {{ guard = "passed_day", basis = "17",    day'),
    ('needs  = [{ guard = "second_chance_used"', f'needs  = [{NOT_AFTER_A_VOTE} {{ guard = "second_chance_used"'),
    ('["approved", "building", "certified"]      # not', '["approved", "building", "final", "certified"]      # not'),
)  # fmt: skip
"""The grade voted down goes back to the office, which can move nothing any more; only an exit leads out."""

NOTHING_AFTER_AN_EXTENSION = (
    ('choices.not_submitted = "order_rectification"\nchoices.still_unmet   = "revoke"', 'choices.not_submitted = "order_rectification"'),
    ('from   = ["final", "rectification"]\nto     = "revoked"', 'from   = "rectification"\nto     = "revoked"'),
    ('{ guard = "criteria_met", ', '{ guard = "never", basis = "local", happened = ["extend"] },\n  { guard = "criteria_met", '),
)  # fmt: skip
"""Every grade is for those who were never extended, so an extended base can be given none."""

ACCEPT = """[transitions.accept]
label = { zh = "同意", en = "accept" }
from  = "proposed"
to    = "approved"
by    = "leading_group"
basis = "local"

[transitions.reject]"""

READMIT = """[transitions.readmit]
label = { zh = "重新立项", en = "readmit" }
from  = ["certified", "final"]
to    = "approved"
by    = "base_office"
basis = "local"

[bans.reapplication]"""

EXTEND = 'choices.not_yet       = "extend"'

FAULTS: dict[str, tuple[Callable[[], str], str, str, str]] = {
    "nothing is possible after an extension": (
        lambda: replaced(*NOTHING_AFTER_AN_EXTENSION),
        *("states.extended", "no_way_on"),
        TO_FINAL + "final: final_report (extension_application) → final: final_college agree → "
        "final: final_experts sealed → final: grading not_yet → final: final_vote carried → "
        "extended: open_final → final: final_report overdue → final: final_college agree → "
        "final: final_experts sealed",
    ),
    "every expert belongs to the lead college": (
        lambda: replaced(('expert          = { basis = "17"', 'expert          = { basis = "17", of = "lead_college"')),
        *("routes.proposed.expert_review.by", "nobody_can_act"),
        "draft: submit → proposed: college_opinion agree → proposed: form_check agree",
    ),
    "whoever heads the college belongs to it": (
        lambda: replaced(('nobody = ["expert"]\n', 'nobody = ["expert", "college_head"]\n')),
        *("routes.proposed.college_opinion.by", "nobody_can_act"),
        "draft: submit",
    ),
    "an objection leads nowhere": (
        lambda: replaced(('objected = "form_check"', "")),
        *("routes.proposed.publicity", "refusal_without_target"),
        "publicity_on = true → " + TO_VOTE + "proposed: selection carried",
    ),
    "a timer revokes": (
        lambda: replaced(*TIMER_REVOKES),
        *("timers.rectify_over.fires", "punishes_alone"),
        TO_RECTIFICATION + "rectification: rectify_over",
    ),
    "silence revokes": (
        silence_revokes,
        *("routes.rectification.then", "punishes_alone"),
        TO_RECTIFICATION + "rectification: evidence overdue → rectification: rectification_notice silence",
    ),
    "a ban is imposed while the proposal is on its way": (
        lambda: replaced(('blocks = ["submit", "approve"]', 'blocks = ["submit"]'), ('finding = "ban_finding"', "")),
        *("bans.reapplication.blocks", "ban_leaks"),
        TO_VOTE + "proposed: selection carried",
    ),
    "what was voted down is approved all the same": (
        lambda: replaced(
            ('failed   = "reject"', 'failed   = "accept"'),
            ("[transitions.reject]", ACCEPT),
            ('from  = ["draft", "proposed"]\nto    = "withdrawn"', 'from  = ["draft", "proposed"]\nto    = "not_approved"'),
            ('from  = "proposed"\nto    = "not_approved"', 'from  = "proposed"\nto    = "withdrawn"'),
        ),
        *("bans.reapplication.blocks", "ban_leaks"),
        TO_VOTE + "proposed: selection voted down",
    ),
    "a motion carried approves anew": (
        lambda: replaced(
            ("[bans.reapplication]", READMIT.replace('["certified", "final"]', '"final"')),
            (EXTEND, f'{EXTEND}\nchoices.improve       = "readmit"'),
        ),
        *("bans.reapplication.blocks", "ban_leaks"),
        TO_GRADING + "final: grading improve → final: final_vote carried",
    ),
    "somebody readmits beside the route": (
        lambda: replaced(("[bans.reapplication]", READMIT.replace('["certified", "final"]', '"agreement_signed"'))),
        *("bans.reapplication.blocks", "ban_leaks"),
        TO_APPROVED + "approved: sign_agreement → agreement_signed: readmit",
    ),
    "an outcome leaves the base where it is": (
        lambda: replaced((EXTEND, f'{EXTEND}\nchoices.improve       = "renew_agreement"')),
        *("routes.final.grading.choices.improve", "does_not_leave"),
        TO_GRADING + "final: grading improve → final: final_vote carried",
    ),
    "what was voted down comes back for ever": (
        lambda: replaced(*VOTE_BARS_ITS_OWN_OUTCOME),
        *("routes.final", "no_outcome_leads_out"),
        TO_GRADING + "final: grading excellent → final: final_vote carried",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found_with_the_way_to_it(fault: str) -> None:
    plant, path, code, way = FAULTS[fault]

    found = [problem for problem in found_in(plant()) if (problem.path, problem.code) == (path, code)]

    assert [problem.params["way"] for problem in found] == [way]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_fault_can_be_said(language: str) -> None:
    for plant, path, code, way in FAULTS.values():
        (said,) = [p.text(language) for p in found_in(plant()) if (p.path, p.code) == (path, code)]
        assert re.search(r"\{\w+\}", said) is None
        assert way in said


def test_every_code_is_planted() -> None:
    assert {code for _, _, code, _ in FAULTS.values()} == FOUND_BY_TRYING - {"too_many_situations"}


def test_faults_are_told_and_not_what_follows_from_them() -> None:
    """A panel nobody can sit on is why the route goes no further; that is not a second mistake."""
    plant, *_ = FAULTS["every expert belongs to the lead college"]

    assert {problem.code for problem in found_in(plant())} == {"nobody_can_act"}


def test_state_that_history_closes_is_unreachable() -> None:
    """Only a base that was never approved would be certified: on paper there is a way, in life there is none."""
    never = '{ guard = "never", basis = "local", happened = ["approve"] },\n  { guard = "criteria_met", '

    (problem,) = found_in(replaced(('{ guard = "criteria_met", ', never)))

    assert (problem.path, problem.code) == ("states.certified", "unreachable")


def test_revocation_by_people_is_no_fault() -> None:
    assert found_in(replaced(*ONE_PERSON_REVOKES[1:])) == []


# ───────────────────────────── What is sound, how far it looks, how long it takes


@pytest.mark.parametrize("file", [ROUTED_FILE, SINGLE_FILE], ids=["2026-1", "2024-1"])
def test_editions_of_the_base_are_sound(file: Path) -> None:
    assert [problem.line("en") for problem in problems(file.read_bytes(), file=file.name)] == []


def test_trying_everything_takes_seconds() -> None:
    started = time.perf_counter()

    problems(BASE.encode(), file="base.toml")

    assert time.perf_counter() - started < 5


def test_too_much_to_try_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore, "MOST_SITUATIONS", 20)

    (problem,) = found_in(BASE)

    assert (problem.path, problem.code, problem.params) == ("", "too_many_situations", {"most": 20})
    assert problem.text("en")
    assert problem.text("zh")


def test_beyond_the_bound_each_choice_is_tried_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore, "MOST_CHOICES", 1)

    (problem,) = found_in(replaced(('objected = "form_check"', "")))

    assert problem.code == "refusal_without_target"


# ───────────────────────────── Where it stands in the way


def test_faulty_edition_is_not_published(sqlite_database: Database) -> None:
    faulty = replaced(('objected = "form_check"', "")).encode()
    ctx = Context(actor=Actor(system="test"), at=instant(SIGNED), source=Source.COMMAND)

    with sqlite_database.transaction() as session, pytest.raises(DefinitionProblems):
        publish(session, faulty, ctx=ctx)


def test_edition_published_before_is_still_read() -> None:
    """Its cases keep what they were promised, though the check has learnt more since."""
    assert load(replaced(('objected = "form_check"', ""))).edition == "2026-1"


def test_what_was_sent_back_waits_for_a_new_report_or_for_the_office() -> None:
    """Its deadline leads nowhere any more, for it was answered or has had its say."""
    definition = load(BASE)
    asked = {rule.when.name for route in definition.routes.values() for rule in route.steps if rule.when}
    here = Setting(definition=definition, chosen=dict.fromkeys(asked, True) | {"agreement_end": "cycle_end"})
    opened = frozenset({"happened:open_midterm"})
    at = Situation(state="midterm", facts=opened)

    first = {move.word: move.after for move in moves(here, at)}
    college = first["progress_report"]
    back = next(
        move.after for move in moves(here, college) if move.word == "midterm_college back to progress_report"
    )
    again = {move.word: move.after for move in moves(here, back)}

    assert back.place == 0
    assert "progress_report overdue" in first
    assert "progress_report overdue" not in again
    assert again["progress_report"] == college._replace(decided=True)
    assert again["reopened"].place == 1
