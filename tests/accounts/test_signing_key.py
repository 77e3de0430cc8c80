from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from payseal.accounts import KeySet, RotatedTooOften, SigningKey, ensure_keys, load_keyring, rotate
from payseal.core.ids import LinkId
from payseal.core.keyring import NotOurs, Purpose, Seal
from payseal.core.master import MasterKey, WrongMasterKey
from payseal.core.record import encode
from payseal.core.store import deciding

LINK = LinkId("lnk_" + "7" * 40)
LEAD, AFTER = timedelta(minutes=10), timedelta(days=400)


@pytest.fixture
def turn(store, mint, master, entropy):
    async def call(at, purpose="link") -> SigningKey:
        return await deciding(rotate, store, mint, master, entropy, purpose, at=at)

    return call


async def test_the_first_start_makes_a_key_for_each_purpose_that_signs_at_once(keyring, at):
    assert {keyring.signer(purpose, at).purpose for purpose in Purpose} == set(Purpose)
    assert len(keyring.jwks(at)["keys"]) == len(Purpose)


async def test_later_starts_and_twenty_at_once_find_the_same_keys(store, mint, master, entropy, at):
    await asyncio.gather(*(ensure_keys(store, mint, master, entropy, at=at) for _ in range(20)))
    first = await load_keyring(store, master, at=at)
    await ensure_keys(store, mint, master, entropy, at=at + timedelta(days=1))
    second = await load_keyring(store, master, at=at + timedelta(days=1))

    assert [k.kid for k in first.keys] == [k.kid for k in second.keys]
    assert len(first.keys) == len(Purpose)


async def test_a_next_key_is_published_before_it_signs_and_the_old_one_verifies_long_after(
    keyring, store, master, turn, at
):
    old = keyring.signer("link", at)
    token = Seal(keyring, "").token(LINK, at, at=at)
    later = at + timedelta(days=90)
    new = await turn(later)
    keyring = await load_keyring(store, master, at=later)

    assert (new.publish_at, new.sign_from) == (later, later + LEAD)
    assert new.kid in {key["kid"] for key in keyring.jwks(later)["keys"]}
    assert keyring.signer("link", later + LEAD - timedelta(microseconds=1)).kid == old.kid
    assert keyring.signer("link", later + LEAD).kid == new.kid
    end = later + LEAD + AFTER
    assert Seal(keyring, "").open(token, at=end - timedelta(seconds=1)).link_id == LINK
    with pytest.raises(NotOurs):
        Seal(keyring, "").open(token, at=end)
    assert len((await load_keyring(store, master, at=end)).keys) == len(Purpose)


async def test_two_rotations_at_once_are_one_after_the_other(keyring, store, master, turn, at):
    first, second = await asyncio.gather(turn(at), turn(at))
    keys = (await load_keyring(store, master, at=at)).keys

    assert first.id != second.id
    links = [key for key in keys if key.purpose is Purpose.LINK]
    assert len(links) == 3
    assert sum(key.verify_until is None for key in links) == 1


async def test_a_rotation_leaves_the_other_purpose_alone(keyring, store, master, turn, at):
    await turn(at, "session")
    after = await load_keyring(store, master, at=at)

    later = at + timedelta(days=1)
    assert after.signer("link", later).kid == keyring.signer("link", at).kid
    assert after.signer("session", later).kid != keyring.signer("session", at).kid


async def test_keys_that_ended_are_deleted_by_the_next_rotation(keyring, store, turn, at):
    first = await turn(at)
    await turn(at + timedelta(days=1))
    await turn(at + timedelta(days=500))
    await turn(at + timedelta(days=1000))

    assert await store.get(SigningKey, first.id) is None


async def test_there_is_a_limit_to_keys_that_verify_at_once(keyring, turn, at):
    for minute in range(39):
        await turn(at + timedelta(minutes=minute))

    with pytest.raises(RotatedTooOften):
        await turn(at + timedelta(days=1))
    await turn(at + timedelta(days=402))


async def test_the_secrets_are_sealed_under_the_master_key(keyring, store, master, turn, at):
    new = await turn(at)
    pair = new.open(master)
    body = encode(await store.get(SigningKey, new.id))

    assert bytes(pair.private).hex() not in body.hex()
    assert new.public == pair.public
    assert new.facts() == {"id": new.id}
    assert "sealed" not in repr(new)
    with pytest.raises(WrongMasterKey):
        await load_keyring(store, MasterKey(bytes(32)), at=at)


async def test_a_sealed_secret_opens_in_its_own_record_only(keyring, store, master, turn, at):
    one, other = await turn(at), await turn(at)

    with pytest.raises(WrongMasterKey):
        master.unseal(one.sealed, f"signing key {other.id}")
    assert await store.get(KeySet, one.id) is None
