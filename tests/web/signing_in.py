"""The site over a small university, and people signed in to it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Blueprint, Flask, Response
from flask import Config as Settings
from flask.testing import FlaskClient
from jinja2 import BytecodeCache, ChoiceLoader, DictLoader
from jinja2.bccache import Bucket
from sqlalchemy import func, select
from werkzeug.test import TestResponse

import web.app
from models import Account, Database, Entry, Installation, new_key
from tests.university import University
from web.config import Config, Environment

PASSWORD = "slow river 4711"
HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
"""A real hash, made cheaply: tests sign in often."""

STUBS: Mapping[str, tuple[str, ...]] = {
    "web.inbox": ("index",),
    "web.bases": ("index", "show"),
    "web.calendar": ("index",),
    "web.audit": ("index",),
    "web.admin": ("index",),
    "web.demo": ("clock",),
}
"""Places the frame links to; stood in for where they are not there yet."""

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
KEY = re.compile(r'name="key" value="([^"]+)"')


@dataclass(kw_only=True)
class Site:
    """The application over a university whose people all have an account named like them."""

    university: University
    app: Flask
    accounts: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        return self.university.database

    def browser(self, who: str | None = None) -> Browser:
        """A browser; with a name, one in which that person is signed in already."""
        client = self.app.test_client()
        if who is not None:
            with self.database.reading() as session:
                epoch = session.scalar(select(Account.epoch).where(Account.id == self.accounts[who]))
            with client.session_transaction() as cookie:
                cookie["_user_id"] = f"{self.accounts[who]}:{epoch}"
                cookie["_fresh"] = True
        return Browser(client=client)

    def entries(self, *kinds: str) -> list[Entry]:
        """The entries of some kinds, or all, oldest first."""
        with self.database.reading() as session:
            statement = select(Entry).order_by(Entry.id)
            return list(session.scalars(statement.where(Entry.kind.in_(kinds)) if kinds else statement))

    def entry_count(self) -> int:
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Entry)) or 0

    def row(self, model: Any, key: str) -> Any:
        with self.database.reading() as session:
            return session.get_one(model, key)


@dataclass(kw_only=True)
class Browser:
    """A client that fetches a form before it sends it, as a browser does."""

    client: FlaskClient

    def get(self, address: str, **headers: str) -> TestResponse:
        return self.client.get(address, headers=headers)

    def send(
        self, address: str, fields: Mapping[str, Any], *, form: str | None = None, **headers: str
    ) -> TestResponse:
        """Send a form with the token, and the key where it has one, of the page it stands on."""
        page = self.client.get(form or address).get_data(as_text=True)
        token, key = TOKEN.search(page), KEY.search(page)
        given = {"csrf_token": token.group(1) if token else ""}
        if key is not None:
            given["key"] = key.group(1)
        return self.client.post(address, data={**given, **fields}, headers=headers)


def site_over(
    database: Database,
    patch: pytest.MonkeyPatch,
    *,
    demonstration: bool = False,
    university: University | None = None,
    **config: Any,
) -> Site:
    """Build the site over a university; found one in the empty database unless one is given."""
    university = university or University.founded(database)
    if demonstration:
        with database.transaction() as session:
            session.add(Installation(name="demonstration", value=True))
    app = build(database, patch, **config)
    site = Site(university=university, app=app)
    with database.transaction() as session:
        for name, person_id in university.people.items():
            site.accounts[name] = add_account(session, person_id, login=name.replace("_", "-"))
    return site


class Compiled(BytecodeCache):
    """The templates compiled by the first site of a test process, for those after it."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()
DATABASE = "lianpei.database"
BUILT: dict[Config, Flask] = {}
"""The applications of this test process, each without a database while no test uses it."""


def build(database: Database, patch: pytest.MonkeyPatch, **config: Any) -> Flask:
    """The application over a database. One is built per configuration and test process, and lent to one test at a time."""
    chosen = Config(**{"environment": Environment.DEMONSTRATION, **config})
    app = BUILT.get(chosen)
    if app is None or DATABASE in app.extensions:
        app = BUILT[chosen] = _built(chosen, database, patch)
        del app.extensions[DATABASE]
    patch.setitem(app.extensions, DATABASE, database)
    patch.setattr(app, "config", Settings(app.root_path, app.config))
    return app


def _built(config: Config, database: Database, patch: pytest.MonkeyPatch) -> Flask:
    there = [place for place in web.app.PLACES if _is_there(place)]
    patch.setattr(web.app, "PLACES", tuple(there))
    app = web.app.create_app(config, database=database)
    app.config["TESTING"] = False
    app.after_request(_can_be_sent)
    app.jinja_env.bytecode_cache = COMPILED
    for place, endpoints in STUBS.items():
        if place.rpartition(".")[2] not in app.blueprints:
            app.register_blueprint(_stub(place.rpartition(".")[2], endpoints))
    assert app.jinja_loader is not None
    fallback = DictLoader({"error.html": "{{ code }} {{ key }}"})
    app.jinja_loader = ChoiceLoader([app.jinja_loader, fallback])
    return app


def _can_be_sent(answer: Response) -> Response:
    """A server sends headers in Latin-1 and gives up on any other sign; the test client would take it."""
    for _, value in answer.headers:
        value.encode("latin-1")
    return answer


def _is_there(place: str) -> bool:
    found = importlib.util.find_spec(place)
    return found is not None and found.origin is not None


def _stub(name: str, endpoints: tuple[str, ...]) -> Blueprint:
    blueprint = Blueprint(name, __name__)
    for endpoint in endpoints:
        rule = f"/{name}/<case_id>" if endpoint == "show" else f"/{name}"
        blueprint.add_url_rule(rule, endpoint, lambda case_id="": f"{name} {case_id}")
    return blueprint


def add_account(session: Any, person_id: str, *, login: str) -> str:
    account = Account(
        id=new_key(),
        person_id=person_id,
        login=login,
        password_hash=HASH,
        created_at=University.at,
        last_login_at=University.at,
        epoch=0,
        failed_count=0,
    )
    session.add(account)
    session.flush()
    return account.id
