"""A part of an amount is approved: the answer, the book, and what undoes it."""

import pytest

from tests.sandbox.acquirer import again, authorization, capture, inquiry, purchase, reversal

PARTLY = "4000000000000010"


@pytest.mark.parametrize("ask", [purchase, authorization])
async def test_a_part_is_approved_told_and_booked(line, desk, ask):
    message = ask(PARTLY, amount=1251)
    answer = await line.ask(message)
    assert (answer["39"], answer["4"]) == ("10", "000000000625")
    row = await desk.booking(message)
    assert (row["status"], row["responseCode"]) == ("approved", "10")
    assert (row["amount"], row["asked"], row["approvalCode"]) == (625, 1251, answer["38"])


async def test_its_repeat_gets_the_same_and_changes_nothing(line, desk):
    message = purchase(PARTLY)
    first, second = await line.ask(message), await line.ask(again(message))
    assert [(a["39"], a["4"], a["38"]) for a in (first, second)] == [
        ("10", "000000000625", first["38"])
    ] * 2
    assert (await line.ask(again(message, f4="000000000625")))["39"] == "94"
    assert len(await desk.bookings(message)) == 1


async def test_an_inquiry_tells_the_part(line):
    message = purchase(PARTLY)
    code = (await line.ask(message))["38"]
    found = await line.ask(inquiry(message))
    assert (found["39"], found["4"], found["38"]) == ("00", "000000000625", code)
    assert found["48"] == "0102100201A"


async def test_a_reversal_of_what_was_asked_undoes_the_part(line, desk):
    message = purchase(PARTLY)
    await line.ask(message)
    assert (await line.ask(reversal(message, f4="000000000625")))["39"] == "64"
    assert (await line.ask(reversal(message)))["39"] == "00"
    assert (await desk.booking(message))["status"] == "reversed"
    moved = [line.split(",") for line in await desk.moved()]
    assert [(kind, amount) for kind, _, _, amount, *_ in moved] == [
        ("purchase", "625"),
        ("reversal", "625"),
    ]


async def test_no_more_than_the_part_is_captured(line):
    message = authorization(PARTLY)
    code = (await line.ask(message))["38"]
    assert (await line.ask(capture(message, code, amount=626)))["39"] == "64"
    assert (await line.ask(capture(message, code, amount=625)))["39"] == "00"


async def test_a_host_that_approves_no_parts_declines(line, desk):
    await desk.put("/abilities", {"partialApprovals": False})
    assert (await line.ask(purchase(PARTLY)))["39"] == "51"


async def test_nothing_is_no_part(line):
    assert (await line.ask(purchase(PARTLY, amount=1)))["39"] == "51"
