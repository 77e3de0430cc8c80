"""SigningKey: a pair of the keyring, its secrets sealed, and the times of its roles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from payseal.core.errors import Conflict
from payseal.core.ids import ACCOUNT_CHARS, AccountId, Mint, home, value_id
from payseal.core.keypair import SEED_BYTES, SIV_BYTES, thumbprint
from payseal.core.keyring import KeyPair, Keyring, Purpose
from payseal.core.master import MasterKey
from payseal.core.record import Record
from payseal.core.store import Change, Delete, Insert, Store, Taken, Update

PUBLISH_BEFORE = timedelta(minutes=10)
VERIFY_AFTER = timedelta(days=400)
SIGNING_KEYS_MAX = 40  # of one purpose, at one time
_OURS = home(AccountId("0" * ACCOUNT_CHARS))  # no merchant's: Payseal's own


class RotatedTooOften(Conflict):
    """So many keys still verify that there is no room for another."""

    code, title = "rotated_too_often", "The key was changed too often."


class SigningKey(Record, frozen=True, kw_only=True):
    """Published, signing, verifying, ended: a function of the clock. Only its end is set later."""

    prefix, table = "sgk", "signing_keys"

    purpose: Purpose
    public: bytes
    sealed: bytes
    publish_at: datetime
    sign_from: datetime
    verify_until: datetime | None = None

    @property
    def kid(self) -> str:
        """Its name in tokens and in the public key set (RFC 7638)."""
        return thumbprint(self.public)

    def open(self, master: MasterKey) -> KeyPair:
        """The pair itself; `WrongMasterKey` if it was sealed under another."""
        return KeyPair(
            self.purpose,
            master.unseal(self.sealed, _context(self.id)),
            publish_at=self.publish_at,
            sign_from=self.sign_from,
            verify_until=self.verify_until,
        )

    def end(self, verify_until: datetime) -> SigningKey:
        """Another signs from now on; this one verifies until then."""
        return self._become(verify_until=verify_until)

    def has_ended(self, at: datetime) -> bool:
        """Whether nothing that it signed is accepted any more."""
        return self.verify_until is not None and at >= self.verify_until

    def __repr__(self) -> str:
        return f"SigningKey({self.id} v{self.version} {self.purpose.value})"


class KeySet(Record, frozen=True, kw_only=True):
    """Which keys of one purpose there are, the newest last: one record, so there is one truth."""

    prefix, table = "kst", "key_sets"

    keys: tuple[str, ...]

    def turn(self, keys: tuple[str, ...]) -> KeySet:
        """Other keys than before."""
        return self._become(keys=keys)


async def load_keyring(store: Store, master: MasterKey, *, at: datetime) -> Keyring:
    """All keys that sign or verify now, or will."""
    sets = await store.get_many(KeySet, [_set_id(purpose) for purpose in Purpose])
    pairs = []
    for key_set in sets:
        held = await _held(store, key_set) if key_set else []
        pairs += [key.open(master) for key in held if not key.has_ended(at)]
    return Keyring(tuple(pairs))


async def ensure_keys(
    store: Store,
    mint: Mint,
    master: MasterKey,
    entropy: Callable[[int], bytes],
    *,
    at: datetime,
) -> None:
    """On the first start: a key for each purpose, which signs at once."""
    for purpose in Purpose:
        id = _set_id(purpose)
        if await store.get(KeySet, id) is None:
            key = _make(mint, master, entropy, purpose, publish_at=at, sign_from=at)
            try:
                await store.commit(Insert(KeySet(id=id, keys=(key.id,))), Insert(key))
            except Taken:
                continue  # another process has just done it


async def rotate(
    store: Store,
    mint: Mint,
    master: MasterKey,
    entropy: Callable[[int], bytes],
    purpose: Purpose | str,
    *,
    at: datetime,
) -> SigningKey:
    """The next key: published now, signing in ten minutes, when every process has seen it."""
    purpose = Purpose(purpose)
    key_set = await store.get(KeySet, _set_id(purpose))
    assert key_set is not None, "`ensure_keys` makes the first"
    held = await _held(store, key_set)
    ended = [key for key in held if key.has_ended(at)]
    kept = [key for key in held if not key.has_ended(at)]
    if len(kept) >= SIGNING_KEYS_MAX:
        raise RotatedTooOften(f"{len(kept)} keys still verify; wait until the oldest ends.")
    sign_from = at + PUBLISH_BEFORE
    key = _make(mint, master, entropy, purpose, publish_at=at, sign_from=sign_from)
    changes: list[Change] = [Update(key_set.turn((*(old.id for old in kept), key.id)))]
    changes.append(Insert(key))
    changes += [Update(o.end(sign_from + VERIFY_AFTER)) for o in kept if o.verify_until is None]
    changes += [Delete(old) for old in ended]
    await store.commit(*changes)
    return key


async def _held(store: Store, key_set: KeySet) -> list[SigningKey]:
    found = await store.get_many(SigningKey, key_set.keys)
    return [key for key in found if key is not None]


def _make(
    mint: Mint,
    master: MasterKey,
    entropy: Callable[[int], bytes],
    purpose: Purpose,
    *,
    publish_at: datetime,
    sign_from: datetime,
) -> SigningKey:
    secret = entropy(SEED_BYTES + SIV_BYTES)
    pair = KeyPair(purpose, secret, publish_at=publish_at, sign_from=sign_from)
    id = mint.id(SigningKey.prefix, _OURS, publish_at)
    return SigningKey(
        id=id,
        purpose=purpose,
        public=pair.public,
        sealed=master.seal(secret, _context(id)),
        publish_at=publish_at,
        sign_from=sign_from,
    )


def _set_id(purpose: Purpose) -> str:
    return value_id(KeySet.prefix, purpose.value)


def _context(id: str) -> str:
    return f"signing key {id}"
