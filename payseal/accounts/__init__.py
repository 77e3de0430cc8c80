"""Accounts: who may do what, and how their payers may pay."""

from payseal.accounts.api_key import (
    KEYS_MAX,
    ApiKey,
    InvalidKeyName,
    KeyStatus,
    TooManyKeys,
    authenticate_key,
    create_key,
    keys,
    revoke_key,
)
from payseal.accounts.cleaning import clean
from payseal.accounts.guesses import Guesses, SignInLocked
from payseal.accounts.method import (
    CurrencyNotTaken,
    InvalidMethods,
    UnknownIssuer,
    UnknownMethod,
    set_methods,
)
from payseal.accounts.password import Passwords, WeakPassword
from payseal.accounts.session import (
    InvalidToken,
    RefreshTokenUsed,
    Session,
    TokenExpired,
    Tokens,
    WrongCredentials,
    account_of_token,
    refresh,
    sign_in,
    sign_out,
)
from payseal.accounts.shards import InvalidShards, shards_of, spread
from payseal.accounts.signing_key import (
    KeySet,
    RotatedTooOften,
    SigningKey,
    ensure_keys,
    load_keyring,
    rotate,
)
from payseal.accounts.user import (
    Email,
    EmailTaken,
    InvalidEmail,
    InvalidUsername,
    NewUser,
    User,
    Username,
    UsernameTaken,
    sign_up,
    user_named,
    user_of,
)

# What an accounts store must know of this package.
RECORDS = (User, Username, Email, Session, Guesses, ApiKey, SigningKey, KeySet)

__all__ = [
    "KEYS_MAX",
    "RECORDS",
    "ApiKey",
    "CurrencyNotTaken",
    "Email",
    "EmailTaken",
    "Guesses",
    "InvalidEmail",
    "InvalidKeyName",
    "InvalidMethods",
    "InvalidShards",
    "InvalidToken",
    "InvalidUsername",
    "KeySet",
    "KeyStatus",
    "NewUser",
    "Passwords",
    "RefreshTokenUsed",
    "RotatedTooOften",
    "Session",
    "SignInLocked",
    "SigningKey",
    "TokenExpired",
    "Tokens",
    "TooManyKeys",
    "UnknownIssuer",
    "UnknownMethod",
    "User",
    "Username",
    "UsernameTaken",
    "WeakPassword",
    "WrongCredentials",
    "account_of_token",
    "authenticate_key",
    "clean",
    "create_key",
    "ensure_keys",
    "keys",
    "load_keyring",
    "refresh",
    "revoke_key",
    "rotate",
    "set_methods",
    "shards_of",
    "sign_in",
    "sign_out",
    "sign_up",
    "spread",
    "user_named",
    "user_of",
]
