"""Delivery: one event on its way to one endpoint, until it is accepted or the tries are used."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

import msgspec

from payseal.core.event import Event
from payseal.core.ids import PREFIX_CHARS, derive
from payseal.core.record import Record
from payseal.core.state import Moves
from payseal.notifications.endpoint import REST, Endpoint
from payseal.outbound import NoResponse, Response, SendResult

# The first try is at once; then a further try after each of these (75 h 35 min in all).
SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
TRIES_MAX = len(SCHEDULE) + 1
JITTER = 0.1  # at most so much of a wait is added to it
RETRY_AFTER_MAX = timedelta(hours=24)
# Standard Webhooks asks for less than 20 kB.
BODY_MAX = 20_000
GONE = 410
SLOW_DOWN = (429, 502, 504)


class DeliveryStatus(StrEnum):
    """What became of it."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"  # its endpoint was deleted or disabled before it arrived


MOVES = Moves(
    {
        DeliveryStatus.PENDING: (
            DeliveryStatus.DELIVERED,
            DeliveryStatus.FAILED,
            DeliveryStatus.CANCELLED,
        ),
        DeliveryStatus.DELIVERED: (),
        DeliveryStatus.FAILED: (),
        DeliveryStatus.CANCELLED: (),
    }
)


class Delivery(Record, frozen=True, kw_only=True):
    """Holds ids and state only: the message is made of the event whenever it is sent."""

    prefix, table, moves = "dlv", "deliveries", MOVES

    endpoint: str
    event: str
    next_try_at: datetime
    status: DeliveryStatus = DeliveryStatus.PENDING
    tries: int = 0
    tried_at: datetime | None = None
    last_status: int | None = None  # of the last answer
    last_error: str = ""  # why the last try failed, in a word

    @property
    def of(self) -> str:
        """The endpoint that it is listed under."""
        return self.endpoint

    @property
    def due(self) -> datetime | None:
        """When it is tried next."""
        return self.next_try_at if self.status is DeliveryStatus.PENDING else None

    @property
    def message_id(self) -> str:
        """The `webhook-id`: of this event for this endpoint, so the same on every try."""
        return "msg" + self.id[PREFIX_CHARS:]

    def facts(self) -> dict[str, object]:
        """What its events tell."""
        return {
            "id": self.id,
            "endpoint": self.endpoint,
            "event": self.event,
            "status": self.status.value,
            "tries": self.tries,
        }

    def hold(self, until: datetime) -> Delivery:
        """Nobody else tries it before that time; it counts as no try."""
        return self._become(next_try_at=until)

    def cancel(self, reason: str) -> Delivery:
        """There is nobody to tell any more."""
        return self._become(DeliveryStatus.CANCELLED, last_error=reason)

    def hear(self, result: SendResult, at: datetime) -> Delivery:
        """What a try has come to: accepted, to be tried again, or failed for good."""
        status = result.status if isinstance(result, Response) else None
        tries, next_try_at, move = self.tries + 1, self.next_try_at, None
        if _accepted(status):
            move = DeliveryStatus.DELIVERED
        elif status == GONE or tries >= TRIES_MAX:
            move = DeliveryStatus.FAILED
        else:
            next_try_at = max(at + wait(self.id, tries), retry_at(result, at) or at)
        return self._become(
            move,
            tries=tries,
            tried_at=at,
            next_try_at=next_try_at,
            last_status=status,
            last_error=_error(result),
        )


def new_delivery(endpoint: Endpoint, event: Event, *, at: datetime) -> Delivery:
    """The one delivery of that event to that endpoint: made twice, it is the same.

    It is kept where the event is: a busy account's deliveries spread as its links do.
    """
    return Delivery(
        id=derive(Delivery.prefix, event.partition, event.at, endpoint.id, event.id),
        endpoint=endpoint.id,
        event=event.id,
        next_try_at=at,
    )


def wait(delivery_id: str, tries: int) -> timedelta:
    """How long after so many failed tries the next one comes; the same each time it is asked."""
    # A spread of its own for each, so that a thousand messages do not come back at one moment.
    spread = zlib.crc32(f"{delivery_id}.{tries}".encode()) / 0xFFFF_FFFF
    return SCHEDULE[tries - 1] * (1 + JITTER * spread)


def retry_at(result: SendResult, at: datetime) -> datetime | None:
    """When `Retry-After` asks us to come again (RFC 9110 10.2.3), at most a day from now."""
    text = result.retry_after.strip() if isinstance(result, Response) else ""
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return at + min(timedelta(seconds=int(text)), RETRY_AFTER_MAX)
    try:
        asked = parsedate_to_datetime(text)
    except ValueError:
        return None
    asked = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
    return min(max(asked, at), at + RETRY_AFTER_MAX)


def rest_until(result: SendResult, at: datetime) -> datetime | None:
    """Until when its endpoint asks for rest from all of its messages, if it does."""
    if isinstance(result, NoResponse) or result.status not in SLOW_DOWN:
        return None
    return retry_at(result, at) or at + REST


def message(event: Event) -> bytes:
    """The body: `type`, `timestamp`, `data`; of a resource too large for it only the id."""
    body = _encode(event, event.data)
    return body if len(body) < BODY_MAX else _encode(event, {"id": event.resource})


def _encode(event: Event, data: dict[str, object]) -> bytes:
    body = {"type": event.type, "timestamp": event.at.astimezone(UTC), "data": data}
    return msgspec.json.encode(body)


def _accepted(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def _error(result: SendResult) -> str:
    match result:
        case NoResponse(reason=reason):
            return reason
        case Response(status=status) if _accepted(status):
            return ""
        case Response(status=status) if 300 <= status < 400:
            return "redirected"
        case Response():
            return "refused"
