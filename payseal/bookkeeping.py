"""What a bookkeeper asks for: whether the ledger is right, and the issuer says the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from payseal import ledger, transactions
from payseal.core.ids import Mode, homes
from payseal.main import accounts_of, now, payments_of, user_named
from payseal.settings import Settings
from payseal.transactions import Outcome


async def check(settings: Settings, whose: Sequence[str]) -> list[tuple[str, ledger.Audit]]:
    """Every balance of these accounts against the entries, of both modes."""
    async with accounts_of(settings, exclusive=False) as store:
        users = [await user_named(store, each) for each in whose]
    found = []
    async with payments_of(settings, exclusive=False) as payments:
        for user in users:
            whole = ledger.Audit(0, [], [])
            for mode in Mode:
                for home in homes(user.account, mode, user.shards):
                    whole += await ledger.audit(payments, home)
            found.append((user.username, whole))
    return found


async def reconcile(settings: Settings, file: Path, issuer: str) -> Outcome:
    """A settlement file against the ledger; `InvalidStatement` where nothing was taken of it."""
    async with payments_of(settings, exclusive=False) as payments:
        return await transactions.take(payments, issuer or settings.iso8583_name, file, now=now)
