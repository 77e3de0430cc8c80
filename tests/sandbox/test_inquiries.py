"""Asking what became of an operation."""

import pytest

from tests.sandbox.acquirer import inquiry, purchase, reversal


@pytest.mark.parametrize(
    ("card", "private"),
    [
        ("4242424242424242", "0102000201A"),
        ("4000000000000002", "0102050201D"),
        ("4000000000000119", "0102960201D"),
    ],
)
async def test_an_inquiry_tells_what_the_original_was_answered(line, card, private):
    message = purchase(card, f49="392")
    first = await line.ask(message)
    answer = await line.ask(inquiry(message))
    assert (answer["t"], answer["39"], answer["48"]) == ("0610", "00", private)
    assert (answer["4"], answer["49"]) == (message["4"], "392")
    assert answer.get("38") == first.get("38")


async def test_an_inquiry_tells_that_the_original_was_reversed(line):
    message = purchase()
    approval = (await line.ask(message))["38"]
    await line.ask(reversal(message))
    answer = await line.ask(inquiry(message))
    assert (answer["48"], answer["38"]) == ("0102000201R", approval)


async def test_an_inquiry_finds_nothing_that_is_not_in_the_book(line):
    message = purchase()
    await line.ask(message)
    for unknown in (inquiry(purchase()), inquiry(message, f42="MERCHANT0000002")):
        answer = await line.ask(unknown)
        assert answer["39"] == "25"
        assert not {"4", "38", "48", "49"} & set(answer)


async def test_a_host_without_look_up_says_so_whatever_its_book_holds(line, desk):
    message = purchase()
    await line.ask(message)
    await desk.put("/abilities", {"lookUp": False})
    answer = await line.ask(inquiry(message))
    assert answer["39"] == "40"
    assert not {"4", "38", "48", "49"} & set(answer)
    await desk.put("/abilities", {"lookUp": True})
    assert (await line.ask(inquiry(message)))["39"] == "00"
