"""Messages of EMV 3-D Secure 2.2: written, read, and packed for a browser."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, field

from payseal.core.card import Card
from payseal.core.money import exponent_of
from payseal.issuers import Browser, Operation, Way

VERSION = "2.2.0"
NAME_MAX = 40
Uuid = Annotated[
    str, Meta(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
Url = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+(/[!-~]*)?$", max_length=2048)]
Eci = Annotated[str, Meta(pattern="^(0[0-9])?$")]
Cavv = Annotated[str, Meta(pattern="^([A-Za-z0-9+/]{27}=)?$")]
Status = Annotated[str, Meta(pattern="^[YNUACRDI]$")]
T = TypeVar("T", bound=msgspec.Struct)


class Ids(msgspec.Struct, frozen=True):
    """The names of a challenge on the three servers; nobody else can guess them."""

    server: str
    acs: str
    ds: str

    @classmethod
    def read(cls, memo: str) -> Ids:
        """What `memo` wrote."""
        return cls(*memo.split(" "))

    @property
    def memo(self) -> str:
        """As a transaction keeps them."""
        return f"{self.server} {self.acs} {self.ds}"


class ARes(msgspec.Struct, frozen=True, kw_only=True, tag_field="messageType", tag="ARes"):
    """Whether the card may pay, or its holder has to be led to `url`."""

    server: Uuid = field(name="threeDSServerTransID")
    acs: Uuid = field(name="acsTransID")
    ds: Uuid = field(name="dsTransID")
    status: Status = field(name="transStatus")
    eci: Eci = ""
    cavv: Cavv = field(name="authenticationValue", default="")
    url: Url = field(name="acsURL", default="http://-")


class RReq(msgspec.Struct, frozen=True, kw_only=True, tag_field="messageType", tag="RReq"):
    """What became of a challenge: from server to server, so it is the truth."""

    server: Uuid = field(name="threeDSServerTransID")
    acs: Uuid = field(name="acsTransID")
    ds: Uuid = field(name="dsTransID")
    status: Status = field(name="transStatus")
    eci: Eci = ""
    cavv: Cavv = field(name="authenticationValue", default="")


class StatusRes(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="messageType", tag="StatusRes"
):
    """The holder has not answered yet. Not of EMV: the sandbox bank can be asked."""

    server: Uuid = field(name="threeDSServerTransID")


def areq(
    operation: Operation, card: Card, way: Way, server: UUID, told: str, *, mandated: bool
) -> bytes:
    """`told`: where the result is to be sent. `mandated`: the issuer wants a challenge."""
    money = operation.amount
    return _write(
        "AReq",
        threeDSServerTransID=str(server),
        threeDSServerURL=told,
        notificationURL=way.back,
        messageCategory="01",
        deviceChannel="02",
        transType="01",
        threeDSRequestorAuthenticationInd="01",
        threeDSRequestorChallengeInd="04" if mandated else "01",
        acctNumber=card.number,
        cardExpiryDate=f"{card.expires_year % 100:02}{card.expires_month:02}",
        acquirerMerchantID=operation.merchant,
        merchantName=way.merchant[:NAME_MAX] or operation.merchant,
        purchaseAmount=str(money.minor),
        purchaseCurrency=f"{money.currency.number:03}",
        purchaseExponent=str(exponent_of(money.currency)),
        purchaseDate=_moment(operation.asked_at),
        threeDSCompInd="U",  # no method call is made
        **_browser(way.browser),
    )


def _browser(browser: Browser) -> dict[str, str | bool]:
    facts: dict[str, str | bool] = {
        "browserAcceptHeader": browser.accept,
        "browserIP": browser.address,
        "browserJavascriptEnabled": browser.screen is not None,
        "browserLanguage": browser.language,
        "browserUserAgent": browser.agent,
    }
    if browser.screen is not None:
        facts |= {
            "browserJavaEnabled": False,  # of no browser today
            "browserColorDepth": str(browser.screen.depth),
            "browserScreenHeight": str(browser.screen.height),
            "browserScreenWidth": str(browser.screen.width),
            "browserTZ": str(browser.screen.offset),
        }
    return facts


def status_request(ids: Ids) -> bytes:
    """How the challenge stands."""
    return _write("StatusReq", threeDSServerTransID=ids.server, acsTransID=ids.acs)


def creq(ids: Ids) -> str:
    """The CReq, as a browser carries it: base64url of its JSON, without padding."""
    message = _write(
        "CReq",
        threeDSServerTransID=ids.server,
        acsTransID=ids.acs,
        challengeWindowSize="05",  # a whole page
    )
    return urlsafe_b64encode(message).rstrip(b"=").decode()


def rres(told: RReq) -> bytes:
    """The answer to a RReq."""
    return _write(
        "RRes",
        threeDSServerTransID=told.server,
        acsTransID=told.acs,
        dsTransID=told.ds,
        resultsStatus="01",
    )


def read(body: bytes, kind: type[T]) -> T | None:
    """The message, or None if it is none such."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _write(kind: str, **members: str | bool) -> bytes:
    return msgspec.json.encode({"messageType": kind, "messageVersion": VERSION, **members})


def _moment(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}"
