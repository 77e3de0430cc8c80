"""Each fault strikes as it was told to, and the book says what it should."""

import pytest

from payseal_sandbox.wire import Unreadable
from tests.sandbox.acquirer import again, inquiry, purchase, reversal


async def test_a_late_answer_is_booked_at_once(line, desk):
    await desk.set_fault(kind="late", next=1, seconds=0.3)
    message = purchase()
    line.send(message)
    assert await line.hears_nothing_for(0.1)
    assert (await desk.booking(message))["status"] == "approved"
    assert (await line.hear())["37"] == message["37"]


async def test_a_held_request_is_booked_late(line, desk):
    await desk.set_fault(kind="held", next=1, seconds=0.3)
    message = purchase()
    line.send(message, inquiry(message))
    first, then = await line.hear(), await line.hear()
    assert (first["t"], first["39"]) == ("0610", "25")
    assert (then["t"], then["39"]) == ("0210", "00")


async def test_a_held_request_that_its_reversal_overtakes_is_refused(line, desk):
    await desk.set_fault(kind="held", next=1, seconds=0.2)
    message = purchase()
    line.send(message, reversal(message))
    first, then = await line.hear(), await line.hear()
    assert (first["t"], first["39"]) == ("0430", "00")
    assert (then["t"], then["39"]) == ("0210", "79")


async def test_a_lost_answer_is_booked(line, desk):
    await desk.set_fault(kind="lost", next=1)
    message = purchase()
    line.send(message)
    assert (await desk.booking(message))["status"] == "approved"
    assert await line.hears_nothing_for(0.1)


async def test_a_dropped_message_is_not_booked(line, desk):
    await desk.set_fault(kind="dropped", next=1)
    message = purchase()
    line.send(message)
    assert await line.hears_nothing_for(0.1)
    assert await desk.bookings(message) == []


async def test_a_duplicated_answer_comes_twice(line, desk):
    await desk.set_fault(kind="duplicated", next=1)
    message = purchase()
    assert await line.ask(message) == await line.hear()
    assert len(await desk.bookings(message)) == 1


async def test_a_garbled_answer_is_no_message(line, desk):
    await desk.set_fault(kind="garbled", next=1)
    message = purchase()
    with pytest.raises(Unreadable):
        await line.ask(message)
    assert (await desk.booking(message))["status"] == "approved"
    assert (await line.ask(inquiry(message)))["39"] == "00", "the line itself is sound"


async def test_an_altered_answer_belongs_to_no_request(line, desk):
    await desk.set_fault(kind="altered", next=2)
    message = purchase()
    assert (await line.ask(message))["4"] == "000000001251"
    assert (await line.ask(inquiry(purchase())))["37"] != message["37"]
    assert (await desk.booking(message))["amount"] == 1250


async def test_a_strayed_answer_has_another_trace_number(line, desk):
    await desk.set_fault(kind="strayed", next=1)
    message = purchase(f11="999999")
    assert (await line.ask(message))["11"] == "000000"
    assert (await desk.booking(message))["status"] == "approved"


async def test_a_charge_is_declined_on_demand_whatever_its_card(line, desk):
    await desk.set_fault(kind="declined", next=1)
    message = purchase()
    assert (await line.ask(message))["39"] == "05"
    assert (await desk.booking(message))["status"] == "declined"
    assert (await line.ask(again(message)))["39"] == "05", "it stays so"
    assert (await line.ask(purchase()))["39"] == "00"


async def test_a_reset_connection_leaves_the_booking(line, desk):
    await desk.set_fault(kind="reset", next=1)
    message = purchase()
    with pytest.raises(ConnectionResetError):
        await line.ask(message)
    assert (await desk.booking(message))["status"] == "approved"


async def test_a_fault_strikes_the_next_n_messages_that_it_is_on(line, desk):
    await desk.set_fault(kind="dropped", next=2, on=["reversal"])
    message = purchase()
    assert (await line.ask(message))["39"] == "00"
    line.send(reversal(message), reversal(message))
    assert await line.hears_nothing_for(0.1)
    assert (await desk.get("/faults"))["faults"] == []
    assert (await line.ask(reversal(message)))["39"] == "00"


async def test_the_first_fault_that_strikes_counts(line, desk):
    faults = [{"kind": "lost", "next": 1}, {"kind": "duplicated", "next": 1}]
    await desk.put("/faults", {"faults": faults})
    line.send(purchase())
    second = purchase()
    assert (await line.ask(second))["37"] == second["37"]
    assert (await line.hear())["37"] == second["37"]


async def test_a_seed_replays_which_messages_are_struck(line, desk):
    async def struck():
        fault = {"kind": "altered", "probability": 0.5, "on": ["purchase"]}
        await desk.put("/faults", {"seed": 7, "faults": [fault]})
        return [(await line.ask(purchase()))["4"] != "000000001250" for _ in range(40)]

    first = await struck()
    assert first == await struck()
    assert 5 < sum(first) < 35
