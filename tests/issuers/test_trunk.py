"""The lines to a host: signed on, echoed, lost and opened again."""

import asyncio

import pytest

from payseal.issuers import Approved, NotSent, Unknown
from payseal.issuers.iso8583 import Address, Times
from payseal.issuers.iso8583.messages import Terminal
from payseal.issuers.iso8583.trunk import Trunk
from tests.issuers.payments import a_card, a_connector, an_operation, now
from tests.issuers.scripted import answer_to, approve, say_nothing, scripted, until


async def test_a_line_signs_on_before_anything_else_and_signs_off_at_the_end():
    async with scripted(approve) as host:
        async with a_connector(host.port) as issuer:
            await issuer.purchase(an_operation(), a_card(), now)
        assert host.types() == ["0800001", "0200", "0800002"]


async def test_without_a_host_nothing_is_sent(unused_tcp_port):
    async with a_connector(unused_tcp_port, line_within=0.2) as issuer:
        operation = an_operation()
        answers = await asyncio.gather(
            issuer.purchase(operation, a_card(), now),
            issuer.look_up(operation),
            issuer.reverse(operation, repeat=True),
        )
    assert answers == [NotSent("no_connection")] * 3


async def test_a_connector_that_was_stopped_sends_nothing():
    async with scripted(approve) as host:
        async with a_connector(host.port) as issuer:
            pass
        answer = await issuer.purchase(an_operation(), a_card(), now)
    assert answer == NotSent("no_connection")


async def test_a_call_that_waits_while_we_stop_is_unknown():
    async with scripted(say_nothing) as host, a_connector(host.port) as issuer:
        call = asyncio.create_task(issuer.purchase(an_operation(), a_card(), now))
        await until(lambda: "0200" in host.types())
        await issuer.stop()
        assert await call == Unknown("connection_lost")


async def test_a_host_that_refuses_the_sign_on_gets_nothing():
    async with scripted(approve) as host:
        host.network["001"] = "05"
        async with a_connector(host.port) as issuer:
            operation = an_operation(within_s=0.5)
            assert await issuer.purchase(operation, a_card(), now) == NotSent("no_connection")
        assert set(host.types()) == {"0800001"}


async def test_an_idle_line_is_echoed_and_one_that_is_dead_is_replaced():
    async with scripted(approve) as host, a_connector(host.port, echo_after=0.05) as issuer:
        await until(lambda: host.types().count("0800301") >= 3)
        assert len(host.peers) == 1
        host.peers[0].reset()
        await until(lambda: len(host.peers) == 2)
        assert isinstance(await issuer.purchase(an_operation(), a_card(), now), Approved)


async def test_an_echo_without_an_answer_ends_the_line():
    async with scripted(approve) as host:
        host.network["301"] = None
        async with a_connector(host.port, echo_after=0.05, network_within=0.2):
            await until(lambda: len(host.peers) == 2)


async def test_a_missing_answer_makes_the_line_prove_that_it_lives():
    async with scripted(say_nothing) as host, a_connector(host.port) as issuer:
        await issuer.purchase(an_operation(within_s=0.1), a_card(), now)
        await until(lambda: "0800301" in host.types())


async def test_two_lines_share_the_work():
    async def hold(message, peer):
        await asyncio.sleep(0.1)
        peer.send(answer_to(message, f38=f"PEER0{peer.number}"))

    async with scripted(hold) as host, a_connector(host.port, lines=2) as issuer:
        await until(lambda: host.types().count("0800001") == 2)
        await asyncio.sleep(0.05)
        answers = await asyncio.gather(
            *(issuer.purchase(an_operation(), a_card(), now) for _ in range(4))
        )
    assert sorted(answer.approval_code for answer in answers) == ["PEER00"] * 2 + ["PEER01"] * 2


async def test_a_line_that_was_up_comes_back_at_once_however_often():
    async with scripted(approve) as host, a_connector(host.port):
        for n in range(1, 6):
            await until(lambda n=n: host.types().count("0800001") == n, within_s=2)
            await asyncio.sleep(0.02)  # the answer has arrived, so the line was up
            host.peers[-1].reset()
        await until(lambda: len(host.peers) == 6, within_s=1)


@pytest.mark.parametrize(
    ("failures", "chance", "pause_s"),
    [(0, 0, 0.1), (0, 255, 0.2), (1, 0, 0.2), (3, 255, 1.6), (5, 0, 2.5), (10**6, 255, 5.0)],
)
def test_the_pauses_double_up_to_a_limit_and_do_not_keep_step(failures, chance, pause_s):
    terminal = Terminal("123456", "PAYSEAL1", "5999", "Shop")
    trunk = Trunk(
        [Address("127.0.0.1", 1)],
        terminal,
        lines=1,
        times=Times(),
        now=now,
        entropy=lambda n: bytes([chance]),
    )
    assert trunk._pause_s(failures) == pytest.approx(pause_s)


async def test_a_line_that_is_lost_while_it_signs_on_is_not_kept():
    async with scripted(approve) as host:
        host.trailing = b"\x00\x00"  # no frame is empty
        async with a_connector(host.port) as issuer:
            await until(lambda: len(host.peers) == 3, within_s=3)
            host.trailing = b""
            assert isinstance(await issuer.purchase(an_operation(), a_card(), now), Approved)
