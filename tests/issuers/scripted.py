"""A host that signs on and echoes by itself, and for the rest says what the test tells it to."""

import asyncio
from contextlib import asynccontextmanager

from payseal.issuers.iso8583 import wire

REPEATED = ("3", "4", "7", "11", "12", "13", "32", "37", "41", "42", "49", "70", "90")


def answer_to(message, code="00", **changes):
    """The answer that the specification wants; a field is changed by `f4="…"`, dropped by None."""
    answer = {field: message[field] for field in REPEATED if field in message}
    answer |= {"t": f"{message['t'][:2]}{int(message['t'][2]) + 1}0", "39": code}
    if message["t"] in {"0200", "0201"} and code == "00":
        answer["38"] = f"A{message['11'][1:]}"
    answer |= {field.removeprefix("f"): value for field, value in changes.items()}
    return {field: value for field, value in answer.items() if value is not None}


class Peer:
    """One connection as the host sees it."""

    def __init__(self, number, writer):
        self.number, self._writer = number, writer

    def send(self, *messages):
        self.send_bytes(b"".join(map(wire.encode, messages)))

    def send_bytes(self, sent):
        self._writer.write(sent)

    def close(self):
        self._writer.close()

    def reset(self):
        self._writer.transport.abort()


class ScriptedHost:
    """`heard` has every message; `reply(message, peer)` is the script."""

    def __init__(self, reply):
        self.reply, self.heard, self.peers = reply, [], []
        self.network = {}  # code in field 70 → the answer's field 39, or None for silence
        self.trailing = b""  # sent in one piece with each network answer
        self._tasks = set()

    def types(self):
        return [message["t"] + message.get("70", "") for message in self.heard]

    async def serve(self, reader, writer):
        peer = Peer(len(self.peers), writer)
        self.peers.append(peer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                message = wire.decode(await reader.readexactly(length))
                self.heard.append(message)
                if message["t"] == "0800":
                    code = self.network.get(message["70"], "00")
                    if code:
                        peer.send_bytes(wire.encode(answer_to(message, code)) + self.trailing)
                else:
                    task = asyncio.create_task(self.reply(message, peer))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def scripted(reply, port=0):
    """A host with a script, on `.port`."""
    host = ScriptedHost(reply)
    server = await asyncio.start_server(host.serve, "127.0.0.1", port)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        for peer in host.peers:
            peer.close()
        await server.wait_closed()


async def approve(message, peer):
    peer.send(answer_to(message))


async def say_nothing(message, peer):
    pass


async def until(condition, within_s=5):
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
