"""Result: what a merchant's site is told by the payer's browser, signed, so that it can believe it.

A JWS (RFC 7515) that anyone can check with the keys of /.well-known/jwks.json, as a link's token.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from payseal.checkout import Visit, VisitState
from payseal.core.ids import mode_of
from payseal.core.keypair import Purpose
from payseal.transactions import TransactionStatus
from payseal.web.pages.address import origin_of
from payseal.web.parts import Parts

LIFE = timedelta(minutes=10)


class Claims(msgspec.Struct, frozen=True):
    """Who says it (`iss`) to whom (`aud`, an origin), when, until when, and what was paid."""

    iss: str
    aud: str
    iat: int  # seconds since 1970
    exp: int
    payment: str
    transaction: str
    form: str
    status: str  # paid, or authorized
    amount: str
    currency: str
    realm: str
    mode: str


def result_of(parts: Parts, visit: Visit, at: datetime) -> str:
    """The token; empty unless a form's payer has paid, and its site is to be told."""
    link, txn = visit.link, visit.transaction
    if not (link.form and link.success_url and txn and visit.state is VisitState.PAID):
        return ""
    held = txn.status is TransactionStatus.AUTHORIZED
    claims = Claims(
        iss=parts.base_url,
        aud=origin_of(link.success_url),
        iat=int(at.timestamp()),
        exp=int((at + LIFE).timestamp()),
        payment=link.id,
        transaction=txn.id,
        form=link.form,
        status="authorized" if held else "paid",
        amount=str(txn.amount if held else txn.captured),
        currency=txn.amount.currency.value,
        realm=link.realm,
        mode=mode_of(link.id).value,
    )
    return parts.keys().signer(Purpose.RESULT, at).sign(msgspec.json.encode(claims))
