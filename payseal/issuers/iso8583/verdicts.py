"""What the host's answers mean: the one table of field 39, and who checks what is repeated."""

from __future__ import annotations

from payseal.issuers.answer import (
    Answer,
    Approved,
    Declined,
    Found,
    NotFound,
    Reversed,
    Unable,
    Undone,
    Unknown,
)
from payseal.issuers.iso8583 import messages
from payseal.issuers.iso8583.wire import Fields, Malformed, subelements
from payseal.issuers.operation import Operation

APPROVED, NO_ORIGINAL, NOT_SUPPORTED, NOT_SIGNED_ON = "00", "25", "40", "58"
# A definite no. A code that is in none of these tables is no verdict: it is looked up.
_REASONS = {
    "do_not_retry": ("04", "07", "15", "41", "43", "46", "57"),
    "declined": ("01", "02", "03", "05", "06", "33", "34", "36", "38", "59", "62", "63", "93"),
    "insufficient_funds": ("51",),
    "expired_card": ("54",),
    "invalid_number": ("14",),
    "invalid_amount": ("13",),
    "limit_exceeded": ("61",),
    "authentication_needed": ("1A", "65"),
    "wrong_security_code": ("82", "N7"),
    "already_reversed": ("79",),
    "no_original": ("25",),
    "above_original": ("64",),
}
# The host did not judge the message, so this one was not booked. Of an earlier sending of the
# same operation that says nothing.
_NOT_JUDGED = ("12", "30", "40", "58")
_REASON_OF = {code: reason for reason, codes in _REASONS.items() for code in codes}
_PARTIAL, _EXPIRED = "10", "54"
PARTLY = Declined(_PARTIAL, "partial_approval", held=True)
_ORIGINAL_CODE, _STATE = "01", "02"  # subelements of field 48


def purchased(request: Fields, answer: Fields, *, repeated: bool, partial: bool = True) -> Answer:
    """What the answer to a purchase, or to what follows one, says.

    `repeated`: it had been sent before, on a line that was lost. `partial`: a part may be approved.
    """
    if _is_partial(request, answer) and "2" in request:
        return PARTLY if partial else Unknown("partial_approval")
    if not _repeats(request, answer):
        return Unknown("answer_differs")
    code = _code(answer)
    if code == APPROVED:
        return _approved(answer)
    if code in _NOT_JUDGED and not repeated:
        return Declined(code, "not_accepted")
    if code in _REASON_OF:
        return Declined(code, _reason(code, follows="2" not in request))
    return Unknown(f"answered_{code}")


def found(operation: Operation, answer: Fields) -> Found:
    """What a 0610 says, held against what the operation asked for."""
    code = _code(answer)
    if code == NO_ORIGINAL:
        return NotFound()
    if code == NOT_SUPPORTED:
        return Unable()
    if code != APPROVED:
        return Unknown(f"answered_{code}")
    standing = _standing(answer, follows=operation.original is not None)
    partly = isinstance(standing, Declined) and standing.code == _PARTIAL
    fits = _is_less if partly else _repeats
    return standing if fits(messages.amount(operation), answer) else Unknown("answer_differs")


def undone(request: Fields, answer: Fields) -> Undone:
    """What a 0430 says."""
    if not _repeats(request, answer):
        return Unknown("answer_differs")
    match _code(answer):
        case "00":
            return Reversed()
        case "25":
            return NotFound()
        case code:
            return Unknown(f"answered_{code}")


def _standing(answer: Fields, *, follows: bool) -> Found:
    """How the original stands in the book, by field 48 of a 0610."""
    try:
        told = subelements(answer.get("48", ""))
    except Malformed:
        return Unknown("answer_unreadable")
    original = told.get(_ORIGINAL_CODE, "")
    match told.get(_STATE), original == APPROVED:
        case "A", True:
            return _approved(answer)
        case "A", False if original == _PARTIAL and not follows:
            return PARTLY
        case "D", False if original:
            return Declined(original, _reason(original, follows=follows))
        case "R", _:
            return Declined(original, "reversed")
        case _:
            return Unknown("answer_unreadable")


def _reason(code: str, *, follows: bool) -> str:
    """`follows`: no card was asked, but what had been authorized."""
    if follows and code == _EXPIRED:
        return "authorization_expired"
    return _REASON_OF.get(code, "declined")


def _approved(answer: Fields) -> Approved | Unknown:
    approval_code = answer.get("38")
    return Approved(approval_code) if approval_code else Unknown("answer_unreadable")


def _code(answer: Fields) -> str:
    return answer.get("39", "nothing")


def _is_partial(ours: Fields, theirs: Fields) -> bool:
    """Less than was asked for, in the same currency, with the code that says so."""
    return _code(theirs) == _PARTIAL and _is_less(ours, theirs)


def _is_less(ours: Fields, theirs: Fields) -> bool:
    return theirs.get("49") == ours["49"] and 0 < int(theirs.get("4", "0")) < int(ours["4"])


def _repeats(ours: Fields, theirs: Fields) -> bool:
    return all(theirs.get(field) == ours[field] for field in ("4", "49"))
