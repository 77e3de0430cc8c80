"""What must hold when all is quiet (RELIABILITY.md, invariants)."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

from payseal.core.event import Event
from payseal.core.history import merged
from payseal.core.ids import Mode, homes
from payseal.core.money import Currency
from payseal.issuers import OperationKind
from payseal.ledger import Entry, Verdict, audit
from payseal.links import MOVES as LINK_MOVES
from payseal.links import Link, LinkStatus, Place
from payseal.transactions import (
    MOVES,
    Difference,
    DifferenceStatus,
    Dispute,
    DisputeStatus,
    Refund,
    RefundStatus,
    Reversal,
    ReversalStatus,
    Transaction,
    TransactionStatus,
)
from payseal.transactions.refund import MOVES as REFUND_MOVES

SUCCEEDED = RefundStatus.SUCCEEDED
WON = DisputeStatus.WON
AUTHORIZED, VOIDED = TransactionStatus.AUTHORIZED, TransactionStatus.VOIDED
CAPTURED, STARTED = TransactionStatus.CAPTURED, TransactionStatus.STARTED
HELD = (TransactionStatus.AUTHORIZED, TransactionStatus.CAPTURED, TransactionStatus.VOIDED)
# Told of an authorization that goes on.
STAYS = (
    *("transaction.ending", "transaction.capture_declined", "transaction.void_declined"),
    "transaction.passed_on",
)
# A commit is made a moment after its `at` was taken.
LAG = timedelta(seconds=5)


async def read(store, kind, account, shards):
    """All of an account's records of a kind, by id."""
    records, after = {}, None
    while True:
        page = await merged(store, kind, homes(account, Mode.TEST, shards), after=after)
        records |= {record.id: record for record in page.records}
        after = page.after
        if after is None:
            return records


class Books:
    """The banks' own books, read as one: no reference stands in two of them."""

    def __init__(self, banks):
        self.of = {bank.name: bank.book for bank in banks}
        self.book = {ref: booking for bank in banks for ref, booking in bank.book.items()}
        assert len(self.book) == sum(map(len, self.of.values())), "one reference at two banks"


async def check(store, banks, account, shards):
    """Raise with a sentence if our records, our ledger and the banks' own books disagree."""
    bank = Books(banks)
    txns = await read(store, Transaction, account, shards)
    links = await read(store, Link, account, shards)
    entries = await read(store, Entry, account, shards)
    events = await read(store, Event, account, shards)
    refunds = await read(store, Refund, account, shards)
    _agree_with_bank(txns, bank)
    _closed(txns, bank)
    _given_back(txns, refunds, bank)
    disputes = await read(store, Dispute, account, shards)
    _taken_back(txns, disputes, banks)
    for found in (await read(store, Difference, account, shards)).values():
        assert found.status is DifferenceStatus.RESOLVED, f"a false alarm: {found.kind}"
    _books_balance(txns, refunds, disputes, entries)
    for home in homes(account, Mode.TEST, shards):
        for found in (await audit(store, home)).findings:
            assert found.verdict is Verdict.RIGHT, f"the balance of {found.account} is not right"
    _places(links, txns, await read(store, Place, account, shards))
    _histories(links, txns, refunds, events)
    for reversal in (await read(store, Reversal, account, shards)).values():
        assert reversal.status is ReversalStatus.DONE, "I9 a reversal was left open"


def _agree_with_bank(txns, bank):
    book = {ref: b for ref, b in bank.book.items() if b.operation.original is None}
    held = {ref for ref, booking in book.items() if booking.holds}
    references = [txn.operation.reference for txn in txns.values()]
    assert len(references) == len(set(references)), "two operations under one reference"
    tried = [before.reference for txn in txns.values() for before in txn.tried]
    assert set(book) <= {*references, *tried}, "the bank knows a charge that we do not"
    assert not held & set(tried), "I1 an issuer that was passed over holds money"
    for txn in txns.values():
        elsewhere = [book for name, book in bank.of.items() if name != txn.issuer]
        assert not any(txn.operation.reference in book for book in elsewhere), "another has it"
        assert txn.is_final or txn.status is AUTHORIZED, f"I9 {txn.id} was left {txn.status}"
        holds = txn.operation.reference in held
        assert holds == (txn.status in HELD), f"I1 I11 {txn.status}, and held: {holds}"
        if holds:
            booked = book[txn.operation.reference].operation.amount
            assert booked == txn.amount, "I13 another amount at the bank"


def _closed(txns, bank):
    """What the bank's book has of captures and voids is what became of each authorization."""
    followed = {
        b.operation.original.reference: b.operation
        for b in bank.book.values()
        if b.approved and b.operation.kind in (OperationKind.CAPTURE, OperationKind.VOID)
    }
    for txn in txns.values():
        closed = followed.pop(txn.operation.reference, None)
        manual = txn.operation.kind is OperationKind.AUTHORIZE
        if closed is None:
            assert txn.status is not VOIDED, "voided by us alone"
            assert not (manual and txn.status is CAPTURED), "captured by us alone"
            assert txn.look_at is None, "I9 a capture or void was left open"
        else:
            became = CAPTURED if closed.kind is OperationKind.CAPTURE else VOIDED
            assert txn.status is became, f"the bank has {closed.kind}, and we {txn.status}"
            assert txn.closing.id == closed.id, "another operation closed it"
            assert txn.captured.minor in (0, closed.amount.minor), "I4 another amount is ours"
    assert not followed, "the bank closed what we do not know"


