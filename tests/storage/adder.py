"""A process that counts on things that others count on too: `adder.py URL TIMES ID…`.

It prints the id and the version of each update that was acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import sys

from payseal.core.store import Busy, Update, deciding
from payseal.storage.postgres import PostgresStore
from tests.storage.things import KINDS, Thing, told

CALLERS = 12


async def main(url: str, times: int, ids: list[str]) -> None:
    async with PostgresStore(url, KINDS, name="things", entropy=os.urandom) as store:

        async def add(id: str) -> Thing:
            now = (await store.get(Thing, id)).add()
            await store.commit(Update(now), told(now))
            return now

        async def adds(caller: int) -> None:
            for n in range(times):
                try:
                    done = await deciding(add, ids[(n + caller) % len(ids)])
                except Busy:
                    continue  # nothing was done
                sys.stdout.write(f"{done.id} {done.version}\n")
                sys.stdout.flush()

        await asyncio.gather(*(adds(caller) for caller in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
