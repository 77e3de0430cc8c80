"""Differences and disputes move along their tables."""

from __future__ import annotations

from datetime import UTC, datetime

from payseal.core.ids import AccountId, Mint, Mode, home
from payseal.core.money import Currency, Money
from payseal.ledger import DifferenceKind
from payseal.transactions import Difference, DifferenceStatus, Dispute, DisputeStatus
from tests.moves import assert_table

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINT, HOME = Mint(lambda size: b"\x07" * size), home(AccountId("0" * 12), Mode.TEST)
SOME = Money(1250, Currency.EUR)


def difference(status: DifferenceStatus) -> Difference:
    return Difference(
        id=MINT.id("dif", HOME, AT),
        status=status,
        kind=DifferenceKind.ROUNDING,
        issuer="bank",
        reference="R",
        ours=SOME,
        day="2026-11-22",
        found_at=AT,
    )


def dispute(status: DisputeStatus) -> Dispute:
    return Dispute(
        id=MINT.id("dsp", HOME, AT),
        status=status,
        transaction="txn",
        payment="lnk",
        realm="shop",
        issuer="bank",
        reference="CB",
        amount=SOME,
        over_recovered=Money(0, Currency.EUR),
    )


def test_a_difference_is_resolved_once():
    resolve = {"resolve": lambda found: found.resolve("seen to")}
    open_, resolved = DifferenceStatus.OPEN, DifferenceStatus.RESOLVED
    assert_table(difference, resolve, {open_: {"resolve": resolved}, resolved: {}})


def test_a_dispute_is_won_lost_or_accepted_and_may_be_won_after_all():
    methods = {
        "win": lambda found: found.win(),
        "lose": lambda found: found.lose(),
        "accept": lambda found: found.accept(),
    }
    states = DisputeStatus
    won = {"win": states.WON}
    undecided = won | {"lose": states.LOST, "accept": states.ACCEPTED}
    table = {
        states.OPEN: undecided,
        states.CONTESTED: undecided,
        states.ACCEPTED: won,
        states.LOST: won,
        states.WON: {},
    }
    assert_table(dispute, methods, table)
