"""Asking: an issuer of cards whose holders are asked first whether it is they who pay."""

from __future__ import annotations

from datetime import timedelta

from payseal.core.card import Card
from payseal.issuers import (
    Answer,
    Asked,
    Authenticated,
    Challenge,
    Clock,
    Concluded,
    Declined,
    Found,
    Issuer,
    Operation,
    Pending,
    Proof,
    Undone,
    Unknown,
    Way,
)
from payseal.issuers.three_ds import messages
from payseal.issuers.three_ds.messages import ARes, Ids, RReq
from payseal.issuers.three_ds.server import Server, is_of

ASKED_FOR = "authentication_needed"  # the reason of a decline that a challenge may heal
ABANDONED = Declined("", "challenge_abandoned")


class Asking:
    """Stands before another issuer, and takes what concerns the holder; the rest is its own.

    Money is only asked for once the holder was. Where nobody can ask them the issuer decides, and
    if it wants them asked, they are, once.
    """

    def __init__(self, inner: Issuer, server: Server, challenge_within: timedelta) -> None:
        assert inner.abilities.challenges, f"{inner.name} has challenges once it stands behind"
        self._inner, self._server, self._within = inner, server, challenge_within
        self.name, self.title = inner.name, inner.title
        self.offers, self.abilities = inner.offers, inner.abilities

    def reference(self, operation_id: str) -> str:
        """The issuer's."""
        return self._inner.reference(operation_id)

    async def purchase(
        self,
        operation: Operation,
        card: Card | None,
        now: Clock,
        *,
        way: Way | None = None,
        proof: Proof | None = None,
    ) -> Asked:
        """Frictionless at once with its proof; else a challenge, and after that with its own."""
        assert card is not None, "the card is typed on our page"
        if proof is not None or way is None:
            return await self._inner.purchase(operation, card, now, proof=proof)
        heard = await self._authenticate(operation, card, way, now, mandated=False)
        if isinstance(heard, Challenge | Declined):
            return heard
        answer = await self._inner.purchase(operation, card, now, proof=heard)
        if isinstance(answer, Declined) and answer.reason == ASKED_FOR:
            again = await self._authenticate(operation, card, way, now, mandated=True)
            return again if isinstance(again, Challenge) else answer
        return answer

    async def conclude(self, operation: Operation, memo: str, *, over: bool) -> Concluded:  # noqa: ARG002
        """Ask; what nobody asked money for can end, whatever comes of it elsewhere."""
        told = await self._server.status(Ids.read(memo))
        if isinstance(told, RReq):
            return _concluded(told)
        if over:
            return ABANDONED
        return Unknown("acs_not_reached") if told is None else Pending()

    def hear(self, memo: str, told: bytes) -> Concluded | None:
        """An RReq; None if it is not of that challenge."""
        read = messages.read(told, RReq)
        return _concluded(read) if read is not None and is_of(read, Ids.read(memo)) else None

    def reply(self, told: bytes) -> bytes | None:
        """The RRes."""
        read = messages.read(told, RReq)
        return None if read is None else messages.rres(read)

    async def follow(self, operation: Operation, now: Clock, *, repeat: bool) -> Answer:
        """The issuer's."""
        return await self._inner.follow(operation, now, repeat=repeat)

    async def look_up(self, operation: Operation) -> Found:
        """The issuer's."""
        return await self._inner.look_up(operation)

    async def reverse(self, operation: Operation, *, repeat: bool) -> Undone:
        """The issuer's."""
        return await self._inner.reverse(operation, repeat=repeat)

    async def _authenticate(
        self, operation: Operation, card: Card, way: Way, now: Clock, *, mandated: bool
    ) -> Challenge | Declined | Proof | None:
        """The transStatus as a value; None where nobody answered: the issuer decides."""
        answer = await self._server.authenticate(operation, card, way, mandated=mandated)
        match None if answer is None else answer.status:
            case "C":
                assert answer is not None, "it has a status"
                return self._challenge(answer, now)
            case "N" | "R" as status:
                return Declined(status, "authentication_failed")
            case "Y" | "A" | "U":
                assert answer is not None, "it has a status"
                return _proof(answer)
        return None

    def _challenge(self, answer: ARes, now: Clock) -> Challenge:
        ids = Ids(answer.server, answer.acs, answer.ds)
        fields = {"creq": messages.creq(ids)}
        return Challenge(answer.url, now() + self._within, ids.memo, fields)


def _concluded(told: RReq) -> Authenticated | Declined:
    proof = _proof(told) if told.status in ("Y", "A") else None
    if proof is None or not proof.cavv:
        return Declined(told.status, "authentication_failed")
    return Authenticated(proof)


def _proof(told: ARes | RReq) -> Proof | None:
    """None where it says nothing."""
    return Proof(told.eci, told.cavv, told.ds) if told.eci else None
