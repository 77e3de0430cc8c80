"""The folder that settlement files come into: each is read once, and a bad one put aside."""

from __future__ import annotations

import pytest

from payseal.ledger import Entry
from payseal.transactions import Difference, take_in
from tests.reconciliation.conftest import Books

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


async def test_files_are_read_once_and_bad_ones_put_aside(books: Books, tmp_path):
    folder = tmp_path / "settlement"
    folder.mkdir()
    await books.pay(await books.link())
    await books.count()
    good = await books.file("rounding")
    (folder / "1.csv").write_bytes(good[:-9])
    (folder / "2.csv").write_bytes(good)
    (folder / "3.csv.part").write_bytes(good)

    async def taken_in() -> int:
        return await take_in(books.store, "bank", folder, now=books.now)

    assert await taken_in() == 2
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "3.csv.part",
        "read/2.csv",
        "refused/1.csv",
    ]
    assert [each.kind for each in await books.all(Difference)] == ["rounding"]
    assert [entry.settled for entry in await books.all(Entry)] == ["2026-11-22"]
    assert await taken_in() == 0


async def test_a_file_of_the_same_name_is_kept_beside_the_one_before(books: Books, tmp_path):
    folder = tmp_path / "settlement"
    folder.mkdir()
    good = await books.file()
    for again in range(3):
        (folder / "today.csv").write_bytes(good)
        (folder / "cut.csv").write_bytes(b"%d" % again)
        assert await take_in(books.store, "bank", folder, now=books.now) == 2
    kept = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.csv")}
    assert kept == {
        **dict.fromkeys(("read/today.csv", "read/today.2.csv", "read/today.3.csv"), good),
        "refused/cut.csv": b"0",
        "refused/cut.2.csv": b"1",
        "refused/cut.3.csv": b"2",
    }


async def test_what_cannot_be_read_stays_and_holds_nobody_up(books: Books, tmp_path):
    folder = tmp_path / "settlement"
    folder.mkdir()
    (folder / "1.csv").mkdir()  # no file at all
    (folder / "2.csv").write_bytes(await books.file())
    assert await take_in(books.store, "bank", folder, now=books.now) == 1
    assert (folder / "1.csv").is_dir()
    assert (folder / "read" / "2.csv").is_file()
    assert await take_in(books.store, "bank", folder, now=books.now) == 0
