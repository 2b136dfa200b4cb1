"""`lianpei check` says what is wrong with a file, or what the file says, in words and as a diagram."""

import pytest

from tests.university import ROUTED_FILE as BASE
from tests.workflow.test_definition import AWARD
from workflow.check import Checked, check, draw, summary
from workflow.definition import load, load_file, parse_day
from workflow.definition.values.edition import Definition
from workflow.lifecycle_words import day_words, route_lines


@pytest.fixture(scope="module")
def base() -> Definition:
    return load_file(BASE)


@pytest.fixture(scope="module")
def broken() -> Checked:
    source = BASE.read_text(encoding="utf-8").replace(
        'second = "base_office"                 #', 'second = "base_offise" #'
    )
    return check(source.encode(), file="base.toml")


def test_good_file_is_summed_up(base: Definition) -> None:
    checked = check(BASE.read_bytes(), file="base.toml")

    assert checked.good
    assert checked.text("zh") == f"base.toml：没有问题。\n\n{summary(base, 'zh')}"
    assert checked.as_json() == {"file": "base.toml", "good": True, "problems": []}


def test_bad_file_lists_its_problems(broken: Checked) -> None:
    assert not broken.good
    assert broken.text("en").splitlines() == [
        "base.toml: transitions.revoke.second: There is no role called “base_offise”. Did you mean “base_office”?",
        "base.toml: transitions.correct.second: There is no role called “base_offise”. Did you mean “base_office”?",
        "base.toml: 2 problems.",
    ]


def test_bad_file_is_told_to_programs(broken: Checked) -> None:
    first, *_ = broken.as_json()["problems"]

    assert first == {
        "path": "transitions.revoke.second",
        "code": "unknown_name",
        "params": {"name": "base_offise", "did_you_mean": "base_office", "wanted": ["role"]},
        "zh": "没有名为“base_offise”的角色。您是否想写“base_office”？",
        "en": "There is no role called “base_offise”. Did you mean “base_office”?",
    }


def test_file_that_is_no_text_is_a_problem() -> None:
    checked = check(b"\xff\xfe", file="photo.jpg")

    assert checked.text("en").splitlines()[-1] == "photo.jpg: 1 problem."


def test_summary_counts_what_there_is(base: Definition) -> None:
    lines = summary(base, "en").splitlines()

    assert lines[0] == (
        "joint training base (base), edition 2026-1, under 聊城大学研究生联合培养基地管理办法"
    )
    assert lines[2] == "15 states, 22 transitions, 4 tasks, 9 timers, 32 settings"


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("zh", "  批准立项 → 确定立项（待签协议） 〔办法第五条、第七条〕；由领导小组成员办理 〔办法第七条〕"),
        (
            "zh",
            "  撤销资格 → 撤销资格 〔办法第十八条〕；由领导小组成员办理 〔研究生处设定〕，另由联培基地办公室复核",
        ),
        ("en", "  lapse → lapsed [Regulation, Art. 5]; by the clock [Regulation, Art. 5]"),
        (
            "zh",
            "  协议到期：协议最后一日 + 协议到期宽限，当日24时届满 〔办法第五条〕，自动触发“协议到期终止”",
        ),
    ],
)
def test_summary_tells_the_ground_of_act_and_decider_apart(
    base: Definition, language: str, line: str
) -> None:
    """Article 18 says what happens to an unqualified base; who decides it is the office's choice."""
    assert line in summary(base, language).splitlines()


def test_summary_says_what_is_possible_everywhere_once(base: Definition) -> None:
    lines = summary(base, "zh").splitlines()

    assert len([line for line in lines if line.strip().startswith("更正 →")]) == 1


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        (
            "cycle_end - final_before",
            "建设周期届满日 − 结项考核提前",
            "end of the cycle − final opens before the end",
        ),
        ("every yearly_data_day", "每年年度数据截止日", "every year, yearly data due on"),
        (
            "old(agreement_last_day) + 1 year",
            "原协议最后一日 + 1年",
            "the old last day of the agreement + 1 year",
        ),
        ("today - 18 months", "当日 − 18个月", "today − 18 months"),
        (
            "cycle_start + extension * times(extend)",
            "建设周期起始日 + 延期×“同意延期一年”次数",
            "start of the cycle + extension × times of “extend by one year”",
        ),
    ],
)
def test_day_is_said_with_its_labels(base: Definition, text: str, zh: str, en: str) -> None:
    day = parse_day(text)

    assert (day_words(day, base, "zh"), day_words(day, base, "en")) == (zh, en)


def test_diagram_shows_every_way_between_states(base: Definition) -> None:
    lines = draw(base, "en").splitlines()

    assert lines[0] == "stateDiagram-v2"
    assert lines[1] == '  state "draft" as draft'
    assert "  [*] --> draft" in lines
    assert "  revoked --> [*]" in lines
    assert {line.strip() for line in lines if line.startswith("  final -->")} == {
        "final --> certified: certify",
        "final --> extended: extend by one year",
        "final --> rectification: order rectification",
        "final --> revoked: revoke",
    }
    assert "  agreement_signed --> lapsed: lapse (the clock)" in lines


