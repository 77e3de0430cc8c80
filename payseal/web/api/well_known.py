"""/.well-known/jwks.json: the public keys, with which anyone can check that a link is ours."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.di import NamedDependency

from payseal.web.answer import Answer, raw
from payseal.web.parts import Parts

CACHED_S = 300  # a key is published ten minutes before it signs
HEADERS = raw(
    {
        "Content-Type": "application/jwk-set+json",
        "Cache-Control": f"public, max-age={CACHED_S}",
    }
)


@get("/.well-known/jwks.json")
async def jwks(parts: NamedDependency[Parts]) -> Answer:
    """Show the public keys (RFC 7517)."""
    keys = msgspec.json.encode(parts.keys().jwks(parts.now()))
    return Answer(200, HEADERS, keys)
