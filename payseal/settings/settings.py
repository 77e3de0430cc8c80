"""Every setting, typed, from the environment: `PAYSEAL_` and its name in capital letters."""

from __future__ import annotations

import difflib
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from payseal.core.errors import Invalid
from payseal.core.money import currency_of
from payseal.settings.forms import (
    FILE,
    Accounts,
    Acquirer,
    Category,
    Codes,
    Fixed,
    Folder,
    Host,
    Hosts,
    Location,
    Name,
    Networks,
    Origin,
    Payments,
    Port,
    Rate,
    Safe,
    Secret,
    Server,
    Share,
    Switch,
    Terminal,
    Title,
    Transit,
)

PREFIX = "PAYSEAL_"


class WrongSetting(Exception):
    """A setting is missing or cannot be read; the text is a sentence for the operator."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator can choose. What has no default must be given."""

    # Where records are kept: sqlite:///FILE, postgresql://…/DATABASE, dynamodb://TABLE?region=…
    accounts: Accounts
    payments: Payments
    # Where card numbers wait for a challenge, an hour at most; no backup may have it. By default a
    # file beside the other ones. It is opened only where an issuer has challenges.
    vault: Accounts = ""
    # Thirty-two bytes in hexadecimal, or the file that they are in; never in a store.
    master_key: str = ""
    master_key_file: str = ""

    host: Host = "127.0.0.1"
    port: Port = 8000  # 0 is any free one
    base_url: Origin = "http://127.0.0.1:8000"  # as payers and merchants see us
    trusted_proxies: Networks = ""  # whose X-Forwarded-For is believed: addresses, by commas
    loopback_webhooks: Switch = False  # for development only

    # Requests a minute: from one address, by one caller; at sign-up, sign-in and payment forms.
    rate_address: Rate = 6000
    rate_caller: Rate = 6000
    rate_door: Rate = 60

    # The acquirer's host, by ISO 8583; none without a port. Or several acquirers by name, each with
    # hosts of one book, the first preferred: they share all that follows but the title.
    iso8583_hosts: Hosts = ""
    iso8583_name: Name = "sandbox"
    iso8583_title: Title = "Sandbox bank"
    iso8583_host: Host = "127.0.0.1"
    iso8583_port: Port = 0
    iso8583_acquirer: Acquirer = "400001"
    iso8583_terminal: Terminal = "PAYSEAL1"
    iso8583_category: Category = "5999"
    iso8583_location: Location = "Payseal                  Internet     DE"
    iso8583_currencies: Codes = "EUR,USD,GBP,CHF,JPY,KWD"
    # What it keeps of a captured amount: hundredths of a percent, and minor units beside them.
    iso8583_fee_share: Share = 140
    iso8583_fee_fixed: Fixed = 25
    # What its hosts can do: see `issuers.Abilities`.
    iso8583_look_up: Switch = True
    iso8583_repeats: Switch = True
    iso8583_reversal_memory: Switch = True
    iso8583_partial_approvals: Switch = True
    iso8583_advices: Switch = True
    iso8583_transit_s: Transit = 60
    # Its 3-D Secure server, none without an address; and how long a payer has to confirm.
    iso8583_three_ds: Server = ""
    iso8583_challenge_s: Transit = 600
    # What it signs with when it tells of chargebacks; none: only its settlement file does.
    iso8583_callback_secret: Secret = ""

    # Stripe, by each merchant's own account there; none without currencies.
    stripe_currencies: Codes = ""
    stripe_api: Safe = "https://api.stripe.com"

    # Where the acquirer's settlement files come in, *.csv; none: `payseal reconcile` reads them.
    settlement_folder: Folder = ""

    @property
    def currencies(self) -> list[str]:
        """The codes of what the acquirer takes."""
        return [code.strip() for code in self.iso8583_currencies.split(",")]


_FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


def read(environ: Mapping[str, str]) -> Settings:
    """The settings of an environment; `WrongSetting` says which one is wrong and why."""
    # A text that was read from a file often ends with its line.
    given = {name: text.strip() for name, text in environ.items() if name.startswith(PREFIX)}
    values = {_known(name): text for name, text in given.items()}
    for field in _FIELDS.values():
        if field.required and not values.get(field.name):
            raise WrongSetting(f"{name_of(field.name)} is missing: give {_wanted(field.name)}.")
    settings = Settings(**{name: _value(name, text) for name, text in values.items()})
    if settings.master_key and settings.master_key_file:
        raise WrongSetting(
            f"{PREFIX}MASTER_KEY and {PREFIX}MASTER_KEYFILE are both given: give one of them."
        )
    _check_files(settings)
    return settings


