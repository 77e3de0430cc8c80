"""The connector against a host that misbehaves as told."""

import asyncio
from time import monotonic

import pytest

from payseal.issuers import Approved, NotSent, Reversed, Unknown
from payseal.issuers.iso8583 import Times
from payseal.issuers.iso8583.connector import SENDINGS_MAX
from payseal.issuers.iso8583.messages import Terminal
from payseal.issuers.iso8583.trunk import Trunk
from tests.issuers.payments import a_card, a_connector, an_operation, now
from tests.issuers.scripted import answer_to, scripted


async def approve(message, peer):
    peer.send(answer_to(message))


async def say_nothing(message, peer):
    pass


def purchases(host):
    return [message for message in host.heard if message["t"].startswith("020")]


async def until(condition, within_s=5):
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_line_signs_on_before_anything_else_and_signs_off_at_the_end():
    async with scripted(approve) as host:
        async with a_connector(host.port) as issuer:
            await issuer.purchase(an_operation(), a_card(), now)
        assert host.types() == ["0800001", "0200", "0800002"]


async def test_fifty_answers_out_of_order_reach_their_own_callers():
    waiting = []

    async def answer_all_backwards(message, peer):
        waiting.append(message)
        if len(waiting) == 50:
            peer.send(*(answer_to(m, f38=m["37"][-6:]) for m in reversed(waiting)))

    async with scripted(answer_all_backwards) as host, a_connector(host.port) as issuer:
        operations = [an_operation() for _ in range(50)]
        answers = await asyncio.gather(
            *(issuer.purchase(operation, a_card(), now) for operation in operations)
        )
    assert answers == [Approved(operation.reference[-6:]) for operation in operations]
    assert len(host.peers) == 1


@pytest.mark.parametrize("field", ["7", "11", "32", "37", "41", "42"])
async def test_an_answer_to_another_request_is_nobodys(field):
    async def answer_another(message, peer):
        other = {"7": "0101000000", "11": "000000", "32": "654321"}
        value = other.get(field, "X" * len(message[field]))
        peer.send(answer_to(message, **{f"f{field}": value}))

    async with scripted(answer_another) as host, a_connector(host.port) as issuer:
        answer = await issuer.purchase(an_operation(within_s=0.15), a_card(), now)
    assert answer == Unknown("no_answer")


@pytest.mark.parametrize("kind", ["0110", "0410", "0610", "0200", "0201"])
async def test_an_answer_of_another_type_is_nobodys(kind):
    async def answer_so(message, peer):
        peer.send(answer_to(message, ft=kind))

    async with scripted(answer_so) as host, a_connector(host.port) as issuer:
        answer = await issuer.purchase(an_operation(within_s=0.15), a_card(), now)
    assert answer == Unknown("no_answer")


@pytest.mark.parametrize("changes", [{"f4": "000000001251"}, {"f49": "840"}])
async def test_an_answer_about_other_money_is_unknown(changes):
    async def alter(message, peer):
        peer.send(answer_to(message, **changes))

    async with scripted(alter) as host, a_connector(host.port) as issuer:
        answer = await issuer.purchase(an_operation(), a_card(), now)
    assert answer == Unknown("answer_differs")


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\x00", b"\xff\xff" + b"x" * 100, b"\x00\x04\x00\x01\x02\x03", b"\x00\x0402"],
    ids=["empty", "too long", "no message", "cut"],
)
async def test_what_cannot_be_read_ends_the_line_and_the_living_sender_repeats(garbage):
    async def garble_first(message, peer):
        if message["t"] == "0201":
            peer.send(answer_to(message))
        else:
            peer.send_bytes(garbage)
            peer.close()

    async with scripted(garble_first) as host, a_connector(host.port) as issuer:
        answer = await issuer.purchase(an_operation(), a_card(), now)
    first, second = purchases(host)
    assert isinstance(answer, Approved)
    assert second == {**first, "t": "0201"}
    assert host.types() == ["0800001", "0200", "0800001", "0201", "0800002"]


async def test_a_message_that_breaks_every_line_is_given_up():
    async def break_it(message, peer):
        peer.reset()

    async with scripted(break_it) as host, a_connector(host.port) as issuer:
        answer = await issuer.purchase(an_operation(within_s=20), a_card(), now)
    assert answer == Unknown("connection_lost")
    assert len(purchases(host)) == SENDINGS_MAX


