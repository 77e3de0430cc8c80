"""Parts: what the edge is made of; `main` puts it together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from payseal.accounts import Passwords
from payseal.checkout import Till
from payseal.core.ids import Mint
from payseal.core.keyring import Keyring, Seal
from payseal.core.master import MasterKey
from payseal.core.store import Store
from payseal.issuers import Clock, Issuers


@dataclass(frozen=True, slots=True)
class Rates:
    """How many requests a minute: from one address, by one caller, and at the doors."""

    address: int = 6000
    caller: int = 6000
    door: int = 60  # sign-up, sign-in and payment forms, of one address


class Parts:
    """Everything that a handler needs of the outside.

    Handlers of the API take the stores of their `Caller` or `Guest`: those carry the request's
    idempotency record with the first commit.
    """

    # Not a dataclass: those are taken apart and checked field by field when they are injected.
    def __init__(
        self,
        *,
        accounts: Store,
        payments: Store,
        issuers: Issuers,
        mint: Mint,
        entropy: Callable[[int], bytes],
        master: MasterKey,
        keys: Callable[[], Keyring],
        passwords: Passwords,
        now: Clock,
        till: Till,
        check_address: Callable[[str], None],  # of an endpoint, before it is called ever
        base_url: str,  # without a slash at its end
        callback_secrets: Mapping[str, str] | None = None,  # of issuers that tell of their books
        rates: Rates | None = None,
    ) -> None:
        assert not base_url.endswith("/"), f"paths are put behind {base_url}"
        self.accounts, self.payments = accounts, payments
        self.issuers, self.till = issuers, till
        self.mint, self.entropy, self.now = mint, entropy, now
        self.master, self.keys, self.passwords = master, keys, passwords
        self.check_address = check_address
        self.callback_secrets = callback_secrets or {}
        self.base_url, self.rates = base_url, rates or Rates()
        self._seal: Seal | None = None

    @property
    def seal(self) -> Seal:
        """With the keys of this minute."""
        keyring = self.keys()
        if self._seal is None or self._seal.keyring is not keyring:
            self._seal = Seal(keyring, self.base_url)
        return self._seal
