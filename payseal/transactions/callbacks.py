"""What an issuer tells of chargebacks by itself, and its settlement file will tell as well."""

from __future__ import annotations

from datetime import datetime

from payseal.core.errors import Unavailable
from payseal.core.ids import is_id
from payseal.core.store import Store
from payseal.ledger import Callback, CallbackType
from payseal.transactions import differences, disputes
from payseal.transactions.dispute import Dispute
from payseal.transactions.naming import named

RETRY_AFTER_S = 60


class NotBookedYet(Unavailable):
    """Our answer may be on its way; the settlement file has the last word."""

    code, title = "charge_not_known", "We do not know this charge, or not yet."


async def take(store: Store, issuer: str, told: Callback, *, at: datetime) -> None:
    """Once, whoever comes first: the callback, its repetition, or the file. Run by `deciding`.

    Raises `NotBookedYet`, and `InvalidStatement` where the merchant is none of ours.
    """
    (group,) = await named(store, issuer, [[told.line]])
    rest, _ = await differences.disputed(store, group, "", at)
    if not is_id(rest.operation, Dispute.prefix):
        raise NotBookedYet("Tell us again later.", retryAfter=RETRY_AFTER_S)
    if told.type is CallbackType.LOST:
        await disputes.lose(store, rest.operation, at=at)
