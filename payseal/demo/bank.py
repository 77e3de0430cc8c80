"""The sandbox bank beside the demo: started once, found again if the demo was killed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import aiohttp
import msgspec

from payseal.core.signature import new_secret

READY_WITHIN_S, STOP_WITHIN_S = 10, 5


class Bank(msgspec.Struct):
    """Its process, 0 when it is stopped, and where it listens or did."""

    pid: int = 0
    iso8583: int = 0
    operator: int = 0
    acs: int = 0
    secret: str = ""  # that it signs its callbacks with


class BankFailed(OSError):
    """The bank did not start; its log says why."""


class FolderInUse(OSError):
    """Another demo keeps its data there, and its bank."""


@asynccontextmanager
async def banking(data: Path) -> AsyncIterator[Bank]:
    """The bank of this folder, running; stopped at the end."""
    with _alone(data):
        bank = kept(data)
        if not await _runs(bank, data):
            secret = bank.secret or new_secret(secrets.token_bytes)
            bank = await _started(data, free(bank.iso8583), free(bank.operator), free(bank.acs))
            bank.secret = secret
            _keep(bank, data)
        try:
            yield bank
        finally:
            await _stop(bank.pid)
            bank.pid = 0
            _keep(bank, data)


def kept(data: Path) -> Bank:
    """The bank as it is remembered there; what cannot be read is forgotten."""
    try:
        return msgspec.json.decode((data / "bank.json").read_bytes(), type=Bank)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return Bank()


async def tell(bank: Bank, url: str) -> None:
    """Let it tell of chargebacks there."""
    listener = {"url": url, "secret": bank.secret}
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        session.put(f"http://127.0.0.1:{bank.operator}/listener", json=listener),
    ):
        pass


def free(port: int) -> int:
    """That port, or a free one if somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def _keep(bank: Bank, data: Path) -> None:
    """The next start takes the same ports."""
    new = data / "bank.new"
    new.write_bytes(msgspec.json.encode(bank))
    new.replace(data / "bank.json")


def _book(data: Path) -> str:
    return str((data / "bank.db").resolve())


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


async def _runs(bank: Bank, data: Path) -> bool:
    """Whether a killed demo left it behind. Its number may be another process's by now."""
    try:
        command = Path(f"/proc/{bank.pid}/cmdline").read_bytes().split(b"\0")
        if bank.pid <= 0 or _book(data).encode() not in command:
            return False
        timeout = aiohttp.ClientTimeout(total=2)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://127.0.0.1:{bank.operator}/healthz") as answer,
        ):
            return answer.status == 200
    except (OSError, TimeoutError, aiohttp.ClientError):
        return False


async def _started(data: Path, iso8583: int, operator: int, acs: int) -> Bank:
    with (data / "bank.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "payseal_sandbox", "--book", _book(data)),
            *("--port", str(iso8583), "--operator-port", str(operator)),
            *("--acs-port", str(acs)),
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
    return Bank(process.pid, ports["iso8583"], ports["operator"], ports["acs"])


async def _stop(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(STOP_WITHIN_S * 20):
            os.kill(pid, 0)  # raises once it is gone
            await asyncio.sleep(0.05)
