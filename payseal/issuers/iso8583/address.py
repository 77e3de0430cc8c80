"""Address: where a host of the acquirer listens."""

from __future__ import annotations

from typing import NamedTuple


class Address(NamedTuple):
    """A name or an address of the network, and a port."""

    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> Address:
        """`127.0.0.1:4001`, or `[::1]:4001`."""
        host, _, port = text.rpartition(":")
        return cls(host.strip("[]"), int(port))
