"""The ledger: double entry, one entry for each operation that moved money."""

from payseal.ledger.audit import Audit, Finding, Verdict, audit
from payseal.ledger.balance import Balance, Total
from payseal.ledger.books import balances, entries
from payseal.ledger.callback import Callback, CallbackType, InvalidCallback, heard
from payseal.ledger.comparison import DifferenceKind, Mismatch, compared
from payseal.ledger.entry import (
    CLEARING,
    DISPUTES,
    FEES,
    PAYABLE,
    REFUNDS,
    Entry,
    Line,
    book,
    capture,
    charge_back,
    entry_id,
    give_again,
    give_back,
    won_operation,
)
from payseal.ledger.mover import Mover, moved_on
from payseal.ledger.projection import counting
from payseal.ledger.statement import InvalidStatement, Movement, MovementKind, Statement, read

__all__ = [
    "CLEARING",
    "DISPUTES",
    "FEES",
    "PAYABLE",
    "REFUNDS",
    "Audit",
    "Balance",
    "Callback",
    "CallbackType",
    "DifferenceKind",
    "Entry",
    "Finding",
    "InvalidCallback",
    "InvalidStatement",
    "Line",
    "Mismatch",
    "Movement",
    "MovementKind",
    "Mover",
    "Statement",
    "Total",
    "Verdict",
    "audit",
    "balances",
    "book",
    "capture",
    "charge_back",
    "compared",
    "counting",
    "entries",
    "entry_id",
    "give_again",
    "give_back",
    "heard",
    "moved_on",
    "read",
    "won_operation",
]
