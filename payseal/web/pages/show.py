"""Turns a visit into its page: template, status, and the headers that every page carries."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha384
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.status_codes import HTTP_200_OK, HTTP_410_GONE, HTTP_422_UNPROCESSABLE_ENTITY

from payseal.checkout import Visit, VisitState
from payseal.core.card import holds_number
from payseal.core.errors import Problem
from payseal.core.ids import Mode, mode_of
from payseal.core.money import Money
from payseal.links import AlreadyPaid, Form, LinkCancelled, LinkExpired, LinkStatus, SoldOut
from payseal.risk import Paused
from payseal.transactions import Transaction, TransactionStatus
from payseal.web.answer import Answer, raw
from payseal.web.pages.address import origin_of, web_address
from payseal.web.pages.filling import filling
from payseal.web.pages.look import PLAIN, Look, look_of
from payseal.web.pages.result import result_of
from payseal.web.pages.words import LABELS, Message, moment, pause, tried
from payseal.web.parts import Parts
from payseal.web.problem import status_of

WEB = Path(__file__).parent.parent
STATIC = WEB / "static"
NONCE_BYTES = 16
KEPT = ("name", "email")  # of a form with errors; nothing of a card

# Of a page to look at. All others are 200: the page is there, and says how things stand.
STATUS: Final = {VisitState.EXPIRED: HTTP_410_GONE, VisitState.CANCELLED: HTTP_410_GONE}
# What a refused payment is told on; its status is the refusal's own.
TEMPLATES: Final[Mapping[type[Problem], str]] = {
    LinkExpired: "expired",
    LinkCancelled: "cancelled",
    AlreadyPaid: "paid",
    SoldOut: "sold_out",
    Paused: "paused",
}
HEADERS: Final = raw({"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"})
# `form-action` holds for redirects after a post too, so a post never leads to another origin; only
# the page of a challenge has a form that does.
CSP: Final = (
    "default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
    "img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'{leads_to}; base-uri 'none'; frame-ancestors {origins}"
)

_HTML = (b"content-type", b"text/html; charset=utf-8")


class Asset(msgspec.Struct, frozen=True):
    """A file of ours: its address changes with its content, and the browser checks that."""

    url: str
    integrity: str


class Pages:
    """Renders the templates, and carries the parts of the edge to who answers with them."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._templates = Environment(
            loader=FileSystemLoader(WEB / "templates"),
            autoescape=True,
            auto_reload=False,  # they change with a release
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "css": _asset("pay.css"),
            "js": _asset("pay.js"),
            "labels": LABELS,
        }

    def visit(
        self, visit: Visit, here: str, look: Look, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The page of the link's state, or of the payer's own attempt."""
        status, template = STATUS.get(visit.state, HTTP_200_OK), f"{visit.state.value}.html"
        challenge = None if visit.transaction is None else visit.transaction.challenge
        result = result_of(self.parts, visit, self.parts.now())
        values = _facts(visit, here) | {"result": result}
        led = [challenge.url] if challenge else [visit.link.success_url] if result else []
        return self._page(template, status, values, look, headers=headers, led=led)

    def form(
        self,
        form: Form,
        currency: str,
        key: str,
        *,
        errors: Mapping[str, str] | None = None,
        typed: Mapping[str, str] | None = None,
        note: str = "",
    ) -> Answer:
        """A payment form to be filled in; with what was typed, and what is wrong with it."""
        if not form.is_on:
            return self._page(
                "form_off.html", HTTP_410_GONE, filling(form, currency), look_of(form)
            )
        values = filling(form, currency, typed or {}, errors or {})
        values |= {"key": key, "note": note, "here": f"/f/{form.id}"}
        status = HTTP_422_UNPROCESSABLE_ENTITY if errors or note else HTTP_200_OK
        return self._page("payment_form.html", status, values, look_of(form))

    def refusal(self, visit: Visit, here: str, problem: Problem, look: Look) -> Answer:
        """The page of a payment that was refused, one of `TEMPLATES`."""
        headers, values = {}, _facts(visit, here)
        wait = problem.members.get("retryAfter")
        if isinstance(wait, int):
            headers["Retry-After"] = str(wait)
            values["pause"] = pause(wait)
        template = f"{TEMPLATES[type(problem)]}.html"
        return self._page(template, status_of(problem), values, look, headers=headers)

    def form_again(
        self,
        visit: Visit,
        here: str,
        errors: Mapping[str, str],
        typed: Mapping[str, str],
        look: Look,
    ) -> Answer:
        """The open page with what is wrong; of what was typed only name and e-mail come back."""
        told = {field: errors[field] for field in LABELS if field in errors}
        again = {f: "" if holds_number(typed[f]) else typed[f] for f in KEPT}
        values = _facts(visit, here) | {"errors": told, "typed": again}
        return self._page("open.html", HTTP_422_UNPROCESSABLE_ENTITY, values, look)

    def message(
        self,
        message: Message,
        status: int,
        here: str = "",
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A page without a link; `here` leads on to the payment page."""
        values: dict[str, object] = {"message": message, "here": here}
        return self._page("message.html", status, values, headers=headers)

    def start(self) -> Answer:
        """What this server is."""
        return self._page("start.html", HTTP_200_OK, {})

    def _page(
        self,
        template: str,
        status: int,
        values: Mapping[str, object],
        look: Look = PLAIN,
        *,
        headers: Mapping[str, str] | None = None,
        led: Sequence[str] = (),
    ) -> Answer:
        nonce = urlsafe_b64encode(self.parts.entropy(NONCE_BYTES)).decode()
        page = self._templates.get_template(template).render(values, nonce=nonce, look=look)
        leads_to = "".join([f" {origin_of(url)}" for url in led])
        origins = " ".join(look.origins) or "'none'"
        csp = CSP.format(nonce=nonce, leads_to=leads_to, origins=origins)
        policy = (b"content-security-policy", csp.encode())
        more = raw(headers or {})
        return Answer(status, (_HTML, *HEADERS, policy, *more), page.encode())


def _facts(visit: Visit, here: str) -> dict[str, object]:
    """What the templates may know of a visit, and nothing else."""
    link = visit.link
    return {
        "here": here,
        "test": mode_of(link.id) is Mode.TEST,
        "merchant": visit.merchant,
        "amount": str(link.amount),
        "currency": link.amount.currency.value,
        "description": link.description,
        "expires_at": moment(link.expires_at),
        "expired": visit.state is VisitState.EXPIRED,
        "success_url": web_address(link.success_url),
        "cancel_url": web_address(link.cancel_url),
        "more": link.max_payments != 1 and link.status is LinkStatus.OPEN,
        **_moved(visit.transaction),
        "attempt": tried(visit.transaction) if visit.transaction else None,
        **_led(visit.transaction),
        "host": visit.host,
        "attempt_key": visit.attempt,
        "pause": pause(0),
        "result": "",
        "errors": {},
        "typed": {"name": "", "email": ""},
    }


def _led(txn: Transaction | None) -> dict[str, object]:
    """Where the payer has to go first, and until when."""
    challenge = None if txn is None else txn.challenge
    return {"challenge": challenge, "until": challenge and moment(challenge.until)}


def _moved(txn: Transaction | None) -> dict[str, object]:
    """Of the payer's own attempt: whether it is held, what was taken, what was given back."""
    if txn is None:
        return {"held": False, "taken": "", "given_back": ""}
    back = Money(txn.refunded, txn.amount.currency)
    return {
        "held": txn.status is TransactionStatus.AUTHORIZED,
        "taken": str(txn.captured) if txn.status is TransactionStatus.CAPTURED else "",
        "given_back": str(back) if back.minor else "",
    }


def _asset(name: str) -> Asset:
    digest = sha384((STATIC / name).read_bytes()).digest()
    version = digest[:6].hex()
    return Asset(f"/assets/{name}?{version}", f"sha384-{b64encode(digest).decode()}")
