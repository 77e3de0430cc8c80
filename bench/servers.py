"""Postgres: the server of the tests, with as much memory and room as Debian's own settings give.

It inherits our core, and is as durable as in production.
"""

from __future__ import annotations

from tests.servers.postgres import PostgresServer

SETTINGS = "max_connections = 100\nshared_buffers = 128MB\n"


def postgres() -> PostgresServer:
    """For a `with`: a private server for as long as it is measured."""
    return PostgresServer(SETTINGS)
