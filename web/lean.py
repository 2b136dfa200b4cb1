"""What a visit costs: answers travel compressed, and files that have not changed are not fetched again."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask
from flask_compress import Compress

YEAR = 365 * 24 * 3600
"""Seconds a browser may keep a file whose address names its content."""

KINDS = [
    "text/html",
    "text/css",
    "text/javascript",
    "application/json",
    "application/problem+json",
    "image/svg+xml",
]


def init_app(app: Flask) -> None:
    """Compress text answers, and let browsers keep static files under addresses that change with their content."""
    app.config.update(COMPRESS_MIMETYPES=KINDS, COMPRESS_ALGORITHM=["br", "gzip"], COMPRESS_STREAMS=False)
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = YEAR
    Compress(app)

    @app.url_defaults
    def _name_the_content(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values and "v" not in values:
            values["v"] = _version(Path(app.static_folder or "") / values["filename"])


@lru_cache(maxsize=256)
def _version(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else None
