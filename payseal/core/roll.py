"""Roll: the lanes that a consumer has yet to read to their end, listed or not."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
import structlog

from payseal.core.ids import value_id
from payseal.core.record import Record
from payseal.core.store import Change, Check, Insert, Lane, Store, Update

LANES_MAX = 1000  # about 100 KB

log = structlog.get_logger("payseal.feed")


class Roll(Record, frozen=True, kw_only=True):
    """One of each consumer. A lane is on it before it is begun, and off it as its end is recorded.

    A stream lists a lane no more once its oldest entries went. Who was away for so long finds here
    what there was to read, and in which order.
    """

    prefix, table = "rol", "rolls"

    parents: dict[str, tuple[str, ...]] = msgspec.field(
        default_factory=dict
    )  # of each lane, as they were listed

    def lanes(self, listed: Iterable[Lane] = ()) -> dict[str, Lane]:
        """Its own, and those that are new to it, by their ids."""
        new = {lane.id: lane for lane in listed if lane.id not in self.parents}
        return {id: Lane(id, parents) for id, parents in self.parents.items()} | new

    def turn(self, lanes: Iterable[Lane]) -> Roll:
        """To these; itself if there is nothing new. Those behind the limit are left out."""
        parents = {lane.id: lane.parents for lane in lanes}
        if len(parents) > LANES_MAX:  # they are read all the same, while they are listed
            log.error("roll is full", roll=self.id, lanes=len(parents))
            parents = dict([*parents.items()][:LANES_MAX])
        return self if parents == self.parents else self._become(parents=parents)

    def put(self) -> Change:
        """The change that writes it down."""
        return Insert(self) if self.version == 1 else Update(self)


async def roll_of(store: Store, consumer: str) -> Roll:
    """As it is now; version 0 if there is none."""
    id = value_id(Roll.prefix, consumer)
    return await store.get(Roll, id) or Roll(id=id, version=0)


async def struck(store: Store, consumer: str, lane: Lane) -> Change:
    """The lane taken off, and its children put on: it goes once somebody knows of them."""
    children = [child for child in await store.lanes() if lane.id in child.parents]
    roll = await roll_of(store, consumer)
    lanes = roll.lanes(children)
    lanes.pop(lane.id, None)
    turned = roll.turn(lanes.values())
    return Check(roll) if turned is roll else turned.put()


def readable(
    lanes: Collection[Lane], listed: set[str], *, begun: set[str], ended: set[str]
) -> list[Lane]:
    """Those with something to read, of which all that was before has been read.

    Lanes come in the order in which they were seen.
    """
    known, found, vanished = {lane.id for lane in lanes}, list[Lane](), False
    for lane in lanes:
        if lane.id in ended:
            continue
        parents = known.intersection(lane.parents)
        waits = not ended.issuperset(parents)
        if not parents:
            # What vanished may have had children that nobody saw: what is new comes after it.
            waits = vanished and lane.id not in begun
            vanished |= lane.id not in listed
        if not waits:
            found.append(lane)
    return found
