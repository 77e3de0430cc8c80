"""Balance: what has gone through one ledger account in one currency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from payseal.core.ids import Partition, derive
from payseal.core.money import Currency, Money
from payseal.core.record import Record
from payseal.ledger.entry import Line

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # a balance has no time of its own

Totals = dict[tuple[str, Currency], "Total"]  # by ledger account and currency


class Total(msgspec.Struct, frozen=True):
    """All debits and all credits, both above zero: each only ever grows."""

    account: str
    debits: Money
    credits: Money

    @property
    def balance(self) -> Money:
        """Above zero: the account gained more than it gave."""
        return self.debits - self.credits

    def __le__(self, other: Total) -> bool:
        """Whether the other may be the same, later."""
        return self.debits <= other.debits and self.credits <= other.credits

    def __add__(self, other: Total) -> Total:
        assert other.account == self.account, f"{self.account} and {other.account} do not mix"
        return Total(self.account, self.debits + other.debits, self.credits + other.credits)


class Balance(Record, frozen=True, kw_only=True):
    """The total of one ledger account and currency, of the entries counted in one partition."""

    prefix, table = "bal", "balances"

    account: str
    debits: Money
    credits: Money

    @property
    def total(self) -> Total:
        """What it has counted."""
        return Total(self.account, self.debits, self.credits)

    def count(self, more: Total) -> Balance:
        """With what more entries bring."""
        total = self.total + more
        return self._become(debits=total.debits, credits=total.credits)


def nothing_yet(partition: Partition, account: str, currency: Currency) -> Balance:
    """The one balance there can be of these, before anything was counted: version 0."""
    nothing = Money(0, currency)
    id = derive(Balance.prefix, partition, EPOCH, account, currency.value)
    return Balance(id=id, version=0, account=account, debits=nothing, credits=nothing)


def summed(lines: Iterable[Line]) -> Totals:
    """What these lines add up to, for each ledger account and currency."""
    debits: Counter[tuple[str, Currency]] = Counter()
    credits: Counter[tuple[str, Currency]] = Counter()
    for line in lines:
        minor, currency = line.amount.minor, line.amount.currency
        key = line.account, currency
        debits[key] += max(minor, 0)
        credits[key] += max(-minor, 0)
    return {
        key: Total(key[0], Money(debits[key], key[1]), Money(credits[key], key[1]))
        for key in debits
    }


def totals(parts: Iterable[Total]) -> Totals:
    """The same, of parts."""
    found: Totals = {}
    for part in parts:
        key = part.account, part.debits.currency
        found[key] = found[key] + part if key in found else part
    return found
