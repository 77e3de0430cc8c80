"""The bank's file against our ledger: every mistake is found, and a clean day has none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payseal.issuers import Abilities, OperationKind
from payseal.ledger import Entry, InvalidStatement, read
from payseal.links import Capture
from payseal.transactions import Difference, TransactionStatus
from payseal_sandbox.statement import StatementFault
from tests.reconciliation.conftest import Books

S = TransactionStatus
ALL = sorted(fault.value for fault in StatementFault)


async def a_day(books: Books) -> None:
    """One of each: what moved money, what moved none, and what was never answered."""
    for amount, currency in (("12.50", "EUR"), ("1200", "JPY"), ("10.505", "KWD"), ("0.05", "EUR")):
        await books.pay(await books.link(amount=amount, currency=currency))
    for amount in (None, "5.00"):
        held = await books.pay(await books.link(capture=Capture.MANUAL))
        await books.close(held, "capture", amount)
    await books.close(await books.pay(await books.link(capture=Capture.MANUAL)), "void")
    paid = await books.pay(await books.link())
    await books.refund(paid, "5.00")
    await books.refund(paid)
    for look_up, became in ((True, S.CAPTURED), (False, S.REVERSED)):
        unheard = await books.claim(await books.link())
        await books.issuer.purchase(unheard.operation, books.card(), books.now)
        books.issuer.abilities = Abilities(look_up=look_up, transit_max=timedelta(seconds=60))
        books.wait(46)
        await books.resolve(unheard)
        assert (await books.reverse(unheard)).status is became
    books.issuer.abilities = Abilities(look_up=True, transit_max=timedelta(seconds=60))


async def test_a_clean_day_has_no_differences_and_every_entry_its_line(books: Books):
    await a_day(books)
    file = await books.file()
    outcome = await books.reconcile(file)

    assert (outcome.lines, outcome.found) == (12, [])
    assert {entry.settled for entry in await books.all(Entry)} == {"2026-11-22"}
    assert (await books.reconcile(file)).found == []
    assert await books.all(Difference) == []


@pytest.mark.parametrize("fault", StatementFault)
async def test_each_mistake_of_the_bank_is_found_once(books: Books, fault):
    paid = await books.pay(await books.link())
    await books.refund(await books.pay(await books.link()), "5.00")
    file = await books.file(fault)
    outcome = await books.reconcile(file)
    if fault is StatementFault.CHARGEBACK:
        (dispute,) = outcome.disputes
        assert ([*outcome.found], dispute.transaction) == ([], paid.id)
        return
    (found,) = outcome.found

    assert found.kind.value == fault.value
    known = found.kind.value != "lost_reply"
    assert found.transaction == (paid.id if known else "")
    assert known == (found.reference == paid.operation.reference)
    assert await books.log(found) == ["difference.found"]
    assert (await books.reconcile(file)).found == [], "the same file says nothing new"
    assert await books.all(Difference) == [found]


async def test_all_mistakes_in_one_file_are_found_and_nothing_else(books: Books):
    await a_day(books)
    for _ in range(4):
        await books.pay(await books.link())
    outcome = await books.reconcile(await books.file(*StatementFault))

    found = [each.kind.value for each in outcome.found] + ["chargeback"] * len(outcome.disputes)
    assert sorted(found) == ALL


@pytest.mark.parametrize("fault", ["missing_line", "double_post", "short_amount", "rounding"])
async def test_a_refund_and_a_capture_are_held_against_their_lines_too(books: Books, fault):
    held = await books.pay(await books.link(capture=Capture.MANUAL))
    captured = await books.close(held, "capture", "5.00")
    refund = await books.refund(captured, "2.00")
    names = {captured.closing.reference, refund.operation.reference}
    found = (await books.reconcile(await books.file(*(f"{fault}@{name}" for name in names)))).found

    assert {each.reference for each in found} == names
    assert {each.kind.value for each in found} == {fault}
    assert {str(each.ours) for each in found} == {"5.00", "-2.00"}


async def test_a_line_that_comes_a_day_late_ends_the_difference(books: Books):
    paid = await books.pay(await books.link())
    (missing,) = (await books.reconcile(await books.file("missing_line"))).found
    late = (await books.file()).replace(b"2026-11-22", b"2026-11-23")

    assert (await books.reconcile(late)).found == []
    missing = await books.again(missing)
    assert (missing.status, missing.note) == (
        "resolved",
        "Both have it, in the file of 2026-11-23.",
    )
    assert await books.log(missing) == ["difference.found", "difference.resolved"]
    assert missing.transaction == paid.id


async def test_what_is_posted_again_on_another_day_is_found(books: Books):
    await books.pay(await books.link())
    file = await books.file()
    assert (await books.reconcile(file)).found == []
    (again,) = (await books.reconcile(file.replace(b"2026-11-22", b"2026-11-23"))).found

    assert again.kind == "double_post"


async def test_an_answer_that_comes_after_the_file_ends_the_difference(books: Books):
    unheard = await books.claim(await books.link())
    await books.issuer.purchase(unheard.operation, books.card(), books.now)
    (lost,) = (await books.reconcile(await books.file())).found
    assert (lost.kind, str(lost.theirs), lost.ours) == ("lost_reply", "12.50", None)

    books.wait(61)
    await books.look_again(lost)
    assert (await books.again(lost)).status == "open"
    await books.resolve(unheard)
    books.wait(3601)
    await books.look_again(lost)
    assert (await books.again(lost)).status == "resolved"
    assert [entry.settled for entry in await books.all(Entry)] == ["2026-11-22"]


async def test_a_charge_of_one_day_that_is_reversed_on_the_next_is_resolved(books: Books):
    books.issuer.abilities = Abilities(look_up=False, transit_max=timedelta(seconds=60))
    unheard = await books.claim(await books.link())
    await books.issuer.purchase(unheard.operation, books.card(), books.now)
    (lost,) = (await books.reconcile(await books.file())).found
    books.wait(hours=24)
    await books.resolve(unheard)
    await books.reverse(unheard)

    assert (await books.reconcile(await books.file())).found == []
    assert (await books.again(lost)).status == "resolved"


async def test_a_charge_that_is_reversed_on_its_day_is_resolved_by_the_whole_file(books: Books):
    books.issuer.abilities = Abilities(look_up=False, transit_max=timedelta(seconds=60))
    unheard = await books.claim(await books.link())
    await books.issuer.purchase(unheard.operation, books.card(), books.now)
    (lost,) = (await books.reconcile(await books.file())).found
    books.wait(46)
    await books.resolve(unheard)
    await books.reverse(unheard)

    assert (await books.reconcile(await books.file())).found == []
    assert (await books.again(lost)).status == "resolved"


async def test_what_is_booked_in_the_last_seconds_of_a_file_is_left_to_the_next(books: Books):
    await books.pay(await books.link())
    hasty = await books.file("missing_line", after_s=0)
    assert (await books.reconcile(hasty)).found == []
    (missing,) = (await books.reconcile(await books.file("missing_line"))).found
    assert missing.kind == "missing_line"


async def test_a_payment_over_midnight_is_found_in_the_file_of_the_day_that_booked_it(books: Books):
    books.wait(hours=12 - 20 / 3600)  # twenty seconds before midnight, about
    early = await books.claim(await books.link())
    await books.issuer.purchase(early.operation, books.card(), books.now)
    books.wait(46)
    await books.resolve(early)
    await books.pay(await books.link())
    first = await books.reconcile(await books.file(day="2026-11-22"))
    second = await books.reconcile(await books.file(day="2026-11-23"))

    assert (first.lines, second.lines) == (1, 1)
    assert [*first.found, *second.found] == []


BROKEN = {
    "empty": lambda data: b"",
    "cut in a line": lambda data: data[: len(data) // 2],
    "cut before its end": lambda data: data[: data.rindex(b"trailer")],
    "a line is gone": lambda data: b"\r\n".join(
        line for line in data.split(b"\r\n") if b",1200,JPY" not in line
    ),
    "a total is wrong": lambda data: data.replace(b"total,EUR,1,1250", b"total,EUR,1,1251"),
    "an amount was changed": lambda data: data.replace(b",1250,EUR", b",1251,EUR"),
    "another version": lambda data: data.replace(b"header,1,", b"header,2,"),
    "garbage": lambda data: bytes(range(256)) * 4,
    "wrong encoding": lambda data: data.decode().encode("utf-16"),
    "an open quote": lambda data: data + b'"',
    "an unknown currency": lambda data: data.replace(b"EUR", b"EUX"),
    "an unknown kind": lambda data: data.replace(b"purchase", b"purchsae"),
    "of another day": lambda data: data.replace(b"sandbox,2026-11-22", b"sandbox,2026-11-21"),
    "a negative amount": lambda data: data.replace(b",1250,", b",-250,"),
    "another bank's merchant": lambda data: data.replace(
        data.split(b"\r\n")[2].split(b",")[2], b"NOBODYKNOWN"
    ).replace(data.split(b"\r\n")[2].split(b",")[1], b"PS0000000000"),
    "another file at its end": lambda data: data + data,
}


@pytest.mark.parametrize("store", ["memory", "sqlite"], indirect=True)
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_bad_file_is_refused_whole_with_a_sentence(books: Books, broken):
    await books.pay(await books.link())
    await books.pay(await books.link(amount="1200", currency="JPY"))
    await books.count()
    file = broken(await books.file("fee_drift"))
    before = await books.all(Entry)
    with pytest.raises(InvalidStatement) as refused:
        await books.reconcile(file)
    assert refused.value.detail.endswith(".")
    assert await books.all(Entry) == before
    assert await books.all(Difference) == []


def test_a_day_on_which_nothing_moved_has_a_file():
    columns = b"kind,reference,merchant,amount,currency,fee,original,booked_at\r\n"
    head = b"header,1,sandbox,2026-11-22,2026-11-23T00:10:00.000Z\r\n"
    assert read(head + columns + b"trailer,0\r\n").movements == []


def test_every_kind_of_operation_that_moves_money_is_in_a_day():
    moves = {OperationKind.PURCHASE, OperationKind.CAPTURE, OperationKind.REFUND}
    assert moves | {OperationKind.AUTHORIZE, OperationKind.VOID} == set(OperationKind)
