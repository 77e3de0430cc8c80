"""A busy account is spread while it is served: nothing is lost from its lists."""

from __future__ import annotations

from datetime import timedelta

from payseal import accounts, notifications
from payseal.core.ids import Mode, homes, partition_of

PAYMENT = {
    "amount": "12.50",
    "date": "2026-11-22T10:00:00Z",
    "paymentMethod": "card",
    "currency": "EUR",
    "realm": "shop.example",
}
SHARDS = 8


async def _spread(world, shop, shards):
    await accounts.spread(world.accounts, shop.account, shards, at=world.at)


async def _create(world, api, count):
    made = []
    for _ in range(count):
        world.at += timedelta(seconds=1)
        made.append((await api.post("/api/payment", json=PAYMENT)).json()["id"])
    return made


async def _listed(api, path, **query):
    found, after = [], None
    while True:
        page = (await api.get(path, params=query | ({"after": after} if after else {}))).json()
        found += page["data"]
        after = page["after"]
        if after is None:
            return found


async def test_payments_go_to_all_shards_and_are_listed_in_order(world, shop, api):
    made = await _create(world, api, 4)
    await _spread(world, shop, SHARDS)
    made += await _create(world, api, 40)
    places = [partition_of(id) for id in made]
    assert set(places) == set(homes(shop.account, Mode.TEST, SHARDS))
    assert set(places[:4]) == {homes(shop.account, Mode.TEST, 1)[0]}
    listed = await _listed(api, "/api/payment", limit=7)
    assert [payment["id"] for payment in listed] == made[::-1]
    assert (await _listed(api, "/api/payment", status="paid")) == []
    refused = await api.get("/api/payment", params={"after": "nonsense"})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_after")
    for id in made[::10]:
        assert (await api.get(f"/api/payment/{id}")).json()["id"] == id
        assert (await api.post(f"/api/payment/{id}/cancel")).json()["status"] == "cancelled"


async def test_an_account_is_spread_between_two_pages(world, shop, api):
    made = await _create(world, api, 6)
    first = (await api.get("/api/payment", params={"limit": 2})).json()
    await _spread(world, shop, SHARDS)
    await _create(world, api, 20)
    query = {"limit": 200, "after": first["after"]}
    rest = (await api.get("/api/payment", params=query)).json()
    assert [payment["id"] for payment in first["data"] + rest["data"]] == made[::-1]
    assert rest["after"] is None


async def test_webhooks_are_told_of_every_shard_and_show_what_they_were_told(world, shop, api):
    new = {"url": "https://shop.example/hook", "events": ["link.created"]}
    webhook = (await api.post("/api/webhooks", json=new)).json()["id"]
    await _spread(world, shop, SHARDS)
    made = await _create(world, api, 20)
    await notifications.fan_out(
        world.payments, world.accounts, "worker", now=lambda: world.at
    ).read()
    listed = await _listed(api, f"/api/webhooks/{webhook}/deliveries", limit=6)
    assert [partition_of(one["id"]) for one in listed] == [partition_of(id) for id in made[::-1]]
