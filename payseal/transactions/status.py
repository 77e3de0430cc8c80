"""Status: what became of an attempt, and what may follow what."""

from __future__ import annotations

from enum import StrEnum

from payseal.core.state import Moves


class TransactionStatus(StrEnum):
    """What became of the attempt."""

    STARTED = "started"
    CHALLENGED = "challenged"
    UNKNOWN = "unknown"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    DECLINED = "declined"
    REVERSED = "reversed"
    VOIDED = "voided"
    FAILED = "failed"


_S = TransactionStatus
MOVES = Moves(
    {
        _S.STARTED: (
            _S.CHALLENGED,
            _S.UNKNOWN,
            _S.AUTHORIZED,
            _S.CAPTURED,
            _S.DECLINED,
            _S.FAILED,
        ),
        _S.CHALLENGED: (_S.STARTED, _S.AUTHORIZED, _S.CAPTURED, _S.DECLINED, _S.FAILED),
        _S.UNKNOWN: (_S.AUTHORIZED, _S.CAPTURED, _S.DECLINED, _S.REVERSED),
        _S.AUTHORIZED: (_S.CAPTURED, _S.VOIDED),
        _S.CAPTURED: (),
        _S.DECLINED: (),
        _S.REVERSED: (),
        _S.VOIDED: (),
        _S.FAILED: (),
    }
)
