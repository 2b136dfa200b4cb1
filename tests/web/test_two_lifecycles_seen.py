"""The pages on which one of two lifecycles is chosen, looked at in a real browser, in both languages, wide and narrow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.university import University
from tests.web.browsing import chromium, faults_of, served, signed_in, widths
from tests.web.signing_in import PASSWORD, Site
from tests.web.test_two_lifecycles import founding, give, stations
from tests.workflow.routing import at_vote
from tests.workflow.test_station import COLLEGE, applied

__all__ = ["founding", "stations"]

ADMINISTRATION = (
    "/admin/people?q=leader", "/admin/people/{person}", "/admin/people/{person}/grants/new", "/admin/grants",
    "/admin/calls?lifecycle=station", "/admin/calls/new?lifecycle=station", "/admin/settings", "/admin/settings?lifecycle=station",
    "/admin/settings/notice_time?lifecycle=station", "/audit?act=apply",
)  # fmt: skip
PROPOSING = (
    "/",
    "/?list=opened",
    "/proposals/new",
    "/proposals/new?lifecycle=station",
    "/proposals/{draft}",
    "/delegations",
)


@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_choice_of_a_lifecycle_can_be_read_by_everybody(
    lite: Site, stations: University, tmp_path: Path, language: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    at_vote(lite.university)
    applied(stations)
    for role in ("applicant", "dean"):
        give(lite, "leader", role, unit=COLLEGE)
    draft = stations.open("leader", COLLEGE)
    keys = {"person": stations.people["leader"], "draft": draft}
    found: list[str] = []

    with chromium() as browser, served(lite.app) as root:
        for login, paths in (("administrator", ADMINISTRATION), ("leader", PROPOSING)):
            for width in widths(language):
                page = signed_in(browser, root, login, password=PASSWORD, language=language, width=width)
                for number, path in enumerate(paths):
                    page.goto(root + path.format(**keys))
                    picture = tmp_path / f"{login}-{number}-{language}-{width}.png"
                    found += faults_of(page, Axe(), f"{path} {width}", picture)
                page.context.close()

    assert found == []
