"""`payseal reconcile` and the settlement folder, beside a running server."""

import time

from tests.e2e.people import Merchant, pay, said
from tests.e2e.processes import Bank, Server, until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_file_is_held_against_the_ledger_by_command_and_from_the_folder(tmp_path):
    folder = tmp_path / "settlement"
    folder.mkdir()
    bank = Bank(tmp_path)
    server = Server(tmp_path, bank, PAYSEAL_SETTLEMENT_FOLDER=str(folder))
    try:
        server.start()
        merchant = Merchant.at(server.url)
        _reconciled(server, bank, merchant, folder, tmp_path / "today.csv")
        merchant.close()
    finally:
        server.stop()
        bank.stop()


def _reconciled(server, bank, merchant, folder, file):
    for amount in ("12.50", "7.50"):
        assert "Thank you." in pay(merchant.payment(amount=amount)["url"]).text
    (late, first) = merchant.transactions()
    assert first["fee"] == "0.43"
    until(lambda: said(merchant.http.get("/api/balance"))["balances"])
    time.sleep(6)  # what was booked in the last five seconds is left to the next file

    file.write_bytes(bank.settlement())
    code, printed = server.command("reconcile", file)
    assert (code, "2 lines, 0 new differences" in printed) == (0, True), printed
    file.write_bytes(bank.settlement("rounding")[:-3])
    code, printed = server.command("reconcile", file)
    assert code == 1
    assert "Its end does not fit its lines: it is cut, or was changed." in printed
    file.write_bytes(bank.settlement("rounding"))
    code, printed = server.command("reconcile", file)
    assert code == 1
    assert f"rounding  {first['reference']}  ours 12.50  theirs 12.49  EUR" in printed

    (folder / "today.part").write_bytes(bank.settlement(f"fee_drift@{late['reference']}"))
    (folder / "today.part").rename(folder / "today.csv")
    until((folder / "read" / "today.csv").exists)
    found = said(merchant.http.get("/api/differences", params={"status": "open"}))["data"]
    assert {(each["kind"], each["transaction"]) for each in found} == {
        ("rounding", first["id"]),
        ("fee_drift", late["id"]),
    }
    path = f"/api/differences/{found[0]['id']}/resolve"
    assert said(merchant.http.post(path, json={"note": "paid by hand"}))["status"] == "resolved"
    left = said(merchant.http.get("/api/differences", params={"status": "open"}))["data"]
    assert left == found[1:]


def test_a_chargeback_is_told_at_once_through_a_restart_and_the_file_agrees(tmp_path):
    bank = Bank(tmp_path)
    server = Server(tmp_path, bank, PAYSEAL_ISO8583_CALLBACK_SECRET=SECRET)
    try:
        server.start()
        bank.put("/listener", url=f"{server.url}/hooks/sandbox", secret=SECRET)
        merchant = Merchant.at(server.url)
        _told(server, bank, merchant, tmp_path / "today.csv")
        merchant.close()
    finally:
        server.stop()
        bank.stop()


def _told(server, bank, merchant, file):
    assert "Thank you." in pay(merchant.payment(amount="12.50")["url"]).text
    (txn,) = merchant.transactions()
    name = {"reference": txn["reference"], "merchant": bank.book()[0]["merchant"].rstrip()}
    server.kill()
    taken = bank.post("/chargebacks", **name)
    server.start()
    (dispute,) = until(lambda: said(merchant.http.get("/api/disputes"))["data"])
    assert (dispute["status"], dispute["transaction"]) == ("open", txn["id"])
    bank.post("/chargebacks/won", **name | {"reference": taken["reference"]})
    path = f"/api/disputes/{dispute['id']}"
    until(lambda: said(merchant.http.get(path))["status"] == "won")
    time.sleep(6)
    file.write_bytes(bank.settlement())
    code, printed = server.command("reconcile", file)
    assert (code, "3 lines, 0 new differences" in printed) == (0, True), printed
    (balance,) = [b for b in until(lambda: _settled(merchant)) if b["account"] == "disputes"]
    assert balance["balance"] == "0.00"


def _settled(merchant):
    """The balances, once they have all that was booked."""
    found = said(merchant.http.get("/api/balance"))["balances"]
    return found if any(b["account"] == "clearing:sandbox" for b in found) else None


def test_the_commands_refuse_a_file_that_is_not_there(server):
    code, printed = server.command("reconcile", "/nowhere/today.csv")
    assert (code, "No such file" in printed) == (1, True)
