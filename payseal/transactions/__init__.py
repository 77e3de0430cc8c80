"""Transactions: claim, call, settle; and what is done when an answer does not come."""

from payseal.transactions import callbacks, challenges, closings, differences, disputes, refunds
from payseal.transactions.attempt import Attempt, AttemptKey, InvalidAttempt, find, new_key
from payseal.transactions.difference import Difference, DifferenceStatus
from payseal.transactions.dispute import Dispute, DisputeStatus
from payseal.transactions.history import get, history, log
from payseal.transactions.inbox import take, take_in
from payseal.transactions.led import Led
from payseal.transactions.reconciliation import Outcome, reconcile
from payseal.transactions.reference import Reference
from payseal.transactions.refund import Refund, RefundStatus
from payseal.transactions.resolver import resolve, reverse
from payseal.transactions.reversal import Reversal, ReversalStatus
from payseal.transactions.service import NoIssuer, Payer, claim, pay
from payseal.transactions.settlement import settle
from payseal.transactions.status import MOVES, TransactionStatus
from payseal.transactions.transaction import Transaction
from payseal.transactions.tried import Tried

__all__ = [
    "MOVES",
    "Attempt",
    "AttemptKey",
    "Difference",
    "DifferenceStatus",
    "Dispute",
    "DisputeStatus",
    "InvalidAttempt",
    "Led",
    "NoIssuer",
    "Outcome",
    "Payer",
    "Reference",
    "Refund",
    "RefundStatus",
    "Reversal",
    "ReversalStatus",
    "Transaction",
    "TransactionStatus",
    "Tried",
    "callbacks",
    "challenges",
    "claim",
    "closings",
    "differences",
    "disputes",
    "find",
    "get",
    "history",
    "log",
    "new_key",
    "pay",
    "reconcile",
    "refunds",
    "resolve",
    "reverse",
    "settle",
    "take",
    "take_in",
]
