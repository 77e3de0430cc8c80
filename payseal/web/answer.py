"""Answer: what goes back to who asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.types import Send

Headers = tuple[tuple[bytes, bytes], ...]  # names in small letters


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """The status, the headers, the very bytes; `give` adds the length."""

    status: int
    headers: Headers
    body: bytes

    async def give(self, send: Send) -> None:
        """Send it."""
        length = (b"content-length", b"%d" % len(self.body))
        start: Any = {
            "type": "http.response.start",
            "status": self.status,
            "headers": [*self.headers, length],
        }
        end: Any = {"type": "http.response.body", "body": self.body, "more_body": False}
        await send(start)
        await send(end)


def raw(headers: Mapping[str, str]) -> Headers:
    """Headers as servers take them (ASGI)."""
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