def _check_files(settings: Settings) -> None:
    """Each store that is a file has a file of its own."""
    used: dict[Path, str] = {}
    for name in ("accounts", "payments", "vault"):
        url: str = getattr(settings, name)
        if not url.startswith(FILE):
            continue
        other = used.setdefault(file_of(url).resolve(), name)
        if other != name:
            raise WrongSetting(
                f"{name_of(other)} and {name_of(name)} are the same file: give each its own,"
                f" such as {FILE}data/{other}.db and {FILE}data/{name}.db."
            )


def name_of(field: str) -> str:
    """A setting as the environment calls it."""
    return PREFIX + field.upper()


def file_of(url: str) -> Path:
    """The file of a store."""
    return Path(url.removeprefix(FILE))


def without_password(url: str) -> str:
    """As it may be shown, even where a character of the password should have been escaped."""
    shown = re.sub("(//[^:/@]*):.*@", r"\1:…@", url)
    return re.sub("(password=)[^&]*", r"\1…", shown)


def _known(name: str) -> str:
    """The field of that setting."""
    field = name.removeprefix(PREFIX).lower()
    if field in _FIELDS and name == name_of(field):
        return field
    near = difflib.get_close_matches(field, _FIELDS, 1)
    hint = (
        f"did you mean {name_of(near[0])}?"
        if near
        else "payseal/settings/settings.py names all that there are."
    )
    raise WrongSetting(f"{name} is no setting of Payseal; {hint}")


def _value(name: str, text: str) -> Any:  # noqa: ANN401  of the type that the field has
    kind = _FIELDS[name].type
    try:
        if getattr(kind, "__origin__", str) is int:
            _is_number(text)
        value = msgspec.convert(text, kind, strict=False)
        if (check := _CHECKS.get(name)) is not None:
            check(text)
    except (msgspec.ValidationError, ValueError, Invalid):
        raise WrongSetting(
            f"{name_of(name)} is {without_password(text)!r}: give {_wanted(name)}."
        ) from None
    return value


def _wanted(name: str) -> str:
    for meta in getattr(_FIELDS[name].type, "__metadata__", ()):
        if meta.description:
            return str(meta.description)
    return "a text"


def _is_number(text: str) -> None:
    if re.fullmatch("[0-9]{1,12}", text) is None:
        raise ValueError("not a whole number as people write it")


def _is_store(url: str) -> None:
    if str(file_of(url)) == ":memory:":
        raise ValueError("a store outlives its process")
    if url.startswith("postgresql:"):
        _is_server(url)
    if url.startswith("dynamodb:"):
        _is_table(url)


def _is_server(url: str) -> None:
    if url.partition("?")[0].count("@") > 1:
        raise ValueError("an @ of the password would end it")
    for host in urlsplit(url).netloc.rpartition("@")[2].split(","):
        _ = urlsplit(f"//{host}").port  # a ValueError where it is none


def _is_table(url: str) -> None:
    told = parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    values = dict(told)
    if len(values) < len(told) or not {"region"} <= set(values) <= {"region", "endpoint"}:
        raise ValueError("not what a table is found by")
    if re.fullmatch("[a-z0-9-]{4,40}", values["region"]) is None:
        raise ValueError("no region")
    if "endpoint" in values:
        _is_origin(values["endpoint"])


def _is_origin(url: str) -> None:
    parts = urlsplit(url)
    _ = parts.port  # a ValueError where it is none
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    if parts.scheme not in ("http", "https") or url != f"{parts.scheme}://{host}{port}":
        raise ValueError("not written as an origin is")
    msgspec.convert(parts.hostname, Host)


def _are_networks(text: str) -> None:
    for each in text.split(",") if text else ():
        ip_network(each.strip())


def _are_codes(text: str) -> None:
    codes = [currency_of(code.strip()) for code in text.split(",")]
    if len(set(codes)) < len(codes):
        raise ValueError("a code stands there twice")


def _is_secret(text: str) -> None:
    b64decode(text.removeprefix("whsec_"), validate=True)


_CHECKS: dict[str, Callable[[str], None]] = {
    **dict.fromkeys(("accounts", "payments", "vault"), _is_store),
    **dict.fromkeys(("base_url", "iso8583_three_ds", "stripe_api"), _is_origin),
    **dict.fromkeys(("iso8583_currencies", "stripe_currencies"), _are_codes),
    "trusted_proxies": _are_networks,
    "iso8583_callback_secret": _is_secret,
}
