"""Line: one connection to the host, with many messages in flight, and who waits for which answer.

Unsent          not one byte of it left us
Lost            it left us, wholly or in part, and then the line was lost
└── Silent      the line is still there, but no answer came in time
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import cycle
from logging import DEBUG
from types import TracebackType
from typing import Self

import structlog

from payseal.issuers import Clock
from payseal.issuers.iso8583 import messages, wire
from payseal.issuers.iso8583.address import Address
from payseal.issuers.iso8583.messages import Key, Terminal
from payseal.issuers.iso8583.times import Times
from payseal.issuers.iso8583.verdicts import APPROVED, NOT_SIGNED_ON
from payseal.issuers.iso8583.wire import Fields, Malformed

# The host takes 256; beyond that it would stop reading, and what is sent would not arrive.
IN_FLIGHT_MAX = 200
PARTIAL_FRAME_S = 30
READ_MAX = 64 * 1024  # bytes at once

_log = structlog.get_logger()


class Unsent(Exception):
    """Not one byte of it left us."""


class Lost(Exception):
    """It was sent, or a part of it, and there will be no answer on this line."""


class Silent(Lost):
    """It was sent, and no answer came in time."""


class Line:
    """An open connection. `async with` listens to it; it is dropped at the end, or when broken."""

    def __init__(
        self,
        address: Address,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        terminal: Terminal,
        now: Clock,
        eased: Callable[[], None],
    ) -> None:
        self.address, self._reader, self._writer = address, reader, writer
        self._terminal, self._now, self._eased = terminal, now, eased
        self._waiting: dict[Key, asyncio.Future[Fields | None]] = {}
        self._turn = asyncio.Lock()
        self._doubted = asyncio.Event()
        self._stans = cycle(range(1, messages.STAN_MAX + 1))
        self._heard_at = asyncio.get_running_loop().time()
        self._lost = ""
        # Nothing may lie here to be sent later: who writes waits until all before it has left.
        writer.transport.set_write_buffer_limits(high=0)

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._drop("closed")
        await self._listening

    @property
    def in_flight(self) -> int:
        """How many wait for an answer."""
        return len(self._waiting)

    @property
    def is_open(self) -> bool:
        """Whether it takes one more message."""
        broken = self._lost or self._writer.is_closing()
        return not broken and self.in_flight < IN_FLIGHT_MAX

    def stan(self) -> str:
        """The next field 11 of this line, for all but purchases."""
        return f"{next(self._stans):06}"

    async def ask(self, message: Fields, until: datetime, now: Clock) -> Fields:
        """Send the message and wait for its answer until then; `Unsent`, `Lost` or `Silent`."""
        waiting = None
        try:
            async with asyncio.timeout(seconds(until - now())):
                waiting = await self._send(message, until, now)
                answer = await waiting
        except TimeoutError:
            if waiting is None:
                raise Unsent("host_busy") from None
            self._doubted.set()
            raise Silent("no_answer") from None
        if answer is None:
            raise Lost("connection_lost")
        if answer.get("39") == NOT_SIGNED_ON:
            self._drop("not signed on")
        return answer

    async def network(self, code: str, within: timedelta) -> None:
        """Sign on, sign off, echo; a refusal is `Lost` too."""
        now = self._now()
        message = messages.network(self._terminal, code, self.stan(), at=now)
        answer = await self.ask(message, now + within, self._now)
        if answer.get("39") != APPROVED or answer.get("70") != code:
            raise Lost("refused")

    async def watch(self, times: Times) -> None:
        """Echo after silence, and when an answer did not come; ends or raises once it is lost."""
        echo_after_s = seconds(times.echo_after)
        # Perhaps it is lost already: the answer to the sign-on and the end can come together.
        while not self._lost:
            self._doubted.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._heard_at + echo_after_s):
                    await self._doubted.wait()
            silent_s = asyncio.get_running_loop().time() - self._heard_at
            if self._doubted.is_set() or silent_s >= echo_after_s:
                await self.network(messages.ECHO, times.network_within)

    async def _send(
        self, message: Fields, until: datetime, now: Clock
    ) -> asyncio.Future[Fields | None]:
        try:
            frame = wire.encode(message)
        except Malformed as malformed:
            _log.error("message.malformed", at_fault=str(malformed))
            raise Unsent("not_sendable") from None
        async with self._turn:
            with suppress(OSError):
                await self._writer.drain()
            if self._lost or self._writer.is_closing():
                raise Unsent("no_connection")
            key = messages.answer_key(message)
            assert key not in self._waiting, "an operation is asked once at a time"
            if now() >= until:
                raise Unsent("too_late")
            self._writer.write(frame)
        waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        waiting.add_done_callback(lambda done: self._forget(key, done))
        if _log.is_enabled_for(DEBUG):
            _log.debug("message.sent", message=wire.scrub(message))
        return waiting

    def _forget(self, key: Key, waiting: asyncio.Future[Fields | None]) -> None:
        if self._waiting.get(key) is waiting:
            del self._waiting[key]
        # Given up while its end still lies here: it must not leave after its time.
        if waiting.cancelled() and self._writer.transport.get_write_buffer_size():
            self._drop("host takes nothing")
        self._eased()

    async def _listen(self) -> None:
        begun, until = b"", None  # a frame of which the rest is to come, and by when
        try:
            while True:
                async with asyncio.timeout_at(until):
                    more = await self._reader.read(READ_MAX)
                if not more:
                    self._drop("closed by the host")
                    return
                bodies, rest = wire.frames(begun + more)
                for body in bodies:
                    self._hear(wire.decode(body))
                if not rest:
                    until = None
                elif until is None or bodies:
                    until = asyncio.get_running_loop().time() + PARTIAL_FRAME_S
                begun = rest
        except Malformed as malformed:
            self._drop(f"unreadable: {malformed}")
        except TimeoutError:
            self._drop("half a frame")
        except OSError:
            self._drop("closed by the host")

    def _hear(self, answer: Fields) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        waiting = self._waiting.pop(messages.key_of(answer), None)
        if waiting is None or waiting.done():
            # Late, a second time, or altered: nobody's answer.
            _log.warning("message.unclaimed", message=wire.scrub(answer))
            return
        if _log.is_enabled_for(DEBUG):
            _log.debug("message.received", message=wire.scrub(answer))
        waiting.set_result(answer)

    def _drop(self, why: str) -> None:
        if self._lost:
            return
        self._lost = why
        self._writer.transport.abort()
        self._doubted.set()
        for waiting in list(self._waiting.values()):
            if not waiting.done():
                waiting.set_result(None)
        _log.info("line.dropped", why=why)


def seconds(span: timedelta) -> float:
    """For the event loop's time-outs."""
    return span.total_seconds()
