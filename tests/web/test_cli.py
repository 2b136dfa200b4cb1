"""The command line: what it prints, what it writes, and its exit status (0 good, 1 found something wrong, 2 wrong usage)."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner, Result
from sqlalchemy import func, select, text

from models import Account, Base, Case, CheckpointPlace, Database, Edition, Entry, Grant, Timer
from models.schema import upgrade
from tests.university import ROUTED_FILE, University
from web.cli import main
from web.cli.serving import _log_to_stderr
from web.config import Config

SAMPLE = Path(__file__).parents[2] / "web" / "demo" / "ledger_sample.xlsx"
WITH_ERRORS = Path(__file__).parents[1] / "workflow" / "ledger_with_errors.xlsx"
AT = datetime(2026, 11, 23, 4, tzinfo=UTC)


class Shell:
    """Runs commands on one database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._environ = {"LIANPEI_DATABASE_URL": url, "LIANPEI_LANG": "en", "LIANPEI_ENV": "development"}

    def __call__(self, *words: str, **environ: str) -> Result:
        return CliRunner().invoke(main, list(words), env={**self._environ, **environ})

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json").stdout)


@pytest.fixture
def shell(database_url: str) -> Iterator[Shell]:
    with time_machine.travel(AT, tick=True):
        yield Shell(database_url)


@pytest.fixture
def furnished(shell: Shell) -> Shell:
    assert shell("db", "upgrade").exit_code == 0
    return shell


def count(url: str, table: Any) -> int:
    database = Database(url)
    with database.reading() as session:
        found = session.scalar(select(func.count()).select_from(table)) or 0
    database.dispose()
    return found


def test_upgrade_publishes_the_shipped_edition_once(furnished: Shell) -> None:
    again = furnished("db", "upgrade")

    assert again.exit_code == 0
    assert count(furnished.url, Edition) == 1


@pytest.mark.parametrize("words", [
    "import LEDGER", "doctor", "log verify", "log export --out PACKET", "scheduler --status",
    "calendar status", "calendar import --known 2026", "key new", "key rotate", "user add somebody --name A",
])  # fmt: skip
def test_database_without_tables_is_a_sentence_with_advice(shell: Shell, tmp_path: Path, words: str) -> None:
    database = Database(shell.url)
    Base.metadata.drop_all(database.engine)
    database.dispose()
    files = {"LEDGER": str(SAMPLE), "PACKET": str(tmp_path / "packet.zip")}

    answer = shell(*(files.get(word, word) for word in words.split()))

    assert answer.exit_code == 1, answer.output
    assert answer.stderr.splitlines()[-1] == (
        "The database has no tables yet or is out of date, and nothing was done. Please run lianpei db upgrade first."
    )
    assert "installation" not in answer.output


def test_column_that_is_not_there_is_told_like_a_table(furnished: Shell) -> None:
    database = Database(furnished.url)
    with database.transaction() as session:
        session.execute(text("ALTER TABLE installation RENAME TO installation_gone"))
        session.execute(text("CREATE TABLE installation (id integer)"))
    database.dispose()

    answer = furnished("sweep")

    assert (answer.exit_code, "lianpei db upgrade" in answer.stderr) == (1, True)


