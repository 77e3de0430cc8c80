import socket

import pytest
from aiohttp.abc import AbstractResolver

from payseal.outbound import (
    AddressRule,
    CheckedResolver,
    ForbiddenAddress,
    NoResponse,
    Outbound,
)

OPEN, CLOSED = AddressRule(loopback=True), AddressRule()


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hook?a=b",
        "https://shop.example:8443/",
        "https://SHOP.example./hook",
        "https://xn--bcher-kva.example/",
        "https://a_b.shop.example/",
    ],
)
def test_a_public_https_address_may_be_called(url):
    CLOSED.check(url)
    OPEN.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "http://shop.example/",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "https://",
        "https:///hook",
        "https://shop.example:22/",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://shop.example:x/",
        "https://user@shop.example/",
        "https://user:word@shop.example/",
        "https://:word@shop.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://[::1",
        "https://2130706433/",
        "https://127.1/",
        "https://0x7f.0x1/",
        "https://0177.0.0.1/",
        "https://intern/",
        "https://shop..example/",
        "https://-shop.example/",
        "https://shop.example/a b",
        "https://shop.example/\r\nHost: x",
        "https://shop.example\\@x.example/",
        "https://bücher.example/",
        "https://x.example/" + "x" * 2000,
        "https://" + "x" * 64 + ".example/",
        "https://" + "x." * 130 + "example/",
        "https://" + "x-" * 900 + ".example/",
        "https://shop.example:/hook",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:/x",
        "http://localhost:",
        "http://[::1]:?x",
    ],
)
def test_other_addresses_may_not(url):
    for rule in (CLOSED, OPEN):
        with pytest.raises(ForbiddenAddress) as refused:
            rule.check(url)
        assert refused.value.members["field"] == "url"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:5000/",
        "http://127.0.0.1/hook",
        "https://127.8.9.1:99/",
        "http://[::1]:80/",
    ],
)
def test_this_machine_may_be_called_only_where_a_setting_says_so(url):
    OPEN.check(url)
    with pytest.raises(ForbiddenAddress):
        CLOSED.check(url)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.0.0.9",
        "192.0.0.10",
        "168.63.129.16",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fe80::1",
        "fe80::1%2",
        "fec0::1",
        "ff02::1",
    ],
)
def test_no_address_inside_or_through_a_tunnel_is_connected_to(address):
    assert not OPEN.allows(address)
    assert not CLOSED.allows(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1"])
def test_public_addresses_are(address):
    assert CLOSED.allows(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_is_where_a_setting_says_so(address):
    assert OPEN.allows(address)
    assert not CLOSED.allows(address)


class Names(AbstractResolver):
    """A name server of the test's own."""

    def __init__(self, *addresses):
        self.addresses, self.asked = addresses, 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked += 1
        return [
            {"hostname": host, "host": a, "port": port, "family": family, "proto": 0, "flags": 0}
            for a in self.addresses
        ]

    async def close(self):
        pass


async def test_a_host_is_refused_if_one_of_its_addresses_is_not_public():
    with pytest.raises(OSError, match="not public"):
        await CheckedResolver(CLOSED, Names("8.8.8.8", "10.0.0.1")).resolve("x.example")
    found = await CheckedResolver(CLOSED, Names("8.8.8.8")).resolve("x.example", 443)
    assert [result["host"] for result in found] == ["8.8.8.8"]


async def test_a_name_that_leads_inside_is_not_called():
    names = Names("10.0.0.1")
    async with Outbound(CLOSED, names) as outbound:
        result = await outbound.post("https://inside.example/", b"", {})
    assert result == NoResponse("forbidden_address")
    assert names.asked == 1
