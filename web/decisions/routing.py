"""The place the pages of a decision stand at, and what their views answer with."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

Answer = str | tuple[str, int] | Response

blueprint = Blueprint("decisions", __name__)
