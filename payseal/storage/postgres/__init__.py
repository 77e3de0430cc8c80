"""PostgreSQL: the storage port on a server, for several processes at once."""

from __future__ import annotations

from payseal.storage.postgres.connection import NotDurable
from payseal.storage.postgres.schema import NotMigrated, migrate, raise_epoch
from payseal.storage.postgres.store import PostgresStore
from payseal.storage.unfit import NewerSchema

__all__ = ["NewerSchema", "NotDurable", "NotMigrated", "PostgresStore", "migrate", "raise_epoch"]
