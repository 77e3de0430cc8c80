"""Bad input: each with its status, its code and its field, and nothing written."""

from __future__ import annotations

import asyncio
import json

import pytest

PAYMENT = {
    "amount": "12.50",
    "date": "2026-11-22T10:00:00Z",
    "paymentMethod": "card",
    "currency": "EUR",
    "realm": "shop.example",
}
METHOD = {"issuer": "bank", "method": "card", "currencies": ["EUR"]}
USER = {
    "username": "ada",
    "email": "ada@shop.example",
    "date": "2026-11-22T12:00:00Z",
    "password": "blue kettle on the moon",
}
JSON = {"Content-Type": "application/json"}


def told(answer, status, code, field=None):
    """The answer is that problem, wholly."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code", "instance"} <= set(problem)
    assert problem["status"] == status
    if field is not None:
        assert problem["field"] == field
    if status != 429:
        assert problem["type"] == f"http://test/docs/errors#{code}"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"amount": "0"}, "invalid_amount", "amount"),
        ({"amount": "0.00"}, "invalid_amount", "amount"),
        ({"amount": "-1"}, "invalid_amount", "amount"),
        ({"amount": "12.345"}, "invalid_amount", "amount"),
        ({"amount": "12.5", "currency": "JPY"}, "invalid_amount", "amount"),
        ({"amount": "1e3"}, "invalid_amount", "amount"),
        ({"amount": "NaN"}, "invalid_amount", "amount"),
        ({"amount": "Infinity"}, "invalid_amount", "amount"),
        ({"amount": "1_000"}, "invalid_amount", "amount"),
        ({"amount": "1,000"}, "invalid_amount", "amount"),
        ({"amount": "٣٤"}, "invalid_amount", "amount"),
        ({"amount": "12.50\n"}, "control_character", "amount"),
        ({"amount": " 12.50"}, "invalid_amount", "amount"),
        ({"amount": ""}, "invalid_amount", "amount"),
        ({"amount": "9" * 20}, "invalid_amount", "amount"),
        ({"amount": 12.5}, "invalid_field", "amount"),
        ({"amount": 12}, "invalid_field", "amount"),
        ({"amount": None}, "invalid_field", "amount"),
        ({"currency": "XXX"}, "unknown_currency", "currency"),
        ({"currency": "eur"}, "unknown_currency", "currency"),
        ({"currency": "USD"}, "currency_not_enabled", "currency"),
        ({"paymentMethod": "cash"}, "unknown_method", "paymentMethod"),
        ({"realm": "r" * 101}, "invalid_payment", "realm"),
        ({"realm": ""}, "invalid_payment", "realm"),
        ({"description": "d" * 501}, "invalid_payment", "description"),
        ({"description": "a\x00b"}, "control_character", "description"),
        ({"description": "a\x1bb"}, "control_character", "description"),
        ({"description": "a\x9fb"}, "control_character", "description"),
        ({"description": "a\u2028b"}, "control_character", "description"),
        ({"description": "a\u202eb"}, "control_character", "description"),
        ({"realm": "a\u2066b"}, "control_character", "realm"),
        ({"metadata": {"a\x00": "b"}}, "control_character", "metadata.a"),
        ({"metadata": {"a": "b\x7f"}}, "control_character", "metadata.a"),
        ({"metadata": {"a": "b", "order": 1}}, "invalid_field", "metadata.order"),
        ({"metadata": {str(i): "x" for i in range(21)}}, "invalid_payment", "metadata"),
        ({"metadata": {"a": "b" * 501}}, "invalid_payment", "metadata"),
        ({"expiresIn": -1}, "invalid_expiry", "expiresIn"),
        ({"expiresIn": 0}, "invalid_expiry", "expiresIn"),
        ({"expiresIn": 59}, "invalid_expiry", "expiresIn"),
        ({"expiresIn": 90 * 86400 + 1}, "invalid_expiry", "expiresIn"),
        ({"expiresIn": 10**18}, "invalid_expiry", "expiresIn"),
        ({"expiresIn": -(10**18)}, "invalid_expiry", "expiresIn"),
        ({"expiresIn": 10**30}, "invalid_expiry", "expiresIn"),
        ({"expiresIn": "60"}, "invalid_field", "expiresIn"),
        ({"expiresIn": 60.5}, "invalid_field", "expiresIn"),
        ({"expiresIn": True}, "invalid_field", "expiresIn"),
        ({"expiresAt": "2026-11-22T11:00:00Z"}, "invalid_expiry", "expiresAt"),
        ({"expiresAt": "2026-11-22T12:00:59Z"}, "invalid_expiry", "expiresAt"),
        ({"expiresAt": "2027-11-22T12:00:59Z"}, "invalid_expiry", "expiresAt"),
        ({"expiresAt": "9999-12-31T23:59:59-23:59"}, "invalid_field", "expiresAt"),
        ({"expiresAt": "0001-01-01T00:00:00+10:00"}, "invalid_field", "expiresAt"),
        ({"date": "0001-01-01T00:00:00+10:00"}, "invalid_field", "date"),
        ({"date": "yesterday"}, "invalid_field", "date"),
        ({"date": "2026-11-22"}, "invalid_field", "date"),
        ({"date": "2026-11-22T10:00:00"}, "invalid_field", "date"),
        ({"date": "2026-02-30T10:00:00Z"}, "invalid_field", "date"),
        ({"date": 1766000000}, "invalid_field", "date"),
        ({"maxPayments": 0}, "invalid_payment", "maxPayments"),
        ({"maxPayments": 1001}, "invalid_payment", "maxPayments"),
        ({"successUrl": "javascript:alert(1)"}, "invalid_payment", "successUrl"),
        ({"cancelUrl": "//evil"}, "invalid_payment", "cancelUrl"),
        ({"colour": "red"}, "unknown_field", "colour"),
        ({"payment_method": "card"}, "unknown_field", "payment_method"),
    ],
)
async def test_a_payment_that_is_not_valid_is_refused_with_its_field(
    world, api, change, code, field
):
    before = world.dump()
    told(await api.post("/api/payment", json=PAYMENT | change), 400, code, field)
    assert world.dump() == before


@pytest.mark.parametrize("name", sorted(PAYMENT))
async def test_a_payment_without_a_field_that_it_needs_is_refused(world, api, name):
    before = world.dump()
    rest = {key: value for key, value in PAYMENT.items() if key != name}
    told(await api.post("/api/payment", json=rest), 400, "invalid_field", name)
    assert world.dump() == before


TEXT = json.dumps(PAYMENT)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"amount": 12.5}, 'Give the amount as a string such as "12.50".'),
        (
            {"amount": "-1"},
            "Give digits only, such as 12.50, above zero, at most 12 of them before the point.",
        ),
        ({"currency": "eur"}, "Give an ISO 4217 code in capital letters, such as EUR."),
        ({"currency": 978}, "Give a string, not a whole number."),
        ({"realm": True}, "Give a string, not true or false."),
        ({"expiresIn": "60"}, "Give a whole number or null, not a string."),
        ({"expiresIn": 60.5}, "Give a whole number or null, not a decimal number."),
        ({"metadata": []}, "Give an object, not a list."),
        ({"metadata": {"a": None}}, "Give a string, not null."),
        (
            {"date": "yesterday"},
            "Give a date and time with its offset, such as 2026-11-22T10:00:00Z.",
        ),
        (
            {"date": "2026-11-22T10:00:00"},
            "Give a date and time with its offset, such as 2026-11-22T10:00:00Z.",
        ),
    ],
)
async def test_what_is_wrong_is_said_in_peoples_words(api, change, detail):
    answer = await api.post("/api/payment", json=PAYMENT | change)
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


async def test_all_that_is_missing_is_named_at_once(api):
    problem = (await api.post("/api/payment", json={"currency": "EUR", "realm": "x"})).json()
    assert (problem["code"], problem["field"]) == ("invalid_field", "amount")
    assert problem["detail"] == "These are needed: amount, date, paymentMethod."


async def test_a_body_that_is_no_object_is_told_so_without_a_field(api):
    problem = (await api.post("/api/payment", content=b"[1]", headers=JSON)).json()
    assert problem["detail"] == "The body must be one JSON object, not a list."
    assert "field" not in problem


@pytest.mark.parametrize(
    ("metadata", "code", "field"),
    [
        ('{"a": "1", "a": "2"}', "duplicate_member", "metadata.a"),
        ('[{"a": "1"}, {"b": "\\u0000"}]', "control_character", "metadata[1].b"),
    ],
)
async def test_a_member_within_is_named_with_the_way_to_it(api, metadata, code, field):
    body = TEXT.replace("}", f', "metadata": {metadata}}}')
    told(await api.post("/api/payment", content=body, headers=JSON), 400, code, field)


async def test_what_is_one_of_a_few_is_told_which_there_are(api, browser):
    made = await browser.post("/api/keys", json={"name": "k", "mode": "play"})
    assert made.json()["detail"] == "Give one of: live, test."
    listed = await api.get("/api/payment?status=lost")
    assert listed.json()["detail"] == "Give one of: open, authorized, paid, expired, cancelled."
    assert (await api.get("/api/payment?limit=0")).json()["detail"] == "Give at least 1."
    assert (await api.get("/api/payment?realm=")).json()["detail"] == "Give at least 1 character."


async def test_an_unknown_parameter_is_told_which_there_are_and_the_mode_with_them(api, browser):
    listed = await api.get("/api/webhooks?colour=red")
    assert listed.json()["detail"] == "Known here: mode."
    assert (await browser.get("/api/keys?mode=test")).json()["detail"] == "Known here: none."


async def test_a_body_of_many_names_is_read_in_time(api):
    many = ",".join(f'"{i:x}":1' for i in range(7000))
    body = f"{{{many}}}".encode()
    async with asyncio.timeout(2):
        answer = await api.post("/api/payment", content=body, headers=JSON)
    told(answer, 400, "unknown_field")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"not json", "not_json"),
        (TEXT.encode() + b"{}", "not_json"),
        (TEXT.encode("utf-16"), "not_json"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "not_json"),
        (TEXT.replace("shop", "sh\x00op").encode(), "not_json"),
        (TEXT.encode().replace(b"shop", b"sh\xffop"), "not_json"),
        (TEXT.encode().replace(b"shop", b"sh\xed\xa0\x80op"), "not_json"),
        (TEXT.replace("shop", r"sh\ud800op").encode(), "control_character"),
        (TEXT.replace("shop", r"sh\u0000op").encode(), "control_character"),
        (TEXT.replace('"12.50"', "NaN").encode(), "not_json"),
        (TEXT.replace('"12.50"', "1" * 5000).encode(), "invalid_field"),
        (b"[" * 60_000, "not_json"),
        (b'{"a":' * 10_000, "not_json"),
        (b"[]", "invalid_field"),
        (b"null", "invalid_field"),
        (b'"text"', "invalid_field"),
        (TEXT.replace('"amount"', '"amount": "1", "amount"').encode(), "duplicate_member"),
        (
            TEXT.replace("}", ', "metadata": {"a": "1", "a": "2"}}').encode(),
            "duplicate_member",
        ),
    ],
)
async def test_a_body_that_readers_could_read_in_two_ways_is_refused(world, api, body, code):
    before = world.dump()
    told(await api.post("/api/payment", content=body, headers=JSON), 400, code)
    assert world.dump() == before


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/jsonx",
        "application/json, text/plain",
        "",
    ],
)
async def test_another_content_type_is_refused(world, api, content_type):
    before = world.dump()
    headers = {"Content-Type": content_type}
    answer = await api.post("/api/payment", content=TEXT, headers=headers)
    told(answer, 415, "unsupported_media_type")
    assert world.dump() == before


@pytest.mark.parametrize(
    ("encoding", "status"), [("gzip", 415), ("br, gzip", 415), ("identity", 201)]
)
async def test_a_body_that_is_encoded_is_refused(api, encoding, status):
    headers = JSON | {"Content-Encoding": encoding}
    assert (await api.post("/api/payment", content=TEXT, headers=headers)).status_code == status


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_in_utf_8_is_taken_by_either_name(api, content_type):
    headers = {"Content-Type": content_type}
    assert (await api.post("/api/payment", content=TEXT, headers=headers)).status_code == 201


@pytest.mark.parametrize("stream", [False, True])
async def test_a_body_over_64_kib_is_refused_without_reading_on(world, api, stream):
    before, sent = world.dump(), 0

    async def parts():
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * 8192

    content = parts() if stream else b" " * (64 * 1024 + 1)
    answer = await api.post("/api/payment", content=content, headers=JSON)
    told(answer, 413, "body_too_large")
    assert sent <= 10
    assert world.dump() == before


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("colour=red", "invalid_query", "colour"),
        ("limit=5&limit=6", "invalid_query", "limit"),
        ("mode=test&mode=test", "invalid_query", "mode"),
        ("mode=play", "invalid_query", "mode"),
        ("limit=0", "invalid_query", "limit"),
        ("limit=201", "invalid_query", "limit"),
        ("limit=1e2", "invalid_query", "limit"),
        ("limit=5.0", "invalid_query", "limit"),
        ("limit=%D9%A3", "invalid_query", "limit"),
        ("limit=", "invalid_query", "limit"),
        ("status=lost", "invalid_query", "status"),
        ("realm=", "invalid_query", "realm"),
        ("realm=a%00b", "control_character", "realm"),
        ("realm=%FF", "invalid_query", None),
        ("from=yesterday", "invalid_query", "from"),
        ("from=2026-11-22T10:00:00", "invalid_query", "from"),
        ("from=1766000000", "invalid_query", "from"),
        ("to=0001-01-01T00:00:00Z", "invalid_field", "to"),
        ("after=nonsense", "invalid_after", "after"),
        ("&".join(f"a{i}=1" for i in range(50)), "invalid_query", None),
    ],
)
async def test_a_query_that_is_not_valid_is_refused(world, api, query, code, field):
    before = world.dump()
    told(await api.get(f"/api/payment?{query}"), 400, code, field)
    assert world.dump() == before


@pytest.mark.parametrize("path", ["/api/users/me", "/api/keys", "/healthz", "/api/issuers"])
async def test_a_query_where_none_is_known_is_refused(browser, path):
    told(await browser.get(path, params={"mode": "test"}), 400, "invalid_query", "mode")


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"username": "shop"}, 409, "username_taken", "username"),
        ({"username": "SHOP"}, 409, "username_taken", "username"),
        ({"email": "Shop@shop.example"}, 409, "email_taken", "email"),
        ({"email": "nothing"}, 400, "invalid_email", "email"),
        ({"username": "a b"}, 400, "invalid_username", "username"),
        ({"password": "short"}, 400, "weak_password", "password"),
        ({"password": "passwordpassword"}, 400, "weak_password", "password"),
        ({"date": "x"}, 400, "invalid_field", "date"),
        ({"role": "admin"}, 400, "unknown_field", "role"),
    ],
)
async def test_a_sign_up_that_cannot_be_is_refused(
    world, shop, stranger, change, status, code, field
):
    before = world.dump()
    told(await stranger.post("/api/users", json=USER | change), status, code, field)
    assert world.dump() == before


@pytest.mark.parametrize(
    ("methods", "code", "field"),
    [
        ([METHOD | {"currencies": ["KWD"]}], "currency_not_taken", None),
        ([METHOD | {"currencies": ["eur"]}], "invalid_field", "paymentMethods[0].currencies[0]"),
        ([METHOD | {"currencies": []}], "invalid_field", "paymentMethods[0].currencies"),
        ([METHOD | {"issuer": "other"}], "unknown_issuer", "paymentMethods[0].issuer"),
        ([METHOD | {"method": "cash"}], "unknown_method", "paymentMethods[0].method"),
        ([METHOD | {"fee": "0"}], "unknown_field", "paymentMethods[0].fee"),
        ({}, "invalid_field", "paymentMethods"),
    ],
)
async def test_a_payment_method_that_no_issuer_takes_is_refused(
    world, browser, methods, code, field
):
    before = world.dump()
    told(await browser.put("/api/users", json={"paymentMethods": methods}), 400, code, field)
    assert world.dump() == before


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"name": "", "mode": "test"}, "invalid_key_name", "name"),
        ({"name": "k" * 81, "mode": "test"}, "invalid_key_name", "name"),
        ({"name": "k", "mode": "play"}, "invalid_field", "mode"),
        ({"name": "k"}, "invalid_field", "mode"),
    ],
)
async def test_a_key_that_is_not_valid_is_refused(world, browser, body, code, field):
    before = world.dump()
    told(await browser.post("/api/keys", json=body), 400, code, field)
    assert world.dump() == before


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"url": "http://shop.example/", "events": ["*"]}, "forbidden_address", "url"),
        ({"url": "https://10.0.0.1/", "events": ["*"]}, "forbidden_address", "url"),
        ({"url": "", "events": ["*"]}, "invalid_webhook", "url"),
        ({"url": "https://shop.example/", "events": []}, "invalid_webhook", "events"),
        ({"url": "https://shop.example/", "events": ["no.such"]}, "invalid_webhook", "events"),
    ],
)
async def test_a_webhook_that_is_not_valid_is_refused(world, api, body, code, field):
    before = world.dump()
    told(await api.post("/api/webhooks", json=body), 400, code, field)
    assert world.dump() == before


@pytest.mark.parametrize(
    "path",
    [
        "/api/payment/{id}",
        "/api/payment/nonsense",
        "/api/payment/lnk_%00",
        "/api/transactions/nonsense",
        "/api/transactions/{id}",
        "/api/webhooks/nonsense/deliveries",
        "/api/nothing",
        "/nothing",
    ],
)
async def test_what_is_not_there_or_anothers_is_missing(world, api, path):
    other = await world.merchant("other")
    async with world.client(auth=other.test) as theirs:
        made = (await theirs.post("/api/payment", json=PAYMENT)).json()
    answer = await api.get(path.format(id=made["id"]))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in ("not_found", "no_such_path")


async def test_another_accounts_payment_cannot_be_cancelled_nor_its_key_revoked(
    world, api, browser
):
    other = await world.merchant("other")
    async with world.client(auth=other.test) as theirs:
        made = (await theirs.post("/api/payment", json=PAYMENT)).json()
    before = world.dump()
    told(await api.post(f"/api/payment/{made['id']}/cancel"), 404, "not_found")
    told(await browser.delete(f"/api/keys/{other.test[0]}"), 404, "not_found")
    assert world.dump() == before


async def test_the_wrong_method_is_refused_with_those_that_are_right(stranger):
    answer = await stranger.patch("/api/payment")
    told(answer, 405, "method_not_allowed")
    assert answer.json()["detail"] == "Allowed here: GET, HEAD, OPTIONS, POST."
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_a_body_where_none_is_taken_is_refused(world, api):
    made = (await api.post("/api/payment", json=PAYMENT)).json()
    before = world.dump()
    path = f"/api/payment/{made['id']}/cancel"
    told(await api.post(path, json={"a": 1}), 400, "body_not_expected")
    told(await api.post(path, content=b"x"), 415, "unsupported_media_type")
    told(await api.post(path, content=b'{"a":1e999}', headers=JSON), 400, "invalid_field")
    assert world.dump() == before
    assert (await api.post(path, json={})).status_code == 200


async def test_cancelling_twice_says_that_it_was_cancelled_before(api):
    made = (await api.post("/api/payment", json=PAYMENT)).json()
    path = f"/api/payment/{made['id']}/cancel"
    assert (await api.post(path)).status_code == 200
    again = await api.post(path)
    told(again, 410, "link_cancelled")
    assert again.json()["detail"] == "It was cancelled before."
