"""KeyPair: one key of the ring, its public half, and the one spelling of what it signs."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from enum import StrEnum
from typing import NoReturn

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from joserfc.jwk import OKPKey
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from payseal.core.ids import LinkId, pack, unpack

ALGORITHM = "Ed25519"
SEED_BYTES, SIV_BYTES = 32, 64
LINK_PREFIX = "lnk"
_CONTEXT = [b"payseal link"]  # the associated data of what is sealed in a link's token


class Purpose(StrEnum):
    """What a key signs. The `typ` of its tokens says so too (RFC 8725, 3.11)."""

    LINK = "link"
    SESSION = "session"
    RESULT = "result"


TYPES = {
    Purpose.LINK: "payseal-link+jwt",
    Purpose.SESSION: "at+jwt",
    Purpose.RESULT: "payseal-result+jwt",
}


class KeyPair:
    """An Ed25519 pair and an AES-SIV key under one `kid`; its role is a function of the clock."""

    __slots__ = (
        "_sealing",
        "header",
        "kid",
        "private",
        "public",
        "publish_at",
        "purpose",
        "sign_from",
        "siv",
        "verify_until",
    )

    def __init__(
        self,
        purpose: Purpose,
        secret: bytes,
        *,
        publish_at: datetime,
        sign_from: datetime,
        verify_until: datetime | None = None,
    ) -> None:
        """`secret` is the 32 bytes of the Ed25519 seed, then the 64 of the AES-SIV key."""
        assert len(secret) == SEED_BYTES + SIV_BYTES, "a key pair is made of 96 secret bytes"
        self.purpose = purpose
        self.private = SigningKey(secret[:SEED_BYTES])
        self.public = bytes(self.private.verify_key)
        self.siv = secret[SEED_BYTES:]
        self._sealing = AESSIV(self.siv)
        self.kid = thumbprint(self.public)
        # Made once: signing is hot, and a token of ours has this very header or is none of ours.
        header = {"alg": ALGORITHM, "kid": self.kid, "typ": TYPES[purpose]}
        self.header = to_text(msgspec.json.encode(header))
        self.publish_at, self.sign_from = publish_at, sign_from
        self.verify_until = verify_until

    def signs(self, at: datetime) -> bool:
        """Whether it may sign new tokens; the newest that may is the one that does."""
        return self.sign_from <= at and self.is_published(at)

    def is_published(self, at: datetime) -> bool:
        """Whether it stands in the public key set, and so verifies."""
        return self.publish_at <= at and (self.verify_until is None or at < self.verify_until)

    def sign(self, payload: bytes) -> str:
        """The token of that payload."""
        text = f"{self.header}.{to_text(payload)}"
        return f"{text}.{to_text(self.private.sign(text.encode()).signature)}"

    def signed(self, token: str) -> bytes | None:
        """The payload of a token with our header, if this key signed it; else None."""
        text, _, signature = token.rpartition(".")
        raw = to_bytes(signature)
        if raw is None:
            return None
        try:
            self.private.verify_key.verify(text.encode(), raw)
        except CryptoError:
            return None
        return to_bytes(text.rpartition(".")[2])

    def hide(self, link_id: LinkId) -> str:
        """The link's id, so that only we can read it (AES-SIV, RFC 5297)."""
        return to_text(self._sealing.encrypt(pack(link_id), _CONTEXT))

    def reveal(self, hidden: str) -> LinkId | None:
        """The id that `hide` was given, if this key hid it."""
        data = to_bytes(hidden)
        try:
            packed = self._sealing.decrypt(data or b"", _CONTEXT)
        except (InvalidTag, ValueError):
            return None
        return LinkId(unpack(LINK_PREFIX, packed))

    def jwk(self) -> dict[str, str]:
        """The public key (RFC 8037)."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": to_text(self.public),
            "kid": self.kid,
            "use": "sig",
            "alg": ALGORITHM,
        }

    def __repr__(self) -> str:
        return f"KeyPair({self.purpose.value} {self.kid})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key pair is only stored sealed")


def thumbprint(public: bytes) -> str:
    """The name of an Ed25519 key (RFC 7638)."""
    jwk: dict[str, str | list[str]] = {"kty": "OKP", "crv": "Ed25519", "x": to_text(public)}
    return OKPKey.import_key(jwk).thumbprint()


def to_text(data: bytes) -> str:
    """Base64url without padding (RFC 7515, chapter 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def to_bytes(text: str) -> bytes | None:
    """The bytes, if the text is their one spelling in base64url without padding (RFC 4648)."""
    try:
        data = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if to_text(data) == text else None
