"""The ledger reader: an office's own workbook, taken as it is, and everything wrong with it at once."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from string import Formatter
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from workflow.ledger import (
    Fault,
    Ledger,
    LedgerError,
    LedgerRow,
    annotate,
    describe,
    read_ledger,
    readable_fields,
)
from workflow.ledger.annotate import guarded
from workflow.ledger.words import catalogue, field_of
from workflow.periods import Period

TODAY = date(2026, 11, 23)
HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "web" / "demo" / "ledger_sample.xlsx"
WITH_ERRORS = HERE / "ledger_with_errors.xlsx"

# One certified base, without a fault and without a warning; each test changes what it is about.
GOOD: Mapping[str, Any] = {
    "序号": 1,
    "基地编号": "LP2023-001",
    "基地名称": "东昌制药研究生联合培养基地",
    "级别": "校级",
    "合作单位": "东昌制药有限公司",
    "单位性质": "企业",
    "统一社会信用代码": "91371500MA612DD27L",
    "责任学院": "药学院",
    "参与学院": "医学院",
    "专业学位类别": "药学",
    "项目负责人": "李国栋",
    "合作方负责人": "赵建国",
    "联系电话": "13000009264",
    "立项年度": 2023,
    "立项日期": "2023-05-04",
    "建设期": "3年",
    "协议编号": "XY2023001",
    "协议签订日期": "2023-07-15",
    "协议到期日期": "2029-07-14",
    "续签情况": "已续签",
    "校外导师数": 4,
    "2025年在基地人数": 25,
    "年度数据是否按时": "是",
    "中期考核结果": "通过",
    "结项结果": "优秀",
    "结项日期": "2026-06-13",
    "授牌日期": "2026-07-03",
    "延期至": None,
    "整改截止": None,
    "资助经费（万元）": 2,
    "状态": "在库",
    "禁报截止日": None,
    "备注": None,
}
HEADINGS = list(GOOD)


def saved(workbook: Workbook) -> bytes:
    out = BytesIO()
    workbook.save(out)
    return out.getvalue()


def sheet_with(*rows: Mapping[str, Any], headings: list[str] = HEADINGS) -> tuple[Workbook, Worksheet]:
    """Make a workbook of one sheet: a title, the headings in row 2, the rows from row 3."""
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = "台账"
    sheet.append(["联培基地台账"])
    sheet.append(headings)
    for row in rows:
        sheet.append([row.get(heading) for heading in headings])
    return workbook, sheet


def book(*rows: Mapping[str, Any], headings: list[str] = HEADINGS) -> bytes:
    return saved(sheet_with(*rows, headings=headings)[0])


def good(**changes: Any) -> dict[str, Any]:
    return {**GOOD, **changes}


def another(**changes: Any) -> dict[str, Any]:
    """A second base that has nothing in common with the first."""
    own = {"基地编号": "LP2023-002", "合作单位": "莘州纺织有限公司", "统一社会信用代码": "91371500MAFTJ58904"}
    return {**GOOD, **own, **changes}


def read(*rows: Mapping[str, Any]) -> Ledger:
    return read_ledger(book(*rows), today=TODAY)


def only_row(*rows: Mapping[str, Any]) -> LedgerRow:
    ledger = read(*rows)
    assert ledger.faults == ()
    (row,) = ledger.rows
    return row


def told(faults: tuple[Fault, ...]) -> list[tuple[str, str]]:
    return [(fault.column, fault.code) for fault in faults]


# ───────────────────────────── The two workbooks an office sent


def test_sample_reads_without_a_fault() -> None:
    ledger = read_ledger(SAMPLE, today=TODAY)

    assert (len(ledger.rows), ledger.row_count, ledger.faults, ledger.unknown_columns) == (60, 60, (), ())


def test_sample_states() -> None:
    ledger = read_ledger(SAMPLE, today=TODAY)

    assert Counter(row.state for row in ledger.rows) == {
        "certified": 22,
        "agreement_signed": 20,
        "midterm_assessed": 5,
        "extended": 5,
        "rectification": 3,
        "lapsed": 2,
        "approved": 2,
        "revoked": 1,
    }


def test_sample_months_without_a_day_are_warned_of_and_marked() -> None:
    ledger = read_ledger(SAMPLE, today=TODAY)

    assert [(fault.cell, fault.code) for fault in ledger.warnings] == [
        (cell, "month_only") for cell in ["AB5", "AB7", "AC11", "AB12", "AB15", "AC16", "AB17", "AC32"]
    ]
    by_row = {row.row: row for row in ledger.rows}
    assert (by_row[32].plaque_on, by_row[32].approximate) == (date(2026, 11, 30), frozenset({"plaque_on"}))


def test_sample_row_is_read_into_every_field() -> None:
    ledger = read_ledger(SAMPLE, today=TODAY)

    assert next(row for row in ledger.rows if row.row == 20) == LedgerRow(
        sheet="联培基地台账",
        row=20,
        base_number="LP2023-008",
        base_name="临清博远检验检测研究院研究生联合培养基地",
        level="school",
        partner_name="临清博远检验检测研究院",
        partner_kind="research_institute",
        credit_code="91371500MARYK2P5U3",
        lead_college="商学院（质量学院）",
        other_colleges=("物理科学与信息工程学院", "环境与规划学院"),
        programmes=("会计",),
        leader_name="刘丽华",
        partner_contact_name="张志强",
        contact_phone="13000006872",
        project_year=2023,
        approved_on=date(2023, 6, 2),
        cycle="3 years",
        agreement_number="XY2023008",
        signed_on=date(2023, 7, 25),
        agreement_last_day=date(2029, 7, 25),
        renewal_note="已续签",
        renewed=True,
        mentor_count=3,
        students={2024: 15, 2025: 6, 2026: 26},
        data_on_time=True,
        midterm_result="improve",
        final_grade="unqualified",
        final_on=date(2026, 7, 12),
        plaque_on=None,
        extended_to=None,
        rectify_by=date(2027, 3, 15),
        funding_fen=2_000_000,
        state="rectification",
        banned_until=None,
        remark="",
        approximate=frozenset(),
    )


def test_ledger_with_errors_shows_its_six_faulty_rows_and_nothing_else() -> None:
    ledger = read_ledger(WITH_ERRORS, today=TODAY)

    assert [(fault.sheet, fault.row, fault.column, fault.cell, fault.code) for fault in ledger.faults] == [
        ("联培基地台账", 7, "统一社会信用代码", "G7", "code_bad_character"),
        ("联培基地台账", 12, "协议签订日期", "R12", "agreement_ends_before_signing"),
        ("联培基地台账", 15, "责任学院", "H15", "missing"),
        ("联培基地台账", 20, "协议签订日期", "R20", "agreement_ends_before_signing"),
        ("联培基地台账", 23, "责任学院", "H23", "missing"),
        ("联培基地台账", 24, "协议签订日期", "R24", "agreement_ends_before_signing"),
    ]
    assert (len(ledger.rows), ledger.row_count, len(ledger.faulty_rows)) == (18, 24, 6)


def test_bytes_and_path_read_alike() -> None:
    assert read_ledger(WITH_ERRORS.read_bytes(), today=TODAY) == read_ledger(str(WITH_ERRORS), today=TODAY)


# ───────────────────────────── What a cell may look like


@pytest.mark.parametrize(
    "written",
    [
        datetime(2023, 9, 2, 10, 30),
        date(2023, 9, 2),
        45171,
        45171.75,
        "45171",
        "2023.9.2",
        "2023-09-02",
        "2023/9/2",
        "2023年9月2日",
        "2023年9月2号",
        "2023－09－02",
        "２０２３.９.２",
        "2023 年 9 月 2 日",
        "2023-09-02 00:00:00",
        "2023-09-02T08:30",
        "20230902",
        20230902,
        " 2023.9.2\n",
        "2023—9—2",
    ],
)
def test_day_as_people_write_it(written: object) -> None:
    row = only_row(good(立项日期="2023-01-01", 协议签订日期=written))

    assert (row.signed_on, row.approximate) == (date(2023, 9, 2), frozenset())


@pytest.mark.parametrize(
    "written", ["2024年2月", "2024.2", "2024-02", "2024/2", "２０２４年２月", "202402", 2024.2, 2024.02]
)
def test_month_without_a_day_counts_as_its_last_day_with_a_warning(written: object) -> None:
    ledger = read(good(协议签订日期=written))

    assert ledger.rows[0].signed_on == date(2024, 2, 29)
    assert ledger.rows[0].approximate == frozenset({"signed_on"})
    assert told(ledger.warnings) == [("协议签订日期", "month_only")]
    assert ledger.warnings[0].params == {"value": str(written), "day": "2024-02-29"}


@pytest.mark.parametrize(
    "written",
    [
        "2023-02-30",
        "2023.13.1",
        "去年",
        "9/2/2023",
        "23.9.2",
        2023,
        13,
        "2023",
        "2023-00-01",
        "1899-01-01",
        "长期",
    ],
)
def test_day_that_is_none_is_a_fault(written: object) -> None:
    ledger = read(good(协议签订日期=written))

    assert told(ledger.faults) == [("协议签订日期", "unreadable_day")]


def test_number_that_may_be_january_or_october_is_a_fault() -> None:
    ledger = read(good(协议签订日期=2024.1))

    assert told(ledger.faults) == [("协议签订日期", "ambiguous_month")]


def test_serial_number_counts_from_the_workbooks_own_epoch() -> None:
    workbook, _ = sheet_with(good(立项日期="2023-01-01", 协议签订日期=45171 - 1462))
    workbook.epoch = datetime(1904, 1, 1)

    ledger = read_ledger(saved(workbook), today=TODAY)

    assert ledger.rows[0].signed_on == date(2023, 9, 2)


@pytest.mark.parametrize(
    ("written", "cycle"),
    [
        ("3年", "3 years"),
        ("三年", "3 years"),
        (3, "3 years"),
        ("3", "3 years"),
        ("３年", "3 years"),
        ("1年", "1 year"),
        ("两年", "2 years"),
        ("36个月", "36 months"),
    ],
)
def test_cycle_is_a_period(written: object, cycle: str) -> None:
    row = only_row(good(建设期=written))

    assert row.cycle == cycle
    assert Period.parse(row.cycle) != Period()


@pytest.mark.parametrize("written", ["三五年", "0", "-3年", "长期", 3.5])
def test_cycle_that_is_no_period_is_a_fault(written: object) -> None:
    assert told(read(good(建设期=written)).faults) == [("建设期", "unreadable_period")]


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("医学院、药学院", ("医学院",)),
        ("医学院，法学院", ("医学院", "法学院")),
        ("医学院, 法学院", ("医学院", "法学院")),
        ("医学院;法学院；体育学院", ("医学院", "法学院", "体育学院")),
        ("医学院/法学院", ("医学院", "法学院")),
        ("医学院\n法学院", ("医学院", "法学院")),
        ("商学院（质量、标准学院）、医学院", ("商学院（质量、标准学院）", "医学院")),
        ("医学院、医学院、", ("医学院",)),
        ("无", ()),
        ("/", ()),
        (None, ()),
    ],
)
def test_colleges_are_parted_and_the_lead_is_none_of_them(
    written: str | None, names: tuple[str, ...]
) -> None:
    assert only_row(good(参与学院=written)).other_colleges == names


@pytest.mark.parametrize(
    ("heading", "written", "fen"),
    [
        ("资助经费（万元）", 2, 2_000_000),
        ("资助经费（万元）", "2万元", 2_000_000),
        ("资助经费（万元）", 2.3, 2_300_000),
        ("资助经费（万元）", 0.1 + 0.2, 300_000),
        ("资助经费（万元）", "１.５", 1_500_000),
        ("资助经费（万元）", "20,000元", 2_000_000),
        ("资助经费（元）", 20000, 2_000_000),
        ("资助经费", "0.000001", 1),
        ("资助经费", None, None),
        ("资助经费", "—", None),
    ],
)
def test_money_is_read_in_fen(heading: str, written: object, fen: int | None) -> None:
    headings = [heading if name == "资助经费（万元）" else name for name in HEADINGS]
    ledger = read_ledger(book({**GOOD, heading: written}, headings=headings), today=TODAY)

    assert [row.funding_fen for row in ledger.rows] == [fen]


@pytest.mark.parametrize(
    ("written", "renewed", "warnings"),
    [
        ("已续签，新协议至2027年", True, []),
        ("续签", True, []),
        ("是", True, []),
        ("未续签", False, []),
        ("拟续签", False, []),
        ("无", False, []),
        (None, False, []),
        ("正在商谈", False, [("续签情况", "renewal_unclear")]),
    ],
)
def test_renewal_is_read_from_the_note(
    written: str | None, renewed: bool, warnings: list[tuple[str, str]]
) -> None:
    ledger = read(good(续签情况=written))

    assert (ledger.rows[0].renewed, told(ledger.warnings)) == (renewed, warnings)
    assert ledger.rows[0].renewal_note == (written or "")


@pytest.mark.parametrize(
    ("heading", "written", "field", "value"),
    [
        ("基地编号", "ｌｐ２０２３－００１", "base_number", "LP2023-001"),
        ("统一社会信用代码", " 91371500ma612dd27l ", "credit_code", "91371500MA612DD27L"),
        ("联系电话", 13000009264, "contact_phone", "13000009264"),
        ("联系电话", 13000009264.0, "contact_phone", "13000009264"),
        ("项目负责人", "李  娜", "leader_name", "李娜"),
        ("项目负责人", "Li Na", "leader_name", "Li Na"),
        ("合作单位", "东昌\u200b制药\u00ad有限公司", "partner_name", "东昌制药有限公司"),
        ("校外导师数", "12人", "mentor_count", 12),
        ("校外导师数", "１２", "mentor_count", 12),
        ("校外导师数", "/", "mentor_count", None),
        ("立项年度", "2023年度", "project_year", 2023),
        ("年度数据是否按时", "未按时", "data_on_time", False),
        ("年度数据是否按时", None, "data_on_time", None),
        ("年度数据是否按时", True, "data_on_time", True),
        ("中期考核结果", "未开展", "midterm_result", "not_held"),
        ("级别", " 国家级", "level", "national"),
        ("单位性质", "事业单位", "partner_kind", "public_institution"),
        ("备注", "第一行\n第二行", "remark", "第一行\n第二行"),
    ],
)
def test_cell_is_read(heading: str, written: object, field: str, value: object) -> None:
    assert getattr(only_row({**GOOD, heading: written}), field) == value


# ───────────────────────────── The states of the ledger

AGREED = {"中期考核结果": None, "结项结果": None, "结项日期": None, "授牌日期": None}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"状态": "已立项", **AGREED, "协议签订日期": None, "协议到期日期": None}, "approved"),
        ({"状态": "建设中", **AGREED}, "agreement_signed"),
        ({"状态": "建设中", **AGREED, "中期考核结果": "需改进"}, "midterm_assessed"),
        ({"状态": "建设中", **AGREED, "中期考核结果": "未开展"}, "midterm_assessed"),
        ({"状态": "延期", **AGREED, "延期至": "2027-05-04"}, "extended"),
        (
            {"状态": "整改中", "结项结果": "不合格", "授牌日期": None, "整改截止": "2027.3.15"},
            "rectification",
        ),
        ({"状态": "在库"}, "certified"),
        ({"状态": "撤销", "结项结果": "不合格", "授牌日期": None, "禁报截止日": "2029-08-01"}, "revoked"),
        ({"状态": "到期未续签", **AGREED, "协议到期日期": "2026-07-14"}, "lapsed"),
    ],
)
def test_state_word_becomes_its_state(changes: dict[str, Any], state: str) -> None:
    assert only_row({**GOOD, **changes}).state == state


# ───────────────────────────── One cause, one fault


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"基地编号": None}, ("基地编号", "missing")),
        ({"基地名称": " "}, ("基地名称", "missing")),
        ({"合作单位": None}, ("合作单位", "missing")),
        ({"责任学院": "无"}, ("责任学院", "missing")),
        ({"立项日期": None}, ("立项日期", "missing")),
        ({"状态": None}, ("状态", "missing")),
        ({"责任学院": "药学院、医学院"}, ("责任学院", "several_lead_colleges")),
        ({"立项日期": "2023-07-16"}, ("协议签订日期", "signed_before_approval")),
        ({"立项日期": "2033-05-04"}, ("立项日期", "signed_before_approval")),
        ({"协议到期日期": "2023-07-14"}, ("协议到期日期", "agreement_ends_before_signing")),
        (
            {"协议签订日期": "2030.1.1", "协议到期日期": "2024.1.1"},
            ("协议签订日期", "agreement_ends_before_signing"),
        ),
        ({"协议签订日期": "2026-11-24"}, ("协议签订日期", "day_in_future")),
        ({"授牌日期": "2026-11-24"}, ("授牌日期", "day_in_future")),
        ({"授牌日期": "2026.12"}, ("授牌日期", "day_in_future")),
        ({"授牌日期": "2026-06-12"}, ("授牌日期", "days_out_of_order")),
        ({"结项日期": "2023-05-03"}, ("结项日期", "days_out_of_order")),
        ({"延期至": "2023-05-03"}, ("延期至", "days_out_of_order")),
        ({"禁报截止日": "2023-05-03"}, ("禁报截止日", "days_out_of_order")),
        ({"统一社会信用代码": "91371500MA26E53AK?"}, ("统一社会信用代码", "code_bad_character")),
        ({"统一社会信用代码": "91371500MA612DD27"}, ("统一社会信用代码", "code_wrong_length")),
        ({"统一社会信用代码": 913715001234567890}, ("统一社会信用代码", "code_as_number")),
        ({"统一社会信用代码": 9.13715001234568e17}, ("统一社会信用代码", "code_as_number")),
        ({"状态": "建设"}, ("状态", "unknown_word")),
        ({"级别": "市级"}, ("级别", "unknown_word")),
        ({"单位性质": "其他"}, ("单位性质", "unknown_word")),
        ({"中期考核结果": "良好"}, ("中期考核结果", "unknown_word")),
        ({"结项结果": "良"}, ("结项结果", "unknown_word")),
        ({"年度数据是否按时": "基本"}, ("年度数据是否按时", "unknown_word")),
        ({"校外导师数": "约30"}, ("校外导师数", "unreadable_number")),
        ({"校外导师数": -1}, ("校外导师数", "unreadable_number")),
        ({"2025年在基地人数": 2.5}, ("2025年在基地人数", "unreadable_number")),
        ({"资助经费（万元）": "两万"}, ("资助经费（万元）", "unreadable_amount")),
        ({"资助经费（万元）": -2}, ("资助经费（万元）", "unreadable_amount")),
        ({"资助经费（万元）": "0.0000015"}, ("资助经费（万元）", "unreadable_amount")),
        ({"资助经费（万元）": "1.2.3"}, ("资助经费（万元）", "unreadable_amount")),
        ({"立项年度": "二三年"}, ("立项年度", "unreadable_year")),
        ({"基地名称": "基" * 201}, ("基地名称", "too_long")),
        ({"基地名称": "=A1"}, ("基地名称", "formula")),
        ({"协议签订日期": "=TODAY()"}, ("协议签订日期", "formula")),
        ({"备注": "=1+1"}, ("备注", "formula")),
        ({"协议签订日期": "#REF!"}, ("协议签订日期", "cell_error")),
        ({"结项结果": None}, ("结项结果", "missing_for_state")),
        ({"结项结果": "不合格"}, ("结项结果", "grade_does_not_fit")),
        ({"协议到期日期": None}, ("协议到期日期", "missing_for_state")),
        ({"状态": "建设中", "协议签订日期": None}, ("协议签订日期", "missing_for_state")),
        ({"状态": "延期"}, ("延期至", "missing_for_state")),
        ({"状态": "整改中"}, ("整改截止", "missing_for_state")),
        ({"状态": "撤销"}, ("禁报截止日", "missing_for_state")),
        ({"状态": "到期未续签", "协议到期日期": "2026-11-23"}, ("协议到期日期", "day_not_past")),
    ],
)
def test_cell_in_error_is_one_fault(changes: dict[str, Any], fault: tuple[str, str]) -> None:
    ledger = read({**GOOD, **changes}, another())

    assert told(ledger.faults) == [fault]
    assert (ledger.faulty_rows, [row.row for row in ledger.rows]) == ((("台账", 3),), [4])


def test_good_row_has_neither_fault_nor_warning() -> None:
    ledger = read(GOOD, another())

    assert (ledger.faults, ledger.warnings, len(ledger.rows)) == ((), (), 2)


def test_all_faults_of_a_row_are_told_at_once() -> None:
    ledger = read(good(级别="市级", 责任学院=None, 状态="在建中", 授牌日期="2026.12.1"))

    assert told(ledger.faults) == [
        ("级别", "unknown_word"),
        ("状态", "unknown_word"),
        ("责任学院", "missing"),
        ("授牌日期", "day_in_future"),
    ]


def test_days_that_touch_are_in_order() -> None:
    row = only_row(
        good(立项日期="2023-07-15", 协议签订日期="2023-07-15", 结项日期="2026-11-23", 授牌日期="2026-11-23")
    )

    assert row.signed_on == row.approved_on == date(2023, 7, 15)


def test_month_without_a_day_is_in_error_only_where_none_of_its_days_would_do() -> None:
    ledger = read(good(授牌日期="2026年11月", 结项日期="2026.11", 立项日期="2023.7"))

    assert ledger.faults == ()
    assert ledger.rows[0].approximate == frozenset({"plaque_on", "final_on", "approved_on"})


def test_past_deadlines_are_no_faults() -> None:
    ledger = read(
        good(**AGREED, 状态="延期", 延期至="2026-05-04", 协议到期日期="2026-01-01"),
        another(结项结果="不合格", 授牌日期=None, 状态="整改中", 整改截止="2026-10-01"),
    )

    assert (told(ledger.faults), len(ledger.rows)) == ([], 2)


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"统一社会信用代码": "91371500MA612DD27M"}, ("统一社会信用代码", "code_wrong_check_digit")),
        ({"统一社会信用代码": None}, ("统一社会信用代码", "value_missing")),
        ({"项目负责人": None}, ("项目负责人", "value_missing")),
        ({"授牌日期": None}, ("授牌日期", "value_missing")),
        ({"级别": None}, ("级别", "value_assumed")),
        ({"建设期": None}, ("建设期", "value_assumed")),
        ({"基地编号": "2023-7"}, ("基地编号", "unusual_base_number")),
        ({"立项年度": 2022}, ("立项年度", "year_differs")),
    ],
)
def test_warning_lets_the_row_pass(changes: dict[str, Any], warning: tuple[str, str]) -> None:
    ledger = read({**GOOD, **changes})

    assert (told(ledger.faults), told(ledger.warnings), len(ledger.rows)) == ([], [warning], 1)


def test_empty_level_and_cycle_are_assumed() -> None:
    row = only_row(good(级别=None, 建设期=None))

    assert (row.level, row.cycle) == ("school", "3 years")


def test_agreement_of_a_base_that_waits_for_one_is_warned_of() -> None:
    ledger = read({**GOOD, **AGREED, "状态": "已立项", "协议到期日期": None})

    assert told(ledger.warnings) == [("协议签订日期", "agreement_before_state")]


# ───────────────────────────── The rows among each other


def test_base_number_stands_once() -> None:
    ledger = read(GOOD, another(基地编号="ＬＰ2023-001"))

    assert told(ledger.faults) == [("基地编号", "duplicate_base_number")]
    assert ledger.faults[0].params == {"value": "LP2023-001", "other_sheet": "台账", "other_row": "3"}
    assert [row.row for row in ledger.rows] == [3]


def test_row_repeated_is_one_fault() -> None:
    assert told(read(GOOD, GOOD).faults) == [("基地编号", "duplicate_base_number")]


@pytest.mark.parametrize(
    "changes",
    [
        {"合作单位": "东昌制药有限公司"},
        {"合作单位": "东昌制药 有限公司", "统一社会信用代码": None},
        {"合作单位": "东昌医药有限公司", "统一社会信用代码": "91371500MA612DD27L"},
        {"合作单位": "东昌制药有限公司", "责任学院": "药 学院"},
    ],
)
def test_second_living_base_of_the_same_partner_and_lead_college_is_a_fault(changes: dict[str, Any]) -> None:
    ledger = read(GOOD, another(**changes))

    assert told(ledger.faults) == [("合作单位", "duplicate_living_base")]
    assert ledger.faults[0].row == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"合作单位": "东昌制药有限公司", "责任学院": "医学院"},
        {"合作单位": "东昌制药有限公司", "状态": "撤销", "禁报截止日": "2029-08-01"},
        {"合作单位": "东昌制药有限公司", "状态": "到期未续签", "协议到期日期": "2026-07-14"},
    ],
)
def test_base_of_another_college_or_ended_stands_beside_a_living_one(changes: dict[str, Any]) -> None:
    assert read(GOOD, another(**changes)).faults == ()


def test_code_under_two_names_is_warned_of() -> None:
    ledger = read(GOOD, another(统一社会信用代码="91371500MA612DD27L", 责任学院="法学院"))

    assert (told(ledger.faults), told(ledger.warnings)) == (
        [],
        [("统一社会信用代码", "code_of_another_name")],
    )


# ───────────────────────────── How a sheet may be laid out


def test_headings_go_by_many_names() -> None:
    renamed = {
        "基地编号": "编号",
        "基地名称": "* 联培基地名称",
        "合作单位": "合作单位（全称）",
        "责任学院": "牵头\n学院",
        "立项日期": "批准时间",
        "协议到期日期": "协议有效期至",
        "2025年在基地人数": "２０２５年度研究生人数",
    }
    headings = [renamed.get(name, name) for name in HEADINGS]
    row = {renamed.get(name, name): value for name, value in GOOD.items()}

    ledger = read_ledger(book(row, headings=headings), today=TODAY)

    assert (ledger.faults, ledger.unknown_columns, ledger.rows) == ((), (), (only_row(GOOD),))


def test_mentor_count_of_a_year_is_no_student_count() -> None:
    assert field_of("2024年校外导师人数") is None
    assert field_of("2024年在基地人数") == field_of("在基地人数2024年") == "students:2024"


def test_unknown_column_is_named_and_left_alone() -> None:
    headings = [*HEADINGS, "审批意见"]

    ledger = read_ledger(book({**GOOD, "审批意见": "=1+1"}, headings=headings), today=TODAY)

    assert [(column.letter, column.header) for column in ledger.unknown_columns] == [("AH", "审批意见")]
    assert (ledger.faults, len(ledger.rows)) == ((), 1)


def test_mapping_says_what_a_heading_means() -> None:
    headings = ["甲方" if name == "合作单位" else name for name in HEADINGS]
    content = book({**GOOD, "甲方": "东昌制药有限公司"}, headings=headings)

    ledger = read_ledger(content, today=TODAY, mapping={"甲方": "partner_name", "备注": ""})

    assert ledger.rows == (only_row(GOOD),)
    assert [column.header for column in ledger.unknown_columns] == ["备注"]
    assert "partner_name" in readable_fields()


def test_heading_given_twice_is_read_once_with_a_warning() -> None:
    workbook, sheet = sheet_with(GOOD)
    sheet.cell(2, len(HEADINGS) + 1, "备注")
    sheet.cell(3, len(HEADINGS) + 1, "另一列")

    ledger = read_ledger(saved(workbook), today=TODAY)

    assert [(fault.cell, fault.code) for fault in ledger.warnings] == [("AH2", "duplicate_heading")]
    assert ledger.rows[0].remark == ""


def test_missing_column_is_one_fault_and_keeps_the_sheets_rows_out() -> None:
    headings = [name for name in HEADINGS if name != "责任学院"]

    ledger = read_ledger(book(GOOD, another(), headings=headings), today=TODAY)

    assert [(fault.row, fault.column, fault.code) for fault in ledger.faults] == [
        (2, "责任学院", "column_missing")
    ]
    assert (ledger.rows, ledger.row_count) == ((), 2)


def test_cells_merged_downwards_hold_for_each_row() -> None:
    workbook, sheet = sheet_with(GOOD, another(立项日期=None, 立项年度=None))
    sheet.merge_cells(f"{letter_of(sheet, '立项日期')}3:{letter_of(sheet, '立项日期')}4")
    sheet.merge_cells(f"{letter_of(sheet, '立项年度')}3:{letter_of(sheet, '立项年度')}5")

    ledger = read_ledger(saved(workbook), today=TODAY)

    assert [(row.approved_on, row.project_year) for row in ledger.rows] == [(date(2023, 5, 4), 2023)] * 2
    assert ledger.row_count == 2


def test_cells_merged_sideways_say_nothing_of_the_next_column() -> None:
    workbook, sheet = sheet_with(good(责任学院=None))
    sheet.merge_cells(f"{letter_of(sheet, '统一社会信用代码')}3:{letter_of(sheet, '责任学院')}3")

    ledger = read_ledger(saved(workbook), today=TODAY)

    assert told(ledger.faults) == [("责任学院", "missing")]


def test_heading_of_two_rows_is_read() -> None:
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    upper = [name.replace("2025年在基地人数", "在基地人数") for name in HEADINGS]
    sheet.append(upper)
    sheet.append(["2025年" if name == "在基地人数" else None for name in upper])
    sheet.merge_cells("A1:A2")
    sheet.append([GOOD[name] for name in HEADINGS])

    ledger = read_ledger(saved(workbook), today=TODAY)

    assert [(row.row, row.students) for row in ledger.rows] == [(3, {2025: 25})]


def test_blank_lines_notes_totals_and_repeated_headings_are_no_bases() -> None:
    workbook, sheet = sheet_with(GOOD)
    sheet.append([])
    sheet.append([2])
    sheet.append(HEADINGS)
    sheet.append([GOOD[name] for name in HEADINGS][:1] + [another()[name] for name in HEADINGS][1:])
    sheet.append(["合计", None, None, None, None, None, None, None, None, None, None, None, None, None, None])
    sheet.cell(sheet.max_row, HEADINGS.index("校外导师数") + 1, 8)
    sheet.append([None, "备注：数据截至2026年11月"])
    sheet.append([None, "本表由各学院填报"])
    sheet.merge_cells(start_row=sheet.max_row, end_row=sheet.max_row, start_column=2, end_column=9)

    ledger = read_ledger(saved(workbook), today=TODAY)

    assert (ledger.faults, [row.base_number for row in ledger.rows]) == ((), ["LP2023-001", "LP2023-002"])


def test_running_number_may_be_a_formula() -> None:
    assert read(good(序号="=ROW()-2")).faults == ()


def test_text_that_only_looks_like_a_formula_is_text() -> None:
    workbook, sheet = sheet_with(GOOD)
    cell = sheet[f"{letter_of(sheet, '备注')}3"]
    cell.value = "=甲方已盖章"
    cell.data_type = "s"

    ledger = read_ledger(saved(workbook), today=TODAY)

    assert (ledger.faults, ledger.rows[0].remark) == ((), "=甲方已盖章")


def test_several_sheets_are_read_together() -> None:
    workbook, _ = sheet_with(GOOD)
    second = workbook.create_sheet("2024年")
    second.append(HEADINGS)
    second.append([another(基地编号="LP2023-001")[name] for name in HEADINGS])
    workbook.create_sheet("说明").append(["填表请注意"])
    workbook.create_sheet("空白")
    hidden = workbook.create_sheet("旧表")
    hidden.append(HEADINGS)
    hidden.sheet_state = "hidden"

    ledger = read_ledger(saved(workbook), today=TODAY)

    assert [(f.sheet, f.row, f.code) for f in ledger.faults] == [("2024年", 2, "duplicate_base_number")]
    assert [(f.sheet, f.code) for f in ledger.warnings] == [
        ("说明", "sheet_without_header"),
        ("旧表", "sheet_hidden"),
    ]


def letter_of(sheet: Worksheet, heading: str) -> str:
    return next(cell.column_letter for cell in sheet[2] if cell.value == heading)


# ───────────────────────────── Files that are no ledger


def rewritten(content: bytes, change: Callable[[str, bytes], bytes], extra: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, part in extra.items():
            new.writestr(name, part)
    return out.getvalue()


def with_part(name: str, part: bytes) -> bytes:
    return rewritten(book(GOOD), lambda _, old: old, {name: part})


def with_sheet_text(old_text: bytes, new_text: bytes) -> bytes:
    def change(name: str, part: bytes) -> bytes:
        assert name != "xl/worksheets/sheet1.xml" or old_text in part
        return part.replace(old_text, new_text) if name == "xl/worksheets/sheet1.xml" else part

    return rewritten(book(GOOD), change, {})


def zipped(**parts: bytes) -> bytes:
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MERGES = b'<mergeCells count="1"><mergeCell ref="%s"/></mergeCells></worksheet>'


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: b"", "empty_file"),
        (lambda: b"not a workbook", "not_a_workbook"),
        (lambda: "序号,基地编号\n1,LP2023-001".encode(), "not_a_workbook"),
        (lambda: b"PK\x03\x04 and nothing more", "damaged"),
        (lambda: book(GOOD)[:2000], "damaged"),
        (lambda: zipped(hello=b"world"), "not_a_workbook"),
        (lambda: OLE + b"\0" * 600, "old_format"),
        (lambda: OLE + "EncryptedPackage".encode("utf-16-le"), "protected"),
        (lambda: with_part("xl/vbaProject.bin", b"macro"), "has_macros"),
        (lambda: with_part("xl/media/zeros.bin", b"\0" * 60 * 1024 * 1024), "content_too_large"),
        (lambda: with_part("xl/junk.xml", b"<a>" + b"<b/>" * 3_000_001 + b"</a>"), "content_too_large"),
        (lambda: with_part("xl/deep.xml", b"<a>" * 5000 + b"</a>" * 5000), "damaged"),
        (
            lambda: with_part("xl/laughs.xml", b'<!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>'),
            "damaged",
        ),
        (lambda: with_sheet_text(b"</worksheet>", MERGES % b"A9:XFD1048576"), "content_too_large"),
        (lambda: with_sheet_text(b"</worksheet>", MERGES % b"A:XFD"), "content_too_large"),
        (lambda: with_sheet_text(b"<row ", b"<rows "), "damaged"),
        (lambda: with_sheet_text(b"<v>2023</v>", b"<v>20x3</v>"), "damaged"),
        (lambda: with_sheet_text(b'<row r="3"', b'<row r="1048576"'), "too_many_rows"),
        (lambda: saved(Workbook()), "no_header"),
        (lambda: book(headings=["姓名", "学号", "学院", "电话"]), "no_header"),
        (lambda: book(), "no_rows"),
    ],
)
def test_file_that_is_no_ledger_is_refused_in_words(make: Callable[[], bytes], code: str) -> None:
    content = make()

    with pytest.raises(LedgerError) as refusal:
        read_ledger(content, today=TODAY)

    assert refusal.value.code == code
    assert all(describe(refusal.value, language=language) for language in ("zh", "en"))


def test_many_sheets_on_one_part_are_refused() -> None:
    cells = b"<row>" + b"<c/>" * 60_000 + b"</row>"
    related = b'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    sheets = b"".join(
        b'<sheet %s name="s%d" sheetId="%d" r:id="rId1"/>' % (related, n, n) for n in range(2, 40)
    )

    def change(name: str, part: bytes) -> bytes:
        if name == "xl/worksheets/sheet1.xml":
            return part.replace(b"</sheetData>", cells + b"</sheetData>")
        return part.replace(b"</sheets>", sheets + b"</sheets>")

    content = rewritten(book(GOOD), change, {})

    with pytest.raises(LedgerError) as refusal:
        read_ledger(content, today=TODAY)
    assert refusal.value.code == "content_too_large"


def test_file_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.xlsx"
    with path.open("wb") as file:
        file.truncate(21 * 1024 * 1024)

    with pytest.raises(LedgerError) as refusal:
        read_ledger(path, today=TODAY)

    assert describe(refusal.value, language="zh") == "文件超过20 MB，请删去图片和多余的工作表后重试。"


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError) as missing:
        read_ledger(tmp_path / "none.xlsx", today=TODAY)
    with pytest.raises(LedgerError) as folder:
        read_ledger(tmp_path, today=TODAY)

    assert (missing.value.code, folder.value.code) == ("no_such_file", "unreadable_file")


def test_far_empty_rows_cost_nothing() -> None:
    content = with_sheet_text(b"</sheetData>", b'<row r="1048576"><c r="A1048576" s="0"/></row></sheetData>')

    assert len(read_ledger(content, today=TODAY).rows) == 1


def test_reader_is_loaded_without_the_spreadsheet_library() -> None:
    check = "import sys, workflow.ledger; sys.exit('openpyxl' in sys.modules or 'sqlalchemy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], cwd=HERE.parents[1], check=False).returncode == 0


# ───────────────────────────── The workbook given back


def written_beside(content: bytes, sheet: str, column: str) -> dict[int, str]:
    cells = load_workbook(BytesIO(content))[sheet][column]
    return {cell.row: str(cell.value) for cell in cells if cell.value is not None}


def test_annotated_workbook_says_each_fault_beside_its_row() -> None:
    ledger = read_ledger(WITH_ERRORS, today=TODAY)

    content = annotate(WITH_ERRORS, ledger, language="zh")

    order = "“协议签订日期”2030-01-01晚于“协议到期日期”2024-01-01，请核对这两格。"
    assert written_beside(content, "联培基地台账", "AJ") == {
        3: "错误说明",
        7: "G7: “统一社会信用代码”的“91371500MA26E53AK?”含有统一社会信用代码中不会出现的字符。",
        12: f"R12: {order}",
        15: "H15: “责任学院”未填写。",
        20: f"R20: {order}",
        23: "H23: “责任学院”未填写。",
        24: f"R24: {order}",
    }


def test_annotated_workbook_colours_the_cells_at_fault_only() -> None:
    content = annotate(WITH_ERRORS, read_ledger(WITH_ERRORS, today=TODAY), language="zh")

    sheet = load_workbook(BytesIO(content))["联培基地台账"]
    coloured = [
        cell.coordinate for row in sheet.iter_rows() for cell in row if cell.fill.fgColor.rgb == "00FFD34D"
    ]
    assert coloured == ["G7", "R12", "H15", "R20", "H23", "R24"]


def test_annotated_workbook_keeps_everything_else() -> None:
    before = load_workbook(WITH_ERRORS)["联培基地台账"]

    content = annotate(WITH_ERRORS, read_ledger(WITH_ERRORS, today=TODAY), language="en")

    after = load_workbook(BytesIO(content))["联培基地台账"]
    assert after["AJ3"].value == "Faults"
    assert [[cell.value for cell in row[:35]] for row in after.iter_rows()] == [
        [cell.value for cell in row] for row in before.iter_rows()
    ]
    assert {str(span) for span in after.merged_cells.ranges} == {
        str(span) for span in before.merged_cells.ranges
    }


def test_annotated_workbook_reads_as_before_and_is_annotated_in_place() -> None:
    first = read_ledger(WITH_ERRORS, today=TODAY)
    content = annotate(WITH_ERRORS, first, language="zh")

    second = read_ledger(content, today=TODAY)

    assert (second.rows, second.faults, second.unknown_columns) == (first.rows, first.faults, ())
    again = annotate(content, second, language="en")
    assert written_beside(again, "联培基地台账", "AJ")[15] == "H15: “责任学院” is empty."
    assert written_beside(again, "联培基地台账", "AK") == {}


def test_annotation_of_a_mended_row_is_taken_away() -> None:
    workbook = load_workbook(
        BytesIO(annotate(book(good(级别="市级")), read(good(级别="市级")), language="zh"))
    )
    workbook["台账"]["D3"].value = "省级"
    mended = saved(workbook)

    content = annotate(mended, read_ledger(mended, today=TODAY), language="zh")

    assert written_beside(content, "台账", "AH") == {2: "错误说明"}


def test_annotation_goes_beside_what_stands_there() -> None:
    workbook, sheet = sheet_with(good(级别="市级"))
    sheet.cell(3, len(HEADINGS) + 1, "手记")
    content = saved(workbook)

    annotated = annotate(content, read_ledger(content, today=TODAY), language="zh")

    assert written_beside(annotated, "台账", "AH") == {3: "手记"}
    assert sorted(written_beside(annotated, "台账", "AI")) == [2, 3]


def test_annotation_of_a_missing_column_stands_in_the_heading() -> None:
    content = book(GOOD, headings=[name for name in HEADINGS if name != "责任学院"])

    annotated = annotate(content, read_ledger(content, today=TODAY), language="zh")

    assert written_beside(annotated, "台账", "AG") == {
        2: "错误说明\n表头中没有“责任学院”一列，请补上这一列。"
    }
    assert read_ledger(annotated, today=TODAY).unknown_columns == ()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_annotation_is_never_computed(start: str) -> None:
    assert guarded(f"{start}1+1") == f"'{start}1+1"
    assert guarded(f"H3: {start}") == f"H3: {start}"


def test_annotation_takes_no_formula_from_a_heading() -> None:
    headings = ["=1+1" if name == "级别" else name for name in HEADINGS]
    workbook, sheet = sheet_with({**GOOD, "=1+1": "市级"}, headings=headings)
    sheet["D2"].data_type = "s"
    content = saved(workbook)
    ledger = read_ledger(content, today=TODAY, mapping={"=1+1": "level"})

    annotated = load_workbook(BytesIO(annotate(content, ledger, language="zh")))["台账"]

    assert told(ledger.faults) == [("=1+1", "unknown_word")]
    assert {cell.data_type for cell in annotated["AH"]} == {"n", "s"}


# ───────────────────────────── The catalogue


@pytest.mark.parametrize("kind", ["fault", "error"])
def test_messages_stand_in_both_languages_with_the_same_fields(kind: str) -> None:
    for code, texts in catalogue()[kind].items():
        names = [{name for _, name, _, _ in Formatter().parse(texts[language]) if name} for language in texts]
        assert (set(texts), names[0]) == ({"zh", "en"}, names[1]), code


def test_every_code_told_has_its_message() -> None:
    workflow = HERE.parents[1] / "workflow"
    told_in_code = [
        match
        for path in [*(workflow / "ledger").glob("*.py"), workflow / "operations" / "ledger_import.py"]
        for match in path.read_text(encoding="utf-8").split('"')
        if match in catalogue()["fault"] or match in catalogue()["error"]
    ]
    by_rule = {rule["code"] for rule in catalogue()["order"]}
    by_problem = {"code_wrong_length", "code_bad_character", "code_wrong_check_digit"}

    assert set(told_in_code) | by_rule | by_problem == {*catalogue()["fault"], *catalogue()["error"]}


def test_no_heading_and_no_word_stands_for_two_things() -> None:
    for name, headings in catalogue()["headings"].items():
        assert [field_of(heading) for heading in headings] == [name] * len(headings)
    for words in [*catalogue()["words"].values(), {k: v["words"] for k, v in catalogue()["states"].items()}]:
        every = [word for group in words.values() for word in group]
        assert len(every) == len(set(every))


def test_words_of_order_and_states_name_fields() -> None:
    fields = set(readable_fields())
    named = {rule[side] for rule in catalogue()["order"] for side in ("earlier", "later")}
    for rules in catalogue()["states"].values():
        named |= {*rules.get("needs", []), *rules.get("wants", []), *rules.get("past", [])}

    assert named | set(catalogue()["required"]) | set(catalogue()["wanted"]) <= fields


def test_messages_are_rendered() -> None:
    for ledger in (read_ledger(WITH_ERRORS, today=TODAY), read(good(级别=None), GOOD)):
        for fault in (*ledger.faults, *ledger.warnings):
            assert "{" not in describe(fault, language="zh") + describe(fault, language="en")