@pytest.mark.parametrize("code", ["12", "30", "40", "58"])
async def test_a_repeat_that_is_not_judged_says_nothing_of_the_first_sending(code):
    async def lose_then_refuse(message, peer):
        if message["t"] == "0200":
            peer.reset()
        else:
            peer.send(answer_to(message, code))

    async with scripted(lose_then_refuse) as host, a_connector(host.port) as issuer:
        answer = await issuer.purchase(an_operation(), a_card(), now)
    assert answer == Unknown(f"answered_{code}")


async def test_an_answer_that_comes_twice_or_late_reaches_nobody_else():
    held = []

    async def late_then_twice(message, peer):
        held.append(message)
        if len(held) > 1:
            peer.send(answer_to(held[0]), answer_to(message, f38="SECOND"))
            peer.send(answer_to(message, f38="SECOND"))

    async with scripted(late_then_twice) as host, a_connector(host.port) as issuer:
        first = await issuer.purchase(an_operation(within_s=0.2), a_card(), now)
        second = await issuer.purchase(an_operation(), a_card(), now)
        third = await issuer.purchase(an_operation(), a_card(), now)
    assert (first, second) == (Unknown("no_answer"), Approved("SECOND"))
    assert isinstance(third, Approved)
    assert len(host.peers) == 1


async def test_a_purchase_ends_by_its_call_until_whatever_the_host_does():
    async with scripted(say_nothing) as host, a_connector(host.port) as issuer:
        started = monotonic()
        answer = await issuer.purchase(an_operation(within_s=0.4), a_card(), now)
        took = monotonic() - started
    assert answer == Unknown("no_answer")
    assert 0.3 < took < 0.6


async def test_the_clock_is_looked_at_just_before_the_first_byte():
    """The process stood still (SIGSTOP, say) between the call and the sending."""
    operation = an_operation()
    looks = iter([operation.asked_at] * 2)

    async with scripted(approve) as host, a_connector(host.port) as issuer:
        await until(lambda: host.heard)
        answer = await issuer.purchase(
            operation, a_card(), lambda: next(looks, operation.call_until)
        )
        await asyncio.sleep(0.05)
    assert answer == NotSent("too_late")
    assert purchases(host) == []


async def test_nothing_is_repeated_after_call_until():
    operation = an_operation()
    looks = iter([operation.asked_at] * 4)  # enough for one sending

    async with (
        scripted(lambda message, peer: _reset(peer)) as host,
        a_connector(host.port) as issuer,
    ):
        await until(lambda: host.heard)
        answer = await issuer.purchase(
            operation, a_card(), lambda: next(looks, operation.call_until)
        )
    assert answer == Unknown("connection_lost")
    assert [message["t"] for message in purchases(host)] == ["0200"]


async def _reset(peer):
    peer.reset()


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
        await until(lambda: purchases(host))
        await issuer.stop()
        assert await call == Unknown("connection_lost")


async def test_a_merchant_that_does_not_fit_its_field_is_never_sent():
    async with scripted(approve) as host, a_connector(host.port) as issuer:
        operation = an_operation(merchant="a merchant with a long name")
        assert await issuer.purchase(operation, a_card(), now) == NotSent("not_sendable")
    assert purchases(host) == []


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


async def test_a_repeated_reversal_says_so_and_names_the_original():
    async with scripted(approve) as host, a_connector(host.port) as issuer:
        operation = an_operation()
        await issuer.purchase(operation, a_card(), now)
        assert await issuer.reverse(operation, repeat=False) == Reversed()
        assert await issuer.reverse(operation, repeat=True) == Reversed()
    purchase, first, second = (m for m in host.heard if m["t"] != "0800")
    assert (first["t"], second["t"]) == ("0420", "0421")
    original = f"0200{purchase['11']}{purchase['7']}00000123456{'0' * 11}"
    assert first["90"] == second["90"] == original
    assert first["11"] != second["11"]


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
        "127.0.0.1", 1, terminal, lines=1, times=Times(), now=now, entropy=lambda n: bytes([chance])
    )
    assert trunk._pause_s(failures) == pytest.approx(pause_s)
