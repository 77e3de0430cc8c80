"""Guesses: how often a user's password was tried, so that nobody tries them all."""

from __future__ import annotations

from datetime import datetime, timedelta

from payseal.accounts.user import User, normal
from payseal.core.errors import TooMany
from payseal.core.ids import value_id
from payseal.core.record import Record
from payseal.core.store import Insert, Store, Update

GUESSES_MAX = 10
LOCK_FOR = timedelta(minutes=30)


class SignInLocked(TooMany):
    """Too many wrong passwords for this login, whether or not anyone has it."""

    code, title = "sign_in_locked", "Signing in is locked for a while."


class Guesses(Record, frozen=True, kw_only=True):
    """Of one user, by whichever name; or of a login that nobody has. Kept under its hash."""

    prefix, table = "gue", "guesses"

    count: int = 1
    last_at: datetime

    @property
    def due(self) -> datetime:
        """When nothing of it counts any more."""
        return self.last_at + LOCK_FOR

    def again(self, at: datetime) -> Guesses:
        """One more; those before a long pause do not count."""
        if at >= self.due:
            return self._become(count=1, last_at=at)
        if self.count >= GUESSES_MAX:
            wait_s = -((at - self.due) // timedelta(seconds=1))
            raise SignInLocked("Too many wrong passwords. Try again later.", retryAfter=wait_s)
        return self._become(count=self.count + 1, last_at=at)


def guesses_id(login: str, user: User | None) -> str:
    """Where the guesses of a login are counted, however it is written."""
    return value_id(Guesses.prefix, normal(login) if user is None else user.id)


async def count_guess(store: Store, id: str, *, at: datetime) -> None:
    """Before the password is looked at, so that guessing side by side gains nothing."""
    guesses = await store.get(Guesses, id)
    if guesses is None:
        await store.commit(Insert(Guesses(id=id, last_at=at)))
    else:
        await store.commit(Update(guesses.again(at)))
