"""Credentials for an issuer: by a session, for one mode, and never shown again."""

import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from payseal.core.credential import Credential
from payseal.issuers import Abilities

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
WANTED = Credential("secretKey", "sk_test_[A-Za-z0-9]+", "sk_live_[A-Za-z0-9]+", "a key")
PATH = "/api/issuers/bank"
GIVEN = {"credentials": {"secretKey": KEY}}


@pytest.fixture(autouse=True)
def wanting(world):
    minute = timedelta(minutes=1)
    world.bank.abilities = Abilities(look_up=True, transit_max=minute, credentials=(WANTED,))


async def test_one_connects_looks_and_disconnects(world, browser):
    answer = await browser.put(PATH, params={"mode": "test"}, json=GIVEN)
    shown = {
        "issuer": "bank",
        "mode": "test",
        "connected": True,
        "credentials": ["secretKey"],
        "connectedAt": "2026-11-22T12:00:00Z",
        "webhook": None,
    }
    assert (answer.status_code, answer.json()) == (200, shown)
    assert (await browser.get(PATH, params={"mode": "test"})).json() == shown
    assert (await browser.get(PATH)).json()["connected"] is False, "in live mode there is none"
    assert (await browser.delete(PATH, params={"mode": "test"})).status_code == 204
    after = (await browser.get(PATH, params={"mode": "test"})).json()
    assert (after["connected"], after["credentials"]) == (False, [])


async def test_the_secret_is_in_no_answer_no_log_and_no_row(world, browser):
    with capture_logs() as logs:
        answers = [
            await browser.put(PATH, params={"mode": "test"}, json=GIVEN),
            await browser.put(PATH, json=GIVEN),
            await browser.put(PATH, json=GIVEN | {"more": 1}),
            await browser.put(PATH, json={"credentials": {"secretKey": [KEY]}}),
            await browser.put(PATH, json={"credentials": {KEY: "x"}}),
            await browser.get(PATH, params={"mode": "test"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 400, 400, 400, 400, 200]
    texts = [answer.text for answer in answers]
    assert KEY not in repr([texts, logs, world.dump()])


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (PATH, {"credentials": {"secretKey": KEY}}, 400, "invalid_credentials"),
        (PATH, {"credentials": {}}, 400, "invalid_credentials"),
        (PATH + "?mode=test", {"credentials": {"key": KEY}}, 400, "invalid_credentials"),
        (PATH + "?mode=play", GIVEN, 400, "invalid_query"),
        (PATH, {"credentials": {"secretKey": "x" * 501}}, 400, "invalid_field"),
        ("/api/issuers/other", GIVEN, 404, "not_found"),
    ],
)
async def test_what_is_wrong_is_named(browser, path, body, status, code):
    answer = await browser.put(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_issuer_that_wants_nothing_says_so(world, browser):
    world.bank.abilities = Abilities(look_up=True, transit_max=timedelta(minutes=1))
    assert (await browser.put(PATH, json=GIVEN)).json()["code"] == "nothing_to_connect"


async def test_no_api_key_and_no_stranger_may(api, stranger):
    for client in (api, stranger):
        for method in ("PUT", "GET", "DELETE"):
            body = json.dumps(GIVEN) if method == "PUT" else None
            answer = await client.request(
                method, PATH, content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 401


async def test_another_account_is_not_connected_by_it(world, browser):
    await browser.put(PATH, params={"mode": "test"}, json=GIVEN)
    other = await world.merchant("other")
    async with world.client(headers=other.session) as client:
        assert (await client.get(PATH, params={"mode": "test"})).json()["connected"] is False