def _given_back(txns, refunds, bank):
    ours = {refund.operation.reference: refund for refund in refunds.values()}
    theirs = {ref: b for ref, b in bank.book.items() if b.operation.kind is OperationKind.REFUND}
    assert len(ours) == len(refunds), "two refunds under one reference"
    assert set(theirs) <= set(ours), "the bank knows a refund that we do not"
    for reference, refund in ours.items():
        assert refund.is_final, f"I9 {refund.id} was left {refund.status}"
        approved = reference in theirs and theirs[reference].approved
        assert approved == (refund.status is SUCCEEDED), f"{refund.status}, and done: {approved}"
        if approved:
            assert theirs[reference].operation.amount == refund.amount, "I13 another amount"
    for txn in txns.values():
        done = [r for r in refunds.values() if r.transaction == txn.id and r.status is SUCCEEDED]
        assert txn.refunding == 0, "an amount was left reserved"
        assert txn.refunded == sum(r.amount.minor for r in done), "refunds were not counted"
        assert 0 <= txn.refunded <= txn.captured.minor, "I4 more was given back than was paid"
        assert not done or txn.status is CAPTURED, "what was not paid was given back"


def _taken_back(txns, disputes, banks):
    ours = {dispute.reference: dispute for dispute in disputes.values()}
    theirs = {ref: taken for bank in banks for ref, taken in bank.taken_back.items()}
    assert len(ours) == len(disputes), "two disputes of one chargeback"
    assert set(ours) == set(theirs), "a chargeback was not booked, or is none"
    for reference, taken in theirs.items():
        dispute = ours[reference]
        won = taken.given_again_at is not None
        assert won == (dispute.status is DisputeStatus.WON), f"{dispute.status}, won: {won}"
        assert dispute.amount == taken.amount, "I13 another amount"
    for txn in txns.values():
        lost = [d for d in disputes.values() if d.transaction == txn.id and d.status is not WON]
        assert txn.disputed == sum(d.amount.minor for d in lost), "a dispute was not counted"


def _books_balance(txns, refunds, disputes, entries):
    booked = Counter(entry.operation for entry in entries.values())
    moved_by = {
        (t.closing or t.operation).id: t.captured for t in txns.values() if t.status is CAPTURED
    }
    moved_by |= {r.operation.id: r.amount for r in refunds.values() if r.status is SUCCEEDED}
    moved_by |= {d.id: d.amount for d in disputes.values()}
    moved_by |= {f"{d.id}.won": d.amount for d in disputes.values() if d.status is WON}
    assert booked == Counter([*moved_by]), "I2 money moved and not booked, or booked twice"
    for entry in entries.values():
        for currency in Currency:
            lines = [line.amount.minor for line in entry.lines if line.amount.currency is currency]
            assert sum(lines) == 0, "I2 an entry does not balance"
        moved = max(line.amount.minor for line in entry.lines)
        assert moved == moved_by[entry.operation].minor, "I2 another amount was booked"


def _places(links, txns, places):
    captured = Counter(txn.link for txn in txns.values() if txn.status is CAPTURED)
    waiting = Counter(txn.link for txn in txns.values() if txn.status is AUTHORIZED)
    held = Counter(place.link for place in places.values())
    for link in links.values():
        if link.max_payments is None:
            assert link.status is not LinkStatus.PAID, "a link without end is never paid"
            continue
        taken = captured[link.id] + waiting[link.id]
        assert taken <= link.max_payments, "I1 charged more often than allowed"
        assert held[link.id] == taken, "a place was left behind, or lost"
        if link.max_payments == 1:
            shown = link.status is LinkStatus.AUTHORIZED
            hidden = link.status is LinkStatus.CANCELLED  # while it was held
            assert shown == (bool(waiting[link.id]) and not hidden), "shown as held, or is"
        full = captured[link.id] == link.max_payments
        assert full == (link.status is LinkStatus.PAID), f"all paid: {full}, yet {link.status}"
    for place in places.values():
        status = txns[place.transaction].status
        assert status is (CAPTURED if place.paid else AUTHORIZED), f"paid: {place.paid}, {status}"


def _histories(links, txns, refunds, events):
    of = {}
    for event in events.values():
        of.setdefault(event.resource, []).append(event)
    for record, moves, first in [
        *((txn, MOVES, STARTED) for txn in txns.values()),
        *((refund, REFUND_MOVES, RefundStatus.STARTED) for refund in refunds.values()),
        *((link, LINK_MOVES, LinkStatus.OPEN) for link in links.values()),
    ]:
        told = sorted(of.get(record.id, []), key=lambda event: event.seq)
        moved = [event for event in told if event.type not in STAYS]
        states = [type(first)(event.data["status"]) for event in moved]
        assert states[:1] == [first], "I8 the beginning was not told"
        assert states[-1] is record.status, "I8 the end was not told"
        for before, after in pairwise(states):
            assert moves.allow(before, after), f"I7 {before} became {after}"
    for txn in txns.values():
        link = links[txn.link]
        started = min(event.at for event in of[txn.id])
        assert started < link.expires_at, "I10 an attempt began after the link's end"
        for event in of[link.id]:
            if event.data["status"] == LinkStatus.CANCELLED:
                assert event.at + LAG >= started, "an attempt began after the cancellation"
