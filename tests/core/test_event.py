from __future__ import annotations

from datetime import UTC, datetime, timedelta

from payseal.core.event import Event, happened
from payseal.core.ids import AccountId, Mint, home, is_id, made_at
from payseal.core.record import Record, decode, encode

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOME = home(AccountId("0" * 12))
ID = Mint(lambda size: b"\x07" * size).id("box", HOME, AT)


class Parcel(Record, frozen=True, kw_only=True):
    prefix, table = "box", "parcels"

    secret: str = ""

    def turn(self) -> Parcel:
        return self._become()


def test_an_event_tells_what_happened_to_which_version_of_what():
    parcel = Parcel(id=ID, version=3)
    event = happened("parcel.turned", parcel, AT + timedelta(hours=1))
    assert is_id(event.id, Event.prefix)
    assert event.partition == parcel.partition, "committed where the change is"
    assert made_at(event.id) == event.at == AT + timedelta(hours=1)
    assert (event.resource, event.of, event.seq, event.type) == (ID, ID, 3, "parcel.turned")


def test_one_version_has_one_event_and_each_version_another():
    parcel = Parcel(id=ID)
    assert happened("parcel.made", parcel, AT) == happened("parcel.made", parcel, AT)
    assert happened("parcel.made", parcel, AT).id == happened("parcel.kept", parcel, AT).id
    assert happened("parcel.made", parcel, AT).id != happened("parcel.made", parcel.turn(), AT).id


def test_an_event_tells_only_the_facts():
    event = happened("parcel.made", Parcel(id=ID, secret="hidden"), AT)
    assert event.data == {"id": ID}
    assert b"hidden" not in encode(event)


def test_an_event_comes_back_from_its_body():
    event = happened("parcel.made", Parcel(id=ID), AT)
    assert decode(Event, event.id, event.version, encode(event)) == event
