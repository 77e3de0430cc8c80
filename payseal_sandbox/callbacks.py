"""Callbacks: the listener is told of each chargeback at once, and until it has heard it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import aiohttp
import msgspec

from payseal_sandbox.book import Book
from payseal_sandbox.clerk import stamp
from payseal_sandbox.reader import Reader
from payseal_sandbox.rows import Callback, Listener
from payseal_sandbox.statement import Movement
from payseal_sandbox.writer import Writer

LOOK_EVERY_S: Final = 0.2
AT_ONCE_MAX: Final = 20
HEARD_WITHIN_S: Final = 10
REST_MAX_S: Final = 60  # between two tries; the first rests a second
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  the public part of every secret
_log: Final = logging.getLogger("payseal_sandbox.callbacks")


def tell(book: Book, type: str, line: Movement, at: datetime) -> None:
    """Put down what is to be told, with the change that it tells of; nothing without a listener."""
    if book.listener().url:
        body = msgspec.json.encode({"type": type, "line": line}).decode()
        name = f"{type}.{line.merchant}.{line.reference}"
        now = stamp(at)
        book.insert(Callback(sequence=0, name=name, body=body, tries=0, due=now))


class Teller:
    """Tells what is due, for as long as the bank runs."""

    def __init__(self, reader: Reader, writer: Writer, clock: Callable[[], datetime]) -> None:
        self._reader, self._writer, self._clock = reader, writer, clock
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        """From now on."""
        self._work = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What was not heard is told by the next start."""
        assert self._work, "stopped before it was started"
        self._work.cancel()
        await asyncio.wait([self._work])

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=HEARD_WITHIN_S)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                wanted = partial(Book.callbacks, due=stamp(self._clock()), limit=AT_ONCE_MAX)
                if due := await self._reader.run(wanted):
                    listener = await self._reader.run(Book.listener)
                    await asyncio.gather(*(self._tell(http, listener, each) for each in due))

    async def _tell(self, http: aiohttp.ClientSession, to: Listener, callback: Callback) -> None:
        if await _is_heard(http, to, callback, self._clock()):
            await self._writer.run(lambda book: book.heard(callback))
        else:
            rest = timedelta(seconds=min(2**callback.tries, REST_MAX_S))
            due = stamp(self._clock() + rest)
            await self._writer.run(lambda book: book.put_off(callback, due))


async def _is_heard(
    http: aiohttp.ClientSession, to: Listener, callback: Callback, at: datetime
) -> bool:
    body = callback.body.encode()
    try:
        headers = _signed(to.secret, callback.name, body, int(at.timestamp()))
        async with http.post(to.url, data=body, headers=headers, allow_redirects=False) as answer:
            if 200 <= answer.status < 300:
                return True
            _log.warning("a callback was answered %d", answer.status)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        _log.warning("a callback was not heard")
    return False


def _signed(secret: str, name: str, body: bytes, timestamp: int) -> dict[str, str]:
    """Standard Webhooks 1.0.0, v1."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b"%s.%d.%s" % (name.encode(), timestamp, body)
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
