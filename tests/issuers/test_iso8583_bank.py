"""The connector and the sandbox bank: two programs that share a specification and nothing else."""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from payseal.core.money import Currency
from payseal.issuers import (
    Approved,
    Declined,
    NotFound,
    NotSent,
    OperationKind,
    Reversed,
    Unable,
    Unknown,
)
from payseal_sandbox import Bank
from tests.issuers.payments import (
    AMEX,
    CODE,
    GOOD,
    MASTERCARD,
    PARTLY,
    SILENT,
    SLOW,
    a_card,
    a_connector,
    an_operation,
    now,
    what_follows,
)
from tests.sandbox.desk import sitting_at

PART = 500
CAPTURE, VOID, REFUND = OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND


async def bought(issuer):
    """A purchase, and its approval code."""
    operation = an_operation()
    answer = await issuer.purchase(operation, a_card(), now)
    return operation, answer.approval_code


async def held(issuer):
    """An authorization, and its approval code."""
    operation = an_operation(kind=OperationKind.AUTHORIZE)
    answer = await issuer.purchase(operation, a_card(), now)
    return operation, answer.approval_code


async def test_a_purchase_is_refunded_in_parts_and_never_above_it(issuer, desk):
    purchase, code = await bought(issuer)
    first = what_follows(purchase, code, REFUND, minor=PART)
    answer = await issuer.follow(first, now, repeat=False)
    assert isinstance(answer, Approved)
    assert await issuer.look_up(first) == answer
    assert await issuer.follow(first, now, repeat=True) == answer
    above = what_follows(purchase, code, REFUND, minor=1250 - PART + 1)
    refused = Declined("64", "above_original")
    assert await issuer.follow(above, now, repeat=False) == refused
    rest = what_follows(purchase, code, REFUND, minor=1250 - PART)
    assert isinstance(await issuer.follow(rest, now, repeat=False), Approved)
    (row,) = await rows(desk, first)
    assert (row["kind"], row["original"], row["amount"]) == ("refund", purchase.reference, PART)


async def test_an_authorization_is_captured_once_and_its_capture_refunded(issuer, desk):
    authorization, code = await held(issuer)
    capture = what_follows(authorization, code, CAPTURE, minor=PART)
    answer = await issuer.follow(capture, now, repeat=False)
    assert isinstance(answer, Approved)
    again = what_follows(authorization, code, CAPTURE, minor=PART)
    assert await issuer.follow(again, now, repeat=False) == Declined("64", "above_original")
    void = what_follows(authorization, code, VOID)
    assert isinstance(await issuer.follow(void, now, repeat=False), Declined)
    refund = what_follows(capture, answer.approval_code, REFUND, minor=PART)
    assert isinstance(await issuer.follow(refund, now, repeat=False), Approved)
    (row,) = await rows(desk, capture)
    assert (row["kind"], row["original"]) == ("capture", authorization.reference)


async def test_an_authorization_is_voided_and_then_nothing_is_captured(issuer):
    authorization, code = await held(issuer)
    void = what_follows(authorization, code, VOID)
    assert isinstance(await issuer.follow(void, now, repeat=False), Approved)
    capture = what_follows(authorization, code, CAPTURE)
    assert await issuer.follow(capture, now, repeat=False) == Declined("25", "no_original")


async def test_a_lost_authorization_is_reversed_as_a_purchase_is(issuer):
    authorization, _ = await held(issuer)
    assert await issuer.reverse(authorization, repeat=False) == Reversed()
    assert await issuer.look_up(authorization) == Declined("00", "reversed")


async def test_a_capture_without_an_answer_is_unknown_and_found(issuer, desk):
    authorization, code = await held(issuer)
    await desk.put("/faults", {"faults": [{"kind": "lost", "next": 1, "on": ["capture"]}]})
    capture = what_follows(authorization, code, CAPTURE, within_s=0.4)
    assert await issuer.follow(capture, now, repeat=False) == Unknown("no_answer")
    assert isinstance(await issuer.look_up(capture), Approved)


async def rows(desk, operation):
    return await desk.bookings({"37": operation.reference, "42": operation.merchant})


