"""Once: an idempotency key that was used, and the answer kept for it, sealed."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from payseal.core.ids import value_id
from payseal.core.master import MasterKey
from payseal.core.record import Record
from payseal.web.answer import Answer

KEPT_FOR = timedelta(hours=24)
# A request is answered within a few seconds: after so long, the process that had it is gone.
RUNS_AT_MOST = timedelta(seconds=60)


class Once(Record, frozen=True, kw_only=True):
    """One use of an idempotency key. It runs until it has an answer; `made` names its effect."""

    prefix, table, fades = "onc", "once", True

    at: datetime
    fingerprint: str
    made: str = ""
    answer: bytes = b""

    @property
    def due(self) -> datetime:
        """When it is forgotten."""
        return self.at + KEPT_FOR

    @property
    def running(self) -> bool:
        """Whether its answer is not known yet."""
        return not self.answer

    def abandoned(self, at: datetime) -> bool:
        """Whether whoever worked on it has gone without an answer."""
        return self.running and at >= self.at + RUNS_AT_MOST

    def making(self, made: str) -> Once:
        """As it is committed with its effect, the record of that id. Still version 1."""
        return Once(id=self.id, at=self.at, fingerprint=self.fingerprint, made=made)

    def answered(self, answer: bytes) -> Once:
        """With the sealed answer, for every later request with the same key."""
        return self._become(answer=answer)


class Strongbox:
    """Names, fingerprints and seals: of no use without the master key.

    An answer is sealed under a key that the idempotency key goes into, which itself is stored
    only as a keyed hash: so whoever reads the store and holds the master key still cannot open
    an answer whose key he was not told.
    """

    def __init__(self, master: MasterKey, key: str) -> None:
        self._names = master.key("once names")
        self._prints = master.key("once fingerprints")
        self._box = MasterKey(hmac.digest(master.key("once answers"), key.encode(), "sha256"))
        self._key = key

    def name(self, scope: Sequence[str]) -> str:
        """The id of this key's record within that scope."""
        return value_id(Once.prefix, _keyed(self._names, (*scope, self._key)))

    def fingerprint(self, *parts: str | bytes) -> str:
        """The same for the same request."""
        return _keyed(self._prints, parts)

    def seal(self, once: Once, answer: Answer) -> bytes:
        """The answer, for `Once.answered`."""
        return self._box.seal(msgspec.msgpack.encode(answer), once.id)

    def open(self, once: Once) -> Answer:
        """The answer that was sealed."""
        return msgspec.msgpack.decode(self._box.unseal(once.answer, once.id), type=Answer)


def _keyed(key: bytes, parts: Sequence[str | bytes]) -> str:
    # A length before each part, so that no two lists of parts read the same.
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    text = b"".join(b"%d:%b" % (len(part), part) for part in raw)
    return hmac.digest(key, text, "sha256").hex()
