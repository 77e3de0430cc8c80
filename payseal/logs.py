"""The log: one line of JSON for each thing, whoever says it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from payseal.core.errors import crash_facts


def log_as_json(to: TextIO = sys.stderr) -> None:
    """One line of JSON for each thing logged, by us or by a library."""
    steps: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_values,
    ]
    as_json = structlog.processors.JSONRenderer(serializer=_as_json)
    structlog.configure(
        processors=[*steps, as_json],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=to),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(to)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *steps],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, as_json],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(True)


def _as_json(line: EventDict, *, default: Callable[[Any], Any]) -> str:
    try:
        return msgspec.json.encode(line, enc_hook=default).decode()
    except (TypeError, ValueError, OverflowError):  # half a surrogate pair, or a number too large
        return json.dumps(line, default=default)


def _without_values(_: object, __: str, line: EventDict) -> EventDict:
    """Of an error, where it broke: its text may hold what no log may see."""
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exception()
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        line.update(crash_facts(error))
    return line
