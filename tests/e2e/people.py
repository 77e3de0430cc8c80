"""Who uses Payseal over HTTP: a merchant with an API key, and payers with forms."""

import html
import re
from contextlib import asynccontextmanager

import httpx

APPROVED = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
INSUFFICIENT = "4000 0000 0000 9995"
SLOW = "4000 0000 0000 0259"
MUTE = "4000 0000 0000 5126"
AMEX = "3782 822463 10005"
# Codes that nothing else in the tests is likely to say.
CODE, AMEX_CODE = "739", "8317"
PASSWORD = "three plain words here"
WITHIN_S = 30


class Merchant:
    """An account at a server, with a test key."""

    def __init__(self, url, key, secret):
        self.key, self.secret = key, secret
        self.http = httpx.Client(base_url=url, auth=(key, secret), timeout=WITHIN_S)

    @classmethod
    def at(cls, url, name="shop"):
        """Sign up, sign in, choose how to be paid, make a key."""
        with httpx.Client(base_url=url, timeout=WITHIN_S) as http:
            new = {"username": name, "email": f"{name}@shop.example", "password": PASSWORD}
            said(http.post("/api/users", json=new))
            http.headers["Authorization"] = f"Bearer {sign_in(url, name)}"
            issuers = said(http.get("/api/issuers"))["data"]
            methods = [{"issuer": i["name"], **m} for i in issuers for m in i["methods"]]
            said(http.put("/api/users", json={"paymentMethods": methods}))
            key = said(http.post("/api/keys", json={"name": "e2e", "mode": "test"}))
        return cls(url, key["key"], key["secret"])

    def payment(self, **wishes):
        return said(self.http.post("/api/payment", json=order(**wishes)))

    def show(self, payment):
        return said(self.http.get(f"/api/payment/{payment['id']}"))

    def transactions(self, **query):
        return said(self.http.get("/api/transactions", params={"limit": 100, **query}))["data"]

    def all_transactions(self):
        return self._all("/api/transactions")

    def all_payments(self):
        """Their ids."""
        return {payment["id"] for payment in self._all("/api/payment")}

    def _all(self, path):
        found, after = [], {}
        while True:
            page = said(self.http.get(path, params={"limit": 200, **after}))
            found += page["data"]
            if page["after"] is None:
                return found
            after = {"after": page["after"]}

    def log(self, txn):
        return said(self.http.get(f"/api/transactions/{txn['id']}"))

    def close(self):
        self.http.close()


class Page:
    """What a payer reads."""

    def __init__(self, response):
        self.status, self.html = response.status_code, response.text
        bare = re.sub(r"<(script|style|svg).*?</\1>", " ", self.html, flags=re.DOTALL)
        self.text = html.unescape(" ".join(re.sub(r"<[^>]+>", " ", bare).split()))
        self.heading = re.search(r"<h2>(.*?)</h2>", self.html)
        self.heading = html.unescape(self.heading[1]) if self.heading else ""

    @property
    def attempt(self):
        return re.search(r'name="attempt" value="([^"]+)"', self.html)[1]


def sign_in(url, name):
    """An access token."""
    login = {"username": name, "password": PASSWORD}
    return said(httpx.post(f"{url}/api/sessions", json=login, timeout=WITHIN_S))["accessToken"]


def order(**wishes):
    """The body of POST /api/payment."""
    usual = {"amount": "12.50", "date": "2026-11-22T12:00:00Z", "paymentMethod": "card"}
    return usual | {"currency": "EUR", "realm": "e2e"} | wishes


def form(attempt, card=APPROVED, **fields):
    code = AMEX_CODE if card == AMEX else CODE
    return {"number": card, "expiry": "12 / 30", "cvc": code, "attempt": attempt} | fields


def pay(url, card=APPROVED):
    """Open the link, fill in the form, read the outcome."""
    with httpx.Client(follow_redirects=True, timeout=WITHIN_S) as browser:
        opened = Page(browser.get(url))
        return Page(browser.post(url, data=form(opened.attempt, card)))


@asynccontextmanager
async def crowd(size):
    """So many payers, each with cookies and a connection of their own."""
    # No connection is kept: on a slow machine the server may close one just as it is used again.
    limits = httpx.Limits(max_keepalive_connections=0)
    payers = [
        httpx.AsyncClient(follow_redirects=True, timeout=WITHIN_S, verify=False, limits=limits)
        for _ in range(size)
    ]
    try:
        yield payers
    finally:
        for payer in payers:
            await payer.aclose()


def said(response):
    """The JSON of an answer that is no refusal."""
    assert response.is_success, f"{response.status_code} {response.text}"
    return response.json()


def minor(amount):
    """`12.50` as the bank counts; all currencies of these tests have two digits."""
    return int(amount.replace(".", ""))


def agree(transactions, book):
    """The bank's own book has a standing charge for each captured transaction, and no other."""
    ours = {
        (t["reference"], minor(t["amount"]), t["currency"], t["card"]["brand"], t["card"]["last4"])
        for t in transactions
        if t["status"] == "captured"
    }
    theirs = [
        (r["reference"], r["amount"], r["currency"], r["brand"], r["lastFour"])
        for r in book
        if r["kind"] in ("purchase", "authorization") and r["status"] == "approved"
    ]
    assert len(theirs) == len(set(theirs))
    assert ours == set(theirs)