def test_first_start_tells_no_step_of_the_schema(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite'}")
    _log_to_stderr()

    upgrade(database)

    database.dispose()
    assert [record.name for record in caplog.records if record.name.startswith("alembic")] == []


@pytest.mark.parametrize(
    ("language", "said"), [("en", "The site cannot listen at"), ("zh", "无法在 127.0.0.1")]
)
def test_site_at_a_port_that_is_taken_says_so(furnished: Shell, language: str, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        answer = furnished("web", "--port", port, LIANPEI_LANG=language)

    assert (answer.exit_code, said in answer.stderr, port in answer.stderr) == (1, True, True)
    assert "lianpei answers" not in answer.output


def test_links_lead_to_the_port_the_site_listens_at() -> None:
    assert Config.from_environment({"LIANPEI_PORT": "8123"}).base_url == "http://127.0.0.1:8123"
    assert Config.from_environment({"LIANPEI_BASE_URL": "https://x.example"}).base_url == "https://x.example"


def test_import_of_the_sample_brings_in_sixty_bases(furnished: Shell) -> None:
    answer = furnished("import", str(SAMPLE), "--create-units")

    assert answer.exit_code == 0, answer.output
    assert "60 rows: 60 brought in, 0 known already, 0 at fault." in answer.stdout
    assert "Unit “医学院” is not known" in answer.stdout
    assert count(furnished.url, Case) == 60


def test_import_dry_run_writes_nothing(furnished: Shell) -> None:
    answer = furnished("import", str(SAMPLE), "--create-units", "--dry-run")

    assert answer.exit_code == 0
    assert count(furnished.url, Case) == 0


def test_import_with_faults_writes_nothing(furnished: Shell) -> None:
    answer = furnished("import", str(WITH_ERRORS), "--create-units")

    assert answer.exit_code == 1
    assert "24 rows, 6 at fault: nothing was written." in answer.stdout
    assert count(furnished.url, Case) == 0


def test_import_of_clean_rows_brings_in_the_others(furnished: Shell) -> None:
    answer = furnished("import", str(WITH_ERRORS), "--create-units", "--clean-rows")

    assert answer.exit_code == 1
    assert count(furnished.url, Case) == 18


def test_import_beside_the_sample_names_the_numbers_taken(furnished: Shell) -> None:
    furnished("import", str(SAMPLE), "--create-units")

    faults = furnished.json("import", str(WITH_ERRORS), "--create-units")["faults"]

    assert len(faults) == 10
    assert count(furnished.url, Case) == 60


def test_import_gives_the_workbook_back_with_its_faults(furnished: Shell, tmp_path: Path) -> None:
    import openpyxl

    target = tmp_path / "annotated.xlsx"

    furnished("import", str(WITH_ERRORS), "--create-units", "--annotated", str(target))

    sheet = openpyxl.load_workbook(target).active
    assert sheet is not None
    texts = [row[-1] for row in sheet.iter_rows(values_only=True) if row[-1]]
    assert len(texts) == 7


def test_import_confirms_past_deadlines_when_asked(furnished: Shell) -> None:
    furnished("import", str(SAMPLE), "--create-units", "--fire-past")

    database = Database(furnished.url)
    with database.reading() as session:
        held = session.scalar(select(func.count()).select_from(Timer).where(Timer.hold == "import"))
    database.dispose()
    assert held == 0


def test_import_of_no_workbook_is_a_sentence(furnished: Shell, tmp_path: Path) -> None:
    file = tmp_path / "ledger.xlsx"
    file.write_text("not a workbook")

    answer = furnished("import", str(file))

    assert answer.exit_code == 1
    assert "Traceback" not in answer.output


def test_doctor_and_verifier_find_nothing_after_an_import(furnished: Shell) -> None:
    furnished("import", str(SAMPLE), "--create-units")

    assert furnished("log", "verify").exit_code == 0
    doctor = furnished("doctor")
    assert doctor.exit_code == 0, doctor.stdout


def test_doctor_names_a_field_that_was_edited(furnished: Shell) -> None:
    furnished("import", str(SAMPLE), "--create-units")
    database = Database(furnished.url)
    with database.transaction() as session:
        session.execute(text("UPDATE bases SET level = 'national' WHERE base_number = 'LP2021-005'"))
    database.dispose()

    answer = furnished("doctor", "--json")

    assert answer.exit_code == 1
    assert [(item["table"], item["column"]) for item in json.loads(answer.stdout)] == [("bases", "level")]


def test_sweep_command_lets_due_timers_take_effect(database: Database, shell: Shell) -> None:
    university = University.founded(database)
    with time_machine.travel(university.at, tick=True):
        case_id = university.signed()

    with time_machine.travel(datetime(2027, 9, 10, tzinfo=UTC), tick=True):
        answer = shell.json("sweep")

    assert answer["fired"] == 2
    assert university.state(case_id) == "midterm"


def test_user_is_added_and_granted(furnished: Shell) -> None:
    added = furnished("user", "add", "zhang", "--name", "张三", "--staff-number", "A1")
    granted = furnished("user", "grant", "zhang", "administrator")

    assert (added.exit_code, granted.exit_code) == (0, 0), added.output + granted.output
    assert (count(furnished.url, Account), count(furnished.url, Grant)) == (1, 1)


def test_password_of_a_new_user_is_not_in_the_log(furnished: Shell) -> None:
    added = furnished("user", "add", "zhang", "--name", "张三", "--staff-number", "A1")
    password = added.stdout.rsplit(" ", 1)[-1].strip()

    database = Database(furnished.url)
    with database.reading() as session:
        bodies = session.scalars(select(Entry.body)).all()
    database.dispose()

    assert password not in "".join(bodies)


def test_grant_of_an_unknown_role_is_wrong_usage(furnished: Shell) -> None:
    assert furnished("user", "grant", "zhang", "emperor").exit_code == 2


def test_grant_without_its_unit_says_so(furnished: Shell) -> None:
    furnished("user", "add", "zhang", "--name", "张三", "--staff-number", "A1")

    answer = furnished("user", "grant", "zhang", "college_head")

    assert answer.exit_code == 1
    assert answer.stderr.startswith("Error: unit")


def test_check_of_the_shipped_file_is_good(shell: Shell) -> None:
    assert shell("check").exit_code == 0


def test_check_names_every_problem(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text(
        ROUTED_FILE.read_text()
        .replace('to    = "proposed"', 'to    = "propsed"')
        .replace('kind = "decide"', 'kind = "decyde"')
    )

    answer = shell("check", str(file))

    assert answer.exit_code == 1
    assert "transitions.submit.to" in answer.stdout


def test_diagram_is_mermaid_text(shell: Shell) -> None:
    assert shell("check", "--diagram").stdout.startswith("stateDiagram-v2")


def test_same_label_with_other_bytes_is_refused(furnished: Shell, tmp_path: Path) -> None:
    file = tmp_path / "base.toml"
    file.write_text(ROUTED_FILE.read_text() + "\n# a change\n")

    answer = furnished("publish", str(file))

    assert answer.exit_code == 1
    assert "An edition never changes" in answer.stderr
    assert count(furnished.url, Edition) == 1


def test_new_label_is_published(furnished: Shell, tmp_path: Path) -> None:
    file = tmp_path / "base.toml"
    file.write_text(ROUTED_FILE.read_text().replace('edition    = "2026-1"', 'edition    = "2027-1"'))

    answer = furnished("publish", str(file))

    assert answer.exit_code == 0, answer.output
    assert count(furnished.url, Edition) == 2


def test_backup_is_a_whole_database(furnished: Shell, tmp_path: Path) -> None:
    if not furnished.url.startswith("sqlite"):
        pytest.skip("PostgreSQL backs up with its own pg_dump; see tests/models/test_schema.py")
    furnished("import", str(SAMPLE), "--create-units")
    target = tmp_path / "copy.sqlite3"

    answer = furnished("db", "backup", str(target))

    assert answer.exit_code == 0
    copied = Shell(f"sqlite:///{target}")
    assert count(copied.url, Case) == 60
    assert copied("log", "verify").exit_code == 0


def test_copy_moves_everything_into_an_empty_database_only(furnished: Shell, tmp_path: Path) -> None:
    furnished("import", str(SAMPLE), "--create-units")
    url = f"sqlite:///{tmp_path / 'new_house.sqlite3'}"

    answer = furnished("db", "copy", "--to", url)
    again = furnished("db", "copy", "--to", url)

    copied = Shell(url)
    assert (answer.exit_code, again.exit_code) == (0, 1)
    assert "already" in again.output
    assert count(url, Case) == 60
    assert copied("log", "verify").exit_code == copied("doctor").exit_code == 0


def test_copy_to_what_is_no_database_is_wrong_usage(furnished: Shell) -> None:
    assert furnished("db", "copy", "--to", "nowhere").exit_code == 2


def test_backup_never_overwrites(furnished: Shell, tmp_path: Path) -> None:
    target = tmp_path / "copy.sqlite3"
    target.write_text("something else")

    answer = furnished("db", "backup", str(target))

    assert answer.exit_code == 2
    assert target.read_text() == "something else"


def test_demonstration_goes_into_an_empty_database_only(furnished: Shell) -> None:
    answer = furnished("demo", "load")

    assert answer.exit_code == 1


def test_production_loads_no_demonstration(shell: Shell) -> None:
    answer = shell("demo", "load", LIANPEI_ENV="production")

    assert answer.exit_code == 1


def test_production_refuses_to_serve_with_a_default_secret(shell: Shell) -> None:
    answer = shell("web", LIANPEI_ENV="production")

    assert answer.exit_code == 1
    assert "LIANPEI_SECRET_KEY" in answer.stderr


def test_scheduler_status_is_bad_when_none_runs(furnished: Shell) -> None:
    answer = furnished("scheduler", "--status", "--json")

    assert answer.exit_code == 1
    assert json.loads(answer.stdout) == {
        "healthy": False, "last_tick": None, "lag_seconds": 0, "due": 0, "overdue": 0, "incidents": 0,
        "failure": None, "schedulers": [], "outside": [],
    }  # fmt: skip


def test_scheduler_status_warns_of_few_places_and_of_one_that_failed(
    furnished: Shell, tmp_path: Path
) -> None:
    database = Database(furnished.url)
    with database.transaction() as session:
        session.add(CheckpointPlace(name="command", size=7, attempts=3, next_try_at=AT, failure="no route"))
        session.add(CheckpointPlace(name="mail", size=7, attempts=3, next_try_at=AT, failure="of old"))
    database.dispose()
    two = {"LIANPEI_CHECKPOINT_DIR": str(tmp_path), "LIANPEI_CHECKPOINT_COMMAND": "keep it"}

    none = furnished("scheduler", "--status")
    failing = furnished("scheduler", "--status", "--json", **two)
    chinese = furnished("scheduler", "--status", LIANPEI_LANG="zh", **two)

    assert "checkpoints go to 0 places outside, and should go to 2" in none.stderr
    assert failing.stderr == "Warning: the last checkpoint was not taken by “command”: no route\n"
    assert json.loads(failing.stdout)["outside"] == [
        {"name": "directory", "size": 0, "delivered_at": None, "failure": None},
        {"name": "command", "size": 7, "delivered_at": None, "failure": "no route"},
    ]
    assert "失败：no route" in chinese.stderr


def test_unreadable_port_is_wrong_usage(shell: Shell) -> None:
    assert shell("check", LIANPEI_PORT="eighty").exit_code == 2


def test_demonstration_is_sound(shell: Shell) -> None:
    loaded = shell("demo", "load")

    assert loaded.exit_code == 0, loaded.output
    assert "account office, password" in loaded.stdout
    assert count(shell.url, Case) == 67
    assert shell("log", "verify").exit_code == 0
    assert shell("doctor").exit_code == 0


def test_check_says_which_steps_nobody_can_take(shell: Shell) -> None:
    empty = shell("check", "--people", str(ROUTED_FILE))
    read = shell.json("check", "--people", str(ROUTED_FILE))

    assert (empty.exit_code, read["good"]) == (1, False)
    assert "check of form (base office): 1 wanted, 0 can" in empty.stdout
    assert len(read["shortages"]) == len(empty.stdout.splitlines()) - 1


# ───────────────────────────── The calendar


def _notice(folder: Path, *more: str) -> str:
    """A whole notice for 2027, as one might be announced, and perhaps further rows."""
    rows = [
        "first,last,kind,name",
        "2027-01-01,2027-01-03,rest,元旦", "2027-02-05,2027-02-11,rest,春节", "2027-02-20,,work,春节",
        "2027-04-03,2027-04-05,rest,清明", "2027-05-01,2027-05-05,rest,劳动节", "2027-06-09,,rest,端午",
        "2027-09-15,,rest,中秋", "2027-10-01,2027-10-07,rest,国庆节", *more,
    ]  # fmt: skip
    file = folder / "notice-2027.csv"
    file.write_text("\n".join(rows), encoding="gb18030")
    return str(file)


def test_calendar_status_tells_the_years_and_that_the_next_is_waited_for(furnished: Shell) -> None:
    answer = furnished("calendar", "status")
    told = furnished.json("calendar", "status")

    assert answer.exit_code == 0
    assert (
        "2026: 33 rest days, 6 make-up days; from the State Council’s notice, as the program brings it"
        in answer.stdout
    )
    assert "2027 begins in 39 days and its holidays are not loaded" in answer.stderr
    assert (told["known_through"], len(told["years"])) == ("2026-12-31", 23)
    assert told["wanted"] == {"year": 2027, "days": 39, "timers": 0}


def test_calendar_import_moves_what_the_year_moves_once(furnished: Shell, tmp_path: Path) -> None:
    furnished("import", str(SAMPLE), "--create-units")
    file = _notice(tmp_path, "2027-01-31,,work,春节")
    provisional = furnished.json("calendar", "status")["wanted"]["timers"]

    dry = furnished("calendar", "import", file, "--dry-run")
    untouched = furnished.json("calendar", "status")
    done = furnished.json("calendar", "import", file)
    again = furnished("calendar", "import", file)

    assert (dry.exit_code, untouched["wanted"]["timers"]) == (0, provisional)
    assert "→ 2027-01-31" in dry.stdout or "→ 31 January 2027" in dry.stdout
    assert (done["imported"], done["entry"], done["year"]) == (True, "system:calendar#24", 2027)
    assert done["timers"] > 0
    assert {move["old"] for move in done["moves"]} >= {"2027-02-01"}
    assert (again.exit_code, again.stdout.splitlines()[-1]) == (
        0,
        "2027 is loaded already with these days; nothing changed.",
    )
    assert furnished("doctor").exit_code == 0
    assert furnished.json("calendar", "status")["wanted"] is None


def test_calendar_import_tells_every_fault_and_writes_nothing(furnished: Shell, tmp_path: Path) -> None:
    before = count(furnished.url, Entry)
    file = _notice(tmp_path, "2027-02-30,,rest,春节", "2027-11-02,,off?,x")

    answer = furnished("calendar", "import", file)
    told = furnished.json("calendar", "import", file)

    assert answer.exit_code == 1
    assert "Row 10: “2027-02-30” is no day" in answer.stdout
    assert "The notice has 2 faults: nothing was written." in answer.stdout
    assert [fault["row"] for fault in told["faults"]] == [10, 11]
    assert count(furnished.url, Entry) == before


def test_calendar_import_of_a_known_year(furnished: Shell) -> None:
    known, unknown = (furnished("calendar", "import", "--known", year) for year in ("2026", "2027"))

    assert (known.exit_code, "nothing changed" in known.stdout) == (0, True)
    assert (unknown.exit_code, "not among the years the program knows" in unknown.stderr) == (1, True)


def test_calendar_import_wants_a_file_or_a_year(furnished: Shell, tmp_path: Path) -> None:
    neither, both = (
        furnished("calendar", "import"),
        furnished("calendar", "import", _notice(tmp_path), "--known", "2026"),
    )

    assert (neither.exit_code, both.exit_code) == (2, 2)


def test_calendar_import_wants_the_year_it_is_asked_for(furnished: Shell, tmp_path: Path) -> None:
    answer = furnished("calendar", "import", _notice(tmp_path), "--year", "2028")

    assert answer.exit_code == 1
    assert "is not in 2028" in answer.stdout
