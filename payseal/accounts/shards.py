"""Shards: over how many partitions of the payments store an account's links spread."""

from __future__ import annotations

from datetime import datetime

from payseal.accounts.user import User, user_of
from payseal.core.errors import Invalid
from payseal.core.event import happened
from payseal.core.ids import SHARDS_MAX, AccountId
from payseal.core.store import Insert, Store, Update


class InvalidShards(Invalid):
    """Fewer than the account has, or more than there can be."""

    code, title = "invalid_shards", "The account cannot spread over so many shards."


async def shards_of(store: Store, account: AccountId) -> int:
    """How many there are now; `Missing` if there is no such account."""
    return (await user_of(store, account)).shards


async def spread(store: Store, account: AccountId, shards: int, *, at: datetime) -> User:
    """Let new links go to any of so many shards; never fewer, as what is there has to be found.

    Nothing stops and nothing moves. A process that still goes by a smaller number for a while does
    no harm: its links go to the older shards, any link is found by its id, and its lists miss the
    newest links only, those that others have made in the new shards meanwhile.
    """
    user = await user_of(store, account)
    if not user.shards <= shards <= SHARDS_MAX:
        raise InvalidShards(
            f"It has {user.shards} now, and can have up to {SHARDS_MAX}, never fewer than before.",
            shards=user.shards,
        )
    if shards == user.shards:
        return user
    user = user.spread(shards)
    await store.commit(Update(user), Insert(happened("user.spread", user, at)))
    return user
