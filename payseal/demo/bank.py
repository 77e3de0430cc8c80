"""The sandbox bank beside the demo: started once, found again if the demo was killed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import aiohttp
import msgspec

READY_WITHIN_S, STOP_WITHIN_S = 10, 5


class Bank(msgspec.Struct):
    """Its process, and where it listens."""

    pid: int
    iso8583: int
    operator: int


class BankFailed(OSError):
    """The bank did not start; its log says why."""


class FolderInUse(OSError):
    """Another demo keeps its data there, and its bank."""


@asynccontextmanager
async def banking(data: Path) -> AsyncIterator[Bank]:
    """The bank of this folder, running; stopped at the end."""
    file = data / "bank.json"
    with _alone(data):
        bank = await _found(file)
        if bank is None:
            bank = await _started(data)
            file.write_bytes(msgspec.json.encode(bank))
        try:
            yield bank
        finally:
            await _stop(bank.pid)
            file.unlink(missing_ok=True)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """One demo in a folder: a bank that is found there is nobody else's."""
    with (data / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(
                f"{data} is in use: a demo runs on it already."
                " Stop that one first, or give --data another folder."
            ) from None
        yield


async def _found(file: Path) -> Bank | None:
    """The one that a killed demo left behind, with its book."""
    try:
        bank = msgspec.json.decode(file.read_bytes(), type=Bank)
        timeout = aiohttp.ClientTimeout(total=2)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://127.0.0.1:{bank.operator}/healthz") as answer,
        ):
            return bank if answer.status == 200 else None
    except (OSError, TimeoutError, msgspec.DecodeError, aiohttp.ClientError):
        return None


async def _started(data: Path) -> Bank:
    with (data / "bank.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "payseal_sandbox", "--book", str(data / "bank.db")),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us: the bank stops after the last payment
        )
    assert process.stdout is not None, "it was asked for"
    line = b""
    with suppress(TimeoutError):
        line = await asyncio.wait_for(process.stdout.readline(), READY_WITHIN_S)
    if not line:
        raise BankFailed(f"The sandbox bank did not start; see {data / 'bank.log'}.")
    ports = msgspec.json.decode(line, type=dict[str, int])
    return Bank(process.pid, ports["iso8583"], ports["operator"])


async def _stop(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(STOP_WITHIN_S * 20):
            os.kill(pid, 0)  # raises once it is gone
            await asyncio.sleep(0.05)
