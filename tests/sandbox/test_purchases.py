"""What the bank says to a purchase, and what its book says afterwards."""

import asyncio

import pytest

from tests.sandbox.acquirer import GOOD_CARD, again, calling, inquiry, purchase, reversal


@pytest.mark.parametrize(
    ("card", "brand", "code"),
    [
        ("4242424242424242", "visa", "00"),
        ("5555555555554444", "mastercard", "00"),
        ("378282246310005", "amex", "00"),
        ("4000000000000002", "visa", "05"),
        ("4000000000009995", "visa", "51"),
        ("4000000000000069", "visa", "54"),
        ("4000000000000119", "visa", "96"),
        ("4000000000009987", "visa", "41"),
        ("4000000000009979", "visa", "43"),
        ("5555555555550004", "mastercard", "04"),
        ("4111111111111111", "visa", "14"),
        ("6011111111111117", "unknown", "14"),
    ],
)
async def test_each_test_card_has_its_answer_and_its_row(line, desk, card, brand, code):
    message = purchase(card)
    answer = await line.ask(message)
    row = await desk.booking(message)
    assert (answer["t"], answer["39"]) == ("0210", code)
    assert (row["responseCode"], row["brand"], row["lastFour"]) == (code, brand, card[-4:])
    assert row["status"] == ("approved" if code == "00" else "declined")
    assert row["approvalCode"] == answer.get("38")
    assert ("38" in answer) == (code == "00")


async def test_an_answer_repeats_what_tells_it_apart_and_never_the_card(line):
    message = purchase()
    answer = await line.ask(message)
    repeated = ("3", "4", "7", "11", "12", "13", "32", "37", "41", "42", "49")
    assert {n: answer[n] for n in repeated} == {n: message[n] for n in repeated}
    assert set(answer) == {"t", "p", *repeated, "38", "39"}


@pytest.mark.parametrize(
    ("expiry", "code"), [("2611", "00"), ("2610", "54"), ("2512", "54"), ("2612", "00")]
)
async def test_a_card_is_good_to_the_end_of_its_month(line, expiry, code):
    assert (await line.ask(purchase(f14=expiry)))["39"] == code


async def test_an_amount_of_zero_is_declined(line, desk):
    message = purchase(amount=0)
    assert (await line.ask(message))["39"] == "13"
    assert (await desk.booking(message))["status"] == "declined"


@pytest.mark.parametrize("security_code", ["9203123", "92041234", "4402059203123", None])
async def test_a_purchase_may_have_a_security_code_and_other_private_data(line, security_code):
    assert (await line.ask(purchase(f48=security_code)))["39"] == "00"


@pytest.mark.parametrize(("number", "code"), [("978", "EUR"), ("392", "JPY"), ("048", "BHD")])
async def test_an_amount_is_booked_in_minor_units_of_its_currency(line, desk, number, code):
    message = purchase(amount=1250, f49=number)
    await line.ask(message)
    row = await desk.booking(message)
    assert (row["amount"], row["currency"]) == (1250, code)


@pytest.mark.parametrize("card", [GOOD_CARD, "4000000000000002", "4000000000000119"])
async def test_a_repeat_gets_the_same_answer_and_is_booked_once(line, desk, card):
    message = purchase(card)
    first = await line.ask(message)
    for repeat in (message, again(message), again(message, f48=None)):
        answer = await line.ask(repeat)
        assert (answer["39"], answer.get("38")) == (first["39"], first.get("38"))
    assert len(await desk.bookings(message)) == 1


async def test_repeats_at_one_instant_on_many_connections_are_booked_once(bank, desk):
    message = purchase()

    async def ask():
        async with calling(bank.ports) as line:
            return (await line.ask(message))["38"]

    approvals = await asyncio.gather(*(ask() for _ in range(16)))
    assert len(set(approvals)) == 1
    assert len(await desk.bookings(message)) == 1


@pytest.mark.parametrize(
    "other", [{"f4": "000000001251"}, {"f49": "840"}, {"f2": "5555555555554444"}]
)
async def test_a_reference_that_names_another_operation_is_refused(line, desk, other):
    message = purchase()
    await line.ask(message)
    before = await desk.booking(message)
    assert (await line.ask(again(message, **other)))["39"] == "94"
    assert await desk.booking(message) == before


async def test_two_merchants_may_use_the_same_reference(line, desk):
    message = purchase()
    other = purchase(reference=message["37"], amount=99, f42="MERCHANT0000002")
    assert [(await line.ask(m))["39"] for m in (message, other)] == ["00", "00"]
    assert (await desk.booking(other))["amount"] == 99


async def test_a_repeat_of_a_reversed_purchase_is_not_approved_again(line, desk):
    message = purchase()
    await line.ask(message)
    await line.ask(reversal(message))
    answer = await line.ask(again(message))
    assert (answer["39"], "38" in answer) == ("79", False)
    assert (await desk.booking(message))["status"] == "reversed"


async def test_the_card_that_is_never_answered_is_booked(line, desk):
    message = purchase("4000000000005126")
    line.send(message)
    assert (await desk.booking(message))["status"] == "approved"
    assert await line.hears_nothing_for(0.1)
    assert (await line.ask(inquiry(message)))["39"] == "00"


async def test_the_slow_card_is_booked_at_once_and_answered_later(line, desk):
    await desk.put("/faults", {"slowAnswerSeconds": 0.3})
    message = purchase("4000000000000259")
    line.send(message)
    assert await line.hears_nothing_for(0.1)
    assert (await desk.booking(message))["status"] == "approved"
    assert (await line.hear())["39"] == "00"


async def test_the_slow_card_takes_twenty_seconds_if_nobody_says_otherwise(desk):
    assert (await desk.get("/faults"))["slowAnswerSeconds"] == 20
