"""Vault: keeps a card for the transaction that it will pay, and gives it back once."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

import msgspec

from payseal.core.card import Card, SecurityCode
from payseal.core.master import MasterKey
from payseal.core.store import Delete, Insert, Store, committed, forget
from payseal.vault.waiting import KEY_BYTES, LIFE, Waiting, waiting_id


class _Kept(msgspec.Struct, frozen=True):
    """All of a card but its security code, which is never stored (PCI DSS 3.3.1)."""

    number: str
    year: int
    month: int
    name: str


class Vault:
    """A store of its own, that no backup has; chance and the master key come from outside."""

    def __init__(self, store: Store, master: MasterKey, entropy: Callable[[int], bytes]) -> None:
        self._store, self._entropy = store, entropy
        self._half = master.key("vault")

    async def keep(self, owner: str, card: Card, *, at: datetime) -> None:
        """Until it is taken, dropped, or an hour old."""
        key = self._entropy(KEY_BYTES)
        kept = _Kept(card.number, card.expires_year, card.expires_month, card.name)
        sealed = self._box(key).seal(msgspec.json.encode(kept), owner)
        waiting = Waiting(id=waiting_id(owner), key=key, sealed=sealed, until=at + LIFE)
        await self._store.commit(Insert(waiting))

    async def take(self, owner: str, *, at: datetime) -> Card | None:
        """The card without its code; once, and None after that or after its hour."""
        waiting = await self._store.get(Waiting, waiting_id(owner))
        if waiting is None or not await committed(self._store, Delete(waiting)):
            return None
        if at >= waiting.until:
            return None
        opened = self._box(waiting.key).unseal(waiting.sealed, owner)
        kept = msgspec.json.decode(opened, type=_Kept)
        return Card(kept.number, kept.year, kept.month, SecurityCode(""), kept.name)

    async def drop(self, owner: str) -> None:
        """It will not be needed."""
        waiting = await self._store.get(Waiting, waiting_id(owner))
        if waiting is not None:
            await committed(self._store, Delete(waiting))

    async def forget(self, *, at: datetime) -> int:
        """Delete what is an hour old; says how many."""
        return await forget(self._store, Waiting, at=at)

    def _box(self, key: bytes) -> MasterKey:
        return MasterKey(hmac.digest(self._half, key, hashlib.sha256))
