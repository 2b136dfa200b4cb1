"""What people read is said in their language, whole, or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from workflow.definition.values.labels import Label
from workflow.words import (
    LANGUAGES,
    Words,
    article_text,
    day_text,
    days_left_text,
    filled,
    instant_text,
    money_text,
    places,
    say,
    shared,
    written,
)

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize("key", sorted(shared().entries))
def test_shared_text_is_there_in_both_languages_with_the_same_places(key: str) -> None:
    texts = shared().entries[key]

    assert sorted(texts) == sorted(LANGUAGES)
    assert all(text.strip() for text in texts.values())
    assert places(texts["zh"]) == places(texts["en"])


@pytest.mark.parametrize("key", sorted(shared().entries))
def test_shared_text_neither_shouts_nor_blames(key: str) -> None:
    texts = shared().entries[key]

    assert not any(word in texts["zh"] for word in ("！", "操作失败", "非法", "你"))
    assert "!" not in texts["en"]


def test_text_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(KeyError):
        say("blocker.no_such_code", "zh")


def test_text_with_a_missing_parameter_is_refused() -> None:
    with pytest.raises(KeyError):
        say("blocker.too_early", "zh")


def test_key_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text('[a]\nb = { zh = "甲", en = "a" }', encoding="utf-8")
    (tmp_path / "two.toml").write_text('[a]\nb = { zh = "乙", en = "b" }', encoding="utf-8")

    with pytest.raises(ValueError, match=r"two\.toml: a\.b is already in the catalogue"):
        Words.load(tmp_path)


def test_parameter_cannot_reach_into_an_object() -> None:
    assert filled("{a.__class__} {a!r} {} {a}", "en", {"a": "x"}) == "{a.__class__} {a!r} {} x"


def test_parameter_holding_a_place_is_not_read_again() -> None:
    assert filled("{a} {b}", "en", {"a": "{b}", "b": "x"}) == "{b} x"


@pytest.mark.parametrize(("count", "text"), [(0, "0 days left"), (1, "1 day left"), (2, "2 days left")])
def test_english_word_follows_its_number(count: int, text: str) -> None:
    assert filled("{count} {count|day|days} left", "en", {"count": count}) == text


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (date(2026, 11, 3), "2026年11月3日", "3 November 2026"),
        (datetime(2026, 11, 23, 2, 32, tzinfo=UTC), "2026年11月23日 10:32", "23 November 2026 10:32"),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), "2027年1月1日 00:00", "1 January 2027 00:00"),
        (Label(zh="草稿", en="draft"), "草稿", "draft"),
        ([Label(zh="甲", en="a"), "b"], "甲、b", "a, b"),
        (True, "是", "yes"),
        (None, "—", "—"),
        (12, "12", "12"),
    ],
)
def test_value_is_written_as_its_language_writes_it(value: object, zh: str, en: str) -> None:
    assert (written(value, "zh"), written(value, "en")) == (zh, en)


def test_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        instant_text(datetime(2026, 11, 23, 10, 32), "zh")


@pytest.mark.parametrize(
    ("due_on", "zh", "en"),
    [
        (date(2026, 11, 26), "还剩3天", "3 days left"),
        (date(2026, 11, 24), "还剩1天", "1 day left"),
        (date(2026, 11, 23), "今天到期", "due today"),
        (date(2026, 11, 22), "已逾期1天", "1 day overdue"),
        (date(2026, 11, 21), "已逾期2天", "2 days overdue"),
    ],
)
def test_deadline_is_said_in_days(due_on: date, zh: str, en: str) -> None:
    assert (days_left_text(due_on, TODAY, "zh"), days_left_text(due_on, TODAY, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("basis", "zh", "en"),
    [
        ("18", "〔办法第十八条〕", "[Regulation, Art. 18]"),
        ("18(2)", "〔办法第十八条（二）〕", "[Regulation, Art. 18(2)]"),
        ("4, 6", "〔办法第四条、第六条〕", "[Regulation, Art. 4, 6]"),
        ("18(1), 18(2)", "〔办法第十八条（一）、第十八条（二）〕", "[Regulation, Art. 18(1), 18(2)]"),
        ("10", "〔办法第十条〕", "[Regulation, Art. 10]"),
        ("20", "〔办法第二十条〕", "[Regulation, Art. 20]"),
        ("23", "〔办法第二十三条〕", "[Regulation, Art. 23]"),
        ("local", "〔研究生处设定〕", "[set by the Graduate Office]"),
    ],
)
def test_ground_is_cited(basis: str, zh: str, en: str) -> None:
    assert (article_text(basis, "zh"), article_text(basis, "en")) == (zh, en)


@pytest.mark.parametrize("basis", ["", "eighteen", "18,", "Local"])
def test_ground_that_cites_nothing_is_refused(basis: str) -> None:
    with pytest.raises(ValueError, match="is no ground"):
        article_text(basis, "zh")


@pytest.mark.parametrize(
    ("fen", "zh"), [(0, "0.00元"), (5, "0.05元"), (123456789, "1,234,567.89元"), (-150, "-1.50元")]
)
def test_amount_is_written_in_yuan(fen: int, zh: str) -> None:
    assert money_text(fen, "zh") == zh


def test_day_is_written_without_leading_noughts() -> None:
    assert day_text(date(2028, 2, 5), "zh") == "2028年2月5日"
