"""A challenge: asked for, answered by the holder of the card, told to who asked."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from payseal_sandbox.acs.messages import VERSION, AReq

CODE: Final = "123456"
TRIES_MAX: Final = 3
LIFE: Final = timedelta(minutes=10)
KEPT_MAX: Final = 10_000


@dataclass(slots=True, kw_only=True)
class Challenge:
    """`status` is a transStatus: C until the holder has answered."""

    asked: AReq
    acs_id: str
    ds_id: str
    eci: str
    cavv: str
    until: datetime
    tells: bool  # whether an RReq is ever sent
    status: str = "C"
    tries: int = 0
    cancelled: str = ""

    def answer(self, code: str, at: datetime) -> None:
        """The holder types a code; the third wrong one is a no."""
        if self.status != "C":
            return
        if at >= self.until:
            self.status, self.cancelled = "N", "05"
            return
        self.tries += 1
        if code == CODE:
            self.status = "Y"
        elif self.tries >= TRIES_MAX:
            self.status = "N"

    def cancel(self) -> None:
        """The holder does not want to pay."""
        if self.status == "C":
            self.status, self.cancelled = "N", "01"

    def names(self) -> dict[str, str]:
        """By which both sides know it."""
        return {
            "messageVersion": VERSION,
            "threeDSServerTransID": self.asked.server_id,
            "acsTransID": self.acs_id,
        }

    def result(self) -> dict[str, str]:
        """The RReq."""
        told = {
            "messageType": "RReq",
            **self.names(),
            "dsTransID": self.ds_id,
            "messageCategory": "01",
            "transStatus": self.status,
            "interactionCounter": f"{self.tries:02}",
        }
        if self.status == "Y":
            told |= {"eci": self.eci, "authenticationValue": self.cavv}
        return told | ({"challengeCancel": self.cancelled} if self.cancelled else {})

    def notice(self) -> dict[str, str]:
        """The CRes, which the browser carries."""
        final = {"challengeCompletionInd": "Y", "transStatus": self.status}
        return {"messageType": "CRes", **self.names(), **final}


class Challenges:
    """The newest ones, in memory: a bank that is stopped forgets whom it asked."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Challenge] = OrderedDict()

    def add(self, challenge: Challenge) -> None:
        """Remember it, and forget the oldest of too many."""
        self._by_id[challenge.acs_id] = challenge
        if len(self._by_id) > KEPT_MAX:
            self._by_id.popitem(last=False)

    def find(self, acs_id: str, server_id: str | None = None) -> Challenge | None:
        """The one with both ids; with its own alone where the browser has come that far."""
        found = self._by_id.get(acs_id)
        if found is None or server_id not in (None, found.asked.server_id):
            return None
        return found
