"""The whole log, for the roles that audit it."""

from __future__ import annotations

from web.api import wording
from web.api.problems import Refused
from web.api.routing import Call, operation
from web.api.shapes.entries import EntryPage, EntryQuery
from web.api.shapes.problems import Kind
from workflow.operations.deeds import READERS_OF_THE_LOG
from workflow.queries.log import LogFilter, log_page
from workflow.world import editions_in_use


@operation("GET", "/entries", answer=EntryPage, query=EntryQuery, guarded=True)
def list_entries(call: Call, *, query: EntryQuery) -> EntryPage:
    with call.reading() as desk:
        if not desk.rights.roles & set(READERS_OF_THE_LOG):
            raise Refused(Kind.NOT_ALLOWED)
        wanted = LogFilter(kind=query.kind or "", case=query.case or "", actor=query.actor or "")
        found = log_page(desk.session, wanted, after=query.after, before=query.before)
        editions = editions_in_use(desk.session)
    items = []
    for row in found.rows:
        definition = editions.get(row["edition_id"])
        actor = wording.actor_name(row, row["actor_name"], definition)
        items.append(wording.entry(row, definition, actor=actor))
    return EntryPage(items=items, newer=found.newer, older=found.older)
