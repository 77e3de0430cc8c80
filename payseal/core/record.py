"""Record: what a store keeps. Frozen and versioned; its class is its table."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeVar

import msgspec
from msgspec.structs import force_setattr, replace

from payseal.core.ids import Partition, partition_of
from payseal.core.state import Moves

R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value with an id and a version. Only its own methods make a changed copy of it."""

    prefix: ClassVar[str]  # of its ids, three letters
    table: ClassVar[str]
    moves: ClassVar[Moves[Any] | None] = None
    fades: ClassVar[bool] = False  # once due it is of no use, and a store may let it go by itself

    id: str = ""
    version: int = 1

    @property
    def partition(self) -> Partition:
        """Where it is kept: its id says so."""
        return partition_of(self.id)

    @property
    def of(self) -> str | None:
        """The record that it is listed under, if it is a child of one."""
        return None

    @property
    def due(self) -> datetime | None:
        """When the worker should look at it next; never, if None."""
        return None

    def facts(self) -> dict[str, object]:
        """What everyone who may see it is told: the `data` of its events."""
        return {"id": self.id}

    def _become(self, status: StrEnum | None = None, **changes: object) -> Self:
        """The next version, after a move that the table allows."""
        if status is not None:
            assert self.moves is not None, f"{type(self).__name__} has no table of moves"
            self.moves.check(self.status, status)  # type: ignore[attr-defined]  # has moves, so has a status
            changes["status"] = status
        return replace(self, version=self.version + 1, **changes)


def encode(record: Record) -> bytes:
    """The body: everything but the key and the version, as JSON."""
    return _encoder.encode(replace(record, id="", version=1))


def decode(kind: type[R], id: str, version: int, body: bytes | str) -> R:
    """The record that was stored with that key, version and body."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    record: R = decoder.decode(body)
    force_setattr(record, "id", id)
    force_setattr(record, "version", version)
    return record


_encoder = msgspec.json.Encoder()
_decoders: dict[type[Record], msgspec.json.Decoder[Any]] = {}
