"""Hosts that lack an ability: each is asked for no more than it can."""

import pytest

from payseal.issuers import Approved, Declined, OperationKind, Reversed, Unable, Unknown
from tests.issuers.payments import PARTLY, a_card, a_connector, an_operation, now, what_follows

CAPTURE, REFUND, VOID = OperationKind.CAPTURE, OperationKind.REFUND, OperationKind.VOID
WIRE = {"look_up": "lookUp", "reversal_memory": "reversalMemory"} | {
    "partial_approvals": "partialApprovals",
    "advices": "advices",
}


@pytest.fixture
async def lacking(bank, desk):
    """A connector to the bank, where both know that it lacks these."""
    opened = []

    async def lacking(*names):
        await desk.put("/abilities", {WIRE[name]: False for name in names})
        issuer = a_connector(bank.ports.iso8583, able=dict.fromkeys(names, False))
        await issuer.start()
        opened.append(issuer)
        return issuer

    yield lacking
    for issuer in opened:
        await issuer.stop()


async def rows(desk, operation):
    return await desk.bookings({"37": operation.reference, "42": operation.merchant})


async def test_without_advices_all_is_asked_for_and_the_book_is_the_same(lacking, desk):
    issuer = await lacking("advices")
    held = an_operation(kind=OperationKind.AUTHORIZE)
    code = (await issuer.purchase(held, a_card(), now)).approval_code
    capture = what_follows(held, code, CAPTURE, minor=1000)
    taken = await issuer.follow(capture, now, repeat=False)
    assert isinstance(taken, Approved)
    assert await issuer.follow(capture, now, repeat=True) == taken
    refund = what_follows(capture, taken.approval_code, REFUND, minor=400)
    assert isinstance(await issuer.follow(refund, now, repeat=False), Approved)
    other = an_operation(kind=OperationKind.AUTHORIZE)
    code = (await issuer.purchase(other, a_card(), now)).approval_code
    void = what_follows(other, code, VOID)
    assert isinstance(await issuer.follow(void, now, repeat=False), Approved)
    bought = an_operation()
    await issuer.purchase(bought, a_card(), now)
    assert await issuer.reverse(bought, repeat=False) == Reversed()
    assert await issuer.reverse(bought, repeat=True) == Reversed()
    kinds = [(row["kind"], row["status"]) for row in await desk.bookings()]
    assert kinds == [
        ("authorization", "approved"),
        ("capture", "approved"),
        ("refund", "approved"),
        ("authorization", "reversed"),
        ("void", "approved"),
        ("purchase", "reversed"),
    ]


async def test_an_advice_to_a_host_that_takes_none_does_nothing_and_says_so(bank, desk):
    await desk.put("/abilities", {"advices": False})
    async with a_connector(bank.ports.iso8583) as issuer:
        held = an_operation(kind=OperationKind.AUTHORIZE)
        code = (await issuer.purchase(held, a_card(), now)).approval_code
        capture = what_follows(held, code, CAPTURE)
        answer = await issuer.follow(capture, now, repeat=False)
        assert answer == Declined("40", "not_accepted")
        assert await issuer.reverse(held, repeat=False) == Unknown("answered_40")


async def test_where_nothing_is_approved_in_part_an_answer_that_says_so_is_looked_up(bank, desk):
    async with a_connector(bank.ports.iso8583, able={"partial_approvals": False}) as issuer:
        operation = an_operation()
        said = await issuer.purchase(operation, a_card(PARTLY), now)
        assert said == Unknown("partial_approval")
        found = await issuer.look_up(operation)
        assert found == Declined("10", "partial_approval", held=True), "the book is believed"


async def test_without_partial_approvals_the_card_is_declined(lacking):
    issuer = await lacking("partial_approvals")
    said = await issuer.purchase(an_operation(), a_card(PARTLY), now)
    assert said == Declined("51", "insufficient_funds")


async def test_without_any_of_them_a_purchase_is_approved_and_reversed(lacking, desk):
    issuer = await lacking(*WIRE)
    operation = an_operation()
    assert isinstance(await issuer.purchase(operation, a_card(), now), Approved)
    assert await issuer.look_up(operation) == Unable()
    assert await issuer.reverse(operation, repeat=False) == Reversed()
    (row,) = await rows(desk, operation)
    assert row["status"] == "reversed"
