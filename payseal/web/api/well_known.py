"""/.well-known/jwks.json: the public keys, with which anyone can check that a link is ours."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from payseal.web.parts import Parts

CACHED_S = 300  # a key is published ten minutes before it signs


@get("/.well-known/jwks.json")
async def jwks(parts: NamedDependency[Parts]) -> Response[dict[str, Any]]:
    """Show the public keys (RFC 7517)."""
    headers = {"Cache-Control": f"public, max-age={CACHED_S}"}
    keys = parts.keys().jwks(parts.now())
    return Response(keys, media_type="application/jwk-set+json", headers=headers)
