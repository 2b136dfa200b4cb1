"""Deciding: a form, then what it will do, then a receipt; and the second person, who confirms or declines."""

from __future__ import annotations

from web.decisions import receipts, second_person, views
from web.decisions.routing import blueprint

__all__ = ["blueprint", "receipts", "second_person", "views"]
