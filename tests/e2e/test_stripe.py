"""A merchant with Stripe at a real server: paid, captured, given back, and no key anywhere."""

import html
import json
import re

import httpx
import pytest

from tests.e2e.people import PASSWORD, WITHIN_S, order, said, sign_in
from tests.e2e.processes import Process, Server
from tests.servers.stripe import GOOD, SECRET_KEY

WEBHOOK_SECRET = "whsec_abcdefgh12345678"
GIVEN = {"credentials": {"secretKey": SECRET_KEY, "webhookSecret": WEBHOOK_SECRET}}


@pytest.fixture(scope="module")
def stripe():
    process = Process("tests.servers.stripe")
    yield json.loads(process.says(r"\{.*\}")[0])["url"]
    process.stop()


@pytest.fixture(scope="module")
def there(tmp_path_factory, bank, stripe):
    folder = tmp_path_factory.mktemp("stripe")
    settings = {"PAYSEAL_STRIPE_CURRENCIES": "EUR", "PAYSEAL_STRIPE_API": stripe}
    server = Server(folder, bank, **settings)
    yield server.start()
    server.stop()


@pytest.fixture(scope="module")
def merchant(there):
    with httpx.Client(base_url=there.url, timeout=WITHIN_S) as http:
        new = {"username": "shop", "email": "shop@shop.example", "password": PASSWORD}
        said(http.post("/api/users", json=new))
        http.headers["Authorization"] = f"Bearer {sign_in(there.url, 'shop')}"
        assert said(http.put("/api/issuers/stripe?mode=test", json=GIVEN))["connected"]
        method = {"issuer": "stripe", "method": "card", "currencies": ["EUR"]}
        said(http.put("/api/users", json={"paymentMethods": [method]}))
        key = said(http.post("/api/keys", json={"name": "e2e", "mode": "test"}))
    with httpx.Client(
        base_url=there.url, auth=(key["key"], key["secret"]), timeout=WITHIN_S
    ) as http:
        yield http


def paid(merchant, stripe, **wishes):
    """The transaction, after its payer was there and back."""
    link = said(merchant.post("/api/payment", json=order(**wishes)))
    with httpx.Client(timeout=WITHIN_S) as browser:
        page = browser.get(link["url"]).text
        attempt = re.search(r'name="attempt" value="([^"]+)"', page)[1]
        browser.post(link["url"], data={"attempt": attempt, "email": ""})
        shown = html.unescape(browser.get(link["url"]).text)
        there = re.search(rf'href="({re.escape(stripe)}[^"]+)"', shown)[1]
        assert "Pay" in browser.get(there).text
        back = browser.post(there, data={"token": GOOD}).headers["location"]
        assert browser.get(back).headers["location"] in link["url"]
        assert "Thank you" in browser.get(link["url"]).text
    (txn,) = said(merchant.get("/api/transactions", params={"payment": link["id"]}))["data"]
    return txn


def test_it_is_paid_and_given_back(merchant, stripe):
    txn = paid(merchant, stripe, amount="12.50", currency="EUR")
    assert txn["status"] == "captured"
    body = {"amount": "2.50", "reason": "returned"}
    refund = said(merchant.post(f"/api/transactions/{txn['id']}/refunds", json=body))
    assert refund["status"] == "succeeded"


def test_what_is_held_is_captured_or_voided(merchant, stripe):
    for verb, status in (("capture", "captured"), ("void", "voided")):
        txn = paid(merchant, stripe, amount="12.50", currency="EUR", capture="manual")
        assert txn["status"] == "authorized"
        after = said(merchant.post(f"/api/transactions/{txn['id']}/{verb}", json={}))
        assert after["status"] == status


def test_its_keys_are_in_no_file_and_no_log(there, merchant, stripe):
    paid(merchant, stripe, amount="1.00", currency="EUR")
    files = [file.read_bytes() for file in there.folder.iterdir() if file.is_file()]
    assert any(b"stripe" in file for file in files)
    for secret in (SECRET_KEY, WEBHOOK_SECRET):
        assert secret not in there.log
        assert not [1 for file in files if secret.encode() in file]
