"""Attempt: the key of one filled-in form. The same key again is the same transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

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
    moment_at,
    partition_of,
)
from payseal.transactions.transaction import Transaction

CLOCKS_APART_MAX = timedelta(minutes=1)


class InvalidAttempt(Invalid):
    """The form's attempt key is not one of ours, or not of this link's life."""

    code, title = "invalid_attempt", "This form is out of date."


class Attempt(msgspec.Struct, frozen=True):
    """`key` is the moment at which the form was made, and eighty random bits."""

    link: LinkId
    key: str

    @classmethod
    def read(cls, link: LinkId, key: str, *, at: datetime) -> Attempt:
        """The key that a form or a cookie brought; `InvalidAttempt` if it cannot be ours."""
        if len(key) == MOMENT_CHARS + UNIQUE_CHARS and is_base32(key):
            latest = moment(at + CLOCKS_APART_MAX)
            if moment(made_at(link)) <= key[:MOMENT_CHARS] <= latest:
                return cls(link, key)
        raise InvalidAttempt("Please open the link again.", field="attempt")

    @property
    def at(self) -> datetime:
        """When the form was made."""
        return moment_at(self.key[:MOMENT_CHARS])

    @property
    def transaction(self) -> str:
        """The id of the transaction that it becomes."""
        return derive(Transaction.prefix, partition_of(self.link), self.at, self.link, self.key)


def new_key(mint: Mint, *, at: datetime) -> str:
    """A fresh attempt key for a form."""
    return moment(at) + mint.unique()
