from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from payseal.accounts import (
    EmailTaken,
    InvalidEmail,
    InvalidUsername,
    User,
    UsernameTaken,
    WeakPassword,
    sign_up,
    user_of,
)
from payseal.accounts.user import user_named
from payseal.core.errors import Missing
from payseal.core.event import Event
from payseal.core.ids import AccountId, Mint, home
from payseal.core.store import Taken, deciding


async def test_a_new_user_is_found_by_account_and_by_either_name(user, store, at):
    assert await user_of(store, user.account) == user
    for login in ("Nora", "nora", "NORA", "nora@shop.example", "Nora@SHOP.example"):
        assert await user_named(store, login) == user
    for login in ("norah", "nora@", "@", "", "nora@shop.example.org"):
        assert await user_named(store, login) is None
    assert (user.date, user.created_at) == (at, at)


async def test_the_date_of_the_sign_up_may_be_the_merchants_own(store, mint, passwords, new, at):
    earlier = at - timedelta(days=3)

    user = await sign_up(store, mint, passwords, new(date=earlier), at=at)

    assert (user.date, user.created_at) == (earlier, at)


async def test_signing_up_is_told_as_an_event_without_a_secret(user, store, events):
    event = (await store.page(Event, home(user.account))).records[0]

    assert await events(user.account) == ["user.created"]
    assert event.data == {
        "id": user.id,
        "username": "Nora",
        "paymentMethods": [],
        "shards": 1,
    }


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"email": "other@shop.example"}, UsernameTaken),
        ({"email": "other@shop.example", "username": "nORA"}, UsernameTaken),
        ({"username": "other"}, EmailTaken),
        ({"username": "other", "email": "NORA@Shop.Example"}, EmailTaken),
        ({"username": "other", "email": "ｎora@shop.example"}, EmailTaken),
    ],
)
async def test_a_name_that_is_taken_is_refused_and_nothing_is_written(
    user, store, mint, passwords, new, at, changes, refusal
):
    with pytest.raises(refusal):
        await sign_up(store, mint, passwords, new(**changes), at=at)

    assert len((await store.feed((await store.lanes())[0], "")).events) == 1
    assert await user_named(store, "other") is None
    assert await user_named(store, "other@shop.example") is None


async def test_of_twenty_who_want_one_name_at_once_one_gets_it(store, mint, passwords, new, at):
    wishes = [new(email=f"n{i}@shop.example") for i in range(20)]

    ends = await asyncio.gather(
        *(sign_up(store, mint, passwords, wish, at=at) for wish in wishes), return_exceptions=True
    )

    assert sum(isinstance(end, User) for end in ends) == 1
    assert sum(isinstance(end, UsernameTaken) for end in ends) == 19


async def test_two_accounts_never_have_one_id(user, store, passwords, new, at):
    """The chance draws the first account's id once more; `deciding` draws another."""
    drawn = [bytes([1]) * 12, bytes([1]) * 12, bytes([2]) * 12]
    mint = Mint(lambda n: drawn.pop(0))
    first = await sign_up(store, mint, passwords, new(username="a.a", email="a@b.cd"), at=at)
    wish = new(username="b_b", email="b@b.cd")

    second = await deciding(sign_up, store, mint, passwords, wish, at=at)

    assert second.account != first.account
    assert await user_of(store, first.account) == first
    drawn.append(bytes([2]) * 12)
    with pytest.raises(Taken):
        await sign_up(store, mint, passwords, new(username="c-c", email="c@b.cd"), at=at)
    assert await user_named(store, "c-c") is None


@pytest.mark.parametrize("name", ["abc", "a1c", "9lives", "A.b_c-d", "x" * 40])
async def test_a_user_name_may_be(store, mint, passwords, new, at, name):
    user = await sign_up(store, mint, passwords, new(username=name), at=at)

    assert user.username == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "x" * 41,
        ".abc",
        "-abc",
        "a b c",
        "abc\n",
        "ab\0c",
        "nöra",
        "a@b.c",
        "\u0430bc",
        "\u212aelvin",
    ],
)
async def test_a_user_name_may_not_be(store, mint, passwords, new, at, name):
    with pytest.raises(InvalidUsername) as refused:
        await sign_up(store, mint, passwords, new(username=name), at=at)

    assert refused.value.members == {"field": "username"}


@pytest.mark.parametrize(
    "email",
    [
        "a@b.cd",
        "first.last+tag@sub.example.org",
        "root@localhost",
        "o'neil@x.ie",
        "ü@bücher.example",
    ],
)
async def test_an_address_may_be(store, mint, passwords, new, at, email):
    assert (await sign_up(store, mint, passwords, new(email=email), at=at)).email == email


@pytest.mark.parametrize(
    "email",
    [
        *("", "nora", "@shop.example", "nora@", "nora@shop", "a@b@c.de", "no ra@shop.example"),
        *("nora@shop.example\n", "nora@shop..example", ".nora@shop.example", "nora@.example"),
        *("no\0ra@shop.example", "nora\u200b@shop.example", "nora＠x@shop.example", "<a@b.cd>"),
        *(
            "a" * 65 + "@shop.example",
            "a@" + "b." * 130 + "cd",
            "a\ud800@b.cd",
            "nora@shop.example.",
        ),
    ],
)
async def test_an_address_may_not_be(store, mint, passwords, new, at, email):
    with pytest.raises(InvalidEmail) as refused:
        await sign_up(store, mint, passwords, new(email=email), at=at)

    assert refused.value.members == {"field": "email"}


async def test_a_weak_password_claims_no_name(store, mint, passwords, new, at):
    with pytest.raises(WeakPassword):
        await sign_up(store, mint, passwords, new(password="nora and the moon"), at=at)

    assert await user_named(store, "nora") is None


async def test_an_account_that_is_not_there_is_missing(store):
    with pytest.raises(Missing):
        await user_of(store, AccountId("0" * 12))


async def test_no_secret_is_printed(user, new, password):
    assert user.password not in f"{user!r} {user}"
    assert user.email not in repr(user)
    assert password not in repr(new())
