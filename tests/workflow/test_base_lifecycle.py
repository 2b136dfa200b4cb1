"""The base's lifecycle file says what the regulation and the office's readings of it say, row by row.

What is said here holds of both editions: the product's, and the one before it, which cases that began under it keep.
"""

import pytest

from tests.university import ROUTED_FILE, SINGLE_FILE
from workflow.definition import load_file, problems
from workflow.definition.values.acts import ActKind
from workflow.definition.values.days import Addend, Day, Every
from workflow.definition.values.edition import Definition
from workflow.definition.values.forms import FieldType
from workflow.definition.values.people import Held
from workflow.definition.values.routes import StepKind
from workflow.periods import Kind, Period

EDITIONS = {"2026-1": ROUTED_FILE, "2024-1": SINGLE_FILE}

BUILDING = ("agreement_signed", "midterm", "midterm_assessed")
ASSESSED = ("final", "extended", "rectification")
ANY = (
    *("draft", "proposed", "approved", *BUILDING, *ASSESSED, "certified"),
    *("not_approved", "withdrawn", "revoked", "lapsed", "exited"),
)


@pytest.fixture(scope="module", params=EDITIONS)
def base(request: pytest.FixtureRequest) -> Definition:
    return load_file(EDITIONS[request.param])


@pytest.mark.parametrize("edition", EDITIONS)
def test_base_file_has_no_problems(edition: str) -> None:
    found = problems(EDITIONS[edition].read_bytes(), file="base.toml")

    assert [problem.line("en") for problem in found] == []


WHOSE_TURN = "whose_turn"
SENT_BACK_BY = {"2024-1": ("college_head", "base_office", "leading_group"), "2026-1": (WHOSE_TURN,)}

# from, transition, to, who decides (timer: the clock), the other person who confirms
TABLE = [
    (("draft",), "submit", "proposed", ("project_leader",), None),  # Art. 4, 6
    (("proposed",), "send_back", "draft", (), None),  # by SENT_BACK_BY
    (("draft", "proposed"), "withdraw", "withdrawn", ("project_leader",), None),
    (("proposed",), "approve", "approved", ("leading_group",), None),  # Art. 5, 7
    (("proposed",), "reject", "not_approved", ("leading_group",), None),  # Art. 7
    (("approved",), "sign_agreement", "agreement_signed", ("base_office",), None),  # Art. 5, 10
    (("agreement_signed",), "open_midterm", "midterm", ("timer", "base_office"), None),  # Art. 17
    (("midterm",), "conclude_midterm", "midterm_assessed", ("base_office",), None),  # Art. 17
    (("midterm_assessed", "extended"), "open_final", "final", ("timer", "base_office"), None),  # Art. 17, 18
    (("final", "rectification"), "certify", "certified", ("leading_group",), None),  # Art. 18
    (("final",), "extend", "extended", ("leading_group",), None),  # Art. 18
    (("final",), "order_rectification", "rectification", ("leading_group",), None),  # Art. 18
    (("final", "rectification"), "revoke", "revoked", ("leading_group",), "base_office"),  # Art. 18
    ((*BUILDING, *ASSESSED, "certified"), "renew_agreement", "same", ("base_office",), None),  # Art. 5
    ((*BUILDING, "certified"), "lapse", "lapsed", ("timer",), None),  # Art. 5
    (("approved", *BUILDING, "certified"), "exit", "exited", ("base_office",), None),
    (ANY, "correct", "undo", ("base_office",), "base_office"),
    (ANY, "amend", "same", ("base_office",), "base_office"),
    (("midterm", "final"), "set_report_deadline", "same", ("base_office",), None),
]


# What the product's edition says besides; cases of the one before it keep their rules.
SINCE_2026 = [
    (("approved", "midterm", "final"), "suspend_deadline", "same", ("base_office",), None),
    (("approved", "midterm", "final"), "resume_deadline", "same", ("base_office",), None),
    (("rectification",), "move_rectification", "same", ("leading_group",), None),
]


