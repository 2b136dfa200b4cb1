"""Signing in and out. Every page but a few asks for it; a cookie counts only while it matches the account's epoch."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask import (
    session as cookie,
)
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from models import Account, Installation, Person
from web import door
from web.config import UnsafeConfiguration
from web.words import t
from workflow import clock
from workflow.context import Source
from workflow.errors import BadInput, NotFound
from workflow.operations import accounts
from workflow.operations.deeds import OFFICE, READERS_OF_THE_LOG, held_roles, is_key
from workflow.operations.invitations import Validity, invitation_of, leave
from workflow.periods import beijing_day

blueprint = Blueprint("auth", __name__)

PUBLIC = frozenset(
    {
        "static", "auth.login", "preferences.set", "health.health", "invitations.show", "invitations.answer",
        "feeds.feed", "verifying.form", "verifying.verify",
    }
)  # fmt: skip
"""Endpoints that ask for no sign-in. The rest of the site is closed."""
OWN_DOOR = frozenset({"api"})
"""Blueprints that ask for a token instead."""

GUEST = "invitation:"
"""How the cookie of an expert who came by a link begins."""

DEMONSTRATION_ACCOUNTS = "demonstration_accounts"
_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
_KEPT_MOST = 200_000
"""Signs of a draft that are carried through a sign-in."""


# ───────────────────────────── Who is there


@dataclass(frozen=True, kw_only=True)
class User(UserMixin):  # type: ignore[misc]  # the library has no types
    """A person in the account they signed in with. `roles` are those of their grants in force now."""

    person_id: str
    account_id: str
    name: str
    epoch: int
    language: str = "zh"
    roles: frozenset[str] = field(default_factory=frozenset)
    invitation_id: str = ""
    """Of an expert who came by a one-time link: they have no account here, no role, and one matter."""
    case_id: str = ""
    act: str = ""

    def get_id(self) -> str:
        """What the cookie carries: it opens nothing once the account's epoch has moved on, or the invitation has ended."""
        if self.invitation_id:
            return f"{GUEST}{self.invitation_id}"
        return f"{self.account_id}:{self.epoch}"

    @property
    def places(self) -> list[str]:
        """The endpoints of the main menu this person may open."""
        if self.invitation_id:
            return []
        places = ["inbox.index", "bases.index", "calendar.index"]
        if self.roles & {*READERS_OF_THE_LOG}:
            places.append("audit.index")
        if self.roles & {*OFFICE}:
            places.append("admin.index")
        return places


class Manager(LoginManager):  # type: ignore[misc]  # the library has no types
    """Flask-Login without its remember cookie, which would outlive every epoch."""

    def _load_user_from_remember_cookie(self, _cookie: str) -> None:
        return None


def init_app(app: Flask, _csrf: CSRFProtect) -> None:
    """Guard every endpoint. Raises UnsafeConfiguration where the library's switch-off is set."""
    if app.config.get("LOGIN_DISABLED"):
        raise UnsafeConfiguration(("config.login_disabled",))
    manager = Manager()
    manager.session_protection = None  # Its mark is made of X-Forwarded-For, which anybody may write.
    manager.init_app(app, add_context_processor=True)
    manager.user_loader(_load)
    app.before_request(_ask_who)
    app.context_processor(
        lambda: {
            "places": getattr(current_user, "places", []),
            "is_guest": bool(getattr(current_user, "invitation_id", "")),
        }
    )


def _load(text: str) -> User | None:
    """The user a cookie names, while its epoch is the account's and the account is open."""
    if text.startswith(GUEST):
        return _load_guest(text.removeprefix(GUEST))
    account_id, _, epoch = text.rpartition(":")
    if not is_key(account_id) or not epoch.isascii() or not epoch.isdigit():
        return None
    with door.database().reading() as session:
        row = session.execute(
            select(Account.person_id, Account.epoch, Account.disabled_at, Person.name, Person.language)
            .join(Person, Person.id == Account.person_id)
            .where(Account.id == account_id)
        ).first()
        if row is None or row.disabled_at is not None or row.epoch != int(epoch):
            return None
        roles = held_roles(session, row.person_id, today=beijing_day(clock.now(session)))
    return User(
        person_id=row.person_id,
        account_id=account_id,
        name=row.name,
        epoch=row.epoch,
        language=row.language,
        roles=roles,
    )


