"""What is read about a case: each table's rows, and the condition they are found by."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class Part(NamedTuple):
    """Rows to read: the table `t` that gives the columns, the condition, further columns, and what `t` is found from.

    A part may speak of the case `c` and its subject `s`; one that does not is the same for every case. `lock` is how
    PostgreSQL locks the rows as they are read; SQLite lets only one writer in anyway.
    """

    table: str
    where: str
    more: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    lock: str = ""

    @property
    def source(self) -> str:
        return f"{self.before}{self.table} t{self.after}"

    @property
    def is_shared(self) -> bool:
        return _is_shared(self.before + self.where)


@lru_cache(maxsize=64)
def _is_shared(text: str) -> bool:
    return re.search(r"\b[cs]\.", text) is None


OWN = {
    name: Part(name, where)
    for name, where in {
        "passages": "t.case_id = c.id",
        "agreements": "t.case_id = c.id AND t.voided_seq IS NULL",
        "hand_ins": "t.case_id = c.id AND t.voided_seq IS NULL",
        "deadline_decisions": "t.case_id = c.id AND t.voided_seq IS NULL",
        "timers": "t.case_id = c.id AND t.ended_seq IS NULL",
        "tasks": "t.case_id = c.id AND t.closed_at IS NULL",
        "duties": "t.case_id = c.id",
        "documents": "t.case_id = c.id",
        "pending_acts": "t.case_id = c.id AND t.status = 'open'",
    }.items()
} | {
    "openings": Part(
        "timers",
        "t.case_id = c.id AND t.kind = 'opens' AND t.fired_at IS NOT NULL AND t.ended_seq IS NOT NULL",
    )
}
"""The case's own rows that every act reads."""

BALLOTING = {
    "rounds": Part("rounds", "t.case_id = c.id AND t.voided_seq IS NULL"),
    "seats": Part("seats", "t.case_id = c.id AND t.voided_seq IS NULL"),
    "ballots": Part("ballots", "t.case_id = c.id AND t.voided_seq IS NULL"),
    "slips": Part(
        "slips", "r.case_id = c.id AND r.closed_seq IS NULL", after=" JOIN rounds r ON r.id = t.round_id"
    ),
}
"""The case's own rows of decisions reached by several people; an edition without such decisions has none."""

IN_FORCE = "t.revoked_at IS NULL AND t.from_on <= :today AND (t.until_on IS NULL OR t.until_on >= :today)"

MEANT = (
    "SELECT s.partner_id AS id UNION SELECT p.id FROM partners p WHERE p.code_identity = :code "
    "UNION SELECT p.id FROM partners p WHERE p.name_identity = :name"
)
"""The partner the case has and those the form may mean, each found by its index; one condition with OR reads all rows."""

NAMESAKES = (
    "SELECT n.partner_id FROM partner_names n WHERE n.name_identity = :name "
    f"UNION SELECT n.partner_id FROM ({MEANT}) q CROSS JOIN partners p CROSS JOIN partner_names n "
    "WHERE p.id = q.id AND n.name_identity = p.name_identity "
    f"UNION SELECT p.id FROM ({MEANT}) q CROSS JOIN partner_names n CROSS JOIN partners p "
    "WHERE n.partner_id = q.id AND p.name_identity = n.name_identity"
)
"""Those who bore one of their names before, and those who now bear one that was theirs."""


IDENTITIES = (
    "SELECT cast(:name AS text) AS identity UNION SELECT cast(:code AS text) "
    f"UNION SELECT unnest(ARRAY[p.id::text, p.name_identity, p.code_identity]) FROM partners p JOIN ({MEANT}) m ON m.id = p.id "
    f"UNION SELECT n.name_identity FROM partner_names n JOIN ({MEANT}) m ON m.id = n.partner_id"
)
"""All that the partner is known by and was known by: whoever is the same in disguise shares one of them."""


def _first(ids: str) -> str:
    """Join the rows sought behind the ids they are found by: CROSS keeps SQLite to that order, where `IN` reads the whole table."""
    return f"({ids}) m CROSS JOIN "


LENT = Part(
    "grants",
    "d.delegate_id IN (:people) AND d.revoked_at IS NULL AND d.from_on <= :today AND d.until_on >= :today "
    f"AND {IN_FORCE}",
    ("d.delegate_id AS delegate_id",),
    after=" JOIN delegations d ON d.person_id = t.person_id AND d.role = t.role "
    "AND (d.unit_id IS NULL OR d.unit_id = t.unit_id)",
)
"""The grants of others that are lent to the people who act."""

SURROUNDINGS = {
    "grants": Part("grants", f"t.person_id IN (:people) AND {IN_FORCE}"),
    "holders": Part("grants", f"t.role IN (:roles) AND {IN_FORCE}"),
    "kin": Part(
        "grants",
        "t.person_id IN (SELECT z.person_id FROM seats z WHERE z.case_id = c.id AND z.voided_seq IS NULL) "
        f"AND {IN_FORCE}",
    ),
    "lent": LENT,
    "held": LENT._replace(lock=" FOR SHARE OF d, t"),
    "partners": Part("partners", "t.id = m.id", before=_first(MEANT)),
    "units": Part("units", "t.id = s.lead_college_id OR t.id IN (:units)"),
    "bars": Part(
        "bans",
        "t.voided_seq IS NULL AND t.last_day >= :since",
        (
            "p.name AS partner_name",
            "p.name_identity AS partner_name_identity",
            "b.base_number AS base_number",
        ),
        after=" LEFT JOIN partners p ON p.id = t.partner_id LEFT JOIN bases b ON b.case_id = t.case_id",
    ),
    "twins": Part(
        "bases",
        "t.partner_id = m.id AND t.case_id <> c.id",
        (
            "k.state AS state",
            "(SELECT p.name_identity FROM partners p WHERE p.id = t.partner_id) AS partner_name_identity",
            "(SELECT p.code_identity FROM partners p WHERE p.id = t.partner_id) AS partner_code_identity",
        ),
        before=_first(f"{MEANT} UNION {NAMESAKES}"),
        after=" JOIN cases k ON k.id = t.case_id",
    ),
    "reminded": Part(
        "notices", "t.case_id = c.id AND t.channel = 'app' AND t.template IN ('reminder', 'overdue')"
    ),
    "numbers": Part("counters", "t.name IN (:counters)", lock=" FOR UPDATE OF t"),
    "foreseen": Part("counters", "t.name IN (:foreseen)"),
    "answered": Part("idempotency_keys", "t.name = :key"),
}
"""Rows around the case, and what the act itself needs: the counters it draws from, the answer given to its key before."""


ALWAYS = ("grants", "holders", "partners", "units")
"""The surroundings every act reads."""
