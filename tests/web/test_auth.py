"""Who is let in, and that nobody else's body is even read."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from payseal import accounts

PAYMENT = {
    "amount": "12.50",
    "date": "2026-11-22T10:00:00Z",
    "paymentMethod": "card",
    "currency": "EUR",
    "realm": "shop.example",
}
BOTH = 'Basic realm="Payseal", charset="UTF-8", Bearer realm="Payseal"'


def basic(name, secret):
    text = base64.b64encode(f"{name}:{secret}".encode()).decode()
    return f"Basic {text}"


@pytest.mark.parametrize(
    "credentials",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Bearer",
        "Bearer x.y.z",
        "Digest username=x",
        "x" * 5000,
        basic("pk_test_unknown", "sk_test_unknown"),
    ],
)
async def test_nobody_unknown_gets_in_and_their_body_is_not_read(stranger, credentials):
    read = 0

    async def body():
        nonlocal read
        for _ in range(3):
            read += 1
            yield b"not json"

    headers = {} if credentials is None else {"Authorization": credentials}
    answer = await stranger.post("/api/payment", content=body(), headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == BOTH
    assert answer.json()["code"] in ("credentials_needed", "wrong_credentials", "invalid_token")
    assert "challenge" not in answer.json()
    assert read <= 1  # the client itself begins with one part


async def test_two_authorization_headers_are_refused(stranger, shop):
    lines = [("Authorization", basic(*shop.test)), ("Authorization", basic(*shop.live))]
    assert (await stranger.get("/api/payment", headers=lines)).status_code == 401


async def test_a_wrong_secret_and_anothers_secret_are_refused(world, stranger, shop):
    other = await world.merchant("other")
    for secret in (shop.test[1][:-1] + "x", other.test[1], shop.live[1], ""):
        answer = await stranger.get("/api/payment", auth=(shop.test[0], secret))
        assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")


async def test_a_revoked_key_is_refused_at_once(world, api, shop):
    assert (await api.get("/api/payment")).status_code == 200
    await accounts.revoke_key(world.accounts, shop.account, shop.test[0], at=world.at)
    assert (await api.get("/api/payment")).status_code == 401


async def test_a_test_key_does_not_see_live_data(world, api, shop):
    async with world.client(auth=shop.live) as live:
        made = (await live.post("/api/payment", json=PAYMENT)).json()
    assert made["mode"] == "live"
    assert (await api.get(f"/api/payment/{made['id']}")).status_code == 404
    assert (await api.get("/api/payment")).json()["data"] == []
    answer = await api.get("/api/payment", params={"mode": "live"})
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_mode")


async def test_a_token_ends_after_fifteen_minutes(world, browser):
    assert (await browser.get("/api/users/me")).status_code == 200
    world.at += timedelta(minutes=15)
    answer = await browser.get("/api/users/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")
    assert answer.headers["www-authenticate"] == 'Bearer realm="Payseal"'


@pytest.mark.parametrize("call", [("GET", "/api/keys"), ("PUT", "/api/users")])
async def test_a_key_does_not_open_what_is_for_a_signed_in_user(api, call):
    assert (await api.request(*call)).status_code == 401


async def test_a_refresh_token_that_was_used_ends_its_family(world, stranger, shop):
    first = {"refreshToken": shop.refresh_token}
    second = (await stranger.post("/api/sessions/refresh", json=first)).json()["refreshToken"]
    world.at += timedelta(minutes=5)
    again = await stranger.post("/api/sessions/refresh", json=first)
    assert (again.status_code, again.json()["code"]) == (401, "refresh_token_used")
    newest = await stranger.post("/api/sessions/refresh", json={"refreshToken": second})
    assert newest.status_code == 401


async def test_a_wrong_password_and_an_unknown_user_get_one_answer(stranger, shop):
    told = set()
    for login in ("shop", "nobody", "shop@shop.example", "nobody@shop.example"):
        body = {"username": login, "password": "not the password"}
        answer = await stranger.post("/api/sessions", json=body)
        problem = answer.json() | {"instance": ""}
        told.add((answer.status_code, tuple(sorted(problem.items()))))
    assert len(told) == 1
    assert next(iter(told))[0] == 401


async def test_signing_in_is_locked_after_ten_wrong_passwords(world, stranger, shop):
    wrong = {"username": "shop", "password": "not the password"}
    for _ in range(10):
        assert (await stranger.post("/api/sessions", json=wrong)).status_code == 401
    right = wrong | {"password": "blue kettle on the moon"}
    answer = await stranger.post("/api/sessions", json=right)
    assert (answer.status_code, answer.json()["code"]) == (429, "sign_in_locked")
    assert int(answer.headers["retry-after"]) > 60
    world.at += timedelta(minutes=31)
    assert (await stranger.post("/api/sessions", json=right)).status_code == 200


async def test_credentials_of_the_wrong_kind_are_told_what_is_needed(stranger, shop):
    answer = await stranger.get("/api/keys", auth=shop.test)
    assert answer.json()["detail"] == "This call needs a session: POST /api/sessions."
    swapped = await stranger.get("/api/payment", auth=(shop.test[1], shop.test[0]))
    assert swapped.status_code == 401
    assert swapped.json()["detail"].startswith("Key and secret look swapped")
    assert shop.test[1] not in swapped.text
