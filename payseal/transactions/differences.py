"""What can be done with differences: find, look at again, resolve, get, list."""

from __future__ import annotations

from datetime import datetime

from payseal.core.errors import Invalid, Missing
from payseal.core.event import Event, happened
from payseal.core.history import newest
from payseal.core.ids import AccountId, Mode, homes, is_id, is_theirs
from payseal.core.store import PAGE_MAX, Change, Insert, Page, Store, Update
from payseal.ledger import (
    DifferenceKind,
    Entry,
    Mismatch,
    MovementKind,
    compared,
    won_operation,
)
from payseal.transactions import disputes
from payseal.transactions.difference import (
    LOOK_AGAIN,
    Difference,
    DifferenceStatus,
    difference_id,
)
from payseal.transactions.dispute import Dispute
from payseal.transactions.naming import Named, operation_of, wire_name

_K = DifferenceKind
NOTE_MAX = 200


class InvalidNote(Invalid):
    """It is empty, or too long."""

    code, title = "invalid_note", "The note cannot be kept."


async def match(
    store: Store, group: Named, day: str, *, at: datetime
) -> list[Difference | Dispute]:
    """The lines of one reference against its entry. Run by `deciding`; what it found anew."""
    group, dispute = await disputed(store, group, day, at)
    if not group.lines:
        return []
    entry = await operation_of(store, group.operation)
    changes, found = list[Change](), list[Difference]()
    booked = [line for line in group.lines if line.kind is not MovementKind.REVERSAL]
    if entry is not None and booked:
        changes += await _settled(store, group, entry, day, at)
    mismatches = compared(entry, group.lines, day)
    lost = await store.get(Difference, _id(group, _K.LOST_REPLY))
    is_lost = lost is not None and lost.status is DifferenceStatus.OPEN
    if entry is None and lost is not None and is_lost and not (booked and mismatches):
        mismatches, changes = [], _resolved(lost, f"Taken back in the file of {day}.", at)
    for mismatch in mismatches:
        if await store.get(Difference, _id(group, mismatch.kind)) is None:
            found.append(_difference(group, mismatch, entry, day, at))
    if changes or found:
        await store.commit(*changes, *(change for each in found for change in _found(each, at)))
    return [*found, *([dispute] if dispute else [])]


async def disputed(
    store: Store, group: Named, day: str, at: datetime
) -> tuple[Named, Dispute | None]:
    """A chargeback of what we know is a dispute from now on, and its reversal wins that.

    What is left to be compared, and the dispute if it is new. `day` is empty for what the issuer
    told before its file. Run by `deciding`.
    """
    dispute = None
    first = next((line for line in group.lines if line.kind is MovementKind.CHARGEBACK), None)
    if first and group.original and not group.operation:
        dispute, opening = await disputes.opened(store, group, first, day, at)
        if dispute is not None:
            await store.commit(*opening)
            group = group.known_as(dispute.id)
    if not is_id(group.operation, Dispute.prefix):
        return group, dispute
    given_again = [line for line in group.lines if line.kind is MovementKind.REVERSAL]
    if given_again:
        await _win(store, group, day, at)
    rest = [line for line in group.lines if line not in given_again]
    return group.known_as(group.operation, rest), dispute


async def _win(store: Store, group: Named, day: str, at: datetime) -> None:
    changes = await disputes.won(store, group.operation, day, at)
    if not changes and day:
        name = won_operation(group.operation)
        entry = await operation_of(store, name)
        assert entry is not None, "a dispute that is won has its entry"
        changes = await _settled(store, group.known_as(name), entry, day, at)
    if changes:
        await store.commit(*changes)


async def miss(store: Store, entry_id: str, day: str, *, at: datetime) -> list[Difference]:
    """An entry that no file has, unless one came since. Run by `deciding`; what it found anew."""
    entry = await store.get(Entry, entry_id)
    assert entry is not None, "an entry is for ever"
    group = Named(entry.issuer, (), entry.operation, "", entry.partition)
    if entry.settled or await store.get(Difference, _id(group, _K.MISSING_LINE)):
        return []
    lost = await store.get(Difference, _id(group, _K.LOST_REPLY))
    if lost is not None and lost.status is DifferenceStatus.OPEN:
        await store.commit(*_heard(lost, entry, at))
        return []
    missing = Difference(
        id=_id(group, _K.MISSING_LINE),
        kind=_K.MISSING_LINE,
        issuer=entry.issuer,
        reference=await wire_name(store, entry),
        transaction=entry.transaction,
        operation=entry.operation,
        ours=entry.amount,
        day=day,
        found_at=at,
    )
    await store.commit(*_found(missing, at))
    return [missing]


