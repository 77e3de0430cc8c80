"""DynamoDB: the port on one table and its stream, with aiobotocore."""

from __future__ import annotations

from payseal.storage.dynamodb.migration import migrate
from payseal.storage.dynamodb.store import DynamoStore
from payseal.storage.dynamodb.table import NoTable, NotAsNeeded

__all__ = ["DynamoStore", "NoTable", "NotAsNeeded", "migrate"]
