"""Putting money aside, taking it or a part of it, and letting go of it."""

import asyncio
from datetime import timedelta

import pytest

from payseal_sandbox import Bank
from tests.sandbox.acquirer import (
    again,
    authorization,
    calling,
    capture,
    inquiry,
    purchase,
    refund,
    reversal,
    void,
)
from tests.sandbox.conftest import NOW

STAMP = "2026-11-22T17:00:00.000Z"


@pytest.fixture
async def authorized(line):
    """An authorization of 12.50 EUR, and the code it was approved with."""
    message = authorization()
    return message, (await line.ask(message))["38"]


async def codes(line, *messages):
    return [(await line.ask(message))["39"] for message in messages]


@pytest.mark.parametrize(
    ("card", "code"),
    [("4242424242424242", "00"), ("4000000000009995", "51"), ("4111111111111111", "14")],
)
async def test_an_authorization_is_judged_as_a_purchase_is(line, desk, card, code):
    message = authorization(card)
    answer = await line.ask(message)
    row = await desk.booking(message)
    assert (answer["t"], answer["39"]) == ("0110", code)
    assert (row["kind"], row["original"], row["responseCode"]) == ("authorization", None, code)
    assert row["status"] == ("approved" if code == "00" else "declined")
    assert row["approvalCode"] == answer.get("38")
    repeat = await line.ask(again(message))
    assert (repeat["39"], repeat.get("38")) == (code, answer.get("38"))


async def test_a_reference_is_of_a_purchase_or_of_an_authorization(line, authorized):
    bought = purchase()
    twins = (bought, bought | {"t": "0100"}, authorized[0] | {"t": "0200"})
    assert await codes(line, *twins) == ["00", "94", "94"]


async def test_the_card_that_is_never_answered_is_authorized(line, desk):
    message = authorization("4000000000005126")
    line.send(message)
    assert (await desk.booking(message))["status"] == "approved"
    assert await line.hears_nothing_for(0.1)


@pytest.mark.parametrize("amount", [1, 1000, 1250])
async def test_a_capture_takes_all_or_a_part_once(line, desk, authorized, amount):
    message = capture(*authorized, amount=amount)
    answer = await line.ask(message)
    row = await desk.booking(message)
    assert (answer["t"], answer["39"], answer["38"]) == ("0230", "00", row["approvalCode"])
    assert (row["kind"], row["original"]) == ("capture", authorized[0]["37"])
    assert (row["amount"], row["status"], row["lastFour"]) == (amount, "approved", "4242")
    assert (await line.ask(capture(*authorized, amount=1)))["39"] == "64"
    for repeat in (message, again(message)):
        assert (await line.ask(repeat))["38"] == answer["38"]
    assert (await desk.booking(authorized[0]))["status"] == "approved"


@pytest.mark.parametrize(
    ("follow_on", "fields", "code"),
    [
        (capture, {"f4": "000000001251"}, "64"),
        (capture, {"f49": "840"}, "64"),
        (capture, {"f4": "0" * 12}, "13"),
        (capture, {"f38": "ZZZZZZ"}, "25"),
        (capture, {"f42": "MERCHANT0000002"}, "25"),
        (void, {"f4": "000000001249"}, "64"),
        (void, {"f4": "000000001251"}, "64"),
        (void, {"f49": "840"}, "64"),
        (void, {"f38": "ZZZZZZ"}, "25"),
    ],
)
async def test_what_does_not_fit_the_authorization_is_declined_and_uses_nothing(
    line, desk, authorized, follow_on, fields, code
):
    message = follow_on(*authorized, **fields)
    answer = await line.ask(message)
    assert (answer["39"], "38" in answer) == (code, False)
    row = (await desk.bookings(message))[0]
    assert (row["kind"], row["status"]) == (follow_on.__name__, "declined")
    assert await codes(line, again(message), capture(*authorized)) == [code, "00"]


async def test_a_void_lets_go_of_all_that_was_put_aside(line, desk, authorized):
    message = void(*authorized)
    answer = await line.ask(message)
    assert (answer["t"], answer["39"]) == ("0410", "00")
    row = await desk.booking(message)
    assert (row["kind"], row["status"], row["original"]) == (
        *("void", "approved"),
        authorized[0]["37"],
    )
    original = await desk.booking(authorized[0])
    assert (original["status"], original["reversedAt"]) == ("reversed", STAMP)
    late = (void(*authorized), capture(*authorized), again(authorized[0]))
    assert await codes(line, again(message), *late) == ["00", "25", "25", "79"]


async def test_what_was_captured_can_neither_be_voided_nor_reversed(line, desk, authorized):
    taken = capture(*authorized, amount=1)
    assert await codes(line, taken, void(*authorized), reversal(authorized[0])) == [
        *("00", "64", "12")
    ]
    assert (await desk.booking(authorized[0]))["status"] == "approved"
    assert await desk.reversals(authorized[0]) == []


async def test_a_capture_and_a_void_at_one_instant_never_both_succeed(bank, line):
    async def ask(message):
        async with calling(bank.ports) as other:
            return (await other.ask(message))["39"]

    for _ in range(20):
        message = authorization()
        approval = (await line.ask(message))["38"]
        both = await asyncio.gather(ask(capture(message, approval)), ask(void(message, approval)))
        assert both in (["00", "64"], ["25", "00"])


