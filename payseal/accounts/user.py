"""User: a merchant's account, and the names that are nobody else's."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from payseal.accounts.password import Passwords, check_password
from payseal.core.errors import Conflict, Invalid, Missing
from payseal.core.event import happened
from payseal.core.ids import ACCOUNT_CHARS, AccountId, Mint, account_of, derive, home, value_id
from payseal.core.offer import Offer
from payseal.core.record import Record
from payseal.core.store import Insert, Store, Taken

USERNAME_MIN, USERNAME_MAX = 3, 40
EMAIL_MAX, LOCAL_MAX = 254, 64  # RFC 5321, 4.5.3.1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY = AccountId("0" * ACCOUNT_CHARS)
_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


class InvalidUsername(Invalid):
    """Not of the form that user names have."""

    code, title = "invalid_username", "The user name is not valid."


class InvalidEmail(Invalid):
    """Nothing that mail could be sent to."""

    code, title = "invalid_email", "The e-mail address is not valid."


class UsernameTaken(Conflict):
    """Another account has it."""

    code, title = "username_taken", "The user name is taken."


class EmailTaken(Conflict):
    """Another account has it."""

    code, title = "email_taken", "The e-mail address is taken."


class NewUser(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody gives to sign up; nothing of it is checked yet."""

    username: str
    email: str
    password: str
    date: datetime | None = None  # of the sign-up, as the merchant counts it

    def __repr__(self) -> str:
        return f"NewUser({self.username})"


class User(Record, frozen=True, kw_only=True):
    """Who an account belongs to, and how its payers may pay."""

    prefix, table = "usr", "users"

    username: str
    email: str
    password: str  # hashed
    date: datetime
    created_at: datetime
    methods: tuple[Offer, ...] = ()
    shards: int = 1  # over which its links spread

    @property
    def account(self) -> AccountId:
        """The account."""
        return account_of(self.id)

    def facts(self) -> dict[str, object]:
        """What its events tell; neither the password nor the address."""
        return {
            "id": self.id,
            "username": self.username,
            "paymentMethods": msgspec.to_builtins(self.methods),
            "shards": self.shards,
        }

    def use(self, methods: tuple[Offer, ...]) -> User:
        """Pay by these from now on, the first that takes a currency first."""
        return self._become(methods=methods)

    def spread(self, shards: int) -> User:
        """New links go to any of so many shards."""
        return self._become(shards=shards)

    def rehash(self, password: str) -> User:
        """The same password, hashed anew."""
        return self._become(password=password)

    def __repr__(self) -> str:
        return f"User({self.id} v{self.version})"


class Username(Record, frozen=True, kw_only=True):
    """Whose the user name is: there is one record for a name, however it is written."""

    prefix, table = "unm", "usernames"

    account: AccountId


class Email(Record, frozen=True, kw_only=True):
    """Whose the e-mail address is."""

    prefix, table = "eml", "emails"

    account: AccountId


async def sign_up(
    store: Store, mint: Mint, passwords: Passwords, new: NewUser, *, at: datetime
) -> User:
    """A new account. Its names are claimed in the same commit, so they are nobody else's."""
    _check_username(new.username)
    _check_email(new.email)
    check_password(new.password, new.username, new.email)
    account = mint.account()
    user = User(
        id=user_id(account),
        username=new.username,
        email=new.email,
        password=await passwords.hash(new.password),
        date=new.date or at,
        created_at=at,
    )
    username = Username(id=value_id(Username.prefix, normal(new.username)), account=account)
    email = Email(id=value_id(Email.prefix, normal(new.email)), account=account)
    event = happened("user.created", user, at)
    try:
        await store.commit(Insert(user), Insert(username), Insert(email), Insert(event))
    except Taken as taken:
        match taken.change.record:
            case Username():
                raise UsernameTaken("Choose another user name.", field="username") from None
            case Email():
                raise EmailTaken("Sign in, or give another address.", field="email") from None
        raise  # another account has drawn this very id: `deciding` draws another
    return user


async def user_of(store: Store, account: AccountId) -> User:
    """The user of the account; `Missing` if there is none."""
    user = await store.get(User, user_id(account))
    if user is None:
        raise Missing("There is no such account.")
    return user


async def user_named(store: Store, login: str) -> User | None:
    """The user with that e-mail address or user name."""
    # No user name has an @, and every address has one.
    kind: type[Email | Username] = Email if "@" in login else Username
    found = await store.get(kind, value_id(kind.prefix, normal(login)))
    # For nobody too there is a second look, as it takes time.
    return await store.get(User, user_id(found.account if found else _NOBODY))


@lru_cache(10_000)
def user_id(account: AccountId) -> str:
    """An account has one user, whose id follows from it; so an account is made only once."""
    return derive(User.prefix, home(account), _EPOCH, "user")


def normal(name: str) -> str:
    """The spelling by which names and addresses are compared."""
    text = unicodedata.normalize("NFKC", name).lower()
    return text.encode("utf-8", "replace").decode()


def _check_username(name: str) -> None:
    if not USERNAME_MIN <= len(name) <= USERNAME_MAX or _USERNAME.fullmatch(name) is None:
        raise InvalidUsername(
            f"A user name has {USERNAME_MIN} to {USERNAME_MAX} letters, digits, '.', '_' or '-',"
            " and begins with a letter or digit.",
            field="username",
        )


def _check_email(email: str) -> None:
    """What is plainly no address (RFC 5321); whether mail arrives is shown by sending it."""
    local, _, domain = normal(email).rpartition("@")
    labels = domain.split(".")
    good = (
        max(len(email), len(local) + len(domain) + 1) <= EMAIL_MAX
        and 1 <= len(local) <= LOCAL_MAX
        and "@" not in local
        and all(labels)
        and (len(labels) > 1 or domain == "localhost")
        and all(local.split("."))
        and not any(unicodedata.category(c)[0] in "CZ" or c in '"<>()[],;:\\' for c in email)
    )
    if not good:
        raise InvalidEmail("Give an address such as name@example.com.", field="email")