@pytest.mark.parametrize(
    ("source", "name", "to", "by"), [row[:4] for row in SINCE_2026], ids=[row[1] for row in SINCE_2026]
)
def test_later_transition_follows_the_table(
    source: tuple[str, ...], name: str, to: str, by: tuple[str, ...]
) -> None:
    act = load_file(ROUTED_FILE).acts[name]

    assert (act.source, act.to, act.by, act.second) == (frozenset(source), to, by, None)
    assert (act.basis, act.by_basis) == ("local", "local")


def test_only_what_the_office_chose_may_stand_still() -> None:
    """Article 18 fixes the time for rectification and the yearly data: they are moved, or not even that."""
    timers = load_file(ROUTED_FILE).timers.values()

    assert {timer.name for timer in timers if timer.suspended_by} == {
        timer.name for timer in timers if timer.kind is Kind.DUE and timer.basis == "local"
    }


@pytest.mark.parametrize(("source", "name", "to", "by", "second"), TABLE, ids=[row[1] for row in TABLE])
def test_transition_follows_the_table(
    base: Definition, source: tuple[str, ...], name: str, to: str, by: tuple[str, ...], second: str | None
) -> None:
    act = base.acts[name]

    assert act.source == frozenset(source)
    assert act.to == to
    others = (("timer",) if act.by_timer else ()) + ((WHOSE_TURN,) if act.by_turn else ())
    assert others + act.by == (by or SENT_BACK_BY[base.edition])
    assert act.second == second


def test_transitions_are_those_of_the_table(base: Definition) -> None:
    transitions = {act.name for act in base.acts.values() if act.kind is ActKind.TRANSITION}

    later = SINCE_2026 if base.edition == "2026-1" else []

    assert transitions == {name for _, name, _, _, _ in [*TABLE, *later]}


# The articles that say what happens, and those that say who decides. Article 7 names the leading group for the
# approval alone; Article 5 alone lets something end by itself.
GROUNDS = [
    ("submit", "4, 6", "local"),
    ("send_back", "local", "local"),
    ("withdraw", "local", "local"),
    ("approve", "5, 7", "7"),
    ("reject", "7", "7"),
    ("sign_agreement", "5, 10", "local"),
    ("open_midterm", "17", "local"),
    ("conclude_midterm", "17", "local"),
    ("open_final", "17, 18", "local"),
    ("certify", "18", "local"),
    ("extend", "18", "local"),
    ("order_rectification", "18", "local"),
    ("revoke", "18", "local"),
    ("renew_agreement", "5", "local"),
    ("lapse", "5", "5"),
    ("exit", "local", "local"),
    ("correct", "local", "local"),
    ("amend", "local", "local"),
    ("set_report_deadline", "local", "local"),
    ("progress_report", "17", "17"),
    ("final_report", "17", "17"),
    ("evidence", "local", "local"),
    ("yearly_data", "18(1)", "local"),
]


@pytest.mark.parametrize(("name", "basis", "by_basis"), GROUNDS, ids=[row[0] for row in GROUNDS])
def test_act_cites_only_what_the_article_says(base: Definition, name: str, basis: str, by_basis: str) -> None:
    act = base.acts[name]

    assert (act.basis, act.by_basis) == (basis, by_basis)


def test_tasks_are_the_hand_ins_of_the_regulation(base: Definition) -> None:
    tasks = {
        act.name: (act.source, act.by, act.timer) for act in base.acts.values() if act.kind is ActKind.TASK
    }

    assert tasks == {
        "yearly_data": (frozenset({*BUILDING, *ASSESSED}), ("project_leader",), "yearly_data"),
        "progress_report": (frozenset({"midterm"}), ("project_leader",), "progress_report"),
        "final_report": (frozenset({"final"}), ("project_leader",), "final_report"),
        "evidence": (frozenset({"rectification"}), ("project_leader",), "evidence"),
    }


