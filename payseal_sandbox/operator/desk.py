"""What every handler of the operator works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from payseal_sandbox.faults import Faults
from payseal_sandbox.reader import Reader
from payseal_sandbox.writer import Writer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OperatorDesk:
    """The book to read, the writer to change it, the faults to set, the clock."""

    reader: Reader
    writer: Writer
    faults: Faults
    clock: Callable[[], datetime]


DESK: Final = web.AppKey("desk", OperatorDesk)


def convert(data: object, kind: type[T]) -> T:
    """Text from a form or a query as a value of a type; 400 says what is wrong with it."""
    try:
        return msgspec.convert(data, kind, strict=False)
    except msgspec.ValidationError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
