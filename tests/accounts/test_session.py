from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta

import pytest

from payseal.accounts import (
    Guesses,
    InvalidToken,
    Passwords,
    RefreshTokenUsed,
    Session,
    SignInLocked,
    TokenExpired,
    Tokens,
    WrongCredentials,
    account_of_token,
    refresh,
    sign_in,
    sign_out,
    user_of,
)
from payseal.core.errors import Unauthenticated
from payseal.core.ids import LinkId
from payseal.core.keyring import Keyring, NotOurs, Seal
from payseal.core.master import MasterKey
from payseal.core.store import deciding, forget

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def enter(store, mint, keyring, master, passwords, password, at):
    async def call(login="nora", typed=password, at=at, passwords=passwords) -> Tokens:
        return await sign_in(store, mint, keyring, master, passwords, login, typed, at=at)

    return call


@pytest.fixture
def renew(store, keyring, master, at):
    async def call(token, at=at) -> Tokens:
        return await deciding(refresh, store, keyring, master, token, at=at)

    return call


def claims_of(token: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


async def test_an_access_token_says_whose_it_is_for_a_quarter_of_an_hour(user, enter, keyring, at):
    tokens = await enter()

    assert tokens.expires_in == 900
    assert account_of_token(keyring, tokens.access_token, at=at) == user.account
    account_of_token(keyring, tokens.access_token, at=at + timedelta(seconds=899))
    with pytest.raises(TokenExpired):
        account_of_token(keyring, tokens.access_token, at=at + timedelta(seconds=900))


async def test_an_access_token_has_these_claims_and_no_more(user, enter, at):
    tokens = await enter()
    header = json.loads(base64.urlsafe_b64decode(tokens.access_token.split(".")[0] + "=="))
    claims = claims_of(tokens.access_token)

    assert (header["typ"], header["alg"]) == ("at+jwt", "Ed25519")
    assert claims.pop("sid").startswith("ses_")
    assert claims.pop("jti").endswith(".1")
    now = int(at.timestamp())
    assert claims == {"iss": "payseal", "sub": user.account, "iat": now, "exp": now + 900}


@pytest.mark.parametrize("login", ["Nora", "NORA", "nora@shop.example", "NORA@shop.EXAMPLE"])
async def test_either_name_signs_in(user, enter, keyring, login, at):
    tokens = await enter(login)

    assert account_of_token(keyring, tokens.access_token, at=at) == user.account


@pytest.mark.parametrize("login", ["nora", "nobody", "nobody@shop.example", "", "\ud800", "x\0"])
async def test_a_wrong_password_and_an_unknown_login_have_one_answer(user, enter, login):
    with pytest.raises(WrongCredentials) as refused:
        await enter(login, "wrong password of mine")

    assert refused.value.detail == "The name or the password is wrong."
    assert refused.value.members == {}


async def test_an_unknown_login_costs_as_much_as_a_known_one(user, enter, passwords):
    """Both verify one hash of the same costs; that is what takes the time."""
    verified = []
    hasher = passwords._hasher

    class Watched:
        def verify(self, kept, password):
            verified.append(kept.rpartition("$")[0].rpartition("$")[0])
            return hasher.verify(kept, password)

    passwords._hasher = Watched()
    for login in ("nora", "nobody"):
        with pytest.raises(WrongCredentials):
            await enter(login, "wrong password of mine")

    assert len(verified) == 2
    assert len(set(verified)) == 1


@pytest.mark.parametrize("login", ["nora", "nobody"])
async def test_ten_wrong_passwords_lock_a_login_for_half_an_hour(user, enter, login, password, at):
    for _ in range(10):
        with pytest.raises(WrongCredentials):
            await enter(login, "wrong password of mine")
    for moment in (at, at + timedelta(minutes=29, seconds=59)):
        with pytest.raises(SignInLocked) as refused:
            await enter(login, password, at=moment)
        left_s = (at + 30 * MINUTE - moment) // timedelta(seconds=1)
        assert refused.value.members == {"retryAfter": left_s}

    after = at + 30 * MINUTE
    if login == "nora":
        assert await enter(login, password, at=after)
    with pytest.raises(WrongCredentials):
        await enter(login, "wrong password of mine", at=after)


async def test_guessing_side_by_side_gains_nothing(user, enter):
    ends = await asyncio.gather(
        *(enter("NORA" if n % 2 else "nora", f"wrong password {n}") for n in range(40)),
        return_exceptions=True,
    )

    assert sum(isinstance(end, WrongCredentials) for end in ends) <= 10
    assert not any(isinstance(end, Tokens) for end in ends)


async def test_signing_in_forgets_the_wrong_passwords_before(user, enter, store):
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(WrongCredentials):
                await enter(typed="wrong password of mine")
        await enter()


async def test_many_may_sign_in_at_once(user, enter):
    tokens = await asyncio.gather(*(enter() for _ in range(8)))

    assert len({one.refresh_token for one in tokens}) == 8


async def test_a_hash_of_other_costs_is_made_anew_at_sign_in(user, enter, store, entropy):
    stronger = Passwords(entropy, memory_kib=16, passes=2)

    await enter(passwords=stronger)

    now = await user_of(store, user.account)
    assert "m=16,t=2" in now.password
    assert await enter(passwords=stronger)
    assert (await user_of(store, user.account)).version == now.version


async def test_a_refresh_token_is_exchanged_for_the_next(user, enter, renew, keyring, at):
    first = await enter()
    second = await renew(first.refresh_token, at + MINUTE)
    third = await renew(second.refresh_token, at + 2 * MINUTE)

    assert len({t.refresh_token for t in (first, second, third)}) == 3
    assert account_of_token(keyring, third.access_token, at=at + 2 * MINUTE) == user.account
    assert claims_of(third.access_token)["sid"] == claims_of(first.access_token)["sid"]


async def test_an_old_refresh_token_ends_the_session(user, enter, renew, at):
    first = await enter()
    second = await renew(first.refresh_token, at + MINUTE)

    with pytest.raises(RefreshTokenUsed):
        await renew(first.refresh_token, at + 2 * MINUTE)
    for token in (first, second):
        with pytest.raises(InvalidToken):
            await renew(token.refresh_token, at + 2 * MINUTE)


async def test_another_session_of_the_user_goes_on(user, enter, renew, at):
    stolen, other = await enter(), await enter()
    await renew(stolen.refresh_token, at)
    with pytest.raises(RefreshTokenUsed):
        await renew(stolen.refresh_token, at + MINUTE)

    assert await renew(other.refresh_token, at + MINUTE)


async def test_who_is_slower_by_a_moment_is_refused_and_the_session_goes_on(user, enter, renew, at):
    first = await enter()

    ends = await asyncio.gather(
        *(renew(first.refresh_token) for _ in range(5)), return_exceptions=True
    )

    won = [end for end in ends if isinstance(end, Tokens)]
    assert len(won) == 1
    assert sum(isinstance(end, RefreshTokenUsed) for end in ends) == 4
    later = at + timedelta(seconds=10)
    assert await renew(won[0].refresh_token, later)
    with pytest.raises(RefreshTokenUsed):
        await renew(first.refresh_token, later)
    with pytest.raises(InvalidToken):
        await renew(won[0].refresh_token, later)


async def test_a_session_ends_after_thirty_days_however_often_it_was_renewed(
    user, enter, renew, store, at
):
    tokens = await enter()
    for day in range(1, 30):
        tokens = await renew(tokens.refresh_token, at + day * DAY)

    with pytest.raises(TokenExpired):
        await renew(tokens.refresh_token, at + 30 * DAY)
    assert await forget(store, Session, Guesses, at=at + 30 * DAY) == 1
    with pytest.raises(InvalidToken):
        await renew(tokens.refresh_token, at + 30 * DAY)


async def test_signing_out_ends_the_session(user, enter, renew, store, master, at):
    tokens = await enter()
    newer = await renew(tokens.refresh_token, at)

    await sign_out(store, master, newer.refresh_token, at=at)
    await sign_out(store, master, newer.refresh_token, at=at)
    await sign_out(store, master, "nonsense", at=at)

    with pytest.raises(InvalidToken):
        await renew(newer.refresh_token, at)


async def test_a_changed_refresh_token_is_refused_and_ends_nothing(user, enter, renew, store, at):
    token = (await enter()).refresh_token
    await renew(token, at)
    later = at + MINUTE

    for place in range(len(token)):
        for other in "A_2é":
            changed = token[:place] + other + token[place + 1 :]
            if changed != token:
                with pytest.raises(InvalidToken):
                    await renew(changed, later)
    for foreign in (
        "",
        "rt_",
        token + "A",
        token[:-1],
        token * 3,
        "\ud800",
        "rt_" + "0" * 40 + "_1_x",
    ):
        with pytest.raises(InvalidToken):
            await renew(foreign, later)
    with pytest.raises(RefreshTokenUsed):
        await renew(token, later)


async def test_a_refresh_token_of_another_master_is_foreign(user, enter, store, keyring, at):
    tokens = await enter()

    with pytest.raises(InvalidToken):
        await refresh(store, keyring, MasterKey(bytes(32)), tokens.refresh_token, at=at)


async def test_a_link_is_no_access_token_and_an_access_token_no_link(user, enter, keyring, at):
    seal = Seal(keyring, "https://pay.example")
    access = (await enter()).access_token
    link = seal.token(LinkId("lnk_" + user.id[4:]), at + DAY, at=at)

    with pytest.raises(NotOurs):
        seal.open(access, at=at)
    for token in (link, "", access[:-1], access + "A", access[1:], "a.b.c", "\ud800"):
        with pytest.raises(InvalidToken) as refused:
            account_of_token(keyring, token, at=at)
        assert isinstance(refused.value, Unauthenticated)
    with pytest.raises(InvalidToken):
        account_of_token(Keyring(()), access, at=at)


async def test_no_token_is_printed_or_kept(user, enter, store):
    tokens = await enter()
    session = await store.get(Session, claims_of(tokens.access_token)["sid"])

    assert repr(tokens) == "Tokens(…)"
    assert session.facts() == {"id": session.id}
    assert tokens.refresh_token.rpartition("_")[2] not in repr(session)


async def test_what_counts_no_more_is_cleaned_away(user, enter, store, at):
    with pytest.raises(WrongCredentials):
        await enter("nobody", "wrong password of mine")
    await enter()

    assert (
        await forget(store, Session, Guesses, at=at + 30 * MINUTE - timedelta(microseconds=1)) == 0
    )
    assert await forget(store, Session, Guesses, at=at + 30 * MINUTE) == 1
    assert await store.due(Guesses, before=at + DAY) == []
