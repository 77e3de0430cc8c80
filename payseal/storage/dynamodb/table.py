"""Table: how the one table is made, and whether one that is there is as needed.

    p  partition       o  the parent, with the partition    v  version
    s  kind, then id   d  due: kind and bucket              b  body
    t  TTL, seconds    w  due: milliseconds                 x  stamp of the commit

Names count as stored bytes, so they are short. Both indexes are sparse, and hold keys only.
"""

from __future__ import annotations

from typing import Any

from payseal.storage.unfit import Unfit

CHILDREN, DUE = "children", "due"
TTL = "t"
VIEWS = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")  # of the stream: either tells of an insert whole

KEY = [("p", "HASH"), ("s", "RANGE")]
INDEXES = {
    CHILDREN: [("o", "HASH"), ("s", "RANGE")],
    DUE: [("d", "HASH"), ("w", "RANGE")],
}
_TYPES = {"p": "S", "s": "S", "o": "S", "d": "S", "w": "N"}


class NoTable(Unfit):
    """There is no such table in that region."""


class NotAsNeeded(Unfit):
    """The table is there, but is not what the store needs."""


def definition(name: str) -> dict[str, Any]:
    """What makes the table, as CreateTable and CloudFormation take it."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
        "KeySchema": _schema(KEY),
        "AttributeDefinitions": attributes(*INDEXES),
        "GlobalSecondaryIndexes": [index(each) for each in INDEXES],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": VIEWS[0]},
    }


def attributes(*indexes: str) -> list[dict[str, str]]:
    """The types of what the table and these indexes are keyed by."""
    pairs = [*KEY, *(pair for each in indexes for pair in INDEXES[each])]
    names = dict.fromkeys(name for name, _ in pairs)
    return [{"AttributeName": name, "AttributeType": _TYPES[name]} for name in names]


def index(name: str) -> dict[str, Any]:
    """One index. Of keys only: a change of the body alone does not write to it."""
    return {
        "IndexName": name,
        "KeySchema": _schema(INDEXES[name]),
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }


def misfits(there: dict[str, Any]) -> list[str]:
    """What no migration can mend in a table as DescribeTable shows it."""
    found = []
    if _pairs(there["KeySchema"]) != KEY:
        found.append("its key is another")
    for each in there.get("GlobalSecondaryIndexes", []):
        wanted = INDEXES.get(each["IndexName"])
        if wanted is not None and _pairs(each["KeySchema"]) != wanted:
            found.append(f"its index {each['IndexName']} has another key")
    stream = there.get("StreamSpecification", {})
    if stream.get("StreamEnabled") and stream["StreamViewType"] not in VIEWS:
        found.append(f"its stream shows {stream['StreamViewType']} and not the new image")
    return found


def missing_indexes(there: dict[str, Any]) -> list[str]:
    """Those that are not there at all."""
    present = {each["IndexName"] for each in there.get("GlobalSecondaryIndexes", [])}
    return [each for each in INDEXES if each not in present]


def lacks(there: dict[str, Any], ttl: dict[str, Any]) -> list[str]:
    """All that keeps a store from opening it."""
    found = misfits(there) + [f"it has no index {each}" for each in missing_indexes(there)]
    for each in there.get("GlobalSecondaryIndexes", []):
        if each["IndexName"] in INDEXES and each["IndexStatus"] not in ("ACTIVE", "UPDATING"):
            found.append(f"its index {each['IndexName']} is {each['IndexStatus'].lower()}")
    if there["TableStatus"] not in ("ACTIVE", "UPDATING"):
        found.append(f"it is {there['TableStatus'].lower()}")
    if not there.get("StreamSpecification", {}).get("StreamEnabled"):
        found.append("it has no stream")
    if not fades(ttl):
        found.append(f"it has no TTL on {TTL}")
    return found


def fades(ttl: dict[str, Any]) -> bool:
    """Whether DescribeTimeToLive shows ours, on or on its way."""
    on = ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
    return on and ttl.get("AttributeName") == TTL


def _schema(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in pairs]


def _pairs(schema: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(each["AttributeName"], each["KeyType"]) for each in schema]
