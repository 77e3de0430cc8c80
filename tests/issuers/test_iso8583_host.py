"""The connector against a host whose answers are not what they should be."""

import asyncio
from time import monotonic

import pytest

from payseal.issuers import Approved, NotSent, Reversed, Unknown
from payseal.issuers.iso8583.connector import SENDINGS_MAX
from tests.issuers.payments import a_card, a_connector, an_operation, now
from tests.issuers.scripted import answer_to, approve, say_nothing, scripted, until


def purchases(host):
    return [message for message in host.heard if message["t"].startswith("020")]


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


async def test_a_merchant_that_does_not_fit_its_field_is_never_sent():
    async with scripted(approve) as host, a_connector(host.port) as issuer:
        operation = an_operation(merchant="a merchant with a long name")
        assert await issuer.purchase(operation, a_card(), now) == NotSent("not_sendable")
    assert purchases(host) == []


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
