"""The same POST with the same Idempotency-Key: one effect, one answer."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from payseal.accounts import User
from payseal.core.event import Event
from payseal.core.store import Lost, forget
from payseal.links import Link
from payseal.web import Once
from payseal.web.app import ROUTES
from payseal.web.kept import Strongbox
from payseal.web.once import Effect

PAYMENT = {
    "amount": "12.50",
    "date": "2026-11-22T10:00:00Z",
    "paymentMethod": "card",
    "currency": "EUR",
    "realm": "shop.example",
}
KEY = {"Idempotency-Key": "order-1042-attempt-1"}


def rows(world, kind, store="payments"):
    return len(getattr(world, store)._shelves[kind].rows)


async def test_a_repeated_post_has_one_effect_and_the_very_same_answer(world, api):
    first = await api.post("/api/payment", json=PAYMENT, headers=KEY)
    world.at += timedelta(hours=23)
    again = await api.post("/api/payment", json=PAYMENT, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["content-type"] == again.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert rows(world, Link) == 1


async def test_without_a_key_every_post_counts(world, api):
    await api.post("/api/payment", json=PAYMENT)
    await api.post("/api/payment", json=PAYMENT)
    assert rows(world, Link) == 2
    assert rows(world, Once) == 0


async def test_a_quoted_key_is_the_bare_key(world, api):
    quoted = {"Idempotency-Key": '"order-1042-attempt-1"'}
    first = await api.post("/api/payment", json=PAYMENT, headers=KEY)
    again = await api.post("/api/payment", json=PAYMENT, headers=quoted)
    assert first.content == again.content


@pytest.mark.parametrize(
    "key",
    [
        "",
        "fifteen-letters",
        "k" * 256,
        '"' + "k" * 256 + '"',
        '"fifteen-letters"',
        '"unfinished-string',
        'a-bare-key-with-"-in-it',
        "a bare key with spaces",
        "a-key-beyond-ascii-é",
        '"a quoted one", "and another"',
        '"a-wrong-\\escape-in-it"',
        '"a-parameter-behind-it";a=1',
    ],
)
async def test_a_malformed_key_is_refused(world, api, key):
    before = world.dump()
    headers = {"Idempotency-Key": key.encode("utf-8")}
    answer = await api.post("/api/payment", json=PAYMENT, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert answer.json()["field"] == "Idempotency-Key"
    assert world.dump() == before


async def test_two_keys_are_refused(world, api):
    lines = [("Idempotency-Key", "order-1042-attempt-1")] * 2
    answer = await api.post("/api/payment", json=PAYMENT, headers=lines)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert rows(world, Link) == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/payment", PAYMENT | {"amount": "12.51"}),
        ("/api/payment?mode=test", PAYMENT | {"realm": "other"}),
    ],
)
async def test_a_key_used_for_another_request_is_refused(world, api, path, body):
    await api.post("/api/payment", json=PAYMENT, headers=KEY)
    before = world.dump()
    answer = await api.post(path, json=body, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert world.dump() == before


async def test_a_key_used_for_another_payment_of_the_same_route_is_refused(api):
    one, two = [(await api.post("/api/payment", json=PAYMENT)).json()["id"] for _ in range(2)]
    assert (await api.post(f"/api/payment/{one}/cancel", headers=KEY)).status_code == 200
    assert (await api.post(f"/api/payment/{two}/cancel", headers=KEY)).status_code == 422
    assert (await api.post(f"/api/payment/{one}/cancel", headers=KEY)).status_code == 200


async def test_a_key_is_an_accounts_a_modes_and_a_routes_own(world, api, shop):
    other = await world.merchant("other")
    made = []
    for auth in (shop.test, shop.live, other.test):
        async with world.client(auth=auth) as client:
            made.append((await client.post("/api/payment", json=PAYMENT, headers=KEY)).json())
    assert len({payment["id"] for payment in made}) == 3
    webhook = {"url": "https://shop.example/hook", "events": ["*"]}
    assert (await api.post("/api/webhooks", json=webhook, headers=KEY)).status_code == 201


async def test_twenty_at_once_make_one_payment_and_one_answer(world, api):
    answers = await asyncio.gather(
        *(api.post("/api/payment", json=PAYMENT, headers=KEY) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    running = {a.json()["code"] for a in answers if a.status_code == 409}
    assert running <= {"idempotency_key_in_use"}
    assert rows(world, Link) == 1
    assert rows(world, Event) == 1


async def test_twenty_sign_ups_at_once_make_one_user(world, stranger):
    new = {"username": "ada", "email": "ada@shop.example", "password": "blue kettle on the moon"}
    answers = await asyncio.gather(
        *(stranger.post("/api/users", json=new, headers=KEY) for _ in range(20))
    )
    codes = {answer.json().get("code") for answer in answers if answer.status_code != 200}
    assert codes <= {"idempotency_key_in_use"}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    again = await stranger.post("/api/users", json=new, headers=KEY)
    assert again.status_code == 200


async def test_a_refusal_without_effect_is_kept_as_well(world, api, browser):
    body = PAYMENT | {"currency": "USD"}
    first = await api.post("/api/payment", json=body, headers=KEY)
    assert (first.status_code, first.json()["code"]) == (400, "currency_not_enabled")
    methods = [{"issuer": "bank", "method": "card", "currencies": ["USD"]}]
    await browser.put("/api/users", json={"paymentMethods": methods})
    again = await api.post("/api/payment", json=body, headers=KEY)
    assert again.content == first.content
    assert again.headers["content-type"] == "application/problem+json"
    assert rows(world, Link) == 0


async def test_wrong_credentials_and_conflicts_may_be_tried_again_with_the_same_key(
    world, stranger, shop
):
    wrong = {"username": "shop", "password": "not the password"}
    right = wrong | {"password": "blue kettle on the moon"}
    refused = await stranger.post("/api/sessions", json=wrong, headers=KEY)
    assert (refused.status_code, "www-authenticate" in refused.headers) == (401, True)
    assert (await stranger.post("/api/sessions", json=right, headers=KEY)).status_code == 200
    assert rows(world, Once, "accounts") == 1


async def test_a_refusal_that_was_counted_is_not_kept(world, stranger, shop):
    first = {"refreshToken": shop.refresh_token}
    await stranger.post("/api/sessions/refresh", json=first)
    world.at += timedelta(minutes=5)
    for code in ("refresh_token_used", "invalid_token"):  # the first use too many ends the session
        answer = await stranger.post("/api/sessions/refresh", json=first, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert rows(world, Once, "accounts") == 0


async def test_the_same_sign_in_gives_the_same_tokens(stranger, shop):
    right = {"username": "shop", "password": "blue kettle on the moon"}
    first = await stranger.post("/api/sessions", json=right, headers=KEY)
    again = await stranger.post("/api/sessions", json=right, headers=KEY)
    assert first.content == again.content


async def test_no_secret_and_no_key_is_stored_in_clear(world, browser):
    body = {"name": "web shop", "mode": "test"}
    first = await browser.post("/api/keys", json=body, headers=KEY)
    again = await browser.post("/api/keys", json=body, headers=KEY)
    secret = first.json()["secret"]
    assert first.content == again.content
    stored = repr(world.dump())
    assert secret not in stored
    assert secret.removeprefix("sk_test_") not in stored
    assert KEY["Idempotency-Key"] not in stored


async def test_an_answer_does_not_open_without_its_key(world, api):
    await api.post("/api/payment", json=PAYMENT, headers=KEY)
    (id,) = world.payments._shelves[Once].rows
    once = await world.payments.get(Once, id)
    right, wrong = (Strongbox(world.parts.master, k) for k in (KEY["Idempotency-Key"], "other"))
    assert right.open(once).status == 201
    with pytest.raises(Exception, match="does not open"):
        wrong.open(once)


class Altered:
    """A store whose `get` or `commit` is another one."""

    def __init__(self, inner, **others):
        self.inner = inner
        self.__dict__.update(others)

    def __getattr__(self, name):
        return getattr(self.inner, name)


def dying(store):
    """Everything works, but for adding an answer: there the process ends."""

    async def commit(*changes):
        if len(changes) == 1 and isinstance(changes[0].record, Once):
            raise SystemExit
        await store.commit(*changes)

    return Altered(store, commit=commit)


async def died(world, client, path, body):
    """The request whose process ends after its effect and before its answer."""
    parts = world.parts
    parts.accounts, parts.payments = dying(world.accounts), dying(world.payments)
    with pytest.raises(SystemExit):
        await client.post(path, json=body, headers=KEY)
    parts.accounts, parts.payments = world.accounts, world.payments


async def test_a_running_request_whose_process_died_is_answered_from_what_it_made(world, api):
    await died(world, api, "/api/payment", PAYMENT)
    soon = await api.post("/api/payment", json=PAYMENT, headers=KEY)
    assert (soon.status_code, soon.json()["code"]) == (409, "idempotency_key_in_use")
    assert soon.headers["retry-after"] == "1"
    world.at += timedelta(seconds=60)
    answer = await api.post("/api/payment", json=PAYMENT, headers=KEY)
    assert answer.status_code == 201
    assert rows(world, Link) == 1
    shown = await api.get(f"/api/payment/{answer.json()['id']}")
    assert shown.json() == answer.json()
    again = await api.post("/api/payment", json=PAYMENT, headers=KEY)
    assert again.content == answer.content


async def test_a_key_whose_answer_was_lost_comes_without_its_secret(world, browser):
    body = {"name": "web shop", "mode": "test"}
    await died(world, browser, "/api/keys", body)
    world.at += timedelta(seconds=60)
    answer = await browser.post("/api/keys", json=body, headers=KEY)
    assert answer.status_code == 201
    assert answer.json()["secret"] is None
    assert answer.json()["key"].startswith("pk_test_")


async def test_tokens_whose_answer_was_lost_are_not_given_again(world, stranger, shop):
    body = {"username": "shop", "password": "blue kettle on the moon"}
    await died(world, stranger, "/api/sessions", body)
    world.at += timedelta(seconds=60)
    answer = await stranger.post("/api/sessions", json=body, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "answer_lost")


async def test_a_crash_without_effect_is_not_kept(world, api):
    async def broken(kind, id):
        if kind is User:
            raise RuntimeError("the disk")
        return await world.accounts.get(kind, id)

    world.parts.accounts = Altered(world.accounts, get=broken)
    first = await api.post("/api/payment", json=PAYMENT, headers=KEY)
    assert (first.status_code, first.json()["code"]) == (500, "internal_error")
    world.parts.accounts = world.accounts
    again = await api.post("/api/payment", json=PAYMENT, headers=KEY)
    assert again.status_code == 201


async def test_the_second_of_two_is_answered_as_the_first_when_it_finds_the_effect(world, api):
    """Slow: it read no key, then finds what the other request has cancelled."""
    made = (await api.post("/api/payment", json=PAYMENT)).json()
    path, first = f"/api/payment/{made['id']}/cancel", None

    async def slow(kind, id):
        nonlocal first
        found = await world.payments.get(kind, id)
        if kind is Once and first is None:
            first = False
            first = await api.post(path, headers=KEY)
        return found

    world.parts.payments = Altered(world.payments, get=slow)
    second = await api.post(path, headers=KEY)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.status_code == 200


async def test_a_key_is_forgotten_after_a_day(world, api):
    await api.post("/api/payment", json=PAYMENT, headers=KEY)
    world.at += timedelta(hours=24) - timedelta(seconds=1)
    assert await forget(world.payments, Once, at=world.at) == 0
    world.at += timedelta(seconds=1)
    answer = await api.post("/api/payment", json=PAYMENT | {"amount": "9"}, headers=KEY)
    assert answer.status_code == 201
    assert rows(world, Link) == 2
    world.at += timedelta(hours=24)
    assert await forget(world.payments, Once, at=world.at) == 1
    assert rows(world, Once) == 0


async def test_a_lost_race_is_run_again_with_the_key(world, api):
    """The first commit loses to another change: what is committed then carries the key too."""
    made = (await api.post("/api/payment", json=PAYMENT)).json()
    tries = 0

    async def racing(*changes):
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Lost(changes[-1])
        await world.payments.commit(*changes)

    world.parts.payments = Altered(world.payments, commit=racing)
    path = f"/api/payment/{made['id']}/cancel"
    first = await api.post(path, headers=KEY)
    assert first.status_code == 200
    assert rows(world, Once) == 1
    assert (await api.post(path, headers=KEY)).content == first.content


def test_every_post_of_the_api_says_what_its_effect_is():
    handlers = [handler for of_one in ROUTES.values() for handler in of_one]
    posts = [handler for handler in handlers if "POST" in handler.http_methods]
    assert len(posts) > 5
    assert all(isinstance(post.opt.get("once"), Effect) for post in posts)
