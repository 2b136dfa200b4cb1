"""A lifecycle file is read whole or refused with every mistake: each kind of mistake is planted once and found at its place."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import workflow.definition
from tests.workflow.test_explore import FOUND_BY_TRYING
from workflow.definition import (
    DayError,
    DefinitionProblems,
    Problem,
    fits,
    load,
    load_file,
    parse_day,
    problems,
)
from workflow.definition.values.acts import ActKind, Ask, Need
from workflow.definition.values.days import Addend, Day, Every
from workflow.definition.values.edition import Definition
from workflow.definition.values.labels import Label
from workflow.definition.values.routes import Condition, Rule, Step, StepKind
from workflow.definition.values.settings import SettingType
from workflow.periods import Kind, Period

AWARD = """
[lifecycle]
name       = "award"
edition    = "1"
label      = { zh = "成果奖", en = "award" }
source     = "某办法"
articles   = 23
subject    = "bases"
initial    = "draft"
opens      = "leader"
backdating = ["office"]

[terms]
cycle = { value = "3 years", basis = "4", zh = "周期", en = "cycle" }
least = { value = 3, basis = "18(2)", zh = "件数", en = "number" }

[roles]
leader = { basis = "17", held = "duty", stand_in = ["office"], zh = "负责人", en = "leader" }
office = { basis = "8", zh = "办公室", en = "office" }
head   = { basis = "7", of = "college", zh = "负责人", en = "head" }
expert = { basis = "17", zh = "专家", en = "expert" }
council = { basis = "7", quorum = "quorum", majority = "majority", secret = "secrecy", zh = "委员会", en = "council" }

[states]
draft   = { basis = "local", family = "neutral", zh = "草稿", en = "draft" }
review  = { basis = "4", family = "moving", zh = "评审中", en = "in review" }
given   = { basis = "20", family = "certified", zh = "已授奖", en = "given" }
refused = { basis = "20", family = "neutral", zh = "未授奖", en = "refused", end = true }
closed  = { basis = "local", family = "ended", zh = "已结束", en = "closed", end = true }

[groups]
open = ["draft", "review"]
live = ["open", "given"]

[dates]
start = { is = "counts_from", basis = "local", zh = "起始日", en = "start" }
finish = { is = "start + cycle * times(award)", basis = "4", zh = "届满日", en = "finish" }

[transitions.submit]
label = { zh = "提交", en = "submit" }
from  = "draft"
to    = "review"
by    = "leader"
basis = "4"
asks  = ["title", "level", "college", "conditions", "made_on?"]
needs = [
  { guard = "checklist_met", basis = "6", list = "conditions_list" },
  { guard = "in_order", basis = "local", days = ["made_on", "today"] },
  { guard = "no_twin", basis = "local", same = ["title"], among = "live" },
]
does  = ["number_application"]
tell  = ["office"]

[routes.review]
basis = "local"

[routes.review.paper]
label    = { zh = "材料", en = "paper" }
kind     = "task"
by       = "leader"
hands_in = ["paper_file?", "link?"]
either   = ["paper_file", "link"]
suspended_by = "halt"
resumed_by   = "go_on"
due      = "submit + paper_time"
remind   = "reminders"
escalate = "ladder"
overdue  = "verdict"

[routes.review.opinion]
label  = { zh = "意见", en = "opinion" }
kind   = "sign"
by     = ["office", "head"]
rule   = "each"
enough = 1
must   = "head"
refuse = "refuse"
asks   = ["note?"]

[routes.review.panel]
label    = { zh = "评审", en = "panel" }
kind     = "score"
by       = "expert"
when     = "panel_on"
count    = "panel_size"
industry = "panel_industry"
asks     = ["marks"]

[routes.review.council_vote]
label  = { zh = "表决", en = "vote" }
kind   = "vote"
by     = "council"
failed = "refuse"

[routes.review.notice]
label    = { zh = "公示", en = "notice" }
kind     = "publicity"
by       = "office"
when     = "level is high"
lasts    = "notice_time"
objected = "opinion"

[routes.review.verdict]
label = { zh = "评定", en = "verdict" }
kind  = "decide"
by    = "office"
choices.good = "award"
choices.bad  = "refuse"

[transitions.award]
label = { zh = "授奖", en = "award" }
from  = "review"
to    = "given"
by    = ["office", "head"]
basis = "20"
asks  = ["reason?"]
needs = [
  { guard = "given", basis = "local", field = "reason", if_outcome = "good" },
  { guard = "handed_in", basis = "local", field = "paper_file", before = "panel" },
  { guard = "days_ahead", basis = "local", day = "made_on", min = "paper_time", max = "paper_time" },
]
does  = ["record_grade"]

[transitions.refuse]
label  = { zh = "不授奖", en = "refuse" }
from   = "open"
to     = "refused"
by     = "office"
second = "head"
basis  = "20"
needs  = [{ guard = "overdue", basis = "local", task = "paper", if_outcome = "bad", confirm = true }]

[transitions.send_back]
label = { zh = "退回", en = "send back" }
from  = ["review"]
to    = "draft"
by    = "whose_turn"
basis = "local"
asks  = ["note?", "link?"]
needs = [{ guard = "any_of", basis = "local", fields = ["note", "link"] }]

[transitions.withdraw]
label = { zh = "撤回", en = "withdraw" }
from  = ["review"]
to    = "refused"
by    = "leader"
basis = "local"
needs = [{ guard = "no_ballot_yet", basis = "local", step = "council_vote" }]

[transitions.close]
label = { zh = "结束", en = "close" }
from  = "given"
to    = "closed"
by    = "timer"
basis = "local"

[transitions.amend]
label = { zh = "更正", en = "amend" }
from  = "any"
to    = "same"
by    = "office"
basis = "local"
asks  = ["fact"]
facts = ["title"]
needs = [{ guard = "new_identity_allowed", basis = "local", on = "again" }]

[transitions.halt]
label  = { zh = "中止", en = "halt" }
from   = "review"
to     = "same"
by     = "office"
basis  = "local"
asks   = ["reason"]
does   = ["record_suspension"]

