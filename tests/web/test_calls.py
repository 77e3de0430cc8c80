"""The calls of the API, as a merchant makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from payseal.core.keyring import verify

PAYMENT = {
    "amount": "12.50",
    "date": "2026-11-22T10:00:00Z",
    "paymentMethod": "card",
    "currency": "EUR",
    "realm": "shop.example",
}
PASSWORD = "blue kettle on the moon"


async def test_a_user_signs_up_and_is_shown_with_its_address(stranger):
    new = {
        "username": "ada",
        "email": "ada@shop.example",
        "date": "2026-11-22T12:00:00+02:00",
        "password": PASSWORD,
    }
    answer = await stranger.post("/api/users", json=new)
    assert answer.status_code == 200
    user = answer.json()
    assert user["links"]["self"] == "http://test/api/users/me"
    assert user["date"] == "2026-11-22T10:00:00Z"
    assert user["createdAt"] == "2026-11-22T12:00:00Z"
    assert (user["username"], user["email"]) == ("ada", "ada@shop.example")
    assert user["paymentMethods"] == []
    assert "password" not in answer.text
    assert PASSWORD not in answer.text


async def test_signing_in_gives_tokens_that_open_the_account(stranger, shop):
    answer = await stranger.post("/api/sessions", json={"username": "shop", "password": PASSWORD})
    assert answer.status_code == 200
    tokens = answer.json()
    assert set(tokens) == {"accessToken", "refreshToken", "tokenType", "expiresIn"}
    assert (tokens["tokenType"], tokens["expiresIn"]) == ("Bearer", 900)
    header = {"Authorization": f"Bearer {tokens['accessToken']}"}
    user = (await stranger.get("/api/users/me", headers=header)).json()
    assert user["username"] == "shop"
    again = await stranger.post(
        "/api/sessions/refresh", json={"refreshToken": tokens["refreshToken"]}
    )
    assert again.status_code == 200
    newest = {"refreshToken": again.json()["refreshToken"]}
    assert (await stranger.post("/api/sessions/end", json=newest)).status_code == 204
    assert (await stranger.post("/api/sessions/refresh", json=newest)).status_code == 401


async def test_payment_methods_are_replaced_with_a_session_and_refused_without(stranger, shop):
    methods = {
        "paymentMethods": [{"issuer": "bank", "method": "card", "currencies": ["USD", "EUR"]}]
    }
    assert (await stranger.put("/api/users", json=methods)).status_code == 401
    answer = await stranger.put("/api/users", json=methods, headers=shop.session)
    assert answer.status_code == 200
    assert answer.json()["paymentMethods"] == methods["paymentMethods"]


async def test_issuers_are_listed_with_what_they_take(stranger):
    answer = await stranger.get("/api/issuers")
    assert answer.json() == {
        "data": [
            {
                "name": "bank",
                "title": "A bank",
                "methods": [{"method": "card", "currencies": ["EUR", "JPY", "USD"]}],
            }
        ],
        "after": None,
    }


async def test_a_key_is_created_shown_once_and_revoked_at_once(browser, stranger):
    answer = await browser.post("/api/keys", json={"name": "web shop", "mode": "test"})
    assert answer.status_code == 201
    key = answer.json()
    assert key["key"].startswith("pk_test_")
    assert key["secret"].startswith("sk_test_")
    auth = (key["key"], key["secret"])
    assert (await stranger.get("/api/payment", auth=auth)).status_code == 200
    listed = (await browser.get("/api/keys")).json()["data"]
    assert key["id"] in [one["id"] for one in listed]
    assert all("secret" not in one for one in listed)
    revoked = await browser.delete(f"/api/keys/{key['id']}")
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    assert (await stranger.get("/api/payment", auth=auth)).status_code == 401


async def test_a_payment_is_created_shown_listed_and_cancelled(api):
    answer = await api.post("/api/payment", json=PAYMENT | {"metadata": {"order": "1042"}})
    assert answer.status_code == 201, answer.text
    payment = answer.json()
    assert payment["url"].startswith("http://test/p/")
    assert {name: payment[name] for name in PAYMENT} == PAYMENT
    assert (payment["status"], payment["mode"], payment["issuer"]) == ("open", "test", "bank")
    assert payment["expiresAt"] == "2026-11-23T12:00:00Z"
    assert (payment["maxPayments"], payment["metadata"]) == (1, {"order": "1042"})
    shown = (await api.get(f"/api/payment/{payment['id']}")).json()
    assert shown == payment
    assert (await api.get("/api/payment")).json() == {"data": [payment], "after": None}
    cancelled = await api.post(f"/api/payment/{payment['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


async def test_payments_are_listed_newest_first_in_parts_and_by_realm_status_and_time(api, world):
    ids = []
    for i in range(5):
        world.at += timedelta(minutes=1)
        realm = "even" if i % 2 == 0 else "odd"
        made = await api.post("/api/payment", json=PAYMENT | {"realm": realm, "expiresIn": 120})
        ids.insert(0, made.json()["id"])

    async def listed(**query):
        page = (await api.get("/api/payment", params=query)).json()
        return [payment["id"] for payment in page["data"]], page["after"]

    first, after = await listed(limit=2)
    second, after = await listed(limit=2, after=after)
    third, end = await listed(limit=2, after=after)
    assert (first + second + third, end) == (ids, None)
    assert await listed(realm="odd") == (ids[1::2], None)
    assert (await listed(status="expired"))[0] == ids[2:]
    span = {"from": "2026-11-22T12:02:00Z", "to": "2026-11-22T14:04:00+02:00"}
    assert (await listed(**span))[0] == ids[2:4]


async def test_a_session_sees_the_mode_that_it_asks_for_and_a_key_its_own(api, browser):
    made = (await api.post("/api/payment", json=PAYMENT)).json()
    path = f"/api/payment/{made['id']}"
    assert (await browser.get(path)).status_code == 404
    assert (await browser.get(path, params={"mode": "test"})).status_code == 200
    assert (await api.get(path, params={"mode": "test"})).status_code == 200


async def test_a_webhook_is_created_listed_and_deleted(api):
    new = {"url": "https://shop.example/hook", "events": ["link.paid", "transaction.*"]}
    answer = await api.post("/api/webhooks", json=new)
    assert answer.status_code == 201
    webhook = answer.json()
    assert webhook["secret"].startswith("whsec_")
    assert (webhook["url"], webhook["events"]) == (new["url"], new["events"])
    listed = (await api.get("/api/webhooks")).json()["data"]
    assert listed == [{k: v for k, v in webhook.items() if k != "secret"}]
    path = f"/api/webhooks/{webhook['id']}"
    sent = await api.get(f"{path}/deliveries")
    assert sent.json() == {"data": [], "after": None}
    assert (await api.delete(path)).status_code == 204
    assert (await api.delete(path)).status_code == 404


async def test_the_public_keys_open_a_payments_link_offline(api, stranger):
    payment = (await api.post("/api/payment", json=PAYMENT)).json()
    jwks = await stranger.get("/.well-known/jwks.json")
    assert jwks.headers["content-type"] == "application/jwk-set+json"
    assert all(not {"d", "k"} & set(key) for key in jwks.json()["keys"])
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    claims = verify(payment["url"].rpartition("/")[2], jwks.json(), at=at)
    assert claims.expires_at.isoformat() == "2026-11-23T12:00:00+00:00"


async def test_the_process_tells_that_it_lives_and_is_ready(stranger):
    for path in ("/healthz", "/readyz"):
        answer = await stranger.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
