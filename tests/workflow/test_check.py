"""`lianpei check` says what is wrong with a file, or what the file says, in words and as a diagram."""

from pathlib import Path

import pytest

from workflow.check import Checked, check, day_words, draw, summary
from workflow.definition import Definition, load_file, parse_day

BASE = Path(__file__).parents[2] / "workflow" / "lifecycles" / "base.toml"


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
        "joint training base (base), edition 2024-1, under 聊城大学研究生联合培养基地管理办法"
    )
    assert lines[2] == "15 states, 19 transitions, 4 tasks, 8 timers, 21 settings"


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
