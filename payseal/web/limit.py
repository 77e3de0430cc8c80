"""A plain limit on requests: by address, by caller, and a lower one at the doors.

The headers are those of draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime
from math import ceil

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from litestar.types import ASGIApp, Receive, Scope, Send

from payseal.core.errors import TooMany
from payseal.web.auth import Caller, Guest
from payseal.web.parts import Parts, Rates

WINDOW_S = 60
UNLIMITED = ("/healthz", "/readyz")
KEY = "quotas"


class QuotaExceeded(TooMany):
    """More requests than the policy allows; `violated-policies` names it."""

    code, title = "quota_exceeded", "Too many requests."


class Quota:
    """What is left of a policy's requests, and in how many seconds all of them are back."""

    def __init__(self, policy: str, most: int, left: int, seconds: int) -> None:
        self.policy, self.seconds = policy, seconds
        self.rule = f'"{policy}";q={most};w={WINDOW_S}'
        self.state = f'"{policy}";r={left};t={seconds}'


class Limiter:
    """Counts requests in memory; one for all middleware of an application."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._windows = FixedWindowRateLimiter(MemoryStorage())

    async def take(self, scope: Scope, policy: str, most: int, name: str) -> None:
        """One request of that name; `QuotaExceeded` if there were too many."""
        rate = RateLimitItemPerMinute(most)
        allowed = await self._windows.hit(rate, policy, name)
        stats = await self._windows.get_window_stats(rate, policy, name)
        seconds = _seconds(stats.reset_time, self._parts.now())
        quota = Quota(policy, most, stats.remaining, seconds)
        scope["state"].setdefault(KEY, []).append(quota)
        if not allowed:
            raise QuotaExceeded(
                f"At most {most} requests in {WINDOW_S} seconds.",
                retryAfter=seconds,
                **{"violated-policies": [policy]},
            )


class LimitAddress:
    """Middleware for everything: before it is known who asks, and for what."""

    def __init__(self, app: ASGIApp, limiter: Limiter, most: int) -> None:
        self._app, self._limiter, self._most = app, limiter, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request; `QuotaExceeded`."""
        if scope["path"] not in UNLIMITED:
            await self._limiter.take(scope, "address", self._most, address_of(scope))
        await self._app(scope, receive, send)


class LimitCaller:
    """Middleware after authentication: by account, and by address where anybody may ask."""

    def __init__(self, app: ASGIApp, limiter: Limiter, rates: Rates) -> None:
        self._app, self._limiter, self._rates = app, limiter, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request of the API; `QuotaExceeded`."""
        guest = scope["state"].get(Guest.KEY)
        if isinstance(guest, Caller):
            name = guest.key or guest.account
            await self._limiter.take(scope, "caller", self._rates.caller, name)
        elif scope.get("method") == "POST":
            await self._limiter.take(scope, "door", self._rates.door, address_of(scope))
        await self._app(scope, receive, send)


def headers_of(scope: Scope) -> dict[str, str]:
    """What the response says of the quotas that were used."""
    quotas: list[Quota] = scope["state"].get(KEY, [])
    if not quotas:
        return {}
    return {
        "RateLimit-Policy": ", ".join(quota.rule for quota in quotas),
        "RateLimit": ", ".join(quota.state for quota in quotas),
    }


def address_of(scope: Scope) -> str:
    """Whose request it is, as far as the network knows: of IPv6 the first 64 bits."""
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def _seconds(reset_time: float, at: datetime) -> int:
    # The library counts by the wall clock, so with another clock this is a guess within bounds.
    return min(WINDOW_S, max(1, ceil(reset_time - at.timestamp())))