@pytest.mark.parametrize(
    ("number", "answer", "in_the_book"),
    [
        (GOOD, Approved, Approved),
        (MASTERCARD, Approved, Approved),
        (AMEX, Approved, Approved),
        ("4000000000000002", Declined("05", "declined"), ...),
        ("4000000000009995", Declined("51", "insufficient_funds"), ...),
        ("4000000000000069", Declined("54", "expired_card"), ...),
        ("4000000000009987", Declined("41", "do_not_retry"), ...),
        ("5555555555550004", Declined("04", "do_not_retry"), ...),
        ("4111111111111111", Declined("14", "invalid_number"), ...),
        ("4000000000000119", Unknown("answered_96"), Declined("96", "declined")),
        (SILENT, Unknown("no_answer"), Approved),
        (SLOW, Unknown("no_answer"), Approved),
    ],
)
async def test_each_test_card_does_what_it_says(issuer, number, answer, in_the_book):
    operation = an_operation(within_s=0.4)
    said = await issuer.purchase(operation, a_card(number), now)
    found = await issuer.look_up(operation)
    if answer is Approved:
        assert isinstance(said, Approved)
        assert found == said
    else:
        assert said == answer
        expected = answer if in_the_book is ... else in_the_book
        assert found == expected or (expected is Approved and isinstance(found, Approved))


@pytest.mark.parametrize("currency", [Currency.EUR, Currency.JPY, Currency.KWD])
async def test_the_bank_books_the_amount_in_minor_units(issuer, desk, currency):
    operation = an_operation(minor=1250, currency=currency)
    await issuer.purchase(operation, a_card(), now)
    (row,) = await rows(desk, operation)
    assert (row["amount"], row["currency"]) == (1250, currency.value)


async def test_fifty_purchases_on_one_line_come_back_to_their_own_callers(issuer, desk):
    operations = [an_operation(minor=100 + n) for n in range(50)]
    answers = await asyncio.gather(*(issuer.purchase(o, a_card(), now) for o in operations))
    booked = {row["reference"]: row for row in await desk.bookings()}
    assert [answer.approval_code for answer in answers] == [
        booked[operation.reference]["approvalCode"] for operation in operations
    ]


async def test_a_part_is_no_payment_and_is_given_back(issuer, desk):
    operation = an_operation()
    said = await issuer.purchase(operation, a_card(PARTLY), now)
    assert said == Declined("10", "partial_approval", held=True)
    assert await issuer.look_up(operation) == said
    (row,) = await rows(desk, operation)
    assert (row["status"], row["amount"]) == ("approved", 625)
    assert await issuer.reverse(operation, repeat=False) == Reversed()
    assert await issuer.look_up(operation) == Declined("10", "reversed")
    (row,) = await rows(desk, operation)
    assert row["status"] == "reversed"


async def test_past_call_until_nothing_reaches_the_book(issuer, desk):
    operation = an_operation(within_s=-0.001)
    assert isinstance(await issuer.purchase(operation, a_card(), now), NotSent)
    await issuer.look_up(operation)  # whatever was sent before it would be booked by now
    assert await rows(desk, operation) == []


async def test_what_the_bank_never_saw_is_not_found(issuer):
    assert await issuer.look_up(an_operation()) == NotFound()


async def test_a_bank_without_look_up_says_so(issuer, desk):
    operation = an_operation()
    await issuer.purchase(operation, a_card(), now)
    await desk.put("/abilities", {"lookUp": False, "reversalMemory": True})
    assert await issuer.look_up(operation) == Unable()


async def test_a_purchase_is_reversed_once_and_for_all(issuer, desk):
    operation = an_operation()
    await issuer.purchase(operation, a_card(), now)
    assert await issuer.reverse(operation, repeat=False) == Reversed()
    assert await issuer.reverse(operation, repeat=True) == Reversed()
    assert await issuer.look_up(operation) == Declined("00", "reversed")
    assert await issuer.purchase(operation, a_card(), now) == Declined("79", "already_reversed")
    (row,) = await rows(desk, operation)
    assert row["status"] == "reversed"


async def test_an_original_that_comes_after_its_reversal_is_refused(issuer, desk):
    operation = an_operation()
    assert await issuer.reverse(operation, repeat=False) == Reversed()
    assert await issuer.look_up(operation) == NotFound()
    assert await issuer.purchase(operation, a_card(), now) == Declined("79", "already_reversed")
    (row,) = await rows(desk, operation)
    assert row["status"] == "declined"


