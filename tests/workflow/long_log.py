"""A log as long as one likes, made by the database itself: for what must not grow with it. It is read, never verified."""

from __future__ import annotations

from sqlalchemy import text

from models import Database

ROWS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) ",
    "postgresql": "WITH n(i) AS (SELECT generate_series(1, :rows)) ",
}
AT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', '2020-01-01', '+' || i || ' minutes') || '000'",
    "postgresql": "timestamptz '2020-01-01 00:00:00+00' + i * interval '1 minute'",
}
KEY = {
    "sqlite": "'01900000-0000-7000-8000-' || printf('%012d', i % {many})",
    "postgresql": "('01900000-0000-7000-8000-' || lpad((i % {many})::text, 12, '0'))::uuid",
}
DAY = {"sqlite": "date('2020-01-01')", "postgresql": "date '2020-01-01'"}


def lengthen(database: Database, rows: int) -> None:
    """Add entries of many cases, people and kinds, one a minute from 2020 on; of each sort some are rare."""
    kind = database.engine.dialect.name
    case, person, unit, lender = (KEY[kind].format(many=many) for many in (5000, 500, 30, 50))
    statement = f"""
        {ROWS[kind]}
        INSERT INTO entries (stream, seq, kind, act, outcome, from_state, to_state, case_id, unit_id, ground, actor_id, actor,
                             source, effective_on, recorded_at, body, hash, on_behalf_of)
        SELECT 'case:' || (i % 5000), 1000 + i / 5000,
               CASE WHEN i % 997 = 0 THEN 'denied' WHEN i % 3 = 0 THEN 'ballot' ELSE 'transition' END,
               CASE WHEN i % 701 = 0 THEN 'revoke' ELSE 'approve' END, NULL, NULL, NULL, {case}, {unit}, NULL, {person},
               'person:' || (i % 500), CASE WHEN i % 1009 = 0 THEN 'command' ELSE 'page' END, {DAY[kind]}, {AT[kind]},
               '{{}}', '{"0" * 64}', CASE WHEN i % 401 = 0 THEN {lender} END
        FROM n"""
    with database.transaction() as session:
        session.execute(text(statement), {"rows": rows})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE entries"))
