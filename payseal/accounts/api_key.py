"""ApiKey: how a merchant's program proves whose it is."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
import zlib
from base64 import b32encode
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from payseal.accounts.session import WrongCredentials
from payseal.core.errors import Conflict, Invalid, Missing
from payseal.core.event import happened
from payseal.core.ids import AccountId, Mint, Mode, account_of, home, is_id, made_at, mode_of
from payseal.core.record import Record
from payseal.core.state import Moves
from payseal.core.store import Delete, Insert, Store, Update

KEYS_MAX = 20  # of an account in one mode, those that are revoked included
NAME_MAX = 80
SECRET_BYTES = 20
SCOPES = ("*",)  # what a key may do; narrower ones join when there is something to narrow
_NO_HASH = "0" * 64
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648, base 32, in small letters


class KeyStatus(StrEnum):
    """Whether it still opens anything."""

    ACTIVE = "active"
    REVOKED = "revoked"


MOVES = Moves({KeyStatus.ACTIVE: (KeyStatus.REVOKED,), KeyStatus.REVOKED: ()})


class InvalidKeyName(Invalid):
    """Empty, too long, or not of printable characters."""

    code, title = "invalid_key_name", "The name of the key is not valid."


class TooManyKeys(Conflict):
    """As many active keys as an account may have in one mode."""

    code, title = "too_many_keys", "There are too many keys."


class ApiKey(Record, frozen=True, kw_only=True):
    """Its id and a secret, of which only the hash is kept, are the credentials (HTTP Basic)."""

    prefix, table, moves = "key", "keys", MOVES

    status: KeyStatus = KeyStatus.ACTIVE
    name: str
    hash: str  # SHA-256 of the secret, which is random: no salt is needed, and it is quick
    scopes: tuple[str, ...] = SCOPES
    expires_at: datetime | None = None

    @property
    def account(self) -> AccountId:
        """Whose it is."""
        return account_of(self.id)

    @property
    def mode(self) -> Mode:
        """Test or live."""
        return mode_of(self.id)

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        return made_at(self.id)

    @property
    def key(self) -> str:
        """`pk_test_…`, the public half: the record's id in other words."""
        return f"pk_{self.mode.value}_{self.id[len(self.prefix) + 1 :]}"

    def facts(self) -> dict[str, object]:
        """What its events tell."""
        return {
            "id": self.id,
            "key": self.key,
            "mode": self.mode.value,
            "status": self.status.value,
            "name": self.name,
        }

    def is_good(self, at: datetime) -> bool:
        """Whether it opens anything at that moment."""
        in_time = self.expires_at is None or at < self.expires_at
        return in_time and self.status is KeyStatus.ACTIVE

    def revoke(self) -> ApiKey:
        """It opens nothing from now on."""
        return self._become(KeyStatus.REVOKED)

    def __repr__(self) -> str:
        return f"ApiKey({self.id} v{self.version} {self.status.value})"


async def create_key(
    store: Store,
    mint: Mint,
    entropy: Callable[[int], bytes],
    account: AccountId,
    name: str,
    mode: Mode,
    *,
    expires_at: datetime | None = None,
    at: datetime,
) -> tuple[ApiKey, str]:
    """A new key, and its secret: nobody sees that again."""
    _check_name(name)
    held = (await store.page(ApiKey, home(account, mode))).records
    # The page may lag, so some that race may end a little above the limit.
    forgotten = [key for key in held if not key.is_good(at)][: max(0, len(held) + 1 - KEYS_MAX)]
    if len(held) - len(forgotten) >= KEYS_MAX:
        raise TooManyKeys(f"Revoke one first: there may be {KEYS_MAX} in each mode.")
    secret = _secret(mode, entropy)
    key = ApiKey(
        id=mint.id(ApiKey.prefix, home(account, mode), at),
        name=name,
        hash=_hash(secret),
        expires_at=expires_at,
    )
    event = happened("key.created", key, at)
    await store.commit(Insert(key), Insert(event), *(Delete(old) for old in forgotten))
    return key, secret


async def keys(store: Store, account: AccountId) -> list[ApiKey]:
    """The account's keys of both modes, the newest first; revoked ones for as long as kept."""
    pages = [await store.page(ApiKey, home(account, mode)) for mode in Mode]
    found = [key for page in pages for key in page.records]
    return sorted(found, key=lambda key: key.created_at, reverse=True)


async def revoke_key(store: Store, account: AccountId, key: str, *, at: datetime) -> ApiKey:
    """It opens nothing any more, from the next request on. `key` is its id, or the `pk_…` text."""
    id = key if is_id(key, ApiKey.prefix) else _id_of(key)
    found = await store.get(ApiKey, id) if id and account_of(id) == account else None
    if found is None:
        raise Missing("You have no key with that id.")
    if found.status is KeyStatus.REVOKED:
        return found
    revoked = found.revoke()
    await store.commit(Update(revoked), Insert(happened("key.revoked", revoked, at)))
    return revoked


async def authenticate_key(store: Store, key: str, secret: str, *, at: datetime) -> ApiKey:
    """The key that these are the credentials of; `WrongCredentials`, whatever is wrong."""
    id = _id_of(key)
    found = await store.get(ApiKey, id) if id and is_well_formed(secret) else None
    right = hmac.compare_digest(found.hash if found else _NO_HASH, _hash(secret))
    if found is None or not right or not found.is_good(at):
        raise WrongCredentials("The key or its secret is wrong, or the key is not valid any more.")
    return found


def is_well_formed(secret: str) -> bool:
    """Whether its checksum is right: a secret with a typing error need not be looked up."""
    text, _, checksum = secret.rpartition("_")
    return secret.isascii() and checksum == _checksum(text)


def _secret(mode: Mode, entropy: Callable[[int], bytes]) -> str:
    """`sk_test_`, 160 random bits, and a checksum that scanners for leaked secrets can check."""
    text = f"sk_{mode.value}_{b32encode(entropy(SECRET_BYTES)).decode().lower()}"
    return f"{text}_{_checksum(text)}"


def _checksum(text: str) -> str:
    padded = zlib.crc32(text.encode("utf-8", "replace")) << 3  # 35 bits are seven digits
    return "".join([_DIGITS[padded >> bits & 31] for bits in range(30, -1, -5)])


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _id_of(key: str) -> str | None:
    """The id of the record, if the text names its mode truly."""
    _, _, unique = key.rpartition("_")
    id = f"{ApiKey.prefix}_{unique}"
    good = is_id(id, ApiKey.prefix) and key == f"pk_{mode_of(id).value}_{unique}"
    return id if good else None


def _check_name(name: str) -> None:
    printable = not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)
    if not (name.strip() and len(name) <= NAME_MAX and printable):
        raise InvalidKeyName(f"Give a name of 1 to {NAME_MAX} characters.", field="name")
