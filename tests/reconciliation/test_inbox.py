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
