"""Rows and what must never be false of them. No rule, no clock, no web."""

from models.cases import (
    Agreement,
    Ban,
    Blob,
    Case,
    Clawback,
    Counter,
    Draft,
    Edition,
    Grade,
    HandIn,
    JointBase,
    Passage,
    PendingAct,
    StoredDocument,
)
from models.database import Base, Database
from models.log import Disclosure, Entry, IdempotencyKey, Notice, Stream
from models.partners import Partner, PartnerName
from models.people import Account, ApiToken, Call, Duty, Grant, Person, Setting, Unit, UnitName
from models.time import CalendarYear, Heartbeat, Holiday, Incident, Installation, Rung, Task, Timer
from models.types import new_key

__all__ = [
    "Account",
    "Agreement",
    "ApiToken",
    "Ban",
    "Base",
    "Blob",
    "CalendarYear",
    "Call",
    "Case",
    "Clawback",
    "Counter",
    "Database",
    "Disclosure",
    "Draft",
    "Duty",
    "Edition",
    "Entry",
    "Grade",
    "Grant",
    "HandIn",
    "Heartbeat",
    "Holiday",
    "IdempotencyKey",
    "Incident",
    "Installation",
    "JointBase",
    "Notice",
    "Partner",
    "PartnerName",
    "Passage",
    "PendingAct",
    "Person",
    "Rung",
    "Setting",
    "StoredDocument",
    "Stream",
    "Task",
    "Timer",
    "Unit",
    "UnitName",
    "new_key",
]
