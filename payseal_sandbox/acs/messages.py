"""Messages of EMV 3-D Secure 2.2, as far as docs/sandbox-3ds.md has them."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, field

VERSION: Final = "2.2.0"
BODY_MAX: Final = 64 * 1024
T = TypeVar("T", bound=msgspec.Struct)

Uuid = Annotated[
    str, Meta(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
Url = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+(/[!-~]*)?$", max_length=2048)]
Header = Annotated[str, Meta(pattern=r"^[\x20-\x7e]{1,2048}$")]
Address = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f.:]{2,45}$")]
Pixels = Annotated[str, Meta(pattern="^[0-9]{1,6}$")]
Version = Annotated[str, Meta(pattern=r"^2\.[0-9]\.[0-9]$")]


class AReq(msgspec.Struct, frozen=True, kw_only=True, tag_field="messageType", tag="AReq"):
    """The 3DS server asks whether a card may pay."""

    version: Version = field(name="messageVersion")
    server_id: Uuid = field(name="threeDSServerTransID")
    server_url: Url = field(name="threeDSServerURL")
    notification_url: Url = field(name="notificationURL")
    challenge: Annotated[str, Meta(pattern="^0[1-4]$")] = field(
        name="threeDSRequestorChallengeInd", default="01"
    )
    number: Annotated[str, Meta(pattern="^[0-9]{12,19}$")] = field(name="acctNumber")
    merchant: Annotated[str, Meta(min_length=1, max_length=40)] = field(name="merchantName")
    amount: Annotated[str, Meta(pattern="^[0-9]{1,12}$")] = field(name="purchaseAmount")
    currency: Annotated[str, Meta(pattern="^[0-9]{3}$")] = field(name="purchaseCurrency")
    category: Annotated[str, Meta(pattern="^01$")] = field(name="messageCategory")
    channel: Annotated[str, Meta(pattern="^02$")] = field(name="deviceChannel")
    method: Annotated[str, Meta(pattern="^[YNU]$")] = field(name="threeDSCompInd")
    accept: Header = field(name="browserAcceptHeader")
    address: Address = field(name="browserIP")
    agent: Header = field(name="browserUserAgent")
    language: Annotated[str, Meta(pattern="^[A-Za-z0-9-]{1,8}$")] = field(name="browserLanguage")
    scripts: bool = field(name="browserJavascriptEnabled")
    java: bool | None = field(name="browserJavaEnabled", default=None)
    depth: Annotated[str, Meta(pattern="^(1|4|8|15|16|24|32|48)$")] | None = field(
        name="browserColorDepth", default=None
    )
    height: Pixels | None = field(name="browserScreenHeight", default=None)
    width: Pixels | None = field(name="browserScreenWidth", default=None)
    offset: Annotated[str, Meta(pattern="^-?[0-9]{1,4}$")] | None = field(
        name="browserTZ", default=None
    )

    def missing(self) -> list[str]:
        """What a browser that runs scripts has to tell besides, and this one does not."""
        names = dict(zip(self.__struct_fields__, self.__struct_encode_fields__, strict=True))
        needed = ("java", "depth", "height", "width", "offset") if self.scripts else ()
        return [names[name] for name in needed if getattr(self, name) is None]


class StatusRequest(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="messageType", tag="StatusReq"
):
    """Of this dialect only: how a challenge stands, for who was never told."""

    version: Version = field(name="messageVersion")
    server_id: Uuid = field(name="threeDSServerTransID")
    acs_id: Uuid = field(name="acsTransID")


class CReq(msgspec.Struct, frozen=True, kw_only=True, tag_field="messageType", tag="CReq"):
    """The payer's browser begins a challenge."""

    version: Version = field(name="messageVersion")
    server_id: Uuid = field(name="threeDSServerTransID")
    acs_id: Uuid = field(name="acsTransID")


class Malformed(Exception):
    """It is no such message; the text says why."""


def decode(body: bytes, kind: Any) -> Any:  # noqa: ANN401 - a type, or a union of some
    """The message. Raises Malformed."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(str(error)) from error


def pack(message: dict[str, str]) -> str:
    """As a browser carries it: base64url of its JSON, without padding."""
    return base64.urlsafe_b64encode(msgspec.json.encode(message)).rstrip(b"=").decode()


def unpack(text: str, kind: type[T]) -> T:
    """What `pack` packed. Raises Malformed."""
    try:
        body = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise Malformed(str(error)) from error
    found: T = decode(body, kind)
    return found


def error(detail: str) -> dict[str, str]:
    """What is answered to what cannot be read, or lacks something."""
    lacks = "missing required field" in detail
    return {
        "messageType": "Erro",
        "messageVersion": VERSION,
        "errorComponent": "A",
        "errorCode": "201" if lacks else "203",
        "errorDescription": (
            "Required data element is missing"
            if lacks
            else "Format of one or more data elements is invalid"
        ),
        "errorDetail": detail[:200],
    }
