"""Every reason the engine can give has its sentence, and names things by their labels."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path

import pytest

from workflow.barring import Tie
from workflow.blockers import Blocker, Fault, Rank
from workflow.definition import load_file
from workflow.definition.values.edition import Definition
from workflow.identity import CodeProblem
from workflow.reasons import fault_text, reason_of, sentence_of
from workflow.words import shared

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
MAKERS = {"barrier": 0, "blocker": 1, "_criterion": 1, "_not_over": 3}
"""Functions that take a blocker's code by place."""

TYPES_WITH_KINDS = {"_Bad", "Finding", "Act", "Timer", "Param", "Unit"}
"""Calls whose `kind` is no entry's."""


@lru_cache(maxsize=1)
def base() -> Definition:
    return load_file(WORKFLOW / "lifecycles" / "base.toml")


def _calls(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _texts(node: ast.expr) -> Iterator[str]:
    """The text constants an expression can come to."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _blocker_codes() -> set[str]:
    codes: set[str] = {str(tie) for tie in Tie}  # chosen in guards.bans
    for path in sorted(WORKFLOW.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in _calls(tree, "Blocker"):
            for word in call.keywords:
                if word.arg == "code":
                    codes.update(_texts(word.value))
        for maker, place in MAKERS.items():
            for call in _calls(tree, maker):
                codes.update(_texts(call.args[place]))
    return codes


def _fault_codes() -> set[str]:
    codes: set[str] = set()
    for path in sorted(WORKFLOW.rglob("*.py")):
        if "ledger" in path.parts:
            continue  # a ledger's cells have faults of their own, and words of their own
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for maker in ("_Bad", "_fault"):
            codes.update(text for call in _calls(tree, maker) for text in _texts(call.args[0]))
        for call in _calls(tree, "Fault"):
            codes.update(text for word in call.keywords if word.arg == "code" for text in _texts(word.value))
        if "operations" in path.parts:
            codes.update(_collected(tree))
    return codes | {f"code_{problem}" for problem in CodeProblem if not problem.is_warning}


def _collected(tree: ast.Module) -> Iterator[str]:
    """The codes given to a collector of faults, `faults.add(field, code)`, and those in a table of codes."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("faults.add", "self.add")
            and len(node.args) > 1
        ):
            yield from _texts(node.args[1])
        if (
            isinstance(node, ast.AnnAssign)
            and ast.unparse(node.target) == "_CODES"
            and isinstance(node.value, ast.Dict)
        ):
            yield from (text for value in node.value.values for text in _texts(value))


def _said(table: str) -> set[str]:
    return {key.removeprefix(f"{table}.") for key in shared().entries if key.startswith(f"{table}.")}


def test_every_blocker_has_its_sentence_and_every_sentence_its_blocker() -> None:
    assert _said("blocker") == _blocker_codes()


def test_every_fault_has_its_sentence_and_every_sentence_its_fault() -> None:
    assert _said("fault") - {"unreadable"} == _fault_codes()


@pytest.mark.parametrize(
    ("blocker", "zh", "en"),
    [
        (
            Blocker(
                code="not_your_role",
                basis="7",
                rank=Rank.ROLE,
                params={"roles": ["leading_group"]},
                mend=("leading_group",),
            ),
            ("此项由领导小组成员办理", "〔办法第七条〕", "可由领导小组成员办理", ""),
            (
                "this is done by: member of the leading group",
                "[Regulation, Art. 7]",
                "can be mended by: member of the leading group",
                "",
            ),
        ),
        (
            Blocker(
                code="not_yet_over",
                basis="17",
                rank=Rank.TIME,
                params={"name": "cycle_end", "day": date(2029, 11, 22)},
                from_on=date(2029, 11, 23),
            ),
            (
                "建设周期届满日（2029年11月22日）尚未届满",
                "〔办法第十七条〕",
                "",
                "最早可于2029年11月23日办理",
            ),
            (
                "end of the cycle (22 November 2029) is not over yet",
                "[Regulation, Art. 17]",
                "",
                "possible from 23 November 2029",
            ),
        ),
        (
            Blocker(
                code="too_few",
                basis="18(2)",
                rank=Rank.RULE,
                params={"item": "reward", "have": 2, "want": 3},
            ),
            ("省级以上奖励有2项，需3项", "〔办法第十八条（二）〕", "", ""),
            ("awards: 2, 3 needed", "[Regulation, Art. 18(2)]", "", ""),
        ),
        (
            Blocker(
                code="out_of_order",
                basis="local",
                rank=Rank.RULE,
                params={
                    "first": "signed_on",
                    "first_day": date(2026, 12, 1),
                    "second": "today",
                    "second_day": date(2026, 11, 23),
                },
            ),
            ("签订日期（2026年12月1日）晚于今天（2026年11月23日）", "〔研究生处设定〕", "", ""),
            (
                "signed on (1 December 2026) is after today (23 November 2026)",
                "[set by the Graduate Office]",
                "",
                "",
            ),
        ),
    ],
)
def test_reason_names_things_by_their_labels(
    blocker: Blocker, zh: tuple[str, ...], en: tuple[str, ...]
) -> None:
    chinese, english = reason_of(blocker, base(), "zh"), reason_of(blocker, base(), "en")

    assert (chinese.text, chinese.basis, chinese.mend, chinese.from_on) == zh
    assert (english.text, english.basis, english.mend, english.from_on) == en


def test_name_that_is_no_name_of_the_file_stays_as_it_is() -> None:
    blocker = Blocker(
        code="twin",
        basis="local",
        rank=Rank.RULE,
        params={"name": "某某公司基地", "number": "LP2026-001", "case": "x"},
    )

    assert (
        reason_of(blocker, base(), "zh").text == "同一责任学院与合作单位已有基地：某某公司基地（LP2026-001）"
    )


def test_sentence_numbers_its_reasons() -> None:
    blockers = [
        Blocker(
            code="not_yet_over",
            basis="17",
            rank=Rank.TIME,
            params={"name": "cycle_end", "day": date(2029, 11, 22)},
            from_on=date(2029, 11, 23),
        ),
        Blocker(code="field_missing", basis="local", rank=Rank.MATERIAL, params={"field": "plaque_number"}),
    ]

    said = sentence_of(blockers, base(), "certify", "zh")

    assert said == (
        "现在不能纳入基地库并授牌，还差2项：① 建设周期届满日（2029年11月22日）尚未届满，最早可于2029年11月23日办理"
        "〔办法第十七条〕；② 未填写“牌匾编号”〔研究生处设定〕。"
    )


def test_fault_says_which_field_and_what_is_wrong() -> None:
    fault = Fault(field="base_name", code="too_long", params={"longest": 100, "length": 120})

    assert fault_text(fault, base(), "zh") == "“基地名称”有120字，最多100字"


def test_fault_without_a_sentence_is_said_in_general_words() -> None:
    assert fault_text(Fault(field="signed_on", code="new_one"), base(), "zh") == "“签订日期”的内容无法识别"


def test_every_kind_of_entry_has_its_word() -> None:
    kinds = {
        text
        for path in sorted(WORKFLOW.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and not (isinstance(call.func, ast.Name) and call.func.id in TYPES_WITH_KINDS)
        for word in call.keywords
        if word.arg == "kind"
        for text in _texts(word.value)
    }

    assert kinds - _said("entry.kinds") == set()
