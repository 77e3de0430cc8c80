"""Failure: what an error of a call says about whether it was done."""

from __future__ import annotations

from enum import Enum

from aiohttp import ClientConnectorError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BrokenConnection
from botocore.parsers import ResponseParserError

_CONDITION = "ConditionalCheckFailed"
# Of a whole call, and of one item of a transaction.
_LATER = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TransactionConflict",
        "TransactionConflictException",
    }
)
_NO_ANSWER = (BrokenConnection, HTTPClientError, ResponseStreamingError, ResponseParserError)
_SERVER_ERROR = 500


class Failure(Enum):
    """What may be done about it."""

    LATER = "nothing was done, and the same again may do"
    UNCLEAR = "it may have been done or not"
    NEVER = "it was refused, and would be again"


def failure_of(error: BotoCoreError | ClientError) -> Failure:
    """How a call failed that lost against no condition."""
    if isinstance(error, ClientError):
        if error.response["Error"]["Code"] in _LATER:
            return Failure.LATER
        if any(reason in _LATER for reason in _reasons(error)):
            return Failure.LATER
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return Failure.UNCLEAR if status >= _SERVER_ERROR else Failure.NEVER
    if isinstance(error, ConnectTimeoutError) or _never_connected(error):
        return Failure.LATER
    return Failure.UNCLEAR if isinstance(error, _NO_ANSWER) else Failure.NEVER


def lost_place(error: BotoCoreError | ClientError) -> int | None:
    """The place of the first change whose condition did not hold, if that is what failed."""
    if not isinstance(error, ClientError):
        return None
    if error.response["Error"]["Code"] == f"{_CONDITION}Exception":
        return 0
    reasons = _reasons(error)
    return reasons.index(_CONDITION) if _CONDITION in reasons else None


def code_of(error: BotoCoreError | ClientError) -> str:
    """Its name: DynamoDB's, or the library's where no answer came."""
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__


def _never_connected(error: BotoCoreError | ClientError) -> bool:
    # The library says the same of a connection that was reset while its answer was waited for.
    return isinstance(error, EndpointConnectionError) and isinstance(
        error.kwargs.get("error"), ClientConnectorError
    )


def _reasons(error: ClientError) -> list[str]:
    return [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