async def look_again(store: Store, id: str, *, at: datetime) -> None:
    """What the issuer has and we had not may be booked by now. Run by `deciding`."""
    lost = await store.get(Difference, id)
    if lost is None or lost.due is None or at < lost.due:
        return
    entry = await operation_of(store, lost.operation)
    if entry is None:
        await store.commit(Update(lost.look_later(at)))
    else:
        await store.commit(*_heard(lost, entry, at))


async def resolve(
    store: Store, account: AccountId, mode: Mode, id: str, note: str, *, at: datetime
) -> Difference:
    """Somebody has seen to it. Run by `deciding`; once it is resolved, it stays as it is."""
    if not 0 < len(note) <= NOTE_MAX:
        raise InvalidNote(f"Give 1 to {NOTE_MAX} characters.", field="note")
    difference = await get(store, account, mode, id)
    if difference.status is DifferenceStatus.OPEN:
        difference = difference.resolve(note)
        await store.commit(Update(difference), Insert(_ended(difference, at)))
    return difference


async def get(store: Store, account: AccountId, mode: Mode, id: str) -> Difference:
    """The account's difference; `Missing` when it is another's, or of the other mode."""
    if is_theirs(id, Difference.prefix, account, mode):
        difference = await store.get(Difference, id)
        if difference is not None:
            return difference
    raise Missing("You have no difference with that id.", difference=id)


async def history(
    store: Store,
    account: AccountId,
    mode: Mode,
    *,
    shards: int = 1,
    status: DifferenceStatus | None = None,
    limit: int = PAGE_MAX,
    after: str | None = None,
) -> Page[Difference]:
    """The account's differences, the latest payment first."""
    wanted = None if status is None else lambda each: each.status is status
    where = homes(account, mode, shards)
    return await newest(store, Difference, where, wanted, after=after, limit=limit)


def _id(group: Named, kind: DifferenceKind) -> str:
    return difference_id(group.partition, group.moment, group.issuer, group.known, kind)


def _difference(
    group: Named, mismatch: Mismatch, entry: Entry | None, day: str, at: datetime
) -> Difference:
    ours_may_come = mismatch.kind is _K.LOST_REPLY and group.operation
    return Difference(
        id=_id(group, mismatch.kind),
        kind=mismatch.kind,
        issuer=group.issuer,
        reference=group.reference,
        transaction=entry.transaction if entry else "",
        operation=group.operation,
        ours=mismatch.ours,
        theirs=mismatch.theirs,
        day=day,
        found_at=at,
        look_at=at + LOOK_AGAIN if ours_may_come else None,
    )


def _found(difference: Difference, at: datetime) -> list[Change]:
    return [Insert(difference), Insert(happened("difference.found", difference, at))]


def _resolved(difference: Difference, note: str, at: datetime) -> list[Change]:
    after = difference.resolve(note)
    return [Update(after), Insert(_ended(after, at))]


def _ended(difference: Difference, at: datetime) -> Event:
    return happened("difference.resolved", difference, at)


def _heard(lost: Difference, entry: Entry, at: datetime) -> list[Change]:
    """Our answer came after the file: what is booked now is what the file had."""
    same = entry.amount == lost.theirs
    changes: list[Change] = [] if entry.settled else [Update(entry.settle(lost.day))]
    if same:
        return [*changes, *_resolved(lost, "Booked since.", at)]
    return [*changes, Update(lost.look_later(at))]


async def _settled(
    store: Store, group: Named, entry: Entry, day: str, at: datetime
) -> list[Change]:
    """The mark on an entry that has its line, and what that makes an end of."""
    if entry.settled:
        return []
    changes: list[Change] = [Update(entry.settle(day))]
    for kind in (_K.MISSING_LINE, _K.LOST_REPLY):
        earlier = await store.get(Difference, _id(group, kind))
        if earlier is not None and earlier.status is DifferenceStatus.OPEN:
            changes += _resolved(earlier, f"Both have it, in the file of {day}.", at)
    return changes