def _load_guest(invitation_id: str) -> User | None:
    """The expert whose link began the session, while it has neither ended nor run out."""
    if not is_key(invitation_id):
        return None
    with door.database().reading() as session:
        now = clock.now(session)
        try:
            invited = invitation_of(session, invitation_id, at=now)
        except NotFound:
            return None
    has_ended = invited.ended_at is not None or invited.expires_at <= now or not invited.is_seated
    if invited.validity is not Validity.USED or has_ended:
        return None
    return User(
        person_id=invited.person_id,
        account_id="",
        name=invited.person,
        epoch=0,
        language=invited.language,
        invitation_id=invited.id,
        case_id=invited.case_id,
        act=invited.step,
    )


def begin_guest_session(invitation_id: str) -> None:
    """Start a new session for whoever used a link; nothing of the one before it is kept."""
    cookie.clear()
    cookie["sid"] = secrets.token_urlsafe(16)
    user = _load_guest(invitation_id)
    if user is not None:
        login_user(user, remember=False)


def _ask_who() -> Response | tuple[str, int] | None:
    """Send whoever is not signed in to the form; what they had typed waits for them there."""
    if current_app.config.get("LOGIN_DISABLED"):
        raise UnsafeConfiguration(("config.login_disabled",))
    if request.endpoint in PUBLIC or request.blueprint in OWN_DOOR or current_user.is_authenticated:
        return None
    if request.method in ("GET", "HEAD"):
        here = request.full_path if request.query_string else request.path
        return redirect(url_for("auth.login", next=here))
    return ask_again()


# ───────────────────────────── Where to go


def local_address(text: str | None) -> str | None:
    """The address if it leads to a page of this site, else None: no scheme, no host, nothing a browser reads as one."""
    if not text or not _LOCAL.fullmatch(text):
        return None
    parts = urlsplit(text)
    return None if parts.scheme or parts.netloc else text


def _home() -> str:
    return url_for("inbox.index")


# ───────────────────────────── Sign in


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> Response | str | tuple[str, int]:
    """The form, and the attempt. Whatever is wrong with it, the answer is the same."""
    if request.method == "GET":
        if current_user.is_authenticated:
            return redirect(local_address(request.args.get("next")) or _home())
        return _login_form(next_address=request.args.get("next"))
    name, password = request.form.get("login", ""), request.form.get("password", "")
    came_in = _attempt(name, password)
    if came_in is None:
        form = _login_form(
            next_address=request.form.get("next"), login=name, refused=True, kept=request.form.get("kept")
        )
        return form, 403
    _begin_session(came_in)
    draft = _read_draft(request.form.get("kept"))
    if draft is not None:
        return render_template("auth/resume.html", draft=draft)
    goes_to = local_address(request.form.get("next")) or _home()
    if came_in.first_time and not _is_demonstration():
        flash(t("auth.first_time", door.language()), "warning")
        goes_to = url_for("auth.password", next=goes_to)
    return redirect(goes_to)


def _attempt(name: str, password: str) -> accounts.SignedIn | None:
    """Compare first, outside any transaction, then count or let in."""
    with door.database().reading() as session:
        knocked = accounts.knock(
            session, name, password, at=clock.now(session), secret=door.config().secret_key
        )
    return door.database().run(
        lambda session: accounts.sign_in(session, knocked, at=clock.now(session), source=Source.PAGE)
    )


def _begin_session(came_in: accounts.SignedIn) -> None:
    """Start a new session; nothing of the one before it, which another may have planted, is kept."""
    cookie.clear()
    cookie["sid"] = secrets.token_urlsafe(16)
    login_user(
        User(person_id=came_in.person_id, account_id=came_in.account_id, name="", epoch=came_in.epoch),
        remember=False,
    )
    # The next reader of this request finds the user with name and roles.
    user = _load(f"{came_in.account_id}:{came_in.epoch}")
    if user is not None:
        login_user(user, remember=False)


def _login_form(
    *,
    next_address: str | None,
    login: str = "",
    refused: bool = False,
    kept: str | None = None,
    expired: bool = False,
) -> str:
    return render_template(
        "auth/login.html",
        next_address=local_address(next_address),
        login=login,
        refused=refused,
        expired=expired,
        kept=kept,
        accounts=_demonstration_accounts(),
    )


