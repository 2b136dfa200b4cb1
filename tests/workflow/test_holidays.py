"""The notice of a year as the office keeps it: every way to write it, and everything that can be wrong, at once and by row."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.errors import BadInput
from workflow.holidays import LARGEST, Notice, known_notice, read_notice
from workflow.words import shared


def known(year: int) -> Notice:
    found = known_notice(year)
    assert found is not None
    return found


YEAR_2026 = known(2026)
ROWS = [f"{one.day.isoformat()},{one.kind},{one.name}" for one in YEAR_2026.days]


def read(text: str | bytes, year: int | None = 2026) -> Notice:
    content = text if isinstance(text, bytes) else text.encode()
    return read_notice(content, year=year, source="notice.csv")


def faults(text: str | bytes, year: int | None = 2026) -> list[tuple[str, object]]:
    """The codes of what is wrong, each with its row."""
    with pytest.raises(BadInput) as bad:
        read(text, year)
    assert {fault.field for fault in bad.value.faults} == {"notice"}
    for fault in bad.value.faults:
        for language in ("zh", "en"):
            assert "{" not in shared().say(f"fault.{fault.code}", language, **fault.params)
    return [(fault.code.removeprefix("notice_"), fault.params.get("row")) for fault in bad.value.faults]


def without(*gone: str) -> list[str]:
    return [row for row in ROWS if not any(part in row for part in gone)]


# ───────────────────────────── Ways to write it


@pytest.mark.parametrize("year", [*range(2004, 2020), *range(2021, 2027)])
def test_every_year_announced_so_far_reads_as_it_was(year: int) -> None:
    days = known(year).days
    text = "".join(f"{one.day.isoformat()},{one.kind},{one.name}\n" for one in days)

    assert read(text, year).days == days


@pytest.mark.parametrize("heading", ["", "日期,类型,名称\n", "Day,Kind,Name\n", "day,kind,name\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "，"])
def test_encoding_heading_and_separator_do_not_matter(heading: str, encoding: str, separator: str) -> None:
    text = (heading + "\r\n".join(ROWS) + "\r\n\r\n").replace(",", separator)

    assert read(text.encode(encoding)).days == YEAR_2026.days


@pytest.mark.parametrize(
    "spelling", ["{0.year}/{0.month}/{0.day}", "{0.year}年{0.month}月{0.day}日", "{0.year}.{0.month}.{0.day}"]
)
@pytest.mark.parametrize("words", [("休", "班"), ("放假", "上班"), ("REST", "Work")])
def test_days_and_kinds_are_read_as_people_write_them(spelling: str, words: tuple[str, str]) -> None:
    kinds = dict(zip(("rest", "work"), words, strict=True))
    rows = [f"{spelling.format(one.day)}, {kinds[one.kind]} ,{one.name}" for one in YEAR_2026.days]

    assert read("\n".join(rows)).days == YEAR_2026.days


@pytest.mark.parametrize("heading", ["", "开始,结束,类型,名称\n"])
def test_block_may_be_one_row_from_its_first_day_to_its_last(heading: str) -> None:
    rows = [
        "2026-10-01,2026-10-07,rest,国庆节",
        *(f"{row.split(',')[0]},,{row.split(',', 1)[1]}" for row in without("国庆节")),
    ]
    rows += [f"{row.split(',')[0]},,{row.split(',', 1)[1]}" for row in ROWS if "work,国庆节" in row]

    assert read(heading + "\n".join(rows)).days == YEAR_2026.days


def test_year_is_that_of_the_days_where_none_is_asked_for() -> None:
    assert read("\n".join(ROWS), None).year == 2026


def test_weekend_days_of_a_block_may_be_left_out() -> None:
    """10 and 11 October rest anyway; a hole of weekend days is no gap."""
    rows = [row for row in ROWS if not ("rest" in row and date.fromisoformat(row[:10]).weekday() >= 5)]

    assert len(read("\n".join(rows)).days) == len(rows) < len(ROWS)


# ───────────────────────────── What can be wrong


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("2026-02-30,rest,春节", "not_a_day"),
        ("10月1日,rest,国庆节", "not_a_day"),
        (",rest,国庆节", "not_a_day"),
        ("2026-11-02,holiday?,x", "unknown_kind"),
        ("2026-11-02,rest,", "no_name"),
        ("2026-11-02", "unknown_kind"),
        ("2026-10-01,rest,国庆节", "day_twice"),
        ("2026-10-01,work,国庆节", "day_twice"),
        ("2027-01-01,rest,元旦", "other_year"),
        ("2026-11-02,work,国庆节", "works_anyway"),
        ("2026-10-09,rest,国庆节", "gap"),
    ],
)
def test_fault_names_its_row(row: str, code: str) -> None:
    assert (code, len(ROWS) + 1) in faults("\n".join([*ROWS, row]))


@pytest.mark.parametrize("row", ["2026-10-07,2026-10-01,rest,国庆节", "2026-01-01,2026-12-31,rest,元旦"])
def test_range_turned_round_or_endless_is_a_fault(row: str) -> None:
    assert ("range_unfit", 1) in faults(row)


def test_everything_wrong_is_said_at_once() -> None:
    text = "\n".join(["2026-13-01,rest,元旦", "2026-11-02,x,", *without("清明"), "2027-10-01,rest,国庆节"])

    found = faults(text)

    assert found == [
        ("holiday_missing", None),
        ("not_a_day", 1),
        ("unknown_kind", 2),
        ("no_name", 2),
        ("other_year", len(without("清明")) + 3),
    ]


@pytest.mark.parametrize("holiday", ["元旦", "春节", "清明", "劳动节", "端午", "中秋", "国庆节"])
def test_year_without_one_of_the_seven_is_a_fault(holiday: str) -> None:
    assert faults("\n".join(without(holiday))) == [("holiday_missing", None)]


def test_two_holidays_in_one_block_are_both_there_by_name() -> None:
    rows = [row.replace("国庆节", "国庆节、中秋节") for row in without("中秋")]

    assert read("\n".join(rows)).year == 2026


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "no_days"),
        (b"day,kind,name\n", "no_days"),
        (b"\x00\x01\x02PK", "no_text"),
        (b"\xff\xfe\xff", "no_text"),
        (b"x" * (LARGEST + 1), "too_large"),
        (b"2026-01-01,rest,x\n" * 401, "too_many_rows"),
    ],
)
def test_file_that_is_no_notice_is_refused(content: bytes, code: str) -> None:
    assert [found for found, _ in faults(content, None)] == [code]


@pytest.mark.parametrize("year", [2003, 2100])
def test_year_out_of_reach_is_refused(year: int) -> None:
    assert ("no_such_year", None) in faults("\n".join(ROWS), year)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_whatever_is_sent_is_read_or_refused(content: bytes) -> None:
    with suppress(BadInput):
        assert read(content, None).days
