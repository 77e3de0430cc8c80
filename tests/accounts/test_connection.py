"""Connections: what a merchant gives is checked, sealed, and never told again."""

from datetime import UTC, datetime, timedelta

import pytest

from payseal import accounts
from payseal.accounts import Connection, InvalidCredentials, NothingToConnect
from payseal.core.credential import Credential
from payseal.core.ids import AccountId, Mode, home
from payseal.core.master import MasterKey, WrongMasterKey
from payseal.core.store import Insert

KEY, HOOK = "sk_test_4eC39HqLyjWDarjtT1zdp7dc", "whsec_abcdefgh12345678"
WANTED = (
    Credential("secretKey", "sk_test_[A-Za-z0-9]{8,}", "sk_live_[A-Za-z0-9]{8,}", "sk_…"),
    Credential("hook", "whsec_[a-z0-9]+", "whsec_[a-z0-9]+", "whsec_…", required=False),
)
MASTER = MasterKey(bytes(range(32)))
GIVEN = {"secretKey": KEY, "hook": HOOK}


ACCOUNT = AccountId("0123456789ab")
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def connect(store, mode=Mode.TEST, wanted=WANTED, **given):
    return await accounts.connect(store, MASTER, wanted, ACCOUNT, mode, "stripe", given, at=AT)


async def held(store, mode=Mode.TEST, master=MASTER):
    return await accounts.credentials(store, master, ACCOUNT, mode, "stripe")


async def test_what_was_given_comes_out_again_in_its_mode_only(store):
    assert await held(store) is None
    await connect(store, **GIVEN)
    assert await held(store) == GIVEN
    assert await held(store, Mode.LIVE) is None


async def test_nothing_of_it_lies_open_in_the_store_or_in_an_event(store):
    made = await connect(store, **GIVEN)
    shelves = store._shelves.values()
    dump = repr([[row.body for row in shelf.rows.values()] for shelf in shelves])
    assert "issuer.connected" in dump
    for secret in GIVEN.values():
        assert secret not in dump + repr(made) + repr(made.facts())


async def test_another_master_key_or_another_account_does_not_open_it(store):
    made = await connect(store, **GIVEN)
    with pytest.raises(WrongMasterKey):
        await held(store, master=MasterKey(bytes(32)))
    other = Connection(
        id=made.id.replace(home(ACCOUNT, Mode.TEST), home(ACCOUNT, Mode.LIVE)),
        issuer="stripe",
        sealed=made.sealed,
        given=made.given,
        connected_at=AT,
    )
    await store.commit(Insert(other))
    with pytest.raises(WrongMasterKey):
        await held(store, Mode.LIVE)


async def test_the_same_again_changes_nothing_and_another_replaces_it(store):
    first = await connect(store, **GIVEN)
    assert await connect(store, **GIVEN) == first
    after = await connect(store, secretKey=KEY + "x")
    assert (after.version, after.given) == (2, ("secretKey",))
    assert await held(store) == {"secretKey": KEY + "x"}


async def test_disconnected_it_is_forgotten_and_can_be_connected_again(store):
    await connect(store, **GIVEN)
    for _ in range(2):
        later = AT + timedelta(seconds=1)
        await accounts.disconnect(store, ACCOUNT, Mode.TEST, "stripe", at=later)
    assert await held(store) is None
    assert await accounts.connection(store, ACCOUNT, Mode.TEST, "stripe") is None
    (left,) = (await store.page(Connection, home(ACCOUNT, Mode.TEST))).records
    assert (left.sealed, left.given) == (b"", ())
    await connect(store, **GIVEN)
    assert await held(store) == GIVEN


@pytest.mark.parametrize(
    ("mode", "given", "field"),
    [
        (Mode.TEST, {}, "credentials.secretKey"),
        (Mode.TEST, {"hook": HOOK}, "credentials.secretKey"),
        (Mode.LIVE, {"secretKey": KEY}, "credentials.secretKey"),
        (Mode.TEST, {"secretKey": KEY.replace("test", "live")}, "credentials.secretKey"),
        (Mode.TEST, {"secretKey": KEY + "\n"}, "credentials.secretKey"),
        (Mode.TEST, {"secretKey": KEY, "hook": "x"}, "credentials.hook"),
        (Mode.TEST, {"secretKey": KEY, "password": "x"}, "credentials"),
    ],
)
async def test_what_has_not_its_form_is_refused_and_not_repeated(store, mode, given, field):
    with pytest.raises(InvalidCredentials) as caught:
        await connect(store, mode, **given)
    assert caught.value.members["field"] == field
    assert KEY[8:] not in str(caught.value)
    assert await held(store, mode) is None


async def test_an_issuer_that_wants_nothing_is_given_nothing(store):
    with pytest.raises(NothingToConnect):
        await connect(store, wanted=(), secretKey=KEY)
