"""The ledger: double entry, one entry for each operation that moved money."""

from payseal.ledger.entry import CLEARING, PAYABLE, Entry, Line, book, capture, give_back

__all__ = ["CLEARING", "PAYABLE", "Entry", "Line", "book", "capture", "give_back"]
