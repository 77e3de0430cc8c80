"""The command line. Heavy parts are imported inside their commands."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import typer

from payseal.settings import Settings, WrongSetting, read

app = typer.Typer(
    help="Self-hosted payment links: signed, sealed and expiring.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
keys = typer.Typer(help="The keys that sign links and sessions.", no_args_is_help=True)
app.add_typer(keys, name="keys")

T = TypeVar("T")


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path("data"),
    port: Annotated[int, typer.Option(help="Payseal's port; another if it is taken.")] = 8000,
) -> None:
    """Start Payseal, the sandbox bank and a demo merchant; Ctrl-C stops them."""
    from payseal.demo import run

    _run(run(data, port))


@app.command()
def serve(
    role: Annotated[str, typer.Option(help="all, web or worker.")] = "all",
) -> None:
    """Serve with the settings of the environment (`PAYSEAL_…`)."""
    from payseal import main

    if role not in main.ROLES:
        _fail(f"There is no role {role!r}: choose one of {', '.join(main.ROLES)}.")
    settings = _settings()
    main.log_as_json()
    _run(main.serve_alone(settings, main.ROLES[role]))


@app.command()
def resolve() -> None:
    """Ask the issuers now about every payment whose answer never came, beside a running server."""
    from payseal import main

    settings = _settings()
    main.log_as_json()
    _run(main.resolve(settings))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sandbox(context: typer.Context) -> None:
    """Start the sandbox bank alone: `payseal sandbox --book FILE --port N --operator-port M`."""
    os.execv(sys.executable, [sys.executable, "-m", "payseal_sandbox", *context.args])  # noqa: S606  # this very Python


@keys.command()
def rotate() -> None:
    """Make new signing keys: published now, signing in ten minutes; the old ones still verify."""
    from payseal import main

    for kid, sign_from in _run(main.rotate_keys(_settings())):
        typer.echo(f"{kid}  signs from {sign_from:%Y-%m-%d %H:%M:%S} UTC")


@app.command("verify-link")
def verify_link(
    url: str,
    keys: Annotated[Path, typer.Option(help="A copy of /.well-known/jwks.json.")],
) -> None:
    """Check offline, with a saved key set, that a link is ours and still valid."""
    from payseal.core.errors import Problem
    from payseal.core.keyring import verify

    token = urlsplit(url).path.rpartition("/")[2]
    try:
        claims = verify(token, json.loads(keys.read_text()), at=datetime.now(UTC))
    except Problem as problem:
        _fail(f"{problem.title} {problem.detail}")
    except (OSError, ValueError) as error:
        _fail(f"The key set cannot be read: {error}")
    typer.echo(f"Valid until {claims.expires_at:%Y-%m-%d %H:%M:%S} UTC, signed by {claims.kid}.")


def _settings() -> Settings:
    try:
        return read(os.environ)
    except WrongSetting as error:
        _fail(str(error))


def _run(work: Coroutine[Any, Any, T]) -> T:
    import asyncio

    import uvloop

    from payseal.core.errors import Problem
    from payseal.core.master import WrongMasterKey
    from payseal.storage import InUse, NewerSchema

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except (WrongSetting, WrongMasterKey, InUse, NewerSchema, Problem, OSError) as error:
        _fail(str(error))


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
