"""Seal and Keyring as values: what signs and encrypts links and sessions, and what checks them.

Signed tokens are JWS in compact form (RFC 7515), `alg` Ed25519 (RFC 9864, RFC 8037).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from payseal.core.errors import Gone, Invalid, Missing
from payseal.core.ids import LinkId
from payseal.core.keypair import ALGORITHM, TYPES, KeyPair, Purpose, to_bytes

__all__ = [
    "TOKEN_MAX",
    "Claims",
    "InvalidKeySet",
    "KeyPair",
    "Keyring",
    "LinkTokenExpired",
    "NotOurs",
    "Purpose",
    "Seal",
    "Sealed",
    "verify",
]

TOKEN_MAX = 1024
OPENED_MAX = 50_000  # tokens that a seal remembers, the newest: 35 MB
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}", re.ASCII)


class NotOurs(Missing):
    """Forged, cut, altered or foreign: one answer for all of them."""

    code, title = "unknown_link", "There is no such link."


class LinkTokenExpired(Gone):
    """The seal holds, but its moment has passed."""

    code, title = "link_token_expired", "This link has expired."


class InvalidKeySet(Invalid):
    """The text is no set of public keys (RFC 7517)."""

    code, title = "invalid_key_set", "The key set is not valid."


class Sealed(msgspec.Struct, frozen=True):
    """What a link's token holds."""

    link_id: LinkId
    expires_at: datetime


class Claims(msgspec.Struct, frozen=True):
    """What anyone can read in a link's token who has the public keys."""

    expires_at: datetime
    kid: str


class Keyring:
    """The keys that there are."""

    def __init__(self, keys: Iterable[KeyPair]) -> None:
        self.keys = tuple(sorted(keys, key=lambda key: key.sign_from, reverse=True))
        self._by_header = {key.header: key for key in self.keys}

    def __eq__(self, other: object) -> bool:
        """Whether both have the same keys, with the same roles."""
        return isinstance(other, Keyring) and self._roles() == other._roles()

    __hash__ = None  # type: ignore[assignment]  # as of any value that is compared so

    def _roles(self) -> list[tuple[object, ...]]:
        return [(k.purpose, k.kid, k.publish_at, k.sign_from, k.verify_until) for k in self.keys]

    def signer(self, purpose: Purpose | str, at: datetime) -> KeyPair:
        """The newest key that may sign."""
        for key in self.keys:
            if key.purpose == purpose and key.signs(at):
                return key
        raise AssertionError(f"no {purpose} key signs at {at}: `ensure_keys` makes the first")

    def read(
        self, purpose: Purpose | str, token: str, at: datetime
    ) -> tuple[KeyPair, bytes] | None:
        """Who signed the token, and its payload; None unless one of ours did, for that purpose.

        A token has one spelling: header and payload are what is signed, byte by byte, and the
        signature is refused in any other form of base64url (unused bits) or of its number.
        """
        if len(token) > TOKEN_MAX or _COMPACT.fullmatch(token) is None:
            return None
        # The whole header must be one of our own, so nothing in it (alg, typ, jwk, jku, x5u, crit)
        # is ever obeyed (RFC 8725, 3.1).
        key = self._by_header.get(token.partition(".")[0])
        if key is None or key.purpose != purpose or not key.is_published(at):
            return None
        payload = key.signed(token)
        return None if payload is None else (key, payload)

    def jwks(self, at: datetime) -> dict[str, list[dict[str, str]]]:
        """The public keys that verify, or soon will (RFC 7517)."""
        return {"keys": [key.jwk() for key in self.keys if key.is_published(at)]}


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exp: int  # seconds since 1970
    sub: str


class Seal:
    """Makes the address of a link, and opens it again."""

    def __init__(self, keyring: Keyring, base_url: str, *, remembered: int = OPENED_MAX) -> None:
        self.keyring, self._remembered = keyring, remembered
        self._places = base_url.rstrip("/") + "/p/"
        self._opened: OrderedDict[str, tuple[KeyPair, Sealed]] = OrderedDict()

    def url(self, link_id: LinkId, expires_at: datetime, *, at: datetime) -> str:
        """The link that a payer opens."""
        return self.address(self.token(link_id, expires_at, at=at))

    def address(self, token: str) -> str:
        """Where the link with that token is."""
        return self._places + token

    def token(self, link_id: LinkId, expires_at: datetime, *, at: datetime) -> str:
        """The same for the same link and key; `exp` is rounded up to the next second."""
        key = self.keyring.signer(Purpose.LINK, at)
        exp = -((_EPOCH - expires_at) // _SECOND)
        return key.sign(_encoder.encode(_Payload(exp, key.hide(link_id))))

    def open(self, token: str, *, at: datetime) -> Sealed:
        """What the token holds, even past its moment; `NotOurs` unless we sealed it.

        A payer's browser sends the same one again and again, so it is not read each time.
        """
        opened = self._opened.get(token)
        if opened is not None and opened[0].is_published(at):
            return opened[1]
        read = self.keyring.read(Purpose.LINK, token, at)
        if read is None:
            raise NotOurs("We do not know this link. Please check that it is complete.")
        key, text = read
        payload = _decoder.decode(text)
        link_id = key.reveal(payload.sub)
        assert link_id is not None, "a token that we signed has an id that we hid"
        sealed = Sealed(link_id, _EPOCH + payload.exp * _SECOND)
        if len(self._opened) >= self._remembered:
            self._opened.popitem(last=False)
        self._opened[token] = key, sealed
        return sealed


def verify(token: str, jwks: Mapping[str, Any], *, at: datetime) -> Claims:  # Any: JSON as saved
    """Check a link's token offline, with a saved copy of the public keys (RFC 7515, RFC 8725).

    Raises `NotOurs`, `LinkTokenExpired`, `InvalidKeySet`.
    """
    unknown = NotOurs("None of these keys signed this link, or it is not complete.")
    if len(token) > TOKEN_MAX or not all(to_bytes(part) for part in token.split(".")):
        raise unknown
    keys = _key_set(jwks)
    try:
        found = jws.deserialize_compact(token, keys, algorithms=[ALGORITHM])
        payload = _decoder.decode(found.payload)
    except (JoseError, ValueError):
        raise unknown from None
    header = found.headers()
    kid = header.get("kid")
    if header != {"alg": ALGORITHM, "kid": kid, "typ": TYPES[Purpose.LINK]} or kid is None:
        raise unknown
    expires_at = _EPOCH + payload.exp * _SECOND
    if at >= expires_at:
        raise LinkTokenExpired("This link is ours, but its time has passed.", expiresAt=expires_at)
    return Claims(expires_at, kid)


def _key_set(jwks: Mapping[str, Any]) -> KeySet:
    try:
        return KeySet.import_key_set({"keys": [dict(key) for key in jwks["keys"]]})
    except (JoseError, ValueError, TypeError, KeyError):
        raise InvalidKeySet(
            "Give the keys as saved from /.well-known/jwks.json.", field="keys"
        ) from None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Payload)