def _is_demonstration() -> bool:
    with door.database().reading() as session:
        return _shows_accounts(session)


def _shows_accounts(session: Session) -> bool:
    return not door.config().is_production and clock.is_demonstration(session)


def _demonstration_accounts() -> list[dict[str, str]]:
    """The accounts anybody may use, in a demonstration; nowhere else."""
    with door.database().reading() as session:
        if not _shows_accounts(session):
            return []
        row = session.get(Installation, DEMONSTRATION_ACCOUNTS)
        return list(row.value) if row is not None else []


@blueprint.post("/logout")
def logout() -> Response:
    """End every session of the account, this one too; of a link, its only one."""
    if current_user.invitation_id:
        link = current_user.invitation_id
        door.act(lambda session, ctx: leave(session, link, at=ctx.at))
    else:
        door.act(lambda session, ctx: accounts.sign_out(session, ctx=ctx))
    logout_user()
    cookie.clear()
    return redirect(url_for("auth.login"))


# ───────────────────────────── A session that ended while somebody typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A form that was sent after its session had ended: where to, and what was typed."""

    action: str
    values: tuple[tuple[str, str], ...]


def ask_again() -> tuple[str, int]:
    """Answer a form whose session has ended: sign in again, and what was typed is there to be sent.

    Only a form of our own is kept: one sent from another site would otherwise wait here for the victim's own hand.
    """
    if request.endpoint == "auth.login":
        form = request.form
        return _login_form(
            next_address=form.get("next"), login=form.get("login", ""), kept=form.get("kept"), expired=True
        ), 401
    kept = None
    if _is_our_own() and request.endpoint not in PUBLIC:
        values = [
            [name, value]
            for name in request.form
            for value in request.form.getlist(name)
            if name not in ("csrf_token", "password", "old", "new", "again")
        ]
        text = json.dumps({"action": request.full_path.rstrip("?"), "values": values}, ensure_ascii=False)
        kept = text if len(text) <= _KEPT_MOST else None
    return _login_form(next_address=_came_from(), kept=kept, expired=True), 401


def _is_our_own() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") == request.host_url.rstrip("/")


def _came_from() -> str | None:
    """The page the form stood on, if it is one of ours."""
    parts = urlsplit(request.headers.get("Referer", ""))
    if f"{parts.scheme}://{parts.netloc}/" != request.host_url:
        return None
    return local_address(parts.path + (f"?{parts.query}" if parts.query else ""))


def _read_draft(text: str | None) -> Draft | None:
    if not text or len(text) > _KEPT_MOST:
        return None
    try:
        read = json.loads(text)
        action = local_address(read["action"])
        values = tuple((str(name), str(value)) for name, value in read["values"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return Draft(action=action, values=values) if action else None


# ───────────────────────────── One's own password


@blueprint.route("/password", methods=["GET", "POST"])
def password() -> Response | str | tuple[str, int]:
    """Change one's own password. Every other session of the account ends."""
    if request.method == "GET":
        return _password_form({})
    old, new = request.form.get("old", ""), request.form.get("new", "")
    if new != request.form.get("again", ""):
        return _password_again({"again": "differs"})
    with door.database().reading() as session:
        knocked = accounts.knock_again(session, current_user.account_id, old)
    try:
        epoch = door.act(lambda session, ctx: accounts.change_password(session, knocked, new=new, ctx=ctx))
    except BadInput as bad:
        return _password_again({fault.field: fault.code for fault in bad.faults})
    if epoch is None:
        return _password_again({"old": "wrong_password"})
    person_id, account_id = current_user.person_id, current_user.account_id
    _begin_session(
        accounts.SignedIn(account_id=account_id, person_id=person_id, epoch=epoch, first_time=False)
    )
    flash(t("auth.password_changed", door.language()), "success")
    return redirect(local_address(request.form.get("next")) or _home())


def _password_again(faults: Mapping[str, str]) -> tuple[str, int]:
    return _password_form(faults), 422


def _password_form(faults: Mapping[str, str]) -> str:
    """The form; no password is ever written into it again."""
    return render_template(
        "auth/password.html", faults=faults, next_address=local_address(request.values.get("next"))
    )
