"""The bases: the list, and the page of one base, made of its head, its acts, its cycle, what is known of it and its history."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("bases", __name__)

# The routes; each module adds its own to the blueprint.
from web.bases import listing, views  # noqa: E402, F401
