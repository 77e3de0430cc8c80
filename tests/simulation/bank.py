"""A bank that is slow, loses messages both ways, and keeps a book of its own."""

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from payseal.core.money import Currency, Money
from payseal.core.offer import Offer
from payseal.issuers import (
    RESOLVE_MARGIN,
    Abilities,
    Approved,
    Authenticated,
    Challenge,
    Declined,
    NotFound,
    NotSent,
    OperationKind,
    Pending,
    Proof,
    Reversed,
    Unable,
    Unknown,
)
from payseal.ledger import Callback, CallbackType, Movement, MovementKind, Statement

TRANSIT_MAX = timedelta(seconds=60)
PARTLY = Declined("10", "partial_approval", held=True)
LEAD_FOR = timedelta(minutes=10)
PROOF = Proof("05", "AAABBZEEBgUFBgBlVQQGAAAAAAA=", "a2b1c3d4-0000-4000-8000-000000000001")


LINES = {
    OperationKind.PURCHASE: MovementKind.PURCHASE,
    OperationKind.CAPTURE: MovementKind.CAPTURE,
    OperationKind.REFUND: MovementKind.REFUND,
}


class Booking:
    def __init__(self, operation, approved, at):
        self.operation, self.approved, self.reversed = operation, approved, False
        self.at, self.reversed_at = at, None
        self.part = False  # only a part of it was approved, which is no payment
        self.code = "05"  # of a decline

    @property
    def holds(self):
        return self.approved and not self.reversed


class TakenBack:
    """A chargeback of the charge of that reference; the bank may give it again."""

    def __init__(self, charge, amount, at):
        self.charge, self.amount, self.at = charge, amount, at
        self.given_again_at, self.lost = None, False

    @property
    def decided(self):
        return self.lost or self.given_again_at is not None


