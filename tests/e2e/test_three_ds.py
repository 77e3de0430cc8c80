"""3-D Secure end to end: a real server, the bank with its ACS, and a browser without JavaScript."""

import re
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.e2e.holder import CODE, Holder
from tests.e2e.people import APPROVED, DECLINED, Merchant
from tests.e2e.processes import Bank, Server, until
from tests.e2e.test_canary import ways_to_write

FRICTIONLESS, CHALLENGED, UNTOLD = (f"4000 0000 0000 {last}" for last in ("3055", "3220", "3246"))
STEP_UP, MASTERCARD_STEP_UP = "4000 0000 0000 3063", "5200 0000 0000 3068"
ATTEMPTED, REFUSED = "4000 0000 0000 3097", "4000 0000 0000 3105"
REJECTED, UNAVAILABLE = "4000 0000 0000 3113", "4000 0000 0000 3121"
MASTERCARD, MASTERCARD_CHALLENGED = "5200 0000 0000 3050", "5200 0000 0000 3225"
CHALLENGE_S = 4


def three_ds(folder, bank, **settings):
    return Server(
        folder,
        bank,
        PAYSEAL_RATE_ADDRESS="100000",
        PAYSEAL_RATE_CALLER="100000",
        PAYSEAL_ISO8583_THREE_DS=bank.acs,
        **settings,
    )


@pytest.fixture(scope="module")
def folder(folders):
    folder = folders / "3ds"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def bank(folder):
    bank = Bank(folder)
    yield bank
    bank.stop()


@pytest.fixture(scope="module")
def server(folder, bank):
    server = three_ds(folder, bank)
    yield server.start()
    server.stop()


@pytest.fixture(scope="module")
def merchant(server):
    merchant = Merchant.at(server.url, "threeds")
    yield merchant
    merchant.close()


@pytest.fixture
def payment(merchant):
    return merchant.payment()


def booked(bank, txn):
    """The rows of the bank's book for that payment: of the wire references that it ever had."""
    return [row for row in bank.book() if row["lastFour"] == txn["card"]["last4"]][-2:]


def only(merchant, payment):
    (txn,) = merchant.transactions(payment=payment["id"])
    return txn


@pytest.mark.parametrize(
    ("card", "heading", "eci", "code"),
    [
        (FRICTIONLESS, "Thank you", "05", "00"),
        (MASTERCARD, "Thank you", "02", "00"),
        (ATTEMPTED, "Thank you", "06", "00"),
        (UNAVAILABLE, "Thank you", "07", "00"),
        (APPROVED, "Thank you", "07", "00"),
        (DECLINED, "The payment was declined", "07", "05"),
        (REFUSED, "The payment was declined", None, None),
        (REJECTED, "The payment was declined", None, None),
    ],
)
def test_a_card_without_a_challenge_is_settled_at_once(
    bank, merchant, payment, card, heading, eci, code
):
    before = len(bank.book())
    with Holder(payment["url"]) as holder:
        page = holder.pay(card)
    assert heading in page.text
    rows = bank.book()[before:]
    assert [(row["eci"], row["responseCode"]) for row in rows] == ([(eci, code)] if eci else [])


@pytest.mark.parametrize(
    ("card", "eci"), [(CHALLENGED, "05"), (MASTERCARD_CHALLENGED, "02"), (UNTOLD, "05")]
)
@pytest.mark.parametrize("capture", ["automatic", "manual"])
def test_a_holder_confirms_without_a_script_and_pays(bank, merchant, card, eci, capture):
    payment, before = merchant.payment(capture=capture), len(bank.book())
    with Holder(payment["url"]) as holder:
        page = holder.pay(card)
        assert page.heading == "Your bank asks you to confirm this payment"
        assert len(bank.book()) == before, "no money is asked for yet"
        ask, told, _ = holder.confirm(page)
        assert "Is it you who pays 12.50 EUR?" in ask.text
        assert "e2e" in ask.text
        assert "Thank you, you have confirmed" in told.text
        assert "Thank you" in holder.look().text
    (row,) = bank.book()[before:]
    assert (row["eci"], row["amount"], row["currency"]) == (eci, 1250, "EUR")
    kind, status = {
        "automatic": ("purchase", "captured"),
        "manual": ("authorization", "authorized"),
    }[capture]
    assert (row["kind"], only(merchant, payment)["status"]) == (kind, status)
    types = [event["type"] for event in merchant.log(only(merchant, payment))["events"]]
    assert types == [
        *("transaction.started", "transaction.challenged", "transaction.started"),
        f"transaction.{status}",
    ]


@pytest.mark.parametrize(("card", "code"), [(STEP_UP, "1A"), (MASTERCARD_STEP_UP, "65")])
def test_an_issuer_that_asks_for_it_gets_a_challenge_once(bank, merchant, payment, card, code):
    before = len(bank.book())
    with Holder(payment["url"]) as holder:
        page = holder.pay(card)
        assert [row["responseCode"] for row in bank.book()[before:]] == [code]
        holder.confirm(page)
        assert holder.status() == "paid"
    first, second = bank.book()[before:]
    assert (second["responseCode"], second["status"]) == ("00", "approved")
    assert first["reference"] != second["reference"]


