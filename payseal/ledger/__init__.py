"""The ledger: double entry, one entry for each operation that moved money."""

from payseal.ledger.audit import Audit, Finding, Verdict, audit
from payseal.ledger.balance import Balance, Total
from payseal.ledger.books import balances, entries
from payseal.ledger.entry import CLEARING, PAYABLE, Entry, Line, book, capture, give_back
from payseal.ledger.projection import counting

__all__ = [
    "CLEARING",
    "PAYABLE",
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
