from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from payseal.accounts import (
    KEYS_MAX,
    ApiKey,
    InvalidKeyName,
    KeyStatus,
    TooManyKeys,
    WrongCredentials,
    authenticate_key,
    create_key,
    keys,
    revoke_key,
)
from payseal.accounts.api_key import is_well_formed
from payseal.core.errors import Missing
from payseal.core.event import Event
from payseal.core.ids import AccountId, Mode, home
from payseal.core.record import encode

MINE, THEIRS = AccountId("a1b2c3d4e5f6"), AccountId("b1b2c3d4e5f6")


@pytest.fixture
def make(store, mint, entropy, at):
    async def create(account=MINE, name="shop", mode=Mode.TEST, **changes):
        wish = {"at": at} | changes
        return await create_key(store, mint, entropy, account, name, mode, **wish)

    return create


@pytest.mark.parametrize("mode", Mode)
async def test_a_key_and_its_secret_say_what_they_are_and_open_the_account(make, store, mode, at):
    key, secret = await make(mode=mode)

    assert key.key == f"pk_{mode.value}_{key.id[4:]}"
    assert len(key.key) == 48
    assert secret.startswith(f"sk_{mode.value}_")
    assert len(secret) == 8 + 32 + 1 + 7
    found = await authenticate_key(store, key.key, secret, at=at)
    assert (found, found.account, found.mode, found.scopes) == (key, MINE, mode, ("*",))


async def test_only_a_hash_of_the_secret_is_kept(make, store):
    key, secret = await make()

    assert key.hash == hashlib.sha256(secret.encode()).hexdigest()
    events = (await store.page(Event, home(MINE, Mode.TEST))).records
    for kept in (encode(key), *map(encode, events), repr(key).encode()):
        assert secret[8:40].encode() not in kept
    assert all(key.hash not in text for text in (repr(key), *(repr(e) for e in events)))


async def test_no_two_secrets_are_the_same(make):
    assert len({(await make())[1] for _ in range(10)}) == 10


async def test_any_slip_in_a_secret_is_seen_by_its_checksum(make):
    _, secret = await make()

    assert is_well_formed(secret)
    for place in range(len(secret)):
        for other in "a2_Zé":
            if other != secret[place]:
                assert not is_well_formed(secret[:place] + other + secret[place + 1 :])


async def test_wrong_credentials_have_one_answer(make, store, at):
    key, secret = await make()
    other, other_secret = await make()
    live, live_secret = await make(mode=Mode.LIVE)
    tries = [
        (key.key, other_secret),
        (other.key, secret),
        (key.key, ""),
        (key.key, secret[:-1]),
        (key.key, secret.upper()),
        (key.key, secret + "\n"),
        (key.key, "\ud800é"),
        ("", secret),
        (key.id, secret),
        (key.key.replace("_test_", "_live_"), secret),
        (live.key, secret),
        (live.key.replace("_live_", "_test_"), live_secret),
        (key.key[:-1] + ("0" if key.key[-1] != "0" else "1"), secret),
        (key.key + "\0", secret),
        ("pk_test_" + "é" * 40, secret),
        ("sk_test_" + key.id[4:], secret),
    ]

    answers = set()
    for name, typed in tries:
        with pytest.raises(WrongCredentials) as refused:
            await authenticate_key(store, name, typed, at=at)
        answers.add((refused.value.detail, *refused.value.members))
    assert len(answers) == 1


async def test_a_revoked_key_opens_nothing_from_then_on(make, store, events, at):
    key, secret = await make()
    other, other_secret = await make()

    revoked = await revoke_key(store, MINE, key.key, at=at)

    assert revoked.status is KeyStatus.REVOKED
    with pytest.raises(WrongCredentials):
        await authenticate_key(store, key.key, secret, at=at)
    assert await authenticate_key(store, other.key, other_secret, at=at) == other
    told = sorted(await events(MINE, Mode.TEST))
    assert told == ["key.created", "key.created", "key.revoked"]


async def test_revoking_twice_is_revoking_once(make, store, events, at):
    key, _ = await make()

    first = await revoke_key(store, MINE, key.id, at=at)

    assert await revoke_key(store, MINE, key.id, at=at + timedelta(hours=1)) == first
    assert (await events(MINE, Mode.TEST)).count("key.revoked") == 1


async def test_another_accounts_key_is_missing(make, store, at):
    key, secret = await make()

    for name in (key.id, key.key, "key_", "", "pk_live_" + key.id[4:]):
        with pytest.raises(Missing):
            await revoke_key(store, THEIRS, name, at=at)
    assert await keys(store, THEIRS) == []
    assert await authenticate_key(store, key.key, secret, at=at) == key


async def test_a_key_ends_at_its_moment(make, store, at):
    ends = at + timedelta(days=1)
    key, secret = await make(expires_at=ends)

    await authenticate_key(store, key.key, secret, at=ends - timedelta(microseconds=1))
    with pytest.raises(WrongCredentials):
        await authenticate_key(store, key.key, secret, at=ends)


async def test_keys_of_both_modes_are_listed_the_newest_first(make, store, at):
    first, _ = await make(at=at, name="first")
    second, _ = await make(at=at + timedelta(seconds=1), mode=Mode.LIVE, name="second")
    await make(THEIRS)

    assert await keys(store, MINE) == [second, first]


async def test_there_is_a_limit_and_revoked_keys_make_room(make, store, at):
    made = [await make(name=f"key {n}", at=at + timedelta(seconds=n)) for n in range(KEYS_MAX)]
    with pytest.raises(TooManyKeys):
        await make()
    await make(mode=Mode.LIVE)
    await make(THEIRS)
    oldest = made[3][0]
    await revoke_key(store, MINE, made[5][0].id, at=at)
    await revoke_key(store, MINE, oldest.id, at=at)

    await make(at=at + timedelta(hours=1))

    held = [key.id for key in await keys(store, MINE) if key.mode is Mode.TEST]
    assert len(held) == KEYS_MAX
    assert oldest.id not in held
    assert await store.get(ApiKey, made[5][0].id) is not None


@pytest.mark.parametrize("name", ["x", "My shop №1 🦊", "x" * 80])
async def test_a_name_may_be(make, name):
    assert (await make(name=name))[0].name == name


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\nb", "a\0b", "\ud800", "a\u2028b"])
async def test_a_name_may_not_be(make, store, name):
    with pytest.raises(InvalidKeyName) as refused:
        await make(name=name)

    assert refused.value.members == {"field": "name"}
    assert await keys(store, MINE) == []
