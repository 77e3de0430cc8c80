"""The operator's desk for the tests: JSON in, JSON out."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp

SETTLES_WITHIN_S = 5


class Desk:
    """What a person at the bank can see and set."""

    def __init__(self, http):
        self.http = http

    async def get(self, path, **query):
        async with self.http.get(path, params=query) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def put(self, path, body):
        async with self.http.put(path, json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def bookings(self, message=None):
        """All rows of the book, or those of one message's reference."""
        query = {"reference": message["37"], "merchant": message["42"]} if message else {}
        return (await self.get("/book", **query))["rows"]

    async def booking(self, message):
        """The one row of a message's reference, waited for."""
        async with asyncio.timeout(SETTLES_WITHIN_S):
            while not (rows := await self.bookings(message)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        (row,) = rows
        return row

    async def reversals(self, message):
        return (await self.get("/reversals", reference=message["37"]))["rows"]

    async def settlement(self, *faults, day=""):
        """The file: all its lines, as they stand."""
        query = [("day", day)] * bool(day) + [("fault", fault) for fault in faults]
        async with self.http.get("/settlement.csv", params=query) as response:
            assert response.status == 200, await response.text()
            return (await response.read()).decode().split("\r\n")[:-1]

    async def moved(self, *faults, day=""):
        """Its lines of movements."""
        _, _, *lines = await self.settlement(*faults, day=day)
        return [line for line in lines if line.split(",")[0] not in ("total", "trailer")]

    async def set_fault(self, **fault):
        await self.put("/faults", {"faults": [fault]})


@asynccontextmanager
async def sitting_at(ports):
    """A desk at a bank's operator port."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{ports.operator}") as http:
        yield Desk(http)
