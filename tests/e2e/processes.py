"""Real processes: Payseal, the bank, commands. Each is stopped by its own id."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 30
STOP_WITHIN_S = 20
PAYSEAL, LAUNCHER = "payseal", "tests.e2e.launcher"


class Process:
    """A Python module that runs beside the test; what it says is kept."""

    def __init__(self, module, *arguments, settings=None):
        self._popen = subprocess.Popen(
            [sys.executable, "-u", "-m", module, *map(str, arguments)],
            cwd=ROOT,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._said = bytearray()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self):
        return self._popen.pid

    @property
    def said(self):
        """All that it has printed."""
        return self._said.decode(errors="replace")

    @property
    def is_stopped(self):
        """By SIGSTOP."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def says(self, pattern, within_s=READY_WITHIN_S):
        """The match of what it prints, waited for."""
        found = until(lambda: re.search(pattern, self.said) or not self.is_running, within_s)
        if found is True:
            self._listener.join(STOP_WITHIN_S)
            found = re.search(pattern, self.said)
        assert found, f"it ended without saying {pattern!r}: {self.said}"
        return found

    @property
    def is_running(self):
        return self._popen.poll() is None

    def signal(self, number):
        if self.is_running:
            self._popen.send_signal(number)

    def ends(self, within_s=STOP_WITHIN_S):
        """Its exit code, waited for."""
        code = self._popen.wait(within_s)
        self._listener.join(within_s)
        return code

    def stop(self):
        """Politely, and if that does not help, not."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.ends()
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        """As the kernel kills: nothing is finished, nothing is written any more."""
        self.signal(signal.SIGKILL)
        return self.ends()

    def _listen(self):
        with self._popen.stdout as stdout:
            while text := stdout.read1():
                self._said += text


class Bank:
    """The sandbox bank, and its operator's desk."""

    def __init__(self, folder):
        self.process = Process("payseal_sandbox", "--book", folder / "bank.db")
        ports = json.loads(self.process.says(r"\{.*\}")[0])
        self.port, self._desk = ports["iso8583"], f"http://127.0.0.1:{ports['operator']}"
        self.acs = f"http://127.0.0.1:{ports['acs']}"

    def book(self, status=None):
        return [r for r in rows(self._desk, "/book") if status in (None, r["status"])]

    def reversals(self):
        return rows(self._desk, "/reversals")

    def settlement(self, *faults):
        """Today's file, with these mistakes."""
        asked = [("fault", fault) for fault in faults]
        return httpx.get(f"{self._desk}/settlement.csv", params=asked).raise_for_status().content

    def put(self, path, **wishes):
        httpx.put(self._desk + path, json=wishes).raise_for_status()

    def post(self, path, **wishes):
        return httpx.post(self._desk + path, json=wishes).raise_for_status().json()

    def stop(self):
        self.process.stop()


class Server:
    """`payseal serve` with a folder of its own; it can be killed and started again."""

    def __init__(self, folder, bank, *, module=PAYSEAL, role="all", **settings):
        self.folder, self.port, self._module, self._role = folder, free_port(), module, role
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "PAYSEAL_ACCOUNTS": f"sqlite:///{folder / 'accounts.db'}",
            "PAYSEAL_PAYMENTS": f"sqlite:///{folder / 'payments.db'}",
            "PAYSEAL_MASTER_KEY": secrets.token_hex(32),
            "PAYSEAL_PORT": str(self.port),
            "PAYSEAL_BASE_URL": self.url,
            "PAYSEAL_LOOPBACK_WEBHOOKS": "true",
            "PAYSEAL_ISO8583_PORT": str(bank.port),
        } | settings
        self.process, self._logs = None, []

    def start(self):
        """Start it, and wait until it is ready and signed on at the bank."""
        arguments = ("serve", "--role", self._role)
        self.process = Process(self._module, *arguments, settings=self.settings)
        self._logs.append(self.process)
        self.process.says("line.signed_on")
        if self._role != "worker":
            until(lambda: is_ready(self.url) or not self.process.is_running)
        assert self.process.is_running, self.process.said
        return self

    def kill(self):
        self.process.kill()

    def stop(self):
        code = self.process.stop()
        # Where the search for cards and secrets finds it.
        (self.folder / "server.log").write_text(self.log)
        return code

    @property
    def log(self):
        """What all its processes said."""
        return "".join(process.said for process in self._logs)

    def command(self, *arguments, within_s=60):
        """Run a command of Payseal with the same settings, beside the server."""
        process = Process(PAYSEAL, *arguments, settings=self.settings)
        self._logs.append(process)
        return process.ends(within_s), process.said


def environment(settings=None):
    """Ours, without anybody's settings of Payseal."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("PAYSEAL_")}
    return ours | (settings or {})


def rows(desk, path):
    """A listing of the bank's operator, whole."""
    listing = httpx.get(desk + path).raise_for_status().json()
    assert listing["next"] is None, "the book is longer than a page"
    return listing["rows"]


def is_ready(url):
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def until(true, within_s=READY_WITHIN_S):
    """What `true` says once it is true; waits for it."""
    end = time.monotonic() + within_s
    while not (said := true()):
        assert time.monotonic() < end, f"not so within {within_s} s: {true}"
        time.sleep(0.05)
    return said


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return probe.getsockname()[1]
