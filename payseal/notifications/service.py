"""What can be done with endpoints: create, list, delete; and events become deliveries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from graphlib import TopologicalSorter

from payseal.core.errors import Missing
from payseal.core.event import Event, happened
from payseal.core.history import merged
from payseal.core.ids import (
    AccountId,
    Mint,
    Mode,
    Partition,
    account_of,
    home,
    homes,
    is_id,
    mode_of,
    value_id,
)
from payseal.core.master import MasterKey
from payseal.core.store import (
    CHANGES_MAX,
    PAGE_MAX,
    RETRIES_MAX,
    Checkpoint,
    Delete,
    Insert,
    Lane,
    Lost,
    Page,
    Store,
    Update,
)
from payseal.notifications.delivery import Delivery, new_delivery
from payseal.notifications.endpoint import (
    ENDPOINTS_MAX,
    TOPICS,
    Endpoint,
    InvalidEndpoint,
    TooManyEndpoints,
    check_events,
)
from payseal.notifications.signature import new_secret
from payseal.outbound import URL_MAX

CONSUMER = "notifications"
DELIVERIES_MAX = CHANGES_MAX - 1  # in one commit, beside the checkpoint
READ_MAX = 10_000  # events of a lane in one call


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
    ours = is_id(endpoint_id, Endpoint.prefix) and account_of(endpoint_id) == account
    if ours and mode_of(endpoint_id) is mode:
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


async def fan_out(payments: Store, accounts: Store, *, at: datetime) -> int:
    """Make a delivery of each new event for each endpoint that wants it; how many were read."""
    lanes = {lane.id: lane for lane in await payments.lanes()}
    parents = {lane.id: [p for p in lane.parents if p in lanes] for lane in lanes.values()}
    read, ended = 0, set[str]()
    for id in TopologicalSorter(parents).static_order():
        if ended.issuperset(parents[id]):
            count, at_end = await _read_lane(payments, accounts, lanes[id], at)
            read += count
            if at_end:
                ended.add(id)
    return read


async def _read_lane(
    payments: Store, accounts: Store, lane: Lane, at: datetime
) -> tuple[int, bool]:
    """How many events were read, and whether it was to the end: not if another reads it too."""
    id, read, limit = value_id(Checkpoint.prefix, CONSUMER, lane.id), 0, PAGE_MAX
    checkpoint = await payments.get(Checkpoint, id)
    while read < READ_MAX:
        batch = await payments.feed(lane, checkpoint.cursor if checkpoint else "", limit)
        if not batch.events:
            return read, True
        wanted = await _deliveries(accounts, batch.events, at)
        if len(wanted) > DELIVERIES_MAX:
            # One event makes at most one delivery per endpoint, so this ends.
            assert limit > 1, "an event has more endpoints than a commit has room"
            limit //= 2
            continue
        moved: Insert | Update
        if checkpoint is None:
            moved = Insert(checkpoint := Checkpoint(id=id, cursor=batch.cursor))
        else:
            moved = Update(checkpoint := checkpoint.read_to(batch.cursor))
        if not await _put(payments, wanted, moved):
            return read, False
        read += len(batch.events)
    return read, False


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


async def _put(payments: Store, wanted: list[Delivery], moved: Insert | Update) -> bool:
    """Commit them with the checkpoint; whether we did, or another reader was faster."""
    for _ in range(RETRIES_MAX):
        try:
            await payments.commit(*map(Insert, wanted), moved)
        except Lost as lost:
            if lost.change.record.id == moved.record.id:
                return False
            # The feed told of an event a second time: what it made then is on its way.
            there = await payments.get_many(Delivery, [delivery.id for delivery in wanted])
            wanted = [new for new, old in zip(wanted, there, strict=True) if old is None]
        else:
            return True
    return False


async def _endpoints(accounts: Store, place: Partition) -> list[Endpoint]:
    # The limit is checked before an endpoint is made, so a race may pass it by a few.
    return (await accounts.page(Endpoint, place, limit=DELIVERIES_MAX)).records
