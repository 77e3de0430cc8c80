"""Giving back what a purchase took: in parts, and never more than it was."""

import asyncio
from random import Random

import pytest

from tests.sandbox.acquirer import again, calling, inquiry, purchase, refund, reversal
from tests.sandbox.test_crashes import running


@pytest.fixture
async def bought(line):
    """A purchase of 12.50 EUR, and the code it was approved with."""
    message = purchase()
    return message, (await line.ask(message))["38"]


async def codes(line, *messages):
    return [(await line.ask(message))["39"] for message in messages]


async def test_a_refund_is_approved_and_booked_with_the_card_of_its_original(line, desk, bought):
    message = refund(*bought)
    answer = await line.ask(message)
    row, original = await desk.booking(message), await desk.booking(bought[0])
    assert (answer["t"], answer["39"]) == ("0210", "00")
    assert answer["38"] == row["approvalCode"] != original["approvalCode"]
    assert (row["kind"], row["original"]) == ("refund", bought[0]["37"])
    assert (row["amount"], row["currency"], row["status"]) == (500, "EUR", "approved")
    kept = ("brand", "lastFour", "fingerprint", "merchant")
    assert [row[name] for name in kept] == [original[name] for name in kept]
    assert (original["kind"], original["original"]) == ("purchase", None)
    assert original["status"] == "approved"


async def test_an_answer_to_a_refund_repeats_what_tells_it_apart(line, bought):
    message = refund(*bought)
    answer = await line.ask(message)
    repeated = ("3", "4", "7", "11", "12", "13", "32", "37", "41", "42", "49")
    assert {n: answer[n] for n in repeated} == {n: message[n] for n in repeated}
    assert set(answer) == {"t", "p", *repeated, "38", "39"}


async def test_a_refund_needs_no_card_and_ignores_one(line, bought):
    message = refund(*bought, f2="4000000000000002", f14="9999", f43="Shop".ljust(40))
    assert (await line.ask(message))["39"] == "00"


async def test_parts_are_given_back_until_nothing_is_left(line, bought):
    parts = [refund(*bought, amount=amount) for amount in (500, 700, 51, 50, 1)]
    assert await codes(line, *parts) == ["00", "00", "64", "00", "64"]


async def test_fifty_refunds_at_once_never_give_back_more_than_was_paid(book):
    chance = Random(13182)
    async with running(book) as (_, ports):
        async with calling(ports) as line:
            paid = purchase(amount=10_000)
            approval = (await line.ask(paid))["38"]
        parts = [refund(paid, approval, amount=chance.randint(1, 1_000)) for _ in range(50)]
        assert sum(int(part["4"]) for part in parts) > 20_000

        async def ask(messages):
            async with calling(ports) as line:
                line.send(*messages)
                return [await line.hear() for _ in messages]

        heard = await asyncio.gather(*(ask(parts[n::5]) for n in range(5)))
        answers = [answer for of_one_line in heard for answer in of_one_line]
        async with calling(ports) as line:
            looked_up = [await line.ask(inquiry(part)) for part in parts]
            last = sum(int(a["4"]) for a in answers if a["39"] == "00")
            over, rest = (refund(paid, approval, amount=10_000 - last + n) for n in (1, 0))
            assert (await line.ask(over))["39"] == "64"
            assert rest["4"] == "0" * 12 or (await line.ask(rest))["39"] == "00"
    assert 9_000 < last <= 10_000
    assert {a["39"] for a in answers} == {"00", "64"}
    states = {a["37"]: a["48"] for a in looked_up}
    assert states == {a["37"]: "0102000201A" if a["39"] == "00" else "0102640201D" for a in answers}


async def test_only_an_approved_purchase_is_given_back(line, desk, bought):
    declined, undone = purchase("4000000000000002"), purchase()
    await line.ask(declined)
    approval = (await line.ask(undone))["38"]
    await line.ask(reversal(undone))
    first = refund(*bought)
    given = (await line.ask(first))["38"]
    for message in (
        refund(purchase(), "A1B2C3"),
        refund(declined, "A1B2C3"),
        refund(undone, approval),
        refund(first, given),
        refund(bought[0], "ZZZZZZ"),
        refund(*bought, f42="MERCHANT0000002"),
    ):
        answer = await line.ask(message)
        assert (answer["39"], "38" in answer) == ("25", False)
        row = (await desk.bookings(message))[0]
        assert (row["kind"], row["status"], row["responseCode"]) == ("refund", "declined", "25")


async def test_a_refund_of_what_the_bank_never_saw_is_of_no_card(line, desk):
    message = refund(purchase(), "A1B2C3")
    await line.ask(message)
    row = await desk.booking(message)
    assert (row["brand"], row["lastFour"], row["fingerprint"]) == ("unknown", "", "")


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"f4": "000000001251"}, "64"), ({"f49": "840"}, "64"), ({"f4": "0" * 12}, "13")],
)
async def test_an_amount_that_cannot_be_given_back_is_declined(line, desk, bought, fields, code):
    message = refund(*bought, **fields)
    assert (await line.ask(message))["39"] == code
    row = await desk.booking(message)
    assert (row["status"], row["approvalCode"]) == ("declined", None)
    assert (await line.ask(refund(*bought, amount=1250)))["39"] == "00", "nothing was used up"


