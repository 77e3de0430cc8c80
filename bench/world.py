"""World: Payseal and the bank as real processes, a merchant with a key, and links to pay."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import apsw

from bench.client import Answer, Connection, request
from bench.load import Job, Sample, drive, each
from bench.process import OTHER_CORE, ROOT, SERVER_CORE, Failed, Process, environment, usage

ORDER = {
    "amount": "12.50",
    "date": "2026-11-22T12:00:00Z",
    "paymentMethod": "card",
    "currency": "EUR",
    "realm": "shop.example",
}
APPROVED, DECLINED = "4242424242424242", "4000000000000002"
PASSWORD = "three plain words here"
NO_LIMIT = str(10**9)
CONNECTIONS = 64
_ATTEMPT = re.compile(rb'name="attempt" value="([0-9a-z]+)"')
_COOKIE = re.compile(rb"set-cookie: ([^;\r]+)", re.IGNORECASE)
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class World:
    """A server that is driven. Operations take a connection and say what status came."""

    bank: Process
    server: Process

    def __init__(self, folder: Path, payments: str = "", command: tuple[str, ...] = ()) -> None:
        self.folder, self.port = folder, free_port()
        self._command = command or (sys.executable, "-m", "payseal", "serve")
        self.settings = {
            "PAYSEAL_ACCOUNTS": f"sqlite:///{folder / 'accounts.db'}",
            "PAYSEAL_PAYMENTS": payments or f"sqlite:///{folder / 'payments.db'}",
            "PAYSEAL_MASTER_KEY": secrets.token_hex(32),
            "PAYSEAL_PORT": str(self.port),
            "PAYSEAL_BASE_URL": f"http://127.0.0.1:{self.port}",
            "PAYSEAL_RATE_ADDRESS": NO_LIMIT,
            "PAYSEAL_RATE_CALLER": NO_LIMIT,
        }
        self._running: list[Process] = []
        self.links: deque[str] = deque()  # paths of links that nobody has opened yet
        self.forms: deque[bytes] = deque()  # requests that pay: the page was opened before
        self._number = count()

    def start_bank(self) -> None:
        """The sandbox bank, with a book of its own."""
        log = self.folder / "bank.log"
        book = str(self.folder / "bank.db")
        self.bank = Process(
            (sys.executable, "-m", "payseal_sandbox", "--book", book), log, core=OTHER_CORE
        )
        self._running.append(self.bank)
        self.bank.until(lambda: re.search(r"\{.*\}", self.bank.said))
        ports = re.search(r"\{.*\}", self.bank.said)
        assert ports is not None, "it was waited for"
        self.settings["PAYSEAL_ISO8583_PORT"] = str(json.loads(ports[0])["iso8583"])

    def start(self) -> float:
        """The server; says after how many seconds it was ready."""
        start = time.monotonic()
        log = self.folder / "server.log"
        self.server = Process(self._command, log, core=SERVER_CORE, settings=self.settings)
        self._running.append(self.server)
        self.server.until(lambda: "Payseal is ready" in self.server.said)
        ready = time.monotonic() - start
        self.server.until(lambda: "line.signed_on" in self.server.said)
        return ready

    def migrate(self) -> None:
        """Make the tables, where a store asks for that before it is served."""
        done = subprocess.run(
            (sys.executable, "-m", "payseal", "migrate"),
            cwd=ROOT,
            env=environment(self.settings),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = re.sub(r"[─│╭╮╰╯\s]+", " ", done.stderr + done.stdout)
            raise Failed(f"payseal migrate: {said.strip()[-100:]}")

    async def sign_up(self, name: str = "shop") -> None:
        """A merchant with a card method and a test key."""
        connection = Connection(self.port)

        async def call(method: str, path: str, body: object = None) -> dict[str, object]:
            sent = b"" if body is None else json.dumps(body).encode()
            answer = await connection.ask(request(method, path, headers=headers, body=sent))
            if answer.status not in (200, 201):
                raise Failed(f"{method} {path}: {answer.status} {answer.body.decode()}")
            found: dict[str, object] = json.loads(answer.body)
            return found

        headers = {"Content-Type": "application/json"}
        new = {"username": name, "email": f"{name}@shop.example", "password": PASSWORD}
        await call("POST", "/api/users", new)
        session = await call("POST", "/api/sessions", {"username": name, "password": PASSWORD})
        headers["Authorization"] = f"Bearer {session['accessToken']}"
        card = {"issuer": "sandbox", "method": "card", "currencies": ["EUR"]}
        await call("PUT", "/api/users", {"paymentMethods": [card]})
        key = await call("POST", "/api/keys", {"name": "bench", "mode": "test"})
        self.use(f"{key['key']}", f"{key['secret']}")
        connection.close()

    def use(self, key: str, secret: str) -> None:
        """Ask with this API key from now on."""
        basic = b64encode(f"{key}:{secret}".encode()).decode()
        self._who = {"Authorization": f"Basic {basic}"}
        self._headers = {**self._who, "Content-Type": "application/json"}
        body = json.dumps(ORDER).encode()
        self._create = request("POST", "/api/payment", headers=self._headers, body=body)
        self._lists = [
            request("GET", f"/api/{what}?limit=20", headers=self._who)
            for what in ("payment", "transactions")
        ]

    async def create(self, connection: Connection) -> int:
        """Create a link."""
        answer = await connection.ask(self._create)
        if answer.status == 201:
            self.links.append(_path_of(answer))
        return answer.status

    async def create_once(self, connection: Connection) -> int:
        """Create a link, with an Idempotency-Key."""
        before, after = self._create.split(b"\r\n\r\n", 1)
        key = b"\r\nIdempotency-Key: bench-%020d\r\n\r\n" % next(self._number)
        return (await connection.ask(before + key + after)).status

    async def view(self, connection: Connection) -> int:
        """Open a link's page, of those that nobody has paid yet, in turn."""
        path = self.links[0]
        self.links.rotate(-1)
        return (await connection.ask(request("GET", path))).status

    async def open_form(self, connection: Connection) -> int:
        """Open a link's page and fill in the form, to be sent later."""
        status, form = await self._fill(connection, APPROVED)
        self.forms.append(form)
        return status

    async def send_form(self, connection: Connection) -> int:
        """Pay: send a form that was opened before."""
        return (await connection.ask(self.forms.popleft())).status

    async def pay(self, connection: Connection) -> int:
        """The payer's whole way: open the page, send the form."""
        _, form = await self._fill(connection, APPROVED)
        return (await connection.ask(form)).status

    async def decline(self, connection: Connection) -> int:
        """The same with a card that is declined; the link goes on."""
        path = self.links[0]
        _, form = await self._fill(connection, DECLINED)
        status = (await connection.ask(form)).status
        self.links.append(path)
        return status

    async def list_payments(self, connection: Connection) -> int:
        """The newest 20 links of the account."""
        return (await connection.ask(self._lists[0])).status

    async def list_transactions(self, connection: Connection) -> int:
        """The newest 20 transactions of the account."""
        return (await connection.ask(self._lists[1])).status

    async def _fill(self, connection: Connection, card: str) -> tuple[int, bytes]:
        path = self.links.popleft()
        page = await connection.ask(request("GET", path))
        attempt, cookie = _ATTEMPT.search(page.body), _COOKIE.search(page.head)
        if attempt is None or cookie is None:
            raise Failed(f"no form on GET {path[:20]}…: {page.status}")
        typed = {"number": card, "expiry": "12 / 30", "cvc": "739", "attempt": attempt[1].decode()}
        headers = {**_FORM, "Cookie": cookie[1].decode()}
        body = urlencode(typed).encode()
        return page.status, request("POST", path, headers=headers, body=body)

    async def prepare(self, *, links: int = 0, forms: int = 0) -> None:
        """At least so many links that nobody has opened, and so many forms to be sent."""
        missing = max(0, forms - len(self.forms))
        await self.drive(each(self.create, max(0, links + missing - len(self.links))))
        await self.drive(each(self.open_form, missing))

    async def drive(self, jobs: Iterable[Job], connections: int = CONNECTIONS) -> Sample:
        """Do the jobs and measure; `Failed` if an answer was none that we wanted."""
        sample = await self.press(jobs, connections)
        if not sample.is_clean:
            wrong = f"refused {sample.refused}, unexpected {sample.failed}"
            raise Failed(f"{wrong}\n{self.server.said[-600:]}")
        return sample

    async def press(self, jobs: Iterable[Job], connections: int) -> Sample:
        """The same, where it may be too much for the server."""
        before = usage(self.bank.pid)
        sample = await drive(jobs, self.port, connections, self.server.pid)
        sample.bank_cpu_s = (usage(self.bank.pid) - before).cpu_s
        return sample

    def booked(self) -> int:
        """Purchases that the bank has booked."""
        db = apsw.Connection(str(self.folder / "bank.db"), flags=apsw.SQLITE_OPEN_READONLY)
        with closing(db):
            found: Any = db.execute("SELECT count(*) FROM booking WHERE status = 'approved'").get
        return int(found)

    def check_paid(self, paid: int) -> None:
        """The bank is the witness: it has booked what was answered to payers, and nothing else."""
        if (booked := self.booked()) != paid:
            raise Failed(f"{paid} payments were answered, and the bank has booked {booked}")

    @property
    def store(self) -> Path:
        """The file of the payments store, if it is SQLite."""
        return self.folder / "payments.db"

    def stop(self) -> None:
        """The server, so that its file can be looked at; and the bank."""
        while self._running:
            self._running.pop().stop()


@asynccontextmanager
async def world(payments: str = "", command: tuple[str, ...] = ()) -> AsyncIterator[World]:
    """All of it in a temporary folder, which is on a disk, one hopes, and is removed again."""
    folder = Path(tempfile.mkdtemp(prefix="payseal-bench-"))
    made = World(folder, payments, command)
    try:
        if payments:
            made.migrate()
        made.start_bank()
        made.start()
        await made.sign_up()
        yield made
    finally:
        await asyncio.to_thread(made.stop)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
        return port


def _path_of(created: Answer) -> str:
    """`/p/…` of the link in the answer."""
    start = created.body.index(b"/p/")
    return created.body[start : created.body.index(b'"', start)].decode()
