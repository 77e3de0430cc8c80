"""Session: a user who has signed in, known by a short access token and a rotating refresh token."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import msgspec

from payseal.accounts.guesses import Guesses, count_guess, guesses_id
from payseal.accounts.password import Passwords
from payseal.accounts.user import User, user_named
from payseal.core.errors import Unauthenticated
from payseal.core.ids import AccountId, Mint, account_of, home, is_id
from payseal.core.keypair import to_text
from payseal.core.keyring import Keyring, Purpose
from payseal.core.master import MasterKey
from payseal.core.record import Record
from payseal.core.store import Change, Delete, Insert, Store, Update, deciding

ISSUER = "payseal"
ACCESS_FOR = timedelta(minutes=15)
SESSION_FOR = timedelta(days=30)
# Two windows of one browser may refresh at once; the slower one has stolen nothing.
REUSE_GRACE = timedelta(seconds=10)
REFRESH_MAX = 128
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class WrongCredentials(Unauthenticated):
    """No such user or key, or not its secret: one answer for both."""

    code, title = "wrong_credentials", "The credentials are wrong."


class InvalidToken(Unauthenticated):
    """Not one of our tokens."""

    code, title = "invalid_token", "The token is not valid."


class TokenExpired(Unauthenticated):
    """One of ours, but its time has passed."""

    code, title = "token_expired", "The token has expired."


class RefreshTokenUsed(Unauthenticated):
    """It was exchanged before. Unless that was seconds ago, the session ends: it was copied."""

    code, title = "refresh_token_used", "The refresh token was used before."


class Tokens(msgspec.Struct, frozen=True):
    """What a program signs in with; nothing of it is stored."""

    access_token: str
    refresh_token: str
    expires_in: int  # seconds

    def __repr__(self) -> str:
        return "Tokens(…)"


class Session(Record, frozen=True, kw_only=True):
    """From signing in until signing out; deleted then. Each refresh is a new generation."""

    prefix, table = "ses", "sessions"

    generation: int = 1
    renewed_at: datetime
    ends_at: datetime

    @property
    def account(self) -> AccountId:
        """Whose it is."""
        return account_of(self.id)

    @property
    def due(self) -> datetime:
        """When it is to be deleted."""
        return self.ends_at

    def renew(self, at: datetime) -> Session:
        """The next generation; its refresh token replaces the one before."""
        return self._become(generation=self.generation + 1, renewed_at=at)


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: AccountId
    sid: str
    jti: str
    iat: int  # seconds since 1970
    exp: int


async def sign_in(
    store: Store,
    mint: Mint,
    keyring: Keyring,
    master: MasterKey,
    passwords: Passwords,
    login: str,
    password: str,
    *,
    at: datetime,
) -> Tokens:
    """Tokens for the user with that e-mail address or user name, and that password.

    `WrongCredentials` or `SignInLocked`, at the same moment for a login that nobody has.
    """
    user = await user_named(store, login)
    guesses = guesses_id(login, user)
    await deciding(count_guess, store, guesses, at=at)
    fits = await passwords.verify(user.password if user else None, password)
    if user is None or not fits:
        raise WrongCredentials("The name or the password is wrong.")
    rehashed = await passwords.hash(password) if passwords.is_outdated(user.password) else None
    session = Session(
        id=mint.id(Session.prefix, home(user.account), at),
        renewed_at=at,
        ends_at=at + SESSION_FOR,
    )
    await deciding(_begin, store, session, guesses, user, rehashed)
    return _tokens(keyring, master, session, at)


async def refresh(
    store: Store, keyring: Keyring, master: MasterKey, refresh_token: str, *, at: datetime
) -> Tokens:
    """New tokens for the newest refresh token of a session; an older one ends the session.

    Raises `InvalidToken`, `TokenExpired`, `RefreshTokenUsed`.
    """
    session, generation = await _session_of(store, master, refresh_token)
    if at >= session.ends_at:
        raise TokenExpired("Sign in again.")
    if generation != session.generation:
        is_race = generation == session.generation - 1 and at < session.renewed_at + REUSE_GRACE
        if not is_race:
            await store.commit(Delete(session))
        raise RefreshTokenUsed("Use the newest one, or sign in again.")
    session = session.renew(at)
    await store.commit(Update(session))
    return _tokens(keyring, master, session, at)


async def sign_out(
    store: Store,
    master: MasterKey,
    refresh_token: str,
    *,
    at: datetime,  # noqa: ARG001  # every service takes the moment
) -> None:
    """End the session, whichever of its refresh tokens this is; a session that ended is fine."""
    try:
        session, _ = await _session_of(store, master, refresh_token)
    except InvalidToken:
        return
    await store.commit(Delete(session))


def account_of_token(keyring: Keyring, token: str, *, at: datetime) -> AccountId:
    """Whose access token it is, without a look at the store: `InvalidToken`, `TokenExpired`."""
    read = keyring.read(Purpose.SESSION, token, at)
    if read is None:
        raise InvalidToken("Sign in to get a token.")
    claims = _decoder.decode(read[1])
    assert claims.iss == ISSUER, "only Payseal signs with these keys"
    if at >= _EPOCH + claims.exp * _SECOND:
        raise TokenExpired("Get a new one with your refresh token.")
    return claims.sub


async def _begin(
    store: Store, session: Session, guesses_id: str, user: User, rehashed: str | None
) -> None:
    """Keep the session, forget the wrong guesses before, and keep the newer hash."""
    guesses = await store.get(Guesses, guesses_id)
    changes: list[Change] = [Insert(session)]
    if guesses is not None:
        changes.append(Delete(guesses))
    if rehashed is not None:
        now = await store.get(User, user.id)
        if now is not None and now.password == user.password:
            changes.append(Update(now.rehash(rehashed)))
    await store.commit(*changes)


async def _session_of(store: Store, master: MasterKey, refresh_token: str) -> tuple[Session, int]:
    """The session of a genuine refresh token, and the token's generation."""
    unique, _, rest = refresh_token[:REFRESH_MAX].removeprefix("rt_").partition("_")
    number = rest.partition("_")[0]
    id = f"{Session.prefix}_{unique}"
    if is_id(id, Session.prefix) and number.isascii() and number.isdecimal():
        right = _refresh_token(master, id, int(number))
        if hmac.compare_digest(right.encode(), refresh_token.encode("utf-8", "replace")):
            session = await store.get(Session, id)
            if session is not None:
                return session, int(number)
    raise InvalidToken("Sign in again.")


def _refresh_token(master: MasterKey, id: str, generation: int) -> str:
    text = f"rt_{id.partition('_')[2]}_{generation}"
    mac = hmac.new(master.key("refresh tokens"), text.encode(), hashlib.sha256)
    return f"{text}_{to_text(mac.digest())}"


def _tokens(keyring: Keyring, master: MasterKey, session: Session, at: datetime) -> Tokens:
    issued = (at - _EPOCH) // _SECOND
    claims = _Claims(
        iss=ISSUER,
        sub=session.account,
        sid=session.id,
        jti=f"{session.id}.{session.generation}",
        iat=issued,
        exp=issued + ACCESS_FOR // _SECOND,
    )
    access_token = keyring.signer(Purpose.SESSION, at).sign(msgspec.json.encode(claims))
    refresh_token = _refresh_token(master, session.id, session.generation)
    return Tokens(access_token, refresh_token, ACCESS_FOR // _SECOND)


_decoder = msgspec.json.Decoder(_Claims)