async def test_a_bank_without_memory_has_nothing_to_reverse(issuer, desk):
    await desk.put("/abilities", {"lookUp": True, "reversalMemory": False})
    assert await issuer.reverse(an_operation(), repeat=False) == NotFound()


async def test_a_reversal_of_another_amount_changes_nothing(issuer, desk):
    operation = an_operation(minor=1250)
    await issuer.purchase(operation, a_card(), now)
    other = an_operation(minor=1, reference=operation.reference)
    assert await issuer.reverse(other, repeat=False) == Unknown("answered_64")
    assert await issuer.look_up(other) == Unknown("answer_differs")
    (row,) = await rows(desk, operation)
    assert row["status"] == "approved"


@pytest.mark.parametrize(
    ("fault", "charged"),
    [
        ({"kind": "lost"}, 1),
        ({"kind": "dropped"}, 0),
        ({"kind": "late", "seconds": 1}, 1),
        ({"kind": "altered"}, 1),
        ({"kind": "strayed"}, 1),
    ],
    ids=lambda fault: fault["kind"] if isinstance(fault, dict) else "",
)
async def test_without_a_good_answer_it_is_unknown_and_the_book_knows(issuer, desk, fault, charged):
    await desk.set_fault(on=["purchase"], next=1, **fault)
    operation = an_operation(within_s=0.3)
    assert isinstance(await issuer.purchase(operation, a_card(), now), Unknown)
    found = await issuer.look_up(operation)
    assert isinstance(found, Approved if charged else NotFound)
    assert len(await rows(desk, operation)) == charged


@pytest.mark.parametrize("kind", ["garbled", "reset", "duplicated"])
async def test_a_broken_line_is_made_up_for_by_a_repeat_and_charges_once(issuer, desk, kind):
    await desk.set_fault(on=["purchase"], next=1, kind=kind)
    operations = [an_operation(minor=100 + n) for n in range(10)]
    answers = await asyncio.gather(*(issuer.purchase(o, a_card(), now) for o in operations))
    booked = {row["reference"]: row["approvalCode"] for row in await desk.bookings()}
    assert [answer.approval_code for answer in answers] == [
        booked[operation.reference] for operation in operations
    ]
    assert len(booked) == 10


async def test_an_answer_that_comes_after_its_time_is_taken_for_nobody_elses(issuer, desk):
    await desk.set_fault(on=["purchase"], next=1, kind="late", seconds=0.4)
    late = an_operation(within_s=0.2)
    assert await issuer.purchase(late, a_card(), now) == Unknown("no_answer")
    with capture_logs() as logs:
        await asyncio.sleep(0.4)
        after = an_operation(minor=777)
        said = await issuer.purchase(after, a_card(), now)
    (unclaimed,) = [log["message"] for log in logs if log["event"] == "message.unclaimed"]
    assert unclaimed["37"] == late.reference
    (row,) = await rows(desk, after)
    assert said == Approved(row["approvalCode"])
    assert isinstance(await issuer.look_up(late), Approved), "the book tells what was not heard"


async def test_an_answer_under_another_trace_number_reaches_nobody(issuer, desk):
    await desk.set_fault(on=["purchase"], next=1, kind="strayed")
    strayed, other = an_operation(within_s=0.4), an_operation(minor=777)
    said = await asyncio.gather(*(issuer.purchase(o, a_card(), now) for o in (strayed, other)))
    (row,) = await rows(desk, other)
    assert said == [Unknown("no_answer"), Approved(row["approvalCode"])]


@pytest.mark.parametrize("kind", ["late", "duplicated"])
@pytest.mark.parametrize("what", [CAPTURE, VOID, REFUND])
async def test_what_follows_is_done_once_however_late_or_often_it_is_answered(
    issuer, desk, what, kind
):
    original, code = await (bought if what is REFUND else held)(issuer)
    following = what_follows(original, code, what, within_s=0.3)
    await desk.set_fault(on=[what.value], next=1, kind=kind, seconds=0.5)
    said = await issuer.follow(following, now, repeat=False)
    assert said == Unknown("no_answer") if kind == "late" else isinstance(said, Approved)
    again = what_follows(original, code, what, id=following.id)
    repeated = await issuer.follow(again, now, repeat=True)
    (row,) = await rows(desk, following)
    assert repeated == Approved(row["approvalCode"])


