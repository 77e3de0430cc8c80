"""Link: a request to be paid."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from payseal.core.errors import Gone, NotAllowed
from payseal.core.ids import AccountId, account_of, made_at, mode_of
from payseal.core.money import Money
from payseal.core.record import Record
from payseal.core.state import Moves

LIFE_MIN, LIFE_MAX = timedelta(seconds=60), timedelta(days=90)
LIFE = timedelta(hours=24)
PAYMENTS_MAX = 1000
ISSUERS_MAX = 4  # of one link
REALM_MAX, DESCRIPTION_MAX, URL_MAX = 100, 500, 2000
METADATA_MAX, METADATA_NAME_MAX, METADATA_TEXT_MAX = 20, 40, 500


class Capture(StrEnum):
    """Whether a payment is captured at once, or held until the merchant says so."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class AtEnd(StrEnum):
    """What is done with an authorization that nobody captured or voided in time."""

    VOID = "void"
    CAPTURE = "capture"


class LinkStatus(StrEnum):
    """What a merchant is shown of a link."""

    OPEN = "open"
    AUTHORIZED = "authorized"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


MOVES = Moves(
    {
        LinkStatus.OPEN: (
            LinkStatus.AUTHORIZED,
            LinkStatus.PAID,
            LinkStatus.EXPIRED,
            LinkStatus.CANCELLED,
        ),
        # Paid, or set free again by a void.
        LinkStatus.AUTHORIZED: (
            LinkStatus.PAID,
            LinkStatus.OPEN,
            LinkStatus.EXPIRED,
            LinkStatus.CANCELLED,
        ),
        LinkStatus.EXPIRED: (LinkStatus.AUTHORIZED, LinkStatus.PAID),  # what was in flight
        LinkStatus.CANCELLED: (LinkStatus.AUTHORIZED, LinkStatus.PAID),  # likewise
        LinkStatus.PAID: (),
    }
)


class LinkExpired(Gone):
    """The seal holds, but its moment has passed."""

    code, title = "link_expired", "This link has expired."


class LinkCancelled(Gone):
    """The merchant has withdrawn it."""

    code, title = "link_cancelled", "This link was cancelled."


class AlreadyPaid(NotAllowed):
    """As often as it may be."""

    code, title = "link_paid", "This link has been paid."


class Link(Record, frozen=True, kw_only=True):
    """Asks for `amount`, until `expires_at`, at most `max_payments` times (None: without end)."""

    prefix, table, moves = "lnk", "links", MOVES

    status: LinkStatus = LinkStatus.OPEN
    amount: Money
    method: str
    issuer: str
    others: tuple[str, ...] = ()  # who is asked after it, in order
    realm: str
    date: datetime
    expires_at: datetime
    max_payments: int | None = 1
    capture: Capture = Capture.AUTOMATIC
    at_end: AtEnd = AtEnd.VOID  # of an authorization
    before: LinkStatus = LinkStatus.OPEN  # it was authorized
    description: str = ""
    success_url: str = ""
    cancel_url: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    form: str = ""  # that made it, when it was submitted
    quantity: int = 1
    answers: dict[str, str] = msgspec.field(default_factory=dict)  # of the form's own fields

    @property
    def of(self) -> str | None:
        """The form that it is listed under."""
        return self.form or None

    @property
    def account(self) -> AccountId:
        """Whose it is."""
        return account_of(self.id)

    @property
    def issuers(self) -> tuple[str, ...]:
        """Who is asked for the money, one after the other, until one of them has it."""
        return (self.issuer, *self.others)

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        return made_at(self.id)

    @property
    def due(self) -> datetime | None:
        """When the worker should let it expire."""
        return self.expires_at if self.status is LinkStatus.OPEN else None

    def facts(self) -> dict[str, object]:
        """What its events tell."""
        return {
            "id": self.id,
            "mode": mode_of(self.id).value,
            "status": self.status.value,
            "amount": str(self.amount),
            "currency": self.amount.currency.value,
            "realm": self.realm,
            **({"form": self.form} if self.form else {}),
        }

    def shown(self, at: datetime) -> LinkStatus:
        """Its status at that moment, whether or not the worker has been there."""
        if self.status is LinkStatus.OPEN and at >= self.expires_at:
            return LinkStatus.EXPIRED
        return self.status

    def check_open(self, at: datetime) -> None:
        """May a new attempt start? `LinkExpired`, `LinkCancelled` or `AlreadyPaid` if not."""
        match self.shown(at):
            case LinkStatus.EXPIRED:
                raise LinkExpired("Ask the merchant for a new link.", link=self.id)
            case LinkStatus.CANCELLED:
                raise LinkCancelled("The merchant has withdrawn it.", link=self.id)
            case LinkStatus.PAID | LinkStatus.AUTHORIZED:
                raise AlreadyPaid("It cannot be paid again.", link=self.id)

    def authorize(self) -> Link:
        """Its one payment is held."""
        return self._become(LinkStatus.AUTHORIZED, before=self.status)

    def set_free(self, at: datetime) -> Link:
        """What held it was voided: it is again as it was before, unless its time is over."""
        over = self.before is LinkStatus.OPEN and at >= self.expires_at
        return self._become(LinkStatus.EXPIRED if over else self.before)

    def pay(self) -> Link:
        """All its places are paid."""
        return self._become(LinkStatus.PAID)

    def cancel(self) -> Link:
        """No new attempts; those under way finish."""
        return self._become(LinkStatus.CANCELLED)

    def expire(self, at: datetime) -> Link:
        """Past its moment; never before it."""
        if at < self.expires_at:
            raise NotAllowed("The link has not expired yet.", status=self.status.value)
        return self._become(LinkStatus.EXPIRED)
