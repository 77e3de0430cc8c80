"""Risk: whether a payer may try."""

from payseal.risk.barred import Barred, CardBarred, bar_card, check_card
from payseal.risk.rules import DECLINES_MAX, PAUSE, Paused, declines_left
from payseal.risk.tries import Tries, count_decline, tries_left

__all__ = [
    "DECLINES_MAX",
    "PAUSE",
    "Barred",
    "CardBarred",
    "Paused",
    "Tries",
    "bar_card",
    "check_card",
    "count_decline",
    "declines_left",
    "tries_left",
]