@pytest.mark.parametrize(
    ("group", "states"),
    [
        ("building", BUILDING),
        ("assessed", ASSESSED),
        ("active", (*BUILDING, *ASSESSED)),
        ("living", ("proposed", "approved", *BUILDING, *ASSESSED, "certified")),
        ("ended", ("not_approved", "withdrawn", "revoked", "lapsed", "exited")),
    ],
)
def test_group_holds_its_states(base: Definition, group: str, states: tuple[str, ...]) -> None:
    assert base.groups[group] == frozenset(states)


def test_ends_are_the_states_nothing_leads_out_of(base: Definition) -> None:
    assert {state.name for state in base.states.values() if state.end} == base.groups["ended"]


# timer, kind of day, anchor and addends, states it runs in, states it is held in, what it fires, what answers it
PENDING = frozenset({"agreement_signed", "midterm"})
TIMERS = [
    ("sign_by", Kind.DUE, "approve", ("+sign_within",), {"approved"}, (), None, "sign_agreement"),
    (
        *("agreement_end", Kind.ENDS, "agreement_last_day", ("+agreement_grace",)),
        *({*BUILDING, "certified"}, ASSESSED, "lapse", "renew_agreement"),
    ),
    (
        "midterm_opens",
        Kind.OPENS,
        "cycle_start",
        ("+midterm_after",),
        {"agreement_signed"},
        (),
        "open_midterm",
        None,
    ),
    (
        *("final_opens", Kind.OPENS, "cycle_end", ("-final_before",)),
        *({"midterm_assessed", "extended"}, PENDING, "open_final", None),
    ),
    (
        "progress_report",
        Kind.DUE,
        "open_midterm",
        ("+midterm_time",),
        {"midterm"},
        (),
        None,
        "progress_report",
    ),
    ("final_report", Kind.DUE, "cycle_end", ("+final_time",), {"final"}, (), None, "final_report"),
    ("evidence", Kind.DUE, "rectify_by", (), {"rectification"}, (), None, "evidence"),
]


@pytest.mark.parametrize(
    ("name", "kind", "anchor", "addends", "while_", "held", "fires", "answer"),
    TIMERS,
    ids=[row[0] for row in TIMERS],
)
def test_timer_follows_the_readings(
    base: Definition,
    name: str,
    kind: Kind,
    anchor: str,
    addends: tuple[str, ...],
    while_: set[str],
    held: tuple[str, ...],
    fires: str | None,
    answer: str | None,
) -> None:
    timer = base.timers[name]

    assert timer.kind is kind
    assert timer.day == Day(
        anchor=anchor,
        addends=tuple(Addend(sign=1 if one[0] == "+" else -1, period=one[1:]) for one in addends),
    )
    assert (timer.while_, timer.held) == (frozenset(while_), frozenset(held))
    assert (timer.fires, timer.answer) == (fires, answer)


def test_timers_are_those_of_the_table(base: Definition) -> None:
    routed = {"publicity_over"} if base.edition == "2026-1" else set()

    assert base.timers.keys() == {"yearly_data", *(name for name, *_ in TIMERS), *routed}


def test_report_deadlines_are_those_the_office_may_move(base: Definition) -> None:
    movable = {
        timer.name: (timer.moved_by, timer.asked_after) for timer in base.timers.values() if timer.moved_by
    }

    assert movable == dict.fromkeys(
        ("progress_report", "final_report"), ("set_report_deadline", "late_opening")
    )


def test_yearly_data_come_back_every_year(base: Definition) -> None:
    timer = base.timers["yearly_data"]

    assert timer.day == Every(setting="yearly_data_day")
    assert (timer.kind, timer.fires, timer.answer) == (Kind.DUE, None, "yearly_data")
    assert base.settings["yearly_data_day"].default == "01-31"