async def test_a_repeated_refund_gets_the_same_answer_and_is_booked_once(line, desk, bought):
    for amount in (1250, 1250):  # the second one is declined, and stays so
        message = refund(*bought, amount=amount)
        first = await line.ask(message)
        for repeat in (message, again(message)):
            answer = await line.ask(repeat)
            assert (answer["39"], answer.get("38")) == (first["39"], first.get("38"))
        assert len(await desk.bookings(message)) == 1


async def test_a_refunds_reference_names_nothing_else(line, desk, bought):
    message = refund(*bought)
    await line.ask(message)
    other = purchase()
    await line.ask(other)
    before = await desk.bookings()
    for duplicate in (
        again(message, f4="000000000501"),
        again(message, f49="840"),
        again(message, f48=f"0312{other['37']}"),
        purchase(reference=message["37"], amount=500),
        refund(*bought, reference=bought[0]["37"], amount=1250),
    ):
        assert (await line.ask(duplicate))["39"] == "94"
    assert await desk.bookings() == before


@pytest.mark.parametrize("number", ["4", "12", "13", "38", "48", "49", "90"])
async def test_a_refund_without_one_of_its_fields_is_refused_by_name(line, desk, bought, number):
    message = refund(*bought, **{f"f{number}": None})
    answer = await line.ask(message)
    assert (answer["39"], answer["44"]) == ("30", number)
    assert await desk.bookings(message) == []


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("38", "A1B2C-"),
        ("48", "9203123"),
        ("48", "0311R0000000001"),
        ("48", "0312R0000000001"),
        ("48", "0312R0000000000-"),
        ("90", "0420" + "0" * 38),
    ],
)
async def test_a_malformed_field_of_a_refund_is_refused_by_name(line, bought, number, value):
    answer = await line.ask(refund(*bought, **{f"f{number}": value}))
    assert (answer["39"], answer["44"]) == ("30", number)


async def test_an_inquiry_finds_a_refund(line, bought):
    message = refund(*bought)
    approval = (await line.ask(message))["38"]
    answer = await line.ask(inquiry(message))
    assert (answer["39"], answer["38"], answer["48"]) == ("00", approval, "0102000201A")
    assert (answer["4"], answer["49"]) == (message["4"], "978")


async def test_a_refund_cannot_be_reversed(line, desk, bought):
    message = refund(*bought)
    await line.ask(message)
    for undo in (reversal(message), reversal(message, f3="000000")):
        assert (await line.ask(undo))["39"] == "12"
    assert (await desk.booking(message))["status"] == "approved"
    assert await desk.reversals(message) == []


async def test_a_purchase_that_was_given_back_cannot_be_reversed(line, desk, bought):
    declined = refund(*bought, amount=1251)
    assert await codes(line, declined, refund(*bought), reversal(bought[0])) == ["64", "00", "12"]
    assert (await desk.booking(bought[0]))["status"] == "approved"
    assert await desk.reversals(bought[0]) == []


async def test_a_declined_refund_leaves_its_purchase_to_be_reversed(line, bought):
    declined = refund(*bought, amount=1251)
    assert await codes(line, declined, reversal(bought[0])) == ["64", "00"]


async def test_a_refund_that_its_reversal_came_before_is_refused(line, desk, bought):
    message = refund(*bought)
    undo = reversal(message, f3="000000")
    assert await codes(line, undo, message, again(message)) == ["00", "79", "79"]
    assert (await desk.booking(message))["status"] == "declined"


async def test_the_settlement_file_has_each_approved_refund(line, desk, bought):
    given, declined = refund(*bought), refund(*bought, amount=1251)
    await line.ask(given)
    await line.ask(declined)
    stamp, original = "2026-11-22T17:00:00.000Z", bought[0]["37"]
    _, row = await desk.moved()
    assert row == f"refund,{given['37']},MERCHANT0000001,500,EUR,0,{original},{stamp}"


async def test_a_fault_may_be_on_refunds_alone(line, desk, bought):
    await desk.set_fault(kind="lost", next=1, on=["refund"])
    assert (await line.ask(purchase()))["39"] == "00"
    message = refund(*bought)
    line.send(message)
    assert (await desk.booking(message))["status"] == "approved"
    assert await line.hears_nothing_for(0.1)
    assert (await line.ask(again(message)))["39"] == "00"


async def test_the_page_shows_what_a_refund_gives_back(line, desk, bought):
    await line.ask(refund(*bought))
    async with desk.http.get("/") as response:
        page = await response.text()
    assert "<td>refund</td>" in page
    assert page.count(bought[0]["37"]) == 2, "as a purchase, and as an original"
