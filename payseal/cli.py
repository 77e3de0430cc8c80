"""The command line. Heavy parts are imported inside their commands."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

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
books = typer.Typer(help="The ledger.", no_args_is_help=True)
app.add_typer(books, name="ledger")

T = TypeVar("T")
Data = Annotated[
    Path | None,
    typer.Option(help="A demo's folder, instead of the settings of the environment."),
]
TOKEN_CHARS = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path("data"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Payseal's port; another if it is taken.")
    ] = 8000,
) -> None:
    """Start Payseal, the sandbox bank and a demo merchant; Ctrl-C stops them."""
    from payseal.demo import run

    _run(run(data, port))


@app.command()
def serve(
    role: Annotated[str, typer.Option(help="all, web or worker.")] = "all",
) -> None:
    """Serve with the settings of the environment (`PAYSEAL_…`)."""
    from payseal import logs, main
    from payseal.stores import is_shared

    if role not in main.ROLES:
        _fail(f"There is no role {role!r}: choose one of {', '.join(main.ROLES)}.")
    settings = _settings()
    logs.log_as_json()
    if role != "all" and not is_shared(settings.payments):
        typer.echo(f"On a file one process does all: as {role} it leaves the rest.", err=True)

    def ready(url: str) -> None:
        where = f" on {url}; its links lead to {settings.base_url}" if url else ""
        typer.echo(f"Payseal is ready{where}. Ctrl-C stops it.")

    _run(main.serve_alone(settings, main.ROLES[role], ready))


@app.command()
def resolve(data: Data = None) -> None:
    """Ask the issuers now about every payment whose answer is due, beside a running server."""
    from payseal import logs, main

    settings = _settings(data)
    logs.log_as_json()
    _run(main.resolve(settings))


@app.command()
def shards(
    account: Annotated[
        str, typer.Argument(help="A user name, an e-mail address, or the key of a hot partition.")
    ],
    number: Annotated[int, typer.Argument(help="From what it has now to 512; never fewer.")],
    data: Data = None,
) -> None:
    """Spread a busy account's new links over so many shards, beside a running server."""
    from payseal import main

    user = _run(main.spread(_settings(data), account, number))
    typer.echo(f"New links of {user.username} go to any of {user.shards} shards.")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sandbox(context: typer.Context) -> None:
    """Start the sandbox bank alone: `payseal sandbox --book FILE --port N --operator-port M`."""
    os.execv(sys.executable, [sys.executable, "-m", "payseal_sandbox", *context.args])  # noqa: S606  # this very Python


@app.command()
def migrate() -> None:
    """Make the tables that the stores of the environment need, or bring them up to date."""
    from payseal import logs, main

    settings = _settings()
    logs.log_as_json()
    for sentence in _run(main.migrate(settings)):
        typer.echo(sentence)


@keys.command()
def rotate(data: Data = None) -> None:
    """Make new signing keys: published within seconds, signing in ten minutes; old ones verify."""
    from payseal import logs, main

    settings = _settings(data)
    logs.log_as_json()
    for kid, sign_from in _run(main.rotate_keys(settings)):
        typer.echo(f"{kid}  signs from {sign_from:%Y-%m-%d %H:%M:%S} UTC")


@books.command()
def check(
    account: Annotated[
        list[str], typer.Argument(help="User names, e-mail addresses or keys of partitions.")
    ],
    data: Data = None,
) -> None:
    """Make every balance again from the entries, and compare; exit code 1 if one is wrong."""
    from payseal import bookkeeping

    found = _run(bookkeeping.check(_settings(data), account))
    for username, audit in found:
        typer.echo(f"{username}: {_many(audit.entries, 'entry', 'entries')}")
        for line in audit.table():
            typer.echo(f"  {line}")
    if not all(audit.sound for _, audit in found):
        _fail("The ledger does not agree with its entries.")


@app.command()
def reconcile(
    file: Annotated[Path, typer.Argument(help="A settlement file, as docs/settlement.md says.")],
    issuer: Annotated[str, typer.Option(help="Whose it is, instead of the one set up.")] = "",
    data: Data = None,
) -> None:
    """Hold an issuer's settlement file against the ledger; exit code 1 if they differ anew."""
    from payseal import bookkeeping, logs

    settings = _settings(data)
    logs.log_as_json()
    outcome = _run(bookkeeping.reconcile(settings, file, issuer))
    lines = _many(outcome.lines, "line", "lines")
    found = _many(len(outcome.found), "new difference", "new differences")
    typer.echo(f"{outcome.day}: {lines}, {found}")
    for line in outcome.table():
        typer.echo(f"  {line}")
    if outcome.found:
        _fail("The issuer's file and the ledger differ: see GET /api/differences.")


@app.command("verify-link")
def verify_link(
    url: Annotated[str, typer.Argument(help="A link, or its token alone.")],
    keys: Annotated[Path, typer.Option(help="A copy of /.well-known/jwks.json.")],
    origin: Annotated[
        str, typer.Option(help="Where our links lead, such as https://pay.example.")
    ] = "",
) -> None:
    """Check offline, with a saved key set, that a link is ours and still valid."""
    from payseal.core.errors import Problem
    from payseal.core.keyring import verify

    before, token = _taken_apart(url)
    if before and origin and before != f"{origin.rstrip('/')}/p/":
        _fail(f"The link leads elsewhere: it does not begin with {origin.rstrip('/')}/p/.")
    try:
        claims = verify(token, json.loads(keys.read_text()), at=datetime.now(UTC))
    except Problem as problem:
        _fail(f"{problem.title} {problem.detail}")
    except (OSError, ValueError) as error:
        _fail(f"The key set cannot be read: {error}")
    valid = f"alid until {claims.expires_at:%Y-%m-%d %H:%M:%S} UTC, signed by {claims.kid}."
    if before and not origin:
        typer.echo(f"The token is ours and v{valid}")
        typer.echo(f"Whether {before!r} is ours too was not checked: give --origin.")
    else:
        typer.echo(f"V{valid}")


def _taken_apart(url: str) -> tuple[str, str]:
    """What comes before the token, and the token; by the characters, as browsers' rules differ."""
    before, slash, token = re.split("[?#]", url, maxsplit=1)[0].rpartition("/")
    if not TOKEN_CHARS.fullmatch(token):
        _fail("This is no link of Payseal: it ends in no token.")
    return before + slash, token


def _settings(data: Path | None = None) -> Settings:
    """Those of the environment, or of the demo that keeps its data there."""
    try:
        if data is None:
            return read(os.environ)
        from payseal.demo import settings_in

        return settings_in(data)
    except (WrongSetting, OSError) as error:
        _fail(str(error))


def _run(work: Coroutine[Any, Any, T]) -> T:
    import asyncio

    import structlog
    import uvloop

    from payseal.core.errors import Problem, crash_facts
    from payseal.core.master import WrongMasterKey
    from payseal.storage import InUse, Unfit

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except (WrongSetting, WrongMasterKey, InUse, Unfit, Problem, OSError) as error:
        _fail(str(error))
    except Exception as error:  # noqa: BLE001  # a traceback is no line of the log
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        structlog.get_logger("payseal").critical("broke off", **crash_facts(error))
        _fail(f"Payseal broke off, by a mistake of its own ({type(error).__name__}); see the log.")


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
