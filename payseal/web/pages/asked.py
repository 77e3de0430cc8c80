"""Asked: what a payer's browser asks for, and which attempt it has made before."""

from __future__ import annotations

from urllib.parse import parse_qsl

from litestar.types import Receive, Scope

from payseal.checkout import Visit, VisitState
from payseal.core.ids import made_at
from payseal.issuers import Browser
from payseal.web.pages.cookie import attempt_cookie, attempt_of, cookie_of
from payseal.web.parts import Parts

QUERY_MAX = 1000  # bytes that are looked at


class Asked:
    """A browser's request."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope, self.receive = scope, receive

    def attempt(self, parts: Parts, token: str) -> str | None:
        """The payer's own attempt, if their cookie names one."""
        return attempt_of(parts.master, token, cookie_of(self.scope))

    @property
    def again(self) -> bool:
        """Whether they want to try once more."""
        return "again" in self._query()

    def wished(self, name: str) -> str:
        """What the query says of it; empty if nothing."""
        return self._query().get(name, "")

    def browser(self, screen: str) -> Browser:
        """What a bank may want to know of it; `screen` is what our script says."""
        sent = dict(self.scope["headers"])
        accept, agent, languages = (
            sent.get(name, b"").decode("latin-1")
            for name in (b"accept", b"user-agent", b"accept-language")
        )
        address = (self.scope.get("client") or ("", 0))[0]
        return Browser.read(address, accept, agent, languages, screen)

    def _query(self) -> dict[str, str]:
        text = self.scope["query_string"][:QUERY_MAX].decode("ascii", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, errors="replace"))


def begun(parts: Parts, token: str, visit: Visit, attempt: str | None) -> dict[str, str]:
    """Before the form is sent: who reloads while the bank is asked finds that very attempt."""
    if attempt is None and visit.state is VisitState.OPEN:
        return {"Set-Cookie": cookie_for(parts, token, visit.attempt)}
    return {}


def cookie_for(parts: Parts, token: str, attempt: str) -> str:
    """The cookie that names the attempt, for as long as the link lives."""
    sealed = parts.seal.open(token, at=parts.now())
    life = sealed.expires_at - made_at(sealed.link_id)
    secure = parts.base_url.startswith("https://")
    return attempt_cookie(parts.master, token, attempt, life, secure=secure)
