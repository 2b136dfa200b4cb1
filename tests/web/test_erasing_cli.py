"""Erasing somebody at the command line: refused in words, done once, and the log verifies as before."""

from __future__ import annotations

import pytest
from click.testing import Result
from sqlalchemy import select

from models import Account, Database, Disclosure, Entry, Person
from tests.web.test_cli import Shell, furnished, shell
from workflow.operations.erasing import KIND

__all__ = ["furnished", "shell"]


@pytest.fixture
def peopled(furnished: Shell) -> Shell:
    """Zhang San and an account, beside whom nobody is."""
    added = furnished(
        "user", "add", "zhang", "--name", "张三", "--staff-number", "A1", "--email", "zhang@example.org"
    )
    assert added.exit_code == 0
    return furnished


def erased(
    shell: Shell, *words: str, number: str = "A1", reason: str = "依申请第12号", lang: str = "en"
) -> Result:
    return shell("erase", "--person", number, "--reason", reason, *(words or ("--yes",)), LIANPEI_LANG=lang)


def entries(shell: Shell) -> list[Entry]:
    database = Database(shell.url)
    with database.reading() as session:
        found = list(session.scalars(select(Entry).where(Entry.kind == KIND)))
    database.dispose()
    return found


def everything(shell: Shell) -> str:
    """What the rows of the person say of them, and what the log's commitments can still be opened to."""
    database = Database(shell.url)
    with database.reading() as session:
        rows = [
            str(session.execute(select(table)).mappings().all())
            for table in (Person.__table__, Account.__table__, Disclosure.__table__)
        ]
    database.dispose()
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "zh",
            (
                "将删除：日志中的个人信息4项，永久停用账号1个，涉及基地职责0项，草稿0份。不能恢复。",
                "已依法删除（person:",
            ),
        ),
        (
            "en",
            (
                "This erases 4 personal values of the log, closes 1 account for good, concerns 0 duties and throws "
                "away 0 drafts. It cannot be undone.",
                "Erased (person:",
            ),
        ),
    ],
)
def test_person_is_erased_and_the_log_still_verifies(
    peopled: Shell, lang: str, said: tuple[str, str]
) -> None:
    before = everything(peopled)

    done = erased(peopled, lang=lang)

    (entry,) = entries(peopled)
    ahead, after = done.stdout.splitlines()
    assert (done.exit_code, ahead) == (0, said[0]), done.output
    assert after.startswith(said[1])
    assert entry.hash[:12] in after
    for word in ("张三", "A1", "zhang"):
        assert word in before
        assert word not in everything(peopled)
        assert word not in entry.body
    assert peopled("log", "verify").exit_code == peopled("doctor").exit_code == 0


@pytest.mark.parametrize(
    ("lang", "said"), [("zh", "没有工号为 B7 的人员"), ("en", "Nobody has the staff number B7.")]
)
def test_person_nobody_knows_is_told(peopled: Shell, lang: str, said: str) -> None:
    done = erased(peopled, number="B7", lang=lang)

    assert (done.exit_code, said in done.stderr, entries(peopled)) == (1, True, []), done.output


def test_second_time_finds_nobody_of_that_number(peopled: Shell) -> None:
    """The number is erased with the rest, so nothing tells any more who had it."""
    first, second = erased(peopled), erased(peopled)

    assert (first.exit_code, second.exit_code, len(entries(peopled))) == (0, 1, 1)
    assert "Nobody has the staff number A1." in second.stderr


def test_demand_must_be_named(peopled: Shell) -> None:
    missing, blank = peopled("erase", "--person", "A1", "--yes"), erased(peopled, reason="  ")

    assert (missing.exit_code, "--reason" in missing.stderr) == (2, True)
    assert (blank.exit_code, blank.stderr.startswith("Error: reason: ")) == (1, True), blank.output
    assert entries(peopled) == []
    assert "张三" in everything(peopled)


@pytest.mark.parametrize(("lang", "said"), [("zh", "未删除："), ("en", "Not erased: ")])
def test_whoever_still_holds_something_is_not_erased(peopled: Shell, lang: str, said: str) -> None:
    assert peopled("user", "grant", "zhang", "administrator").exit_code == 0

    done = erased(peopled, lang=lang)

    assert (done.exit_code, said in done.stderr, entries(peopled)) == (1, True, []), done.output
    assert "still_in_use" not in done.output
    assert "张三" in everything(peopled)


def test_without_yes_it_asks_and_takes_silence_for_no(peopled: Shell) -> None:
    done = peopled("erase", "--person", "A1", "--reason", "依申请第12号")

    assert (done.exit_code, "Erase?" in done.stdout, entries(peopled)) == (1, True, []), done.output
