"""/healthz and /readyz: whether the process lives, and whether it can work."""

from __future__ import annotations

from typing import Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency

from payseal.core.errors import Unavailable, crash_facts
from payseal.core.ids import value_id
from payseal.core.keyring import Purpose
from payseal.core.store import Checkpoint
from payseal.web.parts import Parts
from payseal.web.problem import log


class NotReady(Unavailable):
    """A part that is needed does not answer."""

    code, title = "not_ready", "The service is not ready."


class Health(msgspec.Struct, frozen=True):
    """All is well."""

    status: Literal["ok"] = "ok"


@get("/healthz")
async def healthz() -> Health:
    """Tell whether the process answers."""
    return Health()


@get("/readyz")
async def readyz(parts: NamedDependency[Parts]) -> Health:
    """Tell whether the stores answer and there is a key to sign with."""
    nothing = value_id(Checkpoint.prefix, "ready?")
    try:
        for store in (parts.accounts, parts.payments):
            await store.get(Checkpoint, nothing)
        parts.keys().signer(Purpose.LINK, parts.now())
    except Exception as error:
        log.warning("not ready", **crash_facts(error))
        raise NotReady("A store or the signing keys cannot be reached.", retryAfter=5) from error
    return Health()
