"""What we say to the host: each request, from an operation and the terminal that asks."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b

import msgspec

from payseal.core.card import Card
from payseal.issuers.answer import Proof
from payseal.issuers.iso8583.wire import Fields, encode, subelement
from payseal.issuers.operation import Operation, OperationKind, Original

SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"
STAN_MAX = 999_999
_PURCHASE, _REFUND = "000000", "200000"  # field 3
_TYPES = {
    OperationKind.PURCHASE: "0200",
    OperationKind.AUTHORIZE: "0100",
    OperationKind.CAPTURE: "0220",
    OperationKind.VOID: "0400",
    OperationKind.REFUND: "0200",
}
_REQUESTED = "0200"  # a capture by hosts that take no advice
_KEYED, _ECOMMERCE = "010", "59"  # fields 22 and 25
_ORIGINAL, _ECI, _CAVV, _DS, _SECURITY_CODE = "03", "42", "43", "66", "92"  # of field 48
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_REFERENCE_CHARS, _MERCHANT_CHARS = 12, 15
# By these an answer finds its request (section 4), beside its type.
_MATCHED = ("7", "11", "32", "37", "41", "42")

Key = tuple[str | None, ...]


class Terminal(msgspec.Struct, frozen=True):
    """Who asks: the same on all our messages."""

    acquirer: str  # field 32, up to 11 digits
    id: str  # field 41, up to 8 characters
    category: str  # field 18, ISO 18245
    location: str  # field 43: 25 characters of name, 13 of city, 2 of country

    def __post_init__(self) -> None:
        # A setting that no message could carry is found here, not at the first payment.
        encode({"t": "0200", "18": self.category} | _sender(self) | {"43": f"{self.location:<40}"})


def reference(operation_id: str) -> str:
    """Field 37: twelve of A-Z and 0-9, always the same for the same operation (62 bits)."""
    number, text = _hash(operation_id), ""
    for _ in range(_REFERENCE_CHARS):
        number, digit = divmod(number, len(_DIGITS))
        text += _DIGITS[digit]
    return text


def stan_of(reference: str) -> str:
    """Field 11 of a purchase, which field 90 has to repeat after a crash."""
    return f"{_hash(reference) % STAN_MAX + 1:06}"


def network(terminal: Terminal, code: str, stan: str, *, at: datetime) -> Fields:
    """0800: sign on, sign off, or echo."""
    return {"t": "0800", "7": _moment(at), "11": stan, "32": terminal.acquirer, "70": code}


def purchase(
    terminal: Terminal, operation: Operation, card: Card, proof: Proof | None = None
) -> Fields:
    """0200, or 0100 to authorize. All but the card follows from the operation, for field 90."""
    private = _private(card, proof)
    return (
        {
            "t": _TYPES[operation.kind],
            "2": card.number,
            "7": _moment(operation.asked_at),
            "11": stan_of(operation.reference),
            "14": f"{card.expires_year % 100:02}{card.expires_month:02}",
            "18": terminal.category,
            "22": _KEYED,
            "25": _ECOMMERCE,
            "43": f"{terminal.location:<40}",
        }
        | ({"48": private} if private else {})
        | _sender(terminal)
        | _named(operation)
        | _asked(operation)
    )


def _private(card: Card, proof: Proof | None) -> str:
    """Field 48: the security code, while we have it, and how the holder was asked."""
    parts = [(_SECURITY_CODE, card.code.reveal())]
    if proof is not None:
        parts += [(_ECI, proof.eci), (_CAVV, proof.cavv), (_DS, proof.ds_transaction)]
    return "".join(subelement(number, value) for number, value in parts if value)


def following(terminal: Terminal, operation: Operation, *, advices: bool = True) -> Fields:
    """0220 capture, 0400 void, 0200 refund; the original is named by 38, 48 and 90.

    Without `advices` a capture is 0200 too.
    """
    original = operation.original
    assert original is not None, "it follows something"
    code = _REFUND if operation.kind is OperationKind.REFUND else _PURCHASE
    return (
        {
            "t": _type(operation.kind, advices),
            "7": _moment(operation.asked_at),
            "11": stan_of(operation.reference),
            "38": original.approval_code,
            "48": subelement(_ORIGINAL, original.reference),
            "90": _original(terminal, original, advices),
        }
        | _sender(terminal)
        | _named(operation)
        | _asked(operation)
        | {"3": code}
    )


def repeated(request: Fields) -> Fields:
    """0201, or whatever its type is: the same request again."""
    return {**request, "t": f"{request['t'][:3]}1"}


def inquiry(terminal: Terminal, operation: Operation, stan: str, *, at: datetime) -> Fields:
    """0600: asks what became of it, by its reference and merchant."""
    own = {"t": "0600", "7": _moment(at), "11": stan}
    return own | _sender(terminal) | _named(operation)


def reversal(
    terminal: Terminal,
    operation: Operation,
    stan: str,
    *,
    repeat: bool,
    advices: bool = True,
    at: datetime,
) -> Fields:
    """0420, or 0421 when it was asked before: undo it, whatever became of it.

    Without `advices` it is a request, 0400 or 0401.
    """
    original = _original(terminal, operation.named(""), advices)
    own = {"t": "0420" if advices else "0400", "7": _moment(at), "11": stan, "90": original}
    message = own | _sender(terminal) | _named(operation) | _asked(operation)
    return repeated(message) if repeat else message


def key_of(answer: Fields) -> Key:
    """What an answer has in common with its request alone."""
    return (answer["t"], *(answer.get(field) for field in _MATCHED))


def answer_key(request: Fields) -> Key:
    """The `key_of` that the answer to this request has: 0200 and 0201 are answered by 0210."""
    kind = request["t"]
    return key_of({**request, "t": f"{kind[:2]}{int(kind[2]) + 1}0"})


def amount(operation: Operation) -> dict[str, str]:
    """Fields 4 and 49."""
    money = operation.amount
    return {"4": f"{money.minor:012}", "49": f"{money.currency.number:03}"}


def _sender(terminal: Terminal) -> dict[str, str]:
    return {"32": terminal.acquirer, "41": f"{terminal.id:<8}"}


def _named(operation: Operation) -> dict[str, str]:
    return {"37": operation.reference, "42": operation.merchant.ljust(_MERCHANT_CHARS)}


def _type(kind: OperationKind, advices: bool) -> str:
    return _REQUESTED if kind is OperationKind.CAPTURE and not advices else _TYPES[kind]


def _original(terminal: Terminal, original: Original, advices: bool) -> str:
    """Field 90, by which some hosts find a message again."""
    stan, sender = stan_of(original.reference), terminal.acquirer.zfill(11)
    type_ = _type(original.kind, advices)
    return f"{type_}{stan}{_moment(original.asked_at)}{sender}{'0' * 11}"


def _asked(operation: Operation) -> dict[str, str]:
    asked_at = operation.asked_at.astimezone(UTC)
    local = {"12": f"{asked_at:%H%M%S}", "13": f"{asked_at:%m%d}"}
    return {"3": _PURCHASE} | local | amount(operation)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%m%d%H%M%S}"


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "big")
