"""What the server writes to a connection, and when."""

from __future__ import annotations

import asyncio

from payseal.server import _Joined


class Wire(asyncio.Transport):
    """A transport that remembers what it was given."""

    def __init__(self):
        super().__init__()
        self.written, self.closed = [], False

    def write(self, data):
        self.written.append(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


async def test_head_and_body_of_an_answer_are_one_write_at_the_end_of_the_turn():
    joined = _Joined(wire := Wire())
    joined.write(b"head ")
    joined.write(b"body")
    assert wire.written == []
    await asyncio.sleep(0)
    assert wire.written == [b"head body"]
    joined.write(b"next")
    await asyncio.sleep(0)
    assert wire.written == [b"head body", b"next"]


async def test_what_was_written_before_the_end_of_a_connection_is_sent():
    joined = _Joined(wire := Wire())
    joined.write(b"head ")
    joined.write(b"body")
    joined.close()
    assert (wire.written, joined.is_closing()) == ([b"head body"], True)
    await asyncio.sleep(0)
    assert wire.written == [b"head body"]


async def test_nothing_is_written_to_a_connection_that_has_gone():
    joined = _Joined(wire := Wire())
    joined.write(b"late")
    wire.closed = True
    await asyncio.sleep(0)
    assert wire.written == []
