"""A real browser on a live site: where chromium is missing such tests are skipped, unless the environment requires them."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

BESIDE = """() => [...document.querySelectorAll("body *")]
  .filter(e => !e.closest("svg") && !e.closest(".skip") && !e.closest("thead"))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5)
  .map(e => e.tagName + "." + e.className)"""
"""What reaches beyond the right edge of the screen."""
SMALL = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary")]
  .filter(e => !e.closest(".skip") && !e.hidden && e.offsetParent)
  .filter(e => e.matches(".btn, .form-control, .form-select, summary, .shell-head *, .link-touch"))
  .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height]).filter(([_, height]) => height < 43.5)"""
"""What is meant to be touched and is lower than a finger."""
WIDTHS = (320, 1280)
SCREENS = tuple(
    (language, width)
    for language, usual in (("zh", 320), ("en", 1280))
    for width in WIDTHS
    if width == usual or os.environ.get("LIANPEI_SCREENS") == "all"
)
"""Languages and widths at which pages are looked at: each once, or every pair where the environment asks for all."""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def widths(language: str) -> tuple[int, ...]:
    """The widths at which pages are looked at in a language."""
    return tuple(width for spoken, width in SCREENS if spoken == language)


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's chromium under Playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("LIANPEI_REQUIRE_BROWSER") == "1":
            pytest.fail("chromium is required here and is not installed")
        pytest.skip("no chromium on this machine: the pages were not looked at in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The site at an address of its own on loopback."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


class Visitor:
    """One person at the site: signs in, opens pages, fills in forms and decides, as people do."""

    def __init__(
        self,
        browser: Any,
        address: str,
        login: str,
        *,
        password: str = "lianpei-demo",
        language: str = "zh",
        width: int = 1280,
        script: bool = True,
    ) -> None:
        self.address = address
        self._context = browser.new_context(
            viewport={"width": width, "height": 900},
            locale="zh-CN" if language == "zh" else "en-GB",
            java_script_enabled=script,
        )
        self.page = self._context.new_page()
        self.open("/login")
        self.page.fill("input[name=login]", login)
        self.page.fill("input[name=password]", password)
        self._leave(lambda: self.page.press("input[name=password]", "Enter"))

    def open(self, path: str) -> str:
        """Open a page; return the text people see."""
        answer = self.page.goto(self.address + path)
        assert answer is not None
        assert answer.status < 500, f"{path}: {answer.status}"
        return self.text

    @property
    def text(self) -> str:
        return str(self.page.inner_text("main"))

    def fill(self, fields: dict[str, Any]) -> None:
        """Fill in a form: text, days, choices, ticks and files by their field names."""
        for name, value in fields.items():
            spot = self.page.locator(f"main [name='{name}']")
            kind = spot.first.get_attribute("type")
            if isinstance(value, date):
                spot.fill(value.isoformat())
            elif kind in ("radio", "checkbox"):
                self.page.check(f"main [name='{name}'][value='{value}']")
            elif kind == "file":
                spot.set_input_files(
                    {"name": value, "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n%%EOF\n"}
                )
            elif spot.first.evaluate("e => e.tagName") == "SELECT":
                spot.select_option(value)
            else:
                spot.fill(value)

    def follow(self, link: str) -> str:
        """Follow the first link that fits; return the next page's text."""
        self._leave(lambda: self.page.locator(link).first.click())
        return self.text

    def press(self, button: str) -> str:
        """Press a button of the page's main part and wait for the next page; return its text."""
        self._leave(lambda: self.page.click(f"main form {button}"))
        return self.text

    def decide(self, case_id: str, act: str, fields: dict[str, Any] | None = None) -> str:
        """Fill in an act's form, read the consequences, confirm; return the receipt's text."""
        self.open(f"/bases/{case_id}/acts/{act}")
        self.fill(fields or {})
        self.press("button[value=preview]")
        for box in self.page.locator("main form [name=confirmed]").all():
            box.check()
        self.press("button.btn-primary")
        assert "/receipts/" in self.page.url, self.text
        return self.text

    def about_round(self, case_id: str, act: str, fields: dict[str, Any] | None = None) -> str:
        """Do something about the open round from the base's page: fill in its form, read what it does, confirm."""
        self.open(f"/bases/{case_id}")
        self.follow(f"main a[href*='/round/{act}']")
        if fields:
            self.choose(fields)
            self.press("button.btn-primary")
        self.press("button.btn-primary")
        assert "/receipts/" in self.page.url, self.text
        return self.text

    def choose(self, fields: dict[str, Any]) -> None:
        """Fill in a form by what people read: a choice by its label, ticks by theirs, anything else as it is."""
        for name, value in fields.items():
            spot = self.page.locator(f"main [name='{name}']")
            if isinstance(value, list) or spot.first.get_attribute("type") == "radio":
                for label in value if isinstance(value, list) else [value]:
                    self.page.locator("main label", has_text=label).first.click()
            elif spot.first.evaluate("e => e.tagName") == "SELECT":
                spot.select_option(
                    label=next(text for text in spot.locator("option").all_inner_texts() if value in text)
                )
            else:
                self.fill({name: value})

    def close(self) -> None:
        self._context.close()

    def _leave(self, act: Any) -> None:
        with self.page.expect_navigation():
            act()


def signed_in(
    browser: Any, address: str, who: str, *, password: str, language: str = "zh", width: int = 1280
) -> Any:
    """A page in a context of its own, in which somebody of the university has signed in."""
    visitor = Visitor(
        browser, address, who.replace("_", "-"), password=password, language=language, width=width
    )
    return visitor.page


def faults_of(page: Any, axe: Any, where: str, picture: Path) -> list[str]:
    """What axe finds on a page, what hangs over its edge, and what is too low to touch; a picture of it is kept."""
    page.screenshot(path=picture, full_page=True)
    violations = [(one["id"], one["nodes"][0]["html"]) for one in axe.run(page).response["violations"]]
    found = [*violations, *page.evaluate(BESIDE), *page.evaluate(SMALL)]
    return [f"{where}: {one}" for one in found]
