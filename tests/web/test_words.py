"""The catalogue of the pages is complete: nothing is missing in a language, nothing asked for is unknown, nothing is unused."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from web.words import catalogue
from workflow.messages import TEMPLATES
from workflow.words import LANGUAGES, Words, places, shared

WEB = Path(__file__).resolve().parents[2] / "web"
OWN = Words.load(WEB / "words")
CALL = re.compile(r"""\bt\(\s*(?:"(?P<key>[\w.]+)"|'(?P<quoted>[\w.]+)')(?P<joined>\s*[+~])?""")
KEY = re.compile(r"[a-z_]+(?:\.[a-z_]+)*\.?")


def _templates() -> list[Path]:
    return sorted((WEB / "templates").rglob("*.html"))


def _asked() -> Iterator[tuple[str, bool, str]]:
    """Each key a template names, whether it is only the beginning of one, and where."""
    for path in _templates():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for match in CALL.finditer(line):
                place = f"{path.relative_to(WEB)}:{number}"
                yield match["key"] or match["quoted"], match["joined"] is not None, place


def _mentioned() -> set[str]:
    """Every text in templates and code that may be a key or a part of one."""
    found: set[str] = set()
    for path in _templates():
        found |= set(re.findall(r"""["']([^"'\s]+)["']""", path.read_text(encoding="utf-8")))
    for path in sorted(WEB.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return {text for text in found if KEY.fullmatch(text)}


def _used(key: str, mentioned: set[str]) -> bool:
    """Whether a key stands somewhere whole, or its beginning does; of a command's key the rest must stand somewhere."""
    command = key.removeprefix("cli.")
    beginnings = tuple(text for text in mentioned if text.endswith(".") and text != "cli.")
    return key in mentioned or key.startswith(beginnings) or (command != key and command in mentioned)


@pytest.mark.parametrize("key", sorted(OWN.entries))
def test_page_text_is_there_in_both_languages_with_the_same_places(key: str) -> None:
    texts = OWN.entries[key]

    assert sorted(texts) == sorted(LANGUAGES)
    assert all(text.strip() for text in texts.values())
    assert places(texts["zh"]) == places(texts["en"])


@pytest.mark.parametrize("key", sorted(OWN.entries))
def test_page_text_neither_shouts_nor_blames(key: str) -> None:
    texts = OWN.entries[key]

    assert not any(word in texts["zh"] for word in ("！", "操作失败", "非法", "你"))
    assert "!" not in texts["en"]


def test_button_is_never_labelled_with_a_legal_effect() -> None:
    """取消 and 撤销 are outcomes under Articles 5 and 18, 确定 says nothing (the verb does)."""
    labels = {key: texts["zh"] for key, texts in OWN.entries.items()}

    assert [key for key, label in labels.items() if label in {"取消", "撤销", "确定", "OK"}] == []


def test_every_text_a_template_asks_for_exists() -> None:
    known = catalogue().entries

    missing = [
        f"{place} {key}"
        for key, joined, place in _asked()
        if not (any(name.startswith(key) for name in known) if joined else key in known)
    ]

    assert missing == []


def test_no_page_text_is_left_over() -> None:
    mentioned = _mentioned()

    unused = [key for key in OWN.entries if not _used(key, mentioned)]

    assert unused == []


def test_pages_say_the_shared_words_too() -> None:
    assert set(shared().entries) < set(catalogue().entries)


def test_every_message_that_is_sent_has_its_name_in_the_outbox() -> None:
    assert {
        key.removeprefix("admin.template.") for key in OWN.entries if "admin.template." in key
    } == TEMPLATES
