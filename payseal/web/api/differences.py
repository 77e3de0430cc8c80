"""/api/differences: what an issuer's settlement file and the ledger do not agree on."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from payseal import accounts
from payseal.core.ids import Mode, mode_of
from payseal.core.store import deciding
from payseal.ledger import DifferenceKind
from payseal.transactions import Difference, DifferenceStatus, differences
from payseal.web.api.lists import Listing, PartWanted, listing
from payseal.web.auth import Caller
from payseal.web.body import Moment
from payseal.web.once import Effect
from payseal.web.strict import shaped


class DifferenceView(msgspec.Struct, frozen=True, rename="camel"):
    """Both amounts, with a sign: above zero the issuer owes it; null: nothing is there."""

    id: str
    kind: DifferenceKind
    status: DifferenceStatus
    mode: Mode
    issuer: str
    reference: str
    transaction: str | None
    ours: str | None
    theirs: str | None
    currency: str
    day: str
    found_at: Moment
    note: str | None


class DifferencesWanted(PartWanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which differences."""

    status: DifferenceStatus | None = None


class Seen(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What was done about it."""

    note: Annotated[str, shaped("paid out by hand", minLength=1, maxLength=200)]


def difference_view(difference: Difference) -> DifferenceView:
    """The difference as it is."""
    ours, theirs = difference.ours, difference.theirs
    return DifferenceView(
        id=difference.id,
        kind=difference.kind,
        status=difference.status,
        mode=mode_of(difference.id),
        issuer=difference.issuer,
        reference=difference.reference,
        transaction=difference.transaction or None,
        ours=None if ours is None else str(ours),
        theirs=None if theirs is None else str(theirs),
        currency=difference.currency,
        day=difference.day,
        found_at=difference.found_at,
        note=difference.note or None,
    )


@get("/api/differences")
async def list_differences(
    wanted: NamedDependency[DifferencesWanted], caller: NamedDependency[Caller]
) -> Listing[DifferenceView]:
    """List differences between the issuers' books and ours, the latest payment first."""
    shards = await accounts.shards_of(caller.accounts, caller.account)
    page = await differences.history(
        caller.payments,
        caller.account,
        caller.mode,
        shards=shards,
        status=wanted.status,
        limit=wanted.limit,
        after=wanted.after,
    )
    return listing(page, difference_view)


@get("/api/differences/{difference_id:str}")
async def get_difference(
    difference_id: FromPath[str], caller: NamedDependency[Caller]
) -> DifferenceView:
    """Show a difference."""
    found = await differences.get(caller.payments, caller.account, caller.mode, difference_id)
    return difference_view(found)


_EFFECT = {"once": Effect("payments", Difference, lambda found, _, __: difference_view(found))}


@post("/api/differences/{difference_id:str}/resolve", status_code=200, opt=_EFFECT)
async def resolve_difference(
    difference_id: FromPath[str], data: JSONBody[Seen], caller: NamedDependency[Caller]
) -> DifferenceView:
    """Say that somebody has seen to it, and how; one that is resolved stays as it is."""
    found = await deciding(
        differences.resolve,
        caller.payments,
        caller.account,
        caller.mode,
        difference_id,
        data.note,
        at=caller.at,
    )
    return difference_view(found)
