"""Cleaning: what has ended is deleted, for the worker."""

from __future__ import annotations

from datetime import datetime

from payseal.accounts.guesses import Guesses
from payseal.accounts.session import Session
from payseal.core.store import PAGE_MAX, Delete, Lost, Store


async def clean(store: Store, *, at: datetime) -> int:
    """Delete sessions past their end, and guesses that count no more; says how many."""
    count = 0
    for kind in (Session, Guesses):
        for record in await store.due(kind, before=at, limit=PAGE_MAX):
            try:
                await store.commit(Delete(record))
            except Lost:
                continue  # it lives on, or somebody else was faster
            count += 1
    return count
