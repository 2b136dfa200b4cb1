"""Configuration by environment. Production refuses to start unsafe."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

DEFAULT_SECRET = "lianpei-development-only"
SHORTEST_SECRET = 32
INSTANCE = Path("instance")


class Environment(StrEnum):
    """What the installation is for."""

    PRODUCTION = "production"
    DEMONSTRATION = "demonstration"
    DEVELOPMENT = "development"


class UnsafeConfiguration(Exception):
    """The configuration must not be used as it is; `reasons` are keys of the catalogue."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(", ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One installation's configuration; the table in the README explains each variable."""

    environment: Environment = Environment.DEMONSTRATION
    database_url: str = f"sqlite:///{INSTANCE / 'lianpei.sqlite3'}"
    owner_database_url: str | None = None
    secret_key: str = field(default=DEFAULT_SECRET, repr=False)
    mail_url: str | None = field(default=None, repr=False)
    mail_from: str = "lianpei@localhost"
    robots: str = field(default="", repr=False)
    """Robots of group chats; their addresses are secrets."""
    robot_hosts: str = ""
    """Hosts robots may be reached at besides those of the services."""
    base_url: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    port: int = 8000
    upload_limit: int = 20 * 1024 * 1024
    """Bytes of one uploaded file."""
    log_key: Path = INSTANCE / "log.key"
    """The file of the key that signs the log."""
    checkpoint_dir: Path | None = None
    """A folder, best on another machine, that gets every checkpoint."""
    auditors: str | None = None
    """The mailbox that gets every checkpoint."""
    checkpoint_command: str | None = None
    """A command that gets every checkpoint on its standard input."""
    checkpoint_entries: int = 100
    checkpoint_minutes: int = 10
    """A checkpoint is signed after so many entries or so many minutes."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Config:
        """Read the LIANPEI_ variables. Raises ValueError for a word or number that cannot be read."""
        given = {
            name: environ[f"LIANPEI_{name.upper()}"]
            for name in (
                "database_url",
                "owner_database_url",
                "secret_key",
                "mail_url",
                "mail_from",
                "robots",
                "robot_hosts",
                "base_url",
                "host",
                "auditors",
                "checkpoint_command",
            )
            if environ.get(f"LIANPEI_{name.upper()}")
        }
        port = int(environ.get("LIANPEI_PORT") or 8000)
        given.setdefault("base_url", f"http://127.0.0.1:{port}")
        return cls(
            environment=Environment(environ.get("LIANPEI_ENV", "demonstration")),
            port=port,
            checkpoint_entries=_at_least_one(environ, "LIANPEI_CHECKPOINT_ENTRIES", 100),
            checkpoint_minutes=_at_least_one(environ, "LIANPEI_CHECKPOINT_MINUTES", 10),
            checkpoint_dir=Path(environ["LIANPEI_CHECKPOINT_DIR"])
            if environ.get("LIANPEI_CHECKPOINT_DIR")
            else None,
            log_key=Path(environ.get("LIANPEI_LOG_KEY") or INSTANCE / "log.key"),
            **given,  # type: ignore[arg-type]  # every name above is a field of text
        )

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def cookies_are_secure(self) -> bool:
        return self.base_url.startswith("https://")

    def checked(self, *, debug: bool) -> Config:
        """Return the configuration, or raise UnsafeConfiguration with every reason why production must not use it."""
        if not self.is_production:
            return self
        reasons = []
        if self.secret_key == DEFAULT_SECRET or len(self.secret_key) < SHORTEST_SECRET:
            reasons.append("config.weak_secret")
        if debug or os.environ.get("FLASK_DEBUG") in ("1", "true"):
            reasons.append("config.debug_on")
        if not self.cookies_are_secure:
            reasons.append("config.insecure_cookies")
        if os.environ.get("LOGIN_DISABLED"):
            reasons.append("config.login_disabled")
        if reasons:
            raise UnsafeConfiguration(tuple(reasons))
        return self


def _at_least_one(environ: Mapping[str, str], name: str, default: int) -> int:
    number = int(environ.get(name) or default)
    if number < 1:
        raise ValueError(f"{name} must be at least 1")
    return number


def new_secret() -> str:
    """Make a secret for an embedded installation that was given none."""
    return secrets.token_urlsafe(48)
