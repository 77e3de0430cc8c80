"""MasterKey: the one secret that is in no store; every other key is derived from it or sealed."""

from __future__ import annotations

from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MASTER_BYTES = 32
_KEY_BYTES, _SIV_BYTES = 32, 64


class WrongMasterKey(Exception):
    """What is sealed was not sealed under this master key, or not for this context."""


class MasterKey:
    """Thirty-two bytes from outside. It cannot be printed, pickled or encoded."""

    __slots__ = ("_keys", "_secret", "_siv")

    def __init__(self, secret: bytes) -> None:
        assert len(secret) == MASTER_BYTES, f"a master key has {MASTER_BYTES} bytes"
        self._secret = secret
        self._keys: dict[str, bytes] = {}
        self._siv = AESSIV(self._derive("seal", _SIV_BYTES))

    def key(self, purpose: str) -> bytes:
        """The 32 bytes for that purpose, by HKDF-SHA256 (RFC 5869).

        They are kept, so a purpose is one of a few words of ours, never something typed.
        """
        found = self._keys.get(purpose)
        if found is None:
            found = self._keys[purpose] = self._derive(f"key {purpose}", _KEY_BYTES)
        return found

    def seal(self, data: bytes, context: str) -> bytes:
        """Encrypt by AES-256-SIV (RFC 5297), so that only the same context opens it again.

        The same data and context always give the same bytes: no nonce that could repeat.
        """
        return self._siv.encrypt(data, [context.encode()])

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """What `seal` was given with that context; `WrongMasterKey` otherwise."""
        try:
            return self._siv.decrypt(sealed, [context.encode()])
        except (InvalidTag, ValueError):
            raise WrongMasterKey(f"This master key does not open the {context}.") from None

    def __repr__(self) -> str:
        return "MasterKey(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a master key is never stored")

    def _derive(self, label: str, length: int) -> bytes:
        info = f"payseal {label}".encode()
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(self._secret)
