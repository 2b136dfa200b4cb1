"""The base's lifecycle file says by which steps each decision is reached, row by row, and what the regulation says of it."""

import pytest

from tests.university import ROUTED_FILE
from workflow.definition import load_file
from workflow.definition.values.days import Addend, Day
from workflow.definition.values.edition import Definition
from workflow.definition.values.routes import Rule, Step, StepKind
from workflow.periods import Kind


@pytest.fixture(scope="module")
def base() -> Definition:
    return load_file(ROUTED_FILE)


EVERY_ROUTE = {"proposed", "draft", "approved", "midterm", "final", "rectification"}

# Each step of each route, in order: the state, the step, its kind, who, its settings, where what is not a passing
# leads, the ground of the step and of who takes it. Articles 7, 16, 17 and 18 name the approval by the leading group,
# the report, the experts, and no other step; where they are silent the office chose it.
STEPS = [
    ("proposed", "college_opinion", "sign", "college_head", {}, {"refuse": "send_back"}, "local", "local"),
    ("proposed", "form_check", "sign", "base_office", {}, {"refuse": "send_back"}, "local", "local"),
    (
        *("proposed", "expert_review", "score", "expert"),
        {"when": "expert_review_on", "count": "panel_size", "industry": "panel_industry"},
        *({}, "local", "local"),
    ),
    (
        *("proposed", "selection", "vote", "leading_group"),
        {"quorum": "quorum", "majority": "majority", "secret": "secret_ballot"},
        *({"failed": "reject"}, "7", "7"),
    ),
    (
        *("proposed", "publicity", "publicity", "base_office"),
        {"when": "publicity_on", "lasts": "publicity_days"},
        *({"objected": "form_check"}, "local", "local"),
    ),
    (
        *("midterm", "progress_report", "task", "project_leader"),
        *({"due": "midterm_time"}, {"overdue": "midterm_college"}, "17", "17"),
    ),
    ("midterm", "midterm_college", "sign", "college_head", {}, {}, "local", "local"),
    (
        *("midterm", "midterm_experts", "score", "expert"),
        {"when": "midterm_experts_on", "count": "panel_size", "industry": "panel_industry"},
        *({}, "17", "17"),
    ),
    ("midterm", "conclusion", "decide", "base_office", {}, {}, "local", None),
    (
        *("final", "final_report", "task", "project_leader"),
        *({"due": "final_time"}, {"overdue": "final_college"}, "17", "17"),
    ),
    ("final", "final_college", "sign", "college_head", {}, {}, "local", "local"),
    (
        *("final", "final_experts", "score", "expert"),
        *({"count": "panel_size", "industry": "panel_industry"}, {}, "17", "17"),
    ),
    ("final", "grading", "decide", "base_office", {}, {}, "local", None),
    (
        *("final", "final_vote", "vote", "leading_group"),
        {"quorum": "quorum", "majority": "majority", "secret": "secret_ballot"},
        *({"failed": "grading"}, "local", "local"),
    ),
    (
        "rectification",
        "evidence",
        "task",
        "project_leader",
        {},
        {"overdue": "evidence_check"},
        "local",
        "local",
    ),
    ("rectification", "evidence_check", "sign", "base_office", {}, {}, "local", "local"),
    (
        *("rectification", "rectification_experts", "score", "expert"),
        *({"count": "panel_size", "industry": "panel_industry"}, {}, "local", "local"),
    ),
    ("rectification", "verdict", "decide", "base_office", {}, {}, "local", None),
    (
        *("rectification", "rectification_vote", "vote", "leading_group"),
        {"quorum": "quorum", "majority": "majority", "secret": "secret_ballot"},
        *({"failed": "verdict"}, "local", "local"),
    ),
]