[transitions.go_on]
label  = { zh = "恢复", en = "go on" }
from   = "review"
to     = "same"
by     = "office"
basis  = "local"
asks   = ["reason"]
needs  = [{ guard = "deadline_resumable", basis  = "local" }]
does   = ["record_resumption"]

[timers.closes]
label    = { zh = "结束", en = "closes" }
while    = "given"
ends     = "finish - 1 month"
basis    = "local"
fires    = "close"
remind   = { days = "reminders", to = ["leader"] }
escalate = "ladder"

[timers.figures]
label    = { zh = "数据", en = "figures" }
while    = "given"
held     = "open"
by       = "leader"
hands_in = ["count"]
due      = "every figures_day"
basis    = "18"

[bans.again]
label  = { zh = "限制", en = "ban" }
starts = "refuse"
lasts  = "cycle"
on     = "whom"
blocks = ["award"]
keeps_out_of = "given"
finding = "reason"
basis  = "18"

[conflicts]
own = { basis = "local", nobody = ["office"], who_is = "leader", when = "strict", zh = "本人", en = "own" }

[import]
label  = { zh = "导入", en = "import" }
by     = "office"
basis  = "local"
states = { "在评" = "review" }

[fields]
title      = { type = "line", basis = "local", longest = 50, zh = "名称", en = "title" }
college    = { type = "unit", basis = "9", zh = "学院", en = "college" }
conditions = { type = "checklist", basis = "6", lists = ["conditions_list"], zh = "条件", en = "conditions" }
made_on    = { type = "date", basis = "local", zh = "完成日", en = "made on", hint = { zh = "当日", en = "that day" } }
paper_file = { type = "document", basis = "17", zh = "材料", en = "paper" }
link       = { type = "line", basis = "local", zh = "链接", en = "link" }
reason     = { type = "text", basis = "local", personal = true, zh = "理由", en = "reason" }
fact       = { type = "fact", basis = "local", zh = "事实", en = "fact" }
count      = { type = "count", basis = "18", zh = "件数", en = "count" }
note       = { type = "text", basis = "local", zh = "备注", en = "note" }
marks      = { type = "sheet", basis = "16", sheets = ["marks_sheet"], zh = "评分", en = "marks" }

[fields.level]
type  = "choice"
basis = "local"
label = { zh = "级别", en = "level" }
one_of.high = { zh = "高", en = "high" }
one_of.low  = { zh = "低", en = "low" }

[outcomes]
good = { basis = "local", lists = ["conditions_list"], zh = "好", en = "good" }
bad  = { basis = "local", zh = "差", en = "bad" }

[lists.conditions_list]
many = { basis = "6(1)", counted = "sum", at_least = "least", zh = "多", en = "many" }
fine = { basis = "6(2)", one_of = "either", zh = "好", en = "fine" }

[sheets.marks_sheet]
depth = { basis = "16", zh = "深度", en = "depth" }

[counts]
sum = { basis = "18", sums = "count", over = "cycle", zh = "合计", en = "sum" }

[settings]
counts_from = { default = "award", one_of = ["award", "made_on"], pinned_by = "award", zh = "起算", en = "counts from" }
paper_time  = { default = "30 days", zh = "时限", en = "time" }
figures_day = { default = "01-31", zh = "截止日", en = "day" }
reminders   = { default = [30, 7, 0], zh = "提醒", en = "reminders" }
ladder      = { default = { 1 = "leader", 8 = "office" }, zh = "升级", en = "ladder" }
strict      = { default = true, zh = "回避", en = "strict" }
panel_on    = { default = true, zh = "评审", en = "panel" }
panel_size  = { default = 5, zh = "专家人数", en = "experts" }
panel_industry = { default = 1, zh = "行业专家", en = "experts from industry" }
quorum      = { default = "2/3", zh = "到会人数", en = "quorum" }
majority    = { default = "more than 1/2", zh = "通过票数", en = "majority" }
secrecy     = { default = false, zh = "无记名", en = "secrecy" }
notice_time = { default = "5 working days", zh = "公示期", en = "length" }

