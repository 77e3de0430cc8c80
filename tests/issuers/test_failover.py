"""Several hosts of one acquirer: the first that is there is asked, and another only in time."""

import asyncio

from payseal.issuers import Approved, NotSent, Reversed, Unknown
from tests.issuers.payments import a_card, a_connector, an_operation, now
from tests.issuers.scripted import approve, say_nothing, scripted, until
from tests.servers.proxy import Proxy


def purchases(host):
    return [kind for kind in host.types() if kind in ("0200", "0201")]


async def buy(issuer, **wishes):
    return await issuer.purchase(an_operation(**wishes), a_card(), now)


async def up(*hosts):
    await until(lambda: all(host.peers and "0800001" in host.types() for host in hosts))
    await asyncio.sleep(0.05)


async def test_the_first_host_is_asked_as_long_as_it_is_there():
    async with scripted(approve) as first, scripted(approve) as second:
        issuer = a_connector(first.port, second.port)
        async with issuer:
            await up(first, second)
            answers = await asyncio.gather(*(buy(issuer) for _ in range(10)))
        assert "0800002" in second.types(), "both are signed off at the end"
    assert all(isinstance(answer, Approved) for answer in answers)
    assert (len(purchases(first)), purchases(second)) == (10, [])


async def test_a_host_that_cannot_be_reached_is_passed_over(unused_tcp_port):
    async with scripted(approve) as second, a_connector(unused_tcp_port, second.port) as issuer:
        assert isinstance(await buy(issuer), Approved)


async def test_a_host_that_takes_no_sign_on_is_passed_over():
    async with scripted(approve) as first, scripted(approve) as second:
        first.network["001"] = None
        async with a_connector(first.port, second.port) as issuer:
            assert isinstance(await buy(issuer), Approved)
        assert (purchases(first), purchases(second)) == ([], ["0200"])


async def test_a_host_that_comes_back_is_used_again(unused_tcp_port):
    async with scripted(approve) as second, a_connector(unused_tcp_port, second.port) as issuer:
        await buy(issuer)
        async with scripted(approve, unused_tcp_port) as first:
            await up(first)
            await buy(issuer)
            assert (purchases(first), purchases(second)) == (["0200"], ["0200"])
        await asyncio.sleep(0.05)  # until it is seen that the lines are gone
        assert isinstance(await buy(issuer), Approved)
        assert purchases(second) == ["0200"] * 2


async def test_what_was_sent_to_one_host_is_never_sent_to_another():
    async def hang_up(message, peer):
        peer.reset()

    async with scripted(hang_up) as first, scripted(approve) as second:
        async with a_connector(first.port, second.port) as issuer:
            await up(first, second)
            answer = await buy(issuer, within_s=1)
        assert answer == Unknown("connection_lost")
        assert set(purchases(first)) == {"0200", "0201"}, "it is repeated where it was sent"
        assert purchases(second) == []


async def test_a_host_that_says_nothing_is_waited_for_and_then_replaced():
    async with scripted(say_nothing) as first, scripted(approve) as second:
        first.network["301"] = None
        async with a_connector(first.port, second.port, network_within=0.1) as issuer:
            await up(first, second)
            assert await buy(issuer, within_s=0.2) == Unknown("no_answer")
            assert purchases(second) == []
            first.network["001"] = None  # it is as dead as it seemed
            await until(lambda: first.types().count("0800001") > 1)
            assert isinstance(await buy(issuer), Approved)
            assert purchases(second) == ["0200"]


async def test_without_any_host_nothing_is_sent(unused_tcp_port_factory):
    ports = unused_tcp_port_factory(), unused_tcp_port_factory()
    async with a_connector(*ports, line_within=0.2) as issuer:
        assert await buy(issuer) == NotSent("no_connection")


async def test_two_ways_to_one_bank_charge_once_however_the_first_breaks(bank, desk):
    async with Proxy(bank.ports.iso8583) as way:
        issuer = a_connector(way.port, bank.ports.iso8583)
        async with issuer:
            await asyncio.sleep(0.2)
            way.lose = "answer"
            operation = an_operation(within_s=1.5)
            said = await issuer.purchase(operation, a_card(), now)
            found = await issuer.look_up(operation)
            assert isinstance(found, Approved)
            assert said in (found, Unknown("connection_lost"))
            way.is_down = True
            assert await issuer.reverse(operation, repeat=False) == Reversed()
            assert isinstance(await buy(issuer), Approved)
    rows = await desk.bookings()
    assert [row["status"] for row in rows] == ["reversed", "approved"]
