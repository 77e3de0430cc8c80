"""Once: the same POST with the same Idempotency-Key has one effect and one answer.

draft-ietf-httpapi-idempotency-key-header. The request's first commit carries `Insert(Once)`; its
answer is added before it is sent. A request that finds the record is answered from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec
import structlog
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from payseal.core.errors import Conflict, Invalid
from payseal.core.record import Record
from payseal.core.store import Change, Delete, Insert, Lost, Store, Taken, Update
from payseal.web.answer import Answer
from payseal.web.auth import Guest
from payseal.web.body import header, read_of
from payseal.web.kept import Once, Strongbox
from payseal.web.parts import Parts
from payseal.web.problem import HttpProblem

KEY_MIN, KEY_MAX = 16, 255
_KEPT_HEADERS = (b"content-type", b"location")
_REPLAYED = (b"idempotency-replayed", b"true")
# A structured-field string (RFC 8941, 3.3.3), or the same characters bare.
_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")

log = structlog.get_logger("payseal.web")
T = TypeVar("T", bound=Record)


class InvalidKey(Invalid):
    """The header Idempotency-Key is malformed, or there is more than one."""

    code, title = "invalid_idempotency_key", "The Idempotency-Key is not valid."


class StillRunning(Conflict):
    """Another request with this key is being worked on."""

    code, title = "idempotency_key_in_use", "The same request is still running."


class AnswerLost(Conflict):
    """It was done, but the process that did it ended before it could answer."""

    code, title = "answer_lost", "The answer to this request is lost."


class OtherRequest(HttpProblem):
    """The key was used before, for another path, query or body."""

    status, code, title = 422, "idempotency_key_reused", "This key was used for another request."


class Effect:
    """What a route's POST makes or changes, and how to show it if its answer was lost.

    Stands in the route's `opt` as `once`. Without a view it cannot be shown again.
    """

    def __init__(
        self,
        where: Literal["accounts", "payments"],
        kind: type[T],
        view: Callable[[T, Parts, datetime], msgspec.Struct] | None = None,
    ) -> None:
        self._where = where
        self._kind: type[Any] = kind
        self._view: Callable[[Any, Parts, datetime], msgspec.Struct] | None = view

    def store(self, guest: Guest) -> Store:
        """Where the effect is, and so the record of the key."""
        return guest.payments if self._where == "payments" else guest.accounts

    def named(self, changes: tuple[Change, ...]) -> str:
        """The id of what these changes make; empty if it is something else."""
        return next((c.record.id for c in changes if isinstance(c.record, self._kind)), "")

    async def shown(self, store: Store, made: str, parts: Parts, at: datetime) -> bytes | None:
        """The body that tells of it as it is now; None if that cannot be."""
        if self._view is None:
            return None
        record = await store.get(self._kind, made)
        return None if record is None else msgspec.json.encode(self._view(record, parts, at))


class Claiming:
    """A store whose first commit of the effect carries the key's record: both, or neither."""

    def __init__(self, inner: Store, once: Once, effect: Effect) -> None:
        self._inner, self._effect = inner, effect
        self.once, self.committed = once, False
        self.get, self.get_many = inner.get, inner.get_many
        self.page, self.due = inner.page, inner.due
        self.lanes, self.feed = inner.lanes, inner.feed

    async def commit(self, *changes: Change) -> None:
        """As the store's; `StillRunning` if another request with this key was faster."""
        made = "" if self.committed else self._effect.named(changes)
        if not made:
            await self._inner.commit(*changes)
            return
        once = self.once.making(made)
        try:
            await self._inner.commit(Insert(once), *changes)
        except Taken as lost:
            if lost.change.record.id == once.id:
                raise StillRunning("Wait for its answer, then ask again.", retryAfter=1) from None
            raise
        self.once, self.committed = once, True


class OncePerKey:
    """Middleware: after authentication and reading, around the handler of a POST."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app, self._parts = app, parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or again as it was answered before."""
        key = key_of(scope) if scope.get("method") == "POST" else None
        if key is None:
            await self._app(scope, receive, send)
            return
        use = _Use(self._parts, scope, key)
        kept = await use.kept()
        if kept is None:
            kept = await self._answer(use, scope, receive)
        await kept.give(send)

    async def _answer(self, use: _Use, scope: Scope, receive: Receive) -> Answer:
        """Let the handler answer, and keep its answer, unless another request was faster."""
        claim = Claiming(use.store, use.new, use.effect)
        guest: Guest = scope["state"][Guest.KEY]
        scope["state"][Guest.KEY] = guest.wrapped(lambda s: claim if s is use.store else s)
        heard = _Heard()
        await self._app(scope, receive, heard.hear)
        answer = heard.answer()
        if claim.committed:
            await use.finish(claim.once, answer)
            return answer
        # It had no effect. If another request with this key had one, that is the answer.
        return await use.keep(answer)


