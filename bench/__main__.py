"""`python -m bench all`, which `make bench` runs; or a part of it: `python -m bench create`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from bench import rows
from bench.growth import SIZES, growth
from bench.peak import peak
from bench.process import OTHER_CORE, SERVER_CORE, Failed, pin
from bench.table import Row, keep, show

app = typer.Typer(
    help="Measures the real server over HTTP: CPU µs for each operation, rates, latencies, sizes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Seconds = Annotated[float, typer.Option(help="How long to measure.")]
Work = Coroutine[None, None, list[Row]]
GROUPS: dict[str, Callable[[float], Work]] = {
    "generator": rows.generator,
    "create": rows.create,
    "once": rows.create_once,
    "beside": rows.beside,
    "pay": rows.pay,
    "day": rows.day,
    "peak": peak,
    "postgres": rows.on_postgres,
}
# Of `all`: for how long each is measured; `beside` holds what `create` does.
PLAN_S = {"generator": 3, "beside": 8, "once": 4, "pay": 8, "day": 8, "peak": 60, "postgres": 8}


def _command(name: str) -> None:
    def command(seconds: Seconds = 5) -> None:
        _run(GROUPS[name](seconds))

    app.command(name, help=GROUPS[name].__doc__)(command)


for group in GROUPS:
    _command(group)


@app.command("growth")
def grow(
    seconds: Seconds = 3,
    links: Annotated[
        list[int] | None, typer.Option(help="How many are stored; give it twice or more.")
    ] = None,
) -> None:
    """What create, pay and history cost at 10 thousand, 1 million and 10 million links."""
    _run(growth(seconds, tuple(links or SIZES)))


@app.command()
def profile(
    kind: Annotated[str, typer.Argument(help="An operation of bench/world.py.")] = "create",
    seconds: Seconds = 5,
) -> None:
    """Where the server's time goes: `profile create`, `profile send_form`, `profile view`."""
    _run(rows.profile(kind, seconds))


@app.command("all")
def everything(
    full: Annotated[bool, typer.Option(help="Growth too: 6 GB on the disk, minutes.")] = False,
) -> None:
    """Every row, one after the other; the table, and bench/out/latest.json."""
    plan = [(name, GROUPS[name](seconds)) for name, seconds in PLAN_S.items()]
    if full:
        plan.append(("growth", growth(3)))
    _run(_all(plan))


async def _all(plan: list[tuple[str, Work]]) -> list[Row]:
    found: list[Row] = []
    for name, work in plan:
        with Console(stderr=True).status(f"{name} …"):
            try:
                found += await work
            except Failed as failed:
                found.append(Row(name, None, "", ok=False, note=str(failed)))
        keep(found)
    return found


def _run(work: Work) -> None:
    pin(OTHER_CORE)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(work)
    except Failed as failed:
        typer.echo(str(failed), err=True)
        raise typer.Exit(1) from None
    if found:
        show(found)
        cores = f"server: core {min(SERVER_CORE)}; generator, bank, PostgreSQL: {min(OTHER_CORE)}"
        typer.echo(f"\n{cores}. pgbench and bare drivers run on the server's core.")


if __name__ == "__main__":
    app()
