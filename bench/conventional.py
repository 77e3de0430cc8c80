"""The conventional stack of `bench/baseline`, driven as Payseal is."""

from __future__ import annotations

import json
import secrets
import sys
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.client import Connection, request
from bench.load import Sample, closed, drive
from bench.process import SERVER_CORE, Failed, Process
from bench.world import CONNECTIONS, ORDER, free_port
from tests.servers.postgres import PostgresServer

WARM_UP_S = 1.5


async def conventional(server: PostgresServer, seconds: float) -> Sample:
    """Closed loop of creates, one uvicorn worker on the server's core."""
    port, key, secret = free_port(), "pk_bench", secrets.token_hex(20)
    settings = {
        "BASELINE_DATABASE": server.url(),
        "BASELINE_BASE_URL": f"http://127.0.0.1:{port}",
        "BASELINE_KEY": key,
        "BASELINE_SECRET": secret,
    }
    command = (
        *(sys.executable, "-m", "uvicorn", "bench.baseline.app:app", "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log"),
    )
    basic = b64encode(f"{key}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    asked = request("POST", "/api/payment", headers=headers, body=json.dumps(ORDER).encode())

    async def create(connection: Connection) -> int:
        return (await connection.ask(asked)).status

    with TemporaryDirectory(prefix="payseal-bench-") as folder:
        log = Path(folder) / "baseline.log"
        process = Process(command, log, core=SERVER_CORE, settings=settings)
        try:
            process.until(lambda: "startup complete" in process.said)
            await drive(closed(create, WARM_UP_S), port, CONNECTIONS, process.pid)
            sample = await drive(closed(create, seconds), port, CONNECTIONS, process.pid)
        finally:
            process.stop()
        if not sample.is_clean:
            raise Failed(f"the conventional stack: {sample.failed}\n{process.said[-600:]}")
    return sample
