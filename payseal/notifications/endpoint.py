"""Endpoint: an address of the merchant's that is told what happens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from payseal.core.errors import Conflict, Invalid
from payseal.core.event import Event
from payseal.core.ids import made_at, mode_of
from payseal.core.record import Record
from payseal.core.state import Moves

ENDPOINTS_MAX = 20  # per account and mode
EVENTS_MAX = 20
# How long an endpoint rests that asked us to slow down and did not say for how long.
REST = timedelta(minutes=1)
EVENT_TYPES = (
    "link.created",
    "link.authorized",
    "link.reopened",
    "link.paid",
    "link.expired",
    "link.cancelled",
    "transaction.started",
    "transaction.passed_on",
    "transaction.challenged",
    "transaction.unknown",
    "transaction.authorized",
    "transaction.ending",
    "transaction.capture_declined",
    "transaction.void_declined",
    "transaction.captured",
    "transaction.declined",
    "transaction.reversed",
    "transaction.voided",
    "transaction.failed",
    "refund.started",
    "refund.unknown",
    "refund.succeeded",
    "refund.declined",
    "refund.failed",
    "difference.found",
    "difference.resolved",
    "dispute.opened",
    "dispute.contested",
    "dispute.accepted",
    "dispute.lost",
    "dispute.won",
)
# What goes out; other events are our own affair.
TOPICS = ("link", "transaction", "refund", "difference", "dispute")
_PATTERNS = {"*", *(f"{topic}.*" for topic in TOPICS), *EVENT_TYPES}


class EndpointStatus(StrEnum):
    """Whether it is sent anything."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledReason(StrEnum):
    """Why we stopped: it said 410, or one of our messages failed for three days."""

    GONE = "gone"
    FAILING = "failing"


MOVES = Moves(
    {EndpointStatus.ENABLED: (EndpointStatus.DISABLED,), EndpointStatus.DISABLED: ()},
)


class TooManyEndpoints(Conflict):
    """As many as an account may have in one mode."""

    code, title = "too_many_webhooks", "There are too many webhooks."


class InvalidEndpoint(Invalid):
    """The wish cannot be met; the member `field` names what is wrong with it."""

    code, title = "invalid_webhook", "The webhook cannot be created like this."


class Endpoint(Record, frozen=True, kw_only=True):
    """Gets the events that one of its patterns names, signed with its own sealed secret."""

    prefix, table, moves = "end", "endpoints", MOVES

    url: str
    events: tuple[str, ...]
    secret: bytes
    status: EndpointStatus = EndpointStatus.ENABLED
    disabled_reason: DisabledReason | None = None
    rests_until: datetime | None = None

    @property
    def enabled(self) -> bool:
        """Whether it is sent anything."""
        return self.status is EndpointStatus.ENABLED

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        return made_at(self.id)

    def facts(self) -> dict[str, object]:
        """What its events tell: nothing of its secret."""
        return {
            "id": self.id,
            "mode": mode_of(self.id).value,
            "url": self.url,
            "events": list(self.events),
            "status": self.status.value,
            "disabledReason": self.disabled_reason.value if self.disabled_reason else None,
        }

    def wants(self, event: Event) -> bool:
        """Whether it is to be told: it is enabled, asked for it, and was there at the time."""
        return self.enabled and event.at >= self.created_at and matches(self.events, event.type)

    def rests(self, at: datetime) -> bool:
        """Whether it has asked us to slow down, and the time is not over."""
        return self.rests_until is not None and at < self.rests_until

    def rest(self, until: datetime) -> Endpoint:
        """It gets nothing before that time."""
        return self._become(rests_until=until)

    def disable(self, reason: DisabledReason) -> Endpoint:
        """It gets nothing any more."""
        return self._become(EndpointStatus.DISABLED, disabled_reason=reason)

    def delete(self) -> Endpoint:
        """Its last version, for the event that tells of it."""
        return self._become()


def matches(patterns: Sequence[str], type: str) -> bool:
    """Whether a pattern names the type: exactly, by `transaction.*`, or by `*`."""
    topic = type.partition(".")[0]
    return topic in TOPICS and any(pattern in (type, f"{topic}.*", "*") for pattern in patterns)


def check_events(patterns: Sequence[str]) -> tuple[str, ...]:
    """The patterns without repeats; `InvalidEndpoint` for one that names nothing we send."""
    if not 1 <= len(patterns) <= EVENTS_MAX:
        raise InvalidEndpoint(f"Name 1 to {EVENTS_MAX} events, or *.", field="events")
    if not all(pattern in _PATTERNS for pattern in patterns):
        raise InvalidEndpoint(
            "Name events such as link.paid, transaction.* or *.",
            field="events",
            known=sorted(_PATTERNS),
        )
    return tuple(dict.fromkeys(patterns))
