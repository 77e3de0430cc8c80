"""Cards, operations and connectors for the tests of this folder."""

from datetime import UTC, datetime, timedelta
from itertools import count

from msgspec.structs import replace

from payseal.core.card import Card
from payseal.core.money import Currency, Money
from payseal.core.offer import Offer
from payseal.issuers import Abilities, Operation, OperationKind
from payseal.issuers.iso8583 import Address, Iso8583, Times
from payseal.issuers.iso8583.messages import reference

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
MERCHANT = "MERCHANT0000001"
GOOD, MASTERCARD, AMEX = "4242424242424242", "5555555555554444", "378282246310005"
PARTLY = "4000000000000010"
SILENT, SLOW = "4000000000005126", "4000000000000259"
CODE = "737"
_numbers = count(1)


def now():
    return datetime.now(UTC)


def a_card(number=GOOD, cvc=CODE):
    typed = {"number": number, "expiry": "12/30", "cvc": "7373" if number == AMEX else cvc}
    return Card.parse(typed, at=NOW)


def an_operation(within_s=5.0, minor=1250, currency=Currency.EUR, id=None, at=None, **fields):
    """A purchase that may be sent for so long."""
    at, id = at or now(), id or f"opn_{next(_numbers)}"
    return Operation(
        id=id,
        kind=fields.get("kind", OperationKind.PURCHASE),
        reference=fields.get("reference", reference(id)),
        merchant=fields.get("merchant", MERCHANT),
        amount=Money(minor, currency),
        asked_at=at,
        call_until=at + timedelta(seconds=within_s),
    )


def what_follows(original, approval_code, kind, minor=None, within_s=5.0, **fields):
    """A capture, void or refund of it, of all or so much."""
    minor = minor or original.amount.minor
    operation = an_operation(within_s, minor, original.amount.currency, kind=kind, **fields)
    return replace(operation, original=original.named(approval_code))


def a_connector(port, *others, lines=1, able=None, **within_s):
    """Of one line to each port; a time of it is set by `echo_after=0.1`."""
    times = {name: timedelta(seconds=seconds) for name, seconds in within_s.items()}
    return Iso8583(
        "sandbox",
        "Sandbox bank",
        [Offer("sandbox", "card", (Currency.EUR, Currency.JPY, Currency.KWD))],
        [Address("127.0.0.1", each) for each in (port, *others)],
        acquirer="123456",
        terminal="PAYSEAL1",
        merchant_category="5999",
        location=f"{'Tea and Cakes':<25}{'Lisbon':<13}PT",
        abilities=Abilities(
            **{"look_up": True, "transit_max": timedelta(seconds=60)} | (able or {})
        ),
        entropy=bytes,
        now=now,
        lines=lines,
        times=Times(**times),
    )
