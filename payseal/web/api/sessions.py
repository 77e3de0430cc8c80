"""/api/sessions: sign in, stay signed in, sign out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from payseal import accounts
from payseal.accounts import Session, Tokens
from payseal.core.store import deciding
from payseal.web.auth import Guest
from payseal.web.once import Effect
from payseal.web.strict import InvalidField

TEXT_MAX = 1024
# Tokens cannot be shown again: who lost the answer signs in again.
_EFFECT = {"once": Effect("accounts", Session)}


class SignIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The user name or the e-mail address, and the password."""

    username: Annotated[str, msgspec.Meta(max_length=TEXT_MAX, examples=["owner"])] = ""
    email: Annotated[str, msgspec.Meta(max_length=TEXT_MAX)] = ""
    password: Annotated[str, msgspec.Meta(max_length=TEXT_MAX, examples=["three plain words here"])]


class Refresh(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The refresh token that was given last."""

    refresh_token: Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]


class TokensView(msgspec.Struct, frozen=True, rename="camel"):
    """`accessToken` goes into the Authorization header; `expiresIn` counts seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the name of a kind


def tokens_view(tokens: Tokens) -> TokensView:
    """Both tokens: nobody is shown them again."""
    return TokensView(tokens.access_token, tokens.refresh_token, tokens.expires_in)


@post("/api/sessions", status_code=200, opt=_EFFECT)
async def sign_in(data: JSONBody[SignIn], guest: NamedDependency[Guest]) -> TokensView:
    """Sign in by e-mail address or user name, and password."""
    if bool(data.username) == bool(data.email):
        raise InvalidField("Give the user name or the e-mail address.", field="username")
    tokens = await accounts.sign_in(
        guest.accounts,
        guest.parts.mint,
        guest.parts.keys(),
        guest.parts.master,
        guest.parts.passwords,
        data.username or data.email,
        data.password,
        at=guest.at,
    )
    return tokens_view(tokens)


@post("/api/sessions/refresh", status_code=200, opt=_EFFECT)
async def refresh(data: JSONBody[Refresh], guest: NamedDependency[Guest]) -> TokensView:
    """Get new tokens; the refresh token that is given ends, and using it again ends them all."""
    tokens = await deciding(
        accounts.refresh,
        guest.accounts,
        guest.parts.keys(),
        guest.parts.master,
        data.refresh_token,
        at=guest.at,
    )
    return tokens_view(tokens)


@post("/api/sessions/end", status_code=204, opt=_EFFECT)
async def sign_out(data: JSONBody[Refresh], guest: NamedDependency[Guest]) -> None:
    """Sign out: the refresh token and all that came before it end."""
    token = data.refresh_token
    await deciding(accounts.sign_out, guest.accounts, guest.parts.master, token, at=guest.at)
