"""Each submission makes one link of its own, however often it is sent."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

import pytest

from payseal.core.event import Event
from payseal.core.ids import Mint, Mode
from payseal.core.money import Money
from payseal.core.offer import Offer
from payseal.core.store import deciding
from payseal.links import (
    CurrencyNotEnabled,
    Field,
    Form,
    FormOff,
    Link,
    NewForm,
    NewPrice,
    OutOfDate,
    Submission,
    Submitted,
    forms,
    submissions,
)
from payseal.storage import MemoryStore
from tests.shop import EUR, OFFERS, START

HOUR = timedelta(hours=1)
ONE = Submission(Money(1250, EUR), 1, {"Name": "Ada"})


class Stand:
    """A form, and the store that its payers' links go to."""

    def __init__(self, shards: int) -> None:
        self.store, self.mint = (
            MemoryStore((Form, Link, Submitted, Event)),
            Mint(secrets.token_bytes),
        )
        self.shards, self.at = shards, START
        self.account = self.mint.account()
        self.form: Form | None = None

    async def open(self) -> str:
        """The form's page; its key."""
        if self.form is None:
            new = NewForm(
                title="Ticket",
                method="card",
                realm="Acme",
                prices=[NewPrice(currency="EUR", amount="12.50")],
                fields=[Field("Name")],
                success_url="https://acme.example/thanks",
            )
            self.form = await forms.create(
                self.store, self.mint, self.account, Mode.TEST, OFFERS, new, at=self.at
            )
        return submissions.new_key(self.mint, at=self.at)

    async def submit(self, key: str, submission: Submission = ONE, offers=OFFERS) -> Link:
        return await deciding(
            submissions.submit,
            self.store,
            self.mint,
            self.form,
            offers,
            submission,
            key,
            shards=self.shards,
            at=self.at,
        )

    async def made(self) -> list[Link]:
        page = await submissions.history(self.store, self.form, shards=self.shards)
        return list(page.records)


@pytest.fixture(params=[1, 16], ids=["one shard", "16 shards"])
def stand(request) -> Stand:
    return Stand(request.param)


async def test_a_submission_makes_a_link_with_all_that_the_form_says(stand):
    key = await stand.open()
    stand.at += HOUR
    link = await stand.submit(key, Submission(Money(1250, EUR), 3, {"Name": "Ada"}))
    assert (link.amount, link.quantity, link.answers) == (Money(3750, EUR), 3, {"Name": "Ada"})
    assert (link.realm, link.description, link.form) == ("Acme", "3 × Ticket", stand.form.id)
    assert (link.max_payments, link.success_url) == (1, "https://acme.example/thanks")
    assert (link.created_at, link.date) == (stand.at, stand.at), "when it was sent, not opened"
    assert link.expires_at == stand.at + HOUR
    assert await stand.made() == [link]


async def test_the_same_form_sent_again_is_the_same_link(stand):
    key = await stand.open()
    links = await asyncio.gather(*(stand.submit(key) for _ in range(20)))
    assert len({link.id for link in links}) == 1
    assert len(await stand.made()) == 1


async def test_a_form_changed_and_sent_again_is_another_link(stand):
    key = await stand.open()
    first = await stand.submit(key)
    second = await stand.submit(key, Submission(Money(1250, EUR), 2, {"Name": "Ada"}))
    assert first.id != second.id
    assert {link.id for link in await stand.made()} == {first.id, second.id}


async def test_two_payers_have_two_links(stand):
    first, second = await stand.open(), await stand.open()
    assert (await stand.submit(first)).id != (await stand.submit(second)).id


@pytest.mark.parametrize("later", [timedelta(days=1, seconds=1), timedelta(minutes=-2)])
async def test_a_page_that_was_open_for_a_day_or_is_of_tomorrow_is_out_of_date(stand, later):
    key = await stand.open()
    stand.at += later
    with pytest.raises(OutOfDate):
        await stand.submit(key)
    assert await stand.made() == []


@pytest.mark.parametrize("key", ["", "x", "0" * 26, "!" * 26, "z" * 26, "0" * 1000])
async def test_a_key_that_is_not_ours_is_out_of_date(stand, key):
    await stand.open()
    with pytest.raises(OutOfDate):
        await stand.submit(key)


async def test_a_form_that_is_off_or_whose_method_is_given_up_makes_nothing(stand):
    key = await stand.open()
    with pytest.raises(CurrencyNotEnabled):
        await stand.submit(key, offers=(Offer("bank", "card", ()),))
    stand.form = stand.form.switch(on=False)
    with pytest.raises(FormOff):
        await stand.submit(key)
    assert await stand.made() == []
