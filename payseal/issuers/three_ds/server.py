"""Server: our 3DS server's side of the wire; asks the directory, and reads what it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import UUID

from payseal.core.card import Card
from payseal.issuers import Operation, Way
from payseal.issuers.three_ds import messages
from payseal.issuers.three_ds.messages import ARes, Ids, RReq, StatusRes
from payseal.outbound import Response, SendResult

ASK_WITHIN_S = 5.0
ID_BYTES = 16
HEADERS = {"Content-Type": "application/json"}


class Post(Protocol):
    """`Outbound.post`."""

    def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float
    ) -> Awaitable[SendResult]:
        """Send it once; what comes of it is a value."""
        ...


class Server:
    """`url` is the directory's, `told` is where results are sent to, before the transaction."""

    def __init__(self, url: str, told: str, post: Post, entropy: Callable[[int], bytes]) -> None:
        self._url, self._told, self._post, self._entropy = f"{url}/3ds", told, post, entropy

    async def authenticate(
        self, operation: Operation, card: Card, way: Way, *, mandated: bool
    ) -> ARes | None:
        """AReq and ARes; None if nobody answers, or with what is no answer to this."""
        server = UUID(bytes=self._entropy(ID_BYTES), version=4)
        told = f"{self._told}/{way.transaction}"
        body = await self._ask(messages.areq(operation, card, way, server, told, mandated=mandated))
        answer = None if body is None else messages.read(body, ARes)
        return answer if answer is not None and answer.server == str(server) else None

    async def status(self, ids: Ids) -> RReq | StatusRes | None:
        """What became of a challenge; None if nobody knows."""
        body = await self._ask(messages.status_request(ids))
        if body is None:
            return None
        told = messages.read(body, RReq)
        if told is not None:
            return told if is_of(told, ids) else None
        return messages.read(body, StatusRes)

    async def _ask(self, message: bytes) -> bytes | None:
        answer = await self._post(self._url, message, HEADERS, timeout_s=ASK_WITHIN_S)
        return answer.body if isinstance(answer, Response) and answer.status == 200 else None


def is_of(told: RReq, ids: Ids) -> bool:
    """Whether it is about that challenge: who sends it knows all three names."""
    return Ids(told.server, told.acs, told.ds) == ids
