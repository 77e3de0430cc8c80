"""DynamoDB Local as a server of tests: one a process, in memory, stopped when the process ends."""

from __future__ import annotations

import atexit
import fcntl
import functools
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".dynamodb"
REGION = "eu-central-1"
CREDENTIALS = ("test", "test")  # the server takes any
START_WITHIN_S = 60
MEMORY_MB = 512
# Our end of its input is closed when we end, in whatever way.
UNTIL_ITS_INPUT_ENDS = '"$@" & server=$!; cat >/dev/null; kill $server; wait $server'


class DynamoServer:
    """A server on a free port, from `start` to `stop`; in memory unless it gets a folder.

    It listens on every address of the machine, as it knows no other way, and holds nothing secret.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._where = ["-inMemory"] if folder is None else ["-dbPath", str(folder.absolute())]

    def start(self) -> DynamoServer:
        install()
        self.port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [
                "sh", "-c", UNTIL_ITS_INPUT_ENDS, "dynamodb",
                "java", f"-Xmx{MEMORY_MB}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                f"-Djava.library.path={FOLDER}/DynamoDBLocal_lib",
                "-jar", f"{FOLDER}/DynamoDBLocal.jar",
                "-port", str(self.port), "-sharedDb", "-disableTelemetry", *self._where,
            ],
            cwd=FOLDER, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._wait()
        return self

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def _wait(self) -> None:
        end = time.monotonic() + START_WITHIN_S
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise AssertionError("DynamoDB Local does not listen")


@functools.cache
def server() -> DynamoServer:
    """The one of this process."""
    started = DynamoServer().start()
    atexit.register(started.stop)
    return started


def install() -> None:
    """Make .dynamodb if it is not there; of several who want that at once, one does."""
    with (ROOT / ".dynamodb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["sh", "setup/dynamodb.sh"], cwd=ROOT, check=True)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
