"""The OpenAPI 3.1 description, made from the same declarations the routes are served by.

Made here and not by a library, because the answers to what cannot be done have their own media type and headers, and
a body that is no JSON must be refused, not read as an empty one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from web.api.problems import MEDIA_TYPE, STATUS
from web.api.reading import IDEMPOTENCY_KEY, VERSION_TAG, WORD
from web.api.routing import OPERATIONS, Operation, Seen
from web.api.shapes.problems import Kind, Problem
from web.words import t
from workflow.uploads import KINDS

REF = "#/components/schemas/{model}"
KEY_SCHEMA = {"type": "string", "format": "uuid"}
NAME_SCHEMA = {"type": "string", "pattern": f"^{WORD}$"}
PART = re.compile(r"<(\w+)>")


@lru_cache(maxsize=2)
def description(language: str) -> dict[str, Any]:
    """Describe every route, in one language."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": t("api.title", language),
            "description": t("api.description", language),
            "version": "1",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"bearer": []}],
        "paths": _paths(language),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _schemas() -> dict[str, Any]:
    shapes: dict[type[BaseModel], Any] = {Problem: "serialization"}
    for known in OPERATIONS:
        if known.body is not None:
            shapes[known.body] = "validation"
        if known.answer is not None:
            shapes[known.answer] = "serialization"
    _, schemas = models_json_schema(list(shapes.items()), ref_template=REF)
    found: dict[str, Any] = schemas["$defs"]
    return found


def _paths(language: str) -> dict[str, Any]:
    paths: dict[str, Any] = {
        "/openapi.json": {"get": _itself(language)},
    }
    for known in OPERATIONS:
        place = PART.sub(r"{\1}", known.path)
        paths.setdefault(place, {})[known.method.lower()] = _operation(known, language)
    return paths


def _itself(language: str) -> dict[str, Any]:
    return {
        "operationId": "read_description",
        "summary": t("api.operation.read_description", language),
        "security": [],
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}}
        },
    }


def _operation(known: Operation, language: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": known.name,
        "summary": t(f"api.operation.{known.name}", language),
        "parameters": [*_path_parameters(known), *_query_parameters(known), *_header_parameters(known)],
        "responses": {**_good(known, language), **_bad(known, language)},
    }
    body = _body(known)
    if body is not None:
        described["requestBody"] = {"required": True, "content": body}
    return described


def _path_parameters(known: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": KEY_SCHEMA if name.endswith("_id") else NAME_SCHEMA,
        }
        for name in PART.findall(known.path)
    ]


def _query_parameters(known: Operation) -> list[dict[str, Any]]:
    """An optional parameter is left out or has a value; it is never null."""
    if known.query is None:
        return []
    properties = known.query.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}
        for name, schema in properties.items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(part for part in schema["anyOf"] if part.get("type") != "null")
    return found


def _header_parameters(known: Operation) -> list[dict[str, Any]]:
    headers = []
    if known.key:
        headers.append(_header("Idempotency-Key", IDEMPOTENCY_KEY, required=True))
    if known.seen is not Seen.NEVER:
        headers.append(_header("If-Match", VERSION_TAG, required=known.seen is Seen.WANTED))
    return headers


def _header(name: str, pattern: str, *, required: bool) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "schema": {"type": "string", "pattern": pattern},
    }


def _body(known: Operation) -> dict[str, Any] | None:
    if known.upload:
        parts = {"field": NAME_SCHEMA, "file": {"type": "string", "format": "binary"}}
        schema = {
            "type": "object",
            "properties": parts,
            "required": list(parts),
            "additionalProperties": False,
        }
        return {"multipart/form-data": {"schema": schema}}
    if known.body is not None:
        return {"application/json": {"schema": {"$ref": REF.format(model=known.body.__name__)}}}
    return None


def _good(known: Operation, language: str) -> dict[str, Any]:
    headers = {"ETag": {"schema": {"type": "string"}}} if known.tagged else {}
    if 201 in known.statuses:
        headers["Location"] = {"schema": {"type": "string"}}
    if known.answer is None:
        content = {
            kind: {"schema": {"type": "string", "format": "binary"}} for kind in sorted(set(KINDS.values()))
        }
    else:
        content = {"application/json": {"schema": {"$ref": REF.format(model=known.answer.__name__)}}}
    return {
        str(status): {
            "description": t(f"api.status.{status}", language), "headers": headers, "content": content,
        }
        for status in known.statuses
    }  # fmt: skip


def kinds_of(known: Operation) -> list[Kind]:
    """The problems a route may answer with, a fault of the system excepted."""
    kinds = [Kind.NO_TOKEN, Kind.BAD_QUERY]
    if "<" in known.path:
        kinds.append(Kind.NOT_FOUND)
    if known.key:
        kinds += [Kind.KEY_MISSING, Kind.KEY_REUSED]
    if known.key or known.seen is not Seen.NEVER:
        kinds.append(Kind.BAD_HEADER)
    if known.seen is not Seen.NEVER:
        kinds.append(Kind.STALE)
    if known.seen is Seen.WANTED:
        kinds.append(Kind.VERSION_MISSING)
    if known.body is not None:
        kinds += [Kind.MALFORMED, Kind.TOO_DEEP]
    if known.body is not None or known.upload:
        kinds += [Kind.TOO_LARGE, Kind.WRONG_MEDIA_TYPE, Kind.BAD_INPUT]
    if known.guarded:
        kinds.append(Kind.NOT_ALLOWED)
    if known.decides:
        kinds += [Kind.NOT_ALLOWED, Kind.STALE, Kind.REFUSED, Kind.UNCONFIRMED]
    return kinds


def _bad(known: Operation, language: str) -> dict[str, Any]:
    by_status: dict[int, list[Kind]] = {}
    for kind in dict.fromkeys(kinds_of(known)):
        by_status.setdefault(STATUS[kind], []).append(kind)
    return {
        str(status): {
            "description": " · ".join(f"`{kind}`: {t(f'problem.{kind}.title', language)}" for kind in kinds),
            "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model=Problem.__name__)}}},
        }
        for status, kinds in sorted(by_status.items())
    }
