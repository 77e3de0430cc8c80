"""Every setting, typed, from the environment: `PAYSEAL_` and its name in capital letters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

PREFIX = "PAYSEAL_"


class WrongSetting(Exception):
    """A setting is missing or cannot be read; the text is a sentence for the operator."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator can choose. What has no default must be given."""

    # Where records are kept: sqlite:///FILE
    accounts: str
    payments: str
    # Thirty-two bytes in hexadecimal, or the file that they are in; never in a store.
    master_key: str = ""
    master_key_file: str = ""

    host: str = "127.0.0.1"
    port: int = 8000
    base_url: str = "http://127.0.0.1:8000"  # as payers and merchants see us
    trusted_proxies: str = ""  # whose X-Forwarded-For is believed: addresses, by commas
    loopback_webhooks: bool = False  # for development only

    # Requests a minute: from one address, by one caller, at sign-up and sign-in.
    rate_address: int = 6000
    rate_caller: int = 6000
    rate_door: int = 60

    # The acquirer's host, by ISO 8583; none without a port.
    iso8583_name: str = "sandbox"
    iso8583_title: str = "Sandbox bank"
    iso8583_host: str = "127.0.0.1"
    iso8583_port: int = 0
    iso8583_acquirer: str = "400001"
    iso8583_terminal: str = "PAYSEAL1"
    iso8583_category: str = "5999"
    iso8583_location: str = "Payseal                  Internet     DE"
    iso8583_currencies: str = "EUR,USD,GBP,CHF,JPY,KWD"
    iso8583_look_up: bool = True
    iso8583_transit_s: int = 60

    @property
    def transit_max(self) -> timedelta:
        """The longest that a message is on its way to the acquirer."""
        return timedelta(seconds=self.iso8583_transit_s)


def read(environ: Mapping[str, str]) -> Settings:
    """The settings of an environment; `WrongSetting` says which one is wrong and why."""
    given = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environ.items()
        if name.startswith(PREFIX)
    }
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise WrongSetting(f"The settings ({PREFIX}…) cannot be read: {error}") from None
