"""Deeds outside any case."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

from web.api.shapes.parts import Shape


class Revocation(Shape):
    """Why something given is taken back."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class Deed(Shape):
    """A deed outside any case that took effect: the row it is about, and its place in the log."""

    id: str
    stream: str
    seq: int
    hash: str
    recorded_at: datetime
    repeated: bool
