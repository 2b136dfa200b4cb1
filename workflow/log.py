"""The bytes of the log: how an entry is written down, hashed and chained. `docs/log-format.md` is its specification.

An entry's text is JSON in one canonical spelling (RFC 8785 restricted to text, whole numbers, true, false, null, lists
and objects). Its hash covers the format's name, the text, and through `prev` everything before it in its stream.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.changes import plain

FORMAT = "lianpei-entry/1"
GENESIS = "0" * 64
"""What the first entry of a stream has as `prev`."""

PERSONAL: Mapping[str, frozenset[str]] = {
    "duties": frozenset({"contact_name", "contact_phone"}),
    "people": frozenset({"name", "email", "phone"}),
    "documents": frozenset({"name"}),
}
"""Columns whose values enter the log only as salted commitments."""

SECRET: Mapping[str, frozenset[str]] = {"accounts": frozenset({"password_hash"})}
"""Columns that never enter the log at all."""


def canonical(value: Any) -> str:
    """Spell a value canonically: keys sorted by code point, no blanks, no escapes but the necessary ones.

    Raises TypeError for a float: two spellings of one number would be two hashes.
    """
    return json.dumps(_checked(plain(value)), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _checked(value: Any) -> Any:
    if isinstance(value, float):
        raise TypeError("the log holds no fractions")
    if isinstance(value, dict):
        for item in value.values():
            _checked(item)
    elif isinstance(value, list):
        for item in value:
            _checked(item)
    return value


def entry_hash(body: str) -> str:
    """Return the SHA-256 of an entry's text, as lower-case hexadecimal."""
    return hashlib.sha256(f"{FORMAT}\n{body}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """A personal value and the salt that hides it; the entry holds `digest` alone."""

    digest: str
    salt: str
    value: Any

    @classmethod
    def to(cls, value: Any) -> Commitment:
        salt = os.urandom(16).hex()
        return cls(digest=commitment(salt, value), salt=salt, value=plain(value))


def commitment(salt: str, value: Any) -> str:
    """Return the SHA-256 of `lianpei-commitment/1`, the salt and the value's canonical text."""
    return hashlib.sha256(f"lianpei-commitment/1\n{salt}\n{canonical(value)}".encode()).hexdigest()
