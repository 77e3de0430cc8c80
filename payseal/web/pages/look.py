"""Look: what a form gives its pages, and those of the payments that it makes."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from payseal.links import Form, Link
from payseal.web.parts import Parts

_NEARLY_BLACK = 0.04045  # of sRGB, below it light is linear (IEC 61966-2-1)
_DARK, _LIGHT = "#17211f", "#ffffff"  # what is written on an accent


class Look(msgspec.Struct, frozen=True):
    """A color and what is written on it, a picture, and the sites that may show the page."""

    accent: str = ""
    on_accent: str = ""
    logo: str = ""
    origins: tuple[str, ...] = ()


PLAIN: Final = Look()


def look_of(form: Form) -> Look:
    """That of a form."""
    logo = f"/f/{form.id}/logo?{form.version}" if form.logo else ""
    return Look(form.accent, _on(form.accent), logo, form.origins)


async def look_at(parts: Parts, link: Link) -> Look:
    """That of the form that has made the link, as it is now."""
    form = await parts.accounts.get(Form, link.form) if link.form else None
    return PLAIN if form is None else look_of(form)


def _on(accent: str) -> str:
    """Dark or light, whichever has more contrast (WCAG 2.2, 1.4.3)."""
    if not accent:
        return ""
    light = _luminance(accent)
    return _DARK if (light + 0.05) ** 2 > (_luminance(_DARK) + 0.05) * 1.05 else _LIGHT


def _luminance(color: str) -> float:
    """Relative, from 0 to 1 (WCAG 2.2)."""
    red, green, blue = (_linear(int(color[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= _NEARLY_BLACK else math.pow((part + 0.055) / 1.055, 2.4)
