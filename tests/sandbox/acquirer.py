"""An acquirer for the tests: sends what it is told, byte for byte if need be."""

import asyncio
from contextlib import asynccontextmanager
from itertools import count

from payseal_sandbox import wire

GOOD_CARD = "4242424242424242"
MERCHANT = "MERCHANT0000001"
SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"
ANSWER_WITHIN_S = 5
_stan = count(1)
_references = count(1)


def a_reference():
    """One that no test has used before."""
    return f"R{next(_references):011}"


def network(code):
    return {"t": "0800", "7": "1122170000", "11": f"{next(_stan):06}", "32": "123456", "70": code}


def purchase(card=GOOD_CARD, amount=1250, reference=None, **fields):
    """A 0200; a field is changed by `f4="…"`, and left out by `f4=None`."""
    message = {
        **_named("0200", reference or a_reference()),
        "2": card,
        "3": "000000",
        "4": f"{amount:012}",
        "12": "170000",
        "13": "1122",
        "14": "3012",
        "18": "5999",
        "22": "010",
        "25": "59",
        "43": "Shop".ljust(40),
        "48": "9203123",
        "49": "978",
    }
    return _changed(message, fields)


def authorization(card=GOOD_CARD, amount=1250, reference=None, **fields):
    """A 0100; its fields are those of a purchase."""
    return purchase(card, amount, reference, **{"ft": "0100"} | fields)


def capture(original, approval, amount=1250, reference=None, **fields):
    """The 0220 that takes what a 0100 put aside, or a part of it."""
    return _changed(_follow_on("0220", "000000", original, approval, amount, reference), fields)


def void(original, approval, amount=1250, reference=None, **fields):
    """The 0400 that lets go of what a 0100 put aside."""
    return _changed(_follow_on("0400", "000000", original, approval, amount, reference), fields)


def refund(original, approval, amount=500, reference=None, **fields):
    """The 0200 that gives back a part of a 0200 or 0220, which was approved with this code."""
    return _changed(_follow_on("0200", "200000", original, approval, amount, reference), fields)


def reversal(original, **fields):
    """The 0420 that undoes a 0200 or a 0100."""
    message = {
        **_named("0420", original["37"]),
        **{number: original[number] for number in ("3", "4", "12", "13", "49")},
        "90": _elements(original),
    }
    return _changed(message, fields)


def inquiry(original, **fields):
    """The 0600 that asks what became of an operation."""
    return _changed(_named("0600", original["37"]), fields)


def again(message, **fields):
    """The same message as a repeat: another STAN, and the type that says so."""
    repeat = message | {"t": message["t"][:3] + "1", "11": f"{next(_stan):06}"}
    return _changed(repeat, fields)


def _named(type_, reference):
    names = {"7": "1122170000", "11": f"{next(_stan):06}", "32": "123456"}
    return {"t": type_, **names, "37": reference, "41": "TERM0001", "42": MERCHANT}


def _follow_on(type_, processing_code, original, approval, amount, reference):
    return {
        **_named(type_, reference or a_reference()),
        "3": processing_code,
        "4": f"{amount:012}",
        "12": "170500",
        "13": "1122",
        "38": approval,
        "48": f"0312{original['37']}",
        "49": original["49"],
        "90": _elements(original),
    }


def _elements(original):
    return f"{original['t']}{original['11']}{original['7']}{original['32']:0>11}{0:011}"


def _changed(message, fields):
    changes = {name.removeprefix("f"): value for name, value in fields.items()}
    return {number: value for number, value in (message | changes).items() if value is not None}


class Line:
    """One connection to the host."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    def send(self, *messages):
        self.send_bytes(b"".join(map(wire.encode, messages)))

    def send_bytes(self, sent):
        self._writer.write(sent)

    def finish(self):
        """Nothing more will be sent; answers may still come."""
        self._writer.write_eof()

    async def ask(self, message, within_s=ANSWER_WITHIN_S):
        self.send(message)
        return await self.hear(within_s)

    async def hear(self, within_s=ANSWER_WITHIN_S):
        """The next answer, whosever it is."""
        return wire.decode(await self.hear_bytes(within_s))

    async def hear_bytes(self, within_s=ANSWER_WITHIN_S):
        async with asyncio.timeout(within_s):
            length = int.from_bytes(await self._reader.readexactly(2), "big")
            return await self._reader.readexactly(length)

    async def hears_nothing_for(self, seconds):
        try:
            return not await self.hear_bytes(seconds)
        except TimeoutError:
            return True

    async def is_closed(self, within_s=ANSWER_WITHIN_S):
        """Whether the host closes without another byte."""
        async with asyncio.timeout(within_s):
            return await self._reader.read(1) == b""


@asynccontextmanager
async def calling(ports, *, sign_on=True):
    """A line to a bank, signed on unless told otherwise."""
    reader, writer = await asyncio.open_connection("127.0.0.1", ports.iso8583)
    line = Line(reader, writer)
    try:
        if sign_on:
            assert (await line.ask(network(SIGN_ON)))["39"] == "00"
        yield line
    finally:
        writer.close()
