"""One acquirer's connection: many messages in flight, each answered when it is booked."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from payseal_sandbox import cards, clerk, replies, wire
from payseal_sandbox.codes import Code
from payseal_sandbox.faults import Faults, Kind
from payseal_sandbox.messages import Charge, Decided, Network, Refused, read
from payseal_sandbox.wire import Fields, Unreadable
from payseal_sandbox.writer import Writer

IN_FLIGHT_MAX: Final = 256
_SIGN_ON, _SIGN_OFF, _ECHO = "001", "002", "301"
_KILLED = 137  # the exit code of a process that got SIGKILL


@dataclass(frozen=True, slots=True)
class Desk:
    """What every connection works with."""

    writer: Writer
    faults: Faults
    key: bytes
    clock: Callable[[], datetime]


class Connection:
    """Reads requests, has them booked, and answers; faults come in here and nowhere else."""

    def __init__(
        self, desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._desk = desk
        self._reader = reader
        self._writer = writer
        self._slots = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._signed_on = False

    async def serve(self) -> None:
        """Until the acquirer has finished and has its answers, or sends what cannot be read."""
        try:
            async with asyncio.TaskGroup() as tasks:
                try:
                    while fields := await wire.read_request(self._reader):
                        await self._slots.acquire()
                        tasks.create_task(self._take(fields))
                except Unreadable:
                    self._writer.close()  # what was taken before is booked all the same
        finally:
            self._writer.close()

    async def _take(self, fields: Fields) -> None:
        try:
            await self._answer(fields)
        except Refused as refused:
            await self._send(wire.encode(replies.plain(fields, refused.code, refused.field)))
        finally:
            self._slots.release()

    async def _answer(self, fields: Fields) -> None:
        if not self._signed_on and not fields["t"].startswith("08"):
            raise Refused(Code.NOT_SIGNED_ON)
        request = read(fields)
        if isinstance(request, Network):
            await self._send(wire.encode(replies.plain(fields, self._network(request))))
            return
        fault = self._desk.faults.strike(request.topic)
        kind = fault.kind if fault else None
        if fault and kind is Kind.HELD:
            await asyncio.sleep(fault.seconds)
        if kind is Kind.DROPPED:
            return
        declines = kind is Kind.DECLINED
        decision = clerk.decide(request, self._desk.key, self._desk.clock(), declines=declines)
        verdict = await self._desk.writer.run(decision)
        if fault and kind is Kind.LATE:
            await asyncio.sleep(fault.seconds)
        if await self._lets_go(request):
            await self._deliver(replies.settled(fields, verdict), kind)

    def _network(self, request: Network) -> Code:
        if request.code not in {_SIGN_ON, _SIGN_OFF, _ECHO}:
            return Code.INVALID_TRANSACTION
        if request.code != _ECHO:
            self._signed_on = request.code == _SIGN_ON
        return Code.OK

    async def _lets_go(self, request: Decided) -> bool:
        """Wait as long as the card wants; False when its answer never leaves."""
        if not isinstance(request, Charge):
            return True
        delivery = cards.delivery(request.card)
        if delivery is cards.Delivery.SLOWLY:
            await asyncio.sleep(self._desk.faults.plan.slow_answer_seconds)
        return delivery is not cards.Delivery.NEVER

    async def _deliver(self, reply: Fields, kind: Kind | None) -> None:
        match kind:
            case None | Kind.HELD | Kind.LATE | Kind.DECLINED:
                await self._send(wire.encode(reply))
            case Kind.DUPLICATED:
                await self._send(wire.encode(reply) * 2)
            case Kind.GARBLED:
                await self._send(replies.garbled(reply))
            case Kind.ALTERED:
                await self._send(wire.encode(replies.altered(reply)))
            case Kind.STRAYED:
                await self._send(wire.encode(replies.strayed(reply)))
            case Kind.RESET:
                self._reset()
            case Kind.CRASH:
                os._exit(_KILLED)
            case Kind.LOST | Kind.DROPPED:
                pass
            case unforeseen:
                assert_never(unforeseen)

    async def _send(self, message: bytes) -> None:
        """What the acquirer is no longer there to read is lost, as on any wire."""
        if self._writer.is_closing():
            return
        self._writer.write(message)
        with suppress(ConnectionError):
            await self._writer.drain()

    def _reset(self) -> None:
        """Close without waiting or saying goodbye: the other side sees a reset."""
        tcp: socket.socket = self._writer.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
