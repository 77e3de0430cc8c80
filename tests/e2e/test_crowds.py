"""Many payers at once, over real HTTP, and what the bank's own book says of it."""

import asyncio
import time

from tests.e2e.people import Page, agree, crowd, form

POLITE = {
    "Paid": "This link has been paid. Nothing more is needed.",
    "Somebody else is paying": "Nothing was charged to you.",
    "A payment is on its way": "Please do not pay again.",
}


async def together(url, size):
    """All open the link, and only then all pay: their last pages."""
    async with crowd(size) as payers:
        opened = [Page(r) for r in await gathered(p.get(url) for p in payers)]
        assert {page.status for page in opened} == {200}
        began = time.monotonic()
        paid = await gathered(
            payer.post(url, data=form(page.attempt))
            for payer, page in zip(payers, opened, strict=True)
        )
        return [Page(answer) for answer in paid], time.monotonic() - began


async def gathered(calls):
    return await asyncio.gather(*calls)


def sort_out(pages):
    """Who sees a receipt of their own, and who is told why not."""
    receipts = [page for page in pages if "Thank you." in page.text]
    return receipts, [page for page in pages if page not in receipts]


async def test_fifty_payers_of_a_single_use_link_make_one_charge_and_49_polite_pages(
    merchant, bank
):
    payment = merchant.payment()
    pages, took = await together(payment["url"], 50)
    (receipt,), others = sort_out(pages)
    assert (receipt.status, receipt.heading) == (200, "Paid")
    assert len(others) == 49
    for page in others:
        assert page.status in (200, 409)
        assert POLITE[page.heading] in page.text
    (txn,) = merchant.transactions(payment=payment["id"])
    (charge,) = [row for row in bank.book() if row["reference"] == txn["reference"]]
    assert (txn["status"], charge["status"]) == ("captured", "approved")
    assert merchant.show(payment)["status"] == "paid"
    print(f"50 payers of a single-use link: {took:.2f} s")


async def test_five_hundred_payers_of_ten_places_make_ten_charges_and_leave_no_place_behind(
    merchant, bank
):
    payment = merchant.payment(maxPayments=10)
    pages, took = await together(payment["url"], 500)
    receipts, others = sort_out(pages)
    assert (len(receipts), len(others)) == (10, 490)
    for page in others:
        assert page.status in (200, 409)
        assert POLITE[page.heading] in page.text
    tried = merchant.transactions(payment=payment["id"])
    assert [txn["status"] for txn in tried] == ["captured"] * 10
    references = {txn["reference"] for txn in tried}
    charges = [row for row in bank.book() if row["reference"] in references]
    assert [row["status"] for row in charges] == ["approved"] * 10
    assert merchant.show(payment)["status"] == "paid"
    agree(tried, charges)
    print(f"500 payers of ten places: {took:.2f} s")


async def test_after_all_crowds_the_banks_book_holds_no_charge_that_we_do_not_know(merchant, bank):
    agree(merchant.transactions(), bank.book())
