"""Vault: card numbers that must wait for a challenge; sealed, for an hour at most, then gone."""

from payseal.vault.vault import Vault
from payseal.vault.waiting import LIFE, Waiting

RECORDS = (Waiting,)

__all__ = ["LIFE", "RECORDS", "Vault", "Waiting"]
