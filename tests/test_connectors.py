"""The issuers that settings name."""

import pytest

from payseal import settings
from payseal.connectors import connectors
from payseal.core.master import MasterKey
from payseal.main import now
from payseal.settings import WrongSetting
from payseal.storage.memory import MemoryStore

GIVEN = {"PAYSEAL_ACCOUNTS": "sqlite:///a.db", "PAYSEAL_PAYMENTS": "sqlite:///p.db"}


def of(**wishes):
    environ = GIVEN | {f"PAYSEAL_ISO8583_{name.upper()}": text for name, text in wishes.items()}
    return connectors(settings.read(environ), MemoryStore(()), MasterKey(b"m" * 32), bytes, now)


def test_without_a_port_there_is_none():
    assert of() == []


def test_a_port_makes_one():
    (issuer,) = of(port="4001", name="bank", title="My bank")
    assert (issuer.name, issuer.title) == ("bank", "My bank")
    assert issuer.offers[0].issuer == "bank"


def test_several_are_named_in_order_each_with_its_hosts():
    first, second = of(hosts="sandbox=h:4001,[::1]:4002 second=g:1", currencies="EUR")
    assert [(i.name, i.title) for i in (first, second)] == [
        ("sandbox", "Sandbox bank"),
        ("second", "Second"),
    ]
    assert first._trunk._addresses == (("h", 4001), ("::1", 4002))
    assert [offer.issuer for offer in second.offers] == ["second"]


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"hosts": "a=h:1 a=h:2"}, "names a twice"),
        ({"hosts": "a=h:1", "port": "4001"}, "are both given"),
    ],
)
def test_what_cannot_be_meant_is_refused(wishes, words):
    with pytest.raises(WrongSetting, match=words):
        of(**wishes)
