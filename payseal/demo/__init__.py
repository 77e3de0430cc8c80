"""The demo: Payseal, the sandbox bank beside it, and a merchant whose shop hears webhooks."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from payseal import logs, main
from payseal.core.ids import LinkId
from payseal.demo.bank import Bank, banking, free, kept, tell
from payseal.demo.merchant import Heard, Merchant, link_of, merchant_of, shop
from payseal.settings import Settings, WrongSetting

CARD, CHALLENGED = "4242 4242 4242 4242", "4000 0000 0000 3220"

__all__ = ["run", "settings_in"]


async def run(data: Path, port: int) -> None:
    """Until Ctrl-C; the next run finds everything again."""
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSetting(
            f"{data} cannot be the demo's folder: {error.strerror}. Give --data another one."
        ) from None
    main.make_master_key(data / "master.key")
    console = Console(highlight=False, soft_wrap=True)
    with (data / "payseal.log").open("a") as log:
        logs.log_as_json(log)
        async with banking(data) as bank:
            settings = _settings(data, free(port), bank)
            await tell(bank, f"{settings.base_url}/hooks/{settings.iso8583_name}")
            async with main.running(settings, exclusive=True) as system:
                parts = system.parts
                merchant = await merchant_of(parts, data)
                link = await link_of(parts, merchant)
                url = parts.seal.url(LinkId(link.id), link.expires_at, at=link.created_at)
                async with shop(parts, merchant, data, lambda heard: _tell(console, heard)):
                    await main.serve(
                        system,
                        settings,
                        main.ROLES["all"],
                        ready=lambda _: _show(console, settings, merchant, bank, url),
                    )
    console.print("Stopped. Everything is kept in", str(data))


def settings_in(data: Path) -> Settings:
    """Of the demo that keeps its data there, for a command beside it."""
    if not (data / "master.key").is_file():
        raise WrongSetting(
            f"There is no demo in {data}: give --data the folder of one, such as `make run` makes."
        )
    return _settings(data, 0, kept(data))


def _settings(data: Path, port: int, bank: Bank) -> Settings:
    return Settings(
        accounts=f"sqlite:///{data / 'accounts.db'}",
        payments=f"sqlite:///{data / 'payments.db'}",
        master_key_file=str(data / "master.key"),
        port=port,
        base_url=f"http://127.0.0.1:{port}",
        loopback_webhooks=True,
        iso8583_port=bank.iso8583,
        iso8583_three_ds=f"http://127.0.0.1:{bank.acs}",
        iso8583_callback_secret=bank.secret,
    )


def _show(console: Console, settings: Settings, merchant: Merchant, bank: Bank, url: str) -> None:
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_row("API docs", f"{settings.base_url}/docs")
    facts.add_row("API key", merchant.key)
    facts.add_row("API secret", merchant.secret)
    facts.add_row("Sign in", f"{merchant.username} with the password {merchant.password}")
    facts.add_row("The bank's book", f"http://127.0.0.1:{bank.operator}/")
    facts.add_row("Test card", f"{CARD}, any date to come, any three digits")
    facts.add_row("With a challenge", f"{CHALLENGED}, and the code that the bank's page shows")
    console.print("\n[bold]Payseal is ready.[/bold]\n")
    console.print(facts)
    console.print("\n[bold]Create a payment:[/bold]\n")
    console.print(_curl(settings, merchant), markup=False)
    console.print("\n[bold]A link ready to be paid:[/bold]\n")
    console.print(url, markup=False)
    console.print("\nCtrl-C stops it. Webhooks that the demo shop hears follow here.\n")


def _curl(settings: Settings, merchant: Merchant) -> str:
    body = (
        '{"amount": "12.50", "date": "2030-01-01T12:00:00Z", "paymentMethod": "card",'
        ' "currency": "EUR", "realm": "Demo Shop"}'
    )
    return (
        f"curl {settings.base_url}/api/payment -u {merchant.key}:{merchant.secret}"
        f" -H 'Content-Type: application/json' -d '{body}'"
    )


def _tell(console: Console, heard: Heard) -> None:
    console.print(f"[green]webhook[/green]  {heard}")
