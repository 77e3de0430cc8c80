"""Webhooks: endpoints are told what happened, by Standard Webhooks 1.0.0."""

from __future__ import annotations

from payseal.core.signature import sign
from payseal.notifications.delivery import SCHEDULE, TRIES_MAX, Delivery, DeliveryStatus
from payseal.notifications.endpoint import (
    ENDPOINTS_MAX,
    EVENT_TYPES,
    EVENTS_MAX,
    DisabledReason,
    Endpoint,
    EndpointStatus,
    InvalidEndpoint,
    TooManyEndpoints,
)
from payseal.notifications.line import Send, Shards, deliver
from payseal.notifications.service import (
    create_endpoint,
    delete_endpoint,
    deliveries,
    endpoints,
    fan_out,
    get_endpoint,
)

__all__ = [
    "ENDPOINTS_MAX",
    "EVENTS_MAX",
    "EVENT_TYPES",
    "SCHEDULE",
    "TRIES_MAX",
    "Delivery",
    "DeliveryStatus",
    "DisabledReason",
    "Endpoint",
    "EndpointStatus",
    "InvalidEndpoint",
    "Send",
    "Shards",
    "TooManyEndpoints",
    "create_endpoint",
    "delete_endpoint",
    "deliver",
    "deliveries",
    "endpoints",
    "fan_out",
    "get_endpoint",
    "sign",
]
