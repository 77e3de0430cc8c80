"""Adapters of the storage port: each knows records, none knows a feature."""

from __future__ import annotations

from payseal.storage.lock import InUse
from payseal.storage.memory import MemoryStore
from payseal.storage.remembered import RememberedStore
from payseal.storage.sqlite import SqliteStore
from payseal.storage.unfit import NewerSchema, Unfit

__all__ = ["InUse", "MemoryStore", "NewerSchema", "RememberedStore", "SqliteStore", "Unfit"]
