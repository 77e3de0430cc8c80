"""Connection: as little of HTTP/1.1 as a load generator can do with, so that it stays cheap."""

from __future__ import annotations

import asyncio
from typing import NamedTuple


class Answer(NamedTuple):
    """A response; `head` is its status line and headers as they came."""

    status: int
    head: bytes
    body: bytes


class Connection(asyncio.Protocol):
    """Keeps one connection alive, with one request on it at a time.

    It knows `content-length` and a chunked body that comes to its end, and no more.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._part = b""

    async def ask(self, request: bytes) -> Answer:
        """Send these bytes and wait for the whole answer; `ConnectionError` if none comes."""
        if self._transport is None:
            await self._loop.create_connection(lambda: self, "127.0.0.1", self._port)
        assert self._transport is not None, "it is connected"
        self._waiter = self._loop.create_future()
        self._transport.write(request)
        return await self._waiter

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport, self._part = None, b""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError(str(exc or "closed by the server")))

    def data_received(self, data: bytes) -> None:
        if self._part:
            data = self._part + data
        head = data.find(b"\r\n\r\n")
        if head < 0 or not _is_whole(data, head):
            self._part = data
            return
        self._part = b""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Answer(int(data[9:12]), data[:head], data[head + 4 :]))


def request(
    method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _is_whole(data: bytes, head: int) -> bool:
    length = data.find(b"content-length: ", 0, head)
    if length >= 0:
        return len(data) - head - 4 >= int(data[length + 16 : data.index(b"\r", length)])
    if data.find(b"transfer-encoding: chunked", 0, head) >= 0:
        return data.endswith(b"0\r\n\r\n")
    return True
