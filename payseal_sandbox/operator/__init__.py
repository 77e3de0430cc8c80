"""The operator's side of the bank: a page, its JSON, and the settlement file."""

from payseal_sandbox.operator.app import Operator

__all__ = ["Operator"]
