"""A process that commits until it is killed: `committer.py FILE CALLERS`.

It prints the id of a thing once its commit was acknowledged: the thing, its plain and its event.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from payseal.core.ids import Mint
from payseal.core.store import Insert
from payseal.storage import SqliteStore
from tests.storage.things import AT, HOME, KINDS, Plain, Thing, told


async def main(path: Path, callers: int) -> None:
    mint = Mint(os.urandom)

    async def commit_on(store: SqliteStore) -> None:
        while True:
            one = Thing(id=mint.id("thg", HOME, AT), name="x" * 300)
            other = Plain(id=one.id.replace("thg", "pln", 1))
            await store.commit(Insert(one), Insert(other), told(one))
            sys.stdout.write(f"{one.id}\n")
            sys.stdout.flush()

    async with SqliteStore(path, KINDS) as store:
        await asyncio.gather(*(commit_on(store) for _ in range(callers)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
