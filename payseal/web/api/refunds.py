"""Refunds: give a payment back, all of it or a part."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from payseal import transactions
from payseal.core.ids import Mode, mode_of
from payseal.core.store import deciding
from payseal.transactions import Refund, RefundStatus, refunds
from payseal.web.api.lists import Listing, PartWanted, listing
from payseal.web.api.payments import AMOUNT
from payseal.web.auth import Caller
from payseal.web.body import Moment
from payseal.web.once import Effect
from payseal.web.parts import Parts
from payseal.web.strict import shaped

ANSWER_WITHIN_S = 7.5  # after it the refund goes on, and a webhook tells how it ended


class NewRefund(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is to be given back; all that is left of the payment, if no amount is given."""

    amount: Annotated[str, shaped("12.50", pattern=AMOUNT)] | None = None
    reason: Annotated[str, shaped("returned", maxLength=200)] = ""


class RefundView(msgspec.Struct, frozen=True, rename="camel"):
    """A refund; `why` is given where it came to nothing, or is not known yet."""

    id: str
    transaction: str
    payment: str
    status: RefundStatus
    mode: Mode
    amount: str
    currency: str
    realm: str
    issuer: str
    reference: str
    reason: str
    why: str | None
    created_at: Moment


def refund_view(refund: Refund) -> RefundView:
    """The refund as it is."""
    return RefundView(
        id=refund.id,
        transaction=refund.transaction,
        payment=refund.payment,
        status=refund.status,
        mode=mode_of(refund.id),
        amount=str(refund.amount),
        currency=refund.amount.currency.value,
        realm=refund.realm,
        issuer=refund.issuer,
        reference=refund.operation.reference,
        reason=refund.reason,
        why=refund.why or None,
        created_at=refund.created_at,
    )


_EFFECT = {"once": Effect("payments", Refund, lambda refund, _, __: refund_view(refund))}


@post("/api/transactions/{transaction_id:str}/refunds", status_code=201, opt=_EFFECT)
async def create_refund(
    transaction_id: FromPath[str], data: JSONBody[NewRefund], caller: NamedDependency[Caller]
) -> RefundView:
    """Give a captured payment back, all of it or a part."""
    parts: Parts = caller.parts
    store = caller.payments
    txn = await transactions.get(store, caller.account, caller.mode, transaction_id)
    refund = await deciding(
        refunds.start,
        store,
        parts.issuers,
        parts.mint,
        txn.id,
        data.amount,
        data.reason,
        at=caller.at,
    )
    call = refunds.send(store, parts.issuers, refund, now=parts.now)
    return refund_view(await parts.till.take(call, ANSWER_WITHIN_S) or refund)


@get("/api/transactions/{transaction_id:str}/refunds")
async def list_refunds(
    transaction_id: FromPath[str],
    wanted: NamedDependency[PartWanted],
    caller: NamedDependency[Caller],
) -> Listing[RefundView]:
    """List a transaction's refunds, the oldest first."""
    store = caller.payments
    txn = await transactions.get(store, caller.account, caller.mode, transaction_id)
    page = await refunds.of_transaction(store, txn.id, limit=wanted.limit, after=wanted.after)
    return listing(page, refund_view)


@get("/api/refunds/{refund_id:str}")
async def get_refund(refund_id: FromPath[str], caller: NamedDependency[Caller]) -> RefundView:
    """Show a refund."""
    return refund_view(await refunds.get(caller.payments, caller.account, caller.mode, refund_id))
