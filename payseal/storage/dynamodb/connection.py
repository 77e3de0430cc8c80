"""Connection: the way to DynamoDB and its streams. Calls are made again here, and nowhere else."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import BotoCoreError, ClientError
from botocore.handlers import generate_idempotent_uuid

from payseal.core.store import Busy, StoreError
from payseal.storage.dynamodb.backoff import Backoff
from payseal.storage.dynamodb.failure import Failure, code_of, failure_of

CONNECT_WITHIN_S, ANSWER_WITHIN_S = 2, 4
CONNECTIONS_MAX = 128
TABLE, STREAM = "dynamodb", "dynamodbstreams"  # the services, by botocore's names

Answer = dict[str, Any]


class Address(NamedTuple):
    """Where, and as whom: (key id, secret), or None for what botocore finds by itself."""

    region: str
    endpoint: str | None = None
    credentials: tuple[str, str] | None = None


class Refused(StoreError):
    """DynamoDB will not do it; `code` is its word for why."""

    def __init__(self, verb: str, error: BotoCoreError | ClientError) -> None:
        super().__init__(f"DynamoDB refused {verb}: {error}")
        self.code = code_of(error)


class Connection:
    """One client for the table, one for its stream, each with a pool of its own."""

    def __init__(self, address: Address, entropy: Callable[[int], bytes]) -> None:
        self._address = address
        self.backoff = Backoff(entropy)
        self._stack = AsyncExitStack()
        self._clients: dict[str, Any] = {}

    async def open(self) -> None:
        """Nothing is sent yet."""
        key, secret = self._address.credentials or (None, None)
        # botocore's own tries know nothing of what an unclear commit needs, so it has one.
        config = AioConfig(
            connect_timeout=CONNECT_WITHIN_S,
            read_timeout=ANSWER_WITHIN_S,
            max_pool_connections=CONNECTIONS_MAX,
            parameter_validation=False,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,
            user_agent="payseal",
        )
        session = _session()
        for service in (TABLE, STREAM):
            client = session.create_client(
                service,
                region_name=self._address.region,
                endpoint_url=self._address.endpoint,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                config=config,
            )
            made = await self._stack.enter_async_context(client)
            # The library would send a token with each transaction, another on each try.
            made.meta.events.unregister("before-parameter-build", generate_idempotent_uuid)
            self._clients[service] = made

    async def close(self) -> None:
        """The sockets go."""
        self._clients.clear()
        await self._stack.aclose()

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return bool(self._clients)

    async def once(self, verb: str, service: str = TABLE, /, **wishes: object) -> Answer:
        """One call and no second; what it raises is botocore's, for `failure_of`."""
        assert self._clients, "the store is not open"
        answer: Answer = await getattr(self._clients[service], verb)(**wishes)
        return answer

    async def ask(self, verb: str, service: str = TABLE, /, **wishes: object) -> Answer:
        """A call that may be made again whatever became of it: a read.

        `Busy` when no answer was to be had: nothing was done by asking. `Refused`.
        """
        last: BotoCoreError | ClientError | None = None
        async for _ in self.backoff.tries():
            try:
                return await self.once(verb, service, **wishes)
            except (BotoCoreError, ClientError) as error:
                if failure_of(error) is Failure.NEVER:
                    raise Refused(verb, error) from error
                last = error
        raise busy(last)


@functools.cache
def _session() -> AioSession:
    """One a process: it reads the descriptions of the services, which is slow."""
    return get_session()


def busy(last: BotoCoreError | ClientError | None) -> Busy:
    """Of a call that was made often enough and did nothing."""
    said = Busy("The database has no room, or is out of reach, at the moment.", retryAfter=1)
    said.__cause__ = last
    return said