def test_lapse_is_the_only_end_that_comes_by_itself(base: Definition) -> None:
    """Article 5 alone takes effect without a person; every other end is somebody's decision."""
    fired = {timer.fires for timer in base.timers.values() if timer.fires}

    assert {name for name in fired if base.states[str(base.acts[name].to)].end} == {"lapse"}
    assert {act.name for act in base.acts.values() if act.by_timer} == fired


def test_cycle_end_is_one_step_from_the_start(base: Definition) -> None:
    assert base.dates["cycle_end"].day == Day(
        anchor="cycle_start",
        addends=(Addend(sign=1, period="cycle"), Addend(sign=1, period="extension", times="extend")),
    )


@pytest.mark.parametrize(
    ("name", "value", "basis"),
    [
        ("cycle", Period(years=3), "4"),
        ("extension", Period(years=1), "18"),
        ("ban", Period(years=3), "18"),
        ("awards", 3, "18(2)"),
        ("students", 20, "18(2)"),
    ],
)
def test_term_is_what_the_text_fixes(base: Definition, name: str, value: Period | int, basis: str) -> None:
    term = base.terms[name]

    assert (term.value, term.basis) == (value, basis)


@pytest.mark.parametrize(
    ("name", "default", "pinned_by"),
    [
        ("cycle_starts", "approve", "approve"),
        ("sign_within", "90 days", None),
        ("agreement_grace", "0 days", "sign_agreement"),
        ("agreement_notices", [180, 90, 30, 7], None),
        ("renewal_window", "180 days", None),
        ("agreement_max", "5 years", None),
        ("report_more", "60 days", None),
        ("midterm_after", "18 months", None),
        ("midterm_time", "60 days", None),
        ("final_before", "90 days", None),
        ("final_time", "60 days", None),
        ("rectify_min", "30 days", "order_rectification"),
        ("rectify_max", "365 days", "order_rectification"),
        ("ban_subject", "partner_and_any_college", "revoke"),
        ("resubmit_within", "14 days", "send_back"),
        ("backdate_limit", "30 days", None),
        ("late_opening", "7 days", None),
        ("recuse_own_head", True, None),
        ("yearly_data_day", "01-31", None),
    ],
)
def test_setting_has_the_default_of_the_readings(
    base: Definition, name: str, default: object, pinned_by: str | None
) -> None:
    setting = base.settings[name]

    assert (setting.default, setting.pinned_by) == (default, pinned_by)


@pytest.mark.parametrize(
    ("transition", "by_state"),
    [
        ("certify", {"final": ("excellent", "qualified"), "rectification": ("excellent", "qualified")}),
        ("revoke", {"final": ("still_unmet",), "rectification": ("still_unmet",)}),
        ("extend", {"final": ("not_yet",)}),
        ("order_rectification", {"final": ("unqualified", "not_submitted")}),
        ("approve", {}),
    ],
)
def test_outcomes_are_those_of_the_state(
    base: Definition, transition: str, by_state: dict[str, tuple[str, ...]]
) -> None:
    act = base.acts[transition]

    assert act.outcomes_by_state == by_state
    assert act.outcomes == next(iter(by_state.values()), ())


def test_ban_blocks_every_way_to_approval(base: Definition) -> None:
    ban = base.bans["reapplication"]

    assert (ban.starts, ban.lasts, ban.on, ban.keeps_out_of) == ("revoke", "ban", "ban_subject", "approved")
    assert ban.blocks == ("submit", "approve")
    assert [ask.field for ask in base.acts["approve"].asks] == [ban.finding]


def test_neither_lapse_nor_exit_leads_out_of_an_assessment(base: Definition) -> None:
    """Otherwise an expiring agreement or an exit would be a way around revocation and its ban (Art. 5, 18)."""
    assert base.acts["lapse"].source & base.groups["assessed"] == frozenset()
    assert base.acts["exit"].source & base.groups["assessed"] == frozenset()


