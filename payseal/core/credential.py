"""Credential: something secret that an issuer wants of a merchant, and the form that it has."""

from __future__ import annotations

import re

import msgspec

from payseal.core.ids import Mode


class Credential(msgspec.Struct, frozen=True):
    """`test` and `live` are patterns of the whole text; `hint` is what people are told to give."""

    name: str
    test: str
    live: str
    hint: str
    required: bool = True

    def fits(self, text: str, mode: Mode) -> bool:
        """Whether the text has the form that it has in that mode."""
        pattern = self.test if mode is Mode.TEST else self.live
        return re.fullmatch(pattern, text, re.ASCII) is not None