@pytest.mark.parametrize(
    ("state", "name", "kind", "by", "settings", "leads", "basis", "by_basis"),
    STEPS,
    ids=[row[1] for row in STEPS],
)
def test_step_follows_the_table(
    base: Definition,
    state: str,
    name: str,
    kind: str,
    by: str,
    settings: dict[str, str],
    leads: dict[str, str],
    basis: str,
    by_basis: str | None,
) -> None:
    step = base.step(state, name)

    assert step is not None
    assert (step.kind, step.by, step.basis) == (kind, (by,), basis)
    assert settings_of(base, step) == settings
    assert leads_of(step) == leads
    assert (base.acts[step.act].by_basis if step.act else None) == by_basis
    assert (step.rule, step.enough, step.must) == (rule_of(step), None, ())


def rule_of(step: Step) -> Rule:
    """One signature is enough wherever somebody signs; a body and a panel are asked one and all."""
    return Rule.ONE if step.kind in (StepKind.SIGN, StepKind.TASK, StepKind.DECIDE) else Rule.EACH


def settings_of(base: Definition, step: Step) -> dict[str, str]:
    """Every setting of the office that shapes a step: whether it is taken, how it is counted, how long it lasts."""
    found = {name: getattr(step, name) for name in ("quorum", "majority", "secret", "count", "industry")}
    found["when"] = step.when.name if step.when else None
    for key, timer in (("due", step.name), ("lasts", f"{step.name}_over")):
        day = base.timers[timer].day if timer in base.timers else None
        if isinstance(day, Day):
            found[key] = next((str(addend.period) for addend in day.addends), None)
    return {key: name for key, name in found.items() if name is not None}


def leads_of(step: Step) -> dict[str, str]:
    """Where a step leads that was not passed."""
    found = {key: getattr(step, key) for key in ("refuse", "failed", "objected", "overdue")}
    return {key: name for key, name in found.items() if name is not None}


def test_steps_are_those_of_the_table_in_its_order(base: Definition) -> None:
    steps = [(route.state, step.name) for route in base.routes.values() for step in route.steps]

    assert steps == [(state, name) for state, name, *_ in STEPS]
    assert base.routes.keys() == EVERY_ROUTE


def test_every_route_is_the_offices_choice(base: Definition) -> None:
    """The regulation names bodies, papers and grades; by which steps a decision is reached it leaves open (Art. 23)."""
    assert {route.basis for route in base.routes.values()} == {"local"}


@pytest.mark.parametrize(
    ("state", "then"), [("proposed", "approve"), ("approved", "sign_agreement"), ("draft", "submit")]
)
def test_route_without_a_choice_ends_in_one_transition(base: Definition, state: str, then: str) -> None:
    assert base.routes[state].then == then
    assert base.routes[state].decision is None


GRADES = {"excellent": "certify", "qualified": "certify", "still_unmet": "revoke"}


@pytest.mark.parametrize(
    ("state", "step", "choices", "is_moved"),
    [
        (
            *("midterm", "conclusion"),
            *(dict.fromkeys(("passed", "improve", "failed", "not_held"), "conclude_midterm"), False),
        ),
        (
            *("final", "grading"),
            {
                **GRADES,
                "not_yet": "extend",
                "unqualified": "order_rectification",
                "not_submitted": "order_rectification",
            },
            True,
        ),
        ("rectification", "verdict", GRADES, True),
    ],
)
def test_decision_offers_its_outcomes(
    base: Definition, state: str, step: str, choices: dict[str, str], is_moved: bool
) -> None:
    """The office moves a grade and the leading group votes on it; the mid-term the office concludes alone."""
    decision = base.routes[state].decision

    assert decision is not None
    assert (decision.name, decision.choices) == (step, choices)
    assert base.routes[state].then is None
    assert base.routes[state].is_moved is is_moved