class LossyBank:
    """An `Issuer` on the simulated clock. `book` is what it would show an auditor."""

    title = "The lossy bank"

    def __init__(self, name, random, now):
        self.name = name
        self.offers = (Offer(name, "card", (Currency.EUR, Currency.JPY)),)
        self.softly = random.choice(["0002", ""])  # the card that only this bank may decline
        self.random, self.now = random, now
        self.book, self.remembered, self.faults = {}, set(), True
        self.taken_back = {}  # chargebacks by their own reference
        self.memory = random.random() < 0.5
        # Some that remember nothing say "done" to a reversal of what they never saw, all the same.
        self.polite = not self.memory and random.random() < 0.5
        # Who asks its holders, and who takes the money on a page of its own.
        self.hosted = random.random() < 0.3
        self.abilities = Abilities(
            look_up=self.hosted or random.random() < 0.5,
            transit_max=TRANSIT_MAX,
            reversal_memory=not self.polite,
            challenges=True,
        )
        self.led = None  # whom it tells, beside the payer, whose challenge it is
        self.challenges = {}  # by memo: the operation, and how it stands
        self.loss, self.stall = random.choice([0, 0.1, 0.4]), random.choice([0, 0.1, 0.5])
        self.wire, self.asked = set(), set()
        self.pace = random.choice([0.01, 2])

    def chance(self, probability):
        return self.faults and self.random.random() < probability

    def reference(self, operation_id):
        return operation_id[-12:].upper()

    async def purchase(self, operation, card, now, *, way=None, proof=None):
        assert (proof is None) != (way is None), "a way before, a proof after"
        if proof is None and card.last4 == "3220":
            await asyncio.sleep(self.random.uniform(0, self.pace))
            self.challenges[operation.reference] = [operation, "C"]
            self.led(way.transaction)
            return Challenge("https://acs", now() + LEAD_FOR, operation.reference)
        return await self._ask(operation, now, lambda: self._book(operation, card))

    def confirm(self, memo, status):
        """The payer is there, and does what is asked for, or does not."""
        challenge = self.challenges[memo]
        if challenge[1] == "C":
            challenge[1] = status
            if status == "Y" and self.hosted:
                self.book[memo] = Booking(challenge[0], True, self.now())

    async def conclude(self, operation, memo, *, over):
        lost = await self._unheard()
        challenge = self.challenges[memo]
        if lost:
            if over and not self.hosted:
                return Declined("", "abandoned")
            return self.random.choice([Unknown("timeout"), NotSent("no connection")])
        if over and challenge[1] == "C":
            challenge[1] = "N"
        return self._concluded(challenge[1])

    def hear(self, memo, told):
        return self._concluded(self.challenges[memo][1]) if told == memo.encode() else None

    def reply(self, told):
        return told

    def _concluded(self, status):
        if status == "C":
            return Pending()
        if status == "N":
            return Declined("N", "not authenticated")
        return Approved("A1B2C3") if self.hosted else Authenticated(PROOF)

    async def follow(self, operation, now, *, repeat):
        return await self._ask(operation, now, lambda: self._follow(operation))

    async def _ask(self, operation, now, book):
        if self.chance(self.stall):  # the process is stopped just before the first byte
            longest = self.random.choice([29.9, 200])  # so that it leaves just in time, or late
            await asyncio.sleep(self.random.uniform(longest - 10, longest))
        if now() > operation.call_until:
            return NotSent("too late")
        if self.chance(0.05):
            return NotSent("no connection")
        if self.chance(self.stall / 2):  # stopped after the last look at the clock
            await asyncio.sleep(self.random.uniform(0, 400))
            said = book()
            return Unknown("connection lost") if self.chance(0.5) else said
        answer = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(self._carry(book, answer))
        self.wire.add(task)
        task.add_done_callback(self.wire.discard)
        left = (operation.call_until - now()).total_seconds()
        await asyncio.wait([answer], timeout=left)
        if not answer.done():
            return Unknown("timeout")
        if self.chance(self.stall):  # stopped with the answer already in the socket
            await asyncio.sleep(self.random.uniform(0, 200))
        return answer.result()

    async def _carry(self, book, answer):
        lost, slow = self.chance(self.loss), self.chance(self.loss)
        await asyncio.sleep(
            self.random.uniform(0, TRANSIT_MAX.total_seconds() if slow else self.pace)
        )
        if lost:
            return
        said = book()
        await asyncio.sleep(self.random.uniform(0, 40 if self.chance(self.loss) else self.pace))
        if not self.chance(self.loss) and not answer.done():
            answer.set_result(said)

    def _book(self, operation, card):
        assert operation.reference not in self.book, "one call, one message"
        approved = card.last4 not in (self.softly, "9979")
        approved &= operation.reference not in self.remembered
        booking = self.book[operation.reference] = Booking(operation, approved, self.now())
        booking.part = card.last4 == "0010"
        booking.code = "43" if card.last4 == "9979" else "05"
        return self._said(booking)

    def _said(self, booking):
        if not booking.approved:
            return Declined(booking.code, "declined")
        return PARTLY if booking.part else Approved("A1B2C3")

    def _follow(self, operation):
        """As section 5 of the specification: once for each reference, and never too much."""
        booking = self.book.get(operation.reference)
        if booking is None:
            original = self.book[operation.original.reference]
            fits = self._fits(operation, original)
            booking = Booking(operation, original.holds and fits, self.now())
            self.book[operation.reference] = booking
        else:
            assert booking.operation.amount == operation.amount, "one reference, two operations"
        return Approved("R1R2R3") if booking.approved else Declined("64", "above_original")

    def _fits(self, operation, original):
        before = [b for b in self.following(original) if b.approved]
        if operation.kind is not OperationKind.REFUND:
            return not before and operation.amount <= original.operation.amount
        given = sum(booking.operation.amount.minor for booking in before)
        return given + operation.amount.minor <= original.operation.amount.minor

    def following(self, original):
        return [
            booking
            for booking in self.book.values()
            if booking.operation.original is not None
            and booking.operation.original.reference == original.operation.reference
        ]

    async def look_up(self, operation):
        self._in_time(operation)
        assert operation.id not in self.asked, "two workers ask about one operation"
        self.asked.add(operation.id)
        try:
            unheard = await self._unheard()
        finally:
            self.asked.discard(operation.id)
        if unheard:
            return self.random.choice([Unknown("timeout"), NotSent("no connection")])
        if not self.abilities.look_up:
            return Unable()
        booking = self.book.get(operation.reference)
        if booking is None:
            return NotFound()
        if booking.reversed:
            return Declined("00", "reversed")
        return self._said(booking)

    async def reverse(self, operation, *, repeat):
        booking = self.book.get(operation.reference)
        if booking is None or not booking.part:  # else its answer may have been heard
            self._in_time(operation)
        if await self._unheard():
            return NotSent("no connection")
        booking = self.book.get(operation.reference)
        if operation.reference in self.challenges:
            self.challenges[operation.reference][1] = "N"
        if booking is not None:
            booking.reversed_at = booking.reversed_at or self.now()
            booking.reversed = True
        elif self.memory:
            self.remembered.add(operation.reference)
        elif not self.polite:
            return NotFound()
        return Unknown("timeout") if self.chance(self.loss) else Reversed()

    def take_back(self, charge, part):
        """A payer's bank does, whatever was refunded; once each charge."""
        if charge in self.book and all(each.charge != charge for each in self.taken_back.values()):
            amount = self.book[charge].operation.amount
            amount = Money(max(1, amount.minor // part), amount.currency)
            reference = f"CB{self.name[:3].upper()}{len(self.taken_back):07}"
            self.taken_back[reference] = TakenBack(charge, amount, self.now())

    def told(self, reference):
        """What it tells of a chargeback: that it is there, or what became of it."""
        taken = self.taken_back[reference]
        operation = self.book[taken.charge].operation
        facts = (operation, taken.amount, taken.charge, taken.at)
        line = self._line(MovementKind.CHARGEBACK, reference, *facts)
        won = self._given_again(line, taken.given_again_at)
        if won:
            return Callback(CallbackType.WON, won[0])
        return Callback(CallbackType.LOST if taken.lost else CallbackType.OPENED, line)

    def statement(self):
        """Its settlement file of the day, as far as it has come."""
        day, lines = self.now().date(), list[Movement]()
        for reference, booking in self.book.items():
            operation, kind = booking.operation, LINES.get(booking.operation.kind)
            if kind is None or not booking.approved:
                continue
            original = "" if operation.original is None else operation.original.reference
            line = self._line(kind, reference, operation, operation.amount, original, booking.at)
            lines += [line, *self._given_again(line, booking.reversed_at)]
        for reference, each in self.taken_back.items():
            operation = self.book[each.charge].operation
            taken = (operation, each.amount, each.charge, each.at)
            line = self._line(MovementKind.CHARGEBACK, reference, *taken)
            lines += [line, *self._given_again(line, each.given_again_at)]
        return Statement(day, self.now(), [line for line in lines if line.booked_at.date() == day])

    def _line(self, kind, reference, operation, amount, original, at):
        free = Money(0, amount.currency)
        return Movement(kind, reference, operation.merchant, amount, free, original, at)

    def _given_again(self, line, at):
        if at is None:
            return []
        took = {"kind": MovementKind.REVERSAL, "original": line.reference, "booked_at": at}
        return [replace(line, **took)]

    async def _unheard(self):
        await asyncio.sleep(self.random.uniform(0, 2))
        return self.chance(self.loss)

    def _in_time(self, operation):
        early = "asked while the answer may still be on its way"
        assert self.now() >= operation.call_until + RESOLVE_MARGIN, early