@pytest.mark.parametrize("kind", ["late", "duplicated"])
async def test_a_reversal_is_done_once_however_late_or_often_it_is_answered(bank, desk, kind):
    async with a_connector(bank.ports.iso8583, reverse_within=0.3) as issuer:
        operation, _ = await bought(issuer)
        await desk.set_fault(on=["reversal"], next=1, kind=kind, seconds=0.5)
        said = await issuer.reverse(operation, repeat=False)
        assert said == (Unknown("no_answer") if kind == "late" else Reversed())
        assert await issuer.reverse(operation, repeat=True) == Reversed()
        (row,) = await rows(desk, operation)
        assert row["status"] == "reversed"
        reversals = await desk.reversals({"37": operation.reference})
        assert len(reversals) == 1


@pytest.mark.parametrize("kind", ["lost", "altered", "garbled", "reset"])
async def test_a_look_up_or_reversal_without_a_good_answer_is_unknown(bank, desk, kind):
    async with a_connector(
        bank.ports.iso8583, look_up_within=0.5, reverse_within=0.5, line_within=0.5
    ) as issuer:
        operation = an_operation()
        await issuer.purchase(operation, a_card(), now)
        await desk.set_fault(on=["inquiry"], next=1, kind=kind)
        assert isinstance(await issuer.look_up(operation), Unknown)
        await desk.set_fault(on=["reversal"], next=1, kind=kind)
        assert isinstance(await issuer.reverse(operation, repeat=False), Unknown)
        assert await issuer.reverse(operation, repeat=True) == Reversed()


async def test_the_connector_comes_back_when_the_bank_does(tmp_path):
    async with Bank(tmp_path / "bank.db", clock=now) as bank:
        port = bank.ports.iso8583
        async with a_connector(port, line_within=0.3) as issuer:
            before = an_operation()
            said = await issuer.purchase(before, a_card(), now)
            await bank.stop()
            assert isinstance(await issuer.purchase(an_operation(), a_card(), now), NotSent)
            async with Bank(tmp_path / "bank.db", clock=now, port=port):
                said_again = await eventually(issuer.look_up, before)
            assert said_again == said


async def test_a_bank_killed_before_it_answered_is_asked_after_its_restart(tmp_path):
    async with bank_process(tmp_path) as (bank, ports), a_connector(ports.iso8583) as issuer:
        operation = an_operation(within_s=1)
        call = asyncio.create_task(issuer.purchase(operation, a_card(SLOW), now))
        async with sitting_at(ports) as desk:
            await desk.booking({"37": operation.reference, "42": operation.merchant})
        bank.kill()
        await bank.wait()
        assert await call == Unknown("connection_lost")
        async with bank_process(tmp_path, port=ports.iso8583):
            assert isinstance(await eventually(issuer.look_up, operation), Approved)


async def test_no_card_data_gets_into_logs_or_texts(issuer, desk):
    number, code = GOOD, CODE
    with capture_logs() as logs:
        card, operation = a_card(number, code), an_operation()
        answer = await issuer.purchase(operation, card, now)
        await desk.set_fault(on=["purchase"], next=1, kind="garbled")
        again = await issuer.purchase(an_operation(), card, now)
        unsendable = an_operation(merchant="a merchant with a long name")
        refused = await issuer.purchase(unsendable, card, now)
    texts = repr([logs, answer, again, refused, issuer, vars(issuer), card, operation])
    assert any("2" in log.get("message", {}) for log in logs), "the wire is logged at all"
    assert number not in texts
    assert f"9203{code}" not in texts
    assert not any("48" in log.get("message", {}) for log in logs)


async def eventually(ask, operation):
    """The first answer that came over a connection."""
    while isinstance(answer := await ask(operation), NotSent):
        pass
    return answer


class _Ports:
    def __init__(self, iso8583, operator, acs):
        self.iso8583, self.operator, self.acs = iso8583, operator, acs


@asynccontextmanager
async def bank_process(folder, port=0):
    """The bank as a process of its own, that can be killed."""
    command = ["-m", "payseal_sandbox", "--book", str(folder / "bank.db"), "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    try:
        yield process, _Ports(**json.loads(await process.stdout.readline()))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
