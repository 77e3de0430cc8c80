"""Whoever reloads, goes back or opens a second tab finds the attempt that is there."""

from __future__ import annotations

import asyncio

import pytest

from payseal.checkout import VisitState as V
from payseal.checkout import visit
from payseal.checkout.visit import FORMS_MAX
from payseal.issuers import Approved, Declined
from tests.counter import Counter
from tests.virtual import in_virtual_time

MANY = [None, 10]


async def again(counter, link, key):
    return await visit(
        counter.till, counter.seal, counter.token(link), key, again=True, at=counter.at
    )


@pytest.mark.parametrize("max_payments", MANY)
def test_a_reload_while_the_bank_is_asked_pays_once(max_payments):
    async def reload():
        counter = Counter()
        counter.bank.meanwhile = lambda: asyncio.sleep(20)
        link = await counter.link(max_payments=max_payments)
        first = (await counter.visit(link)).attempt
        posting = asyncio.create_task(counter.post(link, first))
        await asyncio.sleep(2)
        assert (await counter.visit(link, first)).state is V.PROCESSING
        await posting
        await asyncio.sleep(20)
        return counter.bank.asked

    assert in_virtual_time(reload()) == (1, 0, 0)


async def test_a_form_that_was_not_sent_is_handed_out_again(counter):
    link = await counter.link()
    first = (await counter.visit(link)).attempt
    assert (await counter.visit(link, first)).attempt == first
    assert (await counter.visit(link)).attempt != first, "a stranger has another"


async def test_who_tried_again_is_shown_the_newest_attempt(counter):
    link = await counter.link(max_payments=None)
    first = (await counter.visit(link)).attempt
    counter.bank.says = Declined("51", "insufficient_funds")
    declined = await counter.post(link, first)
    assert (declined.state, declined.attempt == first) == (V.DECLINED, False)
    assert (await counter.visit(link, first)).attempt == declined.attempt
    counter.bank.says = Approved("A1B2C3")
    await counter.post(link, declined.attempt)
    assert (await counter.visit(link, first)).state is V.PAID


async def test_the_search_for_the_newest_attempt_has_an_end(counter):
    link = await counter.link(max_payments=None)
    counter.bank.says = Approved("A1B2C3")
    first = key = (await counter.visit(link)).attempt
    for _ in range(FORMS_MAX):
        key = (await counter.post(link, key)).attempt
    seen = await counter.visit(link, first)
    assert seen.state is V.PAID
    assert seen.attempt != key, "a fresh one"


async def test_who_asks_for_another_payment_has_one_more_form_and_finds_both(counter):
    link = await counter.link(max_payments=None)
    counter.bank.says = Approved("A1B2C3")
    first = (await counter.visit(link)).attempt
    await counter.post(link, first)
    more = await again(counter, link, first)
    assert (more.state, more.transaction) == (V.OPEN, None)
    assert (await again(counter, link, first)).attempt == more.attempt
    second = await counter.post(link, more.attempt)
    assert (await counter.visit(link, first)).transaction == second.transaction
    assert counter.bank.asked == (2, 0, 0)
