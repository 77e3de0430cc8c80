"""Callback: what an issuer tells of a chargeback at once, before its settlement file has it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from payseal.core.errors import Invalid
from payseal.ledger.statement import InvalidStatement, Movement, MovementKind, movement_of


class InvalidCallback(Invalid):
    """The body does not say what became of which chargeback."""

    code, title = "invalid_callback", "This is no callback that can be read."


class CallbackType(StrEnum):
    """What became of a chargeback."""

    OPENED = "chargeback.opened"
    WON = "chargeback.won"
    LOST = "chargeback.lost"


class Callback(msgspec.Struct, frozen=True):
    """Its line, as the settlement file has it or will have it; of a loss that of the chargeback."""

    type: CallbackType
    line: Movement


class _Sent(msgspec.Struct, frozen=True):
    type: CallbackType
    line: dict[str, str | int]


def heard(body: bytes) -> Callback:
    """The JSON of docs/settlement.md; `InvalidCallback`."""
    try:
        sent = msgspec.json.decode(body, type=_Sent)
        line = movement_of({name: str(value) for name, value in sent.line.items()})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidStatement):
        raise InvalidCallback("It has no type that we know, or no line of a file.") from None
    is_won = line.kind is MovementKind.REVERSAL
    if is_won is not (sent.type is CallbackType.WON) or not (
        is_won or line.kind is MovementKind.CHARGEBACK
    ):
        raise InvalidCallback("Its line does not fit its type.")
    return Callback(sent.type, line)
