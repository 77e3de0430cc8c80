"""The till: how many cards one payer may try side by side."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from payseal.checkout import Till
from payseal.core.ids import AccountId, Mint, home
from payseal.risk import DECLINES_MAX, Barred, Paused, Tries, count_decline
from payseal.storage import MemoryStore
from tests.virtual import in_virtual_time

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
LINK = Mint(lambda size: b"\x07" * size).id("lnk", home(AccountId("0" * 12)), AT)


class Slow:
    """A store whose answers take far longer than a whole payment."""

    def __init__(self, inner, reads_s):
        self._inner, self._reads_s = inner, reads_s
        self.commit = inner.commit

    async def get(self, kind, id):
        found = await self._inner.get(kind, id)
        await asyncio.sleep(self._reads_s.pop() if self._reads_s else 0)
        return found


def test_declines_that_came_while_the_tries_were_read_count_as_well():
    disk = MemoryStore([Tries, Barred])
    declined = []

    async def declines(till):
        async with till.turn(LINK, "payer", lambda: AT):
            await disk.commit(await count_decline(disk, LINK, "payer", at=AT))
            declined.append(1)

    async def through():
        slow = Till(Slow(disk, [1.0] * DECLINES_MAX), {}, None, b"k")
        late = [asyncio.create_task(declines(slow)) for _ in range(DECLINES_MAX)]
        await asyncio.sleep(0.5)  # they have read that nothing was declined, and do not know yet
        for _ in range(DECLINES_MAX):
            await declines(slow)
        return await asyncio.gather(*late, return_exceptions=True)

    outcomes = in_virtual_time(through())
    assert {type(outcome) for outcome in outcomes} == {Paused}
    assert len(declined) == DECLINES_MAX
