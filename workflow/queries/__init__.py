"""The only readers for pages: rows as plain mappings, keyset pages, a number of queries that does not grow with the rows.

Whoever asks brings their `Rights`; what they may not see is answered like what does not exist.
"""

from workflow.queries.acting import Case, case_for, cases_for, definition_for, told
from workflow.queries.bases import BaseFilter, Deadline, base_rows, bases_page, counts_by_state, lead_colleges
from workflow.queries.deadlines import (
    DayCount,
    DeadlineFilter,
    chains,
    deadline_counts,
    deadline_rows,
    deadlines_page,
    first_of_each_day,
    reminders_of,
    roles_asked,
    timers_of,
)
from workflow.queries.history import entries_at, entries_since, entry_of, history_page, latest_entry, moves_of
from workflow.queries.inbox import (
    TodoFilter,
    copied_to_me,
    done_by_me,
    opened_by_me,
    subjects_of,
    to_do,
    to_do_count,
    unread_count,
)
from workflow.queries.meetings import open_meetings_of
from workflow.queries.names import Names, names_of, people_found, units_by_id
from workflow.queries.paging import Page
from workflow.queries.papers import (
    calls_of,
    document_for,
    document_is_of,
    draft_of,
    drafts_of,
    pending_of,
    verdicts_of,
)
from workflow.queries.proposals import case_of_proposal
from workflow.queries.rights import Rights, rights_of, seen, units_offered, visible_to
from workflow.queries.stuck import Stuck, Waiting, decisions_held_up, stuck_steps

__all__ = [
    "BaseFilter",
    "Case",
    "DayCount",
    "Deadline",
    "DeadlineFilter",
    "Names",
    "Page",
    "Rights",
    "Stuck",
    "TodoFilter",
    "Waiting",
    "base_rows",
    "bases_page",
    "calls_of",
    "case_for",
    "case_of_proposal",
    "cases_for",
    "chains",
    "copied_to_me",
    "counts_by_state",
    "deadline_counts",
    "deadline_rows",
    "deadlines_page",
    "decisions_held_up",
    "definition_for",
    "document_for",
    "document_is_of",
    "done_by_me",
    "draft_of",
    "drafts_of",
    "entries_at",
    "entries_since",
    "entry_of",
    "first_of_each_day",
    "history_page",
    "latest_entry",
    "lead_colleges",
    "moves_of",
    "names_of",
    "open_meetings_of",
    "opened_by_me",
    "pending_of",
    "people_found",
    "reminders_of",
    "rights_of",
    "roles_asked",
    "seen",
    "stuck_steps",
    "subjects_of",
    "timers_of",
    "to_do",
    "to_do_count",
    "told",
    "units_by_id",
    "units_offered",
    "unread_count",
    "verdicts_of",
    "visible_to",
]
