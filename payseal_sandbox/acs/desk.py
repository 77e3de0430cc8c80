"""What the access control server says to a card, and whom it tells."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Final

import aiohttp

from payseal_sandbox import authentications
from payseal_sandbox.acs.challenge import LIFE, Challenge, Challenges
from payseal_sandbox.acs.messages import VERSION, AReq
from payseal_sandbox.cards import Card

TELL_WITHIN_S: Final = 5
MANDATED: Final = "04"
# A transStatus by number: C is a challenge, M a challenge only where one is asked for.
KNOWN: Final = {
    "4000000000003055": "Y",
    "5200000000003050": "Y",
    "4000000000003220": "C",
    "5200000000003225": "C",
    "4000000000003246": "C",
    "4000000000003063": "M",
    "5200000000003068": "M",
    "4000000000003097": "A",
    "4000000000003105": "N",
    "4000000000003113": "R",
    "4000000000003121": "U",
}
UNTOLD: Final = ("4000000000003246",)  # its result is never sent, and has to be asked for
_log = logging.getLogger(__name__)


class AcsDesk:
    """Keeps the challenges; `key` is the one that charges are judged with."""

    def __init__(self, key: bytes, clock: Callable[[], datetime]) -> None:
        self.challenges, self.clock = Challenges(), clock
        self._key = key

    def authenticate(self, asked: AReq, challenge_url: str) -> dict[str, str]:
        """The ARes to an AReq."""
        acs_id, ds_id = str(uuid.uuid4()), str(uuid.uuid4())
        status = KNOWN.get(asked.number, "U")
        if status == "M":
            status = "C" if asked.challenge == MANDATED else "A"
        answer = {
            "messageType": "ARes",
            "messageVersion": VERSION,
            "threeDSServerTransID": asked.server_id,
            "acsTransID": acs_id,
            "dsTransID": ds_id,
            "transStatus": status,
        }
        proved = "Y" if status == "C" else status
        eci, cavv = self._proof(asked, ds_id, proved)
        if status == "C":
            self.challenges.add(
                Challenge(
                    asked=asked,
                    acs_id=acs_id,
                    ds_id=ds_id,
                    eci=eci,
                    cavv=cavv,
                    until=self.clock() + LIFE,
                    tells=asked.number not in UNTOLD,
                )
            )
            mandated = "Y" if asked.challenge == MANDATED else "N"
            return answer | {
                "acsURL": challenge_url,
                "acsChallengeMandated": mandated,
                "authenticationType": "02",
            }
        return answer | {"eci": eci} | ({"authenticationValue": cavv} if cavv else {})

    def _proof(self, asked: AReq, ds_id: str, status: str) -> tuple[str, str]:
        brand = Card(asked.number, 0, 0).brand
        eci = authentications.eci(brand, status)
        if status not in ("Y", "A"):
            return eci, ""
        money = f"{int(asked.amount)} {asked.currency}"
        return eci, authentications.prove(self._key, asked.number, ds_id, eci, money)

    async def tell(self, http: aiohttp.ClientSession, challenge: Challenge) -> None:
        """Send the RReq, and once more if nobody hears it."""
        if not challenge.tells:
            return
        for _ in range(2):
            try:
                async with http.post(
                    challenge.asked.server_url,
                    json=challenge.result(),
                    timeout=aiohttp.ClientTimeout(total=TELL_WITHIN_S),
                    allow_redirects=False,
                ) as answer:
                    if answer.status == 200:
                        return
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(0)
        _log.warning("a result was not taken")