@pytest.mark.parametrize(
    ("step", "asks"),
    [
        ("college_opinion", ("comment?", "attachment?")),
        ("form_check", ("comment?", "attachment?")),
        ("expert_review", ("eligibility_opinion", "comment?")),  # Art. 6: item by item
        ("selection", ("comment?",)),
        ("publicity", ("comment", "attachment?")),
        ("midterm_college", ("comment?", "attachment?")),
        ("midterm_experts", ("assessment", "comment?")),  # Art. 16: the six headings
        ("final_college", ("comment?", "attachment?")),
        ("final_experts", ("assessment", "comment?")),
        ("final_vote", ("comment?",)),
        ("evidence_check", ("comment?", "attachment?")),
        ("rectification_experts", ("assessment", "comment?")),
        ("rectification_vote", ("comment?",)),
    ],
)
def test_ballot_asks(base: Definition, step: str, asks: tuple[str, ...]) -> None:
    assert tuple(ask.field + ("" if ask.required else "?") for ask in base.acts[step].asks) == asks


def test_sheet_has_the_six_headings_of_the_article(base: Definition) -> None:
    assert base.fields["assessment"].sheets == ("assessment",)
    assert {item.name: item.basis for item in base.sheets["assessment"].values()} == dict.fromkeys(
        (
            *("conditions", "organisation", "training_results", "satisfaction", "integration"),
            "innovation",
        ),
        "16",
    )


def test_leading_group_votes_by_one_set_of_rules(base: Definition) -> None:
    group = base.roles["leading_group"]

    assert (group.quorum, group.majority, group.secret) == ("quorum", "majority", "secret_ballot")


@pytest.mark.parametrize(
    ("conflict", "nobody", "who_is", "who_is_of", "when"),
    [
        (
            "own_case",
            ("college_head", "base_office", "expert", "leading_group"),
            *("project_leader", (), None),
        ),
        ("own_head", ("leading_group",), "college_head", (), "recuse_own_head"),
        ("interest", ("expert",), None, ("lead_college", "partner"), None),
    ],
)
def test_who_stands_aside(
    base: Definition,
    conflict: str,
    nobody: tuple[str, ...],
    who_is: str | None,
    who_is_of: tuple[str, ...],
    when: str | None,
) -> None:
    rule = base.conflicts[conflict]

    assert (rule.nobody, rule.who_is, rule.who_is_of, rule.when) == (nobody, who_is, who_is_of, when)
    assert rule.basis == "local"


@pytest.mark.parametrize(
    ("transition", "guard", "params"),
    [
        ("send_back", "any_of", {"fields": ("reasons_by_field", "comment")}),
        ("withdraw", "no_ballot_yet", {"step": "selection"}),
        ("extend", "handed_in", {"field": "extension_application", "before": "final_experts"}),
    ],
)
def test_guard_asks_what_the_route_has_come_to(
    base: Definition, transition: str, guard: str, params: dict[str, object]
) -> None:
    assert [need.params for need in base.acts[transition].needs if need.guard == guard] == [params]


def test_notice_in_public_ends_by_itself(base: Definition) -> None:
    timer = base.timers["publicity_over"]

    assert timer.kind is Kind.ENDS
    assert timer.day == Day(anchor="publicity", addends=(Addend(sign=1, period="publicity_days"),))
    assert (timer.while_, timer.held) == (frozenset({"proposed"}), frozenset())
    assert (timer.fires, timer.answer, timer.closes) == (None, None, "publicity")
    assert [other.name for other in base.timers.values() if other.closes] == ["publicity_over"]


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("expert_review_on", True),
        ("midterm_experts_on", True),
        ("panel_size", 5),
        ("panel_industry", 1),
        ("publicity_on", False),
        ("publicity_days", "5 working days"),
        ("quorum", "2/3"),
        ("majority", "more than 1/2"),
        ("secret_ballot", False),
    ],
)
def test_setting_of_a_route_has_its_default(base: Definition, name: str, default: object) -> None:
    setting = base.settings[name]

    assert (setting.default, setting.pinned_by) == (default, None)