def test_diagram_leaves_out_what_keeps_the_state(base: Definition) -> None:
    assert "登记续签" not in draw(base, "zh")
    assert "更正" not in draw(base, "zh")


def test_diagram_shields_signs_that_mermaid_reads() -> None:
    source = BASE.read_text(encoding="utf-8").replace('zh = "已申报"', "zh = '已\"申\": 报;'")

    definition = check(source.encode(), file="base.toml").definition

    assert definition is not None
    assert '  state "已”申”： 报；" as proposed' in draw(definition, "zh").splitlines()


# ───────────────────────────── Routes in words


def test_summary_says_the_steps_of_a_proposal_in_order(base: Definition) -> None:
    lines = summary(base, "zh").splitlines()
    start = lines.index("已申报 〔办法第四条〕")

    assert lines[start + 5 : start + 12] == [
        "  程序 〔研究生处设定〕",
        "    1. 责任学院意见：由培养单位负责人签署；一人同意即可；不同意则退回修改 〔研究生处设定〕",
        "    2. 形式审查：由联培基地办公室签署；一人同意即可；不同意则退回修改 〔研究生处设定〕",
        "    3. 专家评审：仅当“立项专家评审”为是；由评审专家评分，每人一份；专家人数5；行业专家至少1 〔研究生处设定〕",
        "    4. 领导小组表决：由领导小组成员表决；到会人数2/3；通过票数超过1/2；无记名投票：否；未通过则不予立项 〔办法第七条〕",
        "    5. 公示：仅当“立项公示”为是；公示，期限为“公示期”，异议由联培基地办公室录入；有异议则回到“形式审查” 〔研究生处设定〕",
        "    全部完成后：批准立项",
    ]


def test_summary_says_a_motion_and_the_vote_on_it(base: Definition) -> None:
    lines = route_lines(base.routes["rectification"], base, "en")

    assert lines[1:] == [
        "  1. evidence of rectification: handed in by project leader; due by rectify by; "
        "overdue: on to “check of the evidence” [set by the Graduate Office]",
        "  2. check of the evidence: signed by base office; one of them is enough [set by the Graduate Office]",
        "  3. experts on the rectification: marked by expert, each on a sheet of their own; number of experts 5; "
        "experts from industry, at least 1 [set by the Graduate Office]",
        "  4. proposal of a verdict: base office picks one of the outcomes; “excellent” → certify; "
        "“qualified” → certify; “still not met” → revoke; a motion, which the steps after it decide "
        "[set by the Graduate Office]",
        "  5. vote on the verdict: voted on by member of the leading group; quorum 2/3; majority more than 1/2; "
        "secret ballot: no; voted down: back to “proposal of a verdict” [set by the Graduate Office]",
    ]


def test_route_without_steps_says_what_is_next(base: Definition) -> None:
    assert route_lines(base.routes["approved"], base, "en") == [
        "the route [set by the Graduate Office]",
        "  next: record the signed agreement",
    ]


def test_ballot_is_said_with_its_step_only(base: Definition) -> None:
    lines = summary(base, "en").splitlines()

    assert [line.strip() for line in lines if "check of form" in line and "→" in line] == []


@pytest.mark.parametrize(
    ("old", "new", "zh", "en"),
    [
        ("", "", "须1人同意；其中负责人必须同意", "1 must agree; head among them"),
        ("enough = 1\n", "", "每人都须同意；其中负责人必须同意", "each must agree; head among them"),
        (
            'rule   = "each"\nenough = 1\nmust   = "head"',
            'rule   = "in_order"',
            *("依次同意", "one role after the other"),
        ),
        ('rule   = "each"\nenough = 1\nmust   = "head"', "", "一人同意即可", "one of them is enough"),
    ],
)
def test_rule_of_signing_is_said(old: str, new: str, zh: str, en: str) -> None:
    award = load(AWARD.replace(old, new) if old else AWARD)
    words = {language: route_lines(award.routes["review"], award, language)[2] for language in ("zh", "en")}

    assert f"签署；{zh}；不同意则" in words["zh"]
    assert f"head; {en}; a refusal: " in words["en"]


@pytest.mark.parametrize(
    ("when", "zh", "en"),
    [
        ("strict", "仅当“回避”为是", "only where “strict” is on"),
        ("not strict", "仅当“回避”为否", "only where “strict” is off"),
        ("title", "仅当填写了“名称”", "only where “title” is filled in"),
        ("not title", "仅当未填写“名称”", "only where “title” is empty"),
        ("level is high", "仅当“级别”为“高”", "only where “level” is “high”"),
        ("not level is high", "仅当“级别”不为“高”", "only where “level” is not “high”"),
    ],
)
def test_condition_is_said(when: str, zh: str, en: str) -> None:
    award = load(AWARD.replace('when     = "level is high"', f'when     = "{when}"'))
    words = {language: route_lines(award.routes["review"], award, language)[5] for language in ("zh", "en")}

    assert words["zh"].startswith(f"  5. 公示：{zh}；公示，")
    assert words["en"].startswith(f"  5. notice: {en}; a public notice")
