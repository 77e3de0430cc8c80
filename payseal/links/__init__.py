"""Links: requests to be paid, and the places that payers hold while they pay."""

from payseal.links.link import (
    MOVES,
    AlreadyPaid,
    AtEnd,
    Capture,
    Link,
    LinkCancelled,
    LinkExpired,
    LinkStatus,
)
from payseal.links.place import Place, SoldOut, free_place, is_sold_out, place_id, unpaid_place
from payseal.links.service import (
    CurrencyNotEnabled,
    InvalidExpiry,
    InvalidLink,
    NewLink,
    UnknownMethod,
    cancel,
    create,
    expire,
    get,
    history,
)

__all__ = [
    "MOVES",
    "AlreadyPaid",
    "AtEnd",
    "Capture",
    "CurrencyNotEnabled",
    "InvalidExpiry",
    "InvalidLink",
    "Link",
    "LinkCancelled",
    "LinkExpired",
    "LinkStatus",
    "NewLink",
    "Place",
    "SoldOut",
    "UnknownMethod",
    "cancel",
    "create",
    "expire",
    "free_place",
    "get",
    "history",
    "is_sold_out",
    "place_id",
    "unpaid_place",
]
