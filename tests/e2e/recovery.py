"""Recoveries: Payseal loses a bank's answer, or its own life, and finds out by itself."""

import threading
from contextlib import ExitStack, suppress
from functools import partial
from typing import NamedTuple

import httpx

from tests.e2e.people import MUTE, SLOW, Merchant, Page, pay
from tests.e2e.processes import LAUNCHER, PAYSEAL, Bank, Server, until

CARDS = {"slow": SLOW, "mute": MUTE}
HASTY = {"E2E_CALL_WITHIN_S": "4", "E2E_RESOLVE_MARGIN_S": "2"}
RESOLVED_WITHIN_S = 75


class Case(NamedTuple):
    """Whose times, how Payseal ends meanwhile, whether the bank's look-up is on."""

    times: str
    ending: str
    look_up: bool


CASES = (
    Case("true", "killed", look_up=True),
    Case("true", "killed", look_up=False),
    Case("hasty", "killed", look_up=True),
    Case("hasty", "killed", look_up=False),
    Case("hasty", "alive", look_up=True),
    Case("hasty", "alive", look_up=False),
    Case("hasty", "stopped", look_up=True),
)


class Outcome(NamedTuple):
    """Of one card: what stood in the history after the restart, and what at last."""

    before: dict
    after: dict
    page: Page
    book: list
    reversals: list


def recover(case, folder):
    """Pay with both cards, lose both answers, and wait until all is settled."""
    with ExitStack() as stack:
        bank = Bank(folder)
        stack.callback(bank.stop)
        bank.put("/abilities", lookUp=case.look_up, reversalMemory=True)
        if case.times == "true":
            server = Server(folder, bank, module=PAYSEAL)
        else:
            server = Server(folder, bank, module=LAUNCHER, **HASTY)
        stack.callback(_end, server)
        merchant = Merchant.at(server.start().url)
        stack.callback(merchant.close)
        return _pay_and_lose(case, bank, server, merchant)


def _pay_and_lose(case, bank, server, merchant):
    links = {name: merchant.payment(realm=name) for name in CARDS}
    payers = [
        threading.Thread(target=_try_to_pay, args=(link["url"], CARDS[name]))
        for name, link in links.items()
    ]
    for payer in payers:
        payer.start()
    until(lambda: len(bank.book("approved")) == len(CARDS))
    if case.ending == "killed":
        server.kill()
        server.start()
    elif case.ending == "stopped":
        _end(server)
        server.start()
    before = _by_card(merchant)
    for payer in payers:
        payer.join()
    until(lambda: _settled(merchant), RESOLVED_WITHIN_S)
    after = {name: merchant.log(txn) for name, txn in _by_card(merchant).items()}
    pages = {name: Page(httpx.get(link["url"])) for name, link in links.items()}
    book = {name: _of(bank.book(), txn) for name, txn in after.items()}
    reversals = {name: _of(bank.reversals(), txn) for name, txn in after.items()}
    return {
        name: Outcome(before[name], after[name], pages[name], book[name], reversals[name])
        for name in CARDS
    }


def _end(server):
    code = server.stop()
    assert code == 0, server.log


def _try_to_pay(url, card):
    with suppress(httpx.TransportError):  # where the server is killed under them
        pay(url, card)


def _by_card(merchant):
    return {txn["realm"]: txn for txn in merchant.transactions()}


def _settled(merchant):
    return {t["status"] for t in merchant.transactions()} <= {"captured", "reversed"}


def _of(rows, txn):
    return [row for row in rows if row["reference"] == txn["reference"]]


SCENARIOS = {case: partial(recover, case) for case in CASES}
