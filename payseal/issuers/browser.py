"""Browser: what a bank that asks its holder is told of where they sit (EMV 3-D Secure 2.2)."""

from __future__ import annotations

import re

import msgspec

TEXT_MAX = 2048  # characters of a header
LANGUAGE_MAX = 8
DEPTHS = (48, 32, 24, 16, 15, 8, 4, 1)  # bits, as EMV knows them
_SCREEN = re.compile(r"([0-9]{1,6}) ([0-9]{1,6}) ([0-9]{1,2}) (-?[0-9]{1,3})", re.ASCII)
_UNSEEN = re.compile(r"[^\x20-\x7e]")
_TAG = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)


class Screen(msgspec.Struct, frozen=True):
    """What a script sees: pixels, bits of color, and UTC less the local time in minutes."""

    width: int
    height: int
    depth: int
    offset: int


class Browser(msgspec.Struct, frozen=True):
    """Passed on once and never stored. Without a script nothing is known of the screen."""

    address: str = "127.0.0.1"
    accept: str = "*/*"
    agent: str = "unknown"
    language: str = "en"
    screen: Screen | None = None

    @classmethod
    def read(cls, address: str, accept: str, agent: str, languages: str, screen: str) -> Browser:
        """Of headers as they came, and `width height depth offset`; what is odd is left out."""
        tag = re.split("[,;]", languages, maxsplit=1)[0].strip()
        return cls(
            address=address,
            accept=_plain(accept) or "*/*",
            agent=_plain(agent) or "unknown",
            language=tag[:LANGUAGE_MAX].rstrip("-") if _TAG.fullmatch(tag) else "en",
            screen=_screen(screen),
        )


def _plain(text: str) -> str:
    return _UNSEEN.sub("", text[:TEXT_MAX])


def _screen(text: str) -> Screen | None:
    found = _SCREEN.fullmatch(text)
    if found is None:
        return None
    width, height, depth, offset = map(int, found.groups())
    return Screen(width, height, next((d for d in DEPTHS if d <= depth), 1), offset)