async def test_captures_at_one_instant_take_the_money_once(bank, line, authorized):
    async def ask(message):
        async with calling(bank.ports) as other:
            return (await other.ask(message))["39"]

    parts = [capture(*authorized, amount=100 + n) for n in range(16)]
    assert sorted(await asyncio.gather(*map(ask, parts))) == ["00"] + ["64"] * 15


async def test_an_authorization_whose_answer_was_lost_is_reversed(line, desk):
    await desk.set_fault(kind="lost", next=1, on=["authorization"])
    message = authorization()
    line.send(message)
    await desk.booking(message)
    assert await codes(line, reversal(message), again(message)) == ["00", "79"]
    assert (await desk.booking(message))["status"] == "reversed"


async def test_a_reversal_of_a_voided_authorization_changes_nothing(line, desk, authorized):
    assert await codes(line, void(*authorized), reversal(authorized[0])) == ["00", "00"]
    assert [r["outcome"] for r in await desk.reversals(authorized[0])] == ["nothingToReverse"]


async def test_an_authorization_that_its_reversal_came_before_is_refused(line):
    message = authorization()
    assert await codes(line, reversal(message), message) == ["00", "79"]


@pytest.mark.parametrize("follow_on", [capture, void])
async def test_a_void_or_capture_cannot_be_reversed(line, desk, authorized, follow_on):
    message = follow_on(*authorized)
    undo = reversal(message, f90=f"0100{'0' * 38}")
    assert await codes(line, message, undo) == ["00", "12"]
    assert (await desk.booking(message))["status"] == "approved"


async def test_a_void_that_its_reversal_came_before_voids_nothing(line, desk, authorized):
    message = void(*authorized)
    undo = reversal(message, f90=f"0100{'0' * 38}")
    assert await codes(line, undo, message) == ["00", "79"]
    assert (await desk.booking(authorized[0]))["status"] == "approved"


async def test_an_authorization_is_captured_within_seven_days_and_voided_at_any_time(book):
    now = NOW
    async with Bank(book, clock=lambda: now) as bank, calling(bank.ports) as line:
        first, second = authorization(), authorization()
        approvals = [(await line.ask(message))["38"] for message in (first, second)]
        now = NOW + timedelta(days=7)
        assert (await line.ask(capture(first, approvals[0])))["39"] == "00"
        now += timedelta(milliseconds=1)
        late = capture(second, approvals[1])
        assert await codes(line, late, void(second, approvals[1])) == ["54", "00"]


async def test_a_capture_is_refunded_and_its_authorization_is_not(line, authorized):
    taken = capture(*authorized, amount=1000)
    approval = (await line.ask(taken))["38"]
    parts = [refund(taken, approval, amount=amount) for amount in (600, 401, 400)]
    assert await codes(line, *parts) == ["00", "64", "00"]
    as_a_request = refund(taken, approval, f90="0200" + "0" * 38)
    put_aside = refund(*authorized, f90="0200" + "0" * 38)
    assert await codes(line, as_a_request, put_aside) == ["64", "25"]
    answer = await line.ask(refund(*authorized))
    assert (answer["39"], answer["44"]) == ("30", "90")


async def test_only_an_authorization_is_captured_or_voided(line):
    bought = purchase()
    approval = (await line.ask(bought))["38"]
    for follow_on in (capture, void):
        answer = await line.ask(follow_on(bought, approval))
        assert (answer["39"], answer["44"]) == ("30", "90")
        message = follow_on(bought, approval, f90="0100" + "0" * 38)
        assert (await line.ask(message))["39"] == "25"
        assert (await line.ask(follow_on(bought, approval, f3="200000")))["39"] == "12"


@pytest.mark.parametrize("number", ["4", "38", "48", "49", "90"])
@pytest.mark.parametrize("follow_on", [capture, void])
async def test_one_without_one_of_its_fields_is_refused_by_name(
    line, authorized, follow_on, number
):
    answer = await line.ask(follow_on(*authorized, **{f"f{number}": None}))
    assert (answer["39"], answer["44"]) == ("30", number)


async def test_an_inquiry_finds_each_of_them(line, authorized):
    taken = capture(*authorized)
    await line.ask(taken)
    other = authorization()
    gone = void(other, (await line.ask(other))["38"])
    await line.ask(gone)
    found = [await line.ask(inquiry(message)) for message in (authorized[0], taken, other, gone)]
    assert [a["48"][-1] for a in found] == ["A", "A", "R", "A"]
    assert all(a["38"] and a["4"] == "000000001250" for a in found)


async def test_the_settlement_file_has_captures_and_no_authorizations(line, desk, authorized):
    taken = capture(*authorized, amount=1000)
    await line.ask(taken)
    gone = authorization()
    await line.ask(void(gone, (await line.ask(gone))["38"]))
    original = authorized[0]["37"]
    assert await desk.moved() == [
        f"capture,{taken['37']},MERCHANT0000001,1000,EUR,39,{original},{STAMP}"
    ]


@pytest.mark.parametrize("follow_on", [capture, void])
async def test_a_fault_may_be_on_one_of_them_alone(line, desk, authorized, follow_on):
    await desk.set_fault(kind="dropped", next=1, on=[follow_on.__name__])
    message = follow_on(*authorized)
    assert (await line.ask(purchase()))["39"] == "00"
    line.send(message)
    assert await line.hears_nothing_for(0.1)
    assert await desk.bookings(message) == []
    assert (await line.ask(message))["39"] == "00"
