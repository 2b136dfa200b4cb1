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

FIELDS = frozenset(
    {
        "account", "act", "actor", "case", "changes", "details", "effective_on", "format", "from", "ground", "kind",
        "on_behalf_of", "outcome", "prev", "recorded_at", "seq", "source", "stream", "to", "unit",
    }
)  # fmt: skip
"""The fields every entry has, no more and no less outside the stream of a case."""

CASE_FIELDS = FIELDS | {
    "basis", "by_basis", "confirmed", "corrects", "documents", "due_at", "edition", "form", "lifecycle", "notices",
    "proposed_by", "roles",
}  # fmt: skip
"""The fields of an entry in the stream of a case."""

KINDS: Mapping[str, frozenset[str]] = {
    "case": frozenset(
        {
            "open", "import", "transition", "task", "proposal", "declined", "withdrawn", "ballot", "motion", "seated",
            "reassigned", "signer_added", "signer_removed", "reopened", "declared", "urged", "vote_closed", "ballot_withdrawn",
            "transcribed", "deadline_passed", "timer_held", "released", "setting_moved", "calendar_moved", "duty", "document",
        }
    ),
    "person": frozenset(
        {
            "denied", "signed_in", "sign_in_failed", "signed_out", "sessions_ended", "invitation_used", "password_changed",
            "password_set", "person_added", "person_changed", "person_erased", "account_created", "account_disabled", "account_enabled",
            "grant_given", "grant_revoked", "delegation_given", "delegation_revoked", "token_issued", "token_revoked", "export",
            "download", "calendar_link_issued", "calendar_link_revoked", "mail_chosen",
        }
    ),
    "system": frozenset(
        {
            "edition_published", "setting_changed", "calendar_loaded", "call_opened", "call_changed", "unit_added",
            "unit_renamed", "unit_succeeded", "partner_added", "partner_renamed", "partner_succeeded", "meeting_convened",
            "attendance_noted", "meeting_closed", "incident_closed", "notice_resent", "notices_resent", "mail_tried", "clock_moved",
            "sign_in_failed", "key_made", "key_rotated", "export",
        }
    ),
}  # fmt: skip
"""The closed list: every kind an entry may have, by the sort of stream it stands in."""

LARGEST = 2**53 - 1
"""The largest whole number an entry may hold, either sign: every reader of JSON knows it exactly."""

PERSONAL: Mapping[str, frozenset[str]] = {
    "accounts": frozenset({"login"}),
    "documents": frozenset({"name"}),
    "duties": frozenset({"contact_name", "contact_phone"}),
    "people": frozenset({"staff_number", "name", "email", "phone"}),
}
"""Columns whose values enter the log only as salted commitments."""

SEALED: Mapping[str, frozenset[str]] = {"accounts": frozenset({"password_hash"})}
"""Columns whose values enter the log only as their SHA-256: enough to see that one was exchanged, useless otherwise."""

UNLOGGED_TABLES = frozenset(
    {"blobs", "counters", "incidents", "invitations", "knocks", "notices", "rungs", "slips", "tasks"}
)
"""Rows an entry leaves out: a file's bytes are named by their hash, notices by their key, the choices of a secret vote are
told shuffled when it closes; the others follow from what it holds."""

UNLOGGED_COLUMNS: Mapping[str, frozenset[str]] = {
    "api_tokens": frozenset({"last_used_at"}),
    "cases": frozenset({"log_seq", "log_head"}),
    "timers": frozenset({"wake_at"}),
}
"""Columns an entry leaves out: when a token was last used, the end of the chain itself, the sweep's next look."""

_speller = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> str:
    """Spell a value canonically: keys sorted by code point, no blanks, no escapes but the necessary ones.

    Raises TypeError for a fraction and ValueError for a number beyond LARGEST: two readers could differ about them.
    """
    return _speller.encode(_plain(value))


def _plain(value: Any) -> Any:
    """The value in JSON's own types; one walk both turns it plain and checks its numbers. The commonest types come first."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is dict:
        # Most of an entry is text: passed on here, it costs no call of its own.
        return {str(key): item if type(item) is str else _plain(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [_plain(item) for item in value]
    if kind is int:
        return _whole(value)
    return value if isinstance(value, str) else _plain(plain(value))


def _whole(number: int) -> int:
    if not -LARGEST <= number <= LARGEST:
        raise ValueError(f"the log holds whole numbers up to {LARGEST}")
    return number


def respelled(value: Any) -> str:
    """Spell what `read` gave canonically, without turning it plain a second time."""
    return _speller.encode(value)


class NotPlain(ValueError):
    """A text is no JSON an entry may be: it has a fraction or too large a number, or is not JSON at all."""


def _refuse(text: str) -> Any:
    raise NotPlain(text)


_reader = json.JSONDecoder(
    parse_float=_refuse, parse_constant=_refuse, parse_int=lambda text: _whole(int(text))
)


def read(body: str) -> Any:
    """Read an entry's text back. Raises NotPlain when it is not JSON, or has a fraction or too large a number."""
    try:
        return _reader.decode(body)
    except (ValueError, RecursionError) as error:
        raise NotPlain(str(error)) from error


def is_known(kind: str, stream: str) -> bool:
    """Whether entries of a kind may stand in a stream."""
    return kind in KINDS.get(stream.partition(":")[0], ())


def entry_hash(body: str) -> str:
    """Return the SHA-256 of an entry's text, as lower-case hexadecimal."""
    return hashlib.sha256(f"{FORMAT}\n{body}".encode()).hexdigest()


def sealed(value: str) -> str:
    """Return the SHA-256 of a secret's text, as lower-case hexadecimal."""
    return hashlib.sha256(value.encode()).hexdigest()


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


def commits(salt: str, value: Any, digest: str) -> bool:
    """Whether a commitment is one to this value; no entry commits to what it could not hold, such as a fraction."""
    try:
        return commitment(salt, value) == digest
    except (TypeError, ValueError):
        return False
