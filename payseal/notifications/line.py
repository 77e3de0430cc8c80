"""Line: what is waiting for one endpoint; lines move side by side, each at its own pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from payseal.core.event import Event, happened
from payseal.core.history import merged
from payseal.core.ids import AccountId, account_of, homes, made_at, mode_of
from payseal.core.master import MasterKey
from payseal.core.signature import signed_headers
from payseal.core.store import PAGE_MAX, Insert, Lost, Store, Update, deciding
from payseal.notifications.delivery import (
    GONE,
    Delivery,
    DeliveryStatus,
    message,
    rest_until,
)
from payseal.notifications.endpoint import DisabledReason, Endpoint
from payseal.outbound import TIMEOUT_S, NoResponse, SendResult

# A try ends within its time-out; so long before its hold ends it must have begun.
TRY_WITHIN = timedelta(seconds=TIMEOUT_S + 5)
# Whoever takes deliveries has them for so long; a crash delays them by this and no more.
HOLD = timedelta(seconds=60)
LINE_MAX = 1000
SENDS_MAX = 100  # at one moment
LOOK_AGAIN_S = 0.5

log = structlog.get_logger()


# Over how many shards an account spreads.
Shards = Callable[[AccountId], Awaitable[int]]


class Send(Protocol):
    """A way out: never raises, and answers within `TIMEOUT_S`."""

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> SendResult:
        """Send the message once."""
        ...


class Sender(msgspec.Struct, frozen=True):
    """What it takes to send a delivery."""

    payments: Store
    accounts: Store
    master: MasterKey
    send: Send
    shards: Shards
    now: Callable[[], datetime]


async def deliver(
    payments: Store,
    accounts: Store,
    master: MasterKey,
    send: Send,
    shards: Shards,
    *,
    now: Callable[[], datetime],
) -> int:
    """Send what is due until nothing is left to send; how many tries were made.

    While endpoints are slow it goes on looking for what has become due for others, so it may run
    for long: give it a task of its own. Cancelled, it leaves everything to the next run.
    """
    return await Lines(Sender(payments, accounts, master, send, shards, now)).run()


class Lines:
    """The lines of one run."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._lines: dict[str, deque[Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(SENDS_MAX)
        self._tries = 0

    async def run(self) -> int:
        """Until nothing is due and no line is moving."""
        try:
            while True:
                seen, taken = await self._take()
                if not self._tasks and not taken:
                    return self._tries
                if seen == PAGE_MAX and taken:
                    continue  # there may be more behind, for others
                await asyncio.wait(
                    self._tasks, timeout=LOOK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self) -> tuple[int, int]:
        """Hold all that is due, so that the next look sees what is behind it."""
        due = await self._sender.payments.due(Delivery, before=self._sender.now(), limit=PAGE_MAX)
        held = await asyncio.gather(*(hold(self._sender, delivery.id) for delivery in due))
        taken = [delivery for delivery in held if delivery is not None]
        for delivery in taken:
            self._queue(delivery)
        return len(due), len(taken)

    def _queue(self, delivery: Delivery) -> None:
        line = self._lines.get(delivery.endpoint)
        if line is None:
            line = self._lines[delivery.endpoint] = deque()
            task = asyncio.create_task(self._move(delivery.endpoint, line))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        if len(line) < LINE_MAX:
            line.append(delivery)

    async def _move(self, endpoint_id: str, line: deque[Delivery]) -> None:
        """One after the other. What is not reached comes due again when its hold ends."""
        try:
            while line:
                async with self._slots:
                    delivery = line.popleft()
                    if self._sender.now() + TRY_WITHIN > delivery.next_try_at:
                        continue
                    self._tries += 1
                    if not await attempt(self._sender, delivery):
                        return
        finally:
            del self._lines[endpoint_id]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The other lines go on; this one's deliveries are still there.
            log.error("delivery.broke", exc_info=error)


async def hold(sender: Sender, delivery_id: str) -> Delivery | None:
    """Take a delivery that is due; nothing, if another was faster."""
    at = sender.now()
    delivery = await sender.payments.get(Delivery, delivery_id)
    if delivery is None or delivery.due is None or delivery.due > at:
        return None
    held = delivery.hold(at + HOLD)
    try:
        await sender.payments.commit(Update(held))
    except Lost:
        return None
    return held


async def attempt(sender: Sender, held: Delivery) -> bool:
    """Send it once, and write down what came of it; whether the line may move on."""
    at = sender.now()
    endpoint = await sender.accounts.get(Endpoint, held.endpoint)
    event = await sender.payments.get(Event, held.event)
    if endpoint is None or not endpoint.enabled or event is None:
        reason = "endpoint_deleted" if endpoint is None else "endpoint_disabled"
        return await _settle(sender, held.cancel(reason if event else "event_missing"), at)
    if endpoint.rests_until is not None and endpoint.rests(at):
        return await _settle(sender, held.hold(endpoint.rests_until), at)
    body = message(event)
    secret = sender.master.unseal(endpoint.secret, context=endpoint.id).decode()
    headers = signed_headers(secret, held.message_id, body, at=at)
    result = await sender.send(endpoint.url, body, headers)
    at = sender.now()
    heard = held.hear(result, at)
    rest = rest_until(result, at)
    # The endpoint first: stopped in between, the delivery is only tried or looked at again.
    if heard.status is DeliveryStatus.FAILED:
        await _give_up(sender, heard, at)
    elif rest is not None:
        await deciding(_rest, sender.accounts, endpoint.id, rest)
    await _settle(sender, heard, at)
    # An endpoint that does not answer at all would keep the rest of its line waiting as long.
    return rest is None and not isinstance(result, NoResponse)


async def _settle(sender: Sender, moved: Delivery, at: datetime) -> bool:
    told = []
    if moved.status is not DeliveryStatus.PENDING:
        told.append(Insert(happened(f"delivery.{moved.status.value}", moved, at)))
    try:
        await sender.payments.commit(Update(moved), *told)
    except Lost:
        # Our hold had ended and another has it now: it is told again, which may always happen.
        log.info("delivery.lost", delivery=moved.id)
    return True


async def _give_up(sender: Sender, failed: Delivery, at: datetime) -> None:
    """Disable the endpoint, unless it is only this one message that it does not take."""
    if failed.last_status == GONE:
        await deciding(_disable, sender.accounts, failed.endpoint, DisabledReason.GONE, at=at)
        return
    account = account_of(failed.id)
    since = await merged(
        sender.payments,
        Delivery,
        homes(account, mode_of(failed.id), await sender.shards(account)),
        of=failed.endpoint,
        start=made_at(failed.id),
        newest_first=True,
    )
    if not any(other.status is DeliveryStatus.DELIVERED for other in since.records):
        await deciding(_disable, sender.accounts, failed.endpoint, DisabledReason.FAILING, at=at)


async def _disable(
    accounts: Store, endpoint_id: str, reason: DisabledReason, *, at: datetime
) -> None:
    endpoint = await accounts.get(Endpoint, endpoint_id)
    if endpoint is None or not endpoint.enabled:
        return
    disabled = endpoint.disable(reason)
    await accounts.commit(Update(disabled), Insert(happened("endpoint.disabled", disabled, at)))


async def _rest(accounts: Store, endpoint_id: str, until: datetime) -> None:
    endpoint = await accounts.get(Endpoint, endpoint_id)
    if endpoint is not None and endpoint.enabled and not endpoint.rests(until):
        await accounts.commit(Update(endpoint.rest(until)))
