"""Book: what Stripe has of one operation, and what is changed there."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from stripe import PaymentIntent, Refund, RequestOptions, StripeClient
from stripe.checkout import Session
from stripe.params import RefundListParams
from stripe.params.checkout import SessionListParams

from payseal.issuers.answer import (
    Answer,
    Approved,
    Declined,
    Found,
    NotFound,
    NotSent,
    Pending,
    Reversed,
    Undone,
    Unknown,
)
from payseal.issuers.operation import Operation, OperationKind
from payseal.issuers.stripe import verdicts
from payseal.issuers.stripe.client import asked, read
from payseal.issuers.stripe.verdicts import Failure, Standing

PAGE, PAGES_MAX = 100, 50
# Stripe's clock and ours may differ by so much.
CLOCKS_WITHIN: Final = timedelta(minutes=1)


class Book:
    """Of one account, asked about one operation; each request has `within` to be answered."""

    def __init__(self, client: StripeClient, operation: Operation, within: timedelta) -> None:
        self._v1, self._operation, self._within = client.v1, operation, within

    async def session(self) -> Session | NotFound | NotSent | Unknown:
        """The operation's, among all of the minutes in which it was asked for."""
        operation, last = self._operation, ""
        first = operation.asked_at - CLOCKS_WITHIN
        until = operation.call_until + CLOCKS_WITHIN
        for _ in range(PAGES_MAX):
            wanted: SessionListParams = {
                "created": {"gte": int(first.timestamp()), "lte": int(until.timestamp())},
                "limit": PAGE,
                "expand": ["data.payment_intent"],
            }
            if last:
                wanted["starting_after"] = last
            call = self._v1.checkout.sessions.list_async(wanted)
            page = await read("sessions", operation.id, call, self._within)
            if isinstance(page, NotSent | Unknown):
                return page
            for session in page.data:
                if session.client_reference_id == operation.reference:
                    return session
            if not page.has_more:
                return NotFound()
            last = page.data[-1].id
        return Unknown("too_many_sessions")

    async def standing(self, session_id: str) -> Standing:
        """How the session stands."""
        call = self._v1.checkout.sessions.retrieve_async(session_id, {"expand": ["payment_intent"]})
        return self._stands(await read("session", self._operation.id, call, self._within))

    async def expired(self, session_id: str) -> Standing:
        """See that it can be paid no more; if it was paid meanwhile, that."""
        call = self._v1.checkout.sessions.expire_async(session_id, {"expand": ["payment_intent"]})
        ended = await read("expire", self._operation.id, call, self._within)
        if isinstance(ended, Session):
            return self._stands(ended)
        return await self.standing(session_id)

    async def follow(self) -> Answer:
        """Capture, cancel or refund the payment intent; one key for the operation's whole life."""
        operation, intents = self._operation, self._v1.payment_intents
        id, options = self._intent, self._options(operation.id)
        match operation.kind:
            case OperationKind.CAPTURE:
                call = intents.capture_async(
                    id,
                    {
                        "amount_to_capture": operation.amount.minor,
                        "metadata": {"capture": operation.reference},
                    },
                    options,
                )
                return self._followed(await asked("capture", operation.id, call, self._within))
            case OperationKind.VOID:
                call = intents.cancel_async(id, {}, options)
                return self._followed(await asked("cancel", operation.id, call, self._within))
            case _:
                made = await self._refund(id, {"operation": operation.reference}, operation.id)
                return verdicts.refunded(operation, made) if isinstance(made, Refund) else made

    async def followed(self) -> Found:
        """Whether the capture, void or refund has been done."""
        operation = self._operation
        if operation.kind is OperationKind.REFUND:
            found = await self._refund_marked(self._intent, "operation")
            return verdicts.refunded(operation, found) if isinstance(found, Refund) else found
        call = self._v1.payment_intents.retrieve_async(self._intent)
        intent = await read("intent", operation.id, call, self._within)
        if not isinstance(intent, PaymentIntent):
            return intent
        if operation.kind is OperationKind.CAPTURE:
            return verdicts.captured(operation, intent)
        return verdicts.voided(intent)

    async def is_given_back(self, intent: str) -> bool:
        """Whether a reversal of ours has given all of it back."""
        return isinstance(await self._refund_marked(intent, "reverses"), Refund)

    async def undone(self, standing: Standing) -> Undone:
        """See that what it stands at has no effect: nothing was paid, or it is given back."""
        match standing:
            case Declined():
                return Reversed()
            case Approved(approval_code=intent):
                return await self._undo(intent)
            case Pending():
                return Unknown("still_open")
            case NotSent() | Unknown():
                return standing

    async def _undo(self, intent: str) -> Undone:
        """Cancel what is held; what was taken is refunded whole, once."""
        id = self._operation.id
        call = self._v1.payment_intents.cancel_async(intent, {}, self._options(f"{id}:cancel"))
        if isinstance(await asked("cancel", id, call, self._within), PaymentIntent):
            return Reversed()
        mark = {"reverses": self._operation.reference}
        made = await self._refund(intent, mark, f"{id}:refund")
        if isinstance(made, NotSent):
            return Unknown(made.reason)  # the first call may have left
        if isinstance(made, Declined):
            found = await self._refund_marked(intent, "reverses")
            return Reversed() if isinstance(found, Refund) else Unknown(f"answered_{made.code}")
        return made if isinstance(made, Unknown) else Reversed()

    async def _refund(self, intent: str, mark: dict[str, str], key: str) -> Refund | Failure:
        call = self._v1.refunds.create_async(
            {"payment_intent": intent, "amount": self._operation.amount.minor, "metadata": mark},
            self._options(key),
        )
        return await asked("refund", self._operation.id, call, self._within)

    async def _refund_marked(self, intent: str, mark: str) -> Refund | NotFound | NotSent | Unknown:
        """The refund of that intent which our reference is on."""
        last = ""
        for _ in range(PAGES_MAX):
            wanted: RefundListParams = {"payment_intent": intent, "limit": PAGE}
            if last:
                wanted["starting_after"] = last
            call = self._v1.refunds.list_async(wanted)
            page = await read("refunds", self._operation.id, call, self._within)
            if isinstance(page, NotSent | Unknown):
                return page
            for refund in page.data:
                if verdicts.name_on(refund, mark) == self._operation.reference:
                    return refund
            if not page.has_more:
                return NotFound()
            last = page.data[-1].id
        return Unknown("too_many_refunds")

    @property
    def _intent(self) -> str:
        """Stripe's id of what is captured or taken back: the original's approval code."""
        assert self._operation.original is not None, "it follows something"
        return self._operation.original.approval_code

    def _followed(self, done: PaymentIntent | Failure) -> Answer:
        if not isinstance(done, PaymentIntent):
            return done
        capture = self._operation.kind is OperationKind.CAPTURE
        heard = verdicts.captured(self._operation, done) if capture else verdicts.voided(done)
        return heard if isinstance(heard, Approved | Unknown) else Unknown("answer_differs")

    def _stands(self, heard: Session | NotSent | Unknown) -> Standing:
        if isinstance(heard, Session):
            return verdicts.standing(self._operation, heard)
        return heard

    def _options(self, key: str) -> RequestOptions:
        return {"idempotency_key": key}
