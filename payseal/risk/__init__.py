"""Risk: whether a payer may try."""

from payseal.risk.rules import DECLINES_MAX, PAUSE, Paused, check_declines
from payseal.risk.tries import Tries, check_payer, count_decline, forget

__all__ = [
    "DECLINES_MAX",
    "PAUSE",
    "Paused",
    "Tries",
    "check_declines",
    "check_payer",
    "count_decline",
    "forget",
]
