"""Chance that is none: ids in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count


def counted(start: int = 1) -> Callable[[int], bytes]:
    """Numbers from `start` on, five bits a byte, as an id takes them."""
    numbers = count(start)

    def draw(size: int) -> bytes:
        number = next(numbers)
        return bytes(number >> 5 * place & 31 for place in reversed(range(size)))

    return draw
