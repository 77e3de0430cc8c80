"""The access control server: asks the holders of the bank's cards whether it is they who pay."""

from payseal_sandbox.acs.app import Acs

__all__ = ["Acs"]
