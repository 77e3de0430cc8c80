"""Item: a record as the table keeps it, and the way back."""

from __future__ import annotations

import zlib
from typing import Any

from payseal.core.ids import (
    ACCOUNT_CHARS,
    ID_CHARS,
    PREFIX_CHARS,
    SHARD_CHARS,
    Partition,
    is_id,
    partition_of,
)
from payseal.core.record import R, Record, decode
from payseal.storage.row import row_of

BUCKETS = 64
# A clock of ours may be behind the one that removes them.
FADES_AFTER_S = 300

Item = dict[str, Any]
_REST = PREFIX_CHARS + 1 + ACCOUNT_CHARS + SHARD_CHARS


def key_of(id: str) -> Item:
    """Where it lies: its partition; in there by kind, then time."""
    return {"p": {"S": partition_of(id)}, "s": {"S": sort_key(id)}}


def sort_key(id: str) -> str:
    """The part of the id that its partition does not say."""
    return id[:PREFIX_CHARS] + id[_REST:]


def id_of(item: Item) -> str:
    """The id that `key_of` took apart."""
    sort = item["s"]["S"]
    return f"{sort[:PREFIX_CHARS]}_{item['p']['S']}{sort[PREFIX_CHARS:]}"


def item_of(record: Record, stamp: bytes) -> Item:
    """All that is kept of it, with the stamp of the commit that writes it."""
    row = row_of(record)
    item = key_of(row.id) | {
        "v": {"N": str(row.version)},
        "b": {"S": row.body.decode()},  # text, so that the console and an export show it
        "x": {"B": stamp},
    }
    if row.of is not None:
        item["o"] = {"S": family(partition_of(row.id), row.of)}
    if row.due is not None:
        if record.fades:
            item["t"] = {"N": str(-(-row.due // 1000) + FADES_AFTER_S)}
        else:
            item["d"] = {"S": bucket(record.prefix, zlib.crc32(row.id.encode()) % BUCKETS)}
            item["w"] = {"N": str(row.due)}
    return item


def record_of(kind: type[R], item: Item) -> R:
    """The record that was put there."""
    return decode(kind, id_of(item), int(item["v"]["N"]), item["b"]["S"])


def family(partition: Partition, of: str) -> str:
    """The children of one record that lie in one partition."""
    return f"{partition}{of}"


def bucket(prefix: str, number: int) -> str:
    """A part of the kind's due records, so that no part of the index is hot."""
    return f"{prefix}{number:02}"


def is_parent(of: str) -> bool:
    """Whether anything could be a child of it."""
    return len(of) == ID_CHARS and is_id(of, of[:PREFIX_CHARS])
