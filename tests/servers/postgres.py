"""A PostgreSQL of the test's own: Debian's binaries, a folder in /tmp, a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

READY_WITHIN_S = 60
# Small, and as durable as in production: a store refuses one that is not.
SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 60
shared_buffers = 64MB
max_wal_size = 2GB
log_min_messages = fatal
"""


def binaries() -> Path:
    """The newest version that is installed; Debian keeps them off the PATH."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if folders:
        return folders[-1].parent
    on_path = shutil.which("initdb")
    assert on_path, "PostgreSQL is not installed: apt-get install postgresql"
    return Path(on_path).resolve().parent


class PostgresServer:
    """Started by `with`, or by `start`; stopped by its own process id, its folder removed."""

    def __init__(self, settings: str = "") -> None:
        self._settings = SETTINGS + settings
        self._binaries = binaries()
        # It refuses to run as root.
        self._user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._databases = 0

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="payseal-postgres-", dir="/tmp"))
        if self._user is not None:
            os.chown(self.folder, self._user, -1)
        self._data = self.folder / "data"
        try:
            self.run(
                "initdb", "--pgdata", self._data, "--username", "payseal", "--auth", "trust",
                "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions",
            )  # fmt: skip
            with (self._data / "postgresql.conf").open("a") as file:
                file.write(f"{self._settings}\nport = {self.port}\n")
                file.write(f"unix_socket_directories = '{self.folder}'\n")
            self.start()
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(immediately=True)
        shutil.rmtree(self.folder)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def start(self) -> None:
        """And wait until it takes connections."""
        with (self.folder / "log").open("ab") as log:
            self._popen = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data],
                cwd=self.folder, user=self._user, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + READY_WITHIN_S
        while not self._is_ready():
            assert self._popen.poll() is None, f"it ended: {(self.folder / 'log').read_text()}"
            assert time.monotonic() < until, "it does not become ready"
            time.sleep(0.02)

    def stop(self, *, immediately: bool = False) -> None:
        """Fast, or `immediately`: as if it had crashed."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGQUIT if immediately else signal.SIGINT)
            self._popen.wait(READY_WITHIN_S)

    def restart(self, *, immediately: bool = False) -> None:
        self.stop(immediately=immediately)
        self.start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://payseal@127.0.0.1:{self.port}/{database}"

    def database(self, template: str = "template1") -> str:
        """The name of a new database."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        self.sql(f"DROP DATABASE {database} WITH (FORCE)")

    def sql(self, text: str, database: str = "postgres") -> str:
        """What psql prints: rows are lines, columns are parted by |."""
        return self.run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", text, self.url(database))

    def set(self, setting: str, value: str) -> None:
        """For everyone, from now on."""
        self.sql(f"ALTER SYSTEM SET {setting} = {value}")
        self.sql("SELECT pg_reload_conf()")
        while self.sql(f"SHOW {setting}") != value:
            time.sleep(0.02)

    def run(self, program: str, *arguments: object) -> str:
        """One of its programs, to its end."""
        done = subprocess.run(
            [self._binaries / program, *map(str, arguments)],
            check=False, cwd=self.folder, user=self._user, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout.strip()

    def _is_ready(self) -> bool:
        command = [self._binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        done = subprocess.run(command, check=False, user=self._user, cwd=self.folder)
        return done.returncode == 0