def test_final_report_takes_exactly_one_of_report_and_application(base: Definition) -> None:
    task = base.acts["final_report"]

    assert task.either == ("final_report_file", "extension_application")
    assert [(ask.field, ask.required) for ask in task.asks] == [
        ("final_report_file", False),
        ("extension_application", False),
    ]


def test_duties_are_held_on_one_base(base: Definition) -> None:
    assert {role.name for role in base.roles.values() if role.held is Held.DUTY} == {
        *("project_leader", "partner_contact"),
        *(("expert",) if base.edition == "2024-1" else ()),
    }
    assert {role.name: role.of for role in base.roles.values() if role.of} == {
        "college_head": "lead_college",
        "college_officer": "lead_college",
    }


def test_personal_fields_are_the_partners_manager(base: Definition) -> None:
    assert {field.name for field in base.fields.values() if field.personal} == {
        "contact_person",
        "contact_phone",
    }


def test_eligibility_needs_one_item_of_the_record(base: Definition) -> None:
    """Article 6(2) asks for a foundation and a plan, and for one of three kinds of record."""
    items = base.lists["eligibility"].values()

    assert {item.name: item.basis for item in items if item.one_of == "record"} == dict.fromkeys(
        ("projects", "results", "training"), "6(2)"
    )
    assert {item.name for item in items if item.one_of is None} == {
        *("standing", "intent", "foundation", "platform", "staff")
    }


def test_excellent_demands_its_own_list_and_that_of_qualified(base: Definition) -> None:
    assert base.outcomes["excellent"].lists == ("excellent", "qualified")
    assert base.outcomes["qualified"].lists == ("qualified",)
    assert base.fields["criteria"].type is FieldType.CHECKLIST
    assert base.fields["criteria"].lists == ("qualified", "excellent")


@pytest.mark.parametrize(
    ("item", "counted", "at_least"),
    [("reward", "awards_in_cycle", "awards"), ("intake", "students_half_year", "students")],
)
def test_what_can_be_counted_is_counted(base: Definition, item: str, counted: str, at_least: str) -> None:
    line = base.lists["excellent"][item]

    assert (line.counted, line.at_least) == (counted, at_least)


def test_ledger_words_stand_for_states(base: Definition) -> None:
    assert base.import_.by == "base_office"
    assert base.import_.states == {
        "已立项": "approved",
        "建设中": "agreement_signed",
        "延期": "extended",
        "整改中": "rectification",
        "在库": "certified",
        "撤销": "revoked",
        "到期未续签": "lapsed",
    }


