"""A server that does nothing: what the generator reaches there is the generator's own limit."""

from __future__ import annotations

import asyncio
import sys

import uvloop

BODY = b'{"url":"http://127.0.0.1:8000/p/none"' + b" " * 900 + b"}"
ANSWER = b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Trivial(asyncio.Protocol):
    """Takes whatever comes for a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: ARG002  # not even looked at
        self._transport.write(ANSWER)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Trivial, "127.0.0.1", port)
    sys.stdout.write("ready\n")
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
