"""A way to DynamoDB on which calls are refused, changed or cut off on command."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

from aiohttp import ClientSession, web

ERRORS = "com.amazonaws.dynamodb.v20120810"


class Cut(Enum):
    """The connection is cut, and no answer comes."""

    BEFORE = "nothing was done"
    AFTER = "it was done"
    RESET = "it was done, and not even the end of the connection is told"


# An error to answer with, or what is made of the server's answer.
Error = tuple[int, dict[str, Any]]
Change = Callable[[dict[str, Any]], dict[str, Any]]
Rule = Callable[[str, dict[str, Any]], Awaitable[Cut | Error | Change | None]]


def error(code: str, status: int = 400, **members: object) -> Error:
    return status, {"__type": f"{ERRORS}#{code}", "message": code, **members}


THROTTLED = error("ProvisionedThroughputExceededException")


async def _pass(_: str, __: dict[str, Any]) -> None:
    return None


class Proxy:
    """`rule` is asked for each call, by its name and its wishes; `calls` are those so far."""

    def __init__(self, behind: str) -> None:
        self._behind = behind
        self.rule: Rule = _pass
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def named(self, name: str) -> list[dict[str, Any]]:
        return [wishes for call, wishes in self.calls if call == name]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name = request.headers["X-Amz-Target"].split(".")[1]
        wishes = json.loads(await request.read())
        self.calls.append((name, wishes))
        told = await self.rule(name, wishes)
        if told is Cut.BEFORE:
            return _cut(request)
        if isinstance(told, tuple):
            return web.json_response(told[1], status=told[0])
        status, answer = await self._forward(request, wishes)
        if told is Cut.AFTER:
            return _cut(request)
        if told is Cut.RESET:
            linger = struct.pack("ii", 1, 0)  # what is sent then is a reset
            socket_of(request).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return _cut(request)
        return web.json_response(told(answer) if callable(told) else answer, status=status)

    async def _forward(self, request: web.Request, wishes: object) -> tuple[int, dict[str, Any]]:
        headers = {
            name: request.headers[name]
            for name in ("X-Amz-Target", "X-Amz-Date", "Authorization", "Content-Type")
        }
        sent = self.session.post(self._behind, data=json.dumps(wishes), headers=headers)
        async with sent as answer:
            return answer.status, json.loads(await answer.read())


def socket_of(request: web.Request) -> socket.socket:
    assert request.transport is not None
    return request.transport.get_extra_info("socket")


def _cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def proxy(behind: str) -> AsyncIterator[tuple[Proxy, str]]:
    """The proxy, and its own address."""
    there = Proxy(behind)
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_post("/", there.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with ClientSession() as there.session:
            yield there, f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
