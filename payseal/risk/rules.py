"""The rules that say whether a payer may try. Each is a function of what is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from payseal.core.errors import TooMany

DECLINES_MAX = 5
PAUSE = timedelta(minutes=15)


class Paused(TooMany):
    """One payer, one link, too many declined cards; `retryAfter` seconds are left to wait."""

    code, title = "paused", "Too many attempts were declined."


def declines_left(declined_at: Sequence[datetime], *, at: datetime) -> int:
    """How many more cards may be declined; `Paused` if it is none (card testing)."""
    recent = sorted(moment for moment in declined_at if at - moment < PAUSE)
    if len(recent) >= DECLINES_MAX:
        wait = recent[-DECLINES_MAX] + PAUSE - at
        raise Paused(
            "Please wait some minutes before you try again.",
            retryAfter=-(-wait // timedelta(seconds=1)),  # rounded up: then it is over
        )
    return DECLINES_MAX - len(recent)
