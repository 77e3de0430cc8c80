"""Postgres: a private server for as long as it is measured, with Debian's default settings."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.process import OTHER_CORE, Failed, Process
from bench.world import free_port

DATABASE, USER = "bench", "bench"


class Postgres:
    """Where it listens, and its programs."""

    def __init__(self, folder: Path, port: int, programs: Path) -> None:
        self.folder, self.port, self.programs = folder, port, programs
        self.url = f"postgresql://{USER}@127.0.0.1:{port}/{DATABASE}"

    def program(self, name: str) -> str:
        """`psql`, `pgbench` …"""
        return str(self.programs / name)

    def run(self, sql: str) -> None:
        """Statements, by psql."""
        command = (self.program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", self.url, "-c", sql)
        _call(command)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Durable as it comes: fsync and synchronous_commit are on. It refuses to run as root."""
    user = _user()
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="payseal-bench-postgres-"))
    if user is not None:
        shutil.chown(folder, user)
    data, port = folder / "data", free_port()
    try:
        _call(
            (str(programs / "initdb"), "-D", str(data), "-U", USER, "--auth=trust", "-E", "UTF8"),
            user=user,
            folder=folder,
        )
        server = Process(
            (str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder)),
            folder / "postgres.log",
            core=OTHER_CORE,
            user=user,
        )
        try:
            ready = (str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port))
            server.until(lambda: subprocess.run(ready, check=False).returncode == 0)
            made = Postgres(folder, port, programs)
            _call(
                (made.program("createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, DATABASE)
            )
            yield made
        finally:
            server.stop(signal.SIGINT)  # it does not wait for who is connected
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """Debian keeps those of the server outside the PATH; the newest version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    if initdb is None:
        raise Failed("PostgreSQL is not installed: apt-get install postgresql")
    return Path(initdb).resolve().parent


def _version(initdb: Path) -> int:
    return int(initdb.parts[-3])


def _user() -> str | None:
    """Who runs it: we ourselves, unless we are root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def _call(command: tuple[str, ...], user: str | None = None, folder: Path | None = None) -> None:
    done = subprocess.run(
        command, user=user, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip()[-300:]}")
