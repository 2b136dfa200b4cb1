"""The application: one factory, the places of the site, and what holds for every answer."""

from __future__ import annotations

import importlib
from typing import Any

from flask import Flask, Response, render_template, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException

from models import Database
from models.database import ReadOnly
from web import auth, door, lean
from web.config import Config
from web.guarding import guard
from web.words import t
from workflow import clock
from workflow.errors import BadInput, NotFound, WorkflowError
from workflow.unreadable import Damaged
from workflow.words import label_text

PLACES = (
    "web.auth",
    "web.preferences",
    "web.inbox",
    "web.bases",
    "web.calendar",
    "web.bases.deadlines",
    "web.bases.timeline",
    "web.as_of",
    "web.decisions",
    "web.reopening",
    "web.proposals",
    "web.documents",
    "web.audit",
    "web.admin",
    "web.demonstration",
    "web.health",
    "web.mail_choices",
    "web.verifying",
    "web.tokens",
    "web.feeds",
    "web.delegations",
    "web.invitations",
    "web.meetings",
    "web.seats",
    "web.api",
)
"""Modules that each export one `blueprint`."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

csrf = CSRFProtect()


def create_app(config: Config, *, database: Database | None = None) -> Flask:
    """Build the site over a database. Raises UnsafeConfiguration for a production that must not start."""
    app = Flask(__name__)
    config.checked(debug=app.debug)
    app.config.update(
        SECRET_KEY=config.secret_key,
        MAX_CONTENT_LENGTH=config.upload_limit + 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        SESSION_COOKIE_SECURE=config.cookies_are_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.extensions["lianpei.config"] = config
    app.extensions["lianpei.database"] = database or Database(config.database_url)
    found = guard(app.extensions["lianpei.database"], config.checkpoint_dir)
    if found is not None:
        app.logger.critical(
            "the log is not the one of the newest checkpoint in %s: %s %s",
            config.checkpoint_dir,
            found.kind,
            dict(found.details),
        )
    csrf.init_app(app)
    for place in PLACES:
        module = importlib.import_module(place)
        app.register_blueprint(module.blueprint)
        if hasattr(module, "init_app"):
            module.init_app(app, csrf)
    lean.init_app(app)
    _say_errors(app)
    app.after_request(_harden)
    app.context_processor(_words)
    # Macros see no context of the page that imports them, only these.
    app.jinja_env.globals.update(
        t=lambda key, **params: t(key, door.language(), **params),
        label=_label,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    return app


def _words() -> dict[str, Any]:
    """What every template may use."""
    return {
        "lang": door.language(),
        "demonstration": _demonstration(),
        "is_read_only": door.database().is_closed_for_writing,
    }


def _label(thing: Any) -> str:
    return label_text(getattr(thing, "label", thing), door.language())


def _demonstration() -> dict[str, Any] | None:
    if door.config().is_production:
        return None
    with door.database().reading() as session:
        return {"at": clock.now(session)} if clock.is_demonstration(session) else None


def _harden(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if request.endpoint != "static" and current_user and current_user.is_authenticated:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _say_errors(app: Flask) -> None:
    """Every error page says what happened and what to do next; a system fault says that nothing took effect."""

    def page(code: int, key: str) -> tuple[str, int]:
        return render_template("error.html", code=code, key=key), code

    @app.errorhandler(NotFound)
    def _not_found(_error: NotFound) -> tuple[str, int]:
        return page(404, "not_found")

    @app.errorhandler(CSRFError)
    def _csrf(_error: CSRFError) -> tuple[str, int]:
        return page(400, "form_expired") if current_user.is_authenticated else auth.ask_again()

    @app.errorhandler(BadInput)
    def _bad_input(_error: BadInput) -> tuple[str, int]:
        return page(400, "bad_input")

    @app.errorhandler(WorkflowError)
    def _refused(error: WorkflowError) -> tuple[str, int]:
        return page(409, error.code) if error.code == "key_reused" else page(403, "refused")

    @app.errorhandler(Damaged)
    def _damaged(error: Damaged) -> tuple[str, int]:
        app.logger.error("what was to be shown is damaged", exc_info=error)
        return page(500, "damaged")

    @app.errorhandler(ReadOnly)
    def _read_only(_error: ReadOnly) -> tuple[str, int]:
        return page(503, "read_only")

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Any:
        known = {
            400: "bad_input",
            403: "refused",
            404: "not_found",
            405: "wrong_method",
            413: "too_large",
            429: "too_many",
        }
        code = error.code or 500
        if code < 400:
            return error
        return page(code, known.get(code, "failed"))

    @app.errorhandler(Exception)
    def _failed(error: Exception) -> tuple[str, int]:
        app.logger.exception("a request failed", exc_info=error)
        return page(500, "failed")
