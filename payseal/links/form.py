"""Form: a merchant's standing offer to pay on their website; each submission makes a link."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from payseal.core.errors import Gone
from payseal.core.ids import AccountId, Mode, account_of, made_at, mode_of
from payseal.core.money import Currency, Money
from payseal.core.record import Record
from payseal.core.state import Moves
from payseal.links.link import AtEnd, Capture

TITLE_MAX, TERMS_MAX = 100, 2000
QUANTITY_MAX = 1000
PRICES_MAX, PRESETS_MAX = 30, 10
FIELDS_MAX, FIELD_NAME_MAX = 10, 80
OPTIONS_MAX, OPTION_MAX = 50, 100
ORIGINS_MAX = 20
LOGO_MAX = 32 * 1024  # bytes
LIFE = timedelta(hours=1)  # of a link that a submission makes


class FormStatus(StrEnum):
    """Whether it can be submitted."""

    ACTIVE = "active"
    OFF = "off"


MOVES = Moves({FormStatus.ACTIVE: (FormStatus.OFF,), FormStatus.OFF: (FormStatus.ACTIVE,)})


class FormOff(Gone):
    """The merchant has switched it off."""

    code, title = "form_off", "This form is switched off."


class FieldKind(StrEnum):
    """What a payer is asked for: a line, a number, a day, a yes, one of some."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHECKBOX = "checkbox"
    SELECT = "select"


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question of the merchant's own. A checkbox that is required has to be ticked."""

    name: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = True
    options: tuple[str, ...] = ()  # of a select


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one costs in one currency: from `minimum` to `maximum`, as the payer chooses.

    Where both are the same it is fixed. `presets` are amounts that the payer is offered.
    """

    minimum: Money
    maximum: Money
    presets: tuple[Money, ...] = ()

    @property
    def currency(self) -> Currency:
        """That of its amounts."""
        return self.minimum.currency

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose."""
        return self.minimum == self.maximum


class Logo(msgspec.Struct, frozen=True):
    """A picture of the merchant's, served by us: no page of ours asks another host for one."""

    kind: str  # its media type
    data: bytes


class Form(Record, frozen=True, kw_only=True):
    """What a payer may fill in, and what becomes of it."""

    prefix, table, moves = "frm", "forms", MOVES

    status: FormStatus = FormStatus.ACTIVE
    title: str
    description: str = ""
    method: str
    realm: str
    prices: tuple[Price, ...]
    quantity_max: int = 1
    fields: tuple[Field, ...] = ()
    accent: str = ""  # a color of CSS, six digits
    logo: Logo | None = None
    terms: str = ""
    origins: tuple[str, ...] = ()  # of pages that may show it within them
    success_url: str = ""
    cancel_url: str = ""
    life: timedelta = LIFE  # of a link that it makes
    capture: Capture = Capture.AUTOMATIC
    at_end: AtEnd = AtEnd.VOID

    @property
    def account(self) -> AccountId:
        """Whose it is."""
        return account_of(self.id)

    @property
    def mode(self) -> Mode:
        """Test or live."""
        return mode_of(self.id)

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        return made_at(self.id)

    @property
    def is_on(self) -> bool:
        """Whether it can be submitted."""
        return self.status is FormStatus.ACTIVE

    def facts(self) -> dict[str, object]:
        """What its events tell."""
        return {
            "id": self.id,
            "mode": self.mode.value,
            "status": self.status.value,
            "title": self.title,
            "realm": self.realm,
        }

    def price_in(self, currency: str) -> Price | None:
        """What it costs in that currency, if it can be paid in it."""
        return next((price for price in self.prices if price.currency.value == currency), None)

    def check_on(self) -> None:
        """`FormOff` unless it can be submitted."""
        if not self.is_on:
            raise FormOff("The merchant takes no payments by it now.", form=self.id)

    def change(self, wished: Form) -> Form:
        """As it is wished now; links that it has made stay as they are."""
        kept = ("id", "version", "status")
        wishes = {
            name: getattr(wished, name) for name in self.__struct_fields__ if name not in kept
        }
        return self._become(**wishes)

    def switch(self, *, on: bool) -> Form:
        """On, or off: then nobody can submit it."""
        return self._become(FormStatus.ACTIVE if on else FormStatus.OFF)
