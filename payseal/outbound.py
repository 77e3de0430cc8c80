"""The one way out by HTTP: time-outs, size limits, address checks, redacted log."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from payseal import __version__
from payseal.core.errors import Invalid

URL_MAX = 2000
TIMEOUT_S = 15
ANSWER_MAX = 16 * 1024
CONNECTIONS_MAX, CONNECTIONS_PER_HOST_MAX = 200, 20
# Shorter than the five seconds after which common servers hang up: else a post meets a closing end.
KEEPALIVE_S = 4
AGENT = f"Payseal/{__version__}"
PORTS = (443, 8443)
# At least two labels; the last begins with a letter, so 127.1 and 0x7f.1 are no names (RFC 1123).
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?:{_LABEL}\.){{1,126}}[a-z][a-z0-9-]{{1,62}}\.?", re.ASCII)
HOST_MAX = 253
_NO_PORT = re.compile(r"[a-z]+://[^/?#]*:(?:[/?#]|$)", re.IGNORECASE)
# `is_global` of Python 3.11 lets these pass: 6to4 and its relays, documentation (RFC 9637).
# Nor is anything of IETF's own block (RFC 6890) or a cloud's host for its guests ours to call.
_DENIED_4 = tuple(map(IPv4Network, ("192.88.99.0/24", "192.0.0.0/24", "168.63.129.16/32")))
_DENIED_6 = (IPv6Network("2002::/16"), IPv6Network("3fff::/20"))
# All there is of public IPv6 (RFC 4291); NAT64, mapped and site-local addresses lie outside.
_UNICAST_6 = IPv6Network("2000::/3")

log = structlog.get_logger()


class ForbiddenAddress(Invalid):
    """We do not call that address; `field` is `url`."""

    code, title = "forbidden_address", "This address cannot be called."


class AddressRule(msgspec.Struct, frozen=True):
    """Public https addresses on these ports; `loopback` opens this machine, for development."""

    loopback: bool = False
    ports: tuple[int, ...] = PORTS

    def check(self, url: str) -> None:
        """`ForbiddenAddress` unless it may be called, as far as its text can tell."""
        reason = self._against(_parse(url))
        if reason:
            raise ForbiddenAddress(reason, field="url")

    def allows(self, address: str) -> bool:
        """Whether a host's address may be connected to."""
        ip = ip_address(address)
        # Python 3.13 calls the mapped ::ffff:127.0.0.1 loopback too.
        if ip.is_loopback and getattr(ip, "ipv4_mapped", None) is None:
            return self.loopback
        if isinstance(ip, IPv4Address):
            denied = ip.is_multicast or any(ip in network for network in _DENIED_4)
        else:
            denied = ip not in _UNICAST_6 or any(ip in network for network in _DENIED_6)
        return ip.is_global and not denied

    def _against(self, url: URL) -> str | None:
        """What speaks against it, in a sentence."""
        host = url.raw_host or ""
        if "@" in url.raw_authority:
            return "Give the address without a user name or password."
        if self.loopback and _is_loopback(host):
            if url.scheme not in ("http", "https"):
                return "Give an http or https address."
            return None if url.port else "The port may not be 0."
        if url.scheme != "https":
            return "Give an https address."
        if len(host) > HOST_MAX or not _HOST.fullmatch(host):
            return "Give an address with a full host name."
        return None if url.port in self.ports else f"The port may be {_listed(self.ports)}."


class Response(msgspec.Struct, frozen=True):
    """What the other side answered; `retry_after` is the header as it came."""

    status: int
    retry_after: str = ""
    body: bytes = b""  # at most ANSWER_MAX of it


class NoResponse(msgspec.Struct, frozen=True):
    """No answer came, or nothing could be sent; `reason` is one stable word."""

    reason: str


SendResult = Response | NoResponse


class CheckedResolver(AbstractResolver):
    """Resolves a host once, and refuses it if any of its addresses is not allowed.

    The connector then connects to these very addresses, so that a second look-up cannot differ.
    """

    def __init__(self, rule: AddressRule, inner: AbstractResolver) -> None:
        self._rule, self._inner = rule, inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of the host; `OSError` when one of them is not allowed."""
        found = await self._inner.resolve(host, port, family)
        if not all(self._rule.allows(result["host"]) for result in found):
            raise _Refused(f"{host} has an address that is not public")
        return found

    async def close(self) -> None:
        """Nothing is kept open."""
        await self._inner.close()


class _Refused(OSError):
    """An address that the rule does not allow."""


class Outbound:
    """`async with Outbound(rule) as outbound`: its connections are closed at the end."""

    def __init__(self, rule: AddressRule, names: AbstractResolver | None = None) -> None:
        self.rule = rule
        self._names = names  # None: the machine's own
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(self.rule, self._names or aiohttp.ThreadedResolver()),
            use_dns_cache=False,
            limit=CONNECTIONS_MAX,
            limit_per_host=CONNECTIONS_PER_HOST_MAX,
            keepalive_timeout=KEEPALIVE_S,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a small answer stays small
            headers={"User-Agent": AGENT},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None, "it was entered"
        await self._session.close()
        self._session = None

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float = TIMEOUT_S
    ) -> SendResult:
        """Send it once; what comes of it is a value. A redirect is an answer, not followed."""
        started = asyncio.get_running_loop().time()
        result = await self._post(url, body, headers, timeout_s)
        log.info(
            "outbound.post",
            to=_origin(url),
            sent=len(body),
            took_ms=round((asyncio.get_running_loop().time() - started) * 1000),
            **_outcome(result),
        )
        return result

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> SendResult:
        assert self._session is not None, "use it in `async with`"
        try:
            self.rule.check(url)
            async with self._session.post(
                url,
                data=body,
                headers=dict(headers),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as answer:
                retry_after = answer.headers.get("Retry-After", "")
                return Response(answer.status, retry_after, await _read(answer))
        except ForbiddenAddress:
            return NoResponse("forbidden_address")
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            return NoResponse(_reason(error))


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The beginning of the body. The status has come: what breaks after it changes nothing."""
    body = b""
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        while len(body) < ANSWER_MAX:
            part = await answer.content.read(ANSWER_MAX - len(body))
            if not part:
                break
            body += part
    return body


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError() if isinstance(error.os_error, _Refused):
            return "forbidden_address"
        case aiohttp.ClientConnectorDNSError() | UnicodeError():
            return "unknown_host"
        case aiohttp.ClientSSLError():
            return "tls_failed"
        case TimeoutError():
            return "timed_out"
        case aiohttp.ClientConnectorError():
            return "not_connected"
        case _:
            return "connection_failed"


def _outcome(result: SendResult) -> dict[str, object]:
    match result:
        case Response(status=status):
            return {"status": status}
        case NoResponse(reason=reason):
            return {"reason": reason}


def _origin(url: str) -> str:
    """Scheme, host and port: a path or a query may hold somebody's secret."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return "…"


def _parse(text: str) -> URL:
    if len(text) > URL_MAX or not text.isascii() or re.search(r"[\x00-\x20\x7f\\]", text):
        raise ForbiddenAddress(
            f"Give an address of at most {URL_MAX} ASCII characters without spaces.", field="url"
        )
    if _NO_PORT.match(text):
        raise ForbiddenAddress("Give a port after the colon, or neither.", field="url")
    try:
        return URL(text)  # what aiohttp reads it with too: nobody reads it in two ways
    except ValueError:
        raise ForbiddenAddress("This is no web address.", field="url") from None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _listed(ports: tuple[int, ...]) -> str:
    return " or ".join(str(port) for port in ports)
