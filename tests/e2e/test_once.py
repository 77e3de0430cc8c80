"""The same request again: one effect, one answer."""

import asyncio
import secrets

import httpx

from tests.e2e.people import PASSWORD, Merchant, order, said, sign_in


async def test_twenty_requests_with_one_key_at_once_make_one_link_and_give_one_answer(
    server, merchant
):
    before = len(said(merchant.http.get("/api/payment", params={"limit": 100}))["data"])
    key, body = secrets.token_hex(16), order(realm="twenty at once")
    auth = httpx.BasicAuth(merchant.key, merchant.secret)
    async with httpx.AsyncClient(base_url=server.url, auth=auth, timeout=30) as http:

        async def post():
            return await http.post(
                "/api/payment", json=body, headers={"Idempotency-Key": f'"{key}"'}
            )

        answers = await asyncio.gather(*(post() for _ in range(20)))
        answers.append(await post())
    assert {answer.status_code for answer in answers} <= {201, 409}
    done = [answer for answer in answers if answer.status_code == 201]
    assert done[-1] is answers[-1]
    assert len({answer.content for answer in done}) == 1
    for refused in answers:
        if refused.status_code == 409:
            assert refused.json()["code"] == "idempotency_key_in_use"
    query = {"realm": "twenty at once", "limit": 100}
    (link,) = said(merchant.http.get("/api/payment", params=query))["data"]
    assert link["id"] == done[0].json()["id"]
    after = len(said(merchant.http.get("/api/payment", params={"limit": 100}))["data"])
    assert after == before + 1


def test_a_kept_answer_of_a_new_key_does_not_hold_its_secret_in_clear(server, folder):
    Merchant.at(server.url, "secretive").close()
    token = sign_in(server.url, "secretive")
    with httpx.Client(base_url=server.url, timeout=30) as http:
        http.headers["Authorization"] = f"Bearer {token}"
        http.headers["Idempotency-Key"] = secrets.token_hex(16)
        new = {"name": "kept", "mode": "live"}
        first, again = (http.post("/api/keys", json=new) for _ in range(2))
        made = {"url": "http://127.0.0.1:9/hook", "events": ["*"]}
        webhook = said(http.post("/api/webhooks", json=made))
    secret = said(first)["secret"]
    assert again.content == first.content
    assert secret.startswith("sk_live_")
    assert webhook["secret"].startswith("whsec_")
    words = [secret, webhook["secret"], token, PASSWORD]
    words += [secret.removeprefix("sk_live_"), webhook["secret"].removeprefix("whsec_")]
    files = [file for file in folder.iterdir() if file.is_file()]
    assert {"accounts.db", "accounts.db-wal"} <= {file.name for file in files}
    for file in files:
        held = file.read_bytes()
        assert [word for word in words if word.encode() in held] == [], file.name
