"""What the contract needs of a connector's other side; and all connectors that keep it.

A connector joins by one line in `COUNTERPARTS`: see docs/connectors.md.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from payseal.core.money import Currency
from payseal.issuers import Answer, Asked, Challenge, Issuer, Operation
from tests.issuers import iso8583_side, penny_side, stripe_side, three_ds_side


class Counterpart(Protocol):
    """A connector, and the other side of it as its own people see it: a server, never a stub."""

    issuer: Issuer
    takes: Currency
    refuses: Currency
    secrets: Sequence[str]  # what no log may show: a number, a code, a key
    heard: Sequence[str]  # words of the connector's wire log, which show that there is one

    async def pay(self, operation: Operation, *, good: bool = True) -> Answer:
        """A payer goes all the way, through a challenge too; `good`: with money."""
        ...

    async def lead(self, operation: Operation) -> Asked:
        """A payer who has to be led away first. Only with challenges."""
        ...

    async def confirm(self, challenge: Challenge) -> None:
        """A payer who was led away does there what they have to. Only with challenges."""
        ...

    async def booked(self, operation: Operation) -> int:
        """Minor units that stand in its book under the operation: 0 for none, or undone."""
        ...

    async def lose_answer(self) -> None:
        """What it is asked next it does, and the answer is lost."""
        ...

    def away(self) -> AbstractAsyncContextManager[Issuer]:
        """The same connector, to where nobody listens."""
        ...


class Known(NamedTuple):
    """How the other side is started, with a folder of its own; and whether it leads payers away."""

    start: Callable[[Path], AbstractAsyncContextManager[Counterpart]]
    challenges: bool = False


COUNTERPARTS = {
    "iso8583": Known(iso8583_side.start),
    "iso8583 with 3-D Secure": Known(three_ds_side.start, challenges=True),
    "penny": Known(penny_side.start),  # of docs/connectors.md
    "stripe": Known(stripe_side.start, challenges=True),
}
