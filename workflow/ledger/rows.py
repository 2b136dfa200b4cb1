"""What a ledger reads as: its rows, its columns, and what is at fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from workflow.errors import WorkflowError


class LedgerError(WorkflowError):
    """The file cannot be read as a ledger at all; `code` and `params` find the text in the catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One cause that keeps a row out, or as a warning asks a person to look.

    `cell` is empty where no single cell is meant; `column` is the heading as the file writes it.
    """

    sheet: str
    row: int
    column: str
    cell: str
    code: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a sheet and the field it is read as; None when its heading is not known."""

    sheet: str
    letter: str
    header: str
    field: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One base as the ledger states it. Days are inclusive; `funding_fen` is in fen.

    Words are codes of the glossary. `approximate` names the days that the ledger gives by their month only.
    """

    sheet: str
    row: int
    base_number: str
    base_name: str
    level: str
    partner_name: str
    partner_kind: str | None
    credit_code: str | None
    lead_college: str
    other_colleges: tuple[str, ...]
    programmes: tuple[str, ...]
    leader_name: str | None
    partner_contact_name: str | None
    contact_phone: str | None
    project_year: int | None
    approved_on: date
    cycle: str
    agreement_number: str | None
    signed_on: date | None
    agreement_last_day: date | None
    renewal_note: str
    renewed: bool
    mentor_count: int | None
    students: Mapping[int, int]
    data_on_time: bool | None
    midterm_result: str | None
    final_grade: str | None
    final_on: date | None
    plaque_on: date | None
    extended_to: date | None
    rectify_by: date | None
    funding_fen: int | None
    state: str
    banned_until: date | None
    remark: str
    approximate: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetLayout:
    """Where a sheet's heading ends and which of its columns stands last, to write a column beside it."""

    sheet: str
    header_row: int
    last_column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """A workbook as read. `rows` holds only rows without a fault; `row_count` counts the others too."""

    rows: tuple[LedgerRow, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    columns: tuple[Column, ...]
    layouts: tuple[SheetLayout, ...]
    row_count: int

    @property
    def unknown_columns(self) -> tuple[Column, ...]:
        """List the columns whose headings are not known; nothing was read from them."""
        return tuple(column for column in self.columns if column.field is None)

    @property
    def faulty_rows(self) -> tuple[tuple[str, int], ...]:
        """List sheet and row of every row at fault, once each, in the order of the faults."""
        return tuple(dict.fromkeys((fault.sheet, fault.row) for fault in self.faults))
