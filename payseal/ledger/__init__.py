"""The ledger: double entry, one entry for each operation that moved money."""

from payseal.ledger.audit import Audit, Finding, Verdict, audit
from payseal.ledger.balance import Balance, Total
from payseal.ledger.books import balances, entries
from payseal.ledger.entry import (
    CLEARING,
    FEES,
    PAYABLE,
    REFUNDS,
    Entry,
    Line,
    book,
    capture,
    give_back,
)
from payseal.ledger.projection import counting

__all__ = [
    "CLEARING",
    "FEES",
    "PAYABLE",
    "REFUNDS",
    "Audit",
    "Balance",
    "Entry",
    "Finding",
    "Line",
    "Total",
    "Verdict",
    "audit",
    "balances",
    "book",
    "capture",
    "counting",
    "entries",
    "give_back",
]
