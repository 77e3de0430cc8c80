"""A process stopped between its first commit and the call, until another has undone the payment."""

import json
import signal
import threading
import time
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import NamedTuple

import apsw
import httpx

from tests.e2e.people import Merchant, Page, pay
from tests.e2e.processes import LAUNCHER, Bank, Server, until

CALL_WITHIN_S, MARGIN_S = 3, 1
TIMES = {
    "E2E_CALL_WITHIN_S": str(CALL_WITHIN_S),
    "E2E_RESOLVE_MARGIN_S": str(MARGIN_S),
    "PAYSEAL_ISO8583_TRANSIT_S": "1",
}


class Case(NamedTuple):
    """Where the process stops, and whether the bank remembers reversals of what it never saw."""

    where: str
    remembers: bool


CASES = tuple(
    Case(where, remembers)
    for where in ("before_call", "before_first_byte")
    for remembers in (True, False)
)


class Outcome(NamedTuple):
    """What the bank held while we were stopped, and how all stands at last."""

    held_before: list
    txn: dict
    book: list
    page: Page
    next_page: Page
    transactions: list
    book_at_last: list


def stop_and_go_on(case, folder):
    """Stop the payer's process, resolve with `payseal resolve` beside it, and let it go on."""
    with ExitStack() as stack:
        bank = Bank(folder)
        stack.callback(bank.stop)
        bank.put("/abilities", lookUp=True, reversalMemory=case.remembers)
        server = Server(folder, bank, module=LAUNCHER, E2E_STOP=case.where, **TIMES)
        stack.callback(server.stop)
        merchant = Merchant.at(server.start().url)
        stack.callback(merchant.close)
        payment = merchant.payment()
        payer = threading.Thread(target=_try_to_pay, args=(payment["url"],))
        payer.start()
        until(lambda: server.process.is_stopped)
        held = bank.book()
        time.sleep(CALL_WITHIN_S + MARGIN_S)
        until(lambda: _undone(server))
        server.process.signal(signal.SIGCONT)
        payer.join()
        until(lambda: bank.book("approved") == [] and _quiet(server))
        (txn,) = merchant.transactions()
        return Outcome(
            held,
            merchant.log(txn),
            bank.book(),
            Page(httpx.get(payment["url"])),
            pay(payment["url"]),
            merchant.transactions(),
            bank.book(),
        )


def _try_to_pay(url):
    with suppress(httpx.TransportError):
        pay(url)


def _undone(server):
    """Run the resolver, as a process of its own; whether that has undone the payment."""
    code, printed = server.command("resolve")
    assert code == 0, printed
    (status,) = _bodies(server, "transactions", "status")
    return status == "reversed"


def _quiet(server):
    """Whether no reversal is under way any more."""
    return set(_bodies(server, "reversals", "status")) == {"done"}


def _bodies(server, table, member):
    """A member of each record, read from the file: the server may be stopped."""
    path = server.settings["PAYSEAL_PAYMENTS"].removeprefix("sqlite:///")
    with closing(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)) as store:
        store.set_busy_timeout(5000)
        bodies = [json.loads(body) for (body,) in store.execute(f"SELECT body FROM {table}")]
    return [body.get(member, DEFAULTS[table]) for body in bodies]


DEFAULTS = {"transactions": "started", "reversals": "pending"}
SCENARIOS = {case: partial(stop_and_go_on, case) for case in CASES}
