"""`python -m bench …`: one row, or all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated

import typer
import uvloop

from bench import rows
from bench.growth import SIZES, growth
from bench.peak import peak
from bench.process import OTHER_CORE, pin
from bench.table import Row, show

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Seconds = Annotated[float, typer.Option(help="How long to measure.")]


GROUPS: dict[str, Callable[[float], Coroutine[None, None, list[Row]]]] = {
    "generator": rows.generator,
    "create": rows.create,
    "once": rows.create_once,
    "beside": rows.beside,
    "pay": rows.pay,
    "day": rows.day,
    "peak": peak,
    "postgres": rows.on_postgres,
}


def _command(name: str) -> None:
    def command(seconds: Seconds = 5) -> None:
        _run(GROUPS[name](seconds))

    app.command(name, help=GROUPS[name].__doc__)(command)


for group in GROUPS:
    _command(group)


@app.command()
def profile(
    kind: Annotated[str, typer.Argument(help="An operation of bench/world.py.")] = "create",
    seconds: Seconds = 5,
) -> None:
    """Where the server's time goes: `profile create`."""
    _run(rows.profile(kind, seconds))


@app.command("growth")
def grow(
    seconds: Seconds = 3,
    links: Annotated[
        list[int] | None, typer.Option(help="How many are stored; give it twice or more.")
    ] = None,
) -> None:
    """What create, pay and history cost at 10 thousand, 1 million and 10 million links."""
    _run(growth(seconds, tuple(links or SIZES)))


def _run(work: Coroutine[None, None, list[Row]]) -> None:
    pin(OTHER_CORE)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show(runner.run(work))


if __name__ == "__main__":
    app()
