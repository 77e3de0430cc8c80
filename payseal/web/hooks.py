"""/hooks and /3ds: what issuers tell us by themselves.

A webhook is signed, and only a reason to ask; what a bank tells of its book is signed, and as
true as its settlement file. The result of a challenge is known by ids that nobody can guess.
"""

from __future__ import annotations

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import Receive, Scope

from payseal import checkout, ledger
from payseal.core.errors import Invalid, Missing
from payseal.core.ids import ACCOUNT_CHARS, AccountId, Mode, is_base32
from payseal.core.signature import is_signed
from payseal.core.store import deciding
from payseal.issuers import Hooked
from payseal.transactions import callbacks
from payseal.web.answer import Answer
from payseal.web.body import BODY_MAX, read_body
from payseal.web.call import Calling, Source, stand_ins
from payseal.web.parts import Parts

RESULT_MAX = 16 * 1024  # bytes of an RReq
_JSON = (b"content-type", b"application/json")


class NotSigned(Invalid):
    """Its signature is not that of the issuer, or it is minutes old."""

    code, title = "webhook_not_signed", "The webhook is not signed by the issuer."


class Called:
    """A request of which the body is taken as it is."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope, self._receive = scope, receive

    @property
    def headers(self) -> dict[str, str]:
        """By their names in small letters."""
        return {key.decode(): value.decode("latin-1") for key, value in self._scope["headers"]}

    async def body(self, most: int = BODY_MAX) -> bytes:
        """All of it; `BodyTooLarge`."""
        return await read_body(self._scope, self._receive, most)


def hooks_router(parts: Parts) -> Router:
    """For issuers only, so the document of the API does not have it."""
    sources: dict[str, Source] = {"parts": lambda _, __: parts, "called": Called}
    return Router(
        path="/",
        route_handlers=[hear, hear_bank, take_result],
        middleware=[lambda app: Calling(app, sources)],
        dependencies=stand_ins(sources),
        include_in_schema=False,
    )


def hook_of(parts: Parts, issuer: str, account: AccountId, mode: Mode) -> str:
    """Where that account lets the issuer send its webhooks."""
    return f"{parts.base_url}/hooks/{issuer}/{account}/{mode.value}"


@post("/hooks/{issuer:str}/{account:str}/{mode:str}", status_code=204)
async def hear(
    issuer: FromPath[str],
    account: FromPath[str],
    mode: FromPath[str],
    parts: NamedDependency[Parts],
    called: NamedDependency[Called],
) -> None:
    """Hear a webhook of the issuer."""
    asked = parts.issuers.get(issuer)
    is_account = len(account) == ACCOUNT_CHARS and is_base32(account)
    if not isinstance(asked, Hooked) or not is_account or mode not in list(Mode):
        raise Missing("There is no such hook.")
    whose, of = AccountId(account), Mode(mode)
    txn_id = await asked.heard(whose, of, await called.body(), called.headers)
    if txn_id is None:
        raise NotSigned("Check the signing secret that the account has given.")
    await checkout.follow_hint(parts.till, whose, of, txn_id, now=parts.now)


@post("/hooks/{issuer:str}", status_code=204)
async def hear_bank(
    issuer: FromPath[str], parts: NamedDependency[Parts], called: NamedDependency[Called]
) -> None:
    """Hear of a chargeback, as the bank's settlement file will have it."""
    secret = parts.callback_secrets.get(issuer)
    if not secret:
        raise Missing("There is no such hook.")
    body, at = await called.body(), parts.now()
    if not is_signed(secret, body, called.headers, at=at):
        raise NotSigned("Check the secret that the bank and we have been given.")
    await deciding(callbacks.take, parts.payments, issuer, ledger.heard(body), at=at)


@post("/3ds/{txn:str}", status_code=200)
async def take_result(
    txn: FromPath[str], parts: NamedDependency[Parts], called: NamedDependency[Called]
) -> Answer:
    """An RReq, which is the truth, and our RRes (EMV 3-D Secure)."""
    reply = await checkout.hear(parts.till, txn, await called.body(RESULT_MAX), now=parts.now)
    return Answer(200, (_JSON,), reply)
