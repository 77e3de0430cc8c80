"""A card that waits: what is given back, how often, and what is left of it anywhere."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import msgspec
import pytest

from payseal.core.card import Card
from payseal.core.ids import AccountId, Mint, Mode, home
from payseal.core.master import MasterKey, WrongMasterKey
from payseal.storage import MemoryStore, SqliteStore
from payseal.vault import LIFE, RECORDS, Vault, Waiting
from tests.e2e.test_canary import ways_to_write
from tests.shop import CODE, NUMBER, START

MINT = Mint(os.urandom)
HOME = home(AccountId("0" * 12), Mode.TEST)
MASTER = MasterKey(b"m" * 32)
SECOND = timedelta(seconds=1)
GROUPED = "4242 4242 4242 4242"


def card() -> Card:
    typed = {"number": NUMBER, "expiry": "12/35", "cvc": CODE, "name": "Ada Byron"}
    return Card.parse(typed, at=START)


def owner() -> str:
    return MINT.id("txn", HOME, START)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "vault.db"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, file):
    if request.param == "memory":
        yield MemoryStore(RECORDS)
        return
    async with SqliteStore(file, RECORDS, forgets=True) as opened:
        yield opened


@pytest.fixture
def vault(store):
    return Vault(store, MASTER, os.urandom)


async def test_a_card_comes_back_once_and_without_its_code(vault):
    txn = owner()
    await vault.keep(txn, card(), at=START)
    taken = await vault.take(txn, at=START + LIFE - SECOND)
    assert taken.number == NUMBER
    assert (taken.expires_year, taken.expires_month, taken.name) == (2035, 12, "Ada Byron")
    assert taken.code.reveal() == ""
    assert await vault.take(txn, at=START) is None


async def test_of_many_who_take_it_one_has_it(vault):
    txn = owner()
    await vault.keep(txn, card(), at=START)
    taken = await asyncio.gather(*(vault.take(txn, at=START) for _ in range(10)))
    assert sum(each is not None for each in taken) == 1


async def test_nobody_takes_what_is_not_there_or_is_anothers(vault):
    await vault.keep(owner(), card(), at=START)
    assert await vault.take(owner(), at=START) is None


async def test_after_an_hour_it_is_not_given_and_the_duty_deletes_it(vault, store):
    kept, late = owner(), owner()
    await vault.keep(kept, card(), at=START)
    await vault.keep(late, card(), at=START)
    assert await vault.take(late, at=START + LIFE) is None
    assert await vault.forget(at=START + LIFE - SECOND) == 0
    assert await vault.forget(at=START + LIFE) == 1
    assert await store.due(Waiting, before=START + 2 * LIFE, limit=10) == []


async def test_what_is_dropped_is_gone_and_may_be_dropped_again(vault, store):
    txn = owner()
    await vault.keep(txn, card(), at=START)
    for _ in range(2):
        await vault.drop(txn)
    assert await vault.take(txn, at=START) is None


async def test_another_master_key_or_another_owner_opens_nothing(vault, store):
    txn, other = owner(), owner()
    await vault.keep(txn, card(), at=START)
    with pytest.raises(WrongMasterKey):
        await Vault(store, MasterKey(b"n" * 32), os.urandom).take(txn, at=START)
    await vault.keep(txn, card(), at=START)
    (waiting,) = await store.due(Waiting, before=START + LIFE, limit=10)
    with pytest.raises(WrongMasterKey):
        vault._box(waiting.key).unseal(waiting.sealed, other)


def traces(waiting: Waiting) -> list[bytes]:
    """What of a waiting card could be found in a file."""
    built = msgspec.to_builtins(waiting)
    return [built["sealed"].encode(), built["key"].encode()]


def found(file, needles) -> list[bytes]:
    """Which of them are in the file, or in one beside it."""
    held = b"".join(each.read_bytes() for each in file.parent.iterdir())
    return [needle for needle in needles if needle in held]


@pytest.mark.parametrize("forgets", [True, False])
@pytest.mark.parametrize("way", ["take", "drop", "forget"])
async def test_nothing_of_a_card_is_left_in_the_file(file, way, forgets):
    """Where a store does not forget, the search finds it: so it would."""
    async with SqliteStore(file, RECORDS, forgets=forgets) as store:
        vault, txns = Vault(store, MASTER, os.urandom), [owner() for _ in range(20)]
        for txn in txns:
            await vault.keep(txn, card(), at=START)
        waiting = await store.due(Waiting, before=START + LIFE, limit=100)
        needles = [trace for each in waiting for trace in traces(each)]
        assert found(file, needles) == needles
        assert found(file, ways_to_write(GROUPED)) == []
        for txn in txns:
            if way == "take":
                await vault.take(txn, at=START)
            elif way == "drop":
                await vault.drop(txn)
        if way == "forget":
            await vault.forget(at=START + LIFE)
        assert bool(found(file, needles)) != forgets


async def test_what_a_crash_left_behind_is_gone_once_its_hour_is_over(file):
    async with SqliteStore(file, RECORDS, forgets=True) as store:
        await Vault(store, MASTER, os.urandom).keep(owner(), card(), at=START)
        needles = traces((await store.due(Waiting, before=START + LIFE, limit=1))[0])
    async with SqliteStore(file, RECORDS, forgets=True) as store:
        assert found(file, needles) == needles
        await Vault(store, MASTER, os.urandom).forget(at=START + LIFE)
    assert found(file, needles) == []
