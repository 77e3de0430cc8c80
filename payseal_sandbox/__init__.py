"""A bank for demos and tests: ISO 8583 over TCP, a book of its own, faults on demand."""

from payseal_sandbox.bank import Bank, Ports

__all__ = ["Bank", "Ports"]
