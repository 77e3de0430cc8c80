"""Undoing an operation, also one that the bank has not seen yet."""

import asyncio

import pytest

from tests.sandbox.acquirer import again, calling, inquiry, purchase, reversal


async def test_a_reversal_undoes_an_approved_purchase(line, desk):
    message = purchase()
    await line.ask(message)
    answer = await line.ask(reversal(message))
    row = await desk.booking(message)
    assert (answer["t"], answer["39"]) == ("0430", "00")
    assert (row["status"], row["reversedAt"]) == ("reversed", "2026-11-22T17:00:00.000Z")
    assert [r["outcome"] for r in await desk.reversals(message)] == ["reversed"]


async def test_a_reversal_may_be_repeated(line, desk):
    message = purchase()
    await line.ask(message)
    undo = reversal(message)
    assert [(await line.ask(m))["39"] for m in (undo, undo, again(undo))] == ["00"] * 3
    assert len(await desk.reversals(message)) == 1


async def test_a_reversal_of_a_declined_purchase_changes_nothing(line, desk):
    message = purchase("4000000000000002")
    await line.ask(message)
    before = await desk.booking(message)
    assert (await line.ask(reversal(message)))["39"] == "00"
    assert await desk.booking(message) == before
    assert [r["outcome"] for r in await desk.reversals(message)] == ["nothingToReverse"]


@pytest.mark.parametrize("other", [{"f4": "000000000100"}, {"f49": "840"}])
async def test_a_reversal_of_another_amount_changes_nothing(line, desk, other):
    message = purchase()
    await line.ask(message)
    assert (await line.ask(reversal(message, **other)))["39"] == "64"
    assert (await desk.booking(message))["status"] == "approved"
    assert await desk.reversals(message) == []


async def test_with_memory_an_original_that_comes_after_its_reversal_is_refused(line, desk):
    message = purchase()
    assert (await line.ask(reversal(message)))["39"] == "00"
    assert (await line.ask(inquiry(message)))["39"] == "25"
    assert (await line.ask(message))["39"] == "79"
    row = await desk.booking(message)
    assert (row["status"], row["approvalCode"]) == ("declined", None)
    assert (await line.ask(again(message)))["39"] == "79"
    assert (await line.ask(inquiry(message)))["48"] == "0102790201D"
    assert (await line.ask(again(reversal(message))))["39"] == "00"


async def test_without_memory_an_original_that_comes_after_its_reversal_is_charged(line, desk):
    await desk.put("/abilities", {"reversalMemory": False})
    message = purchase()
    assert (await line.ask(reversal(message)))["39"] == "25"
    assert (await line.ask(message))["39"] == "00"
    assert (await line.ask(reversal(message)))["39"] == "00"
    assert (await desk.booking(message))["status"] == "reversed"


async def test_what_was_remembered_stays_remembered_without_the_ability(line, desk):
    message = purchase()
    await line.ask(reversal(message))
    await desk.put("/abilities", {"reversalMemory": False})
    assert (await line.ask(message))["39"] == "79"


async def test_a_purchase_and_its_reversal_at_one_instant_never_leave_a_charge(bank, desk):
    async def ask(message):
        async with calling(bank.ports) as line:
            return (await line.ask(message))["39"]

    for _ in range(20):
        message = purchase()
        _, undone = await asyncio.gather(ask(message), ask(reversal(message)))
        assert undone == "00"
        assert (await desk.booking(message))["status"] in {"reversed", "declined"}