[settings.whom]
label   = { zh = "对象", en = "whom" }
default = "partner"
one_of.partner        = { zh = "单位", en = "partner" }
one_of.project_leader = { zh = "负责人", en = "leader" }
"""


def found(text: str) -> list[tuple[str, str]]:
    """Give path and code of every problem of a lifecycle text."""
    return [(problem.path, problem.code) for problem in problems(text.encode(), file="award.toml")]


def planted(old: str, new: str) -> list[Problem]:
    """Give the problems of the award file with one piece replaced."""
    assert AWARD.count(old) == 1, f"{old!r} stands {AWARD.count(old)} times in the file"
    return problems(AWARD.replace(old, new).encode(), file="award.toml")


@pytest.fixture(scope="module")
def award() -> Definition:
    return load(AWARD)


# ───────────────────────────── What a good file becomes


def test_good_file_has_no_problems() -> None:
    assert found(AWARD) == []


def test_act_keeps_what_the_file_says(award: Definition) -> None:
    act = award.acts["award"]

    assert act.label == Label(zh="授奖", en="award")
    assert (act.source, act.to, act.by, act.by_timer) == (
        frozenset({"review"}),
        "given",
        ("office", "head"),
        False,
    )
    assert act.asks == (Ask(field="reason", required=False),)
    assert act.needs[0] == Need(
        guard="given", basis="local", params={"field": "reason", "if_outcome": "good"}
    )
    assert (act.does, act.outcomes, act.outcomes_by_state) == (
        ("record_grade",),
        ("good",),
        {"review": ("good",)},
    )


def test_guard_parameters_are_typed(award: Definition) -> None:
    _, order, twin = award.acts["submit"].needs

    assert order.params == {"days": (Day(anchor="made_on"), Day(anchor="today"))}
    assert twin.params == {"same": ("title",), "among": "live"}


def test_task_with_a_deadline_declares_its_timer(award: Definition) -> None:
    task, timer = award.acts["paper"], award.timers["paper"]

    assert (task.source, task.to, task.timer) == (frozenset({"review"}), None, "paper")
    assert (timer.kind, timer.while_, timer.answer, timer.overdue) == (
        Kind.DUE,
        frozenset({"review"}),
        "paper",
        "verdict",
    )
    assert (timer.remind, timer.tell, timer.escalate) == ("reminders", ("leader",), "ladder")


def test_signed_step_keeps_whose_agreement_it_wants(award: Definition) -> None:
    step = award.step("review", "opinion")

    assert step == Step(
        name="opinion",
        kind=StepKind.SIGN,
        label=Label(zh="意见", en="opinion"),
        basis="local",
        by=("office", "head"),
        act="opinion",
        rule=Rule.EACH,
        enough=1,
        must=("head",),
        refuse="refuse",
    )


def test_vote_takes_its_rules_from_its_body(award: Definition) -> None:
    step = award.step("review", "council_vote")

    assert step is not None
    assert (step.quorum, step.majority, step.secret, step.failed) == (
        *("quorum", "majority", "secrecy"),
        "refuse",
    )


def test_rules_said_on_the_step_come_before_those_of_the_body() -> None:
    step = load(
        AWARD.replace('by     = "council"', 'by     = "council"\nmajority = "quorum"\nsecret = "panel_on"')
    ).step("review", "council_vote")

    assert step is not None
    assert (step.quorum, step.majority, step.secret) == ("quorum", "quorum", "panel_on")


def test_panel_keeps_its_size_and_when_it_is_asked(award: Definition) -> None:
    step = award.step("review", "panel")

    assert step is not None
    assert (step.kind, step.count, step.industry) == (StepKind.SCORE, "panel_size", "panel_industry")
    assert step.when == Condition(name="panel_on")


def test_public_notice_declares_the_timer_that_ends_it(award: Definition) -> None:
    step, timer = award.step("review", "notice"), award.timers["notice_over"]

    assert step is not None
    assert (step.when, step.objected) == (Condition(name="level", value="high"), "opinion")
    assert (timer.kind, timer.day, timer.while_, timer.closes) == (
        Kind.ENDS,
        Day(anchor="notice", addends=(Addend(sign=1, period="notice_time"),)),
        frozenset({"review"}),
        "notice",
    )


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("panel_on", Condition(name="panel_on")),
        ("not panel_on", Condition(name="panel_on", negated=True)),
        ("level", Condition(name="level")),
        ("level is low", Condition(name="level", value="low")),
        ("not level is low", Condition(name="level", negated=True, value="low")),
    ],
)
def test_condition_is_read(text: str, condition: Condition) -> None:
    step = load(AWARD.replace('failed = "refuse"', f'failed = "refuse"\nwhen = "{text}"')).step(
        "review", "council_vote"
    )

    assert step is not None
    assert step.when == condition


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("opinion", ("agree", "refuse", "back_to_paper", "recuse")),
        ("panel", ("seal", "recuse")),
        ("council_vote", ("agree", "refuse", "abstain", "recuse")),
        ("notice", ("object",)),
    ],
)
def test_ballot_offers_the_words_of_its_kind(award: Definition, step: str, words: tuple[str, ...]) -> None:
    assert award.acts[step].kind is ActKind.BALLOT
    assert award.acts[step].outcomes == words


def test_signer_may_send_back_to_every_earlier_step() -> None:
    text = AWARD.replace(
        "[routes.review.verdict]",
        '[routes.review.seal]\nlabel = { zh = "用印", en = "seal" }\nkind = "sign"\nby = "office"\n\n[routes.review.verdict]',
    )

    definition = load(text)

    assert definition.acts["seal"].outcomes == (
        *(
            "agree",
            "back_to_paper",
            "back_to_opinion",
            "back_to_panel",
            "back_to_council_vote",
            "back_to_notice",
        ),
        "recuse",
    )
    assert definition.outcomes["back_to_opinion"].label == Label(
        zh="退回至“意见”", en="send back to “opinion”"
    )


def test_act_of_whoever_has_the_turn_names_no_role(award: Definition) -> None:
    act = award.acts["send_back"]

    assert (act.by, act.by_turn, act.by_timer) == ((), True, False)
    assert act.needs == (Need(guard="any_of", basis="local", params={"fields": ("note", "link")}),)


def test_timer_with_hands_in_declares_its_task(award: Definition) -> None:
    task, timer = award.acts["figures"], award.timers["figures"]

    assert (task.by, task.asks, task.source) == (("leader",), (Ask(field="count"),), frozenset({"given"}))
    assert (timer.day, timer.answer) == (Every(setting="figures_day"), "figures")
    assert timer.held == frozenset({"draft", "review"})


def test_groups_within_groups_are_resolved(award: Definition) -> None:
    assert award.groups["live"] == frozenset({"draft", "review", "given"})


def test_setting_takes_its_type_from_its_default(award: Definition) -> None:
    assert {name: setting.type for name, setting in award.settings.items()} == {
        "counts_from": SettingType.CHOICE,
        "paper_time": SettingType.PERIOD,
        "figures_day": SettingType.MONTH_DAY,
        "reminders": SettingType.DAYS,
        "ladder": SettingType.ESCALATION,
        "strict": SettingType.YES_NO,
        "panel_on": SettingType.YES_NO,
        "panel_size": SettingType.COUNT,
        "panel_industry": SettingType.COUNT,
        "quorum": SettingType.FRACTION,
        "majority": SettingType.FRACTION,
        "secrecy": SettingType.YES_NO,
        "notice_time": SettingType.PERIOD,
        "whom": SettingType.CHOICE,
    }


def test_choice_keeps_the_labels_of_its_words(award: Definition) -> None:
    assert award.settings["whom"].choices == {
        "partner": Label(zh="单位", en="partner"),
        "project_leader": Label(zh="负责人", en="leader"),
    }
    assert award.settings["counts_from"].one_of == ("award", "made_on")


def test_hash_is_that_of_the_bytes() -> None:
    definition = load(b"# one more byte\n" + AWARD.encode())

    assert definition.sha256 != load(AWARD).sha256
    assert len(definition.sha256) == 64


def test_load_file_names_the_file_in_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "award.toml"
    path.write_text("[lifecycle]", encoding="utf-8")

    with pytest.raises(DefinitionProblems) as raised:
        load_file(path)

    assert {problem.file for problem in raised.value.problems} == {str(path)}


# ───────────────────────────── Every kind of mistake, planted once

AMEND_NEEDS = 'needs = [{ guard = "new_identity_allowed", basis = "local", on = "again" }]'
DEADLINE = (
    'due      = "submit + paper_time"\nremind   = "reminders"\nescalate = "ladder"\noverdue  = "verdict"'
)
BLOCKS_AND_FINDS = 'blocks = ["award"]\nkeeps_out_of = "given"\nfinding = "reason"'
SAYS_WHY = 'asks   = ["reason"]\ndoes   = ["record_suspension"]'
DUE = 'due      = "submit + paper_time"'
BOTH = 'suspended_by = "halt"\nresumed_by = "go_on"\n'
SECOND_PAPER = """[timers.second_paper]
label = { zh = "又一材料", en = "second paper" }
while = "review"
due   = "submit + paper_time"
basis = "local"
"""
SPARE = 'basis = "local", zh = "备", en = "spare" }'

# what stands in the file, what is put there instead, where the problem is, its code, what is suggested
MISTAKES = [
    # keys and their values
    ('from  = "draft"', 'form  = "draft"', "transitions.submit.form", "unknown_key", "from"),
    ("[groups]", "[group]", "group", "unknown_key", "groups"),
    ('source     = "某办法"', "", "lifecycle.source", "missing_key", None),
    ('from  = "review"', "", "transitions.award.from", "missing_key", None),
    ('label = { zh = "授奖", en = "award" }', "", "transitions.award.label", "missing_label", None),
    ('zh = "名称", en = "title"', 'zh = "名称"', "fields.title.label", "missing_label", None),
    ('zh = "名称"', 'zh = " "', "fields.title.zh", "bad_label", None),
    ('zh = "名称"', 'zh = "名\\n称"', "fields.title.zh", "bad_label", None),
    ('by    = "timer"\nbasis = "local"', 'by    = "timer"', "transitions.close.basis", "missing_basis", None),
    ('basis = "6(1)"', 'basis = "24"', "lists.conditions_list.many.basis", "bad_basis", None),
    ('basis = "6(1)"', 'basis = "4,6"', "lists.conditions_list.many.basis", "bad_basis", None),
    ('basis = "6(1)"', 'basis = "4, local"', "lists.conditions_list.many.basis", "bad_basis", None),
    ('basis = "6(1)"', 'basis = "0"', "lists.conditions_list.many.basis", "bad_basis", None),
    ('edition    = "1"', "edition    = 1", "lifecycle.edition", "not_text", None),
    ("personal = true", 'personal = "yes"', "fields.reason.personal", "not_a_flag", None),
    ("articles   = 23", "articles   = 0", "lifecycle.articles", "not_a_number", None),
    ("longest = 50", "longest = true", "fields.title.longest", "not_a_number", None),
    ('tell  = ["office"]', "tell  = [1]", "transitions.submit.tell[0]", "not_a_name", None),
    ('tell  = ["office"]', "tell  = 1", "transitions.submit.tell", "not_names", None),
    ("strict      = { default = true, zh", "other = 1\nstrict      = { default = true, zh", "settings.other", "not_a_table", None),
    ('does  = ["record_grade"]', 'does  = ["record_grade", "record_grade"]', "transitions.award.does[1]", "said_twice", None),
    ('asks  = ["reason?"]', 'asks  = ["reason?", "reason"]', "transitions.award.asks[1]", "said_twice", None),
    (AMEND_NEEDS, "needs = {}", "transitions.amend.needs", "not_rows", None),
    ('family = "moving"', 'family = "movin"', "states.review.family", "unknown_word", "moving"),
    ('kind  = "decide"', 'kind  = "decid"', "routes.review.verdict.kind", "unknown_word", "decide"),
    ('type = "document"', 'type = "documents"', "fields.paper_file.type", "unknown_word", "document"),
    ('subject    = "bases"', 'subject    = "base"', "lifecycle.subject", "unknown_word", "bases"),
    ("one_of.project_leader", "one_of.projekt_leader", "bans.again.on", "unknown_word", "project_leader"),
    # names
    ("sum = {", '"Sum" = {', "counts.Sum", "bad_name", None),
    ('name       = "award"', 'name       = "an award"', "lifecycle.name", "bad_name", None),
    ("open = [", "today = [", "groups.today", "reserved_name", None),
    ("[timers.closes]", "[timers.close]", "timers.close", "name_taken", None),
    ("least = {", "title = {", "terms.title", "name_taken", None),
    ("[routes.review.paper]", "[routes.review.figures]", "routes.review.figures", "name_taken", None),
    ('second = "head"', 'second = "heat"', "transitions.refuse.second", "unknown_name", "head"),
    ('by    = ["office", "head"]', 'by    = ["office", "haed"]', "transitions.award.by[1]", "unknown_name", "head"),
    ('to    = "closed"', 'to    = "clsed"', "transitions.close.to", "unknown_name", "closed"),
    ('same = ["title"]', 'same = ["titel"]', "transitions.submit.needs[2].same[0]", "unknown_name", "title"),
    ("[routes.review]", "[routes.revew]", "routes.revew", "unknown_name", "review"),
    ("choices.bad ", "choices.badd ", "routes.review.verdict.choices.badd", "unknown_name", "bad"),
    ('8 = "office"', '8 = "offices"', "settings.ladder.default.8", "unknown_name", "office"),
    ('"在评" = "review"', '"在评" = "reviw"', "import.states.在评", "unknown_name", "review"),
    ('initial    = "draft"', 'initial    = "live"', "lifecycle.initial", "wrong_sort", None),
    ('backdating = ["office"]', 'backdating = ["given"]', "lifecycle.backdating[0]", "wrong_sort", None),
    ('of = "college"', 'of = "title"', "roles.head.of", "wrong_kind", None),
    ('sums = "count"', 'sums = "title"', "counts.sum.sums", "wrong_kind", None),
    ('at_least = "least"', 'at_least = "cycle"', "lists.conditions_list.many.at_least", "wrong_kind", None),
    ('lasts  = "cycle"', 'lasts  = "least"', "bans.again.lasts", "wrong_kind", None),
    ('when = "strict"', 'when = "ladder"', "conflicts.own.when", "wrong_kind", None),
    ('remind   = "reminders"', 'remind   = "strict"', "routes.review.paper.remind", "wrong_kind", None),
    ('min = "paper_time"', 'min = "strict"', "transitions.award.needs[2].min", "wrong_kind", None),
    ('open = ["draft", "review"]', 'open = ["draft", "review", "live"]', "groups.live", "circle", None),
    ('is = "counts_from"', 'is = "finish"', "dates.finish", "circle", None),
    ('office = { basis = "8"', 'office = { basis = "8", stand_in = ["leader"]', "roles.leader", "circle", None),
    ('states = { "在评" = "review" }', "states = {}", "import.states", "empty_list", None),
    # terms, settings, days
    ('value = "3 years"', 'value = "3 decades"', "terms.cycle.value", "bad_term", None),
    ('default = "30 days"', 'default = "soon"', "settings.paper_time.default", "bad_setting", None),
    ('default = "01-31"', 'default = "02-30"', "settings.figures_day.default", "bad_setting", None),
    ("default = [30, 7, 0]", "default = [30, -7]", "settings.reminders.default", "bad_setting", None),
    ("default = { 1 =", "default = { soon =", "settings.ladder.default", "bad_setting", None),
    ('default = "award", one_of', 'default = "reason", one_of', "settings.counts_from.default", "not_a_choice", None),
    ('default = "partner"', 'default = "nobody"', "settings.whom.default", "not_a_choice", None),
    ('default = "01-31"', 'default = "31 days"', "timers.figures.due", "wrong_kind", None),
    ('"submit + paper_time"', '"submit plus paper_time"', "routes.review.paper.due", "unreadable_day", None),
    ('"submit + paper_time"', '"submit + paper_tim"', "routes.review.paper.due", "unknown_name", "paper_time"),
    ('"submit + paper_time"', '"submit + strict"', "routes.review.paper.due", "wrong_kind", None),
    ('"submit + paper_time"', '"submit + least"', "routes.review.paper.due", "wrong_kind", None),
    ('"submit + paper_time"', '"title + paper_time"', "routes.review.paper.due", "wrong_kind", None),
    ('"submit + paper_time"', '"whom + paper_time"', "routes.review.paper.due", "wrong_kind", None),
    ('"submit + paper_time"', '"today + paper_time"', "routes.review.paper.due", "today_here", None),
    ("times(award)", "times(awards)", "dates.finish.is", "unknown_name", "award"),
    ('is = "counts_from"', 'is = "every figures_day"', "dates.start.is", "every_here", None),
    ('days = ["made_on", "today"]', 'days = ["made_on"]', "transitions.submit.needs[1].days", "one_day_alone", None),
    # acts and guards
    ('by    = "office"\nbasis = "local"\nasks', 'basis = "local"\nasks', "transitions.amend.by", "nobody_acts", None),
    ('by    = "office"\nchoices', "choices", "routes.review.verdict.by", "nobody_acts", None),
    ('by       = "leader"\nhands_in = ["count"]', 'hands_in = ["count"]', "timers.figures.by", "nobody_acts", None),
    ('by    = "office"\nchoices', 'by    = "timer"\nchoices', "routes.review.verdict.by", "timer_cannot", None),
    ('guard = "given"', 'guard = "gives"', "transitions.award.needs[0].guard", "unknown_guard", "given"),
    (', list = "conditions_list"', "", "transitions.submit.needs[0].list", "missing_key", None),
    ('if_outcome = "good"', 'if_outcom = "good"', "transitions.award.needs[0].if_outcom", "unknown_key", "if_outcome"),
    ('["number_application"]', '["number_aplication"]', "transitions.submit.does[0]", "unknown_effect", "number_application"),
    ('does  = ["number_application"]', 'does  = ["record_grade"]', "transitions.submit.does", "no_outcome_to_keep", None),
    ('field = "reason"', 'field = "title"', "transitions.award.needs[0].field", "not_asked", None),
    ('field = "paper_file"', 'field = "title"', "transitions.award.needs[1].field", "never_handed_in", None),
    ('if_outcome = "good"', 'if_outcome = "bad"', "transitions.award.needs[0].if_outcome", "outcome_not_offered", None),
    ('"conditions", "made_on?"]', '"made_on?"]', "transitions.submit.needs[0].list", "list_not_asked", None),
    (DEADLINE, "", "transitions.refuse.needs[0].task", "task_without_deadline", None),
    ('either   = ["paper_file", "link"]', 'either   = ["paper_file"]', "routes.review.paper.either", "bad_either", None),
    ('hands_in = ["paper_file?", "link?"]', 'hands_in = ["paper_file?", "link"]', "routes.review.paper.either", "bad_either", None),
    ('facts = ["title"]', "", "transitions.amend.facts", "facts_and_fact", None),
    ('from   = "open"', 'from   = "any"', "transitions.refuse.from", "leaves_an_end", None),
    ('from  = "given"', 'from  = ["given", "closed"]', "transitions.close.to", "goes_nowhere", None),
    # routes
    ('by    = "office"\nchoices', 'by    = "whose_turn"\nchoices', "routes.review.verdict.by", "turn_cannot", None),
    ('rule   = "each"', 'rule   = "one"', "routes.review.opinion.enough", "enough_of_each", None),
    ('rule   = "each"', 'rule   = "eech"', "routes.review.opinion.rule", "unknown_word", "each"),
    ("enough = 1", "enough = 0", "routes.review.opinion.enough", "not_a_number", None),
    ('must   = "head"', 'must   = "leader"', "routes.review.opinion.must", "must_not_asked", None),
    ('refuse = "refuse"', 'refuse = "refus"', "routes.review.opinion.refuse", "unknown_name", "refuse"),
    ('refuse = "refuse"', 'refuse = "submit"', "routes.review.opinion.refuse", "not_from_here", None),
    ('by     = "council"\nfailed = "refuse"', 'by     = "council"', "routes.review.council_vote.failed", "missing_key", None),
    ('by     = "council"', 'by     = "office"', "routes.review.council_vote.quorum", "no_voting_rule", None),
    ('quorum = "quorum"', 'quorum = "secrecy"', "roles.council.quorum", "wrong_kind", None),
    ('secret = "secrecy"', 'secret = "quorum"', "roles.council.secret", "wrong_kind", None),
    ('when     = "panel_on"', 'when     = "panel_on or not"', "routes.review.panel.when", "unreadable_condition", None),
    ('when     = "panel_on"', 'when     = "panel_of"', "routes.review.panel.when", "unknown_name", "panel_on"),
    ('when     = "panel_on"', 'when     = "panel_size"', "routes.review.panel.when", "wrong_kind", None),
    ('when     = "level is high"', 'when     = "level is hihg"', "routes.review.notice.when", "unknown_word", "high"),
    ('when     = "level is high"', 'when     = "title is high"', "routes.review.notice.when", "unknown_word", None),
    ('count    = "panel_size"', 'count    = "quorum"', "routes.review.panel.count", "wrong_kind", None),
    ('lasts    = "notice_time"', 'lasts    = "quorum"', "routes.review.notice.lasts", "wrong_kind", None),
    ('objected = "opinion"', 'objected = "opinon"', "routes.review.notice.objected", "unknown_step", "opinion"),
    ('objected = "opinion"', 'objected = "paper"', "routes.review.notice.objected", "unknown_step", "panel"),
    ('overdue  = "verdict"', 'overdue  = "verdict"\nwhen = "panel_on"', "routes.review.paper.when", "unknown_key", None),
    ('before = "panel"', 'before = "panels"', "transitions.award.needs[1].before", "unknown_name", "panel"),
    ('step = "council_vote"', 'step = "paper"', "transitions.withdraw.needs[0].step", "wrong_sort", None),
    ('fields = ["note", "link"]', 'fields = ["note", "title"]', "transitions.send_back.needs[0].fields", "not_asked", None),
    ('sheets = ["marks_sheet"]', 'sheets = ["mark_sheet"]', "fields.marks.sheets[0]", "unknown_name", "marks_sheet"),
    ('choices.good = "award"\nchoices.bad  = "refuse"', "", "routes.review.verdict.choices", "no_choices", None),
    ('[routes.review]\nbasis = "local"', '[routes.review]\nbasis = "local"\nthen = "award"', "routes.review", "two_endings", None),
    ("[conflicts]", '[routes.draft]\nbasis = "local"\n[conflicts]', "routes.draft", "no_ending", None),
    ("[conflicts]", '[routes.closed]\nbasis = "local"\nthen = "submit"\n[conflicts]', "routes.closed", "route_in_an_end", None),
    ("[conflicts]", '[routes.draft]\nbasis = "local"\nthen = "amend"\n[conflicts]', "routes.draft.then", "does_not_leave", None),
    ('choices.bad  = "refuse"', 'choices.bad  = "submit"', "routes.review.verdict.choices.bad", "not_from_here", None),
    ('by    = "office"\nchoices', 'by    = "leader"\nchoices', "routes.review.verdict.by", "decider_may_not", None),
    ('overdue  = "verdict"', 'overdue  = "verdikt"', "routes.review.paper.overdue", "unknown_step", "verdict"),
    ('due      = "submit + paper_time"', "", "routes.review.paper.overdue", "overdue_without_due", None),
    # timers
    ('ends     = "finish - 1 month"', "", "timers.closes", "one_kind_of_day", None),
    ('ends     = "finish - 1 month"', 'ends = "finish"\nopens = "finish"', "timers.closes", "one_kind_of_day", None),
    ('ends     = "finish - 1 month"', 'due      = "finish"', "timers.closes.fires", "due_fires", None),
    ('remind   = { days = "reminders", to = ["leader"] }', 'remind   = "reminders"', "timers.closes.remind", "nobody_reminded", None),
    ('while    = "given"\nends', 'while    = ["given", "review"]\nends', "timers.closes.fires", "fires_what_lacks", None),
    ('by    = "timer"', 'by    = "office"', "timers.closes.fires", "not_by_timer", None),
    ('by    = "timer"', 'by    = "timer"\nasks  = ["title"]', "timers.closes.fires", "timer_cannot_fill", None),
    ('fires    = "close"', "", "transitions.close.by", "nothing_fires", None),
    ('held     = "open"', 'held     = "live"', "timers.figures.held", "runs_and_held", None),
    ('held     = "open"', 'held     = "open"\nremind = { days = "reminders" }', "timers.figures.remind.to", "missing_key", None),
    ('while    = "given"\nheld', 'while    = ["given", "closed"]\nheld', "timers.figures.while", "timer_in_an_end", None),
    ('fires    = "close"', 'fires    = "close"\nanswer = "submit"', "timers.closes.answer", "cannot_answer", None),
    (DEADLINE, f'{DEADLINE}\nanswered_by = "title"', "routes.review.paper.answered_by", "not_asked", None),
    (DEADLINE, f'{DEADLINE}\nmoved_by = "award"', "routes.review.paper.moved_by", "cannot_move", None),
    ('suspended_by = "halt"\n', "", "routes.review.paper.resumed_by", "suspended_or_resumed_alone", None),
    ('resumed_by   = "go_on"\n', "", "routes.review.paper.suspended_by", "suspended_or_resumed_alone", None),
    ('suspended_by = "halt"', 'suspended_by = "hald"', "routes.review.paper.suspended_by", "unknown_name", "halt"),
    ('suspended_by = "halt"', 'suspended_by = "amend"', "routes.review.paper.suspended_by", "cannot_suspend", None),
    (SAYS_WHY, SAYS_WHY.partition("\n")[2], "routes.review.paper.suspended_by", "cannot_suspend", None),
    ('does   = ["record_resumption"]', 'does   = ["record_deadline"]', "routes.review.paper.resumed_by", "cannot_suspend", None),
    (DEADLINE, f'{DEADLINE}\ndue_basis = "18"', "routes.review.paper.suspended_by", "article_fixes_the_day", None),
    (DUE, 'due      = "every figures_day"', "routes.review.paper.suspended_by", "yearly_never_stands_still", None),
    ('fires    = "close"', f'fires    = "close"\n{BOTH}', "timers.closes.suspended_by", "only_a_deadline_stands_still", None),
    ("[timers.closes]", f"{SECOND_PAPER}{BOTH}[timers.closes]", "timers.second_paper.suspended_by", "two_deadlines_at_once", None),
    (DEADLINE, f'{DEADLINE}\nasked_after = "paper_time"', "routes.review.paper.asked_after", "nobody_asked", None),
    (DEADLINE, f'{DEADLINE}\nmoved_by = "amend"\nasked_after = "strict"', "routes.review.paper.asked_after", "wrong_kind", None),
    # bans and conflicts
    (BLOCKS_AND_FINDS, BLOCKS_AND_FINDS.replace("award", "submit").replace("finding", "# finding"), "bans.again.blocks", "ban_leaks", None),
    ('finding = "reason"', 'finding = "title"', "bans.again.finding", "wrong_kind", None),
    ('asks  = ["reason?"]', "asks  = []", "bans.again.finding", "not_asked", None),
    ('who_is = "leader", ', "", "conflicts.own", "who_is_or_of", None),
    # ways through the states
    ('to    = "review"', 'to    = "refused"', "states.review", "unreachable", None),
    ('to    = "closed"', 'to    = "draft"', "states.closed", "unreachable", None),
    ('from  = "given"\nto    = "closed"', 'from  = "review"\nto    = "closed"', "states.given", "no_way_to_an_end", None),
    ('initial    = "draft"', 'initial    = "closed"', "lifecycle.initial", "begins_at_an_end", None),
    ("[fields]", f'[fields]\nspare = {{ type = "line", {SPARE}', "fields.spare", "never_asked", None),
    ("[settings]", '[settings]\nspare = { default = 1, zh = "备", en = "spare" }', "settings.spare", "never_used", None),
    ("strict      =", "backdate_limit = { default = 1 }\nstrict      =", "settings.backdate_limit.default", "wrong_kind", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "path", "code", "did_you_mean"), MISTAKES, ids=[f"{row[3]}-{row[2]}" for row in MISTAKES]
)
def test_mistake_is_found_where_it_stands(
    old: str, new: str, path: str, code: str, did_you_mean: str | None
) -> None:
    found_here = [problem for problem in planted(old, new) if (problem.path, problem.code) == (path, code)]

    assert len(found_here) == 1
    assert found_here[0].params.get("did_you_mean") == did_you_mean


def test_every_code_is_planted_or_concerns_the_file() -> None:
    """A new kind of problem without a planted mistake is a promise nobody has seen kept."""
    catalogue = tomllib.loads(
        (Path(workflow.definition.__file__).parent / "problems.toml").read_text(encoding="utf-8")
    )
    of_the_file = {"too_large", "not_utf8", "not_toml", "too_deep", "more_problems", "too_many_entries"}
    no_code = {"did_you_mean", "sort"}

    assert set(catalogue) - of_the_file - no_code == {row[3] for row in MISTAKES} | FOUND_BY_TRYING


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_problem_can_be_said(language: str) -> None:
    for old, new, path, code, did_you_mean in MISTAKES:
        (said, *_) = [one.text(language) for one in planted(old, new) if (one.path, one.code) == (path, code)]
        assert re.search(r"\{\w+\}", said) is None
        assert did_you_mean is None or did_you_mean in said


def test_problem_line_says_where_and_what() -> None:
    (problem,) = planted('second = "head"', 'second = "heat"')

    assert problem.line("en") == (
        "award.toml: transitions.refuse.second: There is no role called “heat”. Did you mean “head”?"
    )
    assert (
        problem.line("zh")
        == "award.toml: transitions.refuse.second: 没有名为“heat”的角色。您是否想写“head”？"
    )


def test_all_mistakes_are_found_at_once() -> None:
    text = (
        AWARD.replace('second = "head"', 'second = "heat"')
        .replace('guard = "given"', 'guard = "gives"')
        .replace('basis = "6(1)"', 'basis = "24"')
        .replace('family = "moving"', 'family = "movin"')
        .replace('default = "30 days"', 'default = "soon"')
        .replace('kind  = "decide"', 'kind  = "dicide"')
    )

    paths = {path for path, _ in found(text)}

    assert paths >= {
        "transitions.refuse.second",
        "transitions.award.needs[0].guard",
        "lists.conditions_list.many.basis",
        "states.review.family",
        "settings.paper_time.default",
        "routes.review.verdict.kind",
    }


def test_load_raises_with_every_problem() -> None:
    text = AWARD.replace('second = "head"', 'second = "heat"').replace('basis = "6(1)"', 'basis = "24"')

    with pytest.raises(DefinitionProblems) as raised:
        load(text)

    assert {problem.path for problem in raised.value.problems} == {
        "transitions.refuse.second",
        "lists.conditions_list.many.basis",
    }


def test_misspelt_reference_is_reported_once() -> None:
    """The list that is now unused is the same mistake seen from the other side."""
    found_here = planted(
        'lists = ["conditions_list"], zh = "条件"', 'lists = ["condition_list"], zh = "条件"'
    )

    assert ("fields.conditions.lists[0]", "unknown_name") in [(one.path, one.code) for one in found_here]
    assert "never_used" not in {one.code for one in found_here}


# ───────────────────────────── Hostile files


def nested(open_: str, close: str, depth: int) -> bytes:
    return b"a = " + (open_ * depth + close * depth).encode()


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b"", "missing_key"),
        (b"#" * 1_000_001, "too_large"),
        ("a = 'é'".encode("latin-1"), "not_utf8"),
        (AWARD.encode("utf-16"), "not_utf8"),
        (b"\x00", "not_toml"),
        (b"a = ", "not_toml"),
        (b"a = 1\na = 2", "not_toml"),
        (b"a = 2020-13-99", "not_toml"),
        (b"a = " + b"9" * 10_000, "not_toml"),
        (nested("[", "]", 100_000), "too_deep"),
        (nested("{a=", "}", 100_000), "too_deep"),
        (b"a" + b".a" * 400_000 + b" = 1", "too_deep"),
        (b"a" * 900_000, "not_toml"),
        (b"[states]\n" + b"\n".join(b"s%d = {}" % number for number in range(600)), "too_many_entries"),
        (b"[states]\n" + b"\n".join(b"s%d = {}" % number for number in range(400)), "more_problems"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_file_is_a_problem(source: bytes, code: str) -> None:
    assert code in {problem.code for problem in problems(source, file="hostile.toml")}


def test_number_of_problems_is_bounded() -> None:
    source = b"[states]\n" + b"\n".join(b"s%d = {}" % number for number in range(400))

    assert len(problems(source, file="many.toml")) == 201


def test_syntax_error_names_its_line() -> None:
    (problem,) = problems(b"[lifecycle]\nname = \n", file="broken.toml")

    assert (problem.code, problem.params["line"]) == ("not_toml", "2")
    assert problem.line("en") == "broken.toml: Line 2 is not valid TOML: Invalid value."


def test_encoding_error_names_its_line() -> None:
    (problem,) = problems(b"[lifecycle]\nname = '\xff'\n", file="broken.toml")

    assert problem.line("en") == "broken.toml: Line 2 is not UTF-8 text; please save the file as UTF-8."


@pytest.mark.parametrize("source", [b"\xef\xbb\xbf" + AWARD.encode(), AWARD.replace("\n", "\r\n").encode()])
def test_file_saved_by_another_editor_is_read(source: bytes) -> None:
    assert problems(source, file="award.toml") == []


ODD_VALUES: tuple[Any, ...] = (
    *(None, 1, -1, 1.5, True, "", "x", "any", "same", "timer", "every x", "a\nb"),
    *([], ["timer"], [[]], [{}], {}, {"a": {}}, date(2020, 2, 29)),
)


def leaves(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Give the path of everything that stands in a value, tables and lists included."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    if isinstance(value, list):
        for place in range(len(value)):
            yield from leaves(value[place], (*path, place))


def written(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace("\n", "\\n") + '"'
        case list():
            return "[" + ", ".join(written(one) for one in value) + "]"
        case dict():
            return "{" + ", ".join(f'"{key}" = {written(one)}' for key, one in value.items()) + "}"
        case date():
            return value.isoformat()
    return repr(value)


def with_odd_value(path: tuple[str | int, ...], odd: Any) -> bytes:
    """Give the award file with one value replaced, or taken out where the odd value is None."""
    document = tomllib.loads(AWARD)
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    if odd is None:
        del place[path[-1]]
    else:
        place[path[-1]] = odd
    return "\n".join(f'"{key}" = {written(value)}' for key, value in document.items()).encode()


@pytest.mark.parametrize("turn", range(len(ODD_VALUES)), ids=[repr(odd) for odd in ODD_VALUES])
def test_no_value_anywhere_is_more_than_a_problem(turn: int) -> None:
    """Whatever stands in whatever place: problems that can be said, never an exception."""
    odd = ODD_VALUES[turn]
    # Every place gets several of the values, and each value many places; all pairs would take a minute.
    for path in list(leaves(tomllib.loads(AWARD), ()))[turn % 6 :: 6]:
        for problem in problems(with_odd_value(path, odd), file="odd.toml"):
            assert problem.text("zh")
            assert problem.text("en")


STEPS = [
    (state, step)
    for state, route in tomllib.loads(AWARD)["routes"].items()
    for step, table in route.items()
    if isinstance(table, dict)
]


@pytest.mark.parametrize("odd", [*ODD_VALUES, *StepKind], ids=repr)
def test_no_kind_of_step_is_more_than_a_problem(odd: Any) -> None:
    """The kind says how the rest of a step is read, so each step is read as each of them, and as what is none."""
    for state, step in STEPS:
        for problem in problems(with_odd_value(("routes", state, step, "kind"), odd), file="odd.toml"):
            assert problem.text("zh")
            assert problem.text("en")


# ───────────────────────────── Days


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("cycle_end", Day(anchor="cycle_end")),
        ("old(last_day)", Day(anchor="last_day", old=True)),
        ("every yearly_day", Every(setting="yearly_day")),
        ("approve + 90 days", Day(anchor="approve", addends=(Addend(sign=1, period=Period(days=90)),))),
        (
            "approve+5 working days",
            Day(anchor="approve", addends=(Addend(sign=1, period=Period(working_days=5)),)),
        ),
        (
            "start + cycle + extension * times(extend)",
            Day(
                anchor="start",
                addends=(Addend(sign=1, period="cycle"), Addend(sign=1, period="extension", times="extend")),
            ),
        ),
        (
            "old(last_day) - window - 1 year",
            Day(
                anchor="last_day",
                old=True,
                addends=(Addend(sign=-1, period="window"), Addend(sign=-1, period=Period(years=1))),
            ),
        ),
        ("start − window", Day(anchor="start", addends=(Addend(sign=-1, period="window"),))),
    ],
)
def test_day_is_read(text: str, day: Day | Every) -> None:
    assert parse_day(text) == day


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "+ 3 days", "start +", "start + + 3 days", "start 3 days", "start + 3", "start + 3 weeks"),
        *(
            "start * 2",
            "times(extend)",
            "old(start",
            "old()",
            "every",
            "every a b",
            "Start",
            "start + cycle * 2",
        ),
        "start" + " + cycle" * 100,
    ],
)
def test_other_text_is_no_day(text: str) -> None:
    with pytest.raises(DayError):
        parse_day(text)


# ───────────────────────────── New values of settings


@pytest.mark.parametrize(
    ("name", "value", "fit"),
    [
        ("paper_time", "45 days", True),
        ("paper_time", "2 months", True),
        ("paper_time", "-45 days", False),
        ("paper_time", "200 years", False),
        ("paper_time", 45, False),
        ("paper_time", "01-31", False),
        ("figures_day", "12-31", True),
        ("figures_day", "02-29", False),
        ("figures_day", "13-01", False),
        ("reminders", [60, 7], True),
        ("reminders", [], True),
        ("reminders", [7, 7], False),
        ("reminders", [True], False),
        ("ladder", {"1": "office"}, True),
        ("ladder", {"1": "nobody"}, False),
        ("ladder", {"0": "office"}, False),
        ("ladder", {"1": ["office"]}, False),
        ("strict", False, True),
        ("strict", 0, False),
        ("whom", "project_leader", True),
        ("whom", "nobody", False),
        ("whom", ["partner"], False),
        ("counts_from", "made_on", True),
    ],
)
def test_new_value_fits_the_setting(award: Definition, name: str, value: object, fit: bool) -> None:
    assert fits(award.settings[name], value, roles=award.roles) is fit
