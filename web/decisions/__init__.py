"""Deciding: a form, then what it will do, then a receipt; and the second person, who confirms or declines."""

from __future__ import annotations

from web.decisions import each, receipts, second_person, together, views
from web.decisions.routing import blueprint

__all__ = ["blueprint", "each", "receipts", "second_person", "together", "views"]
