"""/api/disputes: what payers' banks have taken back."""

from __future__ import annotations

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from payseal import accounts
from payseal.core.ids import Mode, mode_of
from payseal.core.store import deciding
from payseal.transactions import Dispute, DisputeStatus, disputes
from payseal.web.api.lists import Listing, PartWanted, listing
from payseal.web.auth import Caller
from payseal.web.body import Moment
from payseal.web.once import Effect


class DisputeView(msgspec.Struct, frozen=True, rename="camel"):
    """`contested`: the payer had refunds as well, named in `evidence`, beyond what was paid.

    `accepted`: you have given in; `lost`: the issuer has decided for the payer.
    """

    id: str
    transaction: str
    payment: str
    status: DisputeStatus
    mode: Mode
    amount: str
    currency: str
    realm: str
    issuer: str
    reference: str
    over_recovered: str
    evidence: list[str]
    created_at: Moment


class DisputesWanted(PartWanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which disputes."""

    status: DisputeStatus | None = None


def dispute_view(dispute: Dispute) -> DisputeView:
    """The dispute as it is."""
    return DisputeView(
        id=dispute.id,
        transaction=dispute.transaction,
        payment=dispute.payment,
        status=dispute.status,
        mode=mode_of(dispute.id),
        amount=str(dispute.amount),
        currency=dispute.amount.currency.value,
        realm=dispute.realm,
        issuer=dispute.issuer,
        reference=dispute.reference,
        over_recovered=str(dispute.over_recovered),
        evidence=list(dispute.evidence),
        created_at=dispute.created_at,
    )


@get("/api/disputes")
async def list_disputes(
    wanted: NamedDependency[DisputesWanted], caller: NamedDependency[Caller]
) -> Listing[DisputeView]:
    """List disputes, the latest first."""
    shards = await accounts.shards_of(caller.accounts, caller.account)
    page = await disputes.history(
        caller.payments,
        caller.account,
        caller.mode,
        shards=shards,
        status=wanted.status,
        limit=wanted.limit,
        after=wanted.after,
    )
    return listing(page, dispute_view)


@post(
    "/api/disputes/{dispute_id:str}/accept",
    status_code=200,
    opt={"once": Effect("payments", Dispute, lambda dispute, _, __: dispute_view(dispute))},
)
async def accept_dispute(dispute_id: FromPath[str], caller: NamedDependency[Caller]) -> DisputeView:
    """Accept a dispute: you will not contest it. The money is with the payer already."""
    found = await deciding(
        disputes.accept, caller.payments, caller.account, caller.mode, dispute_id, at=caller.at
    )
    return dispute_view(found)


@get("/api/disputes/{dispute_id:str}")
async def get_dispute(dispute_id: FromPath[str], caller: NamedDependency[Caller]) -> DisputeView:
    """Show a dispute."""
    found = await disputes.get(caller.payments, caller.account, caller.mode, dispute_id)
    return dispute_view(found)
