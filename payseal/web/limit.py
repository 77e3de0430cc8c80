"""A plain limit on requests: by address, by caller, and a lower one at the doors.

The headers are those of draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple

from litestar.types import ASGIApp, Receive, Scope, Send

from payseal.core.errors import TooMany
from payseal.web.auth import Caller, Guest
from payseal.web.parts import Parts, Rates

WINDOW_S = 60
NAMES_MAX = 100_000  # counted apart in one window; those that come later are counted together
UNLIMITED = ("/healthz", "/readyz")
FORMS = "/f/"  # what anybody submits there is kept in a merchant's account
KEY = "quotas"


class QuotaExceeded(TooMany):
    """More requests than the policy allows; `violated-policies` names it."""

    code, title = "quota_exceeded", "Too many requests."


class Quota(NamedTuple):
    """What is left of a policy's requests, and in how many seconds all of them are back."""

    policy: str
    most: int
    left: int
    seconds: int


class Limiter:
    """Counts the requests of this minute in memory; one for all middleware of an application."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._window = 0
        self._counts: dict[tuple[str, str], int] = {}

    def take(self, scope: Scope, policy: str, most: int, name: str) -> None:
        """One request of that name; `QuotaExceeded` if there were too many."""
        window, seconds_gone = divmod(int(self._parts.now().timestamp()), WINDOW_S)
        if window != self._window:
            self._window, self._counts = window, {}
        key = policy, name
        if key not in self._counts and len(self._counts) >= NAMES_MAX:
            key = policy, ""
        count = self._counts[key] = self._counts.get(key, 0) + 1
        seconds = WINDOW_S - seconds_gone
        scope["state"].setdefault(KEY, []).append(
            Quota(policy, most, max(most - count, 0), seconds)
        )
        if count > most:
            raise QuotaExceeded(
                f"At most {most} requests in {WINDOW_S} seconds.",
                retryAfter=seconds,
                **{"violated-policies": [policy]},
            )


class LimitAddress:
    """Middleware for everything: before it is known who asks, and for what."""

    def __init__(self, app: ASGIApp, limiter: Limiter, rates: Rates) -> None:
        self._app, self._limiter, self._rates = app, limiter, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request; `QuotaExceeded`."""
        if scope["path"] not in UNLIMITED:
            self._limiter.take(scope, "address", self._rates.address, address_of(scope))
        if scope.get("method") == "POST" and scope["path"].startswith(FORMS):
            self._limiter.take(scope, "form", self._rates.door, address_of(scope))
        await self._app(scope, receive, send)


class LimitCaller:
    """Middleware after authentication: by key or session, and by address where anybody may ask."""

    def __init__(self, app: ASGIApp, limiter: Limiter, rates: Rates) -> None:
        self._app, self._limiter, self._rates = app, limiter, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request of the API; `QuotaExceeded`."""
        guest = scope["state"].get(Guest.KEY)
        if isinstance(guest, Caller):
            name = guest.key or guest.account
            self._limiter.take(scope, "caller", self._rates.caller, name)
        elif scope.get("method") == "POST":
            self._limiter.take(scope, "door", self._rates.door, address_of(scope))
        await self._app(scope, receive, send)


def headers_of(scope: Scope) -> list[tuple[bytes, bytes]]:
    """What the response says of the quotas that were used."""
    quotas: list[Quota] = scope["state"].get(KEY, [])
    if not quotas:
        return []
    rules = ", ".join([f'"{quota.policy}";q={quota.most};w={WINDOW_S}' for quota in quotas])
    states = ", ".join([f'"{quota.policy}";r={quota.left};t={quota.seconds}' for quota in quotas])
    return [(b"ratelimit-policy", rules.encode()), (b"ratelimit", states.encode())]


def address_of(scope: Scope) -> str:
    """Whose request it is, as far as the network knows: of IPv6 the first 64 bits."""
    return _network((scope.get("client") or ("unknown", 0))[0])


@lru_cache(4096)
def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
