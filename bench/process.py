"""Process: a program beside the bench, kept to a core; and what a process uses."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
READY_WITHIN_S, STOP_WITHIN_S = 60, 30
TICKS = os.sysconf("SC_CLK_TCK")
_ALL = sorted(os.sched_getaffinity(0))
# The server has a core of its own; the generator, the bank and PostgreSQL share the other one.
SERVER_CORE, OTHER_CORE = {_ALL[0]}, {_ALL[-1]}


@dataclass(frozen=True)
class Usage:
    """CPU time so far, all threads, and memory that is resident now."""

    cpu_s: float = 0.0
    rss: int = 0

    def __sub__(self, before: Usage) -> Usage:
        return Usage(self.cpu_s - before.cpu_s, self.rss - before.rss)


def usage(pid: int) -> Usage:
    """As the kernel counts it, in ticks of mostly 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])  # utime, stime
    return Usage(ticks / TICKS, int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))


def pin(core: set[int]) -> None:
    """Keep this process there."""
    os.sched_setaffinity(0, core)


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without anybody's settings of Payseal."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("PAYSEAL_")}
    return ours | {"PYTHONUNBUFFERED": "1"} | dict(settings or {})


class Failed(Exception):
    """A program did not start, or ended; the text says which and what it said last."""


class Process:
    """What it says goes into a file; it is stopped by its own id."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        core: set[int],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.log, self.command = log, command
        with log.open("wb") as said:
            self._popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        os.sched_setaffinity(self.pid, core)  # its threads start later, and stay there too

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def until(self, ready: Callable[[], object]) -> None:
        """Wait until it is."""
        end = time.monotonic() + READY_WITHIN_S
        while not ready():
            if self._popen.poll() is not None or time.monotonic() > end:
                raise Failed(f"{' '.join(self.command[:4])} … : {self.said.strip()[-600:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Politely, and if that does not help, not."""
        self._popen.terminate()
        try:
            self._popen.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                self._popen.kill()
            self._popen.wait()