@pytest.mark.parametrize("typed", [{"cancel": "1"}, {"code": "1"}])
def test_a_holder_who_does_not_confirm_is_not_charged_and_can_try_again(
    bank, merchant, payment, typed
):
    before = len(bank.book())
    with Holder(payment["url"]) as holder:
        page = holder.pay(CHALLENGED)
        ask, there = holder.press(page)
        for _ in range(1 if "cancel" in typed else 3):
            ask, _ = holder.press(ask, there, **typed)
        holder.press(ask, there)
        page = holder.look()
        assert "The payment was not confirmed with your bank." in page.text
        assert len(bank.book()) == before
        assert "Thank you" in holder.pay(APPROVED).text


def test_a_forged_cres_and_a_forged_rreq_make_nobody_pay(bank, merchant, payment):
    before = len(bank.book())
    with Holder(payment["url"]) as holder:
        page = holder.pay(CHALLENGED)
        txn = only(merchant, payment)
        forged = "eyJtZXNzYWdlVHlwZSI6IkNSZXMiLCJ0cmFuc1N0YXR1cyI6IlkifQ"
        back = f"{payment['url']}/return/{txn['id']}"
        answer = holder.http.post(back, data={"cres": forged})
        assert answer.status_code == 200
        zero = "00000000-0000-4000-8000-000000000000"
        rreq = {
            "messageType": "RReq",
            "messageVersion": "2.2.0",
            **dict.fromkeys(("threeDSServerTransID", "acsTransID", "dsTransID"), zero),
            "transStatus": "Y",
            "eci": "05",
            "authenticationValue": "A" * 27 + "=",
        }
        server = payment["url"].partition("/p/")[0]
        for body in (rreq, {}, {"messageType": "RReq"}):
            assert httpx.post(f"{server}/3ds/{txn['id']}", json=body).status_code == 404
        assert httpx.post(f"{server}/3ds/txn_x", json=rreq).status_code == 404
        assert (holder.status(), len(bank.book())) == ("challenge", before)
        holder.confirm(page)
        assert holder.status() == "paid"


def test_two_tabs_and_the_back_button_make_one_charge(bank, merchant, payment):
    before = len(bank.book())
    with Holder(payment["url"]) as holder:
        page = holder.pay(CHALLENGED)
        tabs = [holder.press(holder.look()) for _ in range(2)]
        answers = [holder.press(ask, there, code=CODE) for ask, there in tabs]
        assert all("you have confirmed" in told.text for told, _ in answers)
        with ThreadPoolExecutor(4) as several:
            list(several.map(lambda told: holder.press(told[0], told[1]), answers * 4))
        assert holder.status() == "paid"
        holder.press(page)  # back to where the challenge began, and on again
        assert "Thank you" in holder.look().text
    assert len(bank.book()) == before + 1


def test_a_server_that_is_killed_meanwhile_takes_the_payer_back(folders, bank):
    folder = folders / "3ds-killed"
    folder.mkdir()
    server = three_ds(folder, bank).start()
    merchant = Merchant.at(server.url, "killed")
    payment, before = merchant.payment(), len(bank.book())
    try:
        with Holder(payment["url"]) as holder:
            page = holder.pay(CHALLENGED)
            ask, there = holder.press(page)
            server.kill()
            told, _ = holder.press(ask, there, code=CODE)  # the RReq meets nobody
            server.start()
            holder.press(told, there)
            assert holder.status() == "paid"
        assert len(bank.book()) == before + 1
        for number in ways_to_write(CHALLENGED):
            for file in folder.iterdir():
                assert number not in file.read_bytes(), file
    finally:
        merchant.close()
        server.stop()


def test_an_abandoned_challenge_ends_and_frees_its_place(folders, bank):
    folder = folders / "3ds-abandoned"
    folder.mkdir()
    server = three_ds(folder, bank, PAYSEAL_ISO8583_CHALLENGE_S=str(CHALLENGE_S)).start()
    merchant = Merchant.at(server.url, "abandoned")
    payment, before = merchant.payment(), len(bank.book())
    try:
        with Holder(payment["url"]) as holder:
            page = holder.pay(CHALLENGED)
            with Holder(payment["url"]) as other:
                assert other.status() == "processing"
            ask, there = holder.press(page)
            until(lambda: holder.status() == "declined")
            assert "The payment was not confirmed in time." in holder.look().text
            told, _ = holder.press(ask, there, code=CODE)  # the RReq is late
            holder.press(told, there)
            assert holder.status() == "declined"
            assert len(bank.book()) == before
            assert "Thank you" in holder.pay(APPROVED).text
        vault = folder / "vault.db"
        with sqlite3.connect(vault) as file:
            assert file.execute("SELECT count(*) FROM waiting_cards").fetchone() == (0,)
    finally:
        merchant.close()
        server.stop()


def test_without_the_banks_3ds_server_the_issuer_decides(folders, bank):
    folder = folders / "3ds-away"
    folder.mkdir()
    away = {"PAYSEAL_ISO8583_THREE_DS": "http://127.0.0.1:9"}
    server = three_ds(folder, bank)
    server.settings |= away
    server.start()
    merchant = Merchant.at(server.url, "away")
    try:
        for card, words in ((APPROVED, "Thank you"), (STEP_UP, "The payment was declined")):
            with Holder(merchant.payment()["url"]) as holder:
                assert words in holder.pay(card).text
    finally:
        merchant.close()
        server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_no_log_tells_of_a_proof_or_a_token(server):
    assert not re.search(r"authenticationValue|creq|cres=|eyJ", server.log)
