"""`python -m payseal_sandbox --book FILE --port N --operator-port M`: the bank as a process."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from payseal_sandbox.bank import Bank
from payseal_sandbox.book import BookBroken, BookTaken


def main() -> None:
    """Run the bank until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m payseal_sandbox", description=__doc__)
    parser.add_argument("--book", type=Path, required=True, help="the bank's book, a SQLite file")
    parser.add_argument("--port", type=int, default=0, help="ISO 8583; 0 picks a free one")
    parser.add_argument("--operator-port", type=int, default=0, help="HTTP; 0 picks a free one")
    parser.add_argument("--acs-port", type=int, default=0, help="3-D Secure; 0 picks a free one")
    wishes = parser.parse_args()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    bank = Bank(
        wishes.book,
        clock=lambda: datetime.now(UTC),
        port=wishes.port,
        operator_port=wishes.operator_port,
        acs_port=wishes.acs_port,
    )
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(bank))
    except (BookTaken, BookBroken, OSError) as error:
        sys.exit(f"The bank cannot open: {error}")


async def _serve(bank: Bank) -> None:
    """Say where the bank listens, in one line, and wait for the signal to stop."""
    stopping = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stopping.set)
    async with bank:
        sys.stdout.write(json.dumps(asdict(bank.ports)) + "\n")
        sys.stdout.flush()
        await stopping.wait()


if __name__ == "__main__":
    main()
