"""One server, two banks: what one definitely did not do, the next may. Both are witnesses."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain
from threading import Thread

import httpx
import pytest

from tests.e2e.fleet import HASTY, NO_LIMIT
from tests.e2e.people import APPROVED, Merchant, Page, form, pay, said
from tests.e2e.processes import LAUNCHER, Bank, Server, until

PARTLY, STOLEN = "4000 0000 0000 0010", "4000 0000 0000 9979"
SECURELY = "5555 5555 5555 4444"
RUSH = 60


class There:
    """A server, its two banks, and a merchant who is paid by both."""

    def __init__(self, folder, stack):
        self.banks = []
        for name in ("first", "second"):
            (folder / name).mkdir()
            self.banks.append(Bank(folder / name))
            stack.callback(self.banks[-1].stop)
        first, second = (f"127.0.0.1:{bank.port}" for bank in self.banks)
        named = {
            "PAYSEAL_ISO8583_PORT": "0",
            "PAYSEAL_ISO8583_HOSTS": f"sandbox={first} second={second}",
            "PAYSEAL_ISO8583_TRANSIT_S": "1",
        }
        self.server = Server(folder, self.banks[0], module=LAUNCHER, **HASTY, **NO_LIMIT, **named)
        self.server.start()
        stack.callback(self.server.stop)
        self.signed_on()
        self.merchant = Merchant.at(self.server.url)
        stack.callback(self.merchant.close)

    def signed_on(self):
        """On both lines to both banks."""
        until(lambda: self.server.process.said.count("line.signed_on") == 4)

    def paid(self, card=APPROVED, **wishes):
        """Pay a new link: what the payer reads, and the transaction once it is certain."""
        payment = self.merchant.payment(**wishes)
        page = pay(payment["url"], card)
        return page, self.certain(payment)

    def certain(self, payment):
        def known():
            (txn,) = self.merchant.transactions(payment=payment["id"])
            return None if txn["status"] in ("started", "unknown") else txn

        return until(known, 60)

    def booked(self, txn):
        """By bank: kind and status of what its book has of each try of the transaction."""
        tries = {each["reference"] for each in txn["tries"]}
        return [
            [
                (r["kind"], r["status"])
                for r in bank.book()
                if tries & {r["reference"], r["original"]}
            ]
            for bank in self.banks
        ]


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with ExitStack() as stack:
        yield There(tmp_path_factory.mktemp("routing"), stack)


@pytest.fixture(autouse=True)
def faultless(there):
    yield
    for bank in there.banks:
        if bank.process.is_running:
            bank.put("/faults")


def fault(bank, kind, on="purchase", **more):
    bank.put("/faults", faults=[{"kind": kind, "next": 1, "on": [on]} | more])


DECLINED, CHARGED = ("purchase", "declined"), ("purchase", "approved")
REVERSED = ("purchase", "reversed")


def test_what_the_first_bank_declines_softly_the_second_charges_and_gives_back(there):
    fault(there.banks[0], "declined")
    page, txn = there.paid()
    assert "Thank you." in page.text
    assert (txn["status"], txn["issuer"]) == ("captured", "second")
    assert [(t["issuer"], t["reason"], t["code"]) for t in txn["tries"]] == [
        ("sandbox", "declined", "05"),
        ("second", None, None),
    ]
    assert there.booked(txn) == [[DECLINED], [CHARGED]]
    refund = there.merchant.http.post(f"/api/transactions/{txn['id']}/refunds", json={})
    assert said(refund)["status"] == "succeeded"
    assert there.booked(txn) == [[DECLINED], [CHARGED, ("refund", "approved")]]
    assert [e["type"] for e in there.merchant.log(txn)["events"]][:3] == [
        "transaction.started",
        "transaction.passed_on",
        "transaction.captured",
    ]


def test_what_is_held_by_the_second_is_captured_there(there):
    fault(there.banks[0], "declined", on="authorization")
    _, txn = there.paid(capture="manual")
    assert (txn["status"], txn["issuer"]) == ("authorized", "second")
    said(there.merchant.http.post(f"/api/transactions/{txn['id']}/capture", json={}))
    assert there.booked(txn)[1] == [("authorization", "approved"), ("capture", "approved")]


@pytest.mark.parametrize("kind", ["lost", "dropped"])
def test_what_is_unknown_at_the_first_is_never_asked_of_the_second(there, kind):
    fault(there.banks[0], kind)
    _, txn = there.paid()
    assert (txn["issuer"], len(txn["tries"])) == ("sandbox", 1)
    assert txn["status"] == ("captured" if kind == "lost" else "reversed")
    assert there.booked(txn) == [[CHARGED] if kind == "lost" else [], []]


def test_a_card_that_is_refused_for_good_is_asked_of_nobody_else_and_not_again(there):
    payment = there.merchant.payment()
    assert "This card cannot be tried again here." in pay(payment["url"], STOLEN).text
    again = pay(payment["url"], STOLEN)
    assert (again.status, "This card was refused for good." in again.text) == (422, True)
    txn = there.certain(payment)
    assert (txn["code"], txn["retry"], len(txn["tries"])) == ("43", "never", 1)
    assert there.booked(txn) == [[DECLINED], []]
    assert "Thank you." in pay(payment["url"], SECURELY).text


def test_a_part_is_given_back_and_never_shown_as_paid(there):
    page, txn = there.paid(PARTLY)
    assert "The payment was declined" in page.text
    assert "This card would pay a part of it only" in page.text
    assert (txn["status"], txn["reason"], txn["captured"]) == (
        "declined",
        "partial_approval",
        "0.00",
    )
    until(lambda: there.booked(txn) == [[REVERSED], []], 30)
    assert (
        said(there.merchant.http.get("/api/ledger", params={"transaction": txn["id"]}))["data"]
        == []
    )


def test_a_server_that_is_killed_while_the_second_is_asked_finds_out_there(there):
    fault(there.banks[0], "declined")
    fault(there.banks[1], "late", seconds=30)
    before = len(there.banks[1].book())
    payment = there.merchant.payment()
    attempt = Page(httpx.get(payment["url"])).attempt

    def kill():
        until(lambda: len(there.banks[1].book()) > before)
        there.server.kill()

    killer = Thread(target=kill)
    killer.start()
    with pytest.raises(httpx.TransportError):
        httpx.post(payment["url"], data=form(attempt), timeout=20)
    killer.join()
    there.server.start()
    there.signed_on()
    txn = there.certain(payment)
    assert (txn["status"], txn["issuer"]) == ("captured", "second")
    assert there.booked(txn) == [[DECLINED], [CHARGED]]


def test_in_a_rush_with_faults_at_both_only_one_bank_holds_each_payment(there):
    chance = random.Random(3)
    for bank in there.banks:
        kinds = ("declined", "lost", "dropped", "reset", "duplicated", "altered")
        faults = [
            {"kind": kind, "probability": 0.12, "on": ["purchase", "reversal"]} for kind in kinds
        ]
        bank.put("/faults", seed=chance.randrange(1000), faults=faults)
    payments = [there.merchant.payment() for _ in range(RUSH)]
    with ThreadPoolExecutor(16) as crowd:
        list(crowd.map(lambda payment: pay(payment["url"]), payments))
    for bank in there.banks:
        bank.put("/faults")
    txns = [there.certain(payment) for payment in payments]
    until(lambda: all(charges(there, t) == (t["status"] == "captured") for t in txns), 60)
    passed_on = [txn for txn in txns if len(txn["tries"]) == 2 and txn["status"] == "captured"]
    assert passed_on
    for txn in passed_on:
        assert there.booked(txn)[1] == [CHARGED]


def charges(there, txn):
    """How many standing charges both books have of the attempt."""
    return [*chain(*there.booked(txn))].count(CHARGED)


def test_without_the_first_bank_the_second_is_asked(there):
    there.banks[0].stop()
    page, txn = there.paid()
    assert "Thank you." in page.text
    assert [(t["issuer"], t["reason"]) for t in txn["tries"]] == [
        ("sandbox", "no_connection"),
        ("second", None),
    ]
    rows = there.banks[1].book()
    assert (rows[-1]["reference"], rows[-1]["status"]) == (txn["reference"], "approved")
