"""Read an office's ledger workbook: rows with typed values, and everything at fault at once; write nothing.

The reader knows cells, words and dates; what a row becomes is the import's affair. No database, no web.
"""

from workflow.ledger.annotate import annotate
from workflow.ledger.reading import read_ledger
from workflow.ledger.rows import Column, Fault, Ledger, LedgerError, LedgerRow
from workflow.ledger.words import describe, readable_fields

__all__ = [
    "Column",
    "Fault",
    "Ledger",
    "LedgerError",
    "LedgerRow",
    "annotate",
    "describe",
    "read_ledger",
    "readable_fields",
]
