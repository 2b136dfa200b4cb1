"""Why a request came to nothing."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, Literal

from web.api.shapes.entries import Entry
from web.api.shapes.parts import Named, Shape


class Reason(Shape):
    """Why something cannot be done: the object the page shows. `mend` can remove it, on `from_on` it goes by itself."""

    code: str
    text: str
    basis: str
    basis_text: str
    rank: Literal["role", "time", "material", "rule", "final"]
    mend: list[Named]
    from_on: date | None
    params: dict[str, Any]


class Fault(Shape):
    """A value that cannot be read: where it stands and what is wrong with it."""

    field: str
    code: str
    text: str


class Kind(StrEnum):
    """The types of problem; the catalogue has a title and a detail for each."""

    MALFORMED = "malformed"
    TOO_DEEP = "too_deep"
    BAD_QUERY = "bad_query"
    BAD_HEADER = "bad_header"
    KEY_MISSING = "key_missing"
    NO_TOKEN = "no_token"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    WRONG_METHOD = "wrong_method"
    STALE = "stale"
    TOO_LARGE = "too_large"
    WRONG_MEDIA_TYPE = "wrong_media_type"
    BAD_INPUT = "bad_input"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"
    KEY_REUSED = "key_reused"
    VERSION_MISSING = "version_missing"
    READ_ONLY = "read_only"
    FAILED = "failed"


class Problem(Shape):
    """Problem details (RFC 9457)."""

    type: Kind
    status: int
    title: str
    detail: str
    blockers: list[Reason] | None = None
    warnings: list[Reason] | None = None
    faults: list[Fault] | None = None
    since: list[Entry] | None = None
    """For a stale version: what happened meanwhile, newest first."""
    version: int | None = None
    """For a stale version: the present one."""
