"""The pages of checkpoints and of verification, with everything on them, can be read by everybody."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from models import CheckpointPlace, Database, LogWatch
from models.schema import upgrade
from schedules.outside import FolderPlace, take_out
from tests.web.browsing import SCREENS, Visitor, chromium, served
from tests.web.test_looks import faults, in_the_browser
from tests.workflow.sealed import AT, SealedLog
from web.app import create_app
from web.config import Config, Environment
from web.demo.loading import load_demonstration

KINDS = (
    "tree_differs", "missing", "chain_broken", "unreadable", "checkpoint_differs", "bad_checkpoint", "shorter",
)  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    folder = tmp_path_factory.mktemp("checkpoints")
    database = Database(f"sqlite:///{folder / 'town.sqlite3'}")
    upgrade(database)
    load_demonstration(database)
    SealedLog.made(database, folder, entries=60)
    take_out(database, FolderPlace(folder=folder / "outside"))
    shown = [
        {"kind": kind, "stream": stream, "seq": 7} for kind in KINDS for stream in ("tree", "system:log")
    ]
    with database.transaction() as session:
        for name in ("mail", "command"):
            session.add(
                CheckpointPlace(
                    name=name, size=0, attempts=3, next_try_at=AT, failure="ConnectionRefusedError: 111"
                )
            )
        session.add(
            LogWatch(
                name="log",
                due_at=AT,
                position=0,
                newest=0,
                checked_at=AT,
                findings={"shown": shown, "round": []},
            )
        )
    url = database.url.render_as_string(hide_password=False)
    app = create_app(Config(environment=Environment.DEMONSTRATION, database_url=url), database=database)
    with served(app) as place, chromium() as browser:
        yield place, browser
    database.dispose()


@in_the_browser
@pytest.mark.parametrize(("language", "width"), SCREENS)
def test_checkpoints_and_verdicts_can_be_read(address: tuple[str, Any], language: str, width: int) -> None:
    place, browser = address
    visitor = Visitor(browser, place, "admin", language=language, width=width)
    found: dict[str, list[Any]] = {}

    visitor.open("/audit/checkpoints")
    found["checkpoints"] = faults(visitor.page, language=language, width=width)
    visitor.open("/verify")
    visitor.page.set_input_files(
        "#v-packet", {"name": "x.zip", "mimeType": "application/zip", "buffer": io.BytesIO(b"x").getvalue()}
    )
    visitor.press("button.btn-primary >> nth=0")
    found["verdict"] = faults(visitor.page, language=language, width=width)

    visitor.open("/audit/5")
    found["receipt"] = faults(visitor.page, language=language, width=width)
    receipt = visitor.page.input_value("#receipt-text")
    visitor.open("/verify")
    visitor.page.fill("#v-receipt", receipt)
    visitor.press("button.btn-primary >> nth=1")
    assert visitor.page.locator("main .alert-success").is_visible()
    found["entry holds"] = faults(visitor.page, language=language, width=width)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    visitor.close()


@in_the_browser
@pytest.mark.parametrize("script", [True, False])
def test_receipt_is_copied_by_a_button_only_where_a_script_runs(
    address: tuple[str, Any], *, script: bool
) -> None:
    place, browser = address
    visitor = Visitor(browser, place, "admin", script=script)

    visitor.open("/audit/5")

    assert visitor.page.locator("[data-copy=receipt-text]").is_visible() is script
    assert "c2sp.org/tlog-proof@v1" in visitor.page.input_value("#receipt-text")
    visitor.close()
