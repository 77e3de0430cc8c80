"""What can be done with links: create, get, list, cancel, expire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from payseal.core.errors import Invalid, Missing
from payseal.core.event import happened
from payseal.core.history import newest
from payseal.core.ids import (
    AccountId,
    LinkId,
    Mint,
    Mode,
    home,
    homes,
    is_theirs,
)
from payseal.core.money import Money, currency_of
from payseal.core.offer import Offer
from payseal.core.store import PAGE_MAX, Insert, Page, Store, Update
from payseal.links.link import (
    DESCRIPTION_MAX,
    LIFE,
    LIFE_MAX,
    LIFE_MIN,
    METADATA_MAX,
    METADATA_NAME_MAX,
    METADATA_TEXT_MAX,
    PAYMENTS_MAX,
    REALM_MAX,
    URL_MAX,
    AtEnd,
    Capture,
    Link,
    LinkCancelled,
    LinkStatus,
)
from payseal.links.wishes import choose, is_web_address, shows_something


class InvalidExpiry(Invalid):
    """Not between 60 seconds and 90 days from now."""

    code, title = "invalid_expiry", "The expiry is not valid."


class InvalidLink(Invalid):
    """Some other wish cannot be met; the member `field` names it."""

    code, title = "invalid_payment", "The payment cannot be created like this."


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant asks for; nothing of it is checked yet."""

    amount: str
    currency: str
    method: str
    realm: str
    date: datetime
    description: str = ""
    expires_in: int | None = None  # seconds
    expires_at: datetime | None = None
    max_payments: int | None = 1
    capture: Capture = Capture.AUTOMATIC
    at_end: AtEnd = AtEnd.VOID
    success_url: str = ""
    cancel_url: str = ""
    metadata: dict[str, str] = {}


async def create(
    store: Store,
    mint: Mint,
    account: AccountId,
    mode: Mode,
    offers: Sequence[Offer],
    new: NewLink,
    *,
    shards: int = 1,
    at: datetime,
) -> Link:
    """A link that asks for a payment by one of the account's `offers`.

    It goes to any of the account's `shards`, and all that becomes of it stays there.
    """
    currency = currency_of(new.currency)
    amount = Money.parse(new.amount, currency)
    issuer, *others = choose(offers, new.method, currency)
    _check_wishes(new)
    link = Link(
        id=mint.id(Link.prefix, home(account, mode, mint.shard(shards)), at),
        amount=amount,
        method=new.method,
        issuer=issuer,
        others=tuple(others),
        realm=new.realm,
        date=new.date,
        expires_at=_expiry(new, at),
        max_payments=new.max_payments,
        capture=new.capture,
        at_end=new.at_end,
        description=new.description,
        success_url=new.success_url,
        cancel_url=new.cancel_url,
        metadata=new.metadata,
    )
    await store.commit(Insert(link), Insert(happened("link.created", link, at)))
    return link


async def get(store: Store, account: AccountId, mode: Mode, link_id: LinkId) -> Link:
    """The account's link; `Missing` when it is another account's, or of the other mode."""
    if is_theirs(link_id, Link.prefix, account, mode):
        link = await store.get(Link, link_id)
        if link is not None:
            return link
    raise Missing("You have no payment with that id.", payment=link_id)


async def history(
    store: Store,
    account: AccountId,
    mode: Mode,
    *,
    shards: int = 1,
    realm: str | None = None,
    status: LinkStatus | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = PAGE_MAX,
    after: str | None = None,
    at: datetime,
) -> Page[Link]:
    """The account's links, newest first, as they are shown at that moment."""

    def wanted(link: Link) -> bool:
        return realm in (None, link.realm) and status in (None, link.shown(at))

    return await newest(
        store,
        Link,
        homes(account, mode, shards),
        None if realm is None and status is None else wanted,
        start=start,
        end=end,
        after=after,
        limit=limit,
    )


async def cancel(
    store: Store, account: AccountId, mode: Mode, link_id: LinkId, *, at: datetime
) -> Link:
    """Withdraw an open link; what is under way finishes."""
    link = await get(store, account, mode, link_id)
    if link.status is LinkStatus.CANCELLED:
        raise LinkCancelled("It was cancelled before.", link=link.id)
    if link.status is not LinkStatus.AUTHORIZED:  # then what is held may be captured or voided yet
        link.check_open(at)
    link = link.cancel()
    await store.commit(Update(link), Insert(happened("link.cancelled", link, at)))
    return link


async def expire(store: Store, link_id: str, *, at: datetime) -> None:
    """Let a link expire whose moment has come; nothing, if it has not or somebody was faster.

    No worker holds a link for it: nobody is called, and of two commits one is lost.
    """
    link = await store.get(Link, link_id)
    if link is None or link.due is None or at < link.due:
        return
    link = link.expire(at)
    await store.commit(Update(link), Insert(happened("link.expired", link, at)))


def _expiry(new: NewLink, at: datetime) -> datetime:
    if new.expires_in is not None and new.expires_at is not None:
        raise InvalidExpiry("Give expiresIn or expiresAt, not both.", field="expiresAt")
    field = "expiresIn" if new.expires_at is None else "expiresAt"
    if new.expires_in is not None:
        # Bounded before it is added: a timedelta has an end, and a caller's number has none.
        life = timedelta(seconds=min(max(new.expires_in, 0), LIFE_MAX.total_seconds() + 1))
    else:
        life = LIFE if new.expires_at is None else new.expires_at - at
    if not LIFE_MIN <= life <= LIFE_MAX:
        raise InvalidExpiry("A link lives from 60 seconds to 90 days.", field=field)
    return at + life


def _check_wishes(new: NewLink) -> None:
    if not 1 <= len(new.realm) <= REALM_MAX or not shows_something(new.realm):
        raise InvalidLink(f"The realm has 1 to {REALM_MAX} characters.", field="realm")
    if len(new.description) > DESCRIPTION_MAX:
        raise InvalidLink(
            f"The description has at most {DESCRIPTION_MAX} characters.", field="description"
        )
    if new.max_payments is not None and not 1 <= new.max_payments <= PAYMENTS_MAX:
        raise InvalidLink(
            f"It can be paid 1 to {PAYMENTS_MAX} times, or null for without end.",
            field="maxPayments",
        )
    _check_url(new.success_url, "successUrl")
    _check_url(new.cancel_url, "cancelUrl")
    if len(new.metadata) > METADATA_MAX or any(
        not 1 <= len(name) <= METADATA_NAME_MAX or len(text) > METADATA_TEXT_MAX
        for name, text in new.metadata.items()
    ):
        raise InvalidLink(
            f"Metadata has at most {METADATA_MAX} members: names of 1 to {METADATA_NAME_MAX}"
            f" characters, texts of at most {METADATA_TEXT_MAX}.",
            field="metadata",
        )


def _check_url(url: str, field: str) -> None:
    if url and not is_web_address(url):
        raise InvalidLink(
            f"Give a full https address of at most {URL_MAX} characters.", field=field
        )
