"""Who asks: API keys by HTTP Basic, sessions by a bearer token, or anybody. Before any body."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

from litestar.types import ASGIApp, Receive, Scope, Send

from payseal import accounts
from payseal.core.errors import Forbidden, Unauthenticated
from payseal.core.ids import AccountId, Mode
from payseal.core.store import Store
from payseal.web.body import ALSO, InvalidQuery, header
from payseal.web.parts import Parts

CREDENTIALS_MAX = 4096
MODED = {"moded": True}  # option of a call of a session that asks for a mode too
Handler = Callable[..., Any]  # of whatever parameters
BASIC, BEARER = 'Basic realm="Payseal", charset="UTF-8"', 'Bearer realm="Payseal"'


class CredentialsNeeded(Unauthenticated):
    """There are none, or not of a kind that opens this call."""

    code, title = "credentials_needed", "Credentials are needed."


class WrongMode(Forbidden):
    """A key of one mode asks for the data of the other."""

    code, title = "wrong_mode", "This key is for the other mode."


class Who(Enum):
    """For whom a call is; its value is what a 401 asks for."""

    ANYBODY = ""
    USER = BEARER
    MERCHANT = f"{BASIC}, {BEARER}"  # a key of theirs, or they themselves


class Guest:
    """Somebody we do not know, and the parts and stores for what they ask."""

    __slots__ = ("accounts", "at", "parts", "payments")
    KEY: ClassVar[str] = "guest"

    def __init__(self, parts: Parts, accounts: Store, payments: Store, at: datetime) -> None:
        self.parts, self.accounts, self.payments, self.at = parts, accounts, payments, at

    @property
    def scope(self) -> tuple[str, ...]:
        """Within which an idempotency key is theirs."""
        return ()

    def wrapped(self, wrap: Callable[[Store], Store]) -> Guest:
        """The same, with other stores."""
        return Guest(self.parts, wrap(self.accounts), wrap(self.payments), self.at)


class Caller(Guest):
    """Somebody we know: whose account, which mode, and by which key (None: by a session)."""

    __slots__ = ("account", "key", "mode")

    def __init__(
        self,
        parts: Parts,
        accounts: Store,
        payments: Store,
        at: datetime,
        account: AccountId,
        mode: Mode,
        key: str | None,
    ) -> None:
        super().__init__(parts, accounts, payments, at)
        self.account, self.mode, self.key = account, mode, key

    @property
    def scope(self) -> tuple[str, ...]:
        """Within which an idempotency key is theirs."""
        return self.account, self.mode

    def wrapped(self, wrap: Callable[[Store], Store]) -> Caller:
        """The same, with other stores."""
        stores = wrap(self.accounts), wrap(self.payments)
        return Caller(self.parts, *stores, self.at, self.account, self.mode, self.key)


class Authenticate:
    """Middleware: finds out who asks, and lets nobody else in."""

    def __init__(self, app: ASGIApp, parts: Parts, who: Mapping[Handler, Who]) -> None:
        self._app, self._parts, self._who = app, parts, who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in that is for anybody, or whose caller is known."""
        who = self._who[scope["route_handler"].fn]
        scope["state"][Guest.KEY] = await self._guest(scope, who)
        await self._app(scope, receive, send)

    async def _guest(self, scope: Scope, who: Who) -> Guest:
        at = self._parts.now()
        if who is Who.ANYBODY:
            return Guest(self._parts, self._parts.accounts, self._parts.payments, at)
        try:
            return await self._caller(scope, who, at)
        except Unauthenticated as problem:
            problem.members.setdefault("challenge", who.value)
            raise

    async def _caller(self, scope: Scope, who: Who, at: datetime) -> Caller:
        lines = header(scope, b"authorization")
        if len(lines) != 1 or len(lines[0]) > CREDENTIALS_MAX:
            raise CredentialsNeeded("Send one Authorization header.")
        scheme, _, credentials = lines[0].strip().partition(" ")
        if moded := who is Who.MERCHANT or is_moded(scope["route_handler"].opt):
            scope["state"][ALSO] = ("mode",)
        parts = self._parts
        stores = parts.accounts, parts.payments
        match scheme.lower():
            case "basic" if who is Who.USER:
                raise CredentialsNeeded("This call needs a session: POST /api/sessions.")
            case "basic":
                name, secret = _basic(credentials)
                key = await accounts.authenticate_key(stores[0], name, secret, at=at)
                mode = _mode(scope, key.mode, WrongMode("Use a key of that mode."))
                return Caller(parts, *stores, at, key.account, mode, key.id)
            case "bearer":
                account = accounts.account_of_token(parts.keys(), credentials.strip(), at=at)
                mode = Mode.LIVE
                if moded:
                    mode = _mode(scope, mode)
                return Caller(parts, *stores, at, account, mode, None)
        raise CredentialsNeeded("Send them as Basic or Bearer.")


def is_moded(options: Mapping[str, object]) -> bool:
    """Whether a call with these options is of one mode, though it is of a session."""
    return MODED.items() <= options.items()


def _basic(credentials: str) -> tuple[str, str]:
    """Name and secret (RFC 7617)."""
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise CredentialsNeeded("The credentials cannot be read.") from None
    name, colon, secret = text.partition(":")
    if not colon:
        raise CredentialsNeeded("Send key and secret as name and password.")
    if name.startswith("sk_") and secret.startswith("pk_"):
        raise CredentialsNeeded("Key and secret look swapped: the key (pk_…) comes first.")
    return name, secret


def _mode(scope: Scope, usual: Mode, other: Forbidden | None = None) -> Mode:
    """What `?mode=` asks for, or the usual one; taken out of the query for who reads on."""
    parameters = scope["query_string"].split(b"&") if scope["query_string"] else []
    asked = [text for text in parameters if text.split(b"=")[0] == b"mode"]
    if not asked:
        return usual
    if len(asked) > 1:
        raise InvalidQuery("Give each parameter once.", field="mode")
    text = asked[0].partition(b"=")[2].decode("latin-1")
    if text not in list(Mode):
        raise InvalidQuery("The mode is test or live.", field="mode")
    if other is not None and text != usual:
        raise other
    scope["query_string"] = b"&".join(p for p in parameters if p not in asked)
    return Mode(text)
