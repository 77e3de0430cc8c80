"""Iso8583: the port's three calls, as messages to the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from payseal.core.card import Card
from payseal.core.offer import Offer, taken
from payseal.issuers import Abilities, Clock, Proof, Way
from payseal.issuers.answer import Answer, Asked, Concluded, Found, NotSent, Undone, Unknown
from payseal.issuers.iso8583 import messages, verdicts
from payseal.issuers.iso8583.address import Address
from payseal.issuers.iso8583.line import Lost, Silent, Unsent, seconds
from payseal.issuers.iso8583.messages import Terminal
from payseal.issuers.iso8583.times import Times
from payseal.issuers.iso8583.trunk import Trunk
from payseal.issuers.iso8583.wire import Fields
from payseal.issuers.operation import Operation

SENDINGS_MAX = 4  # of one purchase: a message that breaks lines breaks no more than these
LINES = 2
TIMES = Times()


class Iso8583:
    """An acquirer's hosts, of one book: the first that is there is used.

    `async with` keeps its lines open; between calls nothing else is kept.
    """

    def __init__(
        self,
        name: str,
        title: str,
        offers: Sequence[Offer],
        addresses: Sequence[Address],
        *,
        acquirer: str,
        terminal: str,
        merchant_category: str,
        location: str,
        abilities: Abilities,
        entropy: Callable[[int], bytes],
        now: Clock,
        lines: int = LINES,
        times: Times = TIMES,
    ) -> None:
        self.name, self.title = name, title
        self.offers, self.abilities = tuple(offers), abilities
        self._terminal = Terminal(acquirer, terminal, merchant_category, location)
        self._now, self._times = now, times
        self._trunk = Trunk(
            addresses,
            self._terminal,
            lines=lines,
            times=times,
            entropy=entropy,
            now=now,
        )

    async def start(self) -> None:
        """Begin to connect. Without a host all calls say `NotSent`, until it is there."""
        self._trunk.start()

    async def stop(self) -> None:
        """Sign off; a call that still waits becomes `Unknown`."""
        await self._trunk.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def reference(self, operation_id: str) -> str:
        """Field 37."""
        return messages.reference(operation_id)

    async def purchase(
        self,
        operation: Operation,
        card: Card | None,
        now: Clock,
        *,
        way: Way | None = None,  # noqa: ARG002
        proof: Proof | None = None,
    ) -> Asked:
        """0200 or 0100, and again on another line when one is lost under it; by `call_until`.

        Another host is asked only as long as nothing was sent.
        """
        assert card is not None, "the card is typed on our page"
        if not taken(self.offers, operation.amount.currency):
            return NotSent("currency_not_taken")
        message = messages.purchase(self._terminal, operation, card, proof)
        return await self._booked(message, operation.call_until, now)

    async def follow(self, operation: Operation, now: Clock, *, repeat: bool) -> Answer:
        """The same without a card; as a repeat from the first when `repeat`."""
        message = messages.following(self._terminal, operation, advices=self.abilities.advices)
        if repeat:
            message = messages.repeated(message)
        return await self._booked(message, operation.call_until, now, repeat=repeat)

    async def conclude(self, operation: Operation, memo: str, *, over: bool) -> Concluded:  # noqa: ARG002
        """No payer is led away."""
        raise AssertionError(f"{operation.id} was never challenged")

    async def _booked(
        self, message: Fields, until: datetime, now: Clock, *, repeat: bool = False
    ) -> Answer:
        lost, where, patience = "", None, self._times.line_within
        unsent = ""
        for _ in range(SENDINGS_MAX):
            left = until - now()
            # Once something was sent there is no "not sent" any more, so no hurry either.
            within_s = seconds(left if lost else min(left, patience))
            line = await self._trunk.ready(within_s, where)
            if line is None:
                break
            try:
                answer = await line.ask(message, until, now)
            except Unsent as error:
                unsent = str(error)
                if line.is_open:
                    break
            except Silent as silent:
                return Unknown(str(silent))
            except Lost as error:
                lost, message = str(error), messages.repeated(message)
                where = line.address
            else:
                return verdicts.purchased(
                    message,
                    answer,
                    repeated=repeat or bool(lost),
                    partial=self.abilities.partial_approvals,
                )
        return Unknown(lost) if lost else NotSent(unsent or "no_connection")

    async def look_up(self, operation: Operation) -> Found:
        """0600; the book's word is held against the operation's amount and currency."""

        def inquiry(stan: str, at: datetime) -> Fields:
            return messages.inquiry(self._terminal, operation, stan, at=at)

        heard = await self._ask(inquiry, self._times.look_up_within)
        if isinstance(heard, NotSent | Unknown):
            return heard
        _, answer = heard
        return verdicts.found(operation, answer)

    async def reverse(self, operation: Operation, *, repeat: bool) -> Undone:
        """0420, or 0421 when `repeat` (0400, 0401); the original is named from the operation."""

        def reversal(stan: str, at: datetime) -> Fields:
            return messages.reversal(
                self._terminal,
                operation,
                stan,
                repeat=repeat,
                advices=self.abilities.advices,
                at=at,
            )

        heard = await self._ask(reversal, self._times.reverse_within)
        if isinstance(heard, NotSent | Unknown):
            return heard
        return verdicts.undone(*heard)

    async def _ask(
        self, write: Callable[[str, datetime], Fields], within: timedelta
    ) -> tuple[Fields, Fields] | NotSent | Unknown:
        """The request and its answer."""
        until = self._now() + within
        try:
            line = await self._trunk.ready(seconds(min(within, self._times.line_within)))
            if line is None:
                return NotSent("no_connection")
            request = write(line.stan(), self._now())
            return request, await line.ask(request, until, self._now)
        except Unsent as unsent:
            return NotSent(str(unsent))
        except Lost as lost:
            return Unknown(str(lost))
