"""SQLite under a killed process, a full disk, and a disk that fails."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest

from payseal.core.event import Event
from payseal.core.store import Insert, StoreError, Update
from payseal.storage import SqliteStore
from tests.storage.things import HOME, KINDS, Plain, Thing, all_events, plain, put, thing, told

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("acknowledged", [1, 300, 900])
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, acknowledged: int):
    path = tmp_path / "payseal.db"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.storage.committer", str(path), "16",
        cwd=ROOT, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    lines = [await child.stdout.readline() for _ in range(acknowledged)]
    child.kill()
    # What it had said before it died counts, but not a line that was cut.
    rest = (await child.stdout.read()).splitlines(keepends=True)
    await child.wait()
    said = [line.decode().strip() for line in [*lines, *rest] if line.endswith(b"\n")]
    async with SqliteStore(path, KINDS, exclusive=True) as store:
        events = {event.resource for event in await all_events(store)}
        for id in said:
            assert await store.get(Thing, id) is not None
            assert id in events
        things = store._writing.execute("SELECT count(*) FROM things").get
        assert things == store._writing.execute("SELECT count(*) FROM plains").get == len(events)
        await put(store, thing())
    assert apsw.Connection(str(path)).pragma("integrity_check") == "ok"


class FailingDisk(apsw.VFS):
    """The file system beneath, which fails `sync` or `write` of the log when told to."""

    def __init__(self, name: str) -> None:
        self.failing = ""
        super().__init__(name, "")

    def xOpen(self, name, flags):  # noqa: N802 - the name is SQLite's
        return FailingFile(self, name, flags)


class FailingFile(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name, flags) -> None:
        self.disk, self.of_log = disk, bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__("", name, flags)

    def _may(self, what: str) -> None:
        if self.of_log and self.disk.failing == what:
            raise apsw.IOError("the disk is broken")

    def xSync(self, flags):  # noqa: N802 - the name is SQLite's
        self._may("sync")
        return super().xSync(flags)

    def xWrite(self, data, offset):  # noqa: N802 - the name is SQLite's
        self._may("write")
        return super().xWrite(data, offset)


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    disk = FailingDisk("failing")
    yield disk
    disk.unregister()


@pytest.fixture
async def store(tmp_path: Path, disk: FailingDisk) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(tmp_path / "payseal.db", KINDS, vfs="failing") as store:
        yield store


@pytest.mark.parametrize("failing", ["sync", "write"])
async def test_when_the_disk_fails_all_callers_of_the_group_hear_it_and_nothing_is_there(
    store: SqliteStore, disk: FailingDisk, failing: str
):
    await put(store, old := thing())
    things = [thing() for _ in range(10)]
    disk.failing = failing
    outcomes = await asyncio.gather(
        *(store.commit(Insert(one), told(one)) for one in things),
        store.commit(Update(old.add())),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [StoreError] * 11
    assert len({id(outcome) for outcome in outcomes}) == 11  # each its own
    assert (await store.page(Thing, HOME)).records == [old]
    assert await all_events(store) == []
    disk.failing = ""
    await asyncio.gather(*(store.commit(Insert(one), told(one)) for one in things))
    assert await store.get_many(Thing, [one.id for one in things]) == things
    assert store._writing.pragma("integrity_check") == "ok"


async def test_when_the_disk_is_full_all_hear_it_and_later_it_goes_on(store: SqliteStore):
    await put(store, thing())
    store._writing.pragma("max_page_count", store._writing.pragma("page_count"))
    large = [thing(name="x" * 100_000) for _ in range(5)]
    outcomes = await asyncio.gather(
        *(store.commit(Insert(one), Insert(plain())) for one in large), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [StoreError] * 5
    assert "FullError" in str(outcomes[0])
    assert (await store.page(Plain, HOME)).records == []
    store._writing.pragma("max_page_count", 1_000_000)
    await put(store, *large)
    assert len((await store.page(Thing, HOME)).records) == 6
    assert store._writing.pragma("integrity_check") == "ok"


async def test_a_bug_in_the_writers_thread_is_told_and_does_not_end_it(store: SqliteStore):
    table = store._tables[Event]
    right, table._insert = table._insert, "INSERT INTO nowhere VALUES (?, ?, ?, ?, ?)"
    with pytest.raises(StoreError, match="no such table"):
        await store.commit(Insert(one := thing()), told(one))
    table._insert = right
    await store.commit(Insert(one), told(one))
