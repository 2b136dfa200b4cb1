"""The reader's language in the API: by Accept-Language alone, for cookies mean nothing here."""

from __future__ import annotations

from typing import Any

from flask import request

from web import words
from workflow.words import LANGUAGES


def language() -> str:
    """The language the caller prefers of the two there are, in any of its regions; Chinese where they say neither."""
    for tag, quality in request.accept_languages:
        primary = tag.partition("-")[0].lower()
        if quality > 0 and primary in LANGUAGES:
            return primary
    return LANGUAGES[0]


def t(key: str, **params: Any) -> str:
    """Say a text of the catalogue in the caller's language."""
    return words.t(key, language(), **params)


def fault_text(code: str, **params: Any) -> str:
    """Say what is wrong with a value: a fault of a form, or one only the API knows."""
    own = f"api.fault.{code}"
    return t(own if own in words.catalogue() else f"fault.{code}", **params)
