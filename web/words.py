"""The catalogue of the pages: the shared words and those of `web/words/`."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from workflow.words import Words


@lru_cache(maxsize=1)
def catalogue() -> Words:
    """Load every word a page may say, once."""
    return Words.load(files("workflow").joinpath("words"), files("web").joinpath("words"))


def t(key: str, language: str, **params: object) -> str:
    """Say a text on a page; bound to the reader's language, templates call it as `t(key, **params)`."""
    return catalogue().say(key, language, **params)
