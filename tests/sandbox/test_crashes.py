"""The bank as a process: killed, stopped, started twice; and what it leaves on the disk."""

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from payseal_sandbox import Bank, Ports
from payseal_sandbox.book import BookBroken, BookTaken
from tests.sandbox.acquirer import again, calling, inquiry, purchase, reversal
from tests.sandbox.conftest import NOW
from tests.sandbox.desk import sitting_at

ROOT = Path(__file__).parents[2]


async def started(book):
    """A bank in a process of its own, and its ports."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "payseal_sandbox", "--book", str(book)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    ready = await process.stdout.readline()
    assert ready, (await process.stderr.read()).decode()
    return process, Ports(**json.loads(ready))


@asynccontextmanager
async def running(book):
    process, ports = await started(book)
    try:
        yield process, ports
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_what_was_answered_survives_a_kill(book):
    answered = {}
    async with running(book) as (process, ports), calling(ports) as line:
        line.send(*(purchase(amount=n + 1) for n in range(3_000)))
        while len(answered) < 500:
            answer = await line.hear()
            answered[answer["37"]] = answer["38"]
        process.kill()
        await process.wait()
    async with running(book) as (_, ports), sitting_at(ports) as desk:
        rows = {row["reference"]: row["approvalCode"] for row in await desk.bookings()}
    assert answered.items() <= rows.items()
    assert len(rows) < 3_000, "the kill came too late to prove anything"


async def test_a_crash_between_booking_and_answering_leaves_the_booking(book):
    message = purchase()
    async with running(book) as (process, ports):
        async with sitting_at(ports) as desk:
            await desk.set_fault(kind="crash", next=1)
        async with calling(ports) as line:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await line.ask(message)
        assert await asyncio.wait_for(process.wait(), 5) == 137
    async with running(book) as (_, ports), calling(ports) as line:
        assert (await line.ask(inquiry(message)))["39"] == "00"
        assert (await line.ask(again(message)))["39"] == "00"


async def test_a_remembered_reversal_survives_a_kill(book):
    message = purchase()
    async with running(book) as (process, ports), calling(ports) as line:
        assert (await line.ask(reversal(message)))["39"] == "00"
        process.kill()
        await process.wait()
    async with running(book) as (_, ports), calling(ports) as line:
        assert (await line.ask(message))["39"] == "79"


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_bank_and_what_was_taken_is_booked(book, ending):
    message = purchase()
    async with running(book) as (process, ports), calling(ports) as line:
        async with sitting_at(ports) as desk:
            await desk.set_fault(kind="late", seconds=60)
            line.send(message)
            await desk.booking(message)
        process.send_signal(ending)
        assert await asyncio.wait_for(process.wait(), 5) == 0
        assert await process.stderr.read() == b""
    async with Bank(book, clock=lambda: NOW) as bank, calling(bank.ports) as line:
        assert (await line.ask(inquiry(message)))["39"] == "00"


async def test_a_book_has_one_bank(book):
    async with Bank(book, clock=lambda: NOW):
        with pytest.raises(BookTaken):
            await Bank(book, clock=lambda: NOW).start()


async def test_a_book_without_its_key_is_refused(book):
    async with Bank(book, clock=lambda: NOW):
        pass
    book.with_name("bank.db.key").unlink()
    with pytest.raises(BookBroken):
        await Bank(book, clock=lambda: NOW).start()


async def test_a_port_that_is_taken_is_said_so_in_one_sentence(book, bank):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "payseal_sandbox", "--book", str(book.with_name("other.db"))),
        *("--port", str(bank.ports.iso8583)),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.startswith(b"The bank cannot open: ")
    assert said.count(b"\n") == 1


async def test_card_number_and_security_code_are_in_no_file(book):
    card, security_code = "4000000000000069", "8317"
    async with running(book) as (process, ports), calling(ports) as line:
        private = f"9204{security_code}"
        messages = [purchase(n, f48=private) for n in (card, "4242424242424242")]
        for message in (*messages, *(m | {"49": "000"} for m in messages), *map(again, messages)):
            await line.ask(message)
        line.send_bytes(b"\x00\x10" + card.encode())
        assert await line.is_closed()
        process.kill()
        _, said = await process.communicate()
    written = {path.name: path.read_bytes() for path in book.parent.rglob("*") if path.is_file()}
    assert {"bank.db", "bank.db-wal", "bank.db.key"} <= set(written)
    for name, content in {**written, "stderr": said}.items():
        for secret in (card, "4242424242424242", private, "9204" + security_code):
            assert secret.encode() not in content, f"{secret} is in {name}"
    assert b"0069" in written["bank.db-wal"], "the search would find the last four"