class _Use:
    """One use of a key: its record, looked for, kept, and answered from."""

    def __init__(self, parts: Parts, scope: Scope, key: str) -> None:
        guest: Guest = scope["state"][Guest.KEY]
        handler = scope["route_handler"]
        assert isinstance(handler, HTTPRouteHandler), "the API speaks HTTP"
        self._parts, self._at, self._status = parts, guest.at, handler.status_code
        self._box = Strongbox(parts.master, key)
        self.effect: Effect = handler.opt["once"]
        self.store = self.effect.store(guest)
        self.new = Once(
            id=self._box.name((*guest.scope, "POST", scope["path_template"])),
            at=guest.at,
            fingerprint=self._box.fingerprint(
                "POST", scope["path"], scope["query_string"], read_of(scope).body
            ),
        )

    async def kept(self) -> Answer | None:
        """The answer of an earlier request; None if there was none. `StillRunning`."""
        once = await self.store.get(Once, self.new.id)
        if once is None:
            return None
        if self._at >= once.due:
            await self._drop(once)
            return None
        if once.fingerprint != self.new.fingerprint:
            raise OtherRequest("Use a new key for another path, query or body.")
        if once.answer:
            answer = self._box.open(once)
            return Answer(answer.status, (*answer.headers, _REPLAYED), answer.body)
        if not once.abandoned(self._at):
            raise StillRunning("Wait for its answer, then ask again.", retryAfter=1)
        return await self._recovered(once)

    async def keep(self, answer: Answer) -> Answer:
        """Keep an answer that had no effect, if it would be the same again."""
        lasting = answer.status < 500 and answer.status not in (401, 409, 429)
        if lasting:
            sealed = self._sealed(self.new, answer)
            done = Once(
                id=self.new.id, at=self.new.at, fingerprint=self.new.fingerprint, answer=sealed
            )
            try:
                await self.store.commit(Insert(done))
            except Lost:
                lasting = False
        return answer if lasting else await self.kept() or answer

    async def finish(self, once: Once, answer: Answer) -> None:
        """Its effect is committed: keep the answer beside it."""
        if answer.status in (401, 409, 429, 503):
            await self._drop(once)  # in the end nothing was done, and it may be tried again
        elif answer.status < 500:
            done = once.answered(self._sealed(once, answer))
            try:
                await self.store.commit(Update(done))
            except Lost:
                log.warning("answer not kept", once=once.id)

    def _sealed(self, once: Once, answer: Answer) -> bytes:
        headers = tuple(header for header in answer.headers if header[0] in _KEPT_HEADERS)
        return self._box.seal(once, Answer(answer.status, headers, answer.body))

    async def _recovered(self, once: Once) -> Answer:
        """Nobody will answer this any more: tell of its effect as it is now."""
        body = await self.effect.shown(self.store, once.made, self._parts, self._at)
        if body is None:
            raise AnswerLost("It was done. Look at its effect, or ask again with a new key.")
        answer = Answer(self._status, ((b"content-type", b"application/json"),), body)
        await self.finish(once, answer)
        return answer

    async def _drop(self, once: Once) -> None:
        try:
            await self.store.commit(Delete(once))
        except Lost:  # gone already
            log.info("key was forgotten", once=once.id)


class _Heard:
    """The handler's answer, held back until it is kept."""

    def __init__(self) -> None:
        self._start: Any = None
        self._body = bytearray()

    async def hear(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._body += message["body"]

    def answer(self) -> Answer:
        assert self._start is not None, "a handler answers"
        headers = [(name.lower(), value) for name, value in self._start["headers"]]
        rest = tuple(header for header in headers if header[0] != b"content-length")
        return Answer(self._start["status"], rest, bytes(self._body))


def key_of(scope: Scope) -> str | None:
    """The idempotency key, if there is one; `InvalidKey`."""
    lines = header(scope, b"idempotency-key")
    if not lines:
        return None
    if len(lines) > 1:
        raise InvalidKey("Send one Idempotency-Key.", field="Idempotency-Key")
    text = lines[0].strip()
    quoted = _QUOTED.fullmatch(text)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text
    if (quoted is None and _BARE.fullmatch(text) is None) or not KEY_MIN <= len(key) <= KEY_MAX:
        raise InvalidKey(
            f"An Idempotency-Key has {KEY_MIN} to {KEY_MAX} visible characters.",
            field="Idempotency-Key",
        )
    return key
