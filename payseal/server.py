"""The process that waits: for requests where it serves, and for SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from payseal.settings import PREFIX, Settings, WrongSetting

STOP_WITHIN_S = 10


def listening(settings: Settings) -> list[socket.socket]:
    """On the host's addresses, one port for all; `WrongSetting` says why that cannot be."""
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise WrongSetting(
            f"{PREFIX}HOST is {host!r}, which is no address that this machine can find:"
            " give a name or an address of its own, such as 127.0.0.1."
        ) from None
    sockets: list[socket.socket] = []
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            sockets.append(socket.create_server((address[0], port), family=family))
        except OSError as error:
            for opened in sockets:
                opened.close()
            raise WrongSetting(
                f"Payseal cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}."
                f" Choose another {PREFIX}PORT or {PREFIX}HOST, or stop who listens there."
            ) from None
        port = sockets[0].getsockname()[1]
    return sockets


def server_of(app: Litestar, settings: Settings, ready: Callable[[], None]) -> uvicorn.Server:
    """An HTTP server for `serve()`; `ready` is called once requests are answered."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    return _Server(config, ready)


async def until_stopped(ready: Callable[[], None]) -> None:
    """For a process that answers no requests."""
    stop = asyncio.Event()
    _on_ending(lambda *_: stop.set())
    ready()
    await stop.wait()


class _Protocol(HttpToolsProtocol):
    """Writes the head of an answer and its body at once: each write is a system call."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Joined(transport))


class _Joined(asyncio.Transport):
    """Another transport, which is given at the end of a turn what was written in it."""

    def __init__(self, inner: asyncio.Transport) -> None:
        super().__init__()
        self._inner, self._written = inner, list[bytes]()

    def write(self, data: bytes) -> None:  # type: ignore[override]
        if not self._written:
            asyncio.get_running_loop().call_soon(self._flush)
        self._written.append(data)

    def close(self) -> None:
        self._flush()
        self._inner.close()

    def is_closing(self) -> bool:
        return self._inner.is_closing()

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._inner.get_extra_info(name, default)

    def _flush(self) -> None:
        if self._written and not self._inner.is_closing():
            self._inner.write(b"".join(self._written))
        self._written.clear()


class _Server(uvicorn.Server):
    """Says when it is ready, and leaves the end to who runs it."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own raises the signal once more at its end: much is still open then."""
        _on_ending(self.handle_exit)
        yield


def _on_ending(call: Callable[[int, None], object]) -> None:
    """On SIGINT and SIGTERM, for as long as the process lives: closing all is not cut short."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, call, ending, None)
