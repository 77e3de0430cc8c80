"""The writer commits what queued together at once: all of it, or nothing."""

import asyncio

import pytest

from payseal_sandbox.book import Book
from payseal_sandbox.rows import Outcome, Reversed
from payseal_sandbox.writer import Writer


class CountingBook(Book):
    """Knows how often it was asked for a commit."""

    commits = 0

    def commit(self):
        self.commits += 1
        return super().commit()


@pytest.fixture
async def written(book):
    return CountingBook(book)


@pytest.fixture
async def writer(written):
    writer = Writer(written)
    writer.start()
    yield writer
    await writer.stop()


def a_reversal(reference):
    return Reversed(
        sequence=0,
        reference=reference,
        merchant="M",
        amount=1,
        currency="EUR",
        outcome=Outcome.REMEMBERED,
        received_at="2026-11-22T17:00:00.000Z",
    )


def write(reference):
    return lambda book: book.insert(a_reversal(reference))


def references(book):
    return [row.reference for row in book.page(Reversed, after=0, limit=1_000)]


async def test_decisions_that_queue_together_share_a_commit(writer, written):
    await asyncio.gather(*(writer.run(write(f"R{n}")) for n in range(100)))
    assert await writer.run(references) == [f"R{n}" for n in range(100)]
    assert written.commits <= 3


async def test_a_decision_that_fails_takes_its_group_with_it(writer):
    def fail(book):
        book.insert(a_reversal("R2"))
        raise RuntimeError

    group = [writer.run(write("R1")), writer.run(fail), writer.run(write("R3"))]
    results = await asyncio.gather(*group, return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeError] * 3
    assert await writer.run(references) == []


async def test_a_decision_whose_caller_gave_up_is_written(writer):
    waiting = asyncio.ensure_future(writer.run(write("R1")))
    await asyncio.sleep(0)
    waiting.cancel()
    assert await writer.run(references) == ["R1"]


async def test_stopping_finishes_what_is_queued(book, written):
    writer = Writer(written)
    writer.start()
    waiting = asyncio.gather(*(writer.run(write(f"R{n}")) for n in range(50)))
    await asyncio.sleep(0)
    await writer.stop()
    await waiting
    assert len(references(Book(book, read_only=True))) == 50


async def test_a_commit_reaches_the_disk_before_it_is_acknowledged(written):
    assert written._db.pragma("journal_mode") == "wal"
    assert written._db.pragma("synchronous") == 2, "2 is FULL: every commit is synced"
