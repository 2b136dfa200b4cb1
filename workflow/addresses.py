"""What a mail address may look like: asked wherever one is entered, and once more before a letter goes out."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+\.[^\s@<>,;:\"()\[\]\\]+")
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff]")


def is_address(text: str) -> bool:
    """Whether a text is one address of one person: no blank, no line break, no second address behind a comma."""
    return _UNSEEN.search(text) is None and _ADDRESS.fullmatch(text) is not None
