"""Audit: every balance once more, from the entries."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from payseal.core.ids import Partition, place_of
from payseal.core.money import Currency, Money
from payseal.core.store import Store
from payseal.ledger.balance import Balance, Total, Totals, nothing_yet, summed, totals
from payseal.ledger.entry import Entry, Line

TRIES_MAX = 3  # of a partition whose balances move while its entries are read


class Verdict(StrEnum):
    """What the entries say of a balance; `moving`: as far as can be told while it is counted."""

    RIGHT = "right"
    BEHIND = "behind"
    MOVING = "moving"
    WRONG = "wrong"


class Finding(msgspec.Struct, frozen=True):
    """One balance: as it was projected, and as the entries make it, counted or waiting."""

    partition: Partition
    account: str
    projected: Money
    counted: Money
    waiting: Money
    verdict: Verdict

    def row(self) -> tuple[str, ...]:
        """Its cells of a table."""
        mode, shard = place_of(self.partition)
        money = (str(self.projected), str(self.counted), str(self.waiting))
        currency = self.projected.currency.value
        return (mode.value, str(shard), self.account, currency, *money, self.verdict.value)


class Audit(msgspec.Struct, frozen=True):
    """What was found in some partitions; `unbalanced`: entries that do not add up to nothing."""

    entries: int
    findings: Sequence[Finding]
    unbalanced: Sequence[str]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong; what is waiting to be counted is not."""
        return not self.unbalanced and all(f.verdict is not Verdict.WRONG for f in self.findings)

    def table(self) -> list[str]:
        """For people: a line for each balance, and one for each entry that is off."""
        head = (
            "mode",
            "shard",
            "account",
            "currency",
            "projected",
            "entries",
            "waiting",
            "verdict",
        )
        rows = [head, *(finding.row() for finding in self.findings)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return [*lines, *(f"{id} does not add up to nothing." for id in self.unbalanced)]

    def __add__(self, other: Audit) -> Audit:
        return Audit(
            self.entries + other.entries,
            [*self.findings, *other.findings],
            [*self.unbalanced, *other.unbalanced],
        )


async def audit(store: Store, partition: Partition) -> Audit:
    """All balances of a partition against all its entries, while others go on counting."""
    for _ in range(TRIES_MAX):
        before = await _projected(store, partition)
        entries, counted, waiting, unbalanced = await _recomputed(store, partition)
        after = await _projected(store, partition)
        if before == after:
            break
    findings = [
        _finding(partition, key, before, counted, waiting, after)
        for key in sorted(
            {*before, *counted, *waiting, *after}, key=lambda key: (key[0], key[1].value)
        )
    ]
    return Audit(entries, findings, unbalanced)


def _finding(
    partition: Partition,
    key: tuple[str, Currency],
    before: Totals,
    counted: Totals,
    waiting: Totals,
    after: Totals,
) -> Finding:
    nothing = nothing_yet(partition, *key).total
    low, high = before.get(key, nothing), after.get(key, nothing)
    ours, late = counted.get(key, nothing), waiting.get(key, nothing)
    if not low <= ours <= high:
        verdict = Verdict.WRONG
    elif low != high:
        verdict = Verdict.MOVING
    else:
        verdict = Verdict.RIGHT if late == nothing else Verdict.BEHIND
    return Finding(partition, key[0], high.balance, ours.balance, late.balance, verdict)


async def _projected(store: Store, partition: Partition) -> Totals:
    found, after = list[Total](), None
    while True:
        page = await store.page(Balance, partition, after=after)
        found, after = found + [balance.total for balance in page.records], page.after
        if after is None:
            return totals(found)


async def _recomputed(
    store: Store, partition: Partition
) -> tuple[int, Totals, Totals, Sequence[str]]:
    """How many entries there are; what those make that were counted, and the others; who is off."""
    number, counted, waiting = 0, Totals(), Totals()
    off, after = list[str](), None
    while True:
        page = await store.page(Entry, partition, after=after)
        off += [entry.id for entry in page.records if not is_balanced(entry.lines)]
        counted = _more(counted, [entry for entry in page.records if entry.counted])
        waiting = _more(waiting, [entry for entry in page.records if not entry.counted])
        number, after = number + len(page.records), page.after
        if after is None:
            return number, counted, waiting, off


def is_balanced(lines: Sequence[Line]) -> bool:
    """Whether they add up to nothing in each currency."""
    whole = [Line("", line.amount) for line in lines]
    return all(total.balance.minor == 0 for total in summed(whole).values())


def _more(sums: Totals, entries: Sequence[Entry]) -> Totals:
    new = summed(line for entry in entries for line in entry.lines)
    return totals([*sums.values(), *new.values()])
