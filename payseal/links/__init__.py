"""Links: requests to be paid, forms that make them, and the places that payers hold."""

from payseal.links import forms, submission, submissions
from payseal.links.form import (
    Field,
    FieldKind,
    Form,
    FormOff,
    FormStatus,
    Price,
)
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
from payseal.links.new_form import InvalidForm, NewForm, NewPrice
from payseal.links.place import Place, SoldOut, free_place, is_sold_out, place_id, unpaid_place
from payseal.links.service import (
    InvalidExpiry,
    InvalidLink,
    NewLink,
    cancel,
    create,
    expire,
    get,
    history,
)
from payseal.links.submission import InvalidSubmission, Submission
from payseal.links.submissions import OutOfDate, Submitted
from payseal.links.wishes import CurrencyNotEnabled, UnknownMethod

__all__ = [
    "MOVES",
    "AlreadyPaid",
    "AtEnd",
    "Capture",
    "CurrencyNotEnabled",
    "Field",
    "FieldKind",
    "Form",
    "FormOff",
    "FormStatus",
    "InvalidExpiry",
    "InvalidForm",
    "InvalidLink",
    "InvalidSubmission",
    "Link",
    "LinkCancelled",
    "LinkExpired",
    "LinkStatus",
    "NewForm",
    "NewLink",
    "NewPrice",
    "OutOfDate",
    "Place",
    "Price",
    "SoldOut",
    "Submission",
    "Submitted",
    "UnknownMethod",
    "cancel",
    "create",
    "expire",
    "forms",
    "free_place",
    "get",
    "history",
    "is_sold_out",
    "place_id",
    "submission",
    "submissions",
    "unpaid_place",
]
