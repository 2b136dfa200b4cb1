"""The description of the API: it lists every route, and what it says is what the site does."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import time_machine
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from models import Database, Meeting, new_key
from tests.web.programs import NOW, program
from tests.web.signing_in import Site, site_over
from web.api.description import description, kinds_of
from web.api.problems import STATUS
from web.api.routing import OPERATIONS, Operation
from web.api.shapes.problems import Kind

TRIALS = 5 * int(os.environ.get("LIANPEI_TRIALS", "1"))
"""Requests made up per route and kind; LIANPEI_TRIALS multiplies them."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    ignored_auth,
]
PART = re.compile(r"<(?:\w+:)?(\w+)>")


@pytest.fixture(autouse=True)
def only_ours() -> None:
    """All places of the site are in."""


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def site(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    return site_over(sqlite_database, monkeypatch)


@pytest.fixture
def either_site(database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site on each kind of database in turn: what one lets pass the other may not."""
    return site_over(database, monkeypatch)


def _served(site: Site) -> set[tuple[str, str]]:
    """The methods and addresses the site really has under the API's prefix."""
    return {
        (method, PART.sub(r"{\1}", rule.rule).removeprefix("/api/v1"))
        for rule in site.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_is_described_and_nothing_else(site: Site) -> None:
    told = site.app.test_client().get("/api/v1/openapi.json").json

    assert told is not None
    described = {(method.upper(), path) for path, methods in told["paths"].items() for method in methods}
    assert described == _served(site)


def test_description_is_open_to_all_and_in_the_readers_language(site: Site) -> None:
    client = site.app.test_client()

    titles = [
        client.get("/api/v1/openapi.json", headers={"Accept-Language": language}).json["info"]["title"]  # type: ignore[index]
        for language in ("zh", "en")
    ]

    assert titles == [description("zh")["info"]["title"], description("en")["info"]["title"]]
    assert titles[0] != titles[1]


def test_names_are_plain_and_point_somewhere() -> None:
    told = description("en")
    text = json.dumps(told)

    pointed = set(re.findall(r'"#/components/schemas/([^"]+)"', text))

    assert pointed <= set(told["components"]["schemas"])
    assert [name for name in told["components"]["schemas"] if not re.fullmatch(r"[A-Z][A-Za-z]+", name)] == []


def test_every_shape_is_closed() -> None:
    shapes = description("en")["components"]["schemas"]

    open_ones = [
        name
        for name, shape in shapes.items()
        if shape.get("type") == "object" and shape.get("additionalProperties") is not False
    ]

    assert open_ones == []


def test_every_problem_is_described_with_its_status() -> None:
    paths = description("en")["paths"]

    for known in OPERATIONS:
        told = paths[re.sub(r"<(\w+)>", r"{\1}", known.path)][known.method.lower()]["responses"]
        assert {str(STATUS[kind]) for kind in kinds_of(known)} <= set(told), known.name
    assert set(STATUS) == set(Kind)


# ───────────────────────────── What it says is what the site does


def _caller(known: Operation) -> str:
    return {"open_draft": "leader", "upload_document": "leader"}.get(known.name, "office")


def _real(site: Site) -> dict[str, Any]:
    """Identifiers and names there are, so that requests get past the door."""
    university = site.university
    case_id = university.approved()
    document_id = university.document(case_id, "agreement_scan")
    office = program(site, "office")
    values = {"fact": {"name": "base_name", "value": "x"}, "reason": "y"}
    office.act(case_id, "amend", values=values, key="amend")
    (waiting,) = office.get("/pending").json["items"]
    lent = {
        "delegate_id": university.people["stranger"], "role": "base_office", "from_on": "2026-03-10",
        "until_on": "2026-04-10", "reason": "z",
    }  # fmt: skip
    return {
        "case_id": case_id,
        "document_id": document_id,
        "pending_id": waiting["id"],
        "delegation_id": office.send("/delegations", lent, key="lend").json["id"],
        "meeting_id": _meeting(site),
        "act": "sign_agreement",
        "round_act": "withdraw_ballot",
        "name": "base",
    }


def _meeting(site: Site) -> str:
    """A meeting that is over; nothing is at a vote in this university."""
    people, at = site.university.people, site.university.at
    row = Meeting(
        id=new_key(), number="2026-01", role="leading_group", held_on=at.date(), place="301",
        chair_id=people["member"], convened_by=people["office"], convened_at=at, status="closed", closed_at=at,
    )  # fmt: skip
    with site.database.transaction() as session:
        session.add(row)
    return row.id


def _hold(site: Site, known: Operation, mode: GenerationMode) -> None:
    """Send made-up requests to one route and compare each answer with the description."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", site.app)
    operation = schema[re.sub(r"<(\w+)>", r"{\1}", known.path)][known.method]
    real = _real(site)
    fixed = {name: real[name] for name in PART.findall(known.path)}
    headers = {
        "Authorization": f"Bearer {program(site, _caller(known)).token}",
        "Accept-Encoding": "identity",
    }

    @settings(
        max_examples=TRIALS,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(
            generation_mode=mode, path_parameters=fixed if mode is GenerationMode.POSITIVE else None
        )
    )
    def check(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    check()


@pytest.mark.parametrize("known", OPERATIONS, ids=lambda known: known.name)
def test_requests_that_fit_are_answered_as_described(either_site: Site, known: Operation) -> None:
    _hold(either_site, known, GenerationMode.POSITIVE)


@pytest.mark.parametrize("known", OPERATIONS, ids=lambda known: known.name)
def test_requests_that_do_not_fit_are_answered_as_described(site: Site, known: Operation) -> None:
    _hold(site, known, GenerationMode.NEGATIVE)
