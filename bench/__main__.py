"""`python -m bench …`: one row, or all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated

import typer
import uvloop

from bench import rows
from bench.load import pin
from bench.process import OTHER_CORE
from bench.table import Row, show

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Seconds = Annotated[float, typer.Option(help="How long to measure.")]


@app.command()
def create(seconds: Seconds = 5) -> None:
    """Create links, closed loop."""
    _run(rows.create(seconds))


@app.command()
def once(seconds: Seconds = 5) -> None:
    """Create links, each with an Idempotency-Key, closed loop."""
    _run(rows.create_once(seconds))


@app.command()
def profile(
    kind: Annotated[str, typer.Argument(help="An operation of bench/world.py.")] = "create",
    seconds: Seconds = 5,
) -> None:
    """Where the server's time goes: `profile create`."""
    _run(rows.profile(kind, seconds))


def _run(work: Coroutine[None, None, list[Row]]) -> None:
    pin(OTHER_CORE)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show(runner.run(work))


if __name__ == "__main__":
    app()
