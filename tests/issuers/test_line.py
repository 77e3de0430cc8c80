"""One line by itself, over a pair of sockets: what may leave it, and when."""

import asyncio
import socket
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from payseal.issuers.iso8583 import Address, messages, wire
from payseal.issuers.iso8583.line import Line, Lost, Silent, Unsent
from payseal.issuers.iso8583.messages import Terminal
from tests.issuers.payments import a_card, an_operation, now
from tests.issuers.scripted import answer_to

TERMINAL = Terminal("123456", "PAYSEAL1", "5999", "Shop")


@asynccontextmanager
async def a_line(buffer=None):
    """A line and the socket at its other end."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
        if buffer:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    streams = await asyncio.open_connection(sock=ours)
    with theirs:
        async with Line(Address("host", 1), *streams, TERMINAL, now, lambda: None) as line:
            yield line, theirs


def a_purchase():
    return messages.purchase(TERMINAL, an_operation(), a_card())


async def ask(line, message, within_s):
    try:
        await line.ask(message, now() + timedelta(seconds=within_s), now)
    except (Unsent, Lost) as error:
        return error


def all_of(end):
    """What lies in the socket, to its end."""
    received = b""
    while True:
        try:
            part = end.recv(65536)
        except BlockingIOError:
            return received
        if not part:
            return received
        received += part


async def test_nothing_leaves_after_its_time_when_the_host_does_not_read():
    async with a_line(buffer=4096) as (line, host):
        asked = [a_purchase() for _ in range(100)]
        errors = await asyncio.gather(*(ask(line, message, 0.2) for message in asked))
        # The host wakes up: what it finds had left in time, and nothing follows.
        received = all_of(host)
        await asyncio.sleep(0.05)
        assert all_of(host) == b""
        assert not line.is_open
    frames = {message["37"]: wire.encode(message) for message in asked}
    arrived = {reference for reference, frame in frames.items() if frame in received}
    unsent = {m["37"] for m, error in zip(asked, errors, strict=True) if isinstance(error, Unsent)}
    assert arrived, "the buffer takes a few"
    assert unsent, "the buffer does not take all"
    assert arrived.isdisjoint(unsent)
    assert len(asked) - len(unsent) - len(arrived) <= 1, "one may have been cut"


async def test_a_call_that_is_cancelled_leaves_nothing_behind():
    async with a_line() as (line, _):
        call = asyncio.create_task(ask(line, a_purchase(), 5))
        await asyncio.sleep(0.02)
        assert line.in_flight == 1
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(0)
        assert line.in_flight == 0
        assert line.is_open


async def test_an_answer_in_pieces_is_put_together():
    async with a_line() as (line, host):
        message = a_purchase()
        call = asyncio.create_task(line.ask(message, now() + timedelta(seconds=5), now))
        await asyncio.sleep(0.02)
        for byte in wire.encode(answer_to(message)):
            host.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await call == answer_to(message)


async def test_silence_is_told_from_a_lost_line():
    async with a_line() as (line, host):
        silent = await ask(line, a_purchase(), 0.05)
        call = asyncio.create_task(ask(line, a_purchase(), 5))
        await asyncio.sleep(0.02)
        host.close()
        lost = await call
        unsent = await ask(line, a_purchase(), 5)
    assert [type(error) for error in (silent, lost, unsent)] == [Silent, Lost, Unsent]


async def test_a_host_that_says_we_are_not_signed_on_loses_the_line():
    async with a_line() as (line, host):
        message = a_purchase()
        call = asyncio.create_task(ask(line, message, 5))
        await asyncio.sleep(0.02)
        host.send(wire.encode(answer_to(message, "58")))
        assert await call is None
        assert not line.is_open
