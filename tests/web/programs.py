"""Programs that hold a token, calling the API of a site over the small university."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from models import Base, Database
from tests.web.signing_in import Site
from workflow.context import Actor, Context, Source
from workflow.operations.tokens import issue

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
"""The instant the tests' clock shows: within the call for proposals of 2026."""

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
NOBODYS = "01900000-0000-7000-8000-000000000000"
"""An identifier nothing has."""

COLLEGE = "计算机学院"


Answer = Any
"""A `werkzeug.test.TestResponse`, left open because its JSON may be anything."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A client with one person's token; every call stands for itself."""

    site: Site
    token: str

    def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **rest: Any
    ) -> Answer:
        given = {"Authorization": f"Bearer {self.token}", "Accept-Language": "en", **(headers or {})}
        return self.site.app.test_client().open(f"/api/v1{path}", method=method, headers=given, **rest)

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, headers=headers)

    def send(
        self, path: str, body: Any = None, *, key: str | None = None, version: int | None = None
    ) -> Answer:
        """POST a JSON body, with a key and the version that was seen where they are given."""
        headers = {}
        if key is not None:
            headers["Idempotency-Key"] = key
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        return self.call("POST", path, headers=headers, json={} if body is None else body)

    def act(
        self, case_id: str, act: str, *, version: int | None = None, key: str = "k1", **body: Any
    ) -> Answer:
        """Perform an act on the version the case has, or on another."""
        seen = self.site.university.case(case_id).version if version is None else version
        return self.send(f"/cases/{case_id}/acts/{act}", body, key=key, version=seen)

    def upload(self, case_id: str, field: str, *, name: str = "计划.pdf", content: bytes = PDF) -> Answer:
        return self.call(
            "POST", f"/cases/{case_id}/documents", data={"field": field, "file": (io.BytesIO(content), name)}
        )


def program(site: Site, who: str) -> Program:
    """A program that speaks for one of the university's people."""
    actor = Actor(person=site.university.people[who], account=site.accounts[who])
    with site.database.transaction() as session:
        ctx = Context(actor=actor, at=NOW, source=Source.PAGE)
        token = issue(session, name="test", days=366, ctx=ctx)
    return Program(site=site, token=token.text)


def row_counts(database: Database) -> dict[str, int]:
    """How many rows each table has, to tell that nothing was written."""
    with database.reading() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }
