"""Attempt: the key of one filled-in form. The same key again is the same transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from payseal.core.errors import Invalid
from payseal.core.ids import (
    MOMENT_CHARS,
    UNIQUE_CHARS,
    LinkId,
    Mint,
    derive,
    is_base32,
    made_at,
    moment,
    partition_of,
)
from payseal.core.record import Record
from payseal.core.store import Store
from payseal.transactions.transaction import Transaction

CLOCKS_APART_MAX = timedelta(minutes=1)


class InvalidAttempt(Invalid):
    """The form's attempt key is not one of ours, or not of this link's life."""

    code, title = "invalid_attempt", "This form is out of date."


class AttemptKey(msgspec.Struct, frozen=True):
    """`text` is the moment at which the form was made, and eighty random bits."""

    link: LinkId
    text: str

    @classmethod
    def read(cls, link: LinkId, text: str, *, at: datetime) -> AttemptKey:
        """The key that a form or a cookie brought; `InvalidAttempt` if it cannot be ours."""
        if len(text) == MOMENT_CHARS + UNIQUE_CHARS and is_base32(text):
            latest = moment(at + CLOCKS_APART_MAX)
            if moment(made_at(link)) <= text[:MOMENT_CHARS] <= latest:
                return cls(link, text)
        raise InvalidAttempt("Please open the link again.", field="attempt")

    @property
    def attempt(self) -> str:
        """Where it is written down which transaction it became."""
        return _attempt_id(self.link, self.text)

    def next(self) -> AttemptKey:
        """The key of the form after this one: so whoever has one finds all that come after it."""
        moment_of_form = self.text[:MOMENT_CHARS]
        return AttemptKey(self.link, moment_of_form + self.attempt[-UNIQUE_CHARS:])

    def transaction(self, at: datetime) -> str:
        """The id of the transaction that it becomes if it is claimed at that moment."""
        return derive(Transaction.prefix, partition_of(self.link), at, self.link, self.text)


class Attempt(Record, frozen=True, kw_only=True):
    """A key that was used: made with its transaction, so that nobody can use it twice."""

    prefix, table = "att", "attempts"

    transaction: str


@lru_cache(4096)
def _attempt_id(link: LinkId, text: str) -> str:
    return derive(Attempt.prefix, partition_of(link), made_at(link), link, text)


def new_key(mint: Mint, *, at: datetime) -> str:
    """A fresh attempt key for a form."""
    return moment(at) + mint.unique()


async def find(store: Store, key: AttemptKey) -> Transaction | None:
    """What became of the attempt with that key, if it was made."""
    attempt = await store.get(Attempt, key.attempt)
    return None if attempt is None else await store.get(Transaction, attempt.transaction)
