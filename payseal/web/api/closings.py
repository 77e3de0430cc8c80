"""Capture and void: what ends an authorization."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from payseal import transactions
from payseal.core.errors import Conflict, Unavailable
from payseal.core.store import deciding
from payseal.issuers import Declined, NotSent, OperationKind
from payseal.transactions import Transaction, closings
from payseal.web.api.payments import AMOUNT
from payseal.web.api.refunds import ANSWER_WITHIN_S
from payseal.web.api.transactions import TransactionView, transaction_view
from payseal.web.auth import Caller
from payseal.web.once import Effect
from payseal.web.parts import Parts
from payseal.web.strict import shaped


class ClosingDeclined(Conflict):
    """The issuer did not capture or void it; `reason` says why, and it stays authorized."""

    code, title = "closing_declined", "The bank said no."


class NotReached(Unavailable):
    """The issuer could not be asked, and nothing was done."""

    code, title = "issuer_not_reached", "The bank could not be reached."


class NewCapture(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is captured: all of it, if no amount is given; the rest is released."""

    amount: Annotated[str, shaped("12.50", pattern=AMOUNT)] | None = None


def _view(txn: Transaction, _: Parts, __: datetime) -> TransactionView:
    return transaction_view(txn)


_EFFECT = {"once": Effect("payments", Transaction, _view)}


@post("/api/transactions/{transaction_id:str}/capture", status_code=200, opt=_EFFECT)
async def capture_transaction(
    transaction_id: FromPath[str], data: JSONBody[NewCapture], caller: NamedDependency[Caller]
) -> TransactionView:
    """Capture an authorized payment, all of it or a part, once."""
    return await _close(caller, transaction_id, OperationKind.CAPTURE, data.amount)


@post("/api/transactions/{transaction_id:str}/void", status_code=200, opt=_EFFECT)
async def void_transaction(
    transaction_id: FromPath[str], caller: NamedDependency[Caller]
) -> TransactionView:
    """Give up an authorized payment: its payer's money is released."""
    return await _close(caller, transaction_id, OperationKind.VOID, None)


async def _close(
    caller: Caller, txn_id: str, kind: OperationKind, amount: str | None
) -> TransactionView:
    parts, store = caller.parts, caller.payments
    txn = await transactions.get(store, caller.account, caller.mode, txn_id)
    started = await deciding(
        closings.start, store, parts.issuers, txn.id, kind, amount, at=caller.at
    )
    call = closings.send(store, parts.issuers, started, now=parts.now)
    txn, answer = await parts.till.take(call, ANSWER_WITHIN_S) or (started, None)
    match answer:
        case Declined():
            raise ClosingDeclined("It stays authorized.", reason=answer.reason)
        case NotSent():
            raise NotReached("Please try again later.", retryAfter=60)
    return transaction_view(txn)
