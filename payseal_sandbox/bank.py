"""The whole bank in one value: book, writer, host, operator, access control server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from payseal_sandbox.acs import Acs
from payseal_sandbox.acs.desk import AcsDesk
from payseal_sandbox.book import Book, BookKey
from payseal_sandbox.callbacks import Teller
from payseal_sandbox.connection import Desk
from payseal_sandbox.faults import Faults
from payseal_sandbox.host import Host
from payseal_sandbox.operator import Operator
from payseal_sandbox.reader import Reader
from payseal_sandbox.writer import Writer


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a bank listens, on 127.0.0.1."""

    iso8583: int
    operator: int
    acs: int = 0


class Bank:
    """`async with Bank(path, clock=clock) as bank`: it listens on `bank.ports` inside.

    Raises BookTaken when another bank has the book open.
    """

    ports: Ports

    def __init__(
        self,
        book: Path,
        *,
        clock: Callable[[], datetime],
        port: int = 0,
        operator_port: int = 0,
        acs_port: int = 0,
    ) -> None:
        self._book = book
        self._clock = clock
        self._wanted = Ports(port, operator_port, acs_port)
        self._open = AsyncExitStack()

    async def start(self) -> Ports:
        """Open the book and listen."""
        async with AsyncExitStack() as opening:
            key = BookKey(self._book)
            opening.callback(key.close)
            writer = Writer(Book(self._book))
            writer.start()
            opening.push_async_callback(writer.stop)
            reader = Reader(Book(self._book, read_only=True))
            opening.push_async_callback(reader.stop)
            teller = Teller(reader, writer, self._clock)
            teller.start()
            opening.push_async_callback(teller.stop)
            faults = Faults()
            host = Host(Desk(writer, faults, key.secret, self._clock))
            opening.push_async_callback(host.stop)
            operator = Operator(reader, writer, faults, self._clock)
            opening.push_async_callback(operator.stop)
            acs = Acs(AcsDesk(key.secret, self._clock))
            opening.push_async_callback(acs.stop)
            self.ports = Ports(
                await host.start(self._wanted.iso8583),
                await operator.start(self._wanted.operator),
                await acs.start(self._wanted.acs),
            )
            self._open = opening.pop_all()
        return self.ports

    async def stop(self) -> None:
        """Stop listening, finish what is being booked, close the book."""
        await self._open.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
