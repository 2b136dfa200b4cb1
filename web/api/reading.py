"""Read a request strictly: what cannot be read for certain is refused with every fault, and nothing is guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from web.api.problems import Refused
from web.api.shapes.problems import Fault, Kind
from web.api.tongue import fault_text

LARGEST_BODY = 1024 * 1024
"""Bytes of a JSON body; every field of a form at its longest fits several times."""
DEEPEST = 20
"""Levels of lists and objects in a body; the deepest form has four."""
LONGEST_PLACE = 100

IDEMPOTENCY_KEY = r"^[\x21-\x7e]{1,100}$"
VERSION_TAG = r'^"[0-9]{1,9}(:[a-z]{1,10})?"$'
"""The version in quotes, as the entity tag of a case has it; an answer that was compressed names the compression after it."""
WORD = r"[a-z][a-z0-9_]{0,59}"
PARTS = ("field", "file")
"""The parts of an upload."""

M = TypeVar("M", bound=BaseModel)


def read_query(shape: type[M]) -> M:
    """Read the query string. Raises Refused for an unknown or repeated parameter, or a value that does not fit."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        raise Refused(Kind.BAD_QUERY, faults=[_fault(name, "repeated") for name in repeated])
    try:
        return shape.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise Refused(Kind.BAD_QUERY, faults=_faults(error)) from None


def read_body(shape: type[M]) -> M:
    """Read a JSON body.

    Raises Refused when it is of another media type, too large, no JSON text, nested too deeply or not of the shape.
    """
    if request.mimetype != "application/json":
        raise Refused(Kind.WRONG_MEDIA_TYPE)
    request.max_content_length = LARGEST_BODY
    text = _text(request.get_data(cache=False))
    try:
        return shape.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise Refused(Kind.BAD_INPUT, faults=_faults(error)) from None


def _text(content: bytes) -> str:
    """The body as text, proved to be JSON that every reader understands alike."""
    try:
        text = content.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise Refused(Kind.TOO_DEEP) from None
    except ValueError:
        raise Refused(Kind.MALFORMED) from None
    if _depth(value) > DEEPEST:
        raise Refused(Kind.TOO_DEEP)
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(Kind.MALFORMED) from None
    return text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose every name stands once: of two values readers would choose differently."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _depth(value: Any) -> int:
    """How many lists and objects lie within one another, counted without recursion."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        item, level = waiting.pop()
        if not isinstance(item, (dict, list)):
            continue
        deepest = max(deepest, level)
        inner = item.values() if isinstance(item, dict) else item
        waiting += [(part, level + 1) for part in inner]
    return deepest


def read_key() -> str:
    """The key that makes a repeat harmless. Raises Refused when there is none or it is not 1 to 100 visible signs."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise Refused(Kind.KEY_MISSING)
    if not re.fullmatch(IDEMPOTENCY_KEY, key):
        raise Refused(Kind.BAD_HEADER, faults=[_fault("Idempotency-Key", "unreadable")])
    return key


def read_version(*, required: bool) -> int | None:
    """The version of the case the caller has seen, from If-Match. Raises Refused when it is wanted and not given."""
    tag = request.headers.get("If-Match")
    if tag is None:
        if required:
            raise Refused(Kind.VERSION_MISSING)
        return None
    if not re.fullmatch(VERSION_TAG, tag.strip()):
        raise Refused(Kind.BAD_HEADER, faults=[_fault("If-Match", "not_a_version")])
    return int(tag.strip()[1:-1].partition(":")[0])


CODES: Mapping[str, str] = {"extra_forbidden": "unknown_field", "missing": "value_missing"}
"""What pydantic calls it → the code of our catalogue; anything else cannot be read."""


def _faults(error: ValidationError) -> list[Fault]:
    return [
        _fault(".".join(str(part) for part in item["loc"]), CODES.get(item["type"], "unreadable"))
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _fault(place: str, code: str) -> Fault:
    place = place[:LONGEST_PLACE]
    return Fault(field=place, code=code, text=fault_text(code, field=place))


def read_upload(limit: int) -> tuple[str, str, bytes]:
    """Read the form field a file is for, its name and its bytes, at most one more than `limit` of them.

    Raises Refused when the body is no multipart form, or has other parts than one `field` and one `file`.
    """
    if request.mimetype != "multipart/form-data":
        raise Refused(Kind.WRONG_MEDIA_TYPE)
    faults = [_fault(name, "unknown_field") for name in (*request.form, *request.files) if name not in PARTS]
    faults += [_fault(name, "repeated") for name in request.form if len(request.form.getlist(name)) > 1]
    faults += [_fault(name, "repeated") for name in request.files if len(request.files.getlist(name)) > 1]
    place, file = request.form.get("field"), request.files.get("file")
    if place is None or not re.fullmatch(WORD, place):
        faults.append(_fault("field", "value_missing"))
    if file is None or not file.filename:
        faults.append(_fault("file", "value_missing"))
    if faults or place is None or file is None:
        raise Refused(Kind.BAD_INPUT, faults=faults)
    return place, file.filename or "", file.stream.read(limit + 1)