# The product's glossary: what these things are called on every page.
GLOSSARY = """
states draft 草稿 | draft | local
states proposed 已申报 | proposed | 4
states not_approved 不予立项 | not approved | 7
states withdrawn 已撤回 | withdrawn | local
states approved 确定立项（待签协议） | approved | 5
states agreement_signed 建设中 | agreement signed | 5
states midterm 中期考核中 | mid-term assessment | 17
states midterm_assessed 建设中（中期已考核） | mid-term assessed | 17
states final 结项考核中 | final assessment | 17
states certified 在库（授牌） | certified | 18
states extended 延期结项 | extended | 18
states rectification 限期整改 | rectification | 18
states revoked 撤销资格 | revoked | 18
states lapsed 取消资格（协议到期未续签） | lapsed | 5
states exited 退出 | exited | local
acts submit 提交申报 | submit | 4, 6
acts send_back 退回修改 | send back for changes | local
acts withdraw 撤回 | withdraw | local
acts approve 批准立项 | approve | 5, 7
acts reject 不予立项 | reject | 7
acts sign_agreement 登记协议签订 | record the signed agreement | 5, 10
acts open_midterm 启动中期考核 | open the mid-term assessment | 17
acts conclude_midterm 评定中期考核 | conclude the mid-term assessment | 17
acts open_final 启动结项考核 | open the final assessment | 17, 18
acts certify 纳入基地库并授牌 | certify | 18
acts extend 同意延期一年 | extend by one year | 18
acts order_rectification 责令限期整改 | order rectification | 18
acts revoke 撤销资格 | revoke | 18
acts renew_agreement 登记续签 | record the renewal | 5
acts lapse 协议到期终止 | lapse | 5
acts exit 登记退出 | record the exit | local
acts correct 更正 | correct | local
acts amend 更正事实 | amend a fact | local
acts progress_report 进展报告 | progress report | 17
acts final_report 结项报告 | final report | 17
acts yearly_data 年度基本数据 | yearly data | 18(1)
roles project_leader 项目负责人 | project leader | 17
roles college_officer 培养单位联络人 | college officer | 9
roles college_head 培养单位负责人 | college head | 7
roles base_office 联培基地办公室 | base office | 8
roles leading_group 领导小组成员 | member of the leading group | 7
roles expert 评审专家 | expert | 17
roles partner_contact 合作单位管理人员 | partner manager | 10
outcomes excellent 优秀 | excellent | 18
outcomes qualified 合格 | qualified | 18
outcomes unqualified 不合格 | unqualified | 18
outcomes passed 通过 | passed | local
outcomes improve 需改进 | to be improved | local
outcomes failed 不通过 | not passed | local
outcomes not_held 未开展 | not held | local
outcomes not_yet 未达要求拟延期 | not yet met: extend | 18
outcomes still_unmet 到期仍未达到 | still not met | 18
outcomes not_submitted 未提交 | not submitted | local
terms ban 重新申报限制期 | re-application ban | 18
terms cycle 建设周期 | construction cycle | 4
"""


@pytest.mark.parametrize("row", GLOSSARY.strip().splitlines())
def test_name_is_the_glossarys(base: Definition, row: str) -> None:
    zh, en, basis = (part.strip() for part in row.split("|"))
    section, name, zh = zh.split(maxsplit=2)

    element = getattr(base, section)[name]

    assert (element.label.zh, element.label.en, element.basis) == (zh, en, basis)


def test_every_state_is_named_in_the_glossary(base: Definition) -> None:
    named = {row.split()[1] for row in GLOSSARY.strip().splitlines() if row.startswith("states ")}

    assert base.states.keys() == named


# ───────────────────────────── The edition before: one decider for each decision


@pytest.fixture(scope="module")
def single() -> Definition:
    return load_file(SINGLE_FILE)


@pytest.mark.parametrize(
    ("state", "step", "by", "choices"),
    [
        (
            "midterm",
            "conclusion",
            ("base_office",),
            dict.fromkeys(("passed", "improve", "failed", "not_held"), "conclude_midterm"),
        ),
        (
            *("final", "grading", ("leading_group",)),
            {
                "excellent": "certify",
                "qualified": "certify",
                "not_yet": "extend",
                "unqualified": "order_rectification",
                "not_submitted": "order_rectification",
                "still_unmet": "revoke",
            },
        ),
        (
            *("rectification", "grading", ("leading_group",)),
            {"excellent": "certify", "qualified": "certify", "still_unmet": "revoke"},
        ),
    ],
)
def test_single_decider_picks_an_outcome(
    single: Definition, state: str, step: str, by: tuple[str, ...], choices: dict[str, str]
) -> None:
    task, decision = single.routes[state].steps

    assert (task.kind, task.overdue) == (StepKind.TASK, step)
    assert (decision.name, decision.kind, decision.by, decision.choices) == (
        step,
        StepKind.DECIDE,
        by,
        choices,
    )


@pytest.mark.parametrize(("state", "then"), [("proposed", "approve"), ("approved", "sign_agreement")])
def test_single_decider_needs_no_step(single: Definition, state: str, then: str) -> None:
    assert single.routes[state].then == then
    assert single.routes[state].steps == ()
