"""/api/keys: how a merchant's program proves whose it is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import structs

from payseal import accounts
from payseal.accounts import ApiKey
from payseal.core.ids import Mode
from payseal.core.store import deciding
from payseal.web.api.lists import Listing
from payseal.web.auth import Caller
from payseal.web.body import Moment
from payseal.web.once import Effect
from payseal.web.parts import Parts
from payseal.web.strict import shaped


class NewKey(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What the key is for, and whether it moves real money."""

    name: Annotated[str, shaped("web shop", minLength=1, maxLength=80)]
    mode: Mode


class KeyView(msgspec.Struct, frozen=True, rename="camel"):
    """A key, without its secret."""

    id: str
    key: str
    name: str
    mode: Mode
    status: Literal["active", "revoked"]
    created_at: Moment
    expires_at: Moment | None


class KeyAndSecret(KeyView, frozen=True, rename="camel"):
    """A new key: its secret is shown this once.

    It is null where the first answer to this request was lost: then revoke the key, and create
    another with a new Idempotency-Key.
    """

    secret: str | None


def key_view(key: ApiKey) -> KeyView:
    """The key by its public half."""
    return KeyView(
        key.id, key.key, key.name, key.mode, key.status.value, key.created_at, key.expires_at
    )


def with_secret(key: ApiKey, secret: str | None) -> KeyAndSecret:
    """The key with its secret."""
    return KeyAndSecret(**structs.asdict(key_view(key)), secret=secret)


def without_secret(key: ApiKey, _parts: Parts, _at: datetime) -> KeyAndSecret:
    """The key whose secret nobody can show again."""
    return with_secret(key, None)


@post("/api/keys", status_code=201, opt={"once": Effect("accounts", ApiKey, without_secret)})
async def create_key(data: JSONBody[NewKey], caller: NamedDependency[Caller]) -> KeyAndSecret:
    """Create an API key."""
    key, secret = await deciding(
        accounts.create_key,
        caller.accounts,
        caller.parts.mint,
        caller.parts.entropy,
        caller.account,
        data.name,
        data.mode,
        at=caller.at,
    )
    return with_secret(key, secret)


@get("/api/keys")
async def list_keys(caller: NamedDependency[Caller]) -> Listing[KeyView]:
    """List the keys of both modes, the newest first."""
    return Listing([key_view(key) for key in await accounts.keys(caller.accounts, caller.account)])


@delete("/api/keys/{key_id:str}", status_code=200)
async def revoke_key(key_id: FromPath[str], caller: NamedDependency[Caller]) -> KeyView:
    """Revoke a key, by its id or its public half: it opens nothing from now on."""
    key = await deciding(accounts.revoke_key, caller.accounts, caller.account, key_id, at=caller.at)
    return key_view(key)
