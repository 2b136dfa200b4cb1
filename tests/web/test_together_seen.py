"""Several bases decided on at once in a real browser: in both languages, on a wide and a narrow screen, and without script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.browsing import BESIDE, SCREENS, SMALL, Visitor, chromium, served
from tests.web.signing_in import PASSWORD, Site

pytestmark = pytest.mark.xdist_group("together")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def address(lite: Site) -> Iterator[str]:
    with served(lite.app) as found:
        yield found


def _proposals(lite: Site) -> list[str]:
    """Three proposals, on one of which the member must stand aside."""
    case_ids = [lite.university.proposed(others=("药学院",)) for _ in range(3)]
    lite.university.assign(case_ids[1], "project_leader", "member")
    return case_ids


def _barriers(visitor: Visitor) -> list[Any]:
    """What axe finds, what hangs over the edge, and what is too small to touch."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(visitor.page)
    return [
        *(violation["id"] for violation in found.response["violations"]),
        *visitor.page.evaluate(BESIDE),
        *visitor.page.evaluate(SMALL),
    ]


@pytest.mark.parametrize(("language", "width"), SCREENS)
def test_every_page_on_the_way_has_no_barrier(
    lite: Site, browser: Any, address: str, language: str, width: int
) -> None:
    query = "&".join(f"case={case_id}" for case_id in _proposals(lite))
    lite.university.sent_back()
    visitor = Visitor(browser, address, "member", password=PASSWORD, language=language, width=width)
    seen = {}

    for path in ("/?ticked=all", f"/tasks/selected?{query}", f"/tasks/selected/reject?{query}"):
        visitor.open(path)
        seen[path] = _barriers(visitor)
    visitor.press("button[value=preview]")
    seen["what is missing"] = _barriers(visitor)
    visitor.open(f"/tasks/selected/approve?{query}")
    seen["consequences"] = _barriers(visitor)
    lite.university.done(query.split("=")[-1], "reject", "second_member", reason="not this year")
    visitor.press("button.btn-primary")
    seen["results"] = _barriers(visitor)

    assert "/tasks/results/" in visitor.page.url
    assert {path: barriers for path, barriers in seen.items() if barriers} == {}
    visitor.close()


def test_whole_way_needs_no_script(lite: Site, browser: Any, address: str) -> None:
    case_ids = [lite.university.proposed(others=("药学院",)) for _ in range(3)]
    visitor = Visitor(browser, address, "member", password=PASSWORD, width=320, script=False)

    visitor.open("/")
    for case_id in case_ids:
        visitor.page.check(f"main [name=case][value='{case_id}']")
    # Seen in the inbox before, and theirs no more when they decide.
    lite.university.assign(case_ids[1], "project_leader", "member")
    visitor.press("button.btn-primary")
    visitor.page.click("main a[href*='/approve']")
    visitor.press("button.btn-primary")

    assert "共3项" not in visitor.text
    assert "共2项：已办理2项，未办理0项" in visitor.text
    assert [lite.university.state(case_id) for case_id in case_ids] == ["approved", "proposed", "approved"]
    visitor.close()
