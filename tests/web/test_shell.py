"""The frame and the components: complete without script, readable at 320 px and on paper, light on the first visit."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.web.browsing import BESIDE, SMALL
from tests.web.gallery import WEB, gallery

FIRST_VISIT = 60 * 1024
SMALLEST_WORDS = 12
LANGUAGES = ("zh", "en")
WIDTHS = (320, 1280)


def _page(language: str, **choice: bool) -> str:
    return gallery(language, **choice).test_client().get("/").get_data(as_text=True)


def test_page_names_its_language() -> None:
    assert '<html lang="zh-CN">' in _page("zh")
    assert '<html lang="en">' in _page("en")


def test_page_is_large_when_the_cookie_says_so() -> None:
    client = gallery("zh").test_client()
    client.set_cookie("text", "large")

    page = client.get("/").get_data(as_text=True)

    assert '<html lang="zh-CN" class="large">' in page
    assert '<button name="text" value="normal" aria-pressed="true">' in page


def test_switch_keeps_the_page_with_its_filters() -> None:
    page = gallery("zh").test_client().get("/?state=final&unit=3").get_data(as_text=True)

    assert '<input type="hidden" name="next" value="/?state=final&amp;unit=3">' in page


def test_stranger_sees_no_menu_and_no_logout() -> None:
    page = _page("zh", signed_in=False)

    assert "/auth/logout" not in page
    assert "<nav class=" not in re.sub(r'<nav class="paging".*?</nav>', "", page, flags=re.DOTALL)
    assert 'href="/auth/login"' in page


def test_value_is_escaped() -> None:
    page = _page("zh")

    assert 'value="&lt;某某&gt;&amp;基地"' in page
    assert "<某某>" not in page


def test_nothing_comes_from_another_host() -> None:
    page = _page("zh")

    assert re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", page) == []


def test_every_form_that_posts_carries_its_token() -> None:
    page = re.sub(r"<form[^>]*data-unsaved>.*?</form>", "", _page("zh"), flags=re.DOTALL)

    forms = re.findall(r'<form method="post".*?</form>', page, flags=re.DOTALL)

    assert len(forms) == 2
    assert all('name="csrf_token" value="token"' in form for form in forms)


def test_each_element_has_an_id_of_its_own() -> None:
    ids = re.findall(r'\bid="([^"]+)"', _page("zh"))

    assert sorted(ids) == sorted(set(ids))


def test_error_links_to_its_field() -> None:
    page = _page("zh")

    for name in ("field_date", "field_units"):
        assert f'href="#f-{name}"' in page
        assert f'id="f-{name}"' in page


def test_first_visit_is_light() -> None:
    files = [
        WEB / "static" / "vendor" / "bootstrap-5.3.9" / "bootstrap.min.css",
        WEB / "static" / "vendor" / "htmx-2.0.11" / "htmx.min.js",
        WEB / "static" / "lianpei.css",
        WEB / "static" / "lianpei.js",
        WEB / "static" / "icon.svg",
    ]

    weight = sum(len(gzip.compress(file.read_bytes())) for file in files) + len(
        gzip.compress(_page("zh").encode())
    )

    assert weight <= FIRST_VISIT


def test_vendored_files_carry_their_licences() -> None:
    folders = sorted(path for path in (WEB / "static" / "vendor").iterdir() if path.is_dir())

    assert [folder.name for folder in folders] == ["bootstrap-5.3.9", "htmx-2.0.11"]
    assert all((folder / "LICENSE").is_file() for folder in folders)


# ───────────────────────────── In a browser


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's own Chromium; skipped where there is none, unless LIANPEI_REQUIRE_BROWSER says that there must be."""
    path = _chromium()
    if path is None:
        if os.environ.get("LIANPEI_REQUIRE_BROWSER"):
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, gallery(request.param), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


in_each_language = pytest.mark.parametrize("address", LANGUAGES, indirect=True)
in_the_browser = pytest.mark.xdist_group("browser")

WORDS = (
    """() => [...document.querySelectorAll("svg text")].map(e => parseFloat(getComputedStyle(e).fontSize))"""
)


@in_the_browser
@pytest.mark.parametrize("width", WIDTHS)
@in_each_language
def test_page_has_no_barrier(browser: Any, address: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(address)

    found = Axe().run(page)

    assert [violation["id"] for violation in found.response["violations"]] == []
    page.close()


@in_the_browser
@pytest.mark.parametrize("large", [False, True])
@in_each_language
def test_page_fits_a_narrow_screen(browser: Any, address: str, large: bool) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 900})
    context.add_cookies([{"name": "text", "value": "large" if large else "normal", "url": address}])
    page = context.new_page()
    page.goto(address)

    assert page.evaluate(BESIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(SMALL) == []
    assert min(page.evaluate(WORDS)) >= SMALLEST_WORDS
    context.close()


@in_the_browser
@pytest.mark.parametrize("address", ["zh"], indirect=True)
def test_page_says_everything_without_script(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)

    assert page.locator("main h1").count() == 1
    assert page.locator("[data-copy]").first.is_hidden()
    assert page.locator("details summary").first.is_visible()
    context.close()


@in_the_browser
@pytest.mark.parametrize("address", ["zh"], indirect=True)
def test_changed_form_asks_before_it_is_left(browser: Any, address: str) -> None:
    page = browser.new_page()
    asked: list[str] = []

    def leave(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.goto(address)
    page.fill("#f-field_line", "新的名称")

    page.goto("about:blank")

    assert asked == ["beforeunload"]
    page.close()


@in_the_browser
@pytest.mark.parametrize("address", ["zh"], indirect=True)
def test_scripts_and_styles_obey_the_security_policy(browser: Any, address: str) -> None:
    """The strict policy of the site is put on the bare application too; a violation is written to the console."""
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.route(address, _with_policy)

    page.goto(address)

    assert complaints == []
    assert page.evaluate("typeof htmx") == "object"
    page.close()


def _with_policy(route: Any) -> None:
    answer = route.fetch()
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"
    )
    route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})
