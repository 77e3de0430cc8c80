from __future__ import annotations

from datetime import UTC, datetime

from payseal.core.ids import AccountId, Mint, Mode, home
from payseal.notifications.delivery import GONE, TRIES_MAX, Delivery, DeliveryStatus
from payseal.notifications.endpoint import DisabledReason, Endpoint, EndpointStatus
from payseal.outbound import NoResponse, Response
from tests.moves import assert_table

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINT, HOME = Mint(lambda size: b"\x07" * size), home(AccountId("0" * 12), Mode.TEST)
D, E = DeliveryStatus, EndpointStatus
DELIVERY_METHODS = {
    "accepted": lambda delivery: delivery.hear(Response(200), AT),
    "refused for good": lambda delivery: delivery.hear(Response(GONE), AT),
    "the last try failed": lambda delivery: delivery.hear(NoResponse("timeout"), AT),
    "cancel": lambda delivery: delivery.cancel("deleted"),
}
DELIVERIES = {
    D.PENDING: {
        "accepted": D.DELIVERED,
        "refused for good": D.FAILED,
        "the last try failed": D.FAILED,
        "cancel": D.CANCELLED,
    },
    D.DELIVERED: {},
    D.FAILED: {},
    D.CANCELLED: {},
}
ENDPOINTS = {E.ENABLED: {"disable": E.DISABLED}, E.DISABLED: {}}


def delivery_in(status: DeliveryStatus) -> Delivery:
    return Delivery(
        id=MINT.id("dlv", HOME, AT),
        endpoint=MINT.id("end", HOME, AT),
        event=MINT.id("evt", HOME, AT),
        next_try_at=AT,
        status=status,
        tries=TRIES_MAX - 1,
    )


def endpoint_in(status: EndpointStatus) -> Endpoint:
    return Endpoint(
        id=MINT.id("end", HOME, AT),
        url="https://x.example",
        events=("*",),
        secret=b"",
        status=status,
    )


def test_each_status_of_a_delivery_allows_its_moves_and_no_others():
    assert_table(delivery_in, DELIVERY_METHODS, DELIVERIES)


def test_each_status_of_an_endpoint_allows_its_moves_and_no_others():
    disable = {"disable": lambda endpoint: endpoint.disable(DisabledReason.GONE)}
    assert_table(endpoint_in, disable, ENDPOINTS)
