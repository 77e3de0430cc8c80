"""Answers as fields; and what a fault makes of them."""

from __future__ import annotations

from typing import Final

from payseal_sandbox import private
from payseal_sandbox.clerk import Verdict
from payseal_sandbox.codes import Code
from payseal_sandbox.currencies import NUMBER_OF
from payseal_sandbox.messages import kind
from payseal_sandbox.rows import Booking, Status
from payseal_sandbox.wire import Fields, encode, fits, frame

_NAMES: Final = ("7", "11", "32", "37", "41", "42")
_ECHOED: Final = {"0600": _NAMES, "0800": ("7", "11", "32", "70")}
_ECHOED_ELSE: Final = ("3", "4", "12", "13", "49", *_NAMES)
_STATES: Final = {Status.APPROVED: "A", Status.DECLINED: "D", Status.REVERSED: "R"}
_AMOUNT_DIGITS: Final = 12
_STAN_DIGITS: Final = 6


def plain(fields: Fields, code: Code, at_fault: str = "") -> dict[str, str]:
    """The fields that an answer repeats, a code, and the number of a field at fault."""
    echoed = _ECHOED.get(kind(fields), _ECHOED_ELSE)
    repeated = {n: fields[n] for n in echoed if n in fields and fits(n, fields[n])}
    reply = {"t": f"{fields['t'][:2]}{int(fields['t'][2]) + 1}0", **repeated, "39": code.value}
    return reply | {"44": at_fault} if at_fault else reply


def settled(fields: Fields, verdict: Verdict) -> dict[str, str]:
    """The answer to what was decided."""
    reply = plain(fields, verdict.code)
    booking = verdict.booking
    if booking and booking.approval_code:
        reply["38"] = booking.approval_code
    if verdict.code is Code.PARTLY and booking:
        reply["4"] = f"{booking.amount:012}"
    if booking and kind(fields) == "0600":
        reply |= _original(booking)
    return reply


def garbled(reply: Fields) -> bytes:
    """A frame of the right length whose bytes are no message."""
    return frame(bytes(byte ^ 0xFF for byte in encode(reply)[2:]))


def altered(reply: Fields) -> dict[str, str]:
    """An answer that reads well and belongs to no request."""
    if "4" in reply:
        return {**reply, "4": f"{(int(reply['4']) + 1) % 10**_AMOUNT_DIGITS:012}"}
    return {**reply, "37": "".join("Z" if c != "Z" else "A" for c in reply["37"])}


def strayed(reply: Fields) -> dict[str, str]:
    """The answer as if to somebody else: under another trace number."""
    return {**reply, "11": f"{(int(reply['11']) + 1) % 10**_STAN_DIGITS:06}"}


def _original(booking: Booking) -> dict[str, str]:
    """What an inquiry is told of the operation it asked for."""
    return {
        "4": f"{booking.amount:012}",
        "49": NUMBER_OF[booking.currency],
        "48": private.write({"01": booking.response_code, "02": _STATES[booking.status]}),
    }
