"""The issuers that the settings name, each with the connector that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from payseal import accounts
from payseal.core.ids import AccountId, Mode
from payseal.core.master import MasterKey
from payseal.core.money import currency_of
from payseal.core.offer import Offer
from payseal.core.store import Store
from payseal.core.tariff import Tariff
from payseal.issuers import Abilities, Clock, Issuer
from payseal.issuers.iso8583 import Address, Iso8583
from payseal.issuers.three_ds import Asking, Server
from payseal.outbound import AddressRule, Outbound
from payseal.settings import Settings, WrongSetting

if TYPE_CHECKING:
    from payseal.issuers.stripe import Stripe

# Results of challenges are told to us under this path.
TOLD = "/3ds"


@asynccontextmanager
async def connected(
    settings: Settings,
    store: Store,
    master: MasterKey,
    entropy: Callable[[int], bytes],
    now: Clock,
) -> AsyncIterator[dict[str, Issuer]]:
    """By name, started; where there is a 3-D Secure server, it stands before each acquirer."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        named = connectors(settings, store, master, entropy, now)
        issuers: list[Issuer] = [await enter(issuer) for issuer in named]
        if issuers and settings.iso8583_three_ds:
            # The operator names this address, so it may be of this machine too.
            outbound = await enter(Outbound(AddressRule(loopback=True)))
            told, within = settings.base_url + TOLD, timedelta(seconds=settings.iso8583_challenge_s)
            server = Server(settings.iso8583_three_ds, told, outbound.post, entropy)
            issuers = [i if i.abilities.hosted else Asking(i, server, within) for i in issuers]
        yield {issuer.name: issuer for issuer in issuers}


def connectors(
    settings: Settings,
    store: Store,
    master: MasterKey,
    entropy: Callable[[int], bytes],
    now: Clock,
) -> list[Iso8583 | Stripe]:
    """Not yet started; in the order in which they were named. Credentials are in the store."""
    acquirers = _named(settings)
    found = [_iso8583(settings, name, acquirers[name], entropy, now) for name in acquirers]
    return [*found, *_stripe(settings, store, master, now)]


def _stripe(settings: Settings, store: Store, master: MasterKey, now: Clock) -> list[Stripe]:
    if not settings.stripe_currencies:
        return []
    from payseal.issuers.stripe import Stripe  # noqa: PLC0415  its library is large, and few need it

    async def credentials(account: AccountId, mode: Mode) -> dict[str, str] | None:
        return await accounts.credentials(store, master, account, mode, Stripe.name)

    codes = settings.stripe_currencies.split(",")
    offer = Offer(Stripe.name, "card", tuple(currency_of(code.strip()) for code in codes))
    return [Stripe([offer], credentials, now, api=settings.stripe_api)]


def _named(settings: Settings) -> dict[str, list[Address]]:
    """Acquirers by name, each with the addresses of its hosts, the first one first."""
    if not settings.iso8583_hosts:
        only = Address(settings.iso8583_host, settings.iso8583_port)
        return {settings.iso8583_name: [only]} if only.port else {}
    if settings.iso8583_port:
        raise WrongSetting(
            "PAYSEAL_ISO8583_HOSTS and PAYSEAL_ISO8583_PORT are both given: give one of them."
        )
    found: dict[str, list[Address]] = {}
    for each in settings.iso8583_hosts.split():
        name, _, hosts = each.partition("=")
        if name in found:
            raise WrongSetting(f"PAYSEAL_ISO8583_HOSTS names {name} twice: give each name once.")
        found[name] = [Address.read(host) for host in hosts.split(",")]
    return found


def _iso8583(
    settings: Settings,
    name: str,
    addresses: list[Address],
    entropy: Callable[[int], bytes],
    now: Clock,
) -> Iso8583:
    taken = tuple(currency_of(code) for code in settings.currencies)
    tariff = Tariff(settings.iso8583_fee_share, settings.iso8583_fee_fixed)
    own_title = name == settings.iso8583_name
    return Iso8583(
        name,
        settings.iso8583_title if own_title else name.capitalize(),
        [Offer(name, "card", taken, tariff)],
        addresses,
        acquirer=settings.iso8583_acquirer,
        terminal=settings.iso8583_terminal,
        merchant_category=settings.iso8583_category,
        location=settings.iso8583_location,
        abilities=Abilities(
            look_up=settings.iso8583_look_up,
            transit_max=timedelta(seconds=settings.iso8583_transit_s),
            repeats=settings.iso8583_repeats,
            reversal_memory=settings.iso8583_reversal_memory,
            partial_approvals=settings.iso8583_partial_approvals,
            advices=settings.iso8583_advices,
            challenges=bool(settings.iso8583_three_ds),
        ),
        entropy=entropy,
        now=now,
    )
