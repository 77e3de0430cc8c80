"""Following: what became of a capture, void or refund whose answer did not come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from payseal.issuers import Clock, Found, Issuer, NotFound, NotSent, Operation, Unable

# Commits the same operation with a new time, and gives it; None if somebody was faster.
SendAgain = Callable[[], Awaitable[Operation | None]]


async def found_out(
    issuer: Issuer | None, operation: Operation, send_again: SendAgain, now: Clock
) -> Found:
    """What the issuer's book says; what it does not have is sent again under the same reference.

    Nothing is sent again where twice would not be once: then it stays unknown.
    """
    if issuer is None:
        return NotSent("issuer not connected")
    able = issuer.abilities
    found = await issuer.look_up(operation) if able.look_up else Unable()
    if isinstance(found, NotFound | Unable) and able.repeats:
        again = await send_again()
        if again is not None:
            return await issuer.follow(again, now, repeat=True)
    return found
