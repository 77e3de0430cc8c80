"""The ledger: double entry, one entry for each operation that moved money."""

from payseal.ledger.balance import Balance, Total
from payseal.ledger.books import balances, entries
from payseal.ledger.entry import CLEARING, PAYABLE, Entry, Line, book, capture, give_back
from payseal.ledger.projection import counting

__all__ = [
    "CLEARING",
    "PAYABLE",
    "Balance",
    "Entry",
    "Line",
    "Total",
    "balances",
    "book",
    "capture",
    "counting",
    "entries",
    "give_back",
]
