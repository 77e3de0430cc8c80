"""Client: the official SDK with each account's key, and every error of it as a value."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import aiohttp
import msgspec
import stripe
import structlog
from stripe import AIOHTTPClient, StripeClient

from payseal.core.errors import Problem
from payseal.core.ids import AccountId, Mode, account_of, mode_of
from payseal.core.master import WrongMasterKey
from payseal.issuers import Clock
from payseal.issuers.answer import Declined, NotSent, Unknown
from payseal.issuers.stripe.verdicts import Failure, failure

T = TypeVar("T")
Credentials = Callable[[AccountId, Mode], Awaitable[Mapping[str, str] | None]]

SECRET_KEY, WEBHOOK_SECRET = "secretKey", "webhookSecret"
REMEMBER_FOR = timedelta(minutes=1)
REMEMBERED_MAX = 10_000
CONNECT_WITHIN_S, ANSWER_WITHIN_S = 5, 25

_log = structlog.get_logger()


class Account(msgspec.Struct, frozen=True):
    """A merchant's account at Stripe, until it is read again."""

    client: StripeClient
    webhook_secret: str
    until: datetime

    def __repr__(self) -> str:
        return "Account(…)"


class Client:
    """Asks Stripe for whoever an operation belongs to."""

    def __init__(self, api: str, credentials: Credentials, now: Clock) -> None:
        self._api, self._credentials, self._now = api, credentials, now
        self._accounts: dict[tuple[AccountId, Mode], Account] = {}
        stripe.enable_telemetry = False  # nobody is told how long our calls take
        within = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S, connect=CONNECT_WITHIN_S)
        self._http = AIOHTTPClient(timeout=within)

    async def close(self) -> None:
        """Its connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def of(self, id: str) -> StripeClient | NotSent:
        """With the key of that operation's account and mode."""
        account = await self.account(account_of(id), mode_of(id))
        return account if isinstance(account, NotSent) else account.client

    async def account(self, account: AccountId, mode: Mode) -> Account | NotSent:
        """As it was a minute ago at most."""
        known = self._accounts.get((account, mode))
        if known is not None and self._now() < known.until:
            return known
        self._accounts.pop((account, mode), None)
        try:
            given = await self._credentials(account, mode)
        except (Problem, WrongMasterKey, OSError):
            return NotSent("credentials_not_read")
        if given is None:
            return NotSent("not_connected")
        if len(self._accounts) >= REMEMBERED_MAX:
            self._accounts.clear()
        made = self._accounts[account, mode] = self._account(given)
        return made

    def _account(self, given: Mapping[str, str]) -> Account:
        client = StripeClient(
            given[SECRET_KEY],
            base_addresses={"api": self._api},
            max_network_retries=0,  # who asks again is decided by us
            http_client=self._http,
        )
        return Account(client, given.get(WEBHOOK_SECRET, ""), self._now() + REMEMBER_FOR)


async def asked(what: str, about: str, call: Awaitable[T], within: timedelta) -> T | Failure:
    """The answer, or what its absence means. The log has neither what was sent nor by which key."""
    outcome: T | Failure
    try:
        async with asyncio.timeout(within.total_seconds()):
            outcome = await call
    except Exception as error:  # noqa: BLE001  whatever it is, we know no more than that
        outcome = failure(error)
        _log.debug("stripe.refused", what=what, about=about, outcome=repr(outcome))
    else:
        _log.debug("stripe.answered", what=what, about=about, id=getattr(outcome, "id", ""))
    return outcome


async def read(
    what: str, about: str, call: Awaitable[T], within: timedelta
) -> T | NotSent | Unknown:
    """The same for what only looks: that it was refused says nothing of what was done before."""
    outcome = await asked(what, about, call, within)
    if isinstance(outcome, Declined):
        return Unknown(f"answered_{outcome.code}")
    return outcome
