"""Field 48: private data, a row of numbered subelements."""

from __future__ import annotations

import re
from collections.abc import Mapping

_HEAD = re.compile("([0-9]{2})([0-9]{2})", re.ASCII)


def read(text: str) -> dict[str, str]:
    """The subelements by their numbers. Raises ValueError: cut short, or a number twice."""
    found: dict[str, str] = {}
    while text:
        head = _HEAD.match(text)
        value = text[4 : 4 + int(head[2])] if head else ""
        if not head or len(value) != int(head[2]) or head[1] in found:
            raise ValueError(text)
        found[head[1]] = value
        text = text[4 + len(value) :]
    return found


def write(subelements: Mapping[str, str]) -> str:
    """The field that `read` reads."""
    return "".join(f"{number}{len(value):02}{value}" for number, value in subelements.items())
