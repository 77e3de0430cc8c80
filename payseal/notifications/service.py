"""What can be done with endpoints: create, list, delete; and events become deliveries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from payseal.core.errors import Missing
from payseal.core.event import Event, happened
from payseal.core.feed import OUTPUT_MAX, Reader
from payseal.core.history import merged
from payseal.core.ids import (
    AccountId,
    Mint,
    Mode,
    Partition,
    account_of,
    home,
    homes,
    is_theirs,
    mode_of,
)
from payseal.core.master import MasterKey
from payseal.core.signature import new_secret
from payseal.core.store import PAGE_MAX, Delete, Insert, Page, Store
from payseal.notifications.delivery import Delivery, new_delivery
from payseal.notifications.endpoint import (
    ENDPOINTS_MAX,
    TOPICS,
    Endpoint,
    InvalidEndpoint,
    TooManyEndpoints,
    check_events,
)
from payseal.outbound import URL_MAX

CONSUMER = "notifications"


async def create_endpoint(
    accounts: Store,
    mint: Mint,
    master: MasterKey,
    entropy: Callable[[int], bytes],
    account: AccountId,
    mode: Mode,
    url: str,
    events: Sequence[str],
    check: Callable[[str], None],
    *,
    at: datetime,
) -> tuple[Endpoint, str]:
    """A new endpoint and its secret, which is shown this once; `check` refuses bad addresses."""
    patterns = check_events(events)
    if not 1 <= len(url) <= URL_MAX:
        raise InvalidEndpoint(f"Give an address of at most {URL_MAX} characters.", field="url")
    check(url)
    if len(await endpoints(accounts, account, mode)) >= ENDPOINTS_MAX:
        raise TooManyEndpoints(f"There can be {ENDPOINTS_MAX}; delete one.", max=ENDPOINTS_MAX)
    id, secret = mint.id(Endpoint.prefix, home(account, mode), at), new_secret(entropy)
    sealed = master.seal(secret.encode(), context=id)
    endpoint = Endpoint(id=id, url=url, events=patterns, secret=sealed)
    await accounts.commit(Insert(endpoint), Insert(happened("endpoint.created", endpoint, at)))
    return endpoint, secret


async def endpoints(accounts: Store, account: AccountId, mode: Mode) -> list[Endpoint]:
    """All of them, the oldest first."""
    return await _endpoints(accounts, home(account, mode))


async def get_endpoint(
    accounts: Store, account: AccountId, mode: Mode, endpoint_id: str
) -> Endpoint:
    """The account's endpoint; `Missing` when it is another account's, or of the other mode."""
    if is_theirs(endpoint_id, Endpoint.prefix, account, mode):
        endpoint = await accounts.get(Endpoint, endpoint_id)
        if endpoint is not None:
            return endpoint
    raise Missing("You have no webhook with that id.", webhook=endpoint_id)


async def delete_endpoint(
    accounts: Store, account: AccountId, mode: Mode, endpoint_id: str, *, at: datetime
) -> None:
    """It gets nothing any more; what is under way to it is cancelled when its turn comes."""
    endpoint = await get_endpoint(accounts, account, mode, endpoint_id)
    deleted = happened("endpoint.deleted", endpoint.delete(), at)
    await accounts.commit(Delete(endpoint), Insert(deleted))


async def deliveries(
    accounts: Store,
    payments: Store,
    account: AccountId,
    mode: Mode,
    endpoint_id: str,
    *,
    shards: int = 1,
    limit: int = 50,
    after: str | None = None,
) -> Page[Delivery]:
    """What was sent to one endpoint, and what is waiting, the newest event first."""
    endpoint = await get_endpoint(accounts, account, mode, endpoint_id)
    return await merged(
        payments,
        Delivery,
        homes(account, mode, shards),
        of=endpoint.id,
        limit=min(limit, PAGE_MAX),
        after=after,
        newest_first=True,
    )


def fan_out(
    payments: Store, accounts: Store, worker: str, *, now: Callable[[], datetime]
) -> Reader:
    """Reads the feed, and makes a delivery of each event for each endpoint that wants it."""

    async def make(events: Sequence[Event]) -> list[Insert]:
        return [Insert(new) for new in await _deliveries(accounts, events, now())]

    return Reader(payments, CONSUMER, worker, make, now=now)


async def _deliveries(accounts: Store, events: Iterable[Event], at: datetime) -> list[Delivery]:
    found: dict[Partition, list[Endpoint]] = {}
    wanted = []
    for event in events:
        if event.type.partition(".")[0] not in TOPICS:
            continue
        # An account's endpoints are all at home, whatever shard the event is of.
        place = home(account_of(event.id), mode_of(event.id))
        if place not in found:
            found[place] = await _endpoints(accounts, place)
        wanted += [new_delivery(end, event, at=at) for end in found[place] if end.wants(event)]
    return wanted


async def _endpoints(accounts: Store, place: Partition) -> list[Endpoint]:
    # The limit is checked before an endpoint is made, so a race may pass it by a few.
    return (await accounts.page(Endpoint, place, limit=OUTPUT_MAX)).records
