"""The wire: signing on, what is refused, what cannot be read, and many messages at once."""

import asyncio

import pytest

from payseal_sandbox import wire
from tests.sandbox.acquirer import (
    ECHO,
    SIGN_OFF,
    SIGN_ON,
    a_reference,
    again,
    calling,
    inquiry,
    network,
    purchase,
    reversal,
)


async def test_nothing_but_an_echo_is_done_before_signing_on(bank, desk):
    async with calling(bank.ports, sign_on=False) as line:
        message = purchase()
        for refused in (message, reversal(message), inquiry(message)):
            assert (await line.ask(refused))["39"] == "58"
        assert (await line.ask(network(ECHO)))["39"] == "00"
        assert await desk.bookings(message) == []
        assert (await line.ask(network(SIGN_ON)))["39"] == "00"
        assert (await line.ask(message))["39"] == "00"


async def test_signing_off_ends_what_signing_on_began(line):
    assert (await line.ask(network(SIGN_OFF)))["39"] == "00"
    assert (await line.ask(purchase()))["39"] == "58"


async def test_a_network_answer_repeats_its_request(line):
    message = network(ECHO)
    answer = await line.ask(message)
    assert answer["t"] == "0810"
    assert {n: answer[n] for n in ("7", "11", "32", "70")} == {
        n: message[n] for n in ("7", "11", "32", "70")
    }


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (network("999"), "12"),
        (purchase(f3="010000"), "12"),
        (reversal(purchase(), f3="200000"), "12"),
        (purchase(f3="200000") | {"t": "0100"}, "12"),
        (purchase() | {"t": "0120"}, "40"),
        (purchase() | {"t": "0240"}, "40"),
        (reversal(purchase()) | {"t": "0440"}, "40"),
    ],
)
async def test_what_the_bank_does_not_do_is_said_so_and_not_booked(line, desk, message, code):
    assert (await line.ask(message))["39"] == code
    if "37" in message:
        assert await desk.bookings(message) == []


NEEDED = ["2", "3", "4", "7", "11", "12", "13", "14", "18", "22", "25", "32", "37", "41", "42"]


@pytest.mark.parametrize("number", [*NEEDED, "43", "49"])
async def test_a_purchase_without_one_of_its_fields_is_refused_by_name(line, number):
    answer = await line.ask(purchase(**{f"f{number}": None}))
    assert (answer["39"], answer["44"]) == ("30", number)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("4", "00000000125x"),
        ("14", "3013"),
        ("37", "R0000000000-"),
        ("41", " " * 8),
        ("42", " " * 15),
        ("48", "9202"),
        ("48", "920212"),
        ("48", "92031239203123"),
        ("48", "920312a"),
        ("49", "000"),
        ("49", "959"),
    ],
)
async def test_a_malformed_field_is_refused_by_name(line, desk, number, value):
    message = purchase(**{f"f{number}": value})
    answer = await line.ask(message)
    assert (answer["39"], answer["44"]) == ("30", number)
    assert await desk.get("/book") == {"rows": [], "next": None}


async def test_a_reversal_of_another_type_of_original_is_refused(line):
    message = purchase()
    answer = await line.ask(reversal(message, f90="0220" + "0" * 38))
    assert (answer["39"], answer["44"]) == ("30", "90")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x00",
        b"\x08\x01",
        wire.frame(b"hello"),
        wire.frame(wire.encode(purchase())[2:] + b"x"),
        wire.frame(b"02000000000000000000" + b"\x00"),
        wire.frame(b"08000000000000000080" + b"A" * 8),
        wire.encode(purchase() | {"t": "0210"}),
        wire.encode(purchase() | {"t": "A200"}),
        wire.encode(purchase()).replace(b"723C448108E18000", b"723c448108e18000"),
    ],
    ids=[
        *("empty", "too long", "no message", "one byte more", "null", "unknown field"),
        *("an answer", "no type", "lower case"),
    ],
)
async def test_what_cannot_be_read_closes_the_connection(bank, line, sent):
    line.send_bytes(sent)
    assert await line.is_closed()
    async with calling(bank.ports) as other:
        assert (await other.ask(network(ECHO)))["39"] == "00"


async def test_what_came_before_something_unreadable_is_booked(line, desk):
    message = purchase()
    line.send_bytes(wire.encode(message) + b"\x00\x00")
    assert (await desk.booking(message))["status"] == "approved"


async def test_a_message_may_come_in_pieces(line):
    for byte in wire.encode(purchase()):
        line.send_bytes(bytes([byte]))
        await asyncio.sleep(0)
    assert (await line.hear())["39"] == "00"


async def test_many_messages_in_flight_are_all_answered(line, desk):
    messages = {m["37"]: m for m in (purchase(amount=n + 1) for n in range(1_000))}
    line.send(*messages.values())
    answers = [await line.hear() for _ in messages]
    assert {a["37"]: a["4"] for a in answers} == {r: m["4"] for r, m in messages.items()}
    assert len(await desk.bookings()) == 1_000


async def test_a_quick_answer_overtakes_a_slow_one(line, desk):
    await desk.set_fault(kind="late", next=1, seconds=0.2)
    slow, quick = purchase(), purchase()
    line.send(slow, quick)
    assert [(await line.hear())["37"] for _ in range(2)] == [quick["37"], slow["37"]]


async def test_answers_still_come_when_the_acquirer_has_finished_sending(line, desk):
    await desk.set_fault(kind="late", next=1, seconds=0.1)
    line.send(purchase())
    line.finish()
    assert (await line.hear())["39"] == "00"
    assert await line.is_closed()


async def test_no_more_than_256_messages_of_a_connection_are_in_flight(line, desk):
    await desk.set_fault(kind="held", next=256, seconds=60)
    one_more = purchase()
    line.send(*(purchase() for _ in range(256)), one_more)
    assert await line.hears_nothing_for(0.3)
    assert await desk.bookings(one_more) == []
    assert (await desk.get("/faults"))["faults"] == [], "all 256 were taken"


async def test_the_65th_connection_is_closed_at_once(bank):
    lines = [calling(bank.ports) for _ in range(64)]
    for line in lines:
        await line.__aenter__()
    async with calling(bank.ports, sign_on=False) as one_more:
        assert await one_more.is_closed()
    for line in lines:
        await line.__aexit__(None, None, None)


async def test_an_acquirer_that_leaves_without_its_answer_is_booked(bank, desk):
    await desk.set_fault(kind="late", next=1, seconds=0.05)
    message = purchase(reference=a_reference())
    async with calling(bank.ports) as line:
        line.send(message)
        await desk.booking(message)
    await asyncio.sleep(0.1)
    async with calling(bank.ports) as line:
        assert (await line.ask(again(message)))["39"] == "00"
